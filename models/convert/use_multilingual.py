"""Google's multilingual sentence encoder as a finder of tags:
`use_multilingual.py weights.npz sp.model tokenizer-folder labels.json model.onnx pieces.json`.

In: `phrase`, uint8 `[n, 1, 64, 3]`: the numbers of a phrase's pieces, the lowest byte first; 0xFFFFFF where it has ended.
Out: `scores`, float32 `[n, labels]`: how near the phrase is to each tag's names, 1 at the most.

Each tag has English and Korean names. The nearest of each language count, English more: what begins with the same
syllable is near in Korean and means something else. The names' vectors are in the graph, in steps of 1/127. They are
worked out in double precision, so that the last bits, in which processors differ, do not show.
"""

import itertools
import json
import os
import sys

# Threads of the BLAS library would wait for each other most of the time.
os.environ["OPENBLAS_NUM_THREADS"] = "1"

import numpy as np
from onnx import TensorProto, helper

from nodes import Nodes, save

LENGTH = 64
OPSET = 17
ENDED = 0xFFFFFF
BEGIN, END, UNKNOWN = 1, 2, 0
# (pieces that a filter sees at once, how many of them stand before its own) of each branch.
BRANCHES = ((2, 0), (3, 1), (5, 2))
# Names of a tag that count, in each language.
NAMES = 4
LANGUAGES = {"en": 0.7, "ko": 0.3}
STEPS = 127
# Phrases of one length that are worked out together: enough to read the weights seldom, few enough to fit into memory.
AT_ONCE = 256


class Weights:
    """What the package stores, as the network multiplies it, in double precision."""

    def __init__(self, stored):
        stored = {name: array if array.dtype == np.uint8 else array.astype("f8") for name, array in stored.items()}
        parts = [stored[f"q{part + 1}"] for part in range(len(stored["scale"]))]
        self.parts = len(parts)
        self.table = np.stack(parts, axis=1).reshape(-1, parts[0].shape[1])
        self.scale, self.low = stored["scale"], stored["lo"]
        self.narrow = np.concatenate([stored[f"proj{n}"] for n, _ in BRANCHES], axis=1)
        self.narrow_bias = np.concatenate([stored[f"proj_b{n}"] for n, _ in BRANCHES])
        self.narrow_norm = [np.concatenate([stored[f"ln_{part}{n}"] for n, _ in BRANCHES]) for part in "gb"]
        self.filters = [[(stored[f"w{layer}_{n}"], stored[f"b{layer}_{n}"]) for layer in (1, 2)] for n, _ in BRANCHES]
        self.norm = [stored["ln_g"], stored["ln_b"]]
        self.mix, self.mix_bias = stored["cnn_W"], stored["cnn_b"]
        self.dense = [stored[name] for name in ("d0", "d1", "p1", "d2", "p3", "d3")]
        self.epsilon = float(stored["eps"])


def normalised(x, gamma, beta, epsilon):
    x = x - x.mean(-1, keepdims=True)
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + epsilon) * gamma + beta


def vectors(weights, phrases):
    """The vectors of phrases of the same number of pieces, each of length 1, in double precision."""
    pieces = np.array(phrases)
    part = pieces % weights.parts
    embedded = weights.table[pieces] * weights.scale[part][..., None] + weights.low[part][..., None]
    narrow = normalised(embedded @ weights.narrow + weights.narrow_bias, *weights.narrow_norm, weights.epsilon)
    branches = np.split(narrow, len(BRANCHES), axis=2)
    filtered = [branch_of(x, layers, *shape) for x, layers, shape in zip(branches, weights.filters, BRANCHES)]
    seen = normalised(np.concatenate([embedded, *filtered], axis=2), *weights.norm, weights.epsilon)
    length = pieces.shape[1]
    mixed = (seen.sum(1) @ weights.mix + length * weights.mix_bias) / np.sqrt(length)
    d0, d1, p1, d2, p3, d3 = weights.dense
    first = np.maximum(np.maximum(mixed @ d0, 0) @ d1 + mixed @ p1, 0)
    last = np.tanh(np.maximum(first @ d2, 0) @ d3 + first @ p3)
    squares = (last * last).sum(1, keepdims=True)
    return last / np.sqrt(np.maximum(squares, weights.epsilon))


def branch_of(x, layers, width, before):
    length = x.shape[1]
    for kernel, bias in layers:
        padded = np.pad(x, ((0, 0), (before, width - 1 - before), (0, 0)))
        windows = np.concatenate([padded[:, shift : shift + length] for shift in range(width)], axis=2)
        x = np.maximum(windows @ kernel + bias, 0) + x
    return x


