"""The decoding process that the service starts, spoken to as the service does: confined, one file after the other."""

import os
import struct
import subprocess

import msgpack

LIMITS = {"max_pixels": 120_000_000, "max_decoded_bytes": 256 << 20, "max_aspect": 1_000, "max_frames": 2_000, "tile_quality": 95}
MAX_FILE_BYTES = 64_000_000
TICKS = os.sysconf("SC_CLK_TCK")


class Decoder:
    def __init__(self, program, side=224, fit="crop"):
        memory = LIMITS["max_decoded_bytes"] + 2 * MAX_FILE_BYTES
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        self.process = subprocess.Popen([program, "prepare-worker", str(memory)], **pipes)
        self.spec = {"width": side, "height": side, "fit": fit}
        kind, length = struct.unpack(">cH", self.read(3))
        reason = self.read(length)
        if kind == b"m":
            raise RuntimeError(f"the decoder is not confined: {reason.decode()}")

    def read(self, count):
        data = self.process.stdout.read(count)
        if len(data) < count:
            raise EOFError("the decoder has died")
        return data

    def ask(self, file):
        """What the decoder says of a file: the picture's facts with its pixels, or the fault."""
        head = msgpack.packb({"specs": [self.spec], "limits": LIMITS, "file_bytes": len(file)})
        self.process.stdin.write(struct.pack(">I", len(head)) + head + file)
        self.process.stdin.flush()
        (length,) = struct.unpack(">I", self.read(4))
        reply = msgpack.unpackb(self.read(length))
        if reply == "Panicked":
            return None, {"code": "panicked", "detail": ""}
        done = reply["Done"]
        if "Ok" not in done:
            return None, done["Err"]
        picture = done["Ok"]
        picture["rgb"] = self.read(3 * self.spec["width"] * self.spec["height"])
        return picture, None

    def processor_s(self):
        fields = open(f"/proc/{self.process.pid}/stat").read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def peak_mib(self):
        for line in open(f"/proc/{self.process.pid}/status"):
            if line.startswith("VmHWM"):
                return int(line.split()[1]) / 1024
        return 0.0

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def timed(program, file, rounds=5):
    """Milliseconds of the processor for one file, and what a process of its own takes at the most, MiB."""
    decoder = Decoder(program)
    picture, fault = decoder.ask(file)
    if fault:
        raise RuntimeError(fault["detail"])
    before = decoder.processor_s()
    for _ in range(rounds):
        decoder.ask(file)
    taken = (decoder.processor_s() - before) / rounds * 1e3
    peak = decoder.peak_mib()
    decoder.close()
    return taken, peak, (picture["width"], picture["height"])
