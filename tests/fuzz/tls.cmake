# SPDX-License-Identifier: Apache-2.0
keystay_fuzz_target(certificate_verify13 fuzz_certificate_verify13.c LINK ks_tls)
keystay_fuzz_target(transcript12 fuzz_transcript12.c LINK ks_tls)
keystay_fuzz_target(certificate fuzz_certificate.c LINK ks_tls)
keystay_fuzz_target(transcript13 fuzz_transcript13.c LINK ks_tls)
keystay_fuzz_target(server_claim fuzz_server_claim.c LINK ks_tls)
keystay_fuzz_target(server_proof fuzz_server_proof.c LINK ks_tls)
keystay_fuzz_target(request10 fuzz_request10.c LINK ks_tls)
keystay_fuzz_target(csr fuzz_csr.c LINK ks_client ks_tls)
