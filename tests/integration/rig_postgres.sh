# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034,SC2154 # names are for the stories, T is of lib.sh
#
# rig_postgres: a PostgreSQL that wants clientcert=verify-full over TLS, of a user of its own. Sourced after rig_alice.

postgres_bin=''
for folder in /usr/lib/postgresql/*/bin /usr/bin; do
	if [ -x "$folder/initdb" ]; then
		postgres_bin=$folder
		break
	fi
done
[ -n "$postgres_bin" ] || skip "no PostgreSQL server is installed"
postgres_data=$T/postgres
# initdb and postgres refuse to be root; a user of their own needs a folder they can enter.
postgres_as=()
if [ "$(id -u)" -eq 0 ]; then
	id postgres >/dev/null 2>&1 || skip "PostgreSQL does not run as root, and there is no user postgres"
	postgres_as=(setpriv --reuid=postgres --regid=postgres --clear-groups env -u XDG_RUNTIME_DIR HOME=/)
	chmod 711 "$T"
fi

# postgres_make: its database, with "alice" as the first user.
postgres_make() {
	mkdir -p "$postgres_data"
	[ ${#postgres_as[@]} -eq 0 ] || chown postgres "$postgres_data"
	"${postgres_as[@]}" "$postgres_bin/initdb" -D "$postgres_data/db" -U alice -A trust -N --locale=C.UTF-8 \
		>"$T/initdb.log" 2>&1 || fail "initdb: $(tail -n 3 "$T/initdb.log")"
	install -m 600 "$T/ca/server.key" "$T/ca/server.pem" "$T/ca/root.pem" "$postgres_data/"
	[ ${#postgres_as[@]} -eq 0 ] || chown postgres "$postgres_data"/*.pem "$postgres_data"/*.key
	echo 'hostssl all all 127.0.0.1/32 cert clientcert=verify-full' >"$postgres_data/db/pg_hba.conf"
	postgres_tls=(-c ssl=on -c "ssl_cert_file=$postgres_data/server.pem" -c "ssl_key_file=$postgres_data/server.key"
		-c "ssl_ca_file=$postgres_data/root.pem")
}

# postgres_start NAME OPTION...: sets $port and $started.
postgres_start() {
	local name=$1 attempt
	shift
	for attempt in 1 2 3 4 5; do
		port=$(port_free)
		if process_start_until "$name" 'ready to accept connections' "${postgres_as[@]}" "$postgres_bin/postgres" \
			-D "$postgres_data/db" -p "$port" -h 127.0.0.1 -k "$postgres_data" "$@"; then
			return 0
		fi
	done
	fail "PostgreSQL did not start in $attempt attempts: $(tail -n 3 "$T/$name.log")"
}
