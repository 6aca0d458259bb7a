#!/bin/bash
# Same inputs and seed, same fingerprints: by g++ (release) and by clang with sanitizers (debug), one and two at a time.
# Another seed, other fingerprints. Uses the debug build if there is one; the release build is needed.
set -euo pipefail

root=$(cd "$(dirname "$(readlink -f "$0")")/.." && pwd)
cd "$root"
# Two points of 128 and 129 domains, whose client draws its intervals: what a seed changes.
experiment=(experiments/paper/udp-latency.json --replications 1 --set duration="5 s" --set warmup="1 s")

fingerprints() {  # PRESET ARGUMENTS...
  local preset=$1
  shift
  "build/$preset/experiments/ringzero" run "${experiment[@]}" --json "$@" |
    /usr/bin/python3 -c 'import json, sys
for experiment in json.load(sys.stdin)["experiments"]:
    for point in experiment["points"]:
        for run in point["replications"]: print(point["point"], run["fingerprint"])'
}

reference=$(fingerprints release --seed 1 -j 1)
echo "$reference"
checked=1
compare() {  # NAME WHAT
  checked=$((checked + 1))
  [ "$2" = "$reference" ] && return
  echo "$1 differs:" >&2
  diff <(echo "$reference") <(echo "$2") >&2 || true
  exit 1
}
compare "two at a time" "$(fingerprints release --seed 1 -j 2)"
[ -x build/debug/experiments/ringzero ] && compare debug "$(fingerprints debug --seed 1 -j 1)"
if [ "$(fingerprints release --seed 2 -j 1)" = "$reference" ]; then
  echo "another seed gives the same fingerprints" >&2
  exit 1
fi
echo "$checked runs agree, another seed differs"
