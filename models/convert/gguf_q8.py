"""Four-bit GGUF weights → eight-bit ones: `gguf_q8.py four.gguf eight.gguf`.

llama.cpp multiplies Q4_1 for one sentence after the other. For Q8_0 it multiplies several at once, which is what writing
captions together lives on. Sixteen levels fit into 255, so a weight moves by 1/254 of its block's largest at most.
"""

import sys

from gguf import GGUFReader, GGUFValueType, GGUFWriter, GGMLQuantizationType, LlamaFileType, quants

FROM, TO = GGMLQuantizationType.Q4_1, GGMLQuantizationType.Q8_0
# The writer has its own of these; all others are copied.
WRITTEN = ("GGUF.", "general.architecture", "general.file_type")


def copy_fields(reader, writer):
    for field in reader.fields.values():
        if not field.name.startswith(WRITTEN):
            kind = field.types[0]
            inner = field.types[-1] if kind == GGUFValueType.ARRAY else None
            writer.add_key_value(field.name, field.contents(), kind, inner)
    writer.add_file_type(LlamaFileType.MOSTLY_Q8_0)


def copy_tensors(reader, writer):
    for tensor in reader.tensors:
        data, kind = tensor.data, tensor.tensor_type
        if kind == FROM:
            data, kind = quants.quantize(quants.dequantize(data, kind), TO), TO
        writer.add_tensor(tensor.name, data, raw_dtype=kind)


def main(four, eight):
    reader = GGUFReader(four)
    writer = GGUFWriter(eight, reader.fields["general.architecture"].contents())
    copy_fields(reader, writer)
    copy_tensors(reader, writer)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
