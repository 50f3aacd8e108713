# SPDX-License-Identifier: Apache-2.0
if(TARGET ks_pkcs11)
	keystay_fuzz_target(module fuzz_module.c LINK ks_pkcs11)
	keystay_fuzz_target(opensc_conf fuzz_opensc_conf.c LINK ks_pkcs11)
endif()
