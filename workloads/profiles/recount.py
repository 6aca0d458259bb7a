#!/usr/bin/python3
"""Counts again what the profiles of the applications state, with programs that Debian 12 has.

Runs each program that is installed under `strace -f -c`, takes the number of calls per unit of work, and prints it beside
the profile's. Page faults and context switches come from `perf stat` (software events) where it works, else from the
kernel's accounting of the finished children. Programs of today differ from those of 2003: see the note of each count.

    workloads/profiles/recount.py [dbench] [gcc] [postgresql] [apache]        # what is not installed is said and skipped
"""
import argparse
import json
import os
import pathlib
import re
import resource
import shutil
import subprocess
import sys
import tempfile

PROFILES = pathlib.Path(__file__).resolve().parent


def profile(name):
    return json.loads((PROFILES / f"{name}.json").read_text())[name]


def traced(command, **options):
    """Calls by name while the command runs, its children's included, and the faults and switches of all of them."""
    with tempfile.NamedTemporaryFile("r", suffix=".strace") as out:
        subprocess.run(["strace", "-f", "-c", "-U", "calls,name", "-o", out.name, *command], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **options)
        calls = {name: int(n) for n, name in re.findall(r"^\s*(\d+)\s+(\w+)\s*$", out.read(), re.MULTILINE)}
    calls.pop("total", None)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)  # the run without strace is another one
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **options)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return calls, after.ru_minflt - before.ru_minflt, (after.ru_nvcsw + after.ru_nivcsw -
                                                       before.ru_nvcsw - before.ru_nivcsw)


def table(title, rows):
    print(title)
    for what, counted, stated, note in rows:
        print(f"  {what:<34} {counted:>12.4g} {stated if stated is not None else '':>12}  {note}")


def dbench():
    load = pathlib.Path("/usr/share/dbench/client.txt")
    operations = 5000
    with tempfile.TemporaryDirectory() as folder:
        short = pathlib.Path(folder) / "load.txt"
        with load.open() as lines:
            short.write_text("".join(line for _, line in zip(range(operations), lines)))
        calls, faults, _ = traced(["dbench", "-c", str(short), "-D", folder, "-t", "3", "1"])
    done = calls.pop("kill", 0)  # it asks before each operation whether its parent is still there
    if done == 0:
        raise FileNotFoundError("dbench made no operations")
    names = {"stat": ["stat", "newfstatat", "fstat"], "open": ["open", "openat"], "getdents": ["getdents64", "getdents"],
             "close": ["close"], "read": ["pread64", "read"], "write": ["pwrite64"], "unlink": ["unlink"],
             "rename": ["rename"], "fsync": ["fsync"], "statfs": ["statfs"]}
    stated = {"stat": 0.871, "open": 0.435, "getdents": 0.521, "close": 0.389, "read": 0.282, "write": 0.091,
                 "unlink": 0.035, "rename": 0.007, "fsync": 0.012, "statfs": 0.028}
    table(f"dbench, per operation of the first {operations}; stated: of the whole load file",
          [(name, sum(calls.get(n, 0) for n in of) / done, stated[name], "") for name, of in names.items()]
          + [("page faults", faults / done, 0.001, "with the program's start; of a faster run, without strace")])


def gcc():
    stated = profile("kernel_build")
    source = "\n".join(f"#include <{h}.h>" for h in ("stdio", "stdlib", "string", "unistd", "errno", "fcntl", "signal"))
    body = "\n".join(f"int f{i}(int a) {{ return printf(\"%d\", a * {i}); }}" for i in range(400))
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "x.c"
        file.write_text(f"{source}\n{body}\n")
        command = ["gcc", "-no-integrated-cpp", "-pipe", "-O2", "-c", str(file), "-o", str(file.with_suffix(".o"))]
        calls, faults, switches = traced(command)
        preprocessed = len(subprocess.run(["gcc", "-E", str(file)], capture_output=True, check=True).stdout)
    forks = sum(calls.get(name, 0) for name in ("fork", "vfork", "clone", "clone3"))
    table("gcc with a separate preprocessor and pipes, one C file of 400 functions",
          [("forks", forks, "4", "the shell is the fifth"), ("calls", sum(calls.values()), 1900, "range 1200-2500"),
           ("page faults", faults, 3000, "gcc 2.96, an estimate; gcc 12 on kernel files 5117"),
           ("context switches", switches, 230, "range 150-400; grows with what goes through the pipes"),
           ("preprocessed bytes", preprocessed, stated["preprocessed_bytes"]["value"], "of a kernel file")])


