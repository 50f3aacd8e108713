#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Fault E1: a card that is taken out in the middle of a signature. OpenSC 0.23 hangs for ever then, with its lock held, so
# its process has to go: that costs this one signature and at most two seconds, told plainly, and no PIN try. Also when
# the card had signed already and only its answer got lost.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
rig_begin
card_alice
server_start_nginx nginx
run fetch "$port" "$T/alice-9a.pem"
expect_status 0 "alice signs"

is_listed() {
	keystay list 2>/dev/null | grep -q alice-9a
}

# lost SENTENCE: the curl of $job fails in time, with words; then the card comes again and signs after one PIN.
lost() {
	local since_ms=$1 sentence=$2 code=0 verifies begin_ms
	wait $job || code=$?
	took_ms=$(($(clock_ms) - since_ms))
	[ $code -ne 0 ] || fail "$sentence: a client got a signature"
	grep -q "keystay.*taken out" "$T/job.err" || fail "$sentence: it was told: $(cat "$T/job.err")"
	[ $took_ms -le 2000 ] || fail "$sentence: it took $took_ms ms to say so"
	ok "$sentence: its client is told that the card was taken out"
	say "figure: $sentence: the client was answered after $took_ms ms"
	card_wait absent
	card_insert
	begin_ms=$(clock_ms)
	wait_until "the card to be listed again" is_listed
	verifies=$(card_verifies)
	unlock alice >/dev/null
	run fetch "$port" "$T/alice-9a.pem"
	expect_status 0 "$sentence: plugged in again it signs"
	say "figure: $sentence: plugged in again it signed after $(($(clock_ms) - begin_ms)) ms"
	expect_equal $(($(card_verifies) - verifies)) 1 "$sentence: after one PIN"
	expect_equal "$(card_tries)" 3 "$sentence: no try was lost"
}

for turn in 1 2 3; do
	card_ctl hang-next
	fetch "$port" "$T/alice-9a.pem" >"$T/job.out" 2>"$T/job.err" &
	job=$!
	card_wait hanging true
	since_ms=$(clock_ms)
	card_ctl remove
	lost "$since_ms" "taken out while it computes ($turn)"
done

for turn in 1 2 3; do
	before=$(card_signatures)
	card_ctl drop-next
	fetch "$port" "$T/alice-9a.pem" >"$T/job.out" 2>"$T/job.err" &
	job=$!
	card_wait signatures $((before + 1))
	lost "$(clock_ms)" "gone with its answer ($turn)"
done
say "figure: processes of the module that were killed and started again: $(status_of 'modules["opensc"]["restarts"]')"
