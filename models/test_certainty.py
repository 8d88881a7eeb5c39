"""The certainty rule, the photos' labels and the reader of their files; no network."""

import pathlib
import struct
import sys
import tomllib
import unittest

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE))

from photos.rcc import COMPRESSED, FOLDER, Resources

try:
    import numpy
    from photos import certainty
except ImportError:
    numpy = None

NAMES = ["cat", "dog", "website"]
MANIFEST = {
    "temperature": 0.5,
    "certainty": {"sharp_entropy": 0.7, "plain_entropy": 0.9, "wary_entropy": 0.7, "blank_entropy": 1.08, "ceiling": 0.3, "wary": ["website"]},
}


def class_names():
    return set(tomllib.loads((HERE / "taxonomy" / "korean.toml").read_text("utf-8"))["classes"])


def taggers():
    manifests = [tomllib.loads(path.read_text()) for path in sorted(HERE.glob("manifests/*/manifest.toml"))]
    return {manifest["name"]: manifest for manifest in manifests if manifest["kind"] == "softmax"}


@unittest.skipUnless(numpy, "numpy is not installed")
class Rule(unittest.TestCase):
    def by_rule(self, *scores):
        return certainty.calibrated(numpy.array([scores]), MANIFEST, NAMES)[0]

    def test_a_temperature_divides_the_logits(self):
        logits = numpy.array([[2.0, 1.0, -1.0]])
        scores = numpy.exp(logits) / numpy.exp(logits).sum()
        sharper = numpy.exp(logits / 0.5) / numpy.exp(logits / 0.5).sum()
        numpy.testing.assert_allclose(certainty.warmed(scores, 0.5), sharper)

    def test_where_one_class_stands_out_the_temperature_is_applied(self):
        numpy.testing.assert_allclose(self.by_rule(0.8, 0.2, 0), [0.64 / 0.68, 0.04 / 0.68, 0], atol=1e-9)

    def test_where_many_are_possible_it_is_not(self):
        numpy.testing.assert_allclose(self.by_rule(0.4, 0.4, 0.2), [0.4, 0.4, 0.2])

    def test_between_them_it_is_applied_in_part(self):
        scores = (0.6, 0.38, 0.02)  # an entropy of 0.752: a temperature of 0.63
        sharper = self.by_rule(*scores)[0]
        self.assertTrue(0.6 < sharper < 0.36 / (0.36 + 0.1444 + 0.0004))

    def test_an_unsure_wary_class_is_held_down_and_none_gains_by_it(self):
        numpy.testing.assert_allclose(self.by_rule(0.2, 0.3, 0.5), [0.2, 0.3, 0.3])

    def test_where_nothing_stands_out_no_class_is_certain(self):
        numpy.testing.assert_allclose(self.by_rule(0.36, 0.33, 0.31), [0.3, 0.3, 0.3])

    def test_a_sure_wary_class_is_not(self):
        self.assertGreater(self.by_rule(0.05, 0, 0.95)[2], 0.95)

    def test_the_temperature_that_made_the_scores_is_found(self):
        random = numpy.random.default_rng(0)
        logits = random.standard_normal((4000, 5)) * 2
        truths = [[random.choice(5, p=row)] for row in numpy.exp(logits) / numpy.exp(logits).sum(1, keepdims=True)]
        flat = certainty.warmed(numpy.exp(logits) / numpy.exp(logits).sum(1, keepdims=True), 1 / 0.7)
        found, low, high = certainty.best_temperature(flat, truths)
        self.assertAlmostEqual(found, 0.7, delta=0.05)
        self.assertTrue(low <= found <= high)
        self.assertLess(certainty.calibration_error(certainty.warmed(flat, found), truths), 0.03)


class Committed(unittest.TestCase):
    def test_the_photos_are_labelled_with_classes(self):
        for photos in tomllib.loads((HERE / "photos" / "labels.toml").read_text()).values():
            self.assertEqual({name for names in photos.values() for name in names} - class_names(), set())

    def test_enough_photos_are_labelled(self):
        labelled = [names for photos in tomllib.loads((HERE / "photos" / "labels.toml").read_text()).values() for names in photos.values()]
        self.assertGreaterEqual(sum(bool(names) for names in labelled), 190)

    def test_every_tagger_has_a_rule_and_it_names_classes(self):
        for name, manifest in taggers().items():
            rule = manifest["certainty"]
            self.assertTrue(0.3 < manifest["temperature"] < 3, name)
            self.assertTrue(0 < rule["sharp_entropy"] < rule["plain_entropy"], name)
            self.assertTrue(rule["plain_entropy"] <= rule["blank_entropy"], name)
            self.assertTrue(0 < rule["ceiling"] < 0.5, name)
            self.assertEqual(set(rule["wary"]) - class_names(), set(), name)


def resource_file(photo):
    """`folder/a.png`, and a compressed file beside it, as Qt writes them (version 1)."""
    names = [name.encode("utf-16-be") for name in ("folder", "a.png", "b.txt")]
    offsets, blob = [], b""
    for name in names:
        offsets.append(len(blob))
        blob += struct.pack(">HI", len(name) // 2, 0) + name
    nodes = [(0, FOLDER, 1, 1), (offsets[0], FOLDER, 2, 2), (offsets[1], 0, 0, 0), (offsets[2], COMPRESSED & 1, 0, 0)]
    tree = b"".join(struct.pack(">IHII", *node) for node in nodes)
    content = struct.pack(">I", len(photo)) + photo
    start = struct.calcsize(">4s4I")
    return struct.pack(">4s4I", b"qres", 1, start, start + len(tree), start + len(tree) + len(content)) + tree + content + blob


class QtResources(unittest.TestCase):
    def test_a_photo_is_found_by_its_path(self):
        self.assertEqual(Resources(resource_file(b"a photo")).files(), {"folder/a.png": b"a photo"})

    def test_another_file_is_refused(self):
        with self.assertRaisesRegex(ValueError, "not a Qt resource file"):
            Resources(bytes(64))


if __name__ == "__main__":
    unittest.main()
