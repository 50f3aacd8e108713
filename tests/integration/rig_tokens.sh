# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034 # names are for the stories
#
# rig_tokens: tokens of other makers than SoftHSM and PIV cards: a TPM, openCryptoki's soft token, NSS softokn, and a
# module that is served to us by another process. Part of lib.sh.
#
# Each has a word that begins its world (tpm_begin, opencryptoki_begin, nss_begin, remote_begin; it skips the story
# where that cannot be had), sets $MODULE to its file and exports what the module wants to find in its environment.
# tokens_init and tokens_key_make then work with any $MODULE that pkcs11-tool can write to.
#
# Must never: touch the host's TPM, its pkcsslotd or a database outside $T.

SO_PIN=87654321
# The module that the words below use.
MODULE=''
# The last server, and the last process of process_start_until.
port=${port:-}
started=${started:-}
# Where openCryptoki's daemon lives: see opencryptoki_begin.
opencryptoki_room_pid=''
remote_pid=''
tpm_pid=''

# tokens_module GLOB PACKAGE: sets $MODULE to the first file of this pattern.
tokens_module() {
	MODULE=$(compgen -G "$1" | head -n 1 || true)
	[ -n "$MODULE" ] || skip "there is no module $1 (package $2)"
}

# tokens_inside COMMAND...: where the module's world is; for most it is here.
tokens_inside() {
	if [ -n "$opencryptoki_room_pid" ]; then
		"${opencryptoki_enter[@]}" "$@"
	else
		"$@"
	fi
}

# tokens_tool OPTION...: pkcs11-tool with this module.
tokens_tool() {
	tokens_inside pkcs11-tool --module "$MODULE" "$@" >"$T/tool.out" 2>&1 ||
		fail "pkcs11-tool $* did not work: $(cat "$T/tool.out")"
}

# tokens_init LABEL SLOT-INDEX: the token in this slot gets this name and user PIN $PIN.
tokens_init() {
	tokens_tool --slot-index "$2" --init-token --label "$1" --so-pin $SO_PIN
	tokens_tool --token-label "$1" --login --login-type so --so-pin $SO_PIN --init-pin --pin "$PIN"
}

# tokens_key_make TOKEN TYPE NAME ID: as key_make (rig_pki.sh), with this module.
tokens_key_make() {
	tokens_tool --token-label "$1" --login --pin "$PIN" --keypairgen --key-type "$(key_type_of_pkcs11_tool "$2")" \
		--label "$3" --id "$4" --usage-sign
	tokens_inside "$PYTHON" "$RIG_FOLDER/public_key.py" "$MODULE" "$1" "$4" >"$T/$3.pub"
}

# tokens_configure NAME [LINE...]: $T/keystay.conf with this module alone, and these lines in its section.
tokens_configure() {
	local name=$1
	shift
	printf '%s\n' "[module \"$name\"]" "path = $MODULE" "$@" >"$T/keystay.conf"
}

# tokens_try_pin PIN TOKEN: what the command line says to it, for the expect words.
tokens_try_pin() {
	run "$KEYSTAY" unlock --pin-fd 4 "$2" 4<<<"$1"
}

# tokens_unlock_by_dialog TOKEN: after a wrong PIN, when the token's flags let nobody else try (prompt_begin and
# PROMPT_LINES come before agent_start).
tokens_unlock_by_dialog() {
	prompt_answers_once "$PIN"
	run env -u KEYSTAY_PROMPT "$KEYSTAY" unlock --ask "$1" </dev/null
	expect_status 0 "a dialog takes the right PIN after a wrong one"
}

# tokens_fetch_both CERTIFICATE NAME: TLS 1.3 and 1.2 to $port, where nginx has to see NAME.
tokens_fetch_both() {
	local version
	for version in 1.3 1.2; do
		run fetch "$port" "$1" "--tlsv$version" --tls-max "$version"
		expect_status 0 "$2 signs in TLS $version"
		expect_out "protocol=TLSv$version verified=SUCCESS client=CN=$2,O=Example issuer=CN=Example Issuing CA" \
			"nginx sees $2 over TLS $version"
	done
}

# tokens_kill_worker MODULE-NAME: SIGKILL of its keystay-token; returns when another has taken its place.
tokens_kill_worker() {
	local killed
	killed=$(module_pid "$1")
	kill -KILL "$killed"
	wait_until "a new worker" tokens_module_is_ready "$1" "$killed"
}

# tokens_module_is_ready NAME [PID]: in a process that is not this one.
tokens_module_is_ready() {
	local state
	state=$(status_of "modules['$1']['state'], modules['$1']['pid'] != ${2:-0}")
	[ "$state" = "('ready', True)" ]
}

