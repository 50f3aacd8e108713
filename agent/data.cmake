# SPDX-License-Identifier: Apache-2.0
# ks_agent_data: what the agent knows (configuration, tokens, identities, rules), without an event loop. From the top:
# each file uses those below it.
keystay_room(ks_agent_data
	policy.c rate.c no_pss.c
	standing.c doubts.c
	keyring.c keyring_build.c keyring_revoked.c keyring_items.c keyring_names.c names.c
	chain.c
	overlay.c
	inventory.c
	expiry_file.c
	tries_file.c tries.c pin_file.c anchor_file.c
	settings_warn.c settings_files.c settings_print.c settings.c
	settings_merge.c settings_check.c settings_profile.c settings_enforce.c settings_typed.c settings_socket.c settings_rules.c
	settings_enrol.c
	rules.c settings_table.c settings_variables.c
	LINK ks_tls)
# Where Debian and its kin have libraries of this kind of machine; empty elsewhere.
set_source_files_properties(settings_profile.c PROPERTIES
	COMPILE_DEFINITIONS "KEYSTAY_MULTIARCH=\"${CMAKE_LIBRARY_ARCHITECTURE}\"")
