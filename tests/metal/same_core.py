#!/usr/bin/env python3
"""Whether programs have the very code of a library: same_core.py LIBRARY.a PROGRAM...

Every function that an object of the library defines must stand in each program byte for byte, but for the four bytes of each
relocation, where the linker puts addresses. 32-bit x86, relocations without addends.
"""
import pathlib
import struct
import subprocess
import sys
import tempfile

SYMTAB, REL, EXECUTABLE, FUNCTION = 2, 9, 4, 2


class Elf:
    def __init__(self, path):
        self.data = pathlib.Path(path).read_bytes()
        table, = struct.unpack_from("<I", self.data, 32)
        size, count = struct.unpack_from("<HH", self.data, 46)
        # name, type, flags, address, offset, size, link, info
        self.sections = [struct.unpack_from("<IIIIIIII", self.data, table + i * size) for i in range(count)]

    def functions(self):
        """(name, section, offset in it, bytes) of each function that is defined here."""
        for section in self.sections:
            if section[1] != SYMTAB:
                continue
            names = self.sections[section[6]][4]
            for at in range(section[4], section[4] + section[5], 16):
                name, value, size, info, _, index = struct.unpack_from("<IIIBBH", self.data, at)
                if info & 15 != FUNCTION or size == 0 or index == 0 or index >= len(self.sections):
                    continue
                end = self.data.index(b"\0", names + name)
                offset = value - self.sections[index][3]
                start = self.sections[index][4] + offset
                yield self.data[names + name:end].decode(), index, offset, self.data[start:start + size]

    def relocated(self, section):
        """Offsets in a section at which the linker writes."""
        return {struct.unpack_from("<I", self.data, at)[0]
                for each in self.sections if each[1] == REL and each[7] == section
                for at in range(each[4], each[4] + each[5], 8)}


def masked(code, places):
    code = bytearray(code)
    for place in places:
        code[place:place + 4] = bytes(min(4, max(0, len(code) - place)))
    return bytes(code)


def main():
    library, *programs = sys.argv[1:]
    wanted = []  # name, code, places
    with tempfile.TemporaryDirectory() as folder:
        members = subprocess.run(["ar", "t", library], check=True, stdout=subprocess.PIPE, text=True).stdout.split()
        seen = {}
        for member in members:
            seen[member] = seen.get(member, 0) + 1
            subprocess.run(["ar", "xN", str(seen[member]), "--output", folder, library, member], check=True)
            elf = Elf(pathlib.Path(folder) / member)
            for name, section, offset, code in elf.functions():
                places = [p - offset for p in elf.relocated(section) if offset <= p < offset + len(code)]
                wanted.append((name, code, places))
    good = bool(wanted) and bool(programs)
    for program in programs:
        have = {}
        for name, _, _, code in Elf(program).functions():
            have.setdefault((name, len(code)), []).append(code)
        other = sorted({name for name, code, places in wanted
                        if not any(masked(code, places) == masked(each, places) for each in have.get((name, len(code)), []))})
        total = sum(len(code) for _, code, _ in wanted)
        print(f"{pathlib.Path(program).name}: {len(wanted) - len(other)} of {len(wanted)} functions, {total} bytes, "
              f"as {pathlib.Path(library).name} has them")
        for name in other:
            print(f"  another: {name}")
        good = good and not other
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
