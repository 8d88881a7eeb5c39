"""What reads lines of text, on stand-ins for its networks; skipped without numpy and onnx."""

import pathlib
import struct
import sys
import tomllib
import unittest
import unittest.mock

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE / "convert"))

try:
    import numpy
    import ppocr_lines
    import ppocr_reader
    import tesseract_hangul
    import tesseract_network
    from onnx import TensorProto, helper, numpy_helper
    from onnx.reference import ReferenceEvaluator
except ImportError:
    numpy = None

SYMBOLS = 5


def blue_map():
    """A network that takes what is blue for a line."""
    first = [numpy_helper.from_array(numpy.array([at], "int64"), name) for name, at in (("first", 0), ("second", 1), ("channels", 1))]
    nodes = [
        helper.make_node("Slice", ["x", "first", "second", "channels"], ["blue"]),
        helper.make_node("Sigmoid", ["blue"], ["in_text"]),
    ]
    given = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, "height", "width"])
    made = helper.make_tensor_value_info("in_text", TensorProto.FLOAT, ["n", 1, "height", "width"])
    graph = helper.make_graph(nodes, "stand-in", [given], [made], first)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 12)], ir_version=8)


def columns_as_symbols():
    """A network that sees symbol 3 where a step's columns are blue, and nothing elsewhere."""
    weights = numpy.zeros((SYMBOLS, 3, 48, 8), "float32")
    weights[3, 0] = 1 / (48 * 8)
    nodes = [
        helper.make_node("Conv", ["x", "weights"], ["seen"], strides=[48, 8]),
        helper.make_node("Squeeze", ["seen"], ["row"], axes=[2]),
        helper.make_node("Transpose", ["row"], ["steps_of"], perm=[0, 2, 1]),
        helper.make_node("Softmax", ["steps_of"], ["softmax"], axis=2),
    ]
    given = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, 48, "width"])
    made = helper.make_tensor_value_info("softmax", TensorProto.FLOAT, ["n", "steps", SYMBOLS])
    graph = helper.make_graph(nodes, "stand-in", [given], [made], [numpy_helper.from_array(weights, "weights")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 11)], ir_version=8)
    model.metadata_props.add(key="character", value="甲\n乙\nc")
    return model


def run(model, picture):
    [output] = model.graph.output
    return ReferenceEvaluator(model).run([output.name], {"image": picture[None]})[0][0]


@unittest.skipUnless(numpy, "numpy and onnx are not installed")
class Maps(unittest.TestCase):
    def test_a_map_has_a_square_for_four_pixels(self):
        picture = numpy.zeros((64, 64, 3), "uint8")
        picture[10:20, 20:60, 2] = 255
        with unittest.mock.patch.object(ppocr_lines, "SIDE_PX", 64):
            squares = run(ppocr_lines.wrap(blue_map()), picture).reshape(32, 32)
        marked = numpy.argwhere(squares > 0.5)
        self.assertEqual((marked.min(0).tolist(), marked.max(0).tolist()), ([5, 10], [9, 29]))


@unittest.skipUnless(numpy, "numpy and onnx are not installed")
class Steps(unittest.TestCase):
    def test_each_step_has_its_symbol_and_how_likely_it_is(self):
        picture = numpy.zeros((48, 320, 3), "uint8")
        picture[:, 80:160, 2] = 255
        steps = run(ppocr_reader.wrap(columns_as_symbols()), picture)
        symbols, likely = steps[:40], steps[40:]
        self.assertEqual(numpy.flatnonzero(symbols == 3).tolist(), list(range(10, 20)))
        # One logit of 1 among four of 0.
        self.assertAlmostEqual(float(likely[12]), numpy.e / (numpy.e + 4), places=4)

    def test_the_alphabet_is_the_files_between_none_and_a_space(self):
        self.assertEqual(ppocr_reader.alphabet(columns_as_symbols())["symbols"], ["", "甲", "乙", "c", " "])


def packed(form, *values):
    return struct.pack(f"<{form}", *values)


def named(text):
    return packed("I", len(text)) + text.encode()


def head(kind, inputs, outputs):
    return packed("b", 0) + named(kind) + packed("bbiiii", 0, 0, 0, inputs, outputs, 0) + named(kind)


def weights(random, rows, columns):
    """Bytes and a scale a row, as a file has them; and what they stand for."""
    data = random.integers(-127, 128, (rows, columns)).astype("int8")
    scales = random.uniform(0.01, 0.05, rows)
    file = packed("B", 1 | 128) + packed("iib", rows, columns, 0) + data.tobytes() + packed("I", rows) + scales.tobytes()
    return file, (data * scales[:, None]).astype("float32")


