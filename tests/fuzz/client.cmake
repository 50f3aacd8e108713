# SPDX-License-Identifier: Apache-2.0
keystay_fuzz_target(pem fuzz_pem.c LINK ks_provider)
keystay_fuzz_target(client_reply fuzz_client_reply.c LINK ks_client)
