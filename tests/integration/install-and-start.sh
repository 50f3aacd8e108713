#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# An installation is whole: every program, plug-in, unit, rule and page is where its reader looks for it, and the
# installed agent, started as the installed units say, serves a curl with the installed provider and stops cleanly.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
for program in cmake pkg-config systemd-socket-activate systemd-analyze; do
	command -v $program >/dev/null || skip "$program is not installed"
done
rig_begin

root=$T/root
DESTDIR=$root cmake --install "$BUILD" >"$T/install.log" || fail "cmake --install: $(tail -n 5 "$T/install.log")"
prefix=$(sed -n 's/^CMAKE_INSTALL_PREFIX:PATH=//p' "$BUILD/CMakeCache.txt")

# --- every file where it belongs -------------------------------------------------------------------------------------

# asked VARIABLE PACKAGE FOLDER: what the package says for an installation of the whole system.
asked() {
	local found=''
	case $prefix in
	/usr | /usr/local | /) found=$(pkg-config --variable="$1" "$2" 2>/dev/null || true) ;;
	esac
	printf '%s\n' "${found:-$prefix/$3}"
}
modules=$(asked modulesdir libcrypto lib/ossl-modules)
units=$(asked systemduserunitdir systemd lib/systemd/user)
system_units=$(asked systemdsystemunitdir systemd lib/systemd/system)
sysusers=$(asked sysusersdir systemd lib/sysusers.d)
rules=$(asked udevdir udev lib/udev)/rules.d
p11_kit=$(asked p11_module_configs p11-kit-1 share/p11-kit/modules)

# installed FILE MODE SENTENCE
installed() {
	[ -f "$root$1" ] || fail "$3 ($1 is missing)"
	[ "$(stat -c %a "$root$1")" = "$2" ] || fail "$3 (its mode is $(stat -c %a "$root$1"))"
	ok "$3"
}
for program in "$BUILD"/bin/keystay*; do
	installed "$prefix/bin/${program##*/}" 755 "${program##*/} is beside the other programs"
