#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# confirm = first-use: a person is asked once for each proven server; all that the same program wants meanwhile shares
# the dialog, and others are answered by its yes. A server that is not proven is asked about each time. A lock and a reload
# forget.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
rig_begin
rig_alice_token p256
server_start_nginx nginx
prompt_begin
rules=("${PROMPT_LINES[@]}" '[key "alice"]' 'match = pkcs11:object=alice' 'confirm = first-use'
	"server-ca = $T/ca/root.pem")
agent_configure "${rules[@]}"
agent_start
unlock corp >/dev/null
keystay cert alice -o "$T/alice.pem"

# The transcript of TLS 1.2 is in what is signed.
provable() {
	fetch "$port" "$T/alice.pem" --tls-max 1.2 "$@"
}

prompt_script ok
run provable
expect_status 0 "curl, when the person allows the server"
expect_equal "$(prompt_count)" 1 "one question"
expect_equal "$(prompt_said SETOK)" "Allow" "the button that says yes"
text=$(prompt_text)
[[ $text == *$'\nServer: localhost (proven)\n'* ]] || fail "the dialog says of the server: $text"
[[ $text == *'A yes holds for this key and server until you lock.' ]] || fail "the dialog does not say for how long: $text"
ok "the dialog says that the server is proven, and what a yes means"
run provable
expect_status 0 "curl, again"
run client "$PYTHON" - "$port" "$T/ca/root.pem" "$T/alice.pem" <<'PY'
import ssl, sys, urllib.request
port, ca, pem = sys.argv[1:]
context = ssl.create_default_context(cafile=ca)
context.maximum_version = ssl.TLSVersion.TLSv1_2
context.load_cert_chain(pem)
print(urllib.request.urlopen(f"https://localhost:{port}/", context=context).read().decode())
PY
expect_status 0 "Python, with the same key to the same server"
expect_equal "$(prompt_count)" 1 "no further question for this server"

# --- TLS 1.3 with the tap is proven ---
run env "${RIG_PRELOAD[@]}" "$KEYSTAY" run --tap -- curl -q --silent --show-error --max-time "$DEADLINE_S" \
	--cacert "$T/ca/root.pem" --cert "$T/alice.pem" --tlsv1.3 "https://localhost:$port/"
expect_status 0 "curl over TLS 1.3 with the transcript"
expect_equal "$(prompt_count)" 1 "is the server that was allowed"

# --- forgotten ---
keystay reload >/dev/null
run provable
expect_status 0 "curl after a reload"
expect_equal "$(prompt_count)" 2 "a reload forgets"
keystay lock >/dev/null
unlock corp >/dev/null

# --- many at once ---
prompt_holds_and ok
for ((i = 0; i < 12; i++)); do
	provable >"$T/page.$i" 2>"$T/page.$i.err" &
	crowd[i]=$!
done
prompt_wait 3
all_wait() {
	[ "$(status_of 'status["connections"]')" -gt 12 ] # the question itself is one
}
wait_until "all clients to wait" all_wait
prompt_release
for ((i = 0; i < 12; i++)); do
	wait "${crowd[i]}" || fail "client $i: $(cat "$T/page.$i.err")"
done
expect_equal "$(prompt_count)" 3 "a lock forgets; twelve programs at once are answered by one yes"

# --- not proven ---
agent_configure "${rules[@]:0:$((${#rules[@]} - 1))}" # without server-ca: nobody knows this CA
keystay reload >/dev/null
prompt_script ok
run fetch "$port" "$T/alice.pem" --tlsv1.3
expect_status 0 "curl over TLS 1.3 without a transcript, after a yes"
run fetch "$port" "$T/alice.pem" --tlsv1.3
expect_status 0 "curl over TLS 1.3 without a transcript, after another yes"
run provable
expect_status 0 "curl to a server of a CA that nobody knows, after a third yes"
expect_equal "$(prompt_count)" 6 "what is not proven is asked each time"
expect_equal "$(prompt_said SETOK)" "Sign once" "its yes counts once"
[[ $(prompt_text) == *'NOT PROVEN: '*'A yes holds once: only a proven server is remembered.' ]] ||
	fail "the dialog does not say so: $(prompt_text)"

# --- what the dialog said is true no more ---
agent_configure "${rules[@]}"
keystay reload >/dev/null
before=$(prompt_count)
prompt_script 'hold ok' cancel
provable >"$T/page" 2>"$T/page.err" &
waiting=$!
prompt_wait $((before + 1))
[[ $(prompt_text) == *'(proven)'* ]] || fail "the dialog does not say that the server is proven: $(prompt_text)"
agent_configure "${rules[@]:0:$((${#rules[@]} - 1))}"
keystay reload >/dev/null
prompt_wait $((before + 2))
code=0
wait "$waiting" || code=$?
[ $code -ne 0 ] || fail "a yes to a proven server signed for one that is not proven"
[[ $(prompt_text) == *'NOT PROVEN: '* ]] || fail "the second dialog says: $(prompt_text)"
ok "a server that a reload leaves without its proof is asked about anew"
