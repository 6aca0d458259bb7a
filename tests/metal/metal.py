#!/usr/bin/env python3
"""Boots the metal image under Bochs and QEMU and judges what it says; compares shared sequences with the model.

    metal.py [bochs|qemu|both] [--long] [--compiler clang] [--only PART]

Expects what it runs to be built: ./ringzero metal does that first. The last line is the verdict; the exit status is 0
if everything passed, 1 if not, 77 if no emulator is installed.
"""
import argparse
import pathlib
import resource
import select
import shutil
import subprocess
import sys
import tempfile
import time

import wire

ROOT = pathlib.Path(__file__).resolve().parents[2]
MACHINE = ROOT / "model/machines/dell2650.json"
MEGABYTES = 32  # of the emulated PC; the hypervisor uses 24
SECTOR, CYLINDER = wire.SECTOR, wire.CYLINDER

# What an emulator does not do as hardware does, and how it is kept out of the comparison. docs/metal.md has the reasons.
GAPS = {
    "qemu": [
        ("segment-limits", "an access beyond the end of a guest's segment does not fault: none is made, none is attacked"),
        ("eager-accessed", "a directory entry is marked accessed although the access faults behind it: so does the model"),
    ],
    "bochs": [],
}


# Faults that a comparison cannot show, by emulator.
NOT_SHOWN = {"bochs": {}, "qemu": {"model:segment_end_ignored": "no access beyond a segment is made"}}


