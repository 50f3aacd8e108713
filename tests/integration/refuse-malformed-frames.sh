#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Malformed, truncated, oversized, slow and pipelined frames on both sockets: each gets the error of docs/protocol.md
# or a closed connection, within its deadline, and the agent goes on signing with no more memory and descriptors.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
rig_begin
rig_alice p256
# KiB that the agent may have grown by in the end. A sanitizer keeps what was freed for a while.
growth=8192
[ -z "$RIG_SANITIZER" ] || growth=262144
run "$PYTHON" "$RIG_FOLDER/malformed_frames.py" "$agent_pid" $growth
cat "$T/out" "$T/err"
expect_status 0 "the agent bore every malformed frame"
server_start_nginx nginx
run fetch "$port" "$T/alice.pem"
expect_status 0 "curl still gets its page"
