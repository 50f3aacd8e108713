# SPDX-License-Identifier: Apache-2.0
keystay_fuzz_target(frame fuzz_frame.c LINK ks_protocol)
keystay_fuzz_target(message fuzz_message.c LINK ks_protocol)
keystay_fuzz_target(spki fuzz_spki.c LINK ks_protocol)
keystay_fuzz_target(reference fuzz_reference.c LINK ks_protocol)
keystay_fuzz_target(uri fuzz_uri.c LINK ks_protocol)
