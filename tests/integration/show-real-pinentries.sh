#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Dialogs of the pinentries that people have, as keystay-prompt starts them: on a terminal that is not its own
# (pinentry-curses, pinentry-tty) and on a display (pinentry-gtk-2, -qt, -gnome3). A person types, gives up, or is not
# there; the agent withdraws the question. The terminal always gets its echo back, and no pinentry is left.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
rig_begin
# shellcheck source=rig_screen.sh
. "$RIG_FOLDER/rig_screen.sh"

# is_gone PROGRAM
# shellcheck disable=SC2317 # called by wait_until
is_gone() {
	! rig_running_program "$1"
}

# on_terminal NAME KEYS: one of the pinentries for terminals, and how it is cancelled.
on_terminal() {
	local program=/usr/bin/$1
	ask_start "$1" "$program" "tty=$terminal" term=screen
	terminal_wait "www.corp.example (claimed, not proven)"
	terminal_wait "2 tries are left."
	terminal_type 271828 Enter
	ask_result "$1"
	expect_equal "$result" "pin 271828" "$1: what was typed is the answer"
	! terminal_text | grep -qF 271828 || fail "$1: the PIN stands on the terminal"
	terminal_echoes || fail "$1: the terminal has no echo after the answer"

	terminal_clear
	ask_start "$1" "$program" "tty=$terminal" term=screen timeout_ms=1000
	ask_result "$1"
	expect_equal "$result" "error 5: nobody answered the dialog within 1 seconds" "$1: nobody is there"
	terminal_echoes || fail "$1: the terminal has no echo after its time was over"

	terminal_clear
	ask_start "$1" "$program" "tty=$terminal" term=screen
	terminal_wait "2 tries are left."
	# shellcheck disable=SC2086 # these are several keys
	terminal_type $2
	ask_result "$1"
	expect_equal "$result" "error 6: the dialog was cancelled" "$1: the person gives up"
	terminal_echoes || fail "$1: the terminal has no echo after a cancelled dialog"

	terminal_clear
	ask_start "$1" "$program" "tty=$terminal" term=screen
	terminal_wait "2 tries are left."
	process_stop "$asking" KILL
	wait_until "the end of $1" is_gone "$program"
	wait_until "the terminal's echo" terminal_echoes
	ok "$1: it goes with the agent, and the terminal has its echo"
	terminal_clear
}

# reads_the_dialog: a person needs longer than KS_CONFIRM_HASTE_MS (lib/protocol/limits.h).
reads_the_dialog() {
	pause 1.1
}

# consent_on_terminal NAME YES NO: a yes or no there, by these keys; a yes that comes at once is asked for again.
consent_on_terminal() {
	local program=/usr/bin/$1 ask_text=$SCREEN_CONSENT attempt
	local -a question=("tty=$terminal" term=screen kind=confirm ok=Allow cancel=Refuse)
	ask_start "$1" "$program" "${question[@]}"
	terminal_wait "Server: db.corp.example (proven)"
	terminal_wait Refuse
	reads_the_dialog
	terminal_type "$2"
	ask_result "$1"
	expect_equal "$result" yes "$1: a person reads, and allows it"

	terminal_clear
	ask_start "$1" "$program" "${question[@]}"
	terminal_wait Refuse
	# shellcheck disable=SC2086 # these are several keys
	terminal_type $3
	ask_result "$1"
	expect_equal "$result" "error 6: the dialog was cancelled" "$1: a person refuses"
	terminal_echoes || fail "$1: the terminal has no echo after a refusal"

	# On a busy machine a key may need a second to get there: then it is no hasty one.
	for attempt in 1 2 3 4 5; do
		terminal_clear
		ask_start "$1" "$program" "${question[@]}"
		terminal_wait Refuse
		terminal_type "$2"
		wait_until "an answer to the key" hasty_is_seen "$1"
		[ ! -s "$T/$1.out" ] || continue
		ok "$1: a yes that nobody can mean is asked for again"
		process_stop "$asking" KILL
		wait_until "the end of $1" is_gone "$program"
		terminal_clear
		return 0
	done
	fail "$1: a yes at once counted $attempt times"
}
# shellcheck disable=SC2317 # called by wait_until
hasty_is_seen() {
	[ -s "$T/$1.out" ] || terminal_text | grep -qF 'That was quicker than anybody reads.'
}

