# SPDX-License-Identifier: Apache-2.0
# What is done with what is known: channel, unlock, listener, sessions.
keystay_unit_test(test_agent_channel test_channel.c LINK ks_agent)
keystay_unit_test(test_agent_unlock test_unlock.c LINK ks_agent)
keystay_unit_test(test_agent_listener test_listener.c LINK ks_agent)
