#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Fault G2: whatever is done to the files of the log, `keystay log --verify` says what and where; a second implementation
# sees it too. Done to a running agent's log, the chain goes on in a file of its own.

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
rig_begin
. "$RIG_FOLDER/rig_audit.sh"
agent_configure '[agent]' 'audit-max-size = 16K'
token_make corp
agent_start
decide 200 >/dev/null
agent_stop
cp -a "$LOG_FOLDER" "$T/good"
whole "200 decisions are whole"
n_files=$(find "$LOG_FOLDER" -name '*.jsonl' | wc -l)
[ "$n_files" -gt 2 ] || fail "there are no full files"
full=$(find "$LOG_FOLDER" -name 'audit-*.jsonl' | sort | sed -n 2p)
full_name=${full##*/}
first=$(head -n 1 "$full" | sed 's/.*"n":\([0-9]*\),"prev".*/\1/')
again() {
	rm -rf "$LOG_FOLDER"
	cp -a "$T/good" "$LOG_FOLDER"
}

sed -i '3s/"outcome":"done"/"outcome":"gone"/' "$full"
not_whole "line number $((first + 2)), before $full_name:4, was changed" "an edited line"
again
sed -i '$s/"outcome":"done"/"outcome":"gone"/' "$LOG"
not_whole "the head does not fit line number 200: the line was changed" "the last line, edited"
again
sed -i '3d' "$full"
not_whole "$full_name:3: line number $((first + 2)) is missing" "a deleted line"
again
sed -i '3,5d' "$full"
not_whole "line numbers $((first + 2)) to $((first + 4)) are missing" "several of them"
again
sed -i '3{h;d};4{G}' "$full"
not_whole "$full_name:4: line number $((first + 2)) stands after number $((first + 3))" "lines in another order"
again
sed -i '4s/.*/nonsense/' "$full"
not_whole "$full_name:4: this is no line that keystay wrote" "a line of somebody else"
again
rm "$full"
not_whole "are missing before this one" "a deleted file in the middle"
again
rm "$(find "$LOG_FOLDER" -name 'audit-*.jsonl' | sort | head -n 1)"
not_whole "the beginning is missing: the log should begin with line number 1" "a deleted file at the beginning"
again
rm "$LOG"
not_whole "the log was cut: the head says that it ends with line number 200" "a deleted file at the end"
again
sed -i '$d' "$LOG"
not_whole "the log was cut: the head says that it ends with line number 200, it ends with 199" "a cut line at the end"
again
sed -i 's/"sha256":"..../"sha256":"0000/' "$LOG_FOLDER/head"
not_whole "the head does not fit line number 200" "a replaced head"
again
sed -i 's/"n":200/"n":10/' "$LOG_FOLDER/head"
not_whole "the head" "a head of long ago"
again
echo nonsense >"$LOG_FOLDER/head"
not_whole "the head is not one that keystay wrote" "a head that is none"
again
rm "$LOG_FOLDER/head"
not_whole "the head is missing" "no head"
again
known=$(keystay log --verify | sed -n 's/^It ends with //p')
sed -i '$d' "$LOG"
n=$(tail -n 1 "$LOG" | sha256sum | cut -c 1-64)
sed -i "s/\"n\":200,\"sha256\":\"[0-9a-f]*/\"n\":199,\"sha256\":\"$n/" "$LOG_FOLDER/head"
whole "who may write all files can cut the log and write the head anew"
run keystay log --verify --head "$known"
expect_status 1 "a head that was kept elsewhere shows it"
expect_out "the log was cut: the head that was given says that it ends with line number 200" "and says so"

again
agent_start
changes() {
	decide 1 >/dev/null
	keystay log --json | grep -c "\"event\":\"$1\"" || true
}
mv "$LOG" "$LOG.1"
expect_equal "$(changes gap)" 1 "a log that others rotate is noticed at the next record"
whole "a new file goes on, and both are one chain"
rm "$LOG"
ln -s "$T/elsewhere" "$LOG"
expect_equal "$(changes replaced)" 1 "a symbolic link in its place is noticed"
[ ! -e "$T/elsewhere" ] || fail "it was followed"
if [ ! -f "$LOG" ] || [ -L "$LOG" ]; then
	fail "there is no new file"
fi
ok "it is not followed, a new file goes on"
not_whole "missing before this one" "the lines that went with the old file are missed"
chmod 666 "$LOG"
rm -rf "$LOG_FOLDER.away"
mv "$LOG_FOLDER" "$LOG_FOLDER.away"
decide 2 >/dev/null
expect_equal "$(stat -c %a "$LOG_FOLDER" "$LOG" | tr '\n' ' ')" "700 600 " "a folder that is gone is made anew"
mkdir "$T/other"
mv "$LOG" "$T/other/"
mkdir "$LOG"
decide 1 >/dev/null
[ -f "$LOG" ] || fail "a folder in its place stops the log"
ok "a folder in its place is put aside"
