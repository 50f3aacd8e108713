#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# usage: without_engines.sh SOURCE-FOLDER: where OpenSSL has no engines, or nobody wants one, the build has none, and all else.

set -euo pipefail
source=$1
build=$(mktemp -d)
trap 'rm -rf "$build"' EXIT
cmake -S "$source" -B "$build" -G Ninja -DKEYSTAY_ENGINE=OFF >"$build/out" 2>&1 || { cat "$build/out"; exit 1; }
targets=$(ninja -C "$build" -t targets all)
if grep -q 'engines-3/keystay.so:' <<<"$targets"; then
	echo "FAILED: KEYSTAY_ENGINE=OFF builds the engine"
	exit 1
fi
for plugin in ossl-modules/keystay.so ossl-modules/keystay-tap.so pkcs11/keystay-pkcs11.so; do
	grep -q "lib/$plugin:" <<<"$targets" || { echo "FAILED: without the engine there is no $plugin"; exit 1; }
done
# Programs of the tests too: what stands in for the engine compiles.
ninja -C "$build" plugin_client >"$build/out" 2>&1 || { cat "$build/out"; exit 1; }
