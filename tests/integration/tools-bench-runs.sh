#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# tools/bench --short measures everything once and writes a table and JSON. No figure is judged: a shared machine would
# decide.
#
# usage: tools-bench-runs.sh [tap | plugins | module | audit]

. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
[ ! -e "$BUILD/CMakeCache.txt" ] || grep -q '^KEYSTAY_SANITIZE:STRING=$' "$BUILD/CMakeCache.txt" ||
	skip "figures of a build with sanitizers mean nothing"
rig_begin
export KEYSTAY_BUILD=$BUILD TMPDIR=$T/tmp
mkdir "$TMPDIR"
run "$SOURCE_FOLDER/tools/bench" --short --json "$T/figures.json" "$@"
cat "$T/out"
expect_status 0 "tools/bench --short $*"
expect_equal "$("$PYTHON" -c '
import json, sys
figures = json.load(open(sys.argv[1]))
what = "".join(sys.argv[2:])
wanted = {
    "": {"cold curl", "cold curl, 200 keys on the token", "one warm signature, P-256", "eight clients, P-256"},
    "tap": {f"SHA-256, {size} bytes at once" for size in (16, 1024, 16384)},
    "plugins": {"one curl"},
    "audit": {"one warm signature, P-256", "eight clients, P-256"},
    "module": {"one cold signature", "one cold signature, its round trips"},
}[what]
missing = wanted - {figure["name"] for figure in figures["comparisons"]}
assert what or figures["memory"], "no memory figures"
for figure in figures["comparisons"]:
    for row in figure["rows"]:
        assert 0 < row["min"] <= row["median"] <= row["max"], row
print("missing:", sorted(missing))' "$T/figures.json" "$@")" "missing: []" \
	"all figures are there, each with median, min and max"
expect_equal "$(ls -A "$TMPDIR")" "" "its folder is gone"
