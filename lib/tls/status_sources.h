/* SPDX-License-Identifier: Apache-2.0 */
/*
 * status_sources: where a certificate says that its revocation can be asked for: OCSP responders
 * (authorityInfoAccess, RFC 5280 section 4.2.2.1) and lists (cRLDistributionPoints, section 4.2.1.13), by http alone:
 * https would need a status of its own (RFC 5280 section 8), ldap is of another age.
 *
 * Runs in: keystay-agent (are there any?), keystay-enroll (asks them).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "lib/protocol/limits.h"
#include "lib/tls/certificate.h"

/* Texts are owned: "http://…", printable ASCII without a space. */
struct ks_status_sources {
	char *responders[KS_STATUS_SOURCES_MAX];
	size_t n_responders;
	char *lists[KS_STATUS_SOURCES_MAX];
	size_t n_lists;
	bool any_other; /* it names others, which are of no use here */
};

int ks_status_sources_read(const struct ks_certificate *certificate, struct ks_status_sources *ret_sources)
	KS_WARN_UNUSED;
void ks_status_sources_deinit(struct ks_status_sources *sources);
