"""The int8 graph and the wrapped moderation model; no network. Needs numpy and onnx, as test_build.py says."""

import json
import pathlib
import sys
import tomllib
import unittest

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE))
sys.path.insert(0, str(HERE / "convert"))

from steps.lock import sha256

try:
    import efficientnet
    import half
    import numpy
    import onnx
    import open_nsfw
    import quantise
    from onnx import TensorProto, helper, numpy_helper
    from onnx.reference import ReferenceEvaluator
except ImportError:
    numpy = None

SIDE_PX = 24
CLASSES = 5
# Channels in, in the middle and out of each block: the second and third add to what came in.
BLOCKS = [(4, 4, 3), (3, 6, 3), (3, 6, 3), (3, 6, 5)]
OPEN_NSFW = HERE / "manifests" / "open-nsfw"


def norm(random, name, channels, weights):
    weights[f"{name}.weight"] = random.uniform(0.5, 1.5, channels).astype("f4")
    weights[f"{name}.bias"] = random.uniform(-1, 1, channels).astype("f4")
    weights[f"{name}.running_mean"] = random.uniform(-1, 1, channels).astype("f4")
    weights[f"{name}.running_var"] = random.uniform(0.5, 2, channels).astype("f4")


def kernel(random, outputs, inputs, side):
    return (random.standard_normal((outputs, inputs, side, side)) / (inputs * side)).astype("f4")


def random_weights():
    """An EfficientNet too small to know anything, whose batch norms do not describe its tensors well either."""
    random, weights = numpy.random.default_rng(5), {}
    weights["_conv_stem.weight"] = kernel(random, BLOCKS[0][0], 3, 3)
    norm(random, "_bn0", BLOCKS[0][0], weights)
    for index, (before, middle, after) in enumerate(BLOCKS):
        name = f"_blocks.{index}"
        if index:
            weights[f"{name}._expand_conv.weight"] = kernel(random, middle, before, 1)
            norm(random, f"{name}._bn0", middle, weights)
        weights[f"{name}._depthwise_conv.weight"] = kernel(random, middle, 1, 3)
        norm(random, f"{name}._bn1", middle, weights)
        weights[f"{name}._project_conv.weight"] = kernel(random, after, middle, 1)
        norm(random, f"{name}._bn2", after, weights)
    weights["_conv_head.weight"] = kernel(random, 8, BLOCKS[-1][2], 1)
    norm(random, "_bn1", 8, weights)
    weights["_fc.weight"] = random.standard_normal((CLASSES, 8)).astype("f4")
    weights["_fc.bias"] = random.standard_normal(CLASSES).astype("f4")
    return weights


def written(writer_class, weights):
    writer = writer_class(weights, SIDE_PX)
    writer.constant("zero", numpy.float32(0))
    writer.constant("six", numpy.float32(6))
    writer.normalise()
    writer.convolve("_conv_stem", "_bn0", stride=2)
    for index in range(len(BLOCKS)):
        writer.block(f"_blocks.{index}", stride=1)
    writer.convolve("_conv_head", "_bn1")
    writer.classify()
    return writer.model("tiny", SIDE_PX)


def scores(model, pictures):
    # onnx evaluates these operators from version 19 on, where they mean what they meant in ours.
    version = model.opset_import[0].version
    model = onnx.ModelProto.FromString(model.SerializeToString())
    model.opset_import[0].version = 19 if version == efficientnet.OPSET else version
    return ReferenceEvaluator(model).run(["scores"], {"image": pictures})[0]


def constants_in(model):
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}


def kernels_in(model):
    return {name: value for name, value in constants_in(model).items() if name.endswith(".kernel.whole")}


def quantised_convolutions(model):
    return [node for node in model.graph.node if node.op_type == "Conv" and node.name not in quantise.FLOAT_KERNELS]


