#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# What keystay-token tells the agent of cards, readers and pcscd, seen on its channel with OpenSC in it: a card that
# comes, goes, or goes while the module hangs; a program that takes it for itself; pcscd that ends and starts; and nothing
# at all, without waking up, when nothing happens.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

# worker_start: keystay-token with OpenSC; what it says is read line by line.
worker_start() {
	rm -f "$T/control" "$T/said"
	mkfifo "$T/control" "$T/said"
	"$PYTHON" "$RIG_FOLDER/worker_watch.py" "$T/control" "$BUILD/bin/keystay-token" --module opensc --path "$OPENSC" \
		</dev/null >"$T/said" 2>>"$T/worker.log" &
	watch_pid=$!
	process_started "$watch_pid"
	exec {said}<"$T/said"
	await_said 'worker *'
	worker_pid=${line#worker }
}

# worker_end: the agent closes its channel.
worker_end() {
	echo quit >"$T/control"
	await_said 'ended 0'
	exec {said}<&-
	wait "$watch_pid"
}

# await_said PATTERN: the next line of what it says that fits; those before it were read and are in $skipped.
await_said() {
	skipped=''
	while IFS= read -r -t "$DEADLINE_S" -u "$said" line; do
		# shellcheck disable=SC2053 # a pattern
		[[ $line != $1 ]] || return 0
		skipped+="$line; "
	done
	fail "the worker did not say \"$1\", but: $skipped"
}

# look: asks for what has come, and waits for the end of the answer.
look() {
	echo look >"$T/control"
	await_said 'inventory some *'
}

log_says() {
	grep -qF -- "$1" "$T/worker.log"
}

rig_begin
ca_make
card_begin
card_make alice
card_make bob

worker_start
await_said 'inventory all *'
expect_equal "$line" 'inventory all readers' "with PC/SC in the process it is PC/SC that tells of cards"

card_insert alice
await_said changed
ok "a card that comes is told"
look
expect_equal "$skipped" 'token 1 alice; key 1 PIV AUTH pubkey; ' "and read when the agent asks what has come"
before=$(card_ctl status apdus)
look
expect_equal "$skipped" '' "a card that stays is not told again"
[ $(($(card_ctl status apdus) - before)) -le 4 ] || fail "a card that stays is read again"
ok "and none of its files is read"

# An idle worker sleeps. What wakes up once a minute is libpcsclite itself, which asks pcscd whether it is still there:
# two messages each time.
timeout --signal=INT 5 strace -f -o "$T/strace" -p "$worker_pid" >"$T/strace.out" 2>&1 || true
if grep -q attached "$T/strace.out"; then
	calls=$(grep -vcE 'resuming interrupted|detached' "$T/strace" || true)
	[ "$calls" -le 16 ] || fail "an idle worker made $calls system calls in 5 seconds: $(cat "$T/strace")"
	ok "an idle worker does not wake up"
else
	skip_part "whether an idle worker wakes up: $(tail -n 1 "$T/strace.out")"
fi

card_remove
await_said 'gone *'
expect_equal "$line" 'gone 1' "a card that goes is told with its number"
card_insert alice
await_said changed
look
expect_equal "$skipped" 'token 1 alice; key 1 PIV AUTH pubkey; ' "back again it has the number that it had"
card_swap bob
await_said 'gone 1'
await_said changed
look
expect_equal "$skipped" 'token 2 bob; key 2 PIV AUTH pubkey; ' "another card has another number"

# The module hangs in the middle of a command: only the watcher beside it can still tell.
card_ctl hang-next 0 any
echo rescan >"$T/control"
card_wait hanging true
card_ctl remove
await_said 'gone *'
[ "$line" = 'gone 2' ] || [ "$line" = 'gone 0' ] || fail "the hanging worker said: $line"
ok "a card that goes while the module hangs is told as well"
kill -KILL "$worker_pid"
await_said 'ended *'
exec {said}<&-
wait "$watch_pid"

# Another program has it for itself: OpenSC sees no card at all.
card_insert alice
process_start_until taker '^taken$' "$PYTHON" "$CARD_FOLDER/take_card.py" 0 || fail "the card could not be taken"
worker_start
await_said 'inventory all readers'
expect_equal "$skipped" '' "a card that another program has taken is not to be seen"
wait_until "the worker says why" log_says 'cannot be looked at; another program uses the card exclusively'
# Beside others that use smart cards on this machine, whichever these are.
grep -q "perhaps one of these: .*(process $started).*; close it, then try again" "$T/worker.log" ||
	fail "the log does not name process $started"
ok "and the log says why, and by which process"
process_stop "$started"
look
expect_equal "${skipped//changed; /}" 'token 1 alice; key 1 PIV AUTH pubkey; ' "when it is free it is found"

# pcscd ends: the module's own connection to it is dead for ever.
pcscd_stop
await_said renew
ok "pcscd that ends is told"
kill -KILL "$worker_pid"
await_said 'ended *'
exec {said}<&-
wait "$watch_pid"

# And a worker that was started without it hears of its start.
worker_start
await_said 'inventory all readers'
expect_equal "$skipped" '' "without pcscd there is no token"
pcscd_start
await_said renew
ok "pcscd that starts is told"
worker_end

# Also where not even the folder of its socket was there.
pcscd_stop
here=$PCSCLITE_CSOCK_NAME
export PCSCLITE_CSOCK_NAME=$T/later/pcscd/pcscd.comm
worker_start
await_said 'inventory all readers'
pcscd_start
mkdir "$T/later"
ln -s "${here%/*}" "$T/later/pcscd"
await_said renew
ok "and pcscd whose folder was made later"
worker_end
