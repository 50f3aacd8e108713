# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034 # names are for the stories
#
# rig_module: programs that come through keystay-pkcs11.so. Sourced after lib.sh by the stories that need it.

MODULE_FILE=$BUILD/lib/pkcs11/keystay-pkcs11.so
MODULE_ALLOWS=('[socket "module"]' 'allow = tls, digest')

# module_key NAME [RIGHT]: the lines of a [key] section, with `allow = tls, RIGHT`.
module_key() {
	printf '%s\n' "[key \"$1\"]" "match = pkcs11:object=$1" "allow = tls${2:+, $2}"
}

# p11_kit_begin [PATH...]: "${with_p11_kit[@]}" COMMAND... runs a program whose p11-kit knows of keystay-pkcs11.so and
# of these modules, and of none of this machine. p11-kit looks for a user's configuration everywhere but in programs of
# root, so root's are started in a user namespace, as another user than root.
p11_kit_begin() {
	local folder=$XDG_CONFIG_HOME/pkcs11 path
	mkdir -p "$folder/modules"
	echo 'user-config: only' >"$folder/pkcs11.conf"
	for path in "$MODULE_FILE" "$@"; do
		echo "module: $path" >"$folder/modules/$(basename "$path" .so).module"
	done
	with_p11_kit=(env "${RIG_PRELOAD[@]}")
	if [ "$(id -u)" -eq 0 ]; then
		with_p11_kit=(unshare --user --map-user=1000 --map-group=1000 -- "${with_p11_kit[@]}")
		"${with_p11_kit[@]}" true 2>"$T/err" || skip "no user namespace for p11-kit: $(cat "$T/err")"
	fi
	run "${with_p11_kit[@]}" p11-kit list-modules
	expect_status 0 "p11-kit reads its configuration"
	expect_out 'library-description: keystay PKCS#11 module' "p11-kit loads keystay-pkcs11.so"
}

# expect_digest_refused KEY PROGRAM SENTENCE: the agent's log since the last such question names both, and says what to
# change.
module_log_seen=0
expect_digest_refused() {
	local new
	new=$(tail -n +$((module_log_seen + 1)) "$T/agent.log")
	module_log_seen=$(wc -l <"$T/agent.log")
	grep -qE "key \"$1\": $2( \(pid [0-9]+\))? sent only a digest, which keystay cannot check; to allow it: write" \
		<<<"$new" || fail "$3 (the agent's log does not name $2 and \"$1\": $new)"
	ok "$3"
}