class Tiny:
    """A network of Tesseract's kind, as a file and as numbers."""

    def __init__(self):
        self.random = numpy.random.default_rng(9)
        conv, self.conv = weights(self.random, 2, 10)
        output, self.output = weights(self.random, SYMBOLS, 4)
        self.gates = []
        layers = [
            head("Input", 48, 1) + packed("iiiii", 1, 48, 0, 1, 0),
            head("Series", 1, 2) + packed("I", 2) + head("Convolve", 1, 9) + packed("ii", 1, 1) + head("Tanh", 9, 2) + conv,
            head("Maxpool", 2, 2) + packed("ii", 3, 3),
            head("XYTranspose", 2, 3) + packed("I", 1) + self.lstm("SummLSTM", 2),
            self.lstm("LSTM", 3),
            head("RTLReversed", 3, 3) + packed("I", 1) + self.lstm("LSTM", 3),
            self.lstm("LSTM", 3),
            head("Softmax", 3, SYMBOLS) + output,
        ]
        network = head("Series", 48, SYMBOLS) + packed("I", len(layers)) + b"".join(layers) + named("spec") + packed("iiii", 0, 0, 0, 4)
        characters = "3\nNULL 0\n7 0\n갈 0\n".encode()
        codes = packed("I", 3) + b"".join(packed(f"bi{len(code)}i", 1, len(code), *code) for code in ([0], [1], [2, 3, 4]))
        parts = {17: network, 21: characters, 22: codes}
        offsets, at = [], 4 + 8 * 23
        for number in range(23):
            offsets.append(at if number in parts else -1)
            at += len(parts.get(number, b""))
        self.file = packed("i23q", 23, *offsets) + b"".join(parts[number] for number in sorted(parts))

    def lstm(self, kind, inputs):
        gates = [weights(self.random, 3, inputs + 4) for _ in range(4)]
        self.gates.append([gate for _, gate in gates])
        return head(kind, inputs, 3) + packed("i", inputs + 3) + b"".join(file for file, _ in gates)

    def steps(self, grey):
        """What Tesseract's own documentation of its layers comes to, step by step."""
        ink = 2 * (grey - grey.min()) / (grey.max() - grey.min()) - 1
        padded = numpy.pad(ink * numpy.sign(ink.mean()), 1)
        height, width = grey.shape
        # A window goes column by column.
        window = numpy.stack([padded[down : down + height, across : across + width] for across in range(3) for down in range(3)], -1)
        edges = numpy.tanh(window @ self.conv[:, :-1].T + self.conv[:, -1])
        pooled = edges.reshape(height // 3, 3, width // 3, 3, 2).max((1, 3))
        down = numpy.stack([walk(self.gates[0], column)[-1] for column in pooled.transpose(1, 0, 2)])
        told = walk(self.gates[1], down)
        told = walk(self.gates[2], told[::-1])[::-1]
        told = walk(self.gates[3], told)
        logits = told @ self.output[:, :-1].T + self.output[:, -1]
        return numpy.exp(logits) / numpy.exp(logits).sum(1, keepdims=True)


def walk(gates, inputs):
    def logistic(value):
        return 1 / (1 + numpy.exp(-value))

    output, state, outputs = numpy.zeros(3), numpy.zeros(3), []
    for given in inputs:
        source = numpy.concatenate([given, output, [1]])
        enters, lets_in, stays, lets_out = (gate @ source for gate in gates)
        state = state * logistic(stays) + numpy.tanh(enters) * logistic(lets_in)
        output = numpy.tanh(state) * logistic(lets_out)
        outputs.append(output)
    return numpy.array(outputs)


@unittest.skipUnless(numpy, "numpy and onnx are not installed")
class Tesseract(unittest.TestCase):
    def test_the_graph_counts_what_the_file_says(self):
        tiny = Tiny()
        picture = numpy.repeat(tiny.random.integers(0, 256, (48, 480, 1)), 3, 2).astype("uint8")
        steps = run(tesseract_hangul.wrap(tesseract_network.read(tiny.file)), picture)
        expected = tiny.steps(picture[:, :, 0].astype("float64"))
        # Code 4 stands for nothing, so that the graph has it first.
        numbers = (expected.argmax(1) + 1) % SYMBOLS
        self.assertGreater(len(set(numbers)), 1)
        numpy.testing.assert_allclose(steps[160:], expected.max(1), atol=1e-4)
        self.assertEqual(steps[:160].astype(int).tolist(), numbers.tolist())

    def test_a_syllable_is_its_letters(self):
        self.assertEqual("".join(tesseract_hangul.letters("갈")), "\u1100\u1161\u11af")
        self.assertEqual(tesseract_hangul.letters("가")[2], "")

    def test_the_alphabet_has_nothing_first(self):
        symbols = tesseract_hangul.alphabet(tesseract_network.read(Tiny().file))["symbols"]
        self.assertEqual(symbols, ["", " ", "7", "\u1100", "\u1161"])


class Manifests(unittest.TestCase):
    def test_one_finds_lines_and_the_others_read_them(self):
        kinds = {}
        for name in ("ppocr-lines", "ppocr-reader", "tesseract-hangul"):
            manifest = tomllib.loads((HERE / "manifests" / name / "manifest.toml").read_text())
            kinds[name] = (manifest["kind"], manifest.get("looks_for"), "alphabet" in manifest["files"])
        self.assertEqual(kinds["ppocr-lines"], ("lines", "reading", False))
        self.assertEqual(kinds["ppocr-reader"], kinds["tesseract-hangul"])
        self.assertEqual(kinds["ppocr-reader"], ("text", None, True))


if __name__ == "__main__":
    unittest.main()