# --- a TPM -----------------------------------------------------------------------------------------------------------

# tpm_begin: a software TPM with an empty store. A resource manager stands before it, as /dev/tpmrm0 does on a real
# machine: without one, what a killed process had open in the TPM stays there until nothing else fits.
tpm_begin() {
	local word
	tokens_module '/usr/lib/*/pkcs11/libtpm2_pkcs11.so' libtpm2-pkcs11-1
	for word in swtpm tpm2-abrmd tpm2_ptool dbus-daemon; do
		command -v $word >/dev/null || skip "there is no $word"
	done
	mkdir -p "$T/tpm/state" "$T/tpm/store"
	swtpm_start
	process_start_until tpm-bus '^unix:' dbus-daemon --session --nofork --nopidfile --nosyslog \
		"--address=unix:path=$T/tpm/bus" --print-address=1 || fail "the TPM's bus did not start"
	export DBUS_SESSION_BUS_ADDRESS=unix:path=$T/tpm/bus
	tpm_manager_start
	export TPM2_PKCS11_TCTI=tabrmd:bus_type=session TPM2TOOLS_TCTI=tabrmd:bus_type=session
	export TPM2_PKCS11_STORE=$T/tpm/store TSS2_LOG=all+none
	tpm2_ptool init --path "$T/tpm/store" >"$T/tool.out" 2>&1 ||
		fail "tpm2_ptool could not make a primary key: $(cat "$T/tool.out")"
}

swtpm_start() {
	# Its TCTI expects the control socket at this name.
	rm -f "$T/tpm/sock.ctrl"
	swtpm socket --tpm2 --tpmstate "dir=$T/tpm/state" --server "type=unixio,path=$T/tpm/sock" \
		--ctrl "type=unixio,path=$T/tpm/sock.ctrl" --flags not-need-init,startup-clear \
		</dev/null >>"$T/swtpm.log" 2>&1 &
	tpm_pid=$!
	process_started "$tpm_pid"
	wait_until "a TPM that listens" test -S "$T/tpm/sock.ctrl"
}

# tpm_restart: the TPM and its resource manager, as after another boot.
tpm_restart() {
	kill "$tpm_manager_pid" "$tpm_pid"
	wait "$tpm_manager_pid" "$tpm_pid" 2>/dev/null || true
	swtpm_start
	tpm_manager_start
}

tpm_manager_start() {
	local as_root=()
	[ "$(id -u)" -ne 0 ] || as_root=(--allow-root)
	tpm2-abrmd --session "${as_root[@]}" "--tcti=swtpm:path=$T/tpm/sock" </dev/null >>"$T/tpm-manager.log" 2>&1 &
	tpm_manager_pid=$!
	process_started "$tpm_manager_pid"
	wait_until "a resource manager on the bus" tpm_manager_is_there
}

tpm_manager_is_there() {
	dbus-send --session --print-reply --dest=org.freedesktop.DBus / org.freedesktop.DBus.NameHasOwner \
		string:com.intel.tss2.Tabrmd 2>/dev/null | grep -q 'boolean true'
}

# tpm_token_make LABEL: a token with user PIN $PIN. tpm2-pkcs11 always shows one more slot, for the next token.
tpm_token_make() {
	tokens_init "$1" 0
}

# --- openCryptoki ----------------------------------------------------------------------------------------------------

