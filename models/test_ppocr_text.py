"""What is drawn from the finder of text, on a stand-in for its network; skipped without numpy and onnx."""

import hashlib
import json
import pathlib
import sys
import tomllib
import unittest

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE / "convert"))

try:
    import numpy
    import ppocr_text
    from onnx import TensorProto, helper, numpy_helper
    from onnx.reference import ReferenceEvaluator
except ImportError:
    numpy = None

MANIFEST = HERE / "manifests" / "ppocr-text"
TEXT, PAGE = 0, 1


def stand_in():
    """A network that takes what is as blue as can be for text."""
    nodes = [
        helper.make_node("Slice", ["x", "first", "second", "channels"], ["blue"]),
        helper.make_node("Sub", ["blue", "bluest"], ["logit"]),
        helper.make_node("Sigmoid", ["logit"], ["in_text"]),
    ]
    constants = [numpy_helper.from_array(numpy.array([at], "int64"), name) for name, at in (("first", 0), ("second", 1), ("channels", 1))]
    # The bluest that there is, as the network is given it, is likely; paper is not.
    constants.append(numpy_helper.from_array(numpy.array(2.9, "float32"), "bluest"))
    given = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, "height", "width"])
    made = helper.make_tensor_value_info("in_text", TensorProto.FLOAT, ["n", 1, "height", "width"])
    graph = helper.make_graph(nodes, "stand-in", [given], [made], constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 12)], ir_version=8)


def scores(picture):
    model = ReferenceEvaluator(ppocr_text.wrap(stand_in()))
    [both] = model.run(["scores"], {"image": picture[None]})[0]
    return both


def ground(colour=(90, 60, 10)):
    """Dark, so that nothing is fine print, and without blue enough for text."""
    picture = numpy.zeros((320, 320, 3), "uint8")
    picture[:] = colour
    return picture


def with_lines(count, thick_px):
    picture = ground()
    for line in range(count):
        top = 10 + line * 2 * thick_px
        picture[top : top + thick_px, 20:300, 2] = 255
    return picture


@unittest.skipUnless(numpy, "numpy and onnx are not installed")
class Pages(unittest.TestCase):
    def test_many_lines_are_a_page(self):
        both = scores(with_lines(12, 6))
        self.assertGreater(both[PAGE], 0.9)
        self.assertGreater(both[TEXT], 0.9)

    def test_a_thin_line_is_text_and_no_page(self):
        both = scores(with_lines(1, 6))
        self.assertGreater(both[TEXT], 0.5)
        self.assertLess(both[PAGE], 0.1)

    def test_a_thing_that_stands_alone_is_neither(self):
        both = scores(with_lines(1, 60))
        self.assertLess(both.max(), 0.5)

    def test_nothing_is_nothing(self):
        self.assertLess(scores(ground()).max(), 0.1)

    def test_print_too_fine_for_lines_is_told_by_its_grey(self):
        picture = ground((230, 230, 225))
        self.assertLess(scores(picture).max(), 0.1)
        picture[::6] = 60
        self.assertGreater(scores(picture)[PAGE], 0.5)

    def test_stripes_of_colour_are_no_print(self):
        picture = ground((250, 200, 60))
        picture[::3] = (250, 20, 20)
        self.assertLess(scores(picture).max(), 0.5)


class Labels(unittest.TestCase):
    def test_the_manifest_holds_their_hash_and_a_gate(self):
        manifest = tomllib.loads((MANIFEST / "manifest.toml").read_text())
        text = (MANIFEST / manifest["files"]["labels"]["path"]).read_bytes()
        self.assertEqual(hashlib.sha256(text).hexdigest(), manifest["files"]["labels"]["sha256"])
        self.assertEqual([entry["name"] for entry in json.loads(text)["classes"]], ["text", "document"])
        self.assertEqual(manifest["gate"], {"plain": 0.3})


if __name__ == "__main__":
    unittest.main()
