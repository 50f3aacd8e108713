# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034 # names are for the stories
#
# rig_tunnel: `keystay tunnel` before real servers. Sourced after lib.sh by the stories that need it.

# tunnel_start NAME LISTEN [OPTION...]: with alice's key to localhost:$port; its address in $where, its pid in $started,
# its log in $T/NAME.log. Options after it win: --target and --ca may be given again.
tunnel_start() {
	local name=$1 listen=$2
	shift 2
	local options=("$@")
	[[ " $* " == *" --target "* ]] || options+=(--target "localhost:$port")
	[[ " $* " == *" --ca "* ]] || options+=(--ca "$T/ca/root.pem")
	process_start_until "$name" 'listening on ([^ ]+) for' \
		"$KEYSTAY" tunnel alice --listen "$listen" "${options[@]}" ||
		fail "the tunnel did not start: $(cat "$T/$name.log")"
	where=${BASH_REMATCH[1]}
}

# tunnel_stop PID [SIGNAL]: $tunnel_code.
tunnel_stop() {
	kill -"${2:-TERM}" "$1"
	tunnel_code=0
	wait "$1" || tunnel_code=$?
}

# tunnel_said NAME TEXT: in its log; for wait_until.
tunnel_said() {
	grep -qF -- "$2" "$T/$1.log"
}

# tunnel_server [NAME [1.2]]: tunnel_server.py; sets $port.
tunnel_server() {
	local name=${1:-server}
	process_start_until "$name" '^listening ([0-9]+)$' "$PYTHON" "$RIG_FOLDER/tunnel_server.py" "$T/ca/server.pem" \
		"$T/ca/server.key" "$T/ca/root.pem" "${@:2}" || fail "the server did not start: $(cat "$T/$name.log")"
	port=${BASH_REMATCH[1]}
}

# through ADDRESS WHAT [NUMBER...]: tunnel_client.py.
through() {
	"$PYTHON" "$RIG_FOLDER/tunnel_client.py" "$@"
}

# plain CURL-OPTION... URL: a curl that knows of no certificate.
plain() {
	curl -q --silent --show-error --max-time "$DEADLINE_S" "$@"
}

# tunnel_memory PID: the most it ever had, in KiB.
tunnel_memory() {
	sed -n 's/^VmHWM:[[:space:]]*\([0-9]*\) kB/\1/p' "/proc/$1/status"
}
