# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034 # names are for the stories
#
# rig_prompt: dialogs that a script answers (tests/fakes/fake_pinentry) instead of a person. Part of lib.sh.
#
# A story says prompt_begin before agent_start, gives agent_configure the lines of "${PROMPT_LINES[@]}", and then says
# how dialogs are answered. What dialogs said can be asked for afterwards. PINs are never written down.

FAKE_PINENTRY=$SOURCE_FOLDER/tests/fakes/fake_pinentry
PROMPT_LINES=('[agent]' "pinentry = $FAKE_PINENTRY")

# prompt_begin: from now on dialogs can be shown (a display that nobody has is named), and every one is cancelled until
# something else is said.
prompt_begin() {
	prompt_folder=$T/pinentry
	mkdir -p "$prompt_folder"
	[ -p "$prompt_folder/release" ] || mkfifo "$prompt_folder/release"
	: >"$prompt_folder/log"
	export KEYSTAY_FAKE_PINENTRY=$prompt_folder DISPLAY=:keystay-test
	unset KEYSTAY_PROMPT # of rig_begin
	prompt_script cancel
}

# prompt_script LINE...: one for each dialog from the next one on, the last for all after it (fake_pinentry says which
# lines there are).
prompt_script() {
	local n
	n=$(prompt_count)
	{
		while [ "$n" -gt 0 ]; do
			echo used
			n=$((n - 1))
		done
		printf '%s\n' "$@"
	} >"$prompt_folder/script.new"
	mv "$prompt_folder/script.new" "$prompt_folder/script"
}

# prompt_answers PIN...: the next dialogs are given these PINs, the last one for ever.
prompt_answers() {
	prompt_script "${@/#/pin }"
}

# prompt_answers_once PIN...: the same, and every dialog after them is cancelled.
prompt_answers_once() {
	prompt_script "${@/#/pin }" cancel
}

prompt_cancels() {
	prompt_script cancel
}

# prompt_holds PIN: dialogs stay open; each one is given the PIN by a prompt_release of its own.
prompt_holds() {
	prompt_script "hold pin $1"
}

# prompt_holds_and LINE: the same with another end: "cancel", "die", …
prompt_holds_and() {
	prompt_script "hold $1"
}

# prompt_release: the dialog that is open goes on.
prompt_release() {
	# shellcheck disable=SC2016 # expanded by the inner shell
	timeout "$DEADLINE_S" "$BASH" -c 'echo >"$1"' - "$prompt_folder/release" || fail "no dialog is open"
}

# prompt_count: how many dialogs were shown so far.
prompt_count() {
	grep -c '^DIALOG ' "$prompt_folder/log" || true
}

# prompt_wait [N]: until the Nth dialog of the story (the first) is open.
prompt_wait() {
	# shellcheck disable=SC2317 # called by wait_until
	prompt_has_shown() {
		[ "$(prompt_count)" -ge "$1" ]
	}
	wait_until "dialog number ${1:-1}" prompt_has_shown "${1:-1}"
}

# prompt_said WORD: what the last dialog was told with this command of the Assuan protocol, without escapes.
prompt_said() {
	"$PYTHON" - "$prompt_folder/log" "$1" <<-'END'
		import sys, urllib.parse
		said = ""
		for line in open(sys.argv[1], encoding="utf-8", errors="surrogateescape"):
		    if line.startswith("START"):
		        said = ""
		    elif line.startswith(f"> {sys.argv[2]} "):
		        said = line.rstrip("\n").split(" ", 2)[2]
		print(urllib.parse.unquote(said))
	END
}

# prompt_text, prompt_problem, prompt_title: of the last dialog.
prompt_text() {
	prompt_said SETDESC
}
prompt_problem() {
	prompt_said SETERROR
}
prompt_title() {
	prompt_said SETTITLE
}

# prompt_is_gone: no pinentry of this story runs any more.
prompt_is_gone() {
	! rig_running_program "$FAKE_PINENTRY"
}

# rig_running_program FILE: does a script of this path run in the rig's environment?
rig_running_program() {
	local pid
	for pid in $(rig_running); do
		if { tr '\0' '\n' <"/proc/$pid/cmdline"; } 2>/dev/null | grep -qxF -- "$1"; then
			return 0
		fi
	done
	return 1
}