# consent_on_display NAME CLASS: Enter refuses there, the other button allows.
consent_on_display() {
	local program=/usr/bin/$1 ask_text=$SCREEN_CONSENT
	local -a question=("display=$display" kind=confirm ok=Allow cancel=Refuse)
	ask_start "$1" "$program" "${question[@]}"
	display_wait "$2"
	reads_the_dialog
	display_press "$2" key Tab Return
	ask_result "$1"
	expect_equal "$result" yes "$1: a person reads, and allows it"
	ask_start "$1" "$program" "${question[@]}"
	display_wait "$2"
	display_press "$2" key Return
	ask_result "$1"
	expect_equal "$result" "error 6: the dialog was cancelled" "$1: Enter alone refuses"
}

# on_display NAME CLASS: CLASS is that of its window.
on_display() {
	local program=/usr/bin/$1
	ask_start "$1" "$program" "display=$display"
	display_wait "$2"
	display_press "$2" type --delay 20 271828
	DISPLAY=$display xdotool key Return
	ask_result "$1"
	expect_equal "$result" "pin 271828" "$1: what was typed is the answer"

	ask_start "$1" "$program" "display=$display"
	display_wait "$2"
	display_press "$2" key Escape
	ask_result "$1"
	expect_equal "$result" "error 6: the dialog was cancelled" "$1: the person gives up"

	ask_start "$1" "$program" "display=$display" timeout_ms=1000
	ask_result "$1"
	expect_equal "$result" "error 5: nobody answered the dialog within 1 seconds" "$1: nobody is there"

	ask_start "$1" "$program" "display=$display"
	display_wait "$2"
	process_stop "$asking" KILL
	wait_until "the end of $1" is_gone "$program"
	ok "$1: it goes with the agent"

	[ "$1" != pinentry-gnome3 ] || return 0 # its buttons stand elsewhere, and the session bus says where its display is, not we
	consent_on_display "$1" "$2"
	ask_start "$1" "$program" display=:no-such-display
	ask_result "$1"
	expect_equal "${result%%: no dialog can be shown: *}" "error 61" \
		"$1: a display that is not there is no place for a dialog"
}

if terminal_start; then
	declare -A gives_up=([pinentry-curses]='Tab Tab Enter' [pinentry-tty]=C-d)
	declare -A allows=([pinentry-curses]=Enter [pinentry-tty]=a) refuses=([pinentry-curses]='Tab Enter' [pinentry-tty]=r)
	for name in pinentry-curses pinentry-tty; do
		if [ -x "/usr/bin/$name" ]; then
			on_terminal "$name" "${gives_up[$name]}"
			consent_on_terminal "$name" "${allows[$name]}" "${refuses[$name]}"
		else
			skip_part "$name is not installed"
		fi
	done
	terminal_stop
else
	skip_part "tmux is not installed"
fi
if display_start; then
	for name in pinentry-gtk-2 pinentry-qt; do
		if [ -x "/usr/bin/$name" ]; then
			on_display "$name" "$name"
		else
			skip_part "$name is not installed"
		fi
	done
	# GNOME's shows its dialog by another program, which the session bus starts.
	if [ -x /usr/bin/pinentry-gnome3 ] && [ -x /usr/libexec/gcr-prompter ]; then
		process_start_until session-bus '^unix:' env "DISPLAY=$display" dbus-daemon --session --nofork --nopidfile \
			--nosyslog "--address=unix:path=$T/session-bus" --print-address=1 || fail "the session bus did not start"
		DBUS_SESSION_BUS_ADDRESS=unix:path=$T/session-bus on_display pinentry-gnome3 gcr-prompter
	else
		skip_part "pinentry-gnome3 or gcr is not installed"
	fi
else
	skip_part "Xvfb or xdotool is not installed"
fi
