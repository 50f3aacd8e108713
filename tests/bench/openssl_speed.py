#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""How fast the program openssl hashes, in the form that measure.py reads: {"per_second": MB}.

usage: openssl_speed.py DIGEST BYTES-AT-ONCE SECONDS
"""
import json
import re
import subprocess
import sys

digest, size, seconds = sys.argv[1:]
said = subprocess.run(["openssl", "speed", "-mr", "-evp", digest, "-bytes", size, "-seconds", seconds],
                      stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True).stdout
print(json.dumps({"per_second": float(re.search(r"^\+F:.*:([0-9.]+)$", said, re.M)[1]) / 1e6}))
