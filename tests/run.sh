#!/bin/bash
# The whole test suite, as `./ringzero test` and CI run it. Ends with a line "N passed, N failed".
#
#   tests/run.sh            everything
#   tests/run.sh --quick    format, release build, its tests
#
# Stages run in order and a failed one does not stop the others, so that one run tells everything.
set -uo pipefail

root=$(cd "$(dirname "$(readlink -f "$0")")/.." && pwd)
cd "$root"
jobs=${RINGZERO_JOBS:-$(nproc)}
quick=no
[ "${1:-}" = --quick ] && quick=yes
passed=0
failed=0
failures=()
logs="$root/build/test-logs"
mkdir -p "$logs"

# stage NAME COMMAND...: runs it, shows its output only when it fails.
stage() {
  local name=$1 start=$SECONDS
  shift
  local log="$logs/${name// /-}.log"
  printf '%-46s ' "$name"
  if "$@" >"$log" 2>&1; then
    passed=$((passed + 1))
    printf 'ok      %4d s   %s\n' $((SECONDS - start)) "$(tail -1 "$log" | cut -c1-70)"
  else
    failed=$((failed + 1))
    failures+=("$name")
    printf 'FAILED  %4d s\n' $((SECONDS - start))
    tail -60 "$log" | sed 's/^/    /'
  fi
}

check_format() {
  git ls-files '*.h' '*.cpp' | xargs clang-format --dry-run --Werror && echo "clang-format: no differences"
}

build_preset() {  # PRESET [TARGET...]
  local preset=$1
  shift
  [ -f "build/$preset/build.ninja" ] || cmake --preset "$preset" || return
  cmake --build "build/$preset" -j "$jobs" ${1:+--target "$@"} && echo built
}

# A coroutine that ends goes on in its caller by a tail call, which is not made without optimisation (parts of the debug
# build), nor by g++ when it sanitizes: until somebody really waits, the stack grows with every call of a kernel path.
ulimit -S -s "$(ulimit -H -s)"

run_ctest() { ctest --test-dir "build/$1" -j "$jobs" --output-on-failure | tee "$logs/ctest-$1.txt" && grep 'tests passed' "$logs/ctest-$1.txt"; }

core_paths_hold() { hypervisor-core/counting/count.py --check; }

ringzero=build/release/experiments/ringzero

fuzz_memory() {  # 30 s; what it finds is kept for the next time in build/fuzz/corpus
  mkdir -p build/fuzz/corpus
  (cd build/fuzz && ./memory_fuzzer -seed=1 -max_total_time=30 -max_len=2800 corpus "$root/tests/fuzz/corpus")
}

# Both emulators, the short form; a missing one is skipped with a word. 77: none is there.
metal() {
  build_preset core32 core32 metal_image metal_boot_sector hosted_sequence32 && build_preset release hosted_sequence hosted_sequence_faults || return
  tests/metal/metal.py both --quiet --planted
  local status=$?
  [ $status -ne 77 ] && return $status
  echo "skipped: neither Bochs nor QEMU is installed"
}

experiments_are_valid() { $ringzero validate experiments/{paper,sensitivity,examples,devices,sweeps,applications,schedulers,smp}/*.json; }

stage "format" check_format
stage "release: build" build_preset release
stage "release: tests" run_ctest release
if [ $quick = no ]; then
  stage "core32: freestanding 32-bit core" build_preset core32
  stage "paths: core's path lengths as counted" core_paths_hold
  stage "metal: the core on an emulated PC" metal
  stage "debug: build with clang and sanitizers" build_preset debug
  stage "debug: tests" run_ctest debug
  stage "coroutines: forms that g++ 12 miscompiles" tests/coroutines.sh
  stage "fuzz: build with libFuzzer" build_preset fuzz
  stage "fuzz: the memory interface" fuzz_memory
  stage "fingerprints over compilers and builds" tests/fingerprints.sh
  stage "every experiment file validates" experiments_are_valid
  stage "a sweep over two dask workers, one killed" tests/cluster.sh $ringzero
  stage "the paper's experiments" $ringzero paper
  stage "the paper's report in a browser" tests/report.py
  stage "README and ledger agree" results/report/_readme.py --check
fi

for name in "${failures[@]:-}"; do [ -n "$name" ] && echo "failed: $name (log in build/test-logs)"; done
grep -h 'tests passed' "$logs"/ctest-*.txt 2>/dev/null
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
