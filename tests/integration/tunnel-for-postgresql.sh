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
bin=$(ls -d /usr/lib/postgresql/*/bin /usr/bin 2>/dev/null | while read -r folder; do
	[ -x "$folder/initdb" ] && echo "$folder" && break
done)
[ -n "$bin" ] || skip "no PostgreSQL server is installed"
rig_alice

# initdb and postgres refuse to be root; a user of their own needs a folder they can enter.
as=()
data=$T/postgres
if [ "$(id -u)" -eq 0 ]; then
	id postgres >/dev/null 2>&1 || skip "PostgreSQL does not run as root, and there is no user postgres"
	as=(setpriv --reuid=postgres --regid=postgres --clear-groups env -u XDG_RUNTIME_DIR HOME=/)
	chmod 711 "$T"
fi
mkdir -p "$data"
[ ${#as[@]} -eq 0 ] || chown postgres "$data"
"${as[@]}" "$bin/initdb" -D "$data/db" -U alice -A trust -N --locale=C.UTF-8 >"$T/initdb.log" 2>&1 ||
	fail "initdb: $(tail -n 3 "$T/initdb.log")"
install -m 600 "$T/ca/server.key" "$T/ca/server.pem" "$T/ca/root.pem" "$data/"
[ ${#as[@]} -eq 0 ] || chown postgres "$data"/*.pem "$data"/*.key
echo 'hostssl all all 127.0.0.1/32 cert clientcert=verify-full' >"$data/db/pg_hba.conf"

# server_start NAME OPTION...: sets $port and $started.
server_start() {
	local name=$1
	shift
	port=$(port_free)
	process_start_until "$name" 'ready to accept connections' \
		"${as[@]}" "$bin/postgres" -D "$data/db" -p "$port" -h 127.0.0.1 -k "$data" "$@" ||
		fail "PostgreSQL did not start: $(tail -n 3 "$T/$name.log")"
}
server_start postgres -c ssl=on -c "ssl_cert_file=$data/server.pem" -c "ssl_key_file=$data/server.key" \
	-c "ssl_ca_file=$data/root.pem"
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
server_start plain -c ssl=off
tunnel_start plain-tunnel 127.0.0.1:0 --starttls postgres
ask "host=127.0.0.1 port=${where##*:}"
expect_err "the PostgreSQL server does no TLS" "a server without TLS gets nothing"
