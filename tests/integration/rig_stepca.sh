# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034 # names are for the stories
#
# rig_stepca: smallstep's step-ca as it is, on free loopback ports. Sourced after lib.sh by the stories that need it.
#
# Debian has the packages of its source but not the program, so it is built (tests/integration/stepca/main.go, about 20
# seconds, once for a build folder: stories that begin at once wait for each other). It renews and rekeys over mutual
# TLS, speaks SCEP (plain http and https, challenge "sekret"), and issues certificates of any length.
# Stories that use it need a TIMEOUT that has room for that build: 300.

# stepca_begin: sets $STEPCA to the program; skips the story where it cannot be built.
stepca_begin() {
	local source=$RIG_FOLDER/stepca/main.go folder=$BUILD/tests/integration/stepca code=0
	command -v go >/dev/null || skip "Go is not installed"
	[ -d /usr/share/gocode/src/github.com/smallstep/certificates ] ||
		skip "golang-github-smallstep-certificates-dev is not installed"
	[ -w "$BUILD/tests/integration" ] || folder=$T/stepca-program
	mkdir -p "$folder"
	STEPCA=$folder/stepca-$(sha256sum "$source" | cut -c1-16)
	# The lock is held by this subshell alone: its end gives it back, whatever that is.
	(
		flock --timeout 240 9 || fail "somebody has been building step-ca for four minutes"
		[ ! -x "$STEPCA" ] || exit 0
		GO111MODULE=off GOPATH=/usr/share/gocode GOCACHE=$T/go-cache GOPROXY=off GOTOOLCHAIN=local \
			GOFLAGS=-buildvcs=false TMPDIR=$T go build -o "$STEPCA.new" "$source" >"$T/stepca-build.log" 2>&1 9>&- &&
			mv "$STEPCA.new" "$STEPCA"
	) 9>"$folder/lock" || code=$?
	rm -rf "$T/go-cache"
	[ $code -eq 0 ] || fail "step-ca does not build: $(tail -n 5 "$T/stepca-build.log")"
}

# stepca_start [OPTION...]: the CA in $T/stepca, with -lifetime 5m for instance (stepca/main.go has all); each request is
# a line of $T/stepca.log. Sets $started, $stepca_url (https), $stepca_scep_url (http, the whole URL) and $stepca_root (a
# PEM file). Started again after process_stop, it is the same CA on the same ports.
stepca_start() {
	[ -n "${STEPCA:-}" ] || stepca_begin
	process_start_until stepca '^ready (https:[^ ]+) (http:[^ ]+)$' "$STEPCA" serve "$T/stepca" "$@" ||
		fail "step-ca did not start: $(cat "$T/stepca.log")"
	stepca_url=${BASH_REMATCH[1]}
	stepca_scep_url=${BASH_REMATCH[2]}/scep/scep
	stepca_root=$T/stepca/root.pem
}

# stepca_sign REQUEST.pem [LIFETIME]: prints the chain, leaf first, as `step ca sign` with a one-time token does.
stepca_sign() {
	"$STEPCA" sign "$T/stepca" "$@" || fail "step-ca did not issue a certificate for $1"
}

# stepca_requests METHOD PATH: how many there were.
stepca_requests() {
	grep -cF "request $1 $2 " "$T/stepca.log" || true
}
