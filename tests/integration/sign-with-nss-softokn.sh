#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Keys in an NSS database without a password, as browsers keep them: softokn gets its own words at its start
# (init-args), the token needs no PIN and is open at once. RSA and P-256, in TLS 1.3 and 1.2; certificates from the
# database itself. A killed worker is replaced and nobody notices; a folder without a database is said to be one.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

rig_begin
ca_make
nss_begin
nss_key_make p256 alice
nss_key_make rsa2048 bob
server_start_nginx nginx
# Its first slot has algorithms and no keys.
tokens_configure nss "init-args = $NSS_INIT_ARGS" 'slots = 2'
before=$(sha256sum "$T"/nss/*.db)
agent_start

run keystay list
expect_out "NSS Certificate DB" "the token is called as NSS calls it"
expect_out alice "the P-256 key is called as in the database"
expect_out bob "and so is the RSA key"
expect_equal "$(status_of 'list(tokens)')" "['NSS Certificate DB']" "the slot without keys is left out"
run keystay status
expect_out "open, needs no PIN" "the token is open, and nobody is asked for a PIN"
keystay cert alice -o "$T/alice.pem"
keystay cert bob -o "$T/bob.pem"
tokens_fetch_both "$T/alice.pem" alice
tokens_fetch_both "$T/bob.pem" bob
run keystay unlock "NSS Certificate DB" </dev/null
expect_status 0 "unlocking what needs no PIN"

tokens_kill_worker nss
tokens_fetch_both "$T/alice.pem" alice
expect_equal "$(sha256sum "$T"/nss/*.db)" "$before" "the database is as it was"

tokens_configure nss "init-args = configdir='sql:$T/nowhere' flags=readOnly"
keystay reload >/dev/null
wait_until "a word about a folder without a database" grep -qF "NSS finds no database in the folder" "$T/agent.log"
ok "a folder without a database is said to be one"
run fetch "$port" "$T/alice.pem"
expect_fail "no signature without the database"
