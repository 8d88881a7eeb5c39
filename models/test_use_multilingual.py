"""The sentence encoder as a graph, on weights by chance; skipped without numpy and onnx."""

import json
import pathlib
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).parent
sys.path[:0] = [str(HERE / "convert"), str(HERE)]

try:
    import numpy
    import use_multilingual as use
    from onnx.reference import ReferenceEvaluator
except ImportError:
    numpy = None

from taxonomy.joined import write_joined_labels

PARTS, ROWS, WIDE, NARROW = 3, 7, 8, 4
BRANCHES = 3
WORDS = {"sea": [5], "big sea": [9, 5], "바다": [11, 4], "dog": [14], "개": [15], "unknown": [0]}


def stored_weights():
    random = numpy.random.default_rng(3)

    def matrix(*shape):
        return (random.standard_normal(shape) / shape[0] ** 0.5).astype("f4")

    stored = {f"q{part + 1}": random.integers(0, 256, (ROWS, WIDE), dtype="u1") for part in range(PARTS)}
    stored |= {"scale": matrix(PARTS), "lo": matrix(PARTS), "eps": numpy.array(1e-6, "f4")}
    for width, _ in use.BRANCHES:
        stored |= {f"proj{width}": matrix(WIDE, NARROW), f"proj_b{width}": matrix(NARROW), f"ln_g{width}": matrix(NARROW), f"ln_b{width}": matrix(NARROW)}
        for layer in (1, 2):
            stored |= {f"w{layer}_{width}": matrix(width * NARROW, NARROW), f"b{layer}_{width}": matrix(NARROW)}
    joined = WIDE + BRANCHES * NARROW
    stored |= {"ln_g": matrix(joined), "ln_b": matrix(joined), "cnn_W": matrix(joined, 6), "cnn_b": matrix(6)}
    return stored | {"d0": matrix(6, 5), "d1": matrix(5, 5), "p1": matrix(6, 5), "d2": matrix(5, 5), "d3": matrix(5, WIDE), "p3": matrix(5, WIDE)}


class Tokenizer:
    def encode(self, name, add_bos, add_eos):
        return WORDS[name]


def phrase(pieces):
    numbers = numpy.full(use.LENGTH, use.ENDED)
    numbers[: len(pieces)] = pieces
    return numpy.stack([numbers & 255, numbers >> 8 & 255, numbers >> 16], axis=1).astype("u1")[None]


@unittest.skipUnless(numpy, "numpy and onnx are not installed")
class Graph(unittest.TestCase):
    def setUp(self):
        self.weights = use.Weights(stored_weights())
        self.names = use.Names(self.weights, Tokenizer())
        self.labels = [{"name": "sea", "synonyms": ["big sea"], "ko": "바다"}, {"name": "dog", "ko": "개"}, {"name": "unknown"}]
        self.model = ReferenceEvaluator(use.build(self.weights, self.labels, self.names))

    def test_phrases_of_several_lengths_are_scored_at_once_as_each_alone_in_double_precision(self):
        phrases = [(1, 5, 2), (1, 11, 4, 2), (1, 14, 9, 5, 20, 2)]
        [scores] = self.model.run(None, {"phrase": numpy.stack([phrase(each) for each in phrases])})
        self.assertEqual(scores.shape, (3, 3))
        for pieces, row in zip(phrases, scores):
            [vector] = use.vectors(self.weights, [pieces])
            near = [numpy.max([vector @ use.vectors(self.weights, [(1, *WORDS[name], 2)])[0] for name in names], initial=-1) for names in (["sea", "big sea"], ["dog"])]
            korean = [vector @ use.vectors(self.weights, [(1, *WORDS[name], 2)])[0] for name in ("바다", "개")]
            expected = [max(0, 0.7 * english + 0.3 * other) for english, other in zip(near, korean)]
            numpy.testing.assert_allclose(row[:2], expected, atol=0.02)

    def test_its_own_name_is_nearest_and_what_has_no_known_name_is_near_nothing(self):
        [scores] = self.model.run(None, {"phrase": phrase((1, 14, 2))[None]})
        self.assertEqual(scores[0].argmax(), 1)
        self.assertEqual(scores[0][2], 0)

    def test_vectors_have_length_one_and_are_the_same_alone_and_together(self):
        together = use.vectors(self.weights, [(1, 5, 2), (1, 14, 2)])
        numpy.testing.assert_allclose((together**2).sum(1), 1, atol=1e-6)
        numpy.testing.assert_allclose(together[1], use.vectors(self.weights, [(1, 14, 2)])[0], atol=1e-12)


class Labels(unittest.TestCase):
    def test_a_tag_of_two_models_is_one_and_has_all_names(self):
        animal = {"animal": {"category": "animal", "ko": "동물", "ko_synonyms": []}}
        categories = {"animal": {"ko": "동물"}}
        tagger = {"source": "a", "classes": [{"name": "tabby", "category": "animal", "parents": ["cat"], "ko": "태비", "ko_synonyms": []}], "parents": {"cat": {"category": "animal", "ko": "고양이", "ko_synonyms": []}, **animal}, "categories": categories}
        finder = {"source": "b", "classes": [{"name": "cat", "synonyms": ["house cat"], "category": "animal", "parents": ["animal"], "ko": "고양이", "ko_synonyms": ["냥이"]}], "parents": animal, "categories": categories}
        with tempfile.TemporaryDirectory() as folder:
            paths = [pathlib.Path(folder, name) for name in ("a.json", "b.json", "joined.json")]
            for path, labels in zip(paths, (tagger, finder)):
                path.write_text(json.dumps(labels), "utf-8")
            write_joined_labels(paths[:2], paths[2])
            joined = json.loads(paths[2].read_text("utf-8"))
        self.assertEqual([(tag["index"], tag["name"]) for tag in joined["classes"]], [(0, "tabby"), (1, "cat"), (2, "animal")])
        cat = joined["classes"][1]
        self.assertEqual((cat["synonyms"], cat["ko_synonyms"], cat["parents"]), (["house cat"], ["냥이"], []))
        self.assertEqual(joined["parents"], {})


if __name__ == "__main__":
    unittest.main()
