# SPDX-License-Identifier: Apache-2.0
# What is done with what is known: channel, unlock, listener, sessions.
keystay_unit_test(test_agent_channel test_channel.c LINK ks_agent)
keystay_unit_test(test_agent_unlock test_unlock.c LINK ks_agent)
keystay_unit_test(test_agent_listener test_listener.c LINK ks_agent)
keystay_unit_test(test_agent_devices test_devices.c LINK ks_agent_desktop PkgConfig::UMOCKDEV)
set_tests_properties(unit/test_agent_devices PROPERTIES SKIP_RETURN_CODE 77
	ENVIRONMENT "LD_PRELOAD=libumockdev-preload.so.0;ASAN_OPTIONS=verify_asan_link_order=0")
keystay_unit_test(test_agent_desktop test_desktop.c system_bus.c LINK ks_agent_desktop)
target_compile_definitions(test_agent_desktop PRIVATE FAKE_LOGIND="$<TARGET_FILE:fake-logind>")
add_dependencies(test_agent_desktop fake-logind)
set_tests_properties(unit/test_agent_desktop PROPERTIES SKIP_RETURN_CODE 77)
keystay_unit_test(test_agent_notify test_notify.c system_bus.c LINK ks_agent)
target_compile_definitions(test_agent_notify PRIVATE FAKE_NOTIFICATIONS="$<TARGET_FILE:fake-notifications>"
	FAKE_LOGIND="$<TARGET_FILE:fake-logind>") # system_bus.c can start it as well
add_dependencies(test_agent_notify fake-notifications)
set_tests_properties(unit/test_agent_notify PROPERTIES SKIP_RETURN_CODE 77)
keystay_unit_test(test_agent_percent test_percent.c LINK ks_helpers)
keystay_unit_test(test_agent_pinentry test_pinentry.c pinentry_folder.c LINK ks_helpers)
keystay_unit_test(test_agent_prompt test_prompt.c pinentry_folder.c LINK ks_agent)
keystay_unit_test(test_agent_asking_words test_asking_words.c LINK ks_agent)
keystay_unit_test(test_agent_consent_words test_consent_words.c LINK ks_agent ks_helpers)
keystay_unit_test(test_agent_consent test_consent.c consent_rig.c pinentry_folder.c LINK ks_agent)
target_link_options(test_agent_consent PRIVATE -Wl,--wrap=ks_clock_monotonic_ms) # the test moves the clock
foreach(test test_agent_pinentry test_agent_prompt test_agent_consent)
	target_compile_definitions(${test} PRIVATE FAKE_PINENTRY="${PROJECT_SOURCE_DIR}/tests/fakes/fake_pinentry"
		KEYSTAY_PROMPT="$<TARGET_FILE:keystay-prompt>")
	target_link_libraries(${test} PRIVATE util) # openpty(3)
	add_dependencies(${test} keystay-prompt)
endforeach()
# A worker and its process, for which puppet_main.c stands in.
add_executable(puppet-worker puppet_main.c)
set_target_properties(puppet-worker PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests/unit)
foreach(test worker worker_calls worker_work)
	keystay_unit_test(test_agent_${test} test_${test}.c puppet.c LINK ks_agent)
	target_compile_definitions(test_agent_${test} PRIVATE PUPPET="$<TARGET_FILE:puppet-worker>")
	add_dependencies(test_agent_${test} puppet-worker)
endforeach()
# Proofs, by the real keystay-prove and by one that misbehaves.
add_executable(prove-puppet prove_puppet.c)
target_link_libraries(prove-puppet PRIVATE keystay_flags ks_prove)
set_target_properties(prove-puppet PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests/unit)
keystay_unit_test(test_agent_prove test_prove.c LINK ks_agent test_server_ca)
keystay_unit_test(test_agent_proof_memory test_proof_memory.c ../tls/proof_scene.c LINK ks_agent test_server_ca)
target_compile_definitions(test_agent_prove PRIVATE PROVE_PUPPET="$<TARGET_FILE:prove-puppet>"
	KEYSTAY_PROVE="$<TARGET_FILE:keystay-prove>")
add_dependencies(test_agent_prove prove-puppet keystay-prove)
# The audit log: who waits for it, and who writes it.
keystay_unit_test(test_agent_audit test_audit.c folder.c LINK ks_agent)
target_compile_definitions(test_agent_audit PRIVATE KEYSTAY_AUDIT="$<TARGET_FILE:keystay-audit>")
add_dependencies(test_agent_audit keystay-audit)
keystay_unit_test(test_audit_log test_audit_log.c folder.c LINK ks_audit)
target_link_options(test_audit_log PRIVATE -Wl,--wrap=sd_journal_sendv)
