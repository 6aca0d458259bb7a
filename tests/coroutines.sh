#!/bin/bash
# Looks in every source with coroutines for the forms that g++ 12 compiles wrongly; model/task.h says which.
# Needs the compilation commands of the debug build, which are clang's and compile many sources at once.
set -uo pipefail

root=$(cd "$(dirname "$(readlink -f "$0")")/.." && pwd)
build=${1:-$root/build/debug}
cd "$root"
# What is compiled: a source itself, or a file of the build tree that includes it and others.
units=$(/usr/bin/python3 - "$build" $(git grep -lw co_await -- '*.cpp') <<'end'
import json, re, sys
from pathlib import Path
build, wanted = sys.argv[1], {str(Path(source).resolve()) for source in sys.argv[2:]}
found, units = set(), []
for entry in json.load(open(f"{build}/compile_commands.json")):
    unit = Path(entry["file"])
    inside = {str(unit)}
    if "Unity" in unit.parts: inside = set(re.findall(r'^#include "(.*)"$', unit.read_text(), re.M))
    if inside & wanted - found: units.append(str(unit))
    found |= inside & wanted
missing = wanted - found
for source in sorted(missing): print(f"not compiled by this build: {source}", file=sys.stderr)
print(*units, sep="\n")
sys.exit(1 if missing else 0)
end
) || exit 1
found=$(echo "$units" | xargs -P "${RINGZERO_JOBS:-$(nproc)}" -n 1 clang-query -p "$build" -f tests/coroutines.query 2>&1)
if echo "$found" | grep -E 'binds here|rror'; then exit 1; fi
count=$(echo "$units" | wc -l)
# Three questions, each answered once for each unit.
[ "$(echo "$found" | grep -cx '0 matches.')" -eq $((3 * count)) ] &&
  echo "$(git grep -lw co_await -- '*.cpp' | wc -l) sources in $count units: nothing of that kind"
