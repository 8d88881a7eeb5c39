"""The detector's graph and labels; what converts needs numpy and onnx, and is skipped without them."""

import hashlib
import json
import pathlib
import sys
import tempfile
import tomllib
import unittest

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE / "convert"))

try:
    import coco_ssd
    import numpy
    import onnx
    import tfjs
    from onnx import TensorProto, helper
    from onnx.reference import ReferenceEvaluator
except ImportError:
    numpy = None

MANIFEST = HERE / "manifests" / "coco-ssd"


def written(nodes, weights):
    """A graph of TensorFlow.js in files, as they lie in a package; its model and its weights."""
    folder = tempfile.TemporaryDirectory()
    model = pathlib.Path(folder.name) / "model.json"
    shard = pathlib.Path(folder.name) / "weights-1"
    described = [{"name": name, "shape": list(array.shape), "dtype": str(array.dtype)} for name, array in weights.items()]
    group = {"paths": ["group1-shard1of1"], "weights": described}
    model.write_text(json.dumps({"modelTopology": {"node": nodes}, "weightsManifest": [group]}))
    shard.write_bytes(b"".join(array.tobytes() for array in weights.values()))
    return folder, model, shard


@unittest.skipUnless(numpy, "numpy and onnx are not installed")
class Reading(unittest.TestCase):
    def test_weights_lie_one_after_the_other(self):
        weights = {"a": numpy.arange(6, dtype="float32").reshape(2, 3), "b": numpy.array([7, 8], "int32")}
        folder, model, shard = written([], weights)
        with folder:
            read = tfjs.read_graph(model, [shard]).weights
        for name, array in weights.items():
            numpy.testing.assert_array_equal(read[name], array)

    def test_bytes_that_belong_to_nothing_are_refused(self):
        folder, model, shard = written([], {"a": numpy.zeros(2, "float32")})
        with folder:
            shard.write_bytes(shard.read_bytes() + b"more")
            with self.assertRaises(SystemExit):
                tfjs.read_graph(model, [shard])

    def test_control_inputs_carry_no_value(self):
        folder, model, shard = written([{"name": "n", "op": "Add", "input": ["a", "^b"]}], {})
        with folder:
            self.assertEqual(tfjs.read_graph(model, [shard]).nodes["n"].inputs, ("a",))


@unittest.skipUnless(numpy, "numpy and onnx are not installed")
class Converting(unittest.TestCase):
    def test_an_odd_pixel_of_padding_is_on_the_right_and_at_the_bottom(self):
        kernel = numpy.random.default_rng(1).normal(size=(3, 3, 2, 4)).astype("float32")
        nodes = [{"name": "kernel", "op": "Const"}, {
            "name": "out",
            "op": "Conv2D",
            "input": [coco_ssd.PICTURE, "kernel"],
            "attr": {"padding": {"s": list(b"SAME")}, "strides": {"list": {"i": ["1", "2", "2", "1"]}}},
        }]
        folder, model, shard = written(nodes, {"kernel": kernel})
        with folder:
            converter = coco_ssd.Converter(tfjs.read_graph(model, [shard]))
        converter.value("out")
        picture = helper.make_tensor_value_info("picture", TensorProto.FLOAT, [1, 2, 6, 6])
        out = helper.make_tensor_value_info("out", TensorProto.FLOAT, [1, 4, 3, 3])
        graph = helper.make_graph(converter.nodes, "one", [picture], [out], list(converter.constants.values()))
        pixels = numpy.random.default_rng(2).normal(size=(1, 2, 6, 6)).astype("float32")
        made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
        [found] = ReferenceEvaluator(made).run(None, {"picture": pixels})
        # 6 pixels in steps of 2 want one more than there are.
        padded = numpy.pad(pixels, ((0, 0), (0, 0), (0, 1), (0, 1)))
        for y in range(3):
            for x in range(3):
                window = padded[0, :, 2 * y : 2 * y + 3, 2 * x : 2 * x + 3]
                expected = numpy.einsum("chw,hwco->o", window, kernel)
                numpy.testing.assert_allclose(found[0, :, y, x], expected, rtol=1e-4, atol=1e-5)

    def test_boxes_and_scores_become_lists(self):
        kinds = {"BoxPredictor_0/BoxEncodingPredictor/BiasAdd": 4, "BoxPredictor_0/ClassPredictor/BiasAdd": 91}
        for source, values in kinds.items():
            nodes = [{"name": "out", "op": "Reshape", "input": [source, "shape"]}]
            folder, model, shard = written(nodes, {})
            with folder:
                converter = coco_ssd.Converter(tfjs.read_graph(model, [shard]))
            converter.made[source] = "predicted"
            converter.value("out")
            # Two boxes at each of 2 x 3 places, the values of a box side by side.
            predicted = numpy.arange(2 * values * 6, dtype="float32").reshape(1, 2 * values, 2, 3)
            given = helper.make_tensor_value_info("predicted", TensorProto.FLOAT, predicted.shape)
            out = helper.make_tensor_value_info("out", TensorProto.FLOAT, [1, 12, values])
            graph = helper.make_graph(converter.nodes, "one", [given], [out], list(converter.constants.values()))
            made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
            [found] = ReferenceEvaluator(made).run(None, {"predicted": predicted})
            numpy.testing.assert_array_equal(found[0, 1], predicted[0, values:, 0, 0])

    def test_there_are_eighty_things_and_no_background(self):
        self.assertEqual(len(coco_ssd.THINGS), 80)
        self.assertEqual((coco_ssd.THINGS[0], coco_ssd.THINGS[-1]), (1, 90))


class Labels(unittest.TestCase):
    def setUp(self):
        self.labels = json.loads((MANIFEST / "labels.json").read_text("utf-8"))

    def test_the_manifest_names_these_labels(self):
        files = tomllib.loads((MANIFEST / "manifest.toml").read_text())["files"]
        digest = hashlib.sha256((MANIFEST / "labels.json").read_bytes()).hexdigest()
        self.assertEqual(files["labels"]["sha256"], digest)

    def test_every_label_has_what_a_tag_needs(self):
        classes = self.labels["classes"]
        self.assertEqual([label["index"] for label in classes], list(range(80)))
        for label in classes:
            self.assertRegex(label["ko"], "[가-힣]")
            self.assertIn(label["category"], self.labels["categories"])
            self.assertLessEqual(set(label["parents"]), set(self.labels["parents"]))

    def test_a_name_means_one_thing(self):
        names = [label["name"] for label in self.labels["classes"]]
        korean = [label["ko"] for label in self.labels["classes"]]
        self.assertEqual(len(set(names)), 80)
        self.assertEqual(len(set(korean)), 80)


if __name__ == "__main__":
    unittest.main()