done
installed "$modules/keystay.so" 644 "the provider is where OpenSSL looks for providers"
installed "$units/keystay-agent.socket" 644 "the socket unit is where systemd looks for users' units"
installed "$units/keystay-agent.service" 644 "the service unit is there too"
installed "$system_units/keystay-agent.socket" 644 "the machine's units are where systemd looks for them"
installed "$system_units/keystay-agent.service" 644 "both of them"
installed "$sysusers/keystay.conf" 644 "and the user that they are for"
installed "$rules/70-keystay.rules" 644 "the rules are where udev looks for them"
for page in "$SOURCE_FOLDER"/man/*.[1-9]; do
	installed "$prefix/share/man/man${page##*.}/${page##*/}" 644 "${page##*/} is where man looks for it"
done
installed "$prefix/share/doc/keystay/keystay.conf.example" 644 "the example of a configuration is installed"
if compgen -G "$BUILD/lib/pkcs11/*.so" >/dev/null; then
	installed "$p11_kit/keystay.module" 644 "p11-kit is told of our PKCS#11 module"
fi
if [ -e "$BUILD/lib/engines-3/keystay.so" ]; then
	installed "$(asked enginesdir libcrypto lib/engines-3)/keystay.so" 644 "the engine is where OpenSSL looks for engines"
fi
plugins=$(find "$BUILD/lib" -maxdepth 2 -name '*.so' | wc -l)
expect_equal "$(find "$root" -name '*.so' | wc -l)" "$plugins" "every plug-in is installed, and nothing else"
[ -z "$(find "$root" -perm /022 ! -type l)" ] || fail "others may write to $(find "$root" -perm /022 ! -type l)"
ok "nothing of it can be written by others"

# --- the units -------------------------------------------------------------------------------------------------------

mapfile -t exec_start < <(sed -n 's/^ExecStart="\(.*\)"$/\1/p' "$root$units/keystay-agent.service")
expect_equal "${#exec_start[@]}" 1 "the service starts one program"
agent=$root${exec_start[0]}
[ -x "$agent" ] || fail "the service starts ${exec_start[0]}, which is not installed"

# As systemd would find them on a machine that has just this installation.
mkdir "$T/units"
cp "$root$units"/keystay-agent.* "$T/units"
sed -i "s|^ExecStart=\"|&$root|" "$T/units/keystay-agent.service"
run systemd-analyze verify --user --man=no "$T/units/keystay-agent.socket" "$T/units/keystay-agent.service"
expect_status 0 "systemd reads the installed units"
[ ! -s "$T/err" ] || fail "systemd warns: $(cat "$T/err")"
ok "systemd reads the installed units without a warning"

mkdir -p "$T/machine/etc"
cp "$root$system_units"/keystay-agent.* "$T/machine"
sed -i "s|^ExecStart=\"|&$root|" "$T/machine/keystay-agent.service"
run systemd-analyze verify --man=no "$T/machine/keystay-agent.socket" "$T/machine/keystay-agent.service"
expect_status 0 "systemd reads the machine's units"
[ ! -s "$T/err" ] || fail "systemd warns: $(cat "$T/err")"
ok "systemd reads the machine's units without a warning"
run systemd-sysusers --root="$T/machine" "$root$sysusers/keystay.conf"
expect_status 0 "systemd makes the user of the machine's agent"
grep -q '^keystay:' "$T/machine/etc/passwd" || fail "the user was not made"
ok "systemd makes the user of the machine's agent"

# --- started as they say ---------------------------------------------------------------------------------------------

rig_alice_token p256
agent_configure
mkdir -p "$XDG_CONFIG_HOME/keystay"
cp -r "$T/keystay.conf" "$T/certs" "$XDG_CONFIG_HOME/keystay"
server_start_nginx nginx

# What sd_notify(3) sends, a line each.
# shellcheck disable=SC2016 # it is Python
notified='
import socket, sys
listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
listener.bind(sys.argv[1])
print("listening", flush=True)
while True:
    print(listener.recv(4096).decode(), flush=True)
'
process_start_until notify '^listening$' "$PYTHON" -c "$notified" "$T/notify" || fail "no notify socket"

listen=()
while read -r path; do
	path=${path/\%t/$XDG_RUNTIME_DIR}
	mkdir -p "${path%/*}"
	listen+=(-l "$path")
done < <(sed -n 's/^ListenStream=//p' "$root$units/keystay-agent.socket")
expect_equal "${#listen[@]}" 6 "the socket unit has three sockets"

environment=(-E "NOTIFY_SOCKET=$T/notify")
for name in XDG_RUNTIME_DIR XDG_CONFIG_HOME XDG_STATE_HOME SOFTHSM2_CONF HOME DBUS_SYSTEM_BUS_ADDRESS ASAN_OPTIONS; do
	[ -z "${!name:-}" ] || environment+=(-E "$name=${!name}")
done
process_start_until activate 'Listening on .*control.sock' systemd-socket-activate "${listen[@]}" "${environment[@]}" \
	"$agent" || fail "systemd-socket-activate: $(cat "$T/activate.log")"
agent_pid=$started

notified() {
	grep -q "$1" "$T/notify.log"
}
KEYSTAY=$root$prefix/bin/keystay
run keystay list
expect_status 0 "the first command starts the installed agent"
expect_out alice "the first command starts the installed agent, and its worker"
wait_until "READY=1" notified READY=1
ok "it tells systemd that it is ready"

unlock corp >/dev/null
keystay cert alice -o "$T/alice.pem"
cat >"$T/openssl.cnf" <<END
openssl_conf = openssl_init
[openssl_init]
providers = provider_sect
[provider_sect]
default = default_sect
keystay = keystay_sect
[default_sect]
activate = 1
[keystay_sect]
module = $root$modules/keystay.so
activate = 1
END
run env "${RIG_PRELOAD[@]}" OPENSSL_CONF="$T/openssl.cnf" curl -q --silent --show-error --max-time "$DEADLINE_S" \
	--cacert "$T/ca/root.pem" --cert "$T/alice.pem" "https://localhost:$port/"
expect_status 0 "curl gets its page with the installed provider"
expect_out "client=CN=alice" "curl gets its page with the installed provider"

process_start_until tunnel 'listening on' "$KEYSTAY" tunnel alice --listen "unix:$T/tunnel.sock" \
	--target "localhost:$port" --ca "$T/ca/root.pem" || fail "keystay tunnel: $(cat "$T/tunnel.log")"
run curl -q --silent --show-error --max-time "$DEADLINE_S" --unix-socket "$T/tunnel.sock" http://localhost/
expect_out "client=CN=alice" "the installed keystay tunnel finds its program and its provider"
process_stop "$started"

agent_stop
expect_equal "$agent_code" 0 "SIGTERM stops it with exit code 0"
wait_until "STOPPING=1" notified STOPPING=1
ok "it tells systemd that it is stopping"
no_worker_is_left() {
	! grep -aqs "^$root$prefix/bin/keystay-token" /proc/[0-9]*/cmdline
}
wait_until "the end of its workers" no_worker_is_left
ok "it leaves no worker behind"
