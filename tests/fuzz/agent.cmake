# SPDX-License-Identifier: Apache-2.0
# What the agent reads beside the wire: its configuration, its counts of PINs, and what workers say of their tokens.
keystay_fuzz_target(settings fuzz_settings.c LINK ks_agent_data)
keystay_fuzz_target(tries fuzz_tries.c LINK ks_agent_data)
keystay_fuzz_target(inventory fuzz_inventory.c LINK ks_agent_data)
keystay_fuzz_target(percent fuzz_percent.c LINK ks_helpers)
