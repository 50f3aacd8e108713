# SPDX-License-Identifier: Apache-2.0
keystay_fuzz_target(bundle fuzz_bundle.c LINK ks_enrol)
