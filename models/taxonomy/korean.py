"""`korean.toml`: the Korean name and synonyms of every class, parent and category."""

import pathlib
import tomllib
from collections import Counter

from . import TaxonomyError


def unspaced(word):
    """Korean is spaced as one likes: 골든 리트리버 and 골든리트리버 are one word."""
    return word.replace(" ", "")


def _repeated(words):
    return {word for word, count in Counter(words).items() if count > 1}


class Korean:
    def __init__(self, tables):
        """`tables`: section → English name → Korean words, the name first."""
        self.words = {name: words for section in tables.values() for name, words in section.items()}
        self._refuse("in two sections", _repeated(name for section in tables.values() for name in section))
        tags = {**tables["classes"], **tables["parents"]}  # a category may be called as a tag is: instrument, 악기
        self._refuse("twice in Korean", _repeated(unspaced(words[0]) for words in tags.values()))

    @classmethod
    def committed(cls):
        return cls(tomllib.loads(pathlib.Path(__file__).with_name("korean.toml").read_text("utf-8")))

    def add_to(self, classes, parents, categories):
        """Puts `ko` and `ko_synonyms` into every entry; `parents` and `categories` are keyed by name."""
        entries = [*((c["name"], c) for c in classes), *parents.items(), *categories.items()]
        self._refuse("no Korean name", {name for name, _ in entries} - set(self.words))
        self._refuse("Korean for nothing", set(self.words) - {name for name, _ in entries})
        for name, entry in entries:
            entry["ko"], *entry["ko_synonyms"] = self.words[name]

    def _refuse(self, problem, names):
        if names:
            raise TaxonomyError(f"{problem}: {', '.join(sorted(names))}")
