#!/usr/bin/env python3
"""Digests of programs, read by coremltools' own protobuf classes: what pome's reader is held against.

    python3 tools/check_proto.py SHARED > tests/unit/load_table.h

SHARED is the folder with sample models. Each line of the output is one model: its path, how many operations
and outputs its functions hold, and a 64-bit FNV-1a digest of a canonical text of everything in them: names, types,
arguments, literals. tests/unit/test_load.c writes the same text from pome's program form.
"""

import os
import struct
import sys

from coremltools.proto import MIL_pb2, Model_pb2

DTYPES = {
    "BOOL": ("bool", 8),
    "STRING": ("string", 0),
    "FLOAT16": ("fp16", 16),
    "FLOAT32": ("fp32", 32),
    "FLOAT64": ("fp64", 64),
    "BFLOAT16": ("bf16", 16),
    "INT8": ("int8", 8),
    "INT16": ("int16", 16),
    "INT32": ("int32", 32),
    "INT64": ("int64", 64),
    "INT4": ("int4", 4),
    "UINT8": ("uint8", 8),
    "UINT16": ("uint16", 16),
    "UINT32": ("uint32", 32),
    "UINT64": ("uint64", 64),
    "UINT4": ("uint4", 4),
    "UINT2": ("uint2", 2),
    "UINT1": ("uint1", 1),
    "UINT6": ("uint6", 6),
    "UINT3": ("uint3", 3),
    "FLOAT8E4M3FN": ("fp8e4m3fn", 8),
    "FLOAT8E5M2": ("fp8e5m2", 8),
}
FORMATS = {"int8": "b", "uint8": "B", "int16": "h", "uint16": "H", "int32": "i", "uint32": "I", "int64": "q", "uint64": "Q"}
HASHED = 256


def fnv(data):
    value = 0xCBF29CE484222325
    for byte in data:
        value = ((value ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return value


def dtype_of(tensor):
    return DTYPES[MIL_pb2.DataType.Name(tensor.dataType)]


def type_text(t):
    kind = t.WhichOneof("type")
    if kind == "tensorType":
        dims = [d.constant.size if d.WhichOneof("dimension") == "constant" else "?" for d in t.tensorType.dimensions]
        return "%s[%s]" % (dtype_of(t.tensorType)[0], ",".join(str(d) for d in dims))
    if kind == "listType":
        length = t.listType.length
        known = length.WhichOneof("dimension") == "constant"
        return "list<%s,%s>" % (type_text(t.listType.type), length.constant.size if known else "?")
    if kind == "tupleType":
        return "tuple<%s>" % "".join(type_text(e) + ";" for e in t.tupleType.types)
    if kind == "dictionaryType":
        return "dict<%s;%s>" % (type_text(t.dictionaryType.keyType), type_text(t.dictionaryType.valueType))
    return "state<%s>" % type_text(t.stateType.wrappedType)


def tensor_bytes(t, v):
    name = dtype_of(t)[0]
    kind = v.WhichOneof("value")
    if kind is None:
        return b""
    values = getattr(v, kind).values
    if kind == "bytes":
        return values
    if kind == "strings":
        return b"".join(s.encode() + b"\0" for s in values)
    if kind == "floats":
        return struct.pack("<%df" % len(values), *values)
    if kind == "doubles":
        return struct.pack("<%dd" % len(values), *values)
    if kind == "bools":
        return bytes(bool(b) for b in values)
    size = struct.calcsize(FORMATS[name])
    return b"".join((x & ((1 << 8 * size) - 1)).to_bytes(size, "little") for x in values)


def blob_text(t, blob, weights):
    count = 1
    for d in t.dimensions:
        count *= d.constant.size
    size = (count * dtype_of(t)[1] + 7) // 8
    digest = ""
    if weights is not None:
        (start,) = struct.unpack_from("<Q", weights, blob.offset + 16)
        digest = "%x" % fnv(weights[start : start + min(size, HASHED)])
    return "@%d:%d:%s" % (blob.offset, size, digest)


def value_text(v, weights):
    text = type_text(v.type) + "="
    if v.WhichOneof("value") == "blobFileValue":
        return text + blob_text(v.type.tensorType, v.blobFileValue, weights)
    kind = v.immediateValue.WhichOneof("value")
    if kind == "tensor":
        data = tensor_bytes(v.type.tensorType, v.immediateValue.tensor)
        return text + "%d:%x" % (len(data), fnv(data[:HASHED]))
    items = getattr(v.immediateValue, kind).values
    if kind == "dictionary":
        items = [x for pair in items for x in (pair.key, pair.value)]
    return text + "(%s)" % "".join(value_text(x, weights) + ";" for x in items)


def op_name(op):
    if "name" in op.attributes:
        return op.attributes["name"].immediateValue.tensor.strings.values[0]
    return op.outputs[0].name if op.outputs else ""


def op_lines(op, weights, counts):
    counts[0] += 1
    counts[1] += len(op.outputs)
    yield "op %s %s" % (op.type, op_name(op))
    args = {}
    for key, argument in op.inputs.items():
        parts = [b.name if b.WhichOneof("binding") == "name" else value_text(b.value, weights) for b in argument.arguments]
        args[key] = " ".join(["arg", key] + parts)
    for key, value in op.attributes.items():
        if key != "name":
            args[key] = "att %s %s" % (key, value_text(value, weights))
    for key in sorted(args, key=lambda k: k.encode()):
        yield args[key]
    for block in op.blocks:
        yield from block_lines(block, weights, counts)
    for output in op.outputs:
        yield "out %s %s" % (output.name, type_text(output.type))


def block_lines(block, weights, counts):
    yield "block"
    for value in block.inputs:
        yield "in %s %s" % (value.name, type_text(value.type))
    for op in block.operations:
        yield from op_lines(op, weights, counts)
    yield " ".join(["end"] + list(block.outputs))


def program_lines(program, weights, counts):
    for name in sorted(program.functions, key=lambda k: k.encode()):
        function = program.functions[name]
        yield "function %s %s" % (name, function.opset)
        for value in function.inputs:
            yield "in %s %s" % (value.name, type_text(value.type))
        yield from block_lines(function.block_specializations[function.opset], weights, counts)


def models(root):
    for folder, _, files in sorted(os.walk(root)):
        for name in files:
            if name.endswith(".mlmodel"):
                yield os.path.join(folder, name)


def main():
    root = sys.argv[1]
    print("/* Made by tools/check_proto.py: path below the shared data, operations, outputs, weights there, digest. */")
    print("/* clang-format off */")
    for path in models(root):
        relative = os.path.relpath(path, root)
        if relative.startswith("conformance"):
            continue
        model = Model_pb2.Model()
        with open(path, "rb") as file:
            model.ParseFromString(file.read())
        if model.WhichOneof("Type") != "mlProgram":
            continue
        weight_path = os.path.join(os.path.dirname(path), "weights", "weight.bin")
        weights = None
        if os.path.exists(weight_path):
            with open(weight_path, "rb") as file:
                weights = file.read()
        counts = [0, 0]
        text = "".join(line + "\n" for line in program_lines(model.mlProgram, weights, counts))
        if os.environ.get("POME_CHECK_DUMP") == relative:
            sys.stderr.write(text)
        used = weights is not None or "=@" not in text
        print('{"%s", %d, %d, %s, 0x%016xu},' % (relative, counts[0], counts[1], "true" if used else "false", fnv(text.encode())))


main()
