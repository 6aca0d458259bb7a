#!/usr/bin/env python3
"""Counts the path lengths of the hypervisor core: instructions of the 32-bit build for each step of hardware/work.h.

  hypervisor-core/counting/count.py           counts, prints, and writes model/core_paths.json
  hypervisor-core/counting/count.py --check   counts and compares: exit status 1 if file and core differ by more than
                                              TOLERANCE in any scenario

The program core_paths (scenarios.cpp) drives the very objects of the core32 build. Callgrind counts the instructions of
each scenario; those of the functions that the core's objects define are the core's. A scenario's instructions are the
sum of its steps times their path lengths; the lengths are the non-negative least squares over all scenarios of the
relative error. A step that hides operations of different length shows as a residual: it wants to be split.
"""

import argparse
import glob
import json
import os
import re
import subprocess
import sys
import tempfile

TOLERANCE = 0.10  # of a scenario's instructions

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PATHS = os.path.join(ROOT, "model", "core_paths.json")
FLAGS = "-O2 -m32 -march=i686 -mmemcpy-strategy=rep_4byte:-1:noalign -ffreestanding"


def run(*command, **options):
    return subprocess.run(command, check=True, text=True, **options)


def build(folder):
    """The counting program and the core's objects, in a folder of their own."""
    if not os.path.exists(os.path.join(folder, "build.ninja")):
        run("cmake", "-S", ROOT, "-B", folder, "-G", "Ninja", "-DRINGZERO_CORE32=ON", stdout=subprocess.DEVNULL)
    run("cmake", "--build", folder, "--target", "core_paths", stdout=subprocess.DEVNULL)
    return os.path.join(folder, "core_paths"), os.path.join(folder, "libcore32.a")


def functions_of_core(library):
    symbols = run("nm", library, capture_output=True).stdout
    fields = [line.split()[-2:] for line in symbols.splitlines() if len(line.split()) >= 2]
    names = {name for kind, name in fields if kind in "tTwW"}
    called = {name for kind, name in fields if kind == "U"}
    return names | called & {"memcpy", "memset", "memcmp", "__udivdi3", "__divdi3"}


def count(program, core):
    """[(scenario, instructions of the core, {step: times})] in the program's order."""
    with tempfile.TemporaryDirectory() as folder:
        output = run("valgrind", "--tool=callgrind", "--demangle=no", "--dump-instr=no", "--compress-strings=no",
                     f"--callgrind-out-file={folder}/out", program, capture_output=True).stdout
        instructions = {}
        for path in glob.glob(folder + "/out.*"):
            with open(path, encoding="utf-8") as dump:
                name, own = read_dump(dump, core)
            if name:
                instructions[name] = own
    scenarios = [json.loads(line) for line in output.splitlines()]
    return [(each["scenario"], instructions[each["scenario"]], each["steps"]) for each in scenarios]


def read_dump(lines, core):
    """Scenario and self cost of the core's functions, from one dump in callgrind's format."""
    name, own, counts, call = None, 0, False, False
    for line in lines:
        if line.startswith("desc: Trigger: Client Request: "):
            name = line.split(": ", 3)[3].strip()
        elif line.startswith("fn="):
            counts = line[3:].strip().split("'")[0] in core
        elif line.startswith("calls="):
            call = True  # the next line is what the callee cost
        elif line[:1] in "+-*0123456789" and line.strip():
            if counts and not call:
                own += int(line.split()[1])
            call = False
    return name, own


def solve(scenarios, steps):
    """Non-negative least squares of the relative errors, by coordinate descent on the normal equations."""
    rows = [[times.get(step, 0) / total for step in steps] for _, total, times in scenarios]
    size = range(len(steps))
    gram = [[sum(row[i] * row[j] for row in rows) for j in size] for i in size]
    right = [sum(row[i] for row in rows) for i in size]
    x = [0.0 for _ in size]
    for _ in range(20000):
        change = 0.0
        for i in size:
            if gram[i][i] == 0:
                continue
            better = max(0.0, x[i] + (right[i] - sum(gram[i][j] * x[j] for j in size)) / gram[i][i])
            change = max(change, abs(better - x[i]))
            x[i] = better
        if change < 1e-4:
            break
    return dict(zip(steps, x))


def predicted(times, lengths):
    return sum(lengths[step] * n for step, n in times.items())


def print_scenarios(scenarios, lengths):
    print(f"{'scenario':<28} {'counted':>10} {'by steps':>10} {'error':>8}")
    for name, total, times in scenarios:
        by_steps = predicted(times, lengths)
        mark = "  <--" if abs(by_steps / total - 1) > TOLERANCE else ""
        print(f"{name:<28} {total:>10} {by_steps:>10.0f} {100 * (by_steps / total - 1):>+7.1f} %{mark}")


def uncertainty(step, scenarios, lengths):
    """How far the length is off if all the error of the scenario in which the step weighs most is its own."""
    _, total, times = max(scenarios, key=lambda each: lengths[step] * each[2].get(step, 0) / each[1])
    own = lengths[step] * times.get(step, 0)
    return abs(predicted(times, lengths) - total) / own if own > 0 else 1.0


def write(scenarios, lengths):
    versions = [run(*command, capture_output=True).stdout.splitlines()[0]
                for command in (("valgrind", "--version"), ("c++", "--version"))]
    source = f"hypervisor-core/counting/count.py: callgrind of {versions[0]}, {versions[1]}, {FLAGS}"
    core = {}
    for step, length in lengths.items():
        error = uncertainty(step, scenarios, lengths)
        core[step] = {"value": round(length), "unit": "instructions", "origin": "counted", "source": source,
                      "certainty": "high" if error <= TOLERANCE else "medium" if error <= 3 * TOLERANCE else "low"}
    lines = ",\n".join(f'    "{step}": {json.dumps(entry)}' for step, entry in core.items())
    with open(PATHS, "w", encoding="utf-8") as file:
        file.write('{\n  "name": "core_paths",\n  "description": "Path lengths of the hypervisor core between two '
                   'operations of the hardware",\n  "core": {\n' + lines + "\n  }\n}\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare with model/core_paths.json, write nothing")
    parser.add_argument("--build", default=os.path.join(ROOT, "build", "core32"), help="folder to build in")
    choices = parser.parse_args()

    program, library = build(choices.build)
    scenarios = count(program, functions_of_core(library))
    with open(os.path.join(ROOT, "hypervisor-core", "hardware", "work.h"), encoding="utf-8") as header:
        steps = re.findall(r'"(\w+)"', header.read().split("kStepNames[]")[1].split("}")[0])
    if choices.check:
        with open(PATHS, encoding="utf-8") as file:
            lengths = {step: entry["value"] for step, entry in json.load(file)["core"].items()}
    else:
        lengths = solve(scenarios, steps)
    print_scenarios(scenarios, lengths)
    if choices.check:
        errors = [abs(predicted(times, lengths) / total - 1) for _, total, times in scenarios]
        print(f"{len(errors)} scenarios, largest error {100 * max(errors):.1f} %, allowed {100 * TOLERANCE:.0f} %")
        return 1 if max(errors) > TOLERANCE else 0
    print()
    for step in steps:
        print(f"{step:<24} {lengths[step]:>7.1f} instructions, +- {100 * uncertainty(step, scenarios, lengths):.0f} %")
    write(scenarios, lengths)
    return 0


if __name__ == "__main__":
    sys.exit(main())
