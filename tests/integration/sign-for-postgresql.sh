#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# psql to a PostgreSQL that wants clientcert=verify-full: alice's PEM file as certificate and key, TLS 1.3 and TLS 1.2,
# and the database knows who she is.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
rig_begin
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
port=$(port_free)
process_start_until postgres 'ready to accept connections' \
	"${as[@]}" "$bin/postgres" -D "$data/db" -p "$port" -h 127.0.0.1 -k "$data" -c ssl=on -c "ssl_cert_file=$data/server.pem" \
	-c "ssl_key_file=$data/server.key" -c "ssl_ca_file=$data/root.pem" ||
	fail "PostgreSQL did not start: $(tail -n 3 "$T/postgres.log")"

for version in 1.3 1.2; do
	run client psql --no-psqlrc --tuples-only --no-align --command \
		"select client_dn, version from pg_stat_ssl where pid = pg_backend_pid()" \
		"host=localhost hostaddr=127.0.0.1 port=$port dbname=postgres user=alice sslmode=verify-full
		sslrootcert=$T/ca/root.pem sslcert=$T/alice.pem sslkey=$T/alice.pem
		ssl_min_protocol_version=TLSv$version ssl_max_protocol_version=TLSv$version"
	expect_status 0 "psql logs in over TLS $version"
	expect_out "CN=alice" "the database sees alice over TLS $version"
	expect_out "TLSv$version" "it was TLS $version"
done
# verify-full: who presents alice's certificate cannot be anybody else.
run client psql --no-psqlrc --command 'select 1' "host=localhost hostaddr=127.0.0.1 port=$port dbname=postgres user=mallory
	sslmode=verify-full sslrootcert=$T/ca/root.pem sslcert=$T/alice.pem sslkey=$T/alice.pem"
expect_status 2 "the database lets nobody in by the name of mallory"
expect_err 'certificate authentication failed for user "mallory"' "it says that the certificate is not hers"
wait_until "PostgreSQL's log" grep -q 'user name (mallory) and authenticated user name (alice) do not match' "$T/postgres.log"
ok "the database compared the certificate's name"
keystay lock >/dev/null
run client psql --no-psqlrc --command 'select 1' "host=localhost hostaddr=127.0.0.1 port=$port dbname=postgres user=alice
	sslmode=verify-full sslrootcert=$T/ca/root.pem sslcert=$T/alice.pem sslkey=$T/alice.pem"
expect_status 2 "psql gives up while the token is locked"
expect_err 'token "corp" is locked; run: keystay unlock corp' "it prints the agent's next step"
