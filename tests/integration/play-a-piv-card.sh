#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# The virtual PIV card (tests/card) itself, without keystay: what OpenSC's own tools see of it, what it counts, and each
# thing that it does wrong on demand. A rig that is wrong makes every story with a card worthless.
#
# usage: play-a-piv-card.sh               the test
#        play-a-piv-card.sh other FIFO    a rig beside it, until somebody opens the FIFO

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

SELECT=00:A4:04:00:05:A0:00:00:03:08
GET_CHUID=00:CB:3F:FF:05:5C:03:5F:C1:02:00
ASK_TRIES=00:20:00:80
WRONG=271828

# --- a rig beside the other one --------------------------------------------------------------------------------------

rig_begin
ca_make
card_begin 2
if [ "${1:-}" = other ]; then
	card_make bob
	card_insert bob
	opensc --login --pin $WRONG --list-objects >"$T/out" 2>&1 && fail "a wrong PIN opened the card"
	say "bob is in the reader"
	read -r -t "$DEADLINE_S" <"$2" || true
	opensc --list-slots >"$T/out"
	expect_out "bob" "the other rig sees its own card"
	expect_equal "$(card_tries) tries, $(card_verifies) PINs" "2 tries, 1 PINs" "and nobody else gave it a PIN"
	exit 0
fi

# --- words -----------------------------------------------------------------------------------------------------------

# hex TEXT: for an APDU.
hex() {
	printf '%s' "$1" | od -An -v -tx1 | tr -d '\n' | sed 's/^ //; s/ /:/g'
}

# apdus COMMAND...: the status words of these commands to a card that is freshly selected, "9000 63C2" and so on.
apdus() {
	local each options=(-s "$SELECT")
	for each in "$@"; do
		options+=(-s "$each")
	done
	opensc-tool --reader "$card_reader" --card-driver default "${options[@]}" >"$T/apdus" 2>&1 || true
	sed -n 's/^Received (SW1=0x\(..\), SW2=0x\(..\)).*/\1\2/p' "$T/apdus" | tail -n +2 | paste -sd ' '
}

# verify PIN: the APDU.
verify() {
	printf '00:20:00:80:08:%s' "$(hex "$1"):ff:ff"
}

# sign ID OPTION...: with OpenSC; the outcome for the expect words, the signature in $T/signature.
sign() {
	local id=$1
	shift
	rm -f "$T/signature"
	run opensc --login --pin "$PIN" --sign --id "$id" --input-file "$T/hash" --output-file "$T/signature" "$@"
}

sign_ecdsa() {
	sign "$1" -m ECDSA --signature-format openssl
}

# expect_signature SLOT SENTENCE [OPTION...]: openssl finds it good.
expect_signature() {
	local slot=$1 sentence=$2
	shift 2
	expect_status 0 "$sentence"
	openssl pkeyutl -verify -pubin -inkey "$T/cards/alice/$slot.pub" -in "$T/hash" -sigfile "$T/signature" "$@" \
		>"$T/verify.out" 2>&1 || fail "$sentence: $(cat "$T/verify.out")"
	ok "$sentence"
}

flags_of_token() {
	opensc --list-slots | sed -n 's/^ *token flags *: //p'
}

# --- what OpenSC sees ------------------------------------------------------------------------------------------------

card_make alice 9a=p256 9c=rsa2048 9d=rsa3072 9e=p384
card_insert alice
openssl dgst -sha256 -binary -out "$T/hash" "$T/ca/root.pem"

run opensc --list-objects --type cert
for slot in '' 'OU=9c, ' 'OU=9d, ' 'OU=9e, '; do
	expect_out "DN: O=Example, ${slot}CN=alice" "OpenSC lists the certificate with ${slot:-the name alone}"
done
expect_equal "$(card_verifies)" 0 "listing needs no PIN"

pss=(-m RSA-PKCS-PSS --hash-algorithm SHA256 --mgf MGF1-SHA256 --salt-len 32)
pss_verify=(-pkeyopt digest:sha256 -pkeyopt rsa_padding_mode:pss -pkeyopt rsa_pss_saltlen:32)
sign_ecdsa 01
expect_signature 9a "9A, P-256: openssl verifies the card's signature"
sign 02 "${pss[@]}"
expect_signature 9c "9C, RSA-2048: openssl verifies the card's signature" "${pss_verify[@]}"
sign_ecdsa 04
expect_signature 9e "9E, P-384: openssl verifies the card's signature"
sign 03 "${pss[@]}"
expect_signature 9d "9D, RSA-3072: openssl verifies the card's signature" "${pss_verify[@]}"
expect_equal "$(card_signatures)" 4 "the card counts signatures"