def postgresql():
    versions = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"))
    if not versions:
        raise FileNotFoundError("postgresql")
    tools, tuples = versions[-1], 300
    user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.geteuid() == 0 else []
    with tempfile.TemporaryDirectory() as folder:
        if user:
            shutil.chown(folder, "postgres", "postgres")
        data = f"{folder}/data"
        run = lambda *words: subprocess.run([*user, *words], check=True, stdout=subprocess.DEVNULL, cwd=folder)  # noqa: E731
        run(str(tools / "initdb"), "-D", data, "--no-sync", "--auth=trust")
        settings = f"-k {folder} -c listen_addresses= -c shared_buffers=512kB -c autovacuum=off"
        run(str(tools / "pg_ctl"), "-D", data, "-w", "-l", f"{folder}/log", "-o", settings, "start")
        try:
            psql = [*user, str(tools / "psql"), "-qAt", "-h", folder, "postgres"]
            subprocess.run([*psql, "-c", "create table updates(key int primary key, signed int);"
                            "insert into updates select i, i from generate_series(1, 100000) i; analyze updates;"],
                           check=True, stdout=subprocess.DEVNULL, cwd=folder)
            postmaster = int(pathlib.Path(f"{data}/postmaster.pid").read_text().split()[0])
            for name, statement, stated in (
                    ("select", "select * from updates where key = {};", profile("osdb")["plain"]),
                    ("update", "update updates set signed = signed + 1 where key = {};", profile("osdb")["update"])):
                with tempfile.NamedTemporaryFile("r", suffix=".strace") as out:
                    tracer = subprocess.Popen(["strace", "-f", "-c", "-U", "calls,name", "-o", out.name, "-p",
                                               str(postmaster)], stderr=subprocess.DEVNULL)
                    script = "".join(statement.format(i * 331 % 100000 + 1) + "\n" for i in range(tuples))
                    subprocess.run(psql, input=script, text=True, check=True, stdout=subprocess.DEVNULL, cwd=folder)
                    tracer.terminate()
                    tracer.wait()
                    calls = {word: int(n) for n, word in re.findall(r"^\s*(\d+)\s+(\w+)\s*$", out.read(), re.MULTILINE)}
                calls.pop("total", None)
                per = lambda *names: sum(calls.get(n, 0) for n in names) / tuples  # noqa: E731
                table(f"PostgreSQL {tools.parent.name}, one {name} of {tuples}, server with its start; stated: 7.1",
                      [("calls", sum(calls.values()) / tuples, None, ""),
                       ("reads of blocks", per("pread64", "preadv"), stated["reads"]["value"] / 1000, ""),
                       ("writes of blocks", per("pwrite64", "pwritev", "pwritev2"), stated["writes"]["value"] / 1000,
                        "the log's among them"),
                       ("lseek", per("lseek"), stated["seeks"]["value"] / 1000, "pread needs none"),
                       ("receive", per("recvfrom"), 1.0, "autocommit: one round trip"), ("send", per("sendto"), 1.0, ""),
                       ("fdatasync", per("fdatasync", "fsync"), stated["syncs"]["value"] / 1000, "")])
        finally:
            run(str(tools / "pg_ctl"), "-D", data, "-m", "immediate", "stop")


def apache():
    server = shutil.which("apache2")
    if server is None:
        raise FileNotFoundError("apache2")
    requests, port = 300, 18080
    modules = "/usr/lib/apache2/modules"
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        pathlib.Path(folder, "page").write_bytes(b"x" * 5000)
        configuration = pathlib.Path(folder, "apache.conf")
        configuration.write_text(f"""ServerName localhost
Listen 127.0.0.1:{port}
PidFile {folder}/pid
ErrorLog {folder}/error
DocumentRoot {folder}
LoadModule mpm_prefork_module {modules}/mod_mpm_prefork.so
LoadModule authz_core_module {modules}/mod_authz_core.so
User www-data
Group www-data
CustomLog {folder}/access "%h %t \\"%r\\" %>s %b"
""")
        with tempfile.NamedTemporaryFile("r", suffix=".strace") as out:
            server_process = subprocess.Popen(["strace", "-f", "-c", "-U", "calls,name", "-o", out.name, server, "-X", "-f",
                                               str(configuration)], stderr=subprocess.DEVNULL)
            try:
                fetch = f"for i in $(seq {requests}); do curl -s -o /dev/null --retry 5 --retry-connrefused " \
                        f"http://127.0.0.1:{port}/page; done"
                subprocess.run(["sh", "-c", fetch], check=True)
            finally:
                subprocess.run(["sh", "-c", f"kill $(cat {folder}/pid)"], check=False)
                server_process.wait()
            calls = {word: int(n) for n, word in re.findall(r"^\s*(\d+)\s+(\w+)\s*$", out.read(), re.MULTILINE)}
    calls.pop("total", None)
    per = lambda *names: sum(calls.get(n, 0) for n in names) / requests  # noqa: E731
    table(f"Apache 2.4 prefork, one connection per request of 5 kB, {requests} requests, with its start; stated: 1.3.27",
          [("calls", sum(calls.values()) / requests, 30.3, ""), ("accept", per("accept4", "accept"), 1, ""),
           ("open", per("openat", "open"), 1, ""), ("mmap", per("mmap"), 1, "with the start's"),
           ("write, writev, sendfile", per("write", "writev", "sendfile", "sendfile64"), 2, "")])


PROGRAMS = {"dbench": dbench, "gcc": gcc, "postgresql": postgresql, "apache": apache}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("programs", nargs="*", metavar="PROGRAM", help=", ".join(PROGRAMS))
    chosen = parser.parse_args().programs or list(PROGRAMS)
    for name in chosen:
        if name not in PROGRAMS:
            print(f"recount: no program \"{name}\"; there is: {', '.join(PROGRAMS)}", file=sys.stderr)
            return 2
    if shutil.which("strace") is None:
        print("recount: strace is not installed", file=sys.stderr)
        return 2
    for name in chosen:
        try:
            PROGRAMS[name]()
        except (FileNotFoundError, subprocess.CalledProcessError) as error:
            print(f"{name}: skipped, {error}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
