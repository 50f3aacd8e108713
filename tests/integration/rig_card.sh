# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034 # names are for the stories
#
# rig_card: a PC/SC world of the story's own: pcscd, a reader with two slots, virtual PIV cards. Part of lib.sh.
#
# pcscd and the cards run in private mount and network namespaces: vpcd's ports are fixed, so each story has a network
# of its own, and pcscd sees neither the host's /run nor its readers (a developer's own card is never touched). The
# socket of that pcscd is in $T and reached from outside, so the agent, curl and nginx run as in any other story.
# tests/card/README.md has the words of the card itself.
#
# Must never: touch the host's pcscd, its socket or its readers.

CARD_FOLDER=$SOURCE_FOLDER/tests/card
CARD_PORT=35963
OPENSC=$(compgen -G '/usr/lib/*/opensc-pkcs11.so' | head -n 1 || true)

# The last process of process_start_until.
started=${started:-}
# The slot that the words below speak of; on_reader changes it for one of them.
card_reader=0
card_room_pid=''
pcscd_pid=''

# card_begin [SLOTS]: pcscd and SLOTS (1 or 2; usually 1) hands that hold cards; the slots are empty. Skips the story
# where that cannot be had.
card_begin() {
	local driver slot
	driver=$(compgen -G '/usr/lib/pcsc/drivers/serial/libifdvpcd.so' || true)
	[ -n "$driver" ] || skip "there is no virtual reader (package vsmartcard-vpcd)"
	[ -n "$OPENSC" ] || skip "there is no OpenSC module (package opensc-pkcs11)"
	command -v pcscd >/dev/null || skip "there is no pcscd"
	"$PYTHON" -c 'import cryptography' 2>/dev/null || skip "there is no python3-cryptography"
	[[ $T != /run/* ]] || skip "TMPDIR is below /run, which pcscd gets another of"
	mkdir -p "$T/pcscd" "$T/cards"
	cp -L "$driver" "$T/vpcd.so"
	printf '%s\n' 'FRIENDLYNAME "Virtual PCD"' 'DEVICENAME /dev/null' 'LIBPATH /usr/lib/pcsc/drivers/vpcd.so' \
		"CHANNELID $CARD_PORT" >"$T/reader.conf"
	export PCSCLITE_CSOCK_NAME=$T/pcscd/pcscd.comm
	card_room_start
	pcscd_start
	for ((slot = 0; slot < ${1:-1}; slot++)); do
		card_hand_start $slot
	done
}

# card_room_start: the namespaces, kept by a process that does nothing; no driver but vpcd's in them, and a /run that
# has pcscd's folder alone. Who is not root becomes root inside of them.
card_room_start() {
	local as_root=() inside
	# shellcheck disable=SC2016 # for the shell in there
	inside='ip link set lo up &&
		mount -t tmpfs none /usr/lib/pcsc/drivers && cp "$1/vpcd.so" /usr/lib/pcsc/drivers/ &&
		mount -t tmpfs none /run && mkdir /run/pcscd && mount --bind "$1/pcscd" /run/pcscd &&
		echo ready && exec sleep infinity'
	card_enter=(nsenter --mount --net)
	if [ "$(id -u)" -ne 0 ]; then
		as_root=(--user --map-root-user)
		card_enter=(nsenter --user --preserve-credentials --mount --net)
	fi
	process_start_until card-room '^ready$' unshare "${as_root[@]}" --mount --net sh -c "$inside" sh "$T" ||
		skip "no private mount and network namespaces here: $(tail -n 1 "$T/card-room.log")"
	card_room_pid=$started
	card_enter+=(--target "$card_room_pid" --)
}

# pcscd_start, pcscd_stop [SIGNAL]: a card that is in the reader stays there and is found again. `pcscd_start
# no-reader`: one that has no reader any more, as after it was unplugged.
pcscd_start() {
	local readers=$T/reader.conf
	if [ "${1:-}" = no-reader ]; then
		readers=$T/no-reader.conf
		: >"$readers"
	fi
	process_start_until pcscd 'daemon ready' "${card_enter[@]}" pcscd --foreground --info --config "$readers" ||
		fail "pcscd did not start: $(tail -n 3 "$T/pcscd.log")"
	pcscd_pid=$started
}

pcscd_stop() {
	process_stop "$pcscd_pid" "${1:-TERM}"
}

# card_hand_start SLOT: what inserts cards there.
card_hand_start() {
	process_start_until "card-hand-$1" '^ready$' "${card_enter[@]}" "$PYTHON" "$CARD_FOLDER/virtual_card.py" \
		--port $((CARD_PORT + $1)) --control "$T/card$1.ctl" --log "$T/card$1.log" ||
		fail "the virtual card did not start: $(tail -n 3 "$T/card-hand-$1.log")"
}

# on_reader SLOT WORD...: any of the words below in another slot.
on_reader() {
	local card_reader=$1
	shift
	"$@"
}

# card_make NAME [SLOT=TYPE...] [pin=PIN] [tries=N] [like=NAME]: a card with PIN $PIN and three tries, outside of any
# reader. SLOT: 9a 9c 9d 9e; TYPE: p256 p384 rsa2048 rsa3072; without any, 9a=p256. The CA (ca_make) issues the
# certificates for CN=NAME, and OU=SLOT where it is not 9a; OpenSC calls the token NAME for it, and keystay the keys
# NAME-SLOT. like: the same serial number and names as that card, other keys. Files: $T/cards/NAME/SLOT.{key,pub,pem}.
card_make() {
	local name=$1 folder=$T/cards/$1 cn=$1 slot word unit options=(--pin "$PIN") slots=()
	shift
	mkdir -p "$folder"
	for word in "$@"; do
		case $word in
		9[acde]=*) slots+=("$word") ;;
		pin=* | tries=*) options+=("--${word%%=*}" "${word#*=}") ;;
		like=*)
			cn=${word#like=}
			options+=(--serial-of "$T/cards/$cn")
			;;
		*) fail "card_make: what is $word?" ;;
		esac
	done
	[ ${#slots[@]} -gt 0 ] || slots=(9a=p256)
	for word in "${slots[@]}"; do
		slot=${word%%=*}
		unit=/OU=$slot
		[ "$slot" != 9a ] || unit=''
		key_make_file "${word#*=}" "$folder/$slot.key"
		openssl pkey -in "$folder/$slot.key" -pubout -out "$folder/$slot.pub"
		certificate_issue intermediate client "$folder/$slot.pub" "/O=Example$unit/CN=$cn" "$folder/$slot.pem"
	done
	"$PYTHON" "$CARD_FOLDER/make_card.py" "$folder" "${options[@]}" || fail "no card $name could be made"
}

# card_ctl WORD...: to the card itself, see tests/card/README.md; its answer on standard output.
card_ctl() {
	"$PYTHON" -IS "$CARD_FOLDER/control.py" "$T/card$card_reader.ctl" "$@" ||
		fail "the virtual card in slot $card_reader refused: $*"
}

# card_insert [NAME]: into the empty slot; returns when every PC/SC program can see it. Without NAME: the last one.
card_insert() {
	card_ctl insert ${1:+"$T/cards/$1"}
	card_wait present
}

# card_remove: returns when every PC/SC program can see that it is gone (card_ctl remove: at once, while pcscd still
# thinks that it is there, which is when OpenSC hangs).
card_remove() {
	card_ctl remove
	card_wait absent
}

# card_swap NAME: another card into this slot.
card_swap() {
	card_remove
	card_insert "$1"
}

# card_wait present|absent: for pcscd to say so. card_wait FIELD VALUE: for a field of `card_ctl status` to become so, a
# number to become at least so much: card_wait hanging true, card_wait signatures 3.
card_wait() {
	if [ $# -eq 1 ]; then
		"$PYTHON" "$CARD_FOLDER/pcsc_wait.py" "$1" "$card_reader" || fail "the reader did not say $1"
	else
		card_ctl wait "$1" "$2"
	fi
}

# card_tries: how many wrong PINs the card in this slot would still bear.
card_tries() {
	card_ctl status tries
}

# card_verifies: how many PINs this card was given in its life, good, wrong or malformed.
card_verifies() {
	card_ctl status verifies
}

# card_signatures: how many it has made since the story began.
card_signatures() {
	card_ctl status signatures
}

# card_rewrite SLOT PEM-FILE: another program, which has the card management key, stores another certificate. piv-tool's
# exit code says nothing (it is the number of bytes), so what counts is what the card has afterwards.
card_rewrite() {
	local object
	printf '00:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F\n' >"$T/management.key"
	openssl x509 -in "$2" -outform DER -out "$T/rewrite.der"
	PIV_EXT_AUTH_KEY=$T/management.key piv-tool --reader "$card_reader" --admin M:9B:08 --cert "${1^^}" --in "$2" \
		>"$T/piv-tool.out" 2>&1 || true
	object=$(card_ctl certificate-file "$1")
	tail -c +5 "$object" | head -c "$(stat -c %s "$T/rewrite.der")" | cmp -s - "$T/rewrite.der" ||
		fail "piv-tool could not rewrite $1: $(cat "$T/piv-tool.out")"
}

# card_configure [LINE...]: $T/keystay.conf with the OpenSC module and these lines.
card_configure() {
	printf '%s\n' '[module "opensc"]' "path = $OPENSC" "$@" >"$T/keystay.conf"
}

# card_alice [SLOT=TYPE...]: what most stories with a card begin with, after rig_begin: a CA, the card "alice" in slot
# 0, an agent that has unlocked it, the certificate chain of each key in $T/alice-SLOT.pem.
card_alice() {
	local word
	ca_make
	card_begin
	card_make alice "$@"
	card_insert alice
	card_configure
	agent_start
	unlock alice >/dev/null
	for word in "${@:-9a=p256}"; do
		keystay cert "alice-${word%%=*}" -o "$T/alice-${word%%=*}.pem"
	done
}

# opensc OPTION...: pkcs11-tool with OpenSC, as any other program would use the card in this slot.
opensc() {
	pkcs11-tool --module "$OPENSC" --slot-index "$card_reader" "$@"
}

# clock_ms: for measuring.
clock_ms() {
	echo $((${EPOCHREALTIME/./} / 1000))
}

# other_program WORD [ARGUMENT...]: another program at the card in this slot, see tests/card/other_program.py.
other_program() {
	local word=$1
	shift
	"$PYTHON" "$CARD_FOLDER/other_program.py" "$word" "$card_reader" "$@"
}

# other_program_signs: does a program that knows no PIN get a signature of slot 9A (P-256) right now? What a thief on
# this machine would try; it selects nothing, as the application is selected already.
other_program_signs() {
	[ "$(other_program apdu "0087119a267c2482008120$(printf '5a%.0s' {1..32})00" 2>&1)" = 9000 ]
}