@unittest.skipUnless(numpy, "numpy and onnx are not installed")
class WholeGraph(unittest.TestCase):
    def setUp(self):
        self.weights = random_weights()
        self.pictures = numpy.random.default_rng(6).integers(0, 256, (3, SIDE_PX, SIDE_PX, 3), dtype="u1")

    def test_the_int8_graph_says_nearly_what_the_float_graph_says(self):
        exact = scores(written(efficientnet.GraphWriter, self.weights), self.pictures)
        rounded = scores(written(quantise.QuantisedWriter, self.weights), self.pictures)
        self.assertEqual(rounded.shape, (3, CLASSES))
        self.assertLess(numpy.abs(rounded - exact).max(), 0.005)
        self.assertGreater(numpy.abs(rounded - exact).max(), 0)

    def test_the_half_graph_says_the_same_to_three_digits(self):
        exact = scores(written(efficientnet.GraphWriter, self.weights), self.pictures)
        model = written(half.HalfWriter, self.weights)
        self.assertEqual(constants_in(model)["_conv_head.kernel"].dtype, numpy.dtype("f2"))
        self.assertEqual(constants_in(model)["fc.weight"].dtype, numpy.dtype("f4"))
        numpy.testing.assert_allclose(scores(model, self.pictures), exact, atol=0.002)

    def test_all_kernels_but_the_float_ones_are_bytes(self):
        kernels = kernels_in(written(quantise.QuantisedWriter, self.weights))
        self.assertEqual(len(kernels), 3 * len(BLOCKS) + 1 - len(quantise.FLOAT_KERNELS))
        self.assertEqual({k.dtype for k in kernels.values()}, {numpy.dtype("int8")})

    def test_a_bias_counts_in_steps_of_input_times_kernel(self):
        # What the integer kernels want; another step runs and is not fused, or is wrong.
        model = written(quantise.QuantisedWriter, self.weights)
        constants, steps = constants_in(model), {node.output[0]: node.input[1] for node in model.graph.node if node.op_type == "DequantizeLinear"}
        for node in quantised_convolutions(model):
            before, kernel, bias = (constants[steps[tensor]] for tensor in node.input)
            numpy.testing.assert_allclose(bias, kernel * before, rtol=1e-6)

    def test_a_rounded_kernel_keeps_its_output_on_average(self):
        writer, conv, block = quantise.QuantisedWriter(self.weights, SIDE_PX), "_blocks.1._project_conv", "_blocks.1"
        constants = constants_in(written(quantise.QuantisedWriter, self.weights))
        stored = {part: constants[f"{conv}.{part}.whole"] for part in ("kernel", "bias")}
        steps = {part: constants[f"{conv}.{part}.step"].astype("f8") for part in ("kernel", "bias")}
        kernel, bias = writer.fold(conv, f"{block}._bn2")
        mean = quantise.relu6_mean(writer.spread(f"{block}._bn1"))
        exact = (kernel[:, :, 0, 0] @ mean + bias) / writer.narrowing[conv]
        rounded = (stored["kernel"][:, :, 0, 0] * steps["kernel"][:, None]) @ mean + stored["bias"] * steps["bias"]
        self.assertTrue((numpy.abs(rounded - exact) <= steps["bias"]).all())

    def test_the_stem_gets_bytes_as_the_float_graph_does(self):
        stems = []
        for writer_class in (efficientnet.GraphWriter, quantise.QuantisedWriter):
            model = written(writer_class, self.weights)
            model.graph.output[0].name = "normalised"
            model.opset_import[0].version = 19
            stems.append(ReferenceEvaluator(model).run(["normalised"], {"image": self.pictures})[0])
        numpy.testing.assert_array_equal(*stems)

    def test_tensors_that_are_added_narrow_a_channel_alike(self):
        narrowing = quantise.QuantisedWriter(self.weights, SIDE_PX).narrowing
        stream = [f"_blocks.{i}.{part}" for i, part in ((0, "_project_conv"), (1, "_project_conv"), (1, "add"), (2, "add"))]
        for tensor in stream[1:]:
            numpy.testing.assert_array_equal(narrowing[tensor], narrowing[stream[0]])
        self.assertNotEqual(len(narrowing["_blocks.3._project_conv"]), len(narrowing[stream[0]]))

    def test_the_same_weights_give_the_same_bytes(self):
        first, second = (written(quantise.QuantisedWriter, random_weights()).SerializeToString(deterministic=True) for _ in range(2))
        self.assertEqual(first, second)


