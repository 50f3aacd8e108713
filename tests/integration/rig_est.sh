# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034 # names are for the stories
#
# rig_est: an EST server (est_server.py) of the story's CA, and the program that tries one driver alone. Needs rig_begin
# and ca_make.

ENROL_TRY=$BUILD/try/enrol-try
EST_LOG=$T/est-requests.log

# est_start [1.2]: $est_url; requests in $EST_LOG. User "device", password "s3cret".
est_start() {
	"$PYTHON" -c 'import cryptography' 2>/dev/null || skip "python3-cryptography is not installed"
	: >"$EST_LOG"
	process_start_until est '^listening ([0-9]+)$' "$PYTHON" "$RIG_FOLDER/est_server.py" "$T/ca" "$EST_LOG" s3cret "$@" ||
		fail "the EST server did not start: $(cat "$T/est.log")"
	est_url=https://localhost:${BASH_REMATCH[1]}
	printf 's3cret\n' >"$T/est.secret"
}

# est_enrol LABEL OUT [FIELD=VALUE...]: a certificate for alice by the driver alone; status and what it said as by run.
# OUT: its files begin so.
est_enrol() {
	local label=$1 out=$2
	shift 2
	rm -f "$out"-*
	run "$ENROL_TRY" enrol protocol=est "url=$est_url" "tls-ca=$T/ca/root.pem" key=alice "csr=$T/alice.csr.der" \
		"out=$out" ${label:+"label=$label"} "$@"
}

# est_requests: those since the last time.
est_requests() {
	cat "$EST_LOG"
	: >"$EST_LOG"
}
