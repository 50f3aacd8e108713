#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# A sign socket in a container: a root folder, /run, processes and users of its own, and one folder from outside, that
# of a socket. Programs in it sign with the keys of that socket and see nothing else of the agent; the PIN is asked for
# outside; a restarted agent is there again in a container that never stopped.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
need_root "making a container"
unshare --mount --pid --fork true 2>/dev/null || skip "no mount namespaces here"
for_others
rig_begin
[ ${#RIG_PRELOAD[@]} -eq 0 ] || skip "a container has no sanitizer's library in it"
rig_alice_token p256
key_make corp p256 bob 02
certificate_make bob
server_start_nginx nginx
prompt_begin
umask 022
user=4242
mkdir -m 755 "$T/box" "$T/data" "$T/root"
chmod 755 "$T"
agent_configure "${PROMPT_LINES[@]}" '[socket "box"]' "path = $T/box/agent.sock" "users = $user" 'keys = alice'
agent_start
unlock corp >/dev/null
keystay cert alice --no-key >/dev/null
keystay cert alice >"$T/data/alice.pem"
cp "$T/ca/root.pem" "$T/data/root.pem"
chmod 644 "$T"/data/*

cat >"$T/enter" <<'CODE'
#!/bin/bash
# enter ROOT FOLDER-OF-A-SOCKET DATA BUILD UID COMMAND...
set -e
root=$1 sockets=$2 data=$3 build=$4 uid=$5
shift 5
mount --make-rprivate /
mount -t tmpfs none "$root"
mkdir -p "$root"/{old,proc,run/keystay/sign,tmp,data,usr,etc,dev} "$root$build"
for name in bin sbin lib lib32 lib64 libx32; do
	if [ -L "/$name" ]; then
		cp -P "/$name" "$root/$name"
	elif [ -d "/$name" ]; then
		mkdir "$root/$name"
		mount --bind "/$name" "$root/$name"
	fi
done
mount --rbind /usr "$root/usr"
mount --rbind /etc "$root/etc"
mount --rbind /dev "$root/dev"
mount -t tmpfs none "$root/dev/shm"
mount --bind "$build" "$root$build"
mount --bind "$data" "$root/data"
mount --bind "$sockets" "$root/run/keystay/sign"
mkdir -m 700 "$root/run/own"
chown "$uid" "$root/run/own"
mount -t proc none "$root/proc"
cd "$root"
pivot_root . old
cd /
umount -l /old
exec "$@"
CODE
chmod 755 "$T/enter"

# box FOLDER UID COMMAND...: in a container with this folder; UID is its root's number outside.
box() {
	local folder=$1 uid=$2
	shift 2
	local as=()
	[ "$uid" = 0 ] || as=(setpriv --reuid "$uid" --regid "$uid" --clear-groups unshare --user --map-root-user)
	unshare --mount --pid --fork --ipc --uts "$T/enter" "$T/root" "$folder" "$T/data" "$BUILD" "$uid" env \
		XDG_RUNTIME_DIR=/run/own HOME=/run/own KEYSTAY_SOCK=/run/keystay/sign/agent.sock "${as[@]}" "$@"
}
fetch_in_it=("$KEYSTAY" run -- curl -q --silent --show-error --max-time "$DEADLINE_S" --cacert /data/root.pem
	--cert /data/alice.pem "https://localhost:$port/")

# --- a container of another user -------------------------------------------------------------------------------------

run box "$T/box" $user bash -c 'id -u; ls -d / /run/keystay/*; ls '"$T"' 2>&1'
expect_out "No such file or directory" "the container has a root folder and a /run of its own"
grep -qx 0 "$T/out" || fail "it is not root inside"
run box "$T/box" $user "$KEYSTAY" list
expect_status 0 "keystay list in the container"
expect_out alice "it sees the key of its socket"
! grep -q bob "$T/out" || fail "it sees another one"
ok "and no other"
run box "$T/box" $user "${fetch_in_it[@]}"
expect_status 0 "curl in the container"
expect_out "client=CN=alice" "curl in the container signs, with users mapped"
run box "$T/box" $user "$KEYSTAY" status
expect_fail "keystay status in the container"
ok "the control socket is not in it"
run box "$T/box" 4243 "$KEYSTAY" list
expect_fail "a container of somebody else"
expect_err "does not sign for uid 4243" "who calls himself root in a container of his own is who he is outside"

# --- a container of the agent's own user: the folder as it is --------------------------------------------------------

sign=${XDG_RUNTIME_DIR}/keystay/sign
keystay lock >/dev/null
prompt_answers "$PIN"
run box "$sign" 0 env KEYSTAY_PROMPT=never "${fetch_in_it[@]}"
expect_fail "a locked token"
run box "$sign" 0 "${fetch_in_it[@]}"
expect_status 0 "curl in a container of the same user"
expect_out "client=CN=alice" "the folder of a user's own sockets can be given to a container as it is"
expect_equal "$(prompt_count)" 1 "the PIN was asked for outside, where the token is"

# --- a container outlives the agent ----------------------------------------------------------------------------------

mkfifo "$T/go"
exec {go}<>"$T/go"
# shellcheck disable=SC2016 # for the shell inside
box "$T/box" $user bash -c 'echo ready; read -r line <&'"$go"'; exec "$@"' - "${fetch_in_it[@]}" >"$T/later.out" 2>&1 &
waiting=$!
process_started $waiting
is_ready() {
	grep -q ready "$T/later.out"
}
wait_until "a container that runs" is_ready
agent_stop
agent_start
unlock corp >/dev/null
echo >&"$go"
wait $waiting || fail "curl after the restart: $(cat "$T/later.out")"
grep -q "client=CN=alice" "$T/later.out" || fail "curl after the restart: $(cat "$T/later.out")"
ok "a container that was there before the agent was restarted signs with the new one"
