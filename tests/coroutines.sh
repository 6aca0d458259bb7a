#!/bin/bash
# Looks in every source with coroutines for the forms that g++ 12 compiles wrongly; model/task.h says which.
# Needs the compilation commands of a release build.
set -uo pipefail

root=$(cd "$(dirname "$(readlink -f "$0")")/.." && pwd)
build=${1:-$root/build/release}
cd "$root"
sources=$(git grep -lw co_await -- '*.cpp')
# The commands are those of g++, whose warnings clang does not all know.
found=$(echo "$sources" | xargs -P "${RINGZERO_JOBS:-$(nproc)}" -n 1 clang-query -p "$build" \
  --extra-arg=-Wno-unknown-warning-option -f tests/coroutines.query 2>&1)
if echo "$found" | grep -E 'binds here|rror'; then exit 1; fi
count=$(echo "$sources" | wc -l)
# Three questions, each answered once for each source.
[ "$(echo "$found" | grep -cx '0 matches.')" -eq $((3 * count)) ] && echo "$count sources: nothing of that kind"
