"""Reads a `.pth` file in torch's legacy pickle format, without torch.

The file is five pickles (magic number, protocol version, machine description, the
named tensors, the order of the storages) and then, for each storage, its element
count as a 64-bit integer and its raw little-endian values.
"""

import collections
import pickle

import numpy as np

MAGIC = 0x1950A86A20F9469CFC6C
PROTOCOL = 1001
DTYPES = {"FloatStorage": np.dtype("<f4"), "LongStorage": np.dtype("<i8")}


class FormatError(Exception):
    """The file is not what this reader understands."""


class TensorRef:
    """A tensor before its storage is read: which one, and how to walk through it."""

    def __init__(self, storage, offset, shape, strides, *_):
        self.storage, self.offset, self.shape, self.strides = storage, offset, shape, strides

    def resolve(self, storages):
        return strided(storages[self.storage], self.offset, self.shape, self.strides)


def strided(values, offset, shape, strides):
    """The tensor that `shape` and `strides` (in elements) describe within flat `values`.

    These weights came from TensorFlow and were transposed without being copied, so
    reading them as if they were contiguous yields a model that runs and knows nothing.
    """
    last = offset + sum((n - 1) * step for n, step in zip(shape, strides))
    if min((offset, *strides), default=0) < 0 or (0 not in shape and last >= len(values)):
        raise FormatError(f"a tensor reaches element {last} of a storage of {len(values)}")
    steps = [step * values.itemsize for step in strides]
    return np.lib.stride_tricks.as_strided(values[offset:], shape, steps).copy()


class _Unpickler(pickle.Unpickler):
    """Knows the few names that a table of weights needs; a pickle could run anything else."""

    def __init__(self, file):
        super().__init__(file)
        self.dtypes = {}

    def find_class(self, module, name):
        if (module, name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return TensorRef
        if module == "torch" and name in DTYPES:
            return DTYPES[name]
        raise FormatError(f"the pickle asks for {module}.{name}, which a table of weights does not need")

    def persistent_load(self, pid):
        kind, dtype, key = pid[:3]
        if kind != "storage" or pid[5] is not None:
            raise FormatError(f"cannot read a tensor kept as {kind!r}, or as a view of another storage")
        self.dtypes[key] = dtype
        return key


def read_tensors(path):
    """Name → array, for every tensor in the file."""
    with open(path, "rb") as file:
        magic, protocol, _machine = (_Unpickler(file).load() for _ in range(3))
        if (magic, protocol) != (MAGIC, PROTOCOL):
            raise FormatError(f"{path} is not in torch's legacy format")
        tensors_pickle = _Unpickler(file)
        tensors = tensors_pickle.load()
        keys = _Unpickler(file).load()
        storages = {key: _read_storage(file, tensors_pickle.dtypes[key]) for key in keys}
    return {name: tensor.resolve(storages) for name, tensor in tensors.items()}


def _read_storage(file, dtype):
    count = int.from_bytes(file.read(8), "little", signed=True)
    data = file.read(count * dtype.itemsize)
    if count < 0 or len(data) != count * dtype.itemsize:
        raise FormatError("the file ends within a storage")
    return np.frombuffer(data, dtype)
