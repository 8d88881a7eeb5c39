"""The Korean names: the committed table, and the labels that a build made with it (skipped where nothing is built)."""

import json
import pathlib
import re
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from build import default_folder
from taxonomy import TaxonomyError
from taxonomy.korean import Korean, unspaced

BUILT = pathlib.Path(default_folder()).expanduser() / "efficientnet-lite0" / "labels.json"
CLASSES = 1000
CATEGORIES = 16

# What Koreans write in Latin letters or figures.
LATIN = {"2", "3", "ATM", "CD", "CRT", "DSLR", "HDD", "KTX", "MP", "MTB", "PC", "PDA", "SLR", "T", "TV"}

TABLES = {
    "classes": {"tabby cat": ["태비 고양이", "고등어 고양이"], "kite (bird)": ["솔개"]},
    "parents": {"animal": ["동물"]},
    "categories": {"other": ["그 외"]},
}


def entries():
    """A little of what `add_to` is given; fresh, since it writes into it."""
    return [{"name": "tabby cat"}, {"name": "kite (bird)"}], {"animal": {}}, {"animal": {}, "other": {}}


class Adding(unittest.TestCase):
    def test_every_entry_gets_its_name_and_synonyms(self):
        classes, parents, categories = entries()
        Korean(TABLES).add_to(classes, parents, categories)
        self.assertEqual(classes[0], {"name": "tabby cat", "ko": "태비 고양이", "ko_synonyms": ["고등어 고양이"]})
        self.assertEqual(parents["animal"], {"ko": "동물", "ko_synonyms": []})
        self.assertEqual([categories[name]["ko"] for name in ("animal", "other")], ["동물", "그 외"])

    def test_an_entry_without_korean_is_refused(self):
        with self.assertRaisesRegex(TaxonomyError, "no Korean name: tabby cat"):
            Korean({**TABLES, "classes": {"kite (bird)": ["솔개"]}}).add_to(*entries())

    def test_korean_that_names_nothing_is_refused(self):
        with self.assertRaisesRegex(TaxonomyError, "Korean for nothing: kite"):
            Korean({**TABLES, "classes": {**TABLES["classes"], "kite": ["연"]}}).add_to(*entries())

    def test_one_name_for_two_is_refused_however_it_is_spaced(self):
        with self.assertRaisesRegex(TaxonomyError, "twice in Korean: 태비고양이"):
            Korean({**TABLES, "parents": {"animal": ["태비고양이"]}})

    def test_an_english_name_in_two_sections_is_refused(self):
        with self.assertRaisesRegex(TaxonomyError, "in two sections: animal"):
            Korean({**TABLES, "categories": {"animal": ["짐승"]}})


class Table(unittest.TestCase):
    def setUp(self):
        self.words = Korean.committed().words

    def test_names_hold_hangul(self):
        self.assertEqual([words for words in self.words.values() if not re.search("[가-힣]", words[0])], [])

    def test_there_is_no_other_script(self):
        for word in (word for words in self.words.values() for word in words):
            parts = re.findall("[가-힣 ]+|[A-Za-z]+|[0-9]+|.", word)
            self.assertEqual([part for part in parts if not re.match("[가-힣 ]", part) and part not in LATIN], [], word)

    def test_words_are_trimmed(self):
        for word in (word for words in self.words.values() for word in words):
            self.assertEqual(word, " ".join(word.split()))

    def test_a_synonym_adds_something(self):
        for words in self.words.values():
            self.assertEqual(len({unspaced(word) for word in words}), len(words), words)


@unittest.skipUnless(BUILT.exists(), "no tagger is built")
class Built(unittest.TestCase):
    """Fails on labels that are older than the table: `models/build.py` makes them anew."""

    def setUp(self):
        self.labels = json.loads(BUILT.read_text("utf-8"))
        self.classes, self.parents = self.labels["classes"], self.labels["parents"]

    def test_every_class_is_named_placed_and_translated(self):
        counts = {key: sum(bool(c.get(key)) for c in self.classes) for key in ("name", "ko", "category", "parents")}
        self.assertEqual(counts, dict.fromkeys(counts, CLASSES))

    def test_english_names_are_keys(self):
        self.assertEqual(len({c["name"] for c in self.classes} | set(self.parents)), CLASSES + len(self.parents))

    def test_every_parent_is_translated_and_known(self):
        used = {parent for c in self.classes for parent in c["parents"]}
        self.assertEqual({name for name, parent in self.parents.items() if parent.get("ko")}, used)

    def test_korean_names_are_keys(self):
        names = [entry.get("ko") for entry in (*self.classes, *self.parents.values())]
        self.assertEqual(len(set(names)), len(names))

    def test_every_category_is_translated_and_used(self):
        used = {entry["category"] for entry in (*self.classes, *self.parents.values())}
        translated = {name for name, category in self.labels.get("categories", {}).items() if category["ko"]}
        self.assertEqual((translated, len(used)), (used, CATEGORIES))


if __name__ == "__main__":
    unittest.main()