class Encoder(Nodes):
    """The same network as a graph, over phrases that have ended at different places."""

    def __init__(self, weights):
        super().__init__()
        self.weights = weights

    def numbers(self):
        """Bytes → the numbers of pieces, and where there are some."""
        self.node("Cast", ["phrase"], "bytes", to=TensorProto.INT32)
        self.node("Mul", ["bytes", self.constant("powers", np.array([1, 1 << 8, 1 << 16], np.int32))], "weighted")
        self.node("ReduceSum", ["weighted", self.constant("bytes_and_row", np.array([1, 3]))], "given", keepdims=0)
        self.node("Less", ["given", self.constant("count", np.array(len(self.weights.table), np.int32))], "is_there")
        self.node("Where", ["is_there", "given", self.constant("nothing", np.array(0, np.int32))], "pieces")
        self.node("Cast", ["is_there"], "there", to=TensorProto.FLOAT)
        self.node("Unsqueeze", ["there", self.constant("last", np.array([-1]))], "mask")
        self.node("ReduceSum", ["there", self.constant("second", np.array([1]))], "lengths", keepdims=1)

    def embedded(self):
        self.node("Gather", [self.constant("table", self.weights.table), "pieces"], "rows", axis=0)
        self.node("Cast", ["rows"], "whole", to=TensorProto.FLOAT)
        self.node("Mod", ["pieces", self.constant("parts", np.array(self.weights.parts, np.int32))], "part")
        for name, values in (("scale", self.weights.scale), ("low", self.weights.low)):
            self.node("Gather", [self.constant(f"{name}s", np.float32(values)[:, None]), "part"], name, axis=0)
        self.node("Mul", ["whole", "scale"], "scaled")
        self.node("Add", ["scaled", "low"], "shifted")
        return self.node("Mul", ["shifted", "mask"], "embedded")

    def layer_norm(self, x, name, norm):
        gamma, beta = (self.constant(f"{name}.{part}", np.float32(values)) for part, values in zip(("gamma", "beta"), norm))
        return self.node("LayerNormalization", [x, gamma, beta], name, axis=-1, epsilon=self.weights.epsilon)

    def masked(self, x):
        return self.node("Mul", [x, "mask"], f"{x}.there")

    def linear(self, x, name, matrix, bias=None):
        product = self.node("MatMul", [x, self.constant(f"{name}.matrix", np.float32(matrix))], f"{name}.product" if bias is not None else name)
        return product if bias is None else self.node("Add", [product, self.constant(f"{name}.bias", np.float32(bias))], name)

    def branch(self, index, x):
        width, before = BRANCHES[index]
        for layer, (kernel, bias) in enumerate(self.weights.filters[index]):
            name = f"branch{index}.{layer}"
            channels = kernel.shape[0] // width
            # As a convolution has it: [out, in, width].
            taps = np.float32(kernel).reshape(width, channels, -1).transpose(2, 1, 0)
            upright = self.node("Transpose", [x], f"{name}.upright", perm=[0, 2, 1])
            inputs = [upright, self.constant(f"{name}.kernel", taps), self.constant(f"{name}.bias", np.float32(bias))]
            self.node("Conv", inputs, f"{name}.filtered", pads=[before, width - 1 - before])
            self.node("Relu", [f"{name}.filtered"], f"{name}.positive")
            self.node("Transpose", [f"{name}.positive"], f"{name}.back", perm=[0, 2, 1])
            x = self.masked(self.node("Add", [f"{name}.back", x], name))
        return x

    def vectors(self):
        """Phrases' vectors of length 1."""
        self.numbers()
        embedded = self.embedded()
        narrow = self.layer_norm(self.linear(embedded, "narrow", self.weights.narrow, self.weights.narrow_bias), "narrow.norm", self.weights.narrow_norm)
        names = [f"start{index}" for index in range(len(BRANCHES))]
        self.nodes.append(helper.make_node("Split", [self.masked(narrow)], names, axis=2))
        filtered = [self.branch(index, name) for index, name in enumerate(names)]
        seen = self.layer_norm(self.node("Concat", [embedded, *filtered], "joined", axis=2), "seen", self.weights.norm)
        self.node("ReduceSum", [self.masked(seen), "second"], "sum", keepdims=0)
        self.linear("sum", "mixed", self.weights.mix)
        self.node("Mul", ["lengths", self.constant("mix_bias", np.float32(self.weights.mix_bias)[None])], "mixed.bias")
        self.node("Add", ["mixed", "mixed.bias"], "mixed.sum")
        self.node("Sqrt", ["lengths"], "root")
        return self.head(self.node("Div", ["mixed.sum", "root"], "mean"))

    def head(self, mean):
        d0, d1, p1, d2, p3, d3 = self.weights.dense
        self.node("Relu", [self.linear(mean, "d0", d0)], "d0.positive")
        self.node("Add", [self.linear("d0.positive", "d1", d1), self.linear(mean, "p1", p1)], "first.sum")
        self.node("Relu", ["first.sum"], "first")
        self.node("Relu", [self.linear("first", "d2", d2)], "d2.positive")
        self.node("Add", [self.linear("d2.positive", "d3", d3), self.linear("first", "p3", p3)], "last.sum")
        self.node("Tanh", ["last.sum"], "last.bent")
        return self.node("LpNormalization", ["last.bent"], "vector", axis=1, p=2)

    def nearness(self, vector, language, names):
        """How near the nearest of each tag's names is; `names` are `[tags, NAMES, width]`."""
        steps = self.constant(f"{language}.steps", names.reshape(-1, names.shape[-1]).T)
        self.node("Cast", [steps], f"{language}.whole", to=TensorProto.FLOAT)
        self.node("MatMul", [vector, f"{language}.whole"], f"{language}.products")
        shape = self.constant(f"{language}.shape", np.array([-1, names.shape[0], NAMES]))
        self.node("Reshape", [f"{language}.products", shape], f"{language}.each")
        self.node("ReduceMax", [f"{language}.each"], f"{language}.nearest", axes=[2], keepdims=0)
        share = self.constant(f"{language}.share", np.float32(LANGUAGES[language] / STEPS))
        return self.node("Mul", [f"{language}.nearest", share], language)


