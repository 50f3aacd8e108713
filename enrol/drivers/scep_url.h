/* SPDX-License-Identifier: Apache-2.0 */
/* scep_url: the addresses of SCEP's operations (RFC 8894 section 4.1). Runs in: keystay-enroll. */
#pragma once

#include "lib/base/bytes.h"

/* base?operation=OPERATION[&message=MESSAGE], where base may have a query already. Given; NULL when memory runs out. */
char *ks_scep_url(const char *base, const char *operation, struct ks_bytes message);
/* PKIOperation by GET: message in base64. */
char *ks_scep_url_of_message(const char *base, struct ks_bytes message);
