# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# rig_pki: tokens, keys on them and the certificates of a small CA. Part of lib.sh.
#
# The CA is a root that servers trust and an intermediate that issues everything, so that each story also shows that
# the whole chain is sent. Must never: touch a token while an agent uses it (SoftHSM rewrites its files).

# --- tokens and keys -------------------------------------------------------------------------------------------------

# token_make LABEL: a SoftHSM token with user PIN $PIN. Its files are in $T/tokens.
token_make() {
	mkdir -p "$T/tokens"
	if [ ! -e "$SOFTHSM2_CONF" ]; then
		printf '%s\n' "directories.tokendir = $T/tokens" 'objectstore.backend = file' 'log.level = ERROR' \
			'slots.removable = false' >"$SOFTHSM2_CONF"
	fi
	softhsm2-util --init-token --free --label "$1" --so-pin 87654321 --pin "$PIN" >"$T/token.out" 2>&1 ||
		fail "softhsm2-util could not make a token: $(cat "$T/token.out")"
}

# key_make TOKEN TYPE NAME ID: a key that is made on the token and never leaves it; its public half in $T/NAME.pub.
# TYPE: rsa2048 rsa3072 rsa4096 p256 p384 p521 ed25519. ID: hexadecimal digits.
key_make() {
	local token=$1 type=$2 name=$3 id=$4
	pkcs11-tool --module "$SOFTHSM" --token-label "$token" --login --pin "$PIN" --keypairgen \
		--key-type "$(key_type_of_pkcs11_tool "$type")" --label "$name" --id "$id" --usage-sign >"$T/key.out" 2>&1 ||
		fail "pkcs11-tool could not make a key: $(cat "$T/key.out")"
	"$PYTHON" "$RIG_FOLDER/public_key.py" "$SOFTHSM" "$token" "$id" >"$T/$name.pub"
}

key_type_of_pkcs11_tool() {
	case $1 in
	rsa*) echo "rsa:${1#rsa}" ;;
	p256) echo EC:prime256v1 ;;
	p384) echo EC:secp384r1 ;;
	p521) echo EC:secp521r1 ;;
	ed25519) echo EC:edwards25519 ;;
	*) fail "no key type $1" ;;
	esac
}

# key_make_file TYPE FILE: an ordinary key in a PEM file, for servers and for comparison.
key_make_file() {
	case $1 in
	rsa*) openssl genpkey -quiet -algorithm RSA -pkeyopt "rsa_keygen_bits:${1#rsa}" -out "$2" ;;
	ed25519) openssl genpkey -algorithm ED25519 -out "$2" ;;
	*) openssl genpkey -algorithm EC -pkeyopt "ec_paramgen_curve:P-${1#p}" -out "$2" ;;
	esac 2>/dev/null
}

# key_import TOKEN FILE NAME ID: puts an ordinary key on the token (for tokens with many keys: no key is generated).
key_import() {
	softhsm2-util --import "$2" --token "$1" --label "$3" --id "$4" --pin "$PIN" >"$T/key.out" 2>&1 ||
		fail "softhsm2-util could not import a key: $(cat "$T/key.out")"
}

# certificate_import TOKEN FILE NAME ID: puts a certificate on the token, beside the key of the same ID.
certificate_import() {
	openssl x509 -in "$2" -outform DER -out "$T/import.der"
	pkcs11-tool --module "$SOFTHSM" --token-label "$1" --login --pin "$PIN" --write-object "$T/import.der" \
		--type cert --label "$3" --id "$4" >"$T/key.out" 2>&1 ||
		fail "pkcs11-tool could not store a certificate: $(cat "$T/key.out")"
}

# --- the CA ----------------------------------------------------------------------------------------------------------

# ca_make: $T/ca/root.pem, $T/ca/intermediate.pem, and the server's certificate in $T/ca/server.{pem,key}; the
# intermediate goes to certs/ beside keystay.conf.
ca_make() {
	mkdir -p "$T/ca"
	printf '%s\n' '[ca]' 'basicConstraints = critical, CA:TRUE' 'keyUsage = critical, keyCertSign, cRLSign' \
		'subjectKeyIdentifier = hash' \
		'[server]' 'basicConstraints = CA:FALSE' 'keyUsage = critical, digitalSignature' \
		'extendedKeyUsage = serverAuth' 'subjectAltName = DNS:localhost, IP:127.0.0.1' \
		'[client]' 'basicConstraints = CA:FALSE' 'keyUsage = critical, digitalSignature' \
		'extendedKeyUsage = clientAuth' >"$T/ca/extensions"
	local name
	for name in root intermediate server; do
		key_make_file p256 "$T/ca/$name.key"
		openssl pkey -in "$T/ca/$name.key" -pubout -out "$T/ca/$name.pub"
	done
	openssl x509 -new -key "$T/ca/root.key" -subj "/O=Example/CN=Example Root CA" -days 60 \
		-extfile "$T/ca/extensions" -extensions ca -out "$T/ca/root.pem" 2>"$T/ca/out" ||
		fail "openssl could not make the root: $(cat "$T/ca/out")"
	certificate_issue root ca "$T/ca/intermediate.pub" "/O=Example/CN=Example Issuing CA" "$T/ca/intermediate.pem"
	certificate_issue intermediate server "$T/ca/server.pub" "/O=Example/CN=localhost" "$T/ca/server-leaf.pem"
	cat "$T/ca/server-leaf.pem" "$T/ca/intermediate.pem" >"$T/ca/server.pem"
	cp "$T/ca/intermediate.pem" "$T/certs/intermediate.pem"
}

# certificate_issue ISSUER SECTION PUBLIC-KEY SUBJECT FILE: ISSUER is root or intermediate.
certificate_issue() {
	openssl x509 -new -force_pubkey "$3" -subj "$4" -days 30 -CA "$T/ca/$1.pem" -CAkey "$T/ca/$1.key" \
		-extfile "$T/ca/extensions" -extensions "$2" -out "$5" 2>"$T/ca/out" ||
		fail "openssl could not issue a certificate: $(cat "$T/ca/out")"
}

# certificate_make NAME [SUBJECT]: a client certificate for the key whose public half is $T/NAME.pub, into certs/.
certificate_make() {
	certificate_issue intermediate client "$T/$1.pub" "${2:-/O=Example/CN=$1}" "$T/certs/$1.pem"
}