# opencryptoki_begin: pkcsslotd with one soft token that is not initialised. Its sockets, locks, tokens and shared
# memory have fixed names, so it gets a /run, a /var/lib/opencryptoki, a /dev/shm and System V IPC of its own. The
# module looks for all of that by the same names: $AGENT is started in there, too; the rest of the story stays outside.
opencryptoki_begin() {
	need_root "a private openCryptoki"
	tokens_module '/usr/lib/*/opencryptoki/libopencryptoki.so.0' opencryptoki
	command -v pkcsslotd >/dev/null || skip "there is no pkcsslotd (package opencryptoki)"
	[[ $T != /run/* ]] || skip "TMPDIR is below /run, which pkcsslotd gets another of"
	printf '%s\n' 'version opencryptoki-3.8' 'slot 0' '{' 'stdll = libpkcs11_sw.so' '}' >"$T/opencryptoki.conf"
	local inside
	# $T may be below the /dev/shm that is about to be covered. pkcsslotd goes into the background by itself, and does
	# not end by a SIGTERM while a module is connected; what it leaves goes with the namespaces.
	# shellcheck disable=SC2016 # for the shell in there
	inside='mount -t tmpfs none /var/lib/opencryptoki && mkdir -p /var/lib/opencryptoki/swtok/TOK_OBJ &&
		mount --bind "$1/opencryptoki.conf" /etc/opencryptoki/opencryptoki.conf &&
		mount -t tmpfs none /run && mkdir -p /run/lock/opencryptoki/swtok /run/keep &&
		mount --bind "$1" /run/keep && mount -t tmpfs none /dev/shm && mkdir -p "$1" && mount --move /run/keep "$1" &&
		pkcsslotd && echo ready &&
		trap "kill -KILL \$(cat /run/pkcsslotd.pid) \$!" TERM && { sleep infinity & wait; }'
	process_start_until opencryptoki-room '^ready$' unshare --mount --ipc sh -c "$inside" sh "$T" ||
		skip "no private openCryptoki here: $(tail -n 1 "$T/opencryptoki-room.log")"
	opencryptoki_room_pid=$started
	opencryptoki_enter=(nsenter --mount --ipc --target "$opencryptoki_room_pid" --)
	printf '%s\n' '#!/bin/sh' "exec ${opencryptoki_enter[*]} '$AGENT' \"\$@\"" >"$T/agent-inside"
	chmod +x "$T/agent-inside"
	AGENT=$T/agent-inside
}

# opencryptoki_stop, opencryptoki_start: its daemon, as an administrator would; the token stays.
opencryptoki_stop() {
	# shellcheck disable=SC2016 # for the shell in there
	tokens_inside sh -c 'kill -KILL "$(cat /run/pkcsslotd.pid)" && rm /run/pkcsslotd.*'
}

opencryptoki_start() {
	tokens_inside pkcsslotd >>"$T/opencryptoki-room.log" 2>&1 || fail "pkcsslotd did not start again"
}

# --- NSS softokn -----------------------------------------------------------------------------------------------------

# nss_begin: an NSS database without a password, as browsers make it, in $T/nss. What softokn is to be told is in
# $NSS_INIT_ARGS.
nss_begin() {
	tokens_module '/usr/lib/*/libsoftokn3.so' libnss3
	command -v certutil >/dev/null || skip "there is no certutil (package libnss3-tools)"
	mkdir -p "$T/nss"
	# Without standard input from nowhere it would ask.
	certutil -N -d "sql:$T/nss" --empty-password </dev/null >"$T/tool.out" 2>&1 ||
		fail "certutil could not make a database: $(cat "$T/tool.out")"
	NSS_INIT_ARGS="configdir='sql:$T/nss' flags=readOnly"
}

# nss_key_make TYPE NAME: a key with its certificate from the CA (ca_make), imported as people import them.
nss_key_make() {
	key_make_file "$1" "$T/$2.key"
	openssl pkey -in "$T/$2.key" -pubout -out "$T/$2.pub"
	certificate_issue intermediate client "$T/$2.pub" "/O=Example/CN=$2" "$T/$2-leaf.pem"
	openssl pkcs12 -export -inkey "$T/$2.key" -in "$T/$2-leaf.pem" -name "$2" -passout pass:x -out "$T/$2.p12"
	pk12util -i "$T/$2.p12" -d "sql:$T/nss" -W x </dev/null >"$T/tool.out" 2>&1 ||
		fail "pk12util could not import a key: $(cat "$T/tool.out")"
	rm -f "$T/$2.key" "$T/$2.p12"
}

# --- a module elsewhere ----------------------------------------------------------------------------------------------

# remote_begin TOKEN: p11-kit serves this SoftHSM token (token_make) on a socket, as it would to a container.
remote_begin() {
	command -v p11-kit >/dev/null || skip "there is no p11-kit"
	tokens_module '/usr/lib/*/pkcs11/p11-kit-client.so' p11-kit-modules
	export P11_KIT_SERVER_ADDRESS=unix:path=$T/remote.sock
	remote_start "$1"
}

remote_start() {
	rm -f "$T/remote.sock"
	process_start_until remote '^P11_KIT_SERVER_PID=' p11-kit server --foreground --name "$T/remote.sock" \
		--provider "$SOFTHSM" "pkcs11:token=$1" || fail "p11-kit server did not start: $(cat "$T/remote.log")"
	remote_pid=$started
	wait_until "a p11-kit server that listens" test -S "$T/remote.sock"
}

# remote_stop: the server and what it forked for each connection.
remote_stop() {
	local child children
	children=$(cat "/proc/$remote_pid/task/$remote_pid/children")
	process_stop "$remote_pid"
	for child in $children; do
		kill "$child" 2>/dev/null || true
	done
}
