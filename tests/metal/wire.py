"""The other end of the emulated PC's network cable, and the disk that it finds: what the guests' program `devices` talks
to (guest/device_domain.cpp, guest/packets.cpp).

Both emulators hand whole Ethernet frames to a UDP socket, so the wire is one here: a host that sends UDP packets back and,
when it has heard of the PC, asks for an address that nobody has. Every frame is kept.
"""
import array
import pathlib
import re
import select
import socket
import struct
import tempfile
import threading

SECTOR, CYLINDER = 512, 16 * 63 * 512
CARD = bytes.fromhex("525400120034")
FORGED = b"\x66" * 6  # the source address that the guests put into their packets
HOST = b"\x02\x00\x00\x00\x00\x64"
HOST_ADDRESS, NOBODY = bytes([10, 0, 0, 100]), bytes([10, 0, 0, 50])
IP, ARP, DOMAIN0_ONLY = b"\x08\x00", b"\x08\x06", b"\x88\xb5"


class Cable:
    def __init__(self):
        self.frames, self.asked = [], False
        while True:  # Bochs listens at a port and sends to the next one
            self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self.socket.bind(("127.0.0.1", 0))
            self.port = self.socket.getsockname()[1]
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
                try:
                    other.bind(("127.0.0.1", self.port - 1))
                    break
                except OSError:
                    self.socket.close()
        self.pc = ("127.0.0.1", self.port - 1)
        self.done = threading.Event()
        self.thread = threading.Thread(target=self.listen, daemon=True)
        self.thread.start()

    def close(self):
        self.done.set()
        self.thread.join()
        self.socket.close()

    def listen(self):
        while not self.done.is_set():
            if not select.select([self.socket], [], [], 0.05)[0]:
                continue
            frame = self.socket.recv(65536)
            self.frames.append(frame)
            if not self.asked:
                self.asked = True
                self.send(b"\xff" * 6 + HOST + ARP + bytes.fromhex("0001080006040001") + HOST + HOST_ADDRESS + bytes(6) + NOBODY)
            if frame[12:14] == IP and frame[30:34] == HOST_ADDRESS:
                self.send(frame[6:12] + HOST + frame[12:26] + frame[30:34] + frame[26:30] + frame[34:])

    def send(self, frame):
        self.socket.sendto(frame.ljust(60, b"\0"), self.pc)

    def wrong(self, frames):
        """What is wrong with the frames that were sent to the wire, or None: `frames` of them IP, from domains 1 and 2, and
        nothing else but one that domain 0 alone may send."""
        for frame in self.frames:
            if frame[6:12] != CARD:
                return f"a frame from {frame[6:12].hex()}, which is not the card"
            if frame[12:14] == DOMAIN0_ONLY:
                continue
            if frame[12:14] != IP or frame[26:29] != bytes([10, 0, 0]) or frame[29] not in (1, 2):
                return f"a frame with another's address: {frame[:42].hex()}"
            if frame[30:34] != HOST_ADDRESS or internet_sum(frame[14:34]) != 0xffff:
                return f"a frame with a header nobody wrote: {frame[:42].hex()}"
            length = struct.unpack(">H", frame[16:18])[0] + 14
            if length != len(frame):
                return f"{len(frame)} bytes of a packet of {length}"
        of_domains = sum(frame[12:14] == IP for frame in self.frames)
        if of_domains != frames or len(self.frames) != frames + 1:
            return f"{of_domains} packets and {len(self.frames) - of_domains} other frames"
        return None


def internet_sum(header):
    total = sum(struct.unpack(f">{len(header) // 2}H", header))
    while total > 0xffff:
        total = (total & 0xffff) + (total >> 16)
    return total


class Devices:
    """A disk and, if wanted, a cable, new, for one run."""

    def __init__(self, contents, cabled):
        self.folder = tempfile.TemporaryDirectory(prefix="ringzero-devices-")
        self.disk = pathlib.Path(self.folder.name) / "disk.img"
        self.log = pathlib.Path(self.folder.name) / "commands.log"
        self.disk.write_bytes(contents)
        self.cable = Cable() if cabled else None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.cable:
            self.cable.close()
        self.folder.cleanup()

    def disk_commands(self):
        """What the drives were told, by name, where the emulator keeps a log of it."""
        return [COMMANDS.get(code, code) for code in re.findall(r"ide_exec_cmd.* cmd 0x(\w+)", self.log.read_text())] \
            if self.log.exists() else []


# --- the disk --------------------------------------------------------------------------------------------------------
COMMANDS = {"20": "read", "30": "write", "e7": "flush"}
ORDERED = ["write", "flush", "write", "flush", "write"]  # the barrier in the middle, on the medium before the last begins
DISK_SECTORS = 2 * CYLINDER // SECTOR
NOBODYS = 0xff
# First sector, sectors, who wrote there and the first of its own sectors: guest/device_sectors.h.
PLACES = [(64, 44, 1, 0), (200, 20, 1, 44), (108, 52, 2, 0), (160, 12, 2, 52), (500, 3, 0, 0)]


def sector(writer, number):
    return array.array("I", range(writer << 24 | number << 8, (writer << 24 | number << 8) + SECTOR // 4)).tobytes()


def blank_disk():
    return b"".join(sector(NOBODYS, number) for number in range(DISK_SECTORS))


def written_disk():
    sectors = [sector(NOBODYS, number) for number in range(DISK_SECTORS)]
    for first, count, writer, own in PLACES:
        for i in range(count):
            sectors[first + i] = sector(writer, own + i)
    return b"".join(sectors)