# --- the rules of a PIV card -----------------------------------------------------------------------------------------

card_ctl reset
digest=$(hex 'thirty-two bytes, hash of nothing')
digest=${digest%:*}
sign_9a=00:87:11:9A:26:7C:24:82:00:81:20:$digest:00
sign_9e=${sign_9a/:11:9A:/:14:9E:}
expect_equal "$(apdus "$sign_9a")" 6982 "9A refuses before a PIN"
expect_equal "$(apdus "$sign_9e")" 9000 "9E needs none"
expect_equal "$(apdus "$(verify "$PIN")" "$GET_CHUID" "$sign_9a" "$sign_9a")" "9000 9000 9000 9000" \
	"9A signs again and again after one PIN"
block=$(printf '00:%.0s' {1..255})01
# 2048 bits need two parts: 7C and its length, an empty 82, 81 and its length, 256 bytes.
first=10:87:07:9C:FF:7C:82:01:06:82:00:81:82:01:00:$(cut -c1-734 <<<"$block")
second=00:87:07:9C:0B:$(cut -c736- <<<"$block"):00
expect_equal "$(apdus "$(verify "$PIN")" "$first" "$second" "$first" "$second")" "9000 9000 9000 9000 6982" \
	"9C signs only directly after a PIN, once"

expect_equal "$(apdus "$(verify $WRONG)" "$ASK_TRIES" "$(verify "$PIN")" "$ASK_TRIES")" "63C2 63C2 9000 9000" \
	"a wrong PIN costs a try, the right one gives it back"
expect_equal "$(apdus 00:20:00:80:04:31:32:33:34 00:20:00:81:08:00:00:00:00:00:00:00:00 00:FD:00:00)" \
	"6A80 6A88 6D00" "a malformed PIN, an unknown reference and an unknown instruction are refused"
expect_equal "$(card_tries)" 3 "and cost no try"

# --- the counter of wrong PINs, and the flags that OpenSC makes of it ------------------------------------------------

before=$(card_verifies)
for flag in 'PIN initialized' 'final user PIN try' 'user PIN locked'; do
	opensc --login --pin $WRONG --list-objects >"$T/out" 2>&1 && fail "a wrong PIN opened the card"
	[[ $(flags_of_token) == *"$flag"* ]] || fail "after a wrong PIN the flags are: $(flags_of_token)"
	ok "after a wrong PIN the token's flags say: $flag"
done
expect_equal "$(card_tries) tries, $(($(card_verifies) - before)) PINs" "0 tries, 3 PINs" "three PINs, three tries"
expect_equal "$(apdus "$(verify "$PIN")")" 6983 "a blocked card refuses the right PIN"
puk=$(hex 12345678)
expect_equal "$(apdus "00:2C:00:80:10:$puk:$(hex $WRONG):ff:ff" "$(verify $WRONG)")" "9000 9000" \
	"the PUK gives a blocked card another PIN"
expect_equal "$(apdus "00:24:00:80:10:$(hex $WRONG):ff:ff:$(hex "$PIN"):ff:ff" "$(verify "$PIN")")" "9000 9000" \
	"a PIN can be changed"
grep -qF "$(hex "$PIN" | tr -d :)" "$T/card0.log" && fail "the card's log has the PIN"
ok "the card's log has no PIN"

# --- what it does wrong on demand ------------------------------------------------------------------------------------

started_ms=$(($(date +%s%N) / 1000000))
card_ctl delay 300
sign_ecdsa 01
expect_signature 9a "a slow card signs"
[ $(($(date +%s%N) / 1000000 - started_ms)) -ge 300 ] || fail "a slow card was not slow"
card_ctl no-faults

card_ctl hang-next
sign_ecdsa 01 &
job=$!
card_wait hanging true
expect_equal "$(card_ctl status hanging)" true "a card hangs as long as it is told to"
card_ctl release
wait $job
expect_equal "$(card_ctl status hanging)" false "and goes on when it is released"
run true
expect_signature 9a "with a good signature"

