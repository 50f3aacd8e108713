/* SPDX-License-Identifier: Apache-2.0 */
/*
 * certificate_list: the certificates of one Certificate message, in the order in which they were sent.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/bytes.h"
#include "lib/protocol/limits.h"

struct ks_certificate_list {
	size_t n; /* how many were sent; may be more than items has, whose rest is then not kept */
	struct ks_bytes items[KS_PROOF_CERTIFICATES_MAX]; /* the leaf first, DER; borrowed */
};

void ks_certificate_list_add(struct ks_certificate_list *list, struct ks_bytes certificate);

/* The leaf's DER, or none when nothing was sent. */
struct ks_bytes ks_certificate_list_leaf(const struct ks_certificate_list *list);

/* Certificates and the names of CAs are one DER SEQUENCE each, and nothing beside it. */
bool ks_certificate_list_is_sequence(struct ks_bytes der);
