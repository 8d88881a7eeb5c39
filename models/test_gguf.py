"""Caption weights of four bits made into eight. Needs gguf, as test_build.py says."""

import pathlib
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE / "convert"))

try:
    import gguf
    import gguf_q8
    import numpy
except ImportError:
    gguf = None

Q4_1, Q8_0 = (gguf.GGMLQuantizationType[name] for name in ("Q4_1", "Q8_0")) if gguf else (None, None)


def write_four(path, weights):
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_block_count(1)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q4_1)
    writer.add_token_list(["one", "two"])
    writer.add_tensor("blk.0.ffn_up.weight", gguf.quants.quantize(weights, Q4_1), raw_dtype=Q4_1)
    writer.add_tensor("blk.0.ffn_norm.weight", numpy.arange(64, dtype="f4"))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


@unittest.skipUnless(gguf, "gguf is not installed")
class EightBits(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        four, eight = (pathlib.Path(folder.name) / name for name in ("four.gguf", "eight.gguf"))
        weights = numpy.random.default_rng(1).normal(size=(8, 64)).astype("f4")
        write_four(four, weights)
        gguf_q8.main(four, eight)
        self.four, self.eight = gguf.GGUFReader(four), gguf.GGUFReader(eight)

    def test_weights_stay_within_a_step_of_what_they_were(self):
        before, after = (reader.tensors[0] for reader in (self.four, self.eight))
        self.assertEqual((before.tensor_type, after.tensor_type), (Q4_1, Q8_0))
        was, now = (gguf.quants.dequantize(tensor.data, tensor.tensor_type) for tensor in (before, after))
        largest = numpy.abs(was).reshape(-1, 32).max(axis=1)
        off = numpy.abs(now - was).reshape(-1, 32).max(axis=1)
        # A step's half, and the rounding of the step itself to half precision.
        self.assertTrue((off <= largest * (1 / 254 + 1e-3)).all(), off / largest)

    def test_all_else_is_what_it_was(self):
        norms = [numpy.array(reader.tensors[1].data) for reader in (self.four, self.eight)]
        numpy.testing.assert_array_equal(*norms)
        for name in ("general.architecture", "llama.block_count", "tokenizer.ggml.tokens"):
            was, now = (reader.fields[name].contents() for reader in (self.four, self.eight))
            self.assertEqual(was, now, name)
        self.assertEqual(self.eight.fields["general.file_type"].contents(), gguf.LlamaFileType.MOSTLY_Q8_0)


if __name__ == "__main__":
    unittest.main()