before=$(card_signatures)
card_ctl hang-next
sign_ecdsa 01 &
job=$!
card_wait hanging true
card_remove
wait $job
[ ! -s "$T/signature" ] || fail "a card that was taken out has signed"
expect_equal "$(card_signatures)" "$before" "a card that is taken out in the middle does not sign"
card_insert

card_ctl drop-next
sign_ecdsa 01
expect_fail "a signature of a card that vanishes"
card_wait absent
expect_equal "$(card_signatures)" $((before + 1)) "a card that vanishes has signed, and nobody gets the signature"
card_insert

tries=$(card_tries)
card_ctl drop-next verify
sign_ecdsa 01
expect_fail "a login with a card that vanishes"
card_wait absent
card_insert
expect_equal "$(card_tries)" "$tries" "a good PIN without an answer costs nothing"
card_ctl drop-next verify
opensc --login --pin $WRONG --list-objects >"$T/out" 2>&1 && fail "a wrong PIN opened the card"
card_wait absent
card_insert
expect_equal "$(card_tries)" $((tries - 1)) "a wrong PIN without an answer costs one try"

card_ctl fail-next 6F00 verify
expect_equal "$(apdus "$(verify "$PIN")" "$(verify "$PIN")")" "6F00 9000" "a command fails as it is told to, once"

card_ctl remove-after 3
expect_equal "$(apdus "$GET_CHUID" "$GET_CHUID" "$GET_CHUID")" "9000 9000" "a card leaves after n APDUs"
card_wait absent
card_insert

# --- certificates, other cards, the other slot, another pcscd --------------------------------------------------------

certificate_issue intermediate client "$T/cards/alice/9a.pub" /O=Example/CN=renamed "$T/renamed.pem"
card_rewrite 9a "$T/renamed.pem"
run opensc --list-slots
expect_out "renamed" "piv-tool rewrites a certificate, and it is seen without a replug"
card_ctl rewrite-certificate 9a "$T/cards/alice/9a.pem"
run opensc --list-slots
expect_out ": alice" "and so does the control socket"

serial_of_token() {
	opensc --list-slots | sed -n 's/^ *serial num *: //p' | head -n 1
}
serial=$(serial_of_token)
card_make thief like=alice
card_swap thief
run opensc --list-slots
expect_out ": alice" "another card may have the same label"
expect_equal "$(serial_of_token)" "$serial" "and the same serial number"
cmp -s "$T/cards/alice/9a.pub" "$T/cards/thief/9a.pub" && fail "but it must have another key"

card_make carol
on_reader 1 card_insert carol
run opensc --list-slots
expect_out ": carol" "the second slot has a card of its own"
expect_out ": alice" "and the first one still has its own"
on_reader 1 card_remove
run opensc --list-slots
expect_out ": alice" "taking one out leaves the other"

pcscd_stop KILL
run opensc --list-slots
grep -q ': alice' "$T/out" && fail "without pcscd there must be no card"
pcscd_start no-reader
run opensc --list-slots
grep -q 'Virtual PCD' "$T/out" && fail "a reader that is unplugged must not be listed"
ok "without pcscd no card, without a reader no reader"
pcscd_stop
pcscd_start
card_wait present
run opensc --list-slots
expect_out ": alice" "a pcscd that was killed finds the card when it is started again"

# --- two rigs at once ------------------------------------------------------------------------------------------------

mkfifo "$T/enough"
before=$(card_verifies)
process_start_until other '^bob is in the reader$' env KEYSTAY_BUILD="$BUILD" "${BASH_SOURCE[0]}" other "$T/enough" ||
	fail "a second rig did not start: $(cat "$T/other.log")"
other=$started
run opensc --list-slots
grep -q ': bob' "$T/out" && fail "the card of the other rig is seen"
expect_out ": alice" "with a second rig beside it, this one sees its own card"
expect_equal "$(card_verifies)" "$before" "and nobody else gave it a PIN"
echo enough >"$T/enough"
wait "$other" || fail "the second rig: $(cat "$T/other.log")"
ok "the second rig saw its own card alone, and left nothing"
