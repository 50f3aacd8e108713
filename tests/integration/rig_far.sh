# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# rig_far: a machine far away, which a real ssh reaches through a real sshd. Sourced by stories that forward sockets.
#
# It has a user of its own ("far", uid 4242, known to nobody outside) and no port: the client's ProxyCommand is the
# sshd, inside a mount namespace with its own /etc/passwd and /run.

FAR_UID=4242

# far_begin: makes it, or skips. $far is its folder, $far/run the far user's runtime folder.
far_begin() {
	need_root "an sshd for another user"
	command -v sshd >/dev/null || skip "sshd is not installed (openssh-server)"
	unshare --mount true 2>/dev/null || skip "no mount namespaces here"
	far=$T/far
	mkdir -m 755 "$far" "$far/etc"
	mkdir -m 700 "$far/run" "$far/home"
	chown $FAR_UID:$FAR_UID "$far/run" "$far/home"
	chmod 711 "$T"
	ssh-keygen -q -t ed25519 -N '' -f "$T/login"
	ssh-keygen -q -t ed25519 -N '' -f "$far/etc/host"
	install -m 644 "$T/login.pub" "$far/etc/authorized"
	{
		cat /etc/passwd
		echo "far:x:$FAR_UID:$FAR_UID::$far/home:/bin/bash"
	} >"$far/etc/passwd"
	chmod 644 "$far/etc/passwd"
	printf '%s\n' "HostKey $far/etc/host" "AuthorizedKeysFile $far/etc/authorized" 'PidFile none' 'StrictModes no' \
		'UsePAM no' 'StreamLocalBindUnlink yes' 'StreamLocalBindMask 0177' "SetEnv XDG_RUNTIME_DIR=$far/run" \
		>"$far/etc/sshd_config"
	cat >"$far/etc/start" <<-CODE
		#!/bin/bash
		set -e
		mount --bind "$far/etc/passwd" /etc/passwd
		mount -t tmpfs none /run
		mkdir /run/sshd
		exec $(command -v sshd) -i -e -f "$far/etc/sshd_config"
	CODE
	printf '%s\n' 'Host far' 'User far' "IdentityFile $T/login" 'IdentitiesOnly yes' 'StrictHostKeyChecking no' \
		"UserKnownHostsFile $T/known" 'LogLevel ERROR' 'ExitOnForwardFailure yes' \
		"ProxyCommand unshare --mount bash $far/etc/start 2>>$T/sshd.log" >"$T/ssh_config"
}

# far_ssh OPTION... : as ssh, which knows the host "far".
far_ssh() {
	ssh -F "$T/ssh_config" "$@"
}
