#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Python's ssl module, with threads that share one context, and with children that were forked after the key was
# loaded: keystay.so keeps no connection and no state that a fork or a thread could spoil.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
rig_begin
rig_alice p256
server_start_nginx nginx
run client "$PYTHON" "$RIG_FOLDER/python_client.py" threads-and-forks "$port" "$T/ca/root.pem" "$T/alice.pem"
expect_status 0 "Python's handshakes"
expect_out "160 handshakes in 8 threads" "threads with one context"
expect_out "80 handshakes in 8 forked children" "children forked after loading"
expect_out "80 handshakes in 8 threads of a forked child" "threads of a forked child"
expect_out "the parent still works" "the parent afterwards"
