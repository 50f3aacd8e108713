# SPDX-License-Identifier: Apache-2.0
keystay_fuzz_target(x509 fuzz_x509.c LINK ks_module)
