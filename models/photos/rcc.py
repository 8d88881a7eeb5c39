"""Reads Qt's resource files (.rcc), in which GCompris keeps its photos.

Four big-endian words follow the mark: version, and where the tree, the data and the names begin. A node of the tree is
the offset of its name, flags, and for a folder the count and index of its children, for a file the offset of its data.
"""

import struct

FOLDER, COMPRESSED = 0x02, 0x01 | 0x04
ROOT = 0


class Resources:
    def __init__(self, data):
        mark, self.version, self.tree, self.content, self.names = struct.unpack_from(">4s4I", data)
        if mark != b"qres":
            raise ValueError("not a Qt resource file")
        self.data = data

    def files(self, node=ROOT, path=""):
        """Path → bytes, of every file that is not compressed: photos are not."""
        offset = self.tree + node * (22 if self.version >= 2 else 14)
        name, flags, first, second = struct.unpack_from(">IHII", self.data, offset)
        if node != ROOT:
            path = f"{path}/{self._name(name)}" if path else self._name(name)
        if flags & FOLDER:
            return {k: v for child in range(second, second + first) for k, v in self.files(child, path).items()}
        return {} if flags & COMPRESSED else {path: self._content(second)}

    def _name(self, offset):
        # length, a hash, and the name in two bytes a letter
        length = struct.unpack_from(">H", self.data, self.names + offset)[0]
        start = self.names + offset + 6
        return self.data[start : start + 2 * length].decode("utf-16-be")

    def _content(self, offset):
        length = struct.unpack_from(">I", self.data, self.content + offset)[0]
        start = self.content + offset + 4
        return self.data[start : start + length]
