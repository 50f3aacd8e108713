# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034,SC2154 # names are for the stories, T is of lib.sh
#
# rig_screen: a terminal and a display that nobody sits at, for the pinentries that people have. Sourced by what needs
# it, after lib.sh.

ASK_PROMPT=$RIG_FOLDER/ask_prompt.py

# What a dialog says in stories and in pictures.
SCREEN_TEXT=$'Please enter the PIN of the token “corp” (serial 00f1a2b3).\n
curl (pid 4711) wants a TLS client signature by the key “alice”\nfor the server www.corp.example (claimed, not proven).\n
2 tries are left.'

# ... and one that asks for a yes.
SCREEN_CONSENT=$'A program wants to sign in with your key.\n
Program: calls itself "curl" (pid 4711)
Server: db.corp.example (proven)
Key: "alice" on token "CORP"
For: TLS 1.3 client authentication\n
A yes holds for this key and server until you lock.'

# terminal_start: a terminal of 80 by 24 in tmux; its name in $terminal. The program in it waits and does not read, as curl
# does while its signature waits for a PIN.
terminal_start() {
	command -v tmux >/dev/null || return 1
	env -u TMUX tmux -f /dev/null -S "$T/tmux" -D </dev/null >"$T/tmux.log" 2>&1 &
	terminal_pid=$!
	process_started "$terminal_pid"
	wait_until "the start of tmux" test -S "$T/tmux"
	terminal_do new-session -d -x 80 -y 24 -s rig "sleep infinity"
	terminal=$(terminal_do display-message -p -t rig '#{pane_tty}')
}
terminal_do() {
	env -u TMUX tmux -S "$T/tmux" "$@"
}
terminal_stop() {
	process_stop "$terminal_pid"
}

# terminal_clear: nothing of before stands on it.
terminal_clear() {
	printf '\033[H\033[2J' >"$terminal"
}

# terminal_text: what stands on it now.
terminal_text() {
	terminal_do capture-pane -p -t rig
}
terminal_type() {
	terminal_do send-keys -t rig "$@"
}
# terminal_wait TEXT: until it stands there.
terminal_wait() {
	# shellcheck disable=SC2317 # called by wait_until
	terminal_shows() {
		terminal_text | grep -qF -- "$1"
	}
	wait_until "\"$1\" on the terminal" terminal_shows "$1"
}
# terminal_echoes: would a person see what they type?
terminal_echoes() {
	stty -F "$terminal" -a | grep -qw -- echo
}

# display_start: an X server of its own, without a network port; its name in $display.
display_start() {
	command -v Xvfb >/dev/null && command -v xdotool >/dev/null || return 1
	mkfifo "$T/displayfd"
	Xvfb -displayfd 5 -screen 0 900x520x24 -nolisten tcp -ac 5>"$T/displayfd" >"$T/xvfb.log" 2>&1 </dev/null &
	xvfb_pid=$!
	process_started "$xvfb_pid"
	read -r -t "$DEADLINE_S" display <"$T/displayfd" || fail "the X server did not start: $(cat "$T/xvfb.log")"
	display=:$display
}
# display_press CLASS XDOTOOL-WORD...: with its window in front. gcr makes a window, takes it away and makes another one.
display_press() {
	local class=$1
	shift
	for _ in 1 2 3 4 5; do
		display_wait "$class"
		! DISPLAY=$display xdotool windowfocus --sync "$window" "$@" 2>>"$T/xdotool.log" || return 0
	done
	fail "no window of $class takes keys: $(tail -n 3 "$T/xdotool.log")"
}

# display_wait: until a window is there, and has the keyboard; its number in $window.
display_wait() {
	# shellcheck disable=SC2317 # called by wait_until
	display_has_window() {
		window=$(DISPLAY=$display xdotool search --onlyvisible --class "$1" 2>/dev/null | tail -n1)
		[ -n "$window" ]
	}
	wait_until "a window of $1" display_has_window "$1"
}

# ask_start NAME PINENTRY [FIELD=VALUE...]: a dialog; its answer will stand in $T/NAME.out. Pid in $asking. Its text is
# $ask_text when that is set.
ask_start() {
	local name=$1 pinentry=$2
	shift 2
	rm -f "$T/$name.out"
	env -u DISPLAY -u WAYLAND_DISPLAY "$PYTHON" "$ASK_PROMPT" "$BUILD/bin/keystay-prompt" "$pinentry" \
		"${ask_text:-$SCREEN_TEXT}" \
		"$@" >"$T/$name.out" 2>"$T/$name.log" </dev/null &
	asking=$!
	process_started "$asking"
}

# ask_result NAME: waits for the answer; it is in $result.
ask_result() {
	wait "$asking" || true
	result=$(cat "$T/$1.out")
}
