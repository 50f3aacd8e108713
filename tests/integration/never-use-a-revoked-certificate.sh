#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# A certificate that its CA has revoked is never used: a revocation list in certs/ and a reload, and its key signs
# nothing, is not chosen, and everybody says why. Another valid certificate of the same key makes it good again.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
rig_begin
# shellcheck source=rig_keys.sh
. "$RIG_FOLDER/rig_keys.sh"
ca_make
token_make corp
key_make corp p256 alice 01
key_make corp p256 spare 02
certificate_days intermediate client alice 30
certificate_days intermediate client spare 30
# alice stands first, so she is the best one while she is good.
agent_configure '[key "alice"]' 'match = pkcs11:object=alice' '[key "spare"]' 'match = pkcs11:object=spare'
server_start_nginx server
agent_start
unlock corp >/dev/null
keystay cert alice -o "$T/alice.pem"

# crl_of KEY FILE NAME...: FILE, a list that names these certificates, as the issuing CA makes it; signed with KEY.
crl_of() {
	local key=$1 file=$2 name
	shift 2
	mkdir -p "$T/crl"
	: >"$T/crl/index"
	printf '%s\n' '[ca]' 'default_ca = issuing' '[issuing]' "database = $T/crl/index" 'default_md = sha256' \
		'default_crl_days = 7' 'unique_subject = no' >"$T/crl/conf"
	for name; do
		openssl ca -config "$T/crl/conf" -cert "$T/ca/intermediate.pem" -keyfile "$T/ca/intermediate.key" \
			-revoke "$T/$name" 2>"$T/crl/out" || fail "$(cat "$T/crl/out")"
	done
	# A list of the same name that another key has signed needs a certificate of that key.
	openssl x509 -new -key "$key" -subj "/O=Example/CN=Example Issuing CA" -days 30 -extfile "$T/ca/extensions" \
		-extensions ca -out "$T/crl/signer.pem" 2>"$T/crl/out" || fail "$(cat "$T/crl/out")"
	openssl ca -config "$T/crl/conf" -gencrl -cert "$T/crl/signer.pem" -keyfile "$key" -out "$file" 2>"$T/crl/out" ||
		fail "$(cat "$T/crl/out")"
}
subject_of_best() {
	keystay cert auto -o "$T/auto.pem" && openssl x509 -in "$T/auto.pem" -noout -subject -nameopt RFC2253
}

# --- before ----------------------------------------------------------------------------------------------------------

run fetch "$port" "$T/alice.pem"
expect_out "CN=alice" "she signs"
expect_equal "$(subject_of_best)" "subject=CN=alice" "and is the best one"
crl_of "$T/ca/root.key" "$T/certs/forged.crl" certs/alice.pem
keystay reload >/dev/null
run fetch "$port" "$T/alice.pem"
expect_out "CN=alice" "a list that her CA has not signed says nothing"
grep -q 'forged.crl: it says that the certificate of CN=alice was revoked, but counts for nothing' "$T/agent.log" ||
	fail "the log says nothing of it: $(cat "$T/agent.log")"
ok "and the log says so"
rm "$T/certs/forged.crl"

# --- revoked ---------------------------------------------------------------------------------------------------------

crl_of "$T/ca/intermediate.key" "$T/certs/issuing.crl" certs/alice.pem
run fetch "$port" "$T/alice.pem"
expect_out "CN=alice" "nothing changes before the reload"
signed=$(signatures_of corp)
day=$(awk -F'\t' '{ print "20" substr($3, 1, 2) "-" substr($3, 3, 2) "-" substr($3, 5, 2) }' "$T/crl/index")
keystay reload >/dev/null
unlock corp >/dev/null
run fetch "$port" "$T/alice.pem"
expect_fail "after it she signs nothing"
expect_err "key \"alice\": its certificate was revoked on $day; get another one" "and the program says why"
expect_equal "$(signatures_of corp)" "$signed" "her token was not asked"
run keystay explain --ca "$T/ca/root.pem" "localhost:$port"
expect_out "no   its certificate was revoked" "keystay explain says it"
run keystay explain --offline alice localhost
expect_fail "so do the rules, without a server"
expect_out "its certificate was revoked on $day" "with the date"
run keystay list
expect_out " revoked" "keystay list says it"
expect_err "the certificate of alice was revoked, nothing is signed with it" "and what to do"
run keystay show alice
expect_out ", revoked" "keystay show says it"
expect_out "never chosen: its certificate was revoked" "and that she is never chosen"
run keystay list --json
expect_out '"validity": "revoked"' "programs can read it"
expect_equal "$(subject_of_best)" "subject=CN=spare" "another key is the best one"
run fetch "$port" "$T/auto.pem"
expect_out "CN=spare" "which signs"

# --- another certificate, and no list --------------------------------------------------------------------------------

mv "$T/certs/alice.pem" "$T/certs/revoked.pem"
certificate_days intermediate client alice 20
keystay reload >/dev/null
unlock corp >/dev/null
keystay cert alice -o "$T/new.pem"
run fetch "$port" "$T/new.pem"
expect_out "CN=alice" "another certificate of her key is taken instead"
expect_equal "$(openssl x509 -in "$T/new.pem" -noout -serial)" "$(openssl x509 -in "$T/certs/alice.pem" -noout -serial)" \
	"and it is the new one"
