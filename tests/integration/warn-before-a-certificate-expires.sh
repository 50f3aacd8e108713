#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# A certificate that comes to its end is spoken of: when a third of its life is left a notice on the desktop and a line in
# the log say so, by a timer and not by somebody who asks; each warning comes once for each certificate, across
# restarts; lists and status say how long is left.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
rig_begin
# shellcheck source=rig_notices.sh
. "$RIG_FOLDER/rig_notices.sh"
# shellcheck source=rig_expiry.sh
. "$RIG_FOLDER/rig_expiry.sh"
rig_alice_token p256
notices_begin
day=86400
hour=3600

warnings() {
	grep -c 'the certificate of "alice" on token "corp" expires in' "$T/agent.log" || true
}

# Nothing is to be said: more than a third of a life of one day is left.
certificate_aged alice 1 $((10 * hour))
agent_start
unlock corp >/dev/null
expect_equal "$(status_of 'status["certificates"][0]["validity"]')" good "with more than a third left all is well"
expect_equal "$(grep -c '^notify' "$T/notices.log")" 0 "and nobody is told anything"
agent_stop

# In three seconds a third is left, 8 hours: nothing but a timer makes it known.
certificate_aged alice 1 $((16 * hour - 3))
agent_start
unlock corp >/dev/null
notices_wait '^notify 1 '
[[ $(notices_said '^notify 1 ') =~ ^"notify 1 keystay|A certificate expires|alice on token corp: its certificate expires in "\
[78]" hours. Renew it in time.|urgency 1|" ]] || fail "the notice says: $(notices_said '^notify 1 ')"
ok "a notice when a third is left"
expect_equal "$(warnings)" 1 "and one line in the log"
agent_stop
agent_start
unlock corp >/dev/null
keystay reload >/dev/null
expect_equal "$(status_of 'status["certificates"][0]["validity"]')" soon "status knows that it ends soon"
expect_equal "$(grep -c '^notify' "$T/notices.log")" 1 "but no restart and no reload tells it again"

# Another certificate, of a life of 90 days: of those that are due the last one is told, once.
certificate_aged alice 90 $((84 * day - hour))
keystay reload >/dev/null
notices_wait '^notify 2 '
[[ $(notices_said '^notify 2 ') == *"its certificate expires in 6 days. Renew"* ]] ||
	fail "the notice says: $(notices_said '^notify 2 ')"
ok "a certificate that is new here is told of at once"
keystay list >"$T/out" 2>"$T/err"
expect_out "in 6 days" "list says how many days are left"
grep -q 'the certificate of alice expires in 6 days' "$T/err" || fail "list warns: $(cat "$T/err")"
expect_equal "$(keystay list --json | "$PYTHON" -c 'import json, sys; print(json.load(sys.stdin)[0]["days_left"])')" 6 \
	"list --json has days_left"
run keystay show alice
expect_out "expires in 6 days" "show says it"
run keystay status
expect_out "expires in 6 days" "status says it"
expect_equal "$(status_of '[c["days_left"] for c in status["certificates"]]')" '[6]' "status --json has days_left"
agent_stop
agent_start
unlock corp >/dev/null
keystay reload >/dev/null
expect_equal "$(grep -c '^notify' "$T/notices.log")" 2 "nothing comes twice"

# A file that makes no sense is written anew.
agent_stop
printf 'nonsense\n' >"$XDG_STATE_HOME/keystay/expiry"
agent_start
notices_wait '^notify 3 '
grep -q 'makes no sense' "$T/agent.log" || fail "nobody complains of the file"
expect_equal "$(grep -c . "$XDG_STATE_HOME/keystay/expiry")" 1 "a file that makes no sense is written anew"

# What has expired is said where it is looked at.
certificate_aged alice 90 $((91 * day))
keystay reload >/dev/null
run keystay status
expect_out "expired on" "status says what has expired"
expect_equal "$(status_of '[c["days_left"] < 0 for c in status["certificates"]]')" '[True]' "and counts on below zero"
