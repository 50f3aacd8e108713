# SPDX-License-Identifier: Apache-2.0
keystay_fuzz_target(bundle fuzz_bundle.c LINK ks_enrol)
keystay_fuzz_target(enrol_json fuzz_enrol_json.c LINK ks_enrol)