@unittest.skipUnless(numpy, "numpy and onnx are not installed")
class Rounding(unittest.TestCase):
    def test_a_filter_keeps_its_sum(self):
        rows = numpy.array([[0.4, 0.4, 0.4, -3.3], [1.6, 1.6, 1.6, 0.2]])
        whole = quantise.keeping_sums(rows)
        self.assertEqual(whole.sum(1).tolist(), [-2, 5])
        self.assertLess(numpy.abs(whole - rows).max(), 1)

    def test_each_output_channel_has_its_own_step(self):
        weights = numpy.array([[1.0, -0.5], [0.001, 0.0]]).reshape(2, 2, 1, 1)
        whole, steps = quantise.int8_kernel(weights)
        self.assertEqual(whole[:, 0, 0, 0].tolist(), [127, 127])
        self.assertTrue((numpy.abs(whole * steps[:, None, None, None] - weights) <= steps[:, None, None, None] / 2).all())

    def test_a_dead_channel_stays_dead(self):
        whole, steps = quantise.int8_kernel(numpy.zeros((1, 3, 1, 1)))
        self.assertFalse(whole.any())
        self.assertTrue((steps > 0).all())

    def test_a_bias_takes_back_what_rounding_added(self):
        error = numpy.array([[0.1, -0.2], [0.0, 0.3]]).reshape(2, 2, 1, 1)
        numpy.testing.assert_allclose(quantise.bias_shift(error, numpy.array([2.0, 1.0])), [0.0, 0.3], atol=1e-12)

    def test_the_mean_after_clipping_is_that_of_samples(self):
        spread = quantise.Spread(numpy.array([-1.0, 3.0, 8.0]), numpy.array([2.0, 4.0, 1.0]))
        samples = numpy.random.default_rng(0).standard_normal((200_000, 3)) * spread.deviation + spread.mean
        numpy.testing.assert_allclose(quantise.relu6_mean(spread), numpy.clip(samples, 0, 6).mean(0), atol=0.02)


def toy_network():
    """Takes what Open-NSFW takes; its two logits come from the blue and the red mean."""
    weight = numpy_helper.from_array(numpy.array([[0.01, 0], [0, 0], [0, 0.02]], "f4"), "weight")
    nodes = [
        helper.make_node("ReduceMean", ["input:0"], ["means"], axes=[1, 2], keepdims=0),
        helper.make_node("MatMul", ["means", "weight"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["outputs"]),
    ]
    side = open_nsfw.SIDE_PX
    image = helper.make_tensor_value_info("input:0", TensorProto.FLOAT, ["batch", side, side, 3])
    outputs = helper.make_tensor_value_info("outputs", TensorProto.FLOAT, ["batch", 2])
    graph = helper.make_graph(nodes, "toy", [image], [outputs], [weight])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 9)], ir_version=4)


@unittest.skipUnless(numpy, "numpy and onnx are not installed")
class Moderation(unittest.TestCase):
    def test_the_wrapped_network_takes_bytes_and_says_one_thing(self):
        network = toy_network()
        wrapped = open_nsfw.wrap(network)
        onnx.checker.check_model(wrapped, full_check=True)
        pictures = numpy.random.default_rng(1).integers(0, 256, (2, open_nsfw.SIDE_PX, open_nsfw.SIDE_PX, 3), dtype="u1")
        taken = pictures[..., ::-1].astype("f4") - open_nsfw.MEAN_BGR
        expected = ReferenceEvaluator(network).run(None, {"input:0": taken})[0][:, 1:]
        numpy.testing.assert_array_equal(scores(wrapped, pictures), expected)


class ModerationLabels(unittest.TestCase):
    def test_the_manifest_names_these_labels(self):
        files = tomllib.loads((OPEN_NSFW / "manifest.toml").read_text())["files"]
        self.assertEqual(files["labels"]["sha256"], sha256(OPEN_NSFW / "labels.json"))

    def test_every_label_has_what_a_tag_needs(self):
        labels = json.loads((OPEN_NSFW / "labels.json").read_text("utf-8"))
        for index, label in enumerate(labels["classes"]):
            self.assertEqual((label["index"], label["category"], label["parents"]), (index, "moderation", []))
            self.assertRegex(label["ko"], "[가-힣]")
        self.assertEqual(set(labels["categories"]), {"moderation"})


if __name__ == "__main__":
    unittest.main()
