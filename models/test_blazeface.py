"""The face detector's graph and labels; what converts needs numpy, onnx and tflite, and is skipped without them."""

import hashlib
import json
import pathlib
import sys
import tomllib
import unittest
from types import SimpleNamespace

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE / "convert"))

try:
    import blazeface
    import numpy
    import tflite
    from onnx import TensorProto, helper
    from onnx.reference import ReferenceEvaluator
    from tflite_graph import Graph, Operation
except ImportError:
    numpy = None

MANIFEST = HERE / "manifests" / "blazeface"


def run(converter, outputs, **inputs):
    """What the nodes make of inputs."""
    given = [helper.make_tensor_value_info(name, TensorProto.FLOAT, array.shape) for name, array in inputs.items()]
    made = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs]
    graph = helper.make_graph(converter.nodes, "part", given, made, list(converter.constants.values()))
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    return ReferenceEvaluator(model).run(outputs, inputs)


def converted(op, constants, shapes, inputs=(0,), **options):
    """What one operation makes of `picture`, whose channels come first."""
    told = SimpleNamespace(**{name: lambda value=value: value for name, value in options.items()})
    graph = Graph((Operation(op, inputs, 9, told),), constants, shapes, 0, (9,))
    converter = blazeface.Converter(graph)
    converter.convert()
    return lambda picture: run(converter, [converter.names[9]], picture=picture)[0]


@unittest.skipUnless(numpy, "numpy, onnx and tflite are not installed")
class Boxes(unittest.TestCase):
    def test_a_face_lies_around_the_middle_of_its_cell(self):
        cells = blazeface.CELLS
        scores = numpy.full((1, cells * cells, 1), -5, "float32")
        told = numpy.zeros((1, cells * cells, 16), "float32")
        # In the third row and the second column: four pixels to the right, 48 wide and 24 high.
        place = 2 * cells + 1
        scores[0, place], told[0, place, :4] = 3, (4, 0, 48, 24)
        converter = blazeface.Converter(Graph((), {}, {}, 0, ()))
        sure = blazeface.surest(converter, "scores")
        corners, sure = run(converter, [blazeface.placed(converter, "told"), sure], scores=scores, told=told)
        self.assertEqual(corners.shape, (1, blazeface.SUREST, 4))
        self.assertAlmostEqual(float(sure[0, 0, 0]), 1 / (1 + numpy.exp(-3)), places=6)
        across, down = (1.5 * 4 + 4) / 192, 2.5 * 4 / 192
        expected = [down - 12 / 192, across - 24 / 192, down + 12 / 192, across + 24 / 192]
        numpy.testing.assert_allclose(corners[0, 0], expected, atol=1e-6)


@unittest.skipUnless(numpy, "numpy, onnx and tflite are not installed")
class Operations(unittest.TestCase):
    picture = None if numpy is None else numpy.arange(32, dtype="float32").reshape(1, 2, 4, 4)

    def test_channels_are_padded_where_channels_are(self):
        pads = numpy.array([[0, 0], [1, 0], [0, 2], [0, 3]], "int32")
        padded = converted("PAD", {1: pads}, {}, inputs=(0, 1))(self.picture)
        self.assertEqual(padded.shape, (1, 5, 5, 6))
        numpy.testing.assert_array_equal(padded[:, :2, 1:, :4], self.picture)
        self.assertEqual(float(padded.sum()), float(self.picture.sum()))

    def test_the_odd_pixel_of_a_window_is_on_the_right_and_at_the_bottom(self):
        # Out, height, width, in: the sum of all.
        kernel = numpy.ones((1, 3, 3, 2), "float32")
        options = {"Padding": tflite.Padding.SAME, "StrideH": 2, "StrideW": 2, "FusedActivationFunction": 0}
        constants = {1: kernel, 2: numpy.zeros(1, "float32")}
        summed = converted("CONV_2D", constants, {}, inputs=(0, 1, 2), **options)(self.picture)
        expected = self.picture[:, :, :3, :3].sum()
        self.assertEqual(float(summed[0, 0, 0, 0]), float(expected))

    def test_a_kernel_of_one_channel_each_keeps_them_apart(self):
        # 1, height, width, channels: the first as it is, the second negated, and nothing is below 0.
        kernel = numpy.array([1, -1], "float32").reshape(1, 1, 1, 2)
        options = {"Padding": tflite.Padding.VALID, "StrideH": 1, "StrideW": 1, "FusedActivationFunction": 1}
        constants = {1: kernel, 2: numpy.zeros(2, "float32")}
        apart = converted("DEPTHWISE_CONV_2D", constants, {}, inputs=(0, 1, 2), **options)(self.picture)
        numpy.testing.assert_array_equal(apart[:, 0], self.picture[:, 0])
        self.assertEqual(float(apart[:, 1].max()), 0.0)

    def test_a_picture_grows_as_its_shapes_say(self):
        shapes = {0: (1, 4, 4, 2), 9: (1, 8, 12, 2)}
        grown = converted("RESIZE_BILINEAR", {}, shapes, AlignCorners=False, HalfPixelCenters=True)(self.picture)
        self.assertEqual(grown.shape, (1, 2, 8, 12))
        self.assertAlmostEqual(float(grown.mean()), float(self.picture.mean()), places=4)

    def test_what_is_not_converted_is_refused(self):
        for op, options in (("SOFTMAX", {}), ("RESIZE_BILINEAR", {"AlignCorners": True, "HalfPixelCenters": False})):
            with self.assertRaises(SystemExit):
                converted(op, {}, {}, **options)


class Labels(unittest.TestCase):
    def test_a_face_is_a_person_by_the_detectors_name(self):
        manifest = tomllib.loads((MANIFEST / "manifest.toml").read_text())
        text = (MANIFEST / manifest["files"]["labels"]["path"]).read_bytes()
        self.assertEqual(hashlib.sha256(text).hexdigest(), manifest["files"]["labels"]["sha256"])
        [face] = json.loads(text)["classes"]
        [person, *_] = json.loads((HERE / "manifests" / "coco-ssd" / "labels.json").read_text())["classes"]
        self.assertEqual(face, person)


if __name__ == "__main__":
    unittest.main()