class Emulator:
    def __init__(self, name, build):
        self.name, self.build = name, build
        self.cpu = 0.0  # seconds that its runs have computed, however busy the machine is

    def installed(self):
        return shutil.which("qemu-system-i386" if self.name == "qemu" else "bochs") is not None

    def run(self, options, timeout, show=False, devices=None):
        """The console's lines, and the seconds it took. `devices`: the PC has a second disk and a network card."""
        line = " ".join(options + ([f"gaps={self.name}"] if GAPS[self.name] else []))
        with tempfile.TemporaryDirectory(prefix="ringzero-metal-") as folder:
            boot = pathlib.Path(folder) / "boot.img"
            boot.write_bytes(boot_disk(self.build, line))
            command = self.qemu(boot, devices) if self.name == "qemu" else self.bochs(folder, boot, devices)
            begin, computed = time.monotonic(), children_cpu()
            process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
            lines = []
            try:
                for text in read_lines(process, begin + timeout):
                    if not is_console(text):
                        continue
                    lines.append(text)
                    if show:
                        print(f"  {text}", flush=True)
            finally:
                if process.poll() is None:
                    process.kill()
                process.wait()
                self.cpu += children_cpu() - computed
            return lines, time.monotonic() - begin

    def qemu(self, boot, devices):
        command = ["qemu-system-i386", "-M", "pc", "-cpu", "pentium3", "-m", str(MEGABYTES), "-nodefaults", "-display", "none",
                   "-no-reboot", "-icount", "shift=4,sleep=off", "-debugcon", "stdio",
                   "-device", "isa-debug-exit,iobase=0xf4,iosize=1",
                   "-drive", f"file={boot},format=raw,if=ide,index=0"]
        if devices:  # whose flushes are told to the drive, and cost the host's disk nothing
            command += ["-drive", f"file={devices.disk},format=raw,if=ide,index=1,cache=unsafe"]
        if devices and devices.cable:
            port, mac = devices.cable.port, wire.CARD.hex(":")
            command += ["-trace", "ide_exec_cmd", "-D", devices.log,
                        "-netdev", f"socket,id=cable,udp=127.0.0.1:{port},localaddr=127.0.0.1:{port - 1}",
                        "-device", f"ne2k_isa,netdev=cable,iobase=0x300,irq=10,mac={mac}"]
        return command

    def bochs(self, folder, boot, devices):
        disks, card = [("ata0-master", boot)], []
        if devices:
            disks.append(("ata0-slave", devices.disk))
        if devices and devices.cable:
            card = [f"ne2k: ioaddr=0x300, irq=10, mac={wire.CARD.hex(':')}, ethmod=socket, ethdev={devices.cable.port - 1}"]
        cylinders = {name: path.stat().st_size // CYLINDER for name, path in disks}
        config = pathlib.Path(folder) / "bochsrc"
        config.write_text("\n".join([
            f"megs: {MEGABYTES}",
            "cpu: model=p3_katmai, count=1, ips=50000000, reset_on_triple_fault=0",
            "romimage: file=/usr/share/bochs/BIOS-bochs-latest",
            "vgaromimage: file=/usr/share/bochs/VGABIOS-lgpl-latest",
            "boot: disk",
            "ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14",
            *[f"{name}: type=disk, path={path}, mode=flat, cylinders={cylinders[name]}, heads=16, spt=63"
              for name, path in disks],
            *card,
            'display_library: rfb, options="timeout=0"',
            "port_e9_hack: enabled=1",
            f"log: {folder}/bochs.log",
            "panic: action=fatal",
            "clock: sync=none, time0=utc",
            "",
        ]))
        start = pathlib.Path(folder) / "start"
        start.write_text("c\n")  # Debian's is the build with a debugger
        return ["bochs", "-q", "-f", str(config), "-rc", str(start)]


def children_cpu():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def read_lines(process, until):
    rest = b""
    while True:
        ready, _, _ = select.select([process.stdout], [], [], max(0, until - time.monotonic()))
        if not ready:
            yield "machine stopped: it took too long"
            return
        piece = process.stdout.read1(65536)
        if not piece:
            return
        rest += piece
        *whole, rest = rest.split(b"\n")
        for line in whole:
            yield line.decode("latin-1")


def is_console(line):
    return line.startswith(("DOM", "domain ", "ringzero: ", "machine stopped", "vector "))


def boot_disk(build, line):
    sector = bytearray((build / "metal_boot_sector.bin").read_bytes())
    image = (build / "metal_image.bin").read_bytes()
    assert len(sector) == SECTOR and len(line) < SECTOR
    sector[504:508] = (-(-len(image) // SECTOR)).to_bytes(4, "little")  # where boot_sector.S looks for its length
    disk = bytes(sector) + line.encode().ljust(SECTOR, b"\0") + image
    return disk.ljust(-(-len(disk) // CYLINDER) * CYLINDER, b"\0")


def verdict(lines, part):
    return f"DOM0: verdict {part}: passed" in lines


def sequence_lines(lines):
    return [line for line in lines if line.startswith("DOM") and "verdict" not in line]


class Judge:
    def __init__(self, arguments):
        self.arguments, self.good, self.seconds = arguments, True, 0.0

    def say(self, good, text):
        self.good = self.good and good
        print(f"{'ok    ' if good else 'FAILED'}  {text}", flush=True)

    def boot(self, emulator, part, devices=None):
        options = [f"run={part}"] + ([f"sectors={wire.DISK_SECTORS}"] if devices else [])
        lines, seconds = emulator.run(options, 120, self.arguments.show, devices)
        self.seconds += seconds
        good = verdict(lines, part)
        if not good and not self.arguments.show:
            print("\n".join(f"  {line}" for line in lines[-25:]))
        self.say(good, f"{emulator.name}: {part}, {seconds:.1f} s")

    def devices(self, emulator):
        """Two domains use disk and card; the disk's file and what was on the cable are looked at from outside."""
        name = emulator.name
        with wire.Devices(wire.blank_disk(), cabled=True) as devices:
            self.boot(emulator, "devices", devices)
            self.say(devices.disk.read_bytes() == wire.written_disk(), f"{name}: the disk's file has what was written, where it belongs")
            wrong = devices.cable.wrong(16)
            self.say(wrong is None, f"{name}: on the cable, {wrong or '16 packets of two domains, all with the card as their source'}")
            if commands := devices.disk_commands():
                self.say(commands[-5:] == wire.ORDERED, f"{name}: the drive was told last: {' '.join(commands[-5:])}")

    def attack(self, emulator):
        """Nothing that the attackers ask for reaches the disk or the cable."""
        with wire.Devices(wire.blank_disk(), cabled=True) as devices:
            self.boot(emulator, "attack", devices)
            untouched = devices.disk.read_bytes() == wire.blank_disk() and not devices.cable.frames
            self.say(untouched, f"{emulator.name}: the disk is as it was, and nothing was sent")

    def double_fault(self, emulator):
        """The hypervisor's stack overflows, which is its own test image's doing: the task of double faults says so and stops."""
        lines, seconds = emulator.run(["run=recursion"], 20, self.arguments.show)
        self.seconds += seconds
        said = [line for line in lines[-2:] if line.endswith(("which has overflowed", "machine stopped: double fault inside the hypervisor"))]
        self.say(len(said) == 2, f"{emulator.name}: double-fault, {seconds:.1f} s: {said[0] if said else 'the machine is gone without a word'}")

    def same_core(self):
        """The image has the library's code, and so has the 32-bit hosted side where it was built."""
        build = self.arguments.build
        programs = [build / name for name in ("metal_image", "hosted_sequence32") if (build / name).exists()]
        check = subprocess.run([ROOT / "tests/metal/same_core.py", build / "libcore32.a", *programs],
                               stdout=subprocess.PIPE, text=True)
        self.say(check.returncode == 0, "; ".join(check.stdout.splitlines()[:2]) or "there is no library to compare with")

    def compare(self, emulator, seed, operations):
        options = [f"seed={seed}", f"operations={operations}"]
        limit = 60 + operations // 500
        lines, seconds = run_sequence(emulator, options, limit)
        self.seconds += seconds
        ours = hosted(self.arguments.hosted, emulator, options)
        theirs = sequence_lines(lines)
        total = performed(ours)
        same = ours == theirs and verdict(lines, "sequence")
        self.say(same, f"{emulator.name}: seed {seed}, {total} operations of two domains, {len(ours)} lines "
                       f"{'equal' if same else 'differ'}, {seconds:.1f} s")
        if not same:
            self.explain(emulator, options, ours, theirs)
        elif self.arguments.planted and seed == 1:
            self.plant(emulator, options, theirs)
        return total

    def plant(self, emulator, options, theirs):
        """Each fault that can be planted in the core or in the model must make the two sides differ."""
        program = self.arguments.hosted.with_name("hosted_sequence_faults")
        names = subprocess.run([program, MACHINE, "fault=?"], stdout=subprocess.PIPE, check=True, text=True).stdout.split()
        missed = [name for name in names if hosted(program, emulator, [*options, f"fault={name}"], faulty=True) == theirs]
        unexpected = [name for name in missed if name not in NOT_SHOWN[emulator.name]]
        for name in missed:
            print(f"  not shown by this sequence: {name} ({NOT_SHOWN[emulator.name].get(name, 'nobody knows why')})")
        self.say(len(names) >= 12 and not unexpected,
                 f"{emulator.name}: {len(names) - len(missed)} of {len(names)} planted faults make the two differ")

    def explain(self, emulator, options, ours, theirs):
        """The first operation whose result differs, from a second run that prints each."""
        index = next((i for i, (a, b) in enumerate(zip(ours, theirs)) if a != b), min(len(ours), len(theirs)))
        line = ours[index] if index < len(ours) else ours[-1]
        at = int(line.split("operations ")[1].split()[0]) if "operations " in line else 0
        detail = [*options, f"detail_from={max(0, at - 256)}", f"detail_to={at + 64}"]
        lines, _ = run_sequence(emulator, detail, 120)
        ours, theirs = hosted(self.arguments.hosted, emulator, detail), sequence_lines(lines)
        for a, b in zip(ours, theirs):
            if a != b:
                print(f"  model:  {a}\n  {emulator.name}: {b}")
                break
        else:
            shorter = min(ours, theirs, key=len)
            print(f"  one of them stops after: {shorter[-1] if shorter else 'nothing'}")


def run_sequence(emulator, options, timeout):
    with wire.Devices(bytes(wire.DISK_SECTORS * SECTOR), cabled=False) as devices:
        return emulator.run(["run=sequence", "tick=0", *options], timeout, devices=devices)


def hosted(program, emulator, options, faulty=False):
    gaps = [f"gaps={emulator.name}"] if GAPS[emulator.name] else []
    try:
        run = subprocess.run([program, MACHINE, *gaps, *options], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                             check=not faulty, text=True, timeout=60 if faulty else None)
    except subprocess.TimeoutExpired:  # a fault can make it run in circles
        return []
    return run.stdout.splitlines()


def performed(lines):
    last = {}
    for line in lines:
        if "operations " in line:
            last[line[:4]] = int(line.split("operations ")[1].split()[0])
    return sum(last.values())


def main():
    parser = argparse.ArgumentParser(prog="ringzero metal", description=__doc__.splitlines()[0])
    parser.add_argument("emulator", nargs="?", default="both", choices=["bochs", "qemu", "both"])
    parser.add_argument("--long", action="store_true", help="more than a million operations under each emulator")
    parser.add_argument("--quiet", dest="show", action="store_false", help="verdicts without the console")
    parser.add_argument("--only", choices=["tour", "attack", "shares", "devices", "double-fault", "sequence"], help="this part alone")
    parser.add_argument("--planted", action="store_true", help="also with each fault that can be planted")
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build/core32", help="where the image is")
    parser.add_argument("--hosted", type=pathlib.Path, default=ROOT / "build/release/tests/hosted_sequence")
    arguments = parser.parse_args()
    names = ["qemu", "bochs"] if arguments.emulator == "both" else [arguments.emulator]
    emulators = [Emulator(name, arguments.build) for name in names]
    for emulator in emulators:
        if not emulator.installed():
            print(f"skipped: {emulator.name} is not installed (packages.txt has it; ./ringzero test installs it)")
    emulators = [emulator for emulator in emulators if emulator.installed()]
    if not emulators:
        return 77
    judge = Judge(arguments)
    judge.same_core()
    for emulator in emulators:
        judge.seconds = 0.0
        for name, meaning in GAPS[emulator.name]:
            print(f"excluded under {emulator.name}: {name}: {meaning}")
        parts = {"tour": lambda: judge.boot(emulator, "tour"), "attack": lambda: judge.attack(emulator),
                 "shares": lambda: judge.boot(emulator, "shares"), "devices": lambda: judge.devices(emulator),
                 "double-fault": lambda: judge.double_fault(emulator)}
        for name, part in parts.items():
            if arguments.only in (None, name):
                part()
        if arguments.only in (None, "sequence"):
            seeds = range(1, 5) if arguments.long else (1,)
            operations = 150_000 if arguments.long else 10_000
            total = sum(judge.compare(emulator, seed, operations) for seed in seeds)
            if arguments.long:
                print(f"{emulator.name}: {total} operations compared")
        print(f"{emulator.name}: {judge.seconds:.1f} s from boot to verdict, all parts ({emulator.cpu:.1f} s of CPU)")
    print(f"metal: {'passed' if judge.good else 'FAILED'} ({', '.join(e.name for e in emulators)})")
    return 0 if judge.good else 1


if __name__ == "__main__":
    sys.exit(main())
