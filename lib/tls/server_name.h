/* SPDX-License-Identifier: Apache-2.0 */
/*
 * server_name: the name of the server that a client asks for, as a proof takes it (RFC 6066 section 3).
 */
#pragma once

#include "lib/base/error.h"
#include "lib/tls/extensions.h"
#include "lib/tls/signable.h"

/* The server_name of a ClientHello: a DNS name, in lower case, without a dot at its end. RULE_UNPROVABLE when there is
 * none, or when it is something else: an address, other characters than letters, digits, '-' and '_', a label or a name
 * that is too long. */
int ks_server_name_read(const struct ks_extensions *client_hello, char ret_name[256],
			struct ks_signable_refusal *ret_refusal) KS_WARN_UNUSED;
