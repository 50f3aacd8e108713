# SPDX-License-Identifier: Apache-2.0
keystay_fuzz_target(der fuzz_der.c LINK ks_base)
keystay_fuzz_target(ini fuzz_ini.c LINK ks_base)
