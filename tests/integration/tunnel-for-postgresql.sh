#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# keystay tunnel --starttls postgres: a psql that knows of no certificate, over a Unix socket and over a port where it
# asks for TLS and is told no, to a PostgreSQL that wants clientcert=verify-full; the database knows who she is. A
# locked token and a server without TLS are said in psql's own error.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
rig_begin
# shellcheck source=rig_tunnel.sh
. "$RIG_FOLDER/rig_tunnel.sh"
rig_alice
# shellcheck source=rig_postgres.sh
. "$RIG_FOLDER/rig_postgres.sh"
postgres_make
postgres_start postgres "${postgres_tls[@]}"
server=$started

# ask CONNECTION...: who the database thinks this is.
ask() {
	run psql --no-psqlrc --tuples-only --no-align --command \
		"select client_dn, version from pg_stat_ssl where pid = pg_backend_pid()" \
		"$* dbname=postgres user=alice"
}

mkdir -m 700 "$T/sockets"
tunnel_start unix "unix:$T/sockets/.s.PGSQL.5432" --starttls postgres
ask "host=$T/sockets port=5432"
expect_status 0 "psql logs in over a Unix socket"
expect_out "CN=alice" "the database sees alice through a Unix socket"
expect_out "TLSv1.3" "over TLS"
tunnel_start port 127.0.0.1:0 --starttls postgres
for mode in disable prefer; do
	ask "host=127.0.0.1 port=${where##*:} sslmode=$mode"
	expect_out "CN=alice" "the database sees alice through a port, sslmode=$mode"
done
ask "host=127.0.0.1 port=${where##*:} sslmode=require"
expect_err "server does not support SSL" "psql is told that the tunnel has no TLS of its own"

run keystay explain --starttls postgres --ca "$T/ca/root.pem" --try "localhost:$port"
expect_status 0 "keystay explain --starttls postgres"
expect_out "of these CAs  CN=Example Root CA" "says what the database asks for"
expect_out "Tried         with alice" "and tries it"

# A request to cancel comes over a connection of its own; psql sends it on Ctrl-C.
run timeout --foreground --signal=INT 1 psql --no-psqlrc --command 'select pg_sleep(60)' \
	"host=127.0.0.1 port=${where##*:} sslmode=prefer dbname=postgres user=alice"
expect_err "canceling statement due to user request" "psql cancels a statement through the tunnel"

keystay lock >/dev/null
ask "host=127.0.0.1 port=${where##*:}"
expect_status 2 "psql gives up while the token is locked"
expect_err 'token "corp" is locked; run: keystay unlock corp' "it prints the agent's next step"
unlock corp >/dev/null

process_stop "$server" INT
postgres_start plain -c ssl=off
tunnel_start plain-tunnel 127.0.0.1:0 --starttls postgres
ask "host=127.0.0.1 port=${where##*:}"
expect_err "the PostgreSQL server does no TLS" "a server without TLS gets nothing"
