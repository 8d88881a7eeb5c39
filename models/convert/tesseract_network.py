"""Reads what Tesseract keeps in a `traineddata` file: a network of LSTMs, what it counts in, and its characters. Without Tesseract.

The file is a table of parts. Numbers are little-endian. A network is nested: each layer has a head, and behind it what its kind
has. Weights are bytes with a scale for each row, as Tesseract counts where it is fast.
"""

import struct
from dataclasses import dataclass, field

import numpy as np

NETWORK, CHARACTERS, CODES = 17, 21, 22
HOLDS_LAYERS = ("Series", "Parallel", "XYTranspose", "RTLReversed", "TTBReversed")
HAS_WEIGHTS = ("Tanh", "Softmax")
HAS_GATES = ("LSTM", "SummLSTM")
HAS_STEPS = ("Convolve", "Maxpool")
IS_INT8, IS_CURRENT, HAS_RATES = 1, 128, 64
# They hold what enters a cell, what lets it enter, what lets it stay, and what lets it out.
GATES = 4


@dataclass
class Layer:
    kind: str
    inputs: int
    outputs: int
    layers: list = field(default_factory=list)
    # `[outputs, inputs + 1]`, one for each gate of an LSTM; the last column is the bias.
    weights: list = field(default_factory=list)
    # Half of the sides of a convolution, or the sides of what becomes one.
    steps: tuple = ()


@dataclass
class Model:
    network: Layer
    # The code that stands for nothing.
    nothing: int
    # Each character, and the codes that it is written with.
    characters: list


class Reader:
    def __init__(self, data):
        self.data = data
        self.at = 0

    def numbers(self, form):
        values = struct.unpack_from(f"<{form}", self.data, self.at)
        self.at += struct.calcsize(f"<{form}")
        return values

    def number(self, form):
        [value] = self.numbers(form)
        return value

    def bytes(self, count):
        self.at += count
        return self.data[self.at - count : self.at]

    def text(self):
        return self.bytes(self.number("I")).decode()

    def matrix(self):
        mode = self.number("B")
        if not mode & IS_INT8 or not mode & IS_CURRENT:
            raise ValueError(f"weights of mode {mode} are none of bytes")
        rows, columns, _empty = self.numbers("iib")
        weights = np.frombuffer(self.bytes(rows * columns), np.int8).reshape(rows, columns)
        scales = np.frombuffer(self.bytes(8 * self.number("I")), np.float64)
        return (weights * scales[:rows, None]).astype(np.float32)

    def layer(self):
        if self.number("b") != 0:
            raise ValueError("a layer of a kind without a name")
        kind = self.text()
        _training, _backwards, flags, inputs, outputs, _weights = self.numbers("bbiiii")
        self.text()  # its own name
        layer = Layer(kind, inputs, outputs)
        if kind == "Input":
            self.numbers("iiiii")
        elif kind in HOLDS_LAYERS:
            layer.layers = [self.layer() for _ in range(self.number("I"))]
            if flags & HAS_RATES:
                self.bytes(4 * self.number("I"))
        elif kind in HAS_STEPS:
            layer.steps = self.numbers("ii")
        elif kind in HAS_GATES:
            self.number("i")
            layer.weights = [self.matrix() for _ in range(GATES)]
        elif kind in HAS_WEIGHTS:
            layer.weights = [self.matrix()]
        else:
            raise ValueError(f"a layer of kind {kind}")
        return layer


def parts(data):
    """Number → bytes, of the parts that there are."""
    reader = Reader(data)
    offsets = reader.numbers(f"{reader.number('i')}q")
    ends = sorted([offset for offset in offsets if offset >= 0] + [len(data)])
    return {number: data[offset : ends[ends.index(offset) + 1]] for number, offset in enumerate(offsets) if offset >= 0}


def read_network(data):
    reader = Reader(data)
    network = reader.layer()
    reader.text()  # how it was specified
    _flags, _iterations, _samples, nothing = reader.numbers("iiii")
    return network, nothing


def read_characters(data):
    """A line each, of which the first word is the character."""
    lines = data.decode().split("\n")
    return [line.split(" ")[0] for line in lines[1 : int(lines[0]) + 1]]


def read_codes(data):
    reader = Reader(data)
    codes = []
    for _ in range(reader.number("I")):
        _normal, count = reader.numbers("bi")
        codes.append(reader.numbers(f"{count}i"))
    return codes


def read(data):
    found = parts(data)
    network, nothing = read_network(found[NETWORK])
    characters = zip(read_characters(found[CHARACTERS]), read_codes(found[CODES]), strict=True)
    return Model(network, nothing, list(characters))
