#!/bin/bash
# A sweep over two dask workers of which one is killed on the way: no point lost, none twice, the store that of a sweep
# without a cluster. Needs python3-distributed.  tests/cluster.sh [RINGZERO]
set -euo pipefail
root=$(cd "$(dirname "$(readlink -f "$0")")/.." && pwd)
ringzero=$(readlink -f "${1:-$root/build/release/experiments/ringzero}")
/usr/bin/python3 -c 'import distributed' 2>/dev/null || { echo "skipped: no python3-distributed"; exit 0; }
work=$(mktemp -d)
pids=()
trap 'kill -9 "${pids[@]}" 2>/dev/null; rm -rf "$work"' EXIT
cd "$work"

cat >short.json <<'JSON'
{"experiment": "short", "system": "native", "warmup": "0 s", "duration": "20 ms",
 "domains": [{"name": "c", "memory": "16 MiB", "programs": [{"compute": {}}]}],
 "vary": {"parameters.memory.line_refill": {"from": 20.0, "to": 60.0, "count": 1000}}}
JSON

start() { /usr/bin/python3 -m "$@" >>dask.log 2>&1 & pids+=($!); }
start distributed.cli.dask_scheduler --host 127.0.0.1 --port 0 --no-dashboard --scheduler-file scheduler.json
for _ in $(seq 300); do [ -s scheduler.json ] && break; sleep 0.1; done
address=$(/usr/bin/python3 -c 'import json; print(json.load(open("scheduler.json"))["address"])')
for _ in 1 2; do start distributed.cli.dask_worker "$address" --nthreads 1 --no-nanny --no-dashboard; done
victim=${pids[-1]}

"$ringzero" sweep short.json --cluster "$address" --out cluster --no-pictures >sweep.log 2>&1 &
sweep=$!
# One dies when the other has shown that it works too: some points are there, not all.
for _ in $(seq 600); do
  runs=$("$ringzero" store dump cluster/store.sqlite 2>/dev/null | grep -c '' || true)
  [ "$runs" -gt 200 ] && break
  sleep 0.1
done
kill -9 "$victim"
wait "$sweep" || { cat sweep.log dask.log; exit 1; }
"$ringzero" store dump cluster/store.sqlite >with.txt
"$ringzero" sweep short.json --out local --no-pictures >/dev/null
"$ringzero" store dump local/store.sqlite >without.txt
cmp with.txt without.txt
[ "$(grep -c '' with.txt)" -eq 2000 ]
echo "one of two dask workers killed after $((runs / 2)) of 1000 runs: none lost, none twice"
