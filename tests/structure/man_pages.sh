#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# The manual says what the programs say: each command and option of `keystay help` stands in keystay.1 under its
# command, each option of keystay-agent, keystay-token, -prompt, -prove, -audit, -tunnel, -explain and -enroll in their pages, each setting of
# agent/settings_table.c in keystay.conf.5 under its section, and nothing else does. mandoc(1) finds nothing to warn of.
#
# usage: man_pages.sh SOURCE-FOLDER BUILD-FOLDER                exit code 1 with a line for each difference
#        man_pages.sh SOURCE-FOLDER BUILD-FOLDER --self-test    each page loses and gains a line: all must be found

set -euo pipefail
source_folder=$1
programs=$2/bin
pages=$source_folder/man
work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
problems=0

# compare WHAT SAID WRITTEN: two files of lines, which must be the same set.
compare() {
	local line
	sort -u -o "$2" "$2"
	sort -u -o "$3" "$3"
	if [ ! -s "$2" ]; then
		echo "$1: nothing was found to compare with"
		problems=$((problems + 1))
	fi
	while read -r line; do
		echo "$1: not in the manual: $line"
		problems=$((problems + 1))
	done < <(comm -23 "$2" "$3")
	while read -r line; do
		echo "$1: only in the manual: $line"
		problems=$((problems + 1))
	done < <(comm -13 "$2" "$3")
}

# options_of_help: the options in a help text: "  -o, --output FILE   …" gives -o and --output. --help is everywhere.
options_of_help() {
	sed -n 's/^  \(-.*\)$/\1/p' | sed 's/   *.*//' | grep -oE -- '(^|[ ,])--?[a-z0-9][a-z0-9-]*' | tr -d ' ,' |
		grep -vx -e -h -e --help
}

# commands_of_page: "status --json" for each option of keystay.1, "status" for each command.
commands_of_page() {
	awk '
		/^\.Sh / { inside = /COMMANDS/ }
		inside && /^\.It Ic / { command = $3; print command; next }
		inside && /^\.It Fl / {
			for (i = 2; i <= NF; i++)
				if ($i == "Fl")
					print command, "-" $(i + 1)
		}' "$1"
}

check_commands() {
	local command
	for command in $("$programs/keystay" help | sed -n 's/^  \([a-z][a-z-]*\)  .*/\1/p' | grep -vx keystay); do
		echo "$command"
		[ "$command" = help ] && continue
		"$programs/keystay" help "$command" | options_of_help | sed "s/^/$command /" || true
	done >"$work/said"
	commands_of_page "$pages/keystay.1" >"$work/written"
	compare keystay.1 "$work/said" "$work/written"
}

# check_options PROGRAM PAGE: those of the list of options.
check_options() {
	"$programs/$1" --help | options_of_help >"$work/said"
	sed -n 's/^\.It Fl \(-[a-z0-9-]*\).*/-\1/p' "$pages/$2" | grep -vx -e --help >"$work/written" || true
	compare "$2" "$work/said" "$work/written"
}

# Rows of the tables: "agent unlock-for"; those of the page the same, under its .Ss of that section.
check_settings() {
	awk '
		match($0, /ks_settings_row [a-z]+_rows/) { section = substr($0, RSTART + 16, RLENGTH - 21) }
		/ks_settings_row ks_settings_enrol_rows/ { section = "profile" }
		section && /^};/ { section = "" }
		section && match($0, /= \{ "[a-z0-9-]+",/) { print section, substr($0, RSTART + 5, RLENGTH - 7) }
	' "$source_folder/agent/settings_table.c" "$source_folder/agent/settings_enrol.c" >"$work/said"
	awk '
		/^\.S[hs] / { section = ""; if (match($0, /\[[a-z]+/)) section = substr($0, RSTART + 1, RLENGTH - 1) }
		section && /^\.It Cm [a-z0-9-]+ =/ { print section, $3 }
	' "$pages/keystay.conf.5" >"$work/written"
	compare keystay.conf.5 "$work/said" "$work/written"
}

check_lint() {
	local page
	for page in "$pages"/*.[1-9]; do
		mandoc -T lint -W warning "$page" || problems=$((problems + 1))
	done
}

check_all() {
	problems=0
	check_commands
	check_options keystay-agent keystay-agent.1
	check_options keystay-token keystay-token.8
	check_options keystay-prompt keystay-prompt.1
	check_options keystay-prove keystay-prove.8
	check_options keystay-tunnel keystay-tunnel.1
	check_options keystay-explain keystay-explain.1
	check_options keystay-enroll keystay-enroll.1
	check_options keystay-audit keystay-audit.8
	check_settings
	if command -v mandoc >/dev/null; then
		check_lint
	fi
}

# plant PAGE SED-COMMAND: with that change, something must be found.
plant() {
	local before=$missed
	rm -rf -- "$work/man"
	cp -r -- "$source_folder/man" "$work/man"
	sed -i "$2" "$work/man/$1"
	pages=$work/man
	check_all >"$work/found"
	if [ "$problems" -eq 0 ]; then
		missed=$((missed + 1))
	fi
	[ "$missed" -gt "$before" ] && echo "MISSED: $1 changed by $2" || echo "ok: found: $(head -n1 "$work/found")"
}

if [ "${3-}" = --self-test ]; then
	missed=0
	plant keystay.1 '/^\.It Ic reload/d'
	plant keystay.1 's/^\.It Fl -pin-fd .*/.It Fl -pin/'
	plant keystay.1 's/^\.It Fl o , Fl -output/.It Fl -output/'
	plant keystay-agent.1 '/^\.It Fl -ready-fd/d'
	plant keystay-token.8 's/^\.It Fl -sessions/.It Fl -session/'
	plant keystay-prompt.1 's/^\.It Fl -version/.It Fl -versions/'
	plant keystay-prove.8 '/^\.It Fl -again/d'
	plant keystay-audit.8 's/^\.It Fl -keep/.It Fl -keeps/'
	plant keystay-tunnel.1 '/^\.It Fl -alpn/d'
	plant keystay-explain.1 '/^\.It Fl -insecure/d'
	plant keystay-enroll.1 '/^\.It Fl -watch/d'
	plant keystay.conf.5 '/^\.It Cm eku/d'
	plant keystay.conf.5 's/^\.It Cm keep-pin = Cm no/.It Cm keep-pins = Cm no/'
	if command -v mandoc >/dev/null; then
		plant keystay-provider.7 's/^\.It Ev OPENSSL_CONF/.El/'
	fi
	exit "$((missed > 0))"
fi

check_all
[ "$problems" -eq 0 ] || exit 1
if ! command -v mandoc >/dev/null; then
	echo "mandoc is not installed: the pages' markup was not checked"
	exit 77
fi
echo "ok: the manual says what the programs say"
