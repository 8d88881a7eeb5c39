"""The noun hypernyms of WordNet 3.0, from its `data.noun` file (format: wndb(5WN))."""

import functools

HYPERNYM_POINTERS = ("@", "@i")  # a kind of; an instance of


class WordNet:
    """Synsets by offset, the eight digits that follow the `n` of an ImageNet id."""

    def __init__(self, lines, hypernym_overrides=None):
        self.lemmas, self.hypernyms = {}, {}
        for line in lines:
            if not line.startswith("  "):  # the licence, at the top, is indented
                self._add(line.partition("|")[0].split())
        self.hypernyms.update(hypernym_overrides or {})

    def _add(self, fields):
        offset, word_count = fields[0], int(fields[3], 16)
        words = fields[4 : 4 + 2 * word_count : 2]
        pointers = fields[5 + 2 * word_count :]
        triples = zip(pointers[::4], pointers[1::4], pointers[2::4])
        self.lemmas[offset] = [word.replace("_", " ") for word in words]
        self.hypernyms[offset] = [to for kind, to, part in triples if kind in HYPERNYM_POINTERS and part == "n"]

    @functools.cache
    def depth(self, offset):
        """Steps to `entity` by the longest way, so that a parent is never as deep as its child."""
        return 1 + max((self.depth(parent) for parent in self.hypernyms[offset]), default=-1)

    def ancestors(self, offset):
        """Every hypernym above, the most specific first."""
        found, pending = set(), list(self.hypernyms[offset])
        while pending:
            parent = pending.pop()
            if parent not in found:
                found.add(parent)
                pending += self.hypernyms[parent]
        return sorted(found, key=lambda parent: (-self.depth(parent), parent))
