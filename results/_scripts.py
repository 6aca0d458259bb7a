#!/usr/bin/python3
"""Runs the project's scripts for `ringzero paper`, each in a fork of this process, which has what they share.

Importing matplotlib and pandas takes longer than drawing most figures does. Requests come on stdin, answers go to
stdout, both as messages of ringzero's process pool: id and length, 4 bytes each, and so many bytes. A request is the
script and its arguments, one on a line; an answer is "done" or "failed" and, from the next line on, what it printed.
"""
import os
import pathlib
import runpy
import selectors
import struct
import sys
import traceback

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "figures"))
import _style  # noqa: E402, F401  (imported for those who will)

HEAD = struct.Struct("=II")


def read_exactly(size):
    data = b""
    while len(data) < size:
        part = os.read(0, size - len(data))
        if not part:
            return None
        data += part
    return data


def become(words, output):
    """In the fork: the script, as if Python had been started with it."""
    os.dup2(output, 1)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    sys.argv = words
    sys.path[0] = str(pathlib.Path(words[0]).parent)
    status = 1
    try:
        runpy.run_path(words[0], run_name="__main__")
        status = 0
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
        status = 0 if end.code is None else end.code if isinstance(end.code, int) else 1
    except BaseException:
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


class Script:
    def __init__(self, request, words):
        self.request, self.printed = request, b""
        self.output, output = os.pipe()
        self.process = os.fork()
        if self.process == 0:
            become(words, output)
        os.close(output)

    def ended(self):
        """Takes what it has printed; True at its end, when the answer has been given."""
        part = os.read(self.output, 65536)
        self.printed += part
        if part:
            return False
        status = os.waitpid(self.process, 0)[1]
        answer = (b"done" if status == 0 else b"failed") + b"\n" + self.printed
        sys.stdout.buffer.write(HEAD.pack(self.request, len(answer)) + answer)
        sys.stdout.buffer.flush()
        return True


def main():
    jobs = int(sys.argv[1])
    events = selectors.DefaultSelector()
    running, more = 0, True
    while more or running:
        wanted = more and running < jobs
        if wanted:
            events.register(0, selectors.EVENT_READ)
        ready = [key for key, _ in events.select()]
        if wanted:
            events.unregister(0)
        for key in ready:
            if key.fd == 0:
                head = read_exactly(HEAD.size)
                if head is None:
                    more = False
                    continue
                request, size = HEAD.unpack(head)
                script = Script(request, read_exactly(size).decode().split("\n"))
                events.register(script.output, selectors.EVENT_READ, script)
                running += 1
            elif key.data.ended():
                events.unregister(key.fd)
                os.close(key.fd)
                running -= 1


if __name__ == "__main__":
    main()
