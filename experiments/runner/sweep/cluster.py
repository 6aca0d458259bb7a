#!/usr/bin/python3
"""Hands the runs of a sweep to the workers of a dask.distributed scheduler: `ringzero sweep --cluster` starts this.

On stdin come requests, on stdout go answers, both as messages of ringzero's process pool: id and length, 4 bytes each,
and so many bytes. What is in them is ringzero's affair, here and on the workers, where `ringzero batch` makes the runs.
Requests travel in batches: dask's own work is a few milliseconds for each task, however long that takes. A task whose
worker dies is given to another one by the scheduler.
"""
import argparse
import os
import queue
import struct
import subprocess
import sys
import tempfile
import threading
import time

import distributed

HEAD = struct.Struct("=II")
SECONDS = 2.0  # that a batch should take: what is lost with a worker, and what the last ones wait for
MOST, FEWEST = 1000, 1


def run_batch(program, job, requests, number):
    """On a worker: the answers to the requests, as bytes, and how long it took. The number makes no two tasks equal."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        file.write(job)
        file.flush()
        start = time.monotonic()
        ended = subprocess.run([program, "batch", file.name], input=requests, capture_output=True, check=False)
    if ended.returncode != 0:
        raise RuntimeError(ended.stderr.decode(errors="replace").strip() or f"status {ended.returncode}")
    return ended.stdout, time.monotonic() - start


def read_exactly(stream, size):
    data = stream.read(size)
    return data if len(data) == size else None


def read_requests(requests):
    """Puts every message of stdin, head included, into the queue; None at the end."""
    stream = sys.stdin.buffer
    while True:
        head = read_exactly(stream, HEAD.size)
        text = head and read_exactly(stream, HEAD.unpack(head)[1])
        requests.put(head + text if text else None)
        if not text:
            return


class Sweep:
    def __init__(self, client, program, job):
        self.client, self.program, self.job = client, program, job
        self.tasks = queue.SimpleQueue()  # of those that have ended
        self.under_way = 0
        self.per_batch = 4  # until it is known how long a run takes
        self.number = 0

    def submit(self, messages):
        self.number += 1
        task = self.client.submit(run_batch, self.program, self.job, b"".join(messages), self.number, pure=False)
        task.count = len(messages)
        task.add_done_callback(self.tasks.put)
        self.under_way += 1

    def take(self, task):
        """Passes the answers of a task on."""
        self.under_way -= 1
        answers, seconds = task.result()
        sys.stdout.buffer.write(answers)
        sys.stdout.buffer.flush()
        wanted = int(task.count * SECONDS / max(seconds, 1e-3))
        self.per_batch = max(FEWEST, min(MOST, wanted, 2 * self.per_batch))

    def cores(self):
        return max(1, sum(self.client.ncores().values()))

    def serve(self):
        requests = queue.SimpleQueue()
        threading.Thread(target=read_requests, args=(requests,), daemon=True).start()
        waiting, more = [], True
        while more or waiting or self.under_way:
            while more and not requests.empty():
                message = requests.get()
                if message is None:
                    more = False
                else:
                    waiting.append(message)
            if not more and not waiting:  # ringzero wants nothing more: what is under way is not missed
                break
            most_tasks = 2 * self.cores()
            while waiting and self.under_way < most_tasks:
                share = -(-len(waiting) // most_tasks)
                size = max(1, min(self.per_batch, share))
                self.submit(waiting[:size])
                del waiting[:size]
            try:
                self.take(self.tasks.get(timeout=0.05))
            except queue.Empty:
                pass


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--program", required=True, help="path of ringzero on the workers")
    parser.add_argument("--job", required=True, help="file that says what to run")
    parser.add_argument("address", help="of the scheduler")
    options = parser.parse_args()
    with open(options.job, encoding="utf-8") as file:
        job = file.read()
    try:
        client = distributed.Client(options.address, timeout=10)
    except OSError as error:
        sys.exit(f"no dask scheduler at {options.address}: {error}")
    status = 0
    try:
        Sweep(client, options.program, job).serve()
    except Exception as error:  # of a task: the sweep cannot go on without knowing why
        print(f"cluster: {error}", file=sys.stderr)
        status = 1
    sys.stderr.flush()
    os._exit(status)  # dask's threads need no time to say good-bye


if __name__ == "__main__":
    main()
