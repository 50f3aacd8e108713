# SPDX-License-Identifier: Apache-2.0
# What is known: configuration, inventory, identities, chains, policy.
keystay_unit_test(test_agent_settings test_settings.c LINK ks_agent_data)
keystay_unit_test(test_agent_settings_mistakes test_settings_mistakes.c LINK ks_agent_data)
keystay_unit_test(test_agent_settings_enforce test_settings_enforce.c LINK ks_agent_data)
keystay_unit_test(test_agent_settings_files test_settings_files.c folder.c LINK ks_agent_data)
keystay_unit_test(test_agent_settings_print test_settings_print.c folder.c LINK ks_agent_data PkgConfig::JANSSON)
keystay_unit_test(test_agent_settings_profile test_settings_profile.c folder.c LINK ks_agent_data)
keystay_unit_test(test_agent_tries test_tries.c folder.c LINK ks_agent_data)
keystay_unit_test(test_agent_pin_file test_pin_file.c folder.c LINK ks_agent_data)
keystay_unit_test(test_agent_inventory test_inventory.c reports.c certificates.c LINK ks_agent_data)
keystay_unit_test(test_agent_overlay test_overlay.c folder.c certificates.c LINK ks_agent_data)
keystay_unit_test(test_agent_chain test_chain.c certificates.c LINK ks_agent_data)
target_link_options(test_agent_chain PRIVATE -Wl,--wrap=ks_certificate_issued_by) # counts signature checks
keystay_unit_test(test_agent_keyring test_keyring.c ring.c reports.c certificates.c LINK ks_agent_data)
keystay_unit_test(test_agent_names test_names.c ring.c reports.c certificates.c LINK ks_agent_data)
keystay_unit_test(test_agent_policy test_policy.c LINK ks_agent_data)
target_compile_definitions(test_agent_settings PRIVATE EXAMPLE="${PROJECT_SOURCE_DIR}/docs/keystay.conf.example")