class Names:
    """Tags' names as pieces, and the vectors of those that the encoder can read."""

    def __init__(self, weights, tokenizer):
        self.weights, self.tokenizer = weights, tokenizer

    def pieces(self, name):
        return (BEGIN, *self.tokenizer.encode(name, add_bos=False, add_eos=False), END)

    def readable(self, names):
        """What it has no pieces for is near to all else that it has none for, and left out."""
        pieces = [self.pieces(name) for name in names if name]
        return [each for each in pieces if UNKNOWN not in each][:NAMES]

    def of(self, tags):
        """`[tags, NAMES, width]` in steps. Who has fewer names has the first one several times; who has none, nothing."""
        chosen = [self.readable(names) for names in tags]
        steps = self.steps({pieces for names in chosen for pieces in names})
        found = np.zeros((len(tags), NAMES, self.weights.dense[-1].shape[1]), np.int8)
        for place, names in zip(found, chosen):
            for index in range(NAMES if names else 0):
                place[index] = steps[names[index] if index < len(names) else names[0]]
        return found

    def steps(self, phrases):
        """Each phrase's vector; those of one length are worked out at once."""
        steps = {}
        for _, same in itertools.groupby(sorted(phrases, key=lambda each: (len(each), each)), len):
            same = list(same)
            for some in (same[start : start + AT_ONCE] for start in range(0, len(same), AT_ONCE)):
                steps |= zip(some, np.round(vectors(self.weights, some) * STEPS).astype(np.int8))
        return steps


def build(weights, labels, names):
    encoder = Encoder(weights)
    phrase = encoder.vectors()
    spoken = {
        "en": [[label["name"], *label.get("synonyms", ())] for label in labels],
        "ko": [[label.get("ko"), *label.get("ko_synonyms", ())] for label in labels],
    }
    near = [encoder.nearness(phrase, language, names.of(tags)) for language, tags in spoken.items()]
    encoder.node("Add", near, "sum_of_languages")
    # A phrase that means the opposite of something is not it.
    encoder.node("Relu", ["sum_of_languages"], "scores")
    given = helper.make_tensor_value_info("phrase", TensorProto.UINT8, ["n", 1, LENGTH, 3])
    scores = helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["n", len(labels)])
    graph = helper.make_graph(encoder.nodes, "use-multilingual", [given], [scores], list(encoder.constants.values()))
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8, producer_name="tagfleet")


def main(weights_path, pieces_path, tokenizer_folder, labels_path, model_path, written_pieces_path):
    sys.path.insert(0, tokenizer_folder)
    from pure_tokenizer import UsePureTokenizer

    tokenizer = UsePureTokenizer(pieces_path)
    with np.load(weights_path, allow_pickle=False) as stored:
        weights = Weights({name: stored[name] for name in stored.files})
    with open(labels_path, encoding="utf-8") as file:
        labels = json.load(file)["classes"]
    save(build(weights, labels, Names(weights, tokenizer)), model_path)
    pieces = [[piece, float(score)] for piece, score in zip(tokenizer._pieces, tokenizer._scores)]
    with open(written_pieces_path, "w", encoding="utf-8") as file:
        json.dump({"unknown": UNKNOWN, "begin": BEGIN, "end": END, "pieces": pieces}, file, ensure_ascii=False)


if __name__ == "__main__":
    main(*sys.argv[1:])
