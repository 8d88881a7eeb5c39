"""Class names + WordNet + our tables → `labels.json`, the taxonomy that the worker reads."""

import json
import pathlib
import re
import tomllib

from . import TaxonomyError
from .korean import Korean
from .wordnet import WordNet

HERE = pathlib.Path(__file__).parent


class Tables:
    """What we decided by hand: `taxonomy.toml` and `stop.txt`. Synsets are written `offset lemma`."""

    def __init__(self, tables, stop_lines):
        self.class_names = _by_index(tables["class_names"])
        self.class_categories = _by_index(tables["class_categories"])
        self.class_hypernyms = _by_index(tables["class_hypernyms"])
        self.synset_hypernyms = tables["synset_hypernyms"]
        self.parent_names = tables["parent_names"]
        self.stop = [line for line in stop_lines if line and not line.startswith("#")]
        self.categories = {synset: category for category, synsets in tables["categories"].items() for synset in synsets}

    @classmethod
    def committed(cls):
        tables = tomllib.loads((HERE / "taxonomy.toml").read_text())
        return cls(tables, (HERE / "stop.txt").read_text().splitlines())

    def synsets(self):
        """Every synset that a table names, to be held against WordNet."""
        hypernyms = (*self.class_hypernyms.values(), *self.synset_hypernyms.values())
        named = (synset for synsets in hypernyms for synset in synsets)
        return [*self.stop, *self.categories, *self.parent_names, *self.synset_hypernyms, *named]


def _by_index(table):
    return {int(index): value for index, value in table.items()}


def _offset(synset):
    return synset.split(" ", 1)[0]


class Taxonomy:
    def __init__(self, names, synset_ids, wordnet_lines, tables):
        offsets = [synset_id.removeprefix("n") for synset_id in synset_ids]
        self.tables, self.synset_ids, self.offsets = tables, synset_ids, offsets
        self.wordnet = WordNet(wordnet_lines, self._hypernym_overrides())
        self._check_tables()
        self.names = [tables.class_names.get(i, name).lower() for i, name in enumerate(names)]
        self.stop = {_offset(s) for s in tables.stop}
        self.categories = {_offset(s): category for s, category in tables.categories.items()}
        self.parent_names = {_offset(s): name for s, name in tables.parent_names.items()}

    def _hypernym_overrides(self):
        overrides = {self.offsets[index]: synsets for index, synsets in self.tables.class_hypernyms.items()}
        overrides |= {_offset(synset): synsets for synset, synsets in self.tables.synset_hypernyms.items()}
        return {offset: [_offset(s) for s in synsets] for offset, synsets in overrides.items()}

    def _check_tables(self):
        for synset in self.tables.synsets():
            offset, _, lemma = synset.partition(" ")
            if self.wordnet.lemmas.get(offset, [None])[0] != lemma:
                raise TaxonomyError(f"the tables say {synset!r}, WordNet says {self.wordnet.lemmas.get(offset)}")

    def parent_name(self, offset):
        return self.parent_names.get(offset, self.wordnet.lemmas[offset][0]).lower()

    def category(self, offset):
        """That of the closest synset, upwards and itself included, that has one."""
        for candidate in (offset, *self.wordnet.ancestors(offset)):
            if candidate in self.categories:
                return self.categories[candidate]
        raise TaxonomyError(f"no category above {self.wordnet.lemmas[offset]}")

    def kept_ancestors(self, offset):
        return [parent for parent in self.wordnet.ancestors(offset) if parent not in self.stop]

    def classes(self):
        return [self._class(index, offset) for index, offset in enumerate(self.offsets)]

    def _class(self, index, offset):
        name = self.names[index]
        lemmas = [re.sub(r"\s+", " ", lemma).lower() for lemma in self.wordnet.lemmas[offset]]
        return {
            "index": index,
            "name": name,
            "synset": self.synset_ids[index],
            "synonyms": [lemma for lemma in dict.fromkeys(lemmas) if lemma != name],
            "category": self.tables.class_categories.get(index) or self.category(offset),
            "parents": list(dict.fromkeys(map(self.parent_name, self.kept_ancestors(offset)))),
        }

    def parents(self):
        """Parent name → category and depth. Synsets that share a name are one parent, the deepest."""
        offsets = {parent for offset in self.offsets for parent in self.kept_ancestors(offset)}
        parents = {}
        for offset in sorted(offsets, key=lambda o: (self.parent_name(o), -self.wordnet.depth(o))):
            entry = {"category": self.category(offset), "depth": self.wordnet.depth(offset)}
            first = parents.setdefault(self.parent_name(offset), entry)
            if first["category"] != entry["category"]:
                raise TaxonomyError(f"two senses of the parent {self.parent_name(offset)!r}: {first}, {entry}")
        return parents


def check(classes, parents):
    """A tag's name must mean one thing, and every class needs something above it."""
    names = [c["name"] for c in classes]
    twice = sorted({name for name in names if names.count(name) > 1})
    both = sorted(set(names) & set(parents))
    orphans = [c["name"] for c in classes if not c["parents"]]
    for problem, found in (("twice among the classes", twice), ("class and parent", both), ("no parent", orphans)):
        if found:
            raise TaxonomyError(f"{problem}: {', '.join(found)}")


def write_labels(names_folder, data_noun, target, source):
    """`names_folder` is the data of the package of class names, `data_noun` a path."""
    names = json.loads((names_folder / "imagenet1k_clean_names.json").read_text())
    ids = json.loads((names_folder / "imagenet1k_to_21k.json").read_text())
    lines = data_noun.read_text().splitlines()
    taxonomy = Taxonomy(names, [ids[str(i)] for i in range(len(names))], lines, Tables.committed())
    classes, parents = taxonomy.classes(), taxonomy.parents()
    categories = {category: {} for category in sorted({entry["category"] for entry in (*classes, *parents.values())})}
    check(classes, parents)
    Korean.committed().add_to(classes, parents, categories)
    labels = {"version": 1, "source": source, "classes": classes, "parents": parents, "categories": categories}
    target.write_text(json.dumps(labels, ensure_ascii=False, indent=1) + "\n", "utf-8")
