#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# psql to a PostgreSQL that wants clientcert=verify-full: alice's PEM file as certificate and key, TLS 1.3 and TLS 1.2,
# and the database knows who she is.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
rig_begin
rig_alice
# shellcheck source=rig_postgres.sh
. "$RIG_FOLDER/rig_postgres.sh"
postgres_make
postgres_start postgres "${postgres_tls[@]}"

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
