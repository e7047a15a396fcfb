#!/usr/bin/env python3
"""Holds what `pome convert` writes against coremltools' own reading.

usage: check_saved.py POME FOLDER...

Every ML Program and pipeline below the folders that comes with its weights is converted. The new package is opened
by coremltools, message for message compared with the original (names, types, arguments, blocks, every
weight's bytes, the description), and read on by coremltools' frontend into its own program form where
it reads the original. Of a compiled bundle there is no original message: only the opening is checked.
Prints a line for each difference and a total; exit status 1 when there is any.
"""

import json
import logging
import pathlib
import subprocess
import sys
import tempfile

import coremltools as ct
from coremltools.converters.mil.frontend.milproto import load as milproto
from coremltools.libmilstoragepython import _BlobStorageReader as Reader
from coremltools.proto import MIL_pb2 as mil
from coremltools.proto import Model_pb2

logging.disable(logging.WARNING)

READ = {
    mil.FLOAT16: "read_fp16_data",
    mil.FLOAT32: "read_float_data",
    mil.INT4: "read_int4_data",
    mil.INT8: "read_int8_data",
    mil.INT16: "read_int16_data",
    mil.INT32: "read_int32_data",
    mil.UINT1: "read_uint1_data",
    mil.UINT2: "read_uint2_data",
    mil.UINT3: "read_uint3_data",
    mil.UINT4: "read_uint4_data",
    mil.UINT6: "read_uint6_data",
    mil.UINT8: "read_uint8_data",
    mil.UINT16: "read_uint16_data",
    mil.UINT32: "read_uint32_data",
}
# Immediate lists, by element type, as little-endian elements.
WIDTH = {mil.FLOAT32: "<f4", mil.INT32: "<i4", mil.INT16: "<i2", mil.UINT16: "<u2", mil.INT64: "<i8", mil.BOOL: "?"}


class Difference(Exception):
    pass


class Model:
    def __init__(self, path):
        file = path
        if path.is_dir():
            manifest = json.loads((path / "Manifest.json").read_text())
            file = path / "Data" / manifest["itemInfoEntries"][manifest["rootModelIdentifier"]]["path"]
        self.spec = Model_pb2.Model()
        self.spec.ParseFromString(file.read_bytes())
        self.root = file.parent
        self.readers = {}

    def weights(self, file, kind, offset):
        if file not in self.readers:
            self.readers[file] = Reader(str(self.root / file.removeprefix("@model_path/")))
        return numpy_bytes(getattr(self.readers[file], READ[kind])(offset))

    def frontend(self):
        """Error text of coremltools' own loader, or None."""
        try:
            milproto.load(self.spec, self.spec.specificationVersion, str(self.root / "weights"))
            return None
        except Exception as error:
            return f"{type(error).__name__}: {error}".split("\n")[0][:120]


def numpy_bytes(values):
    import numpy as np

    return np.ascontiguousarray(np.asarray(values)).tobytes()


def must(equal, where, what):
    if not equal:
        raise Difference(f"{where}: {what}")


def tensor_bytes(model, value, unpacked):
    """The elements' bytes; sub-byte ones as the reader of weight files unpacks them."""
    import numpy as np

    kind = value.type.tensorType.dataType
    if value.WhichOneof("value") == "blobFileValue":
        return model.weights(value.blobFileValue.fileName, kind, value.blobFileValue.offset)
    tensor = value.immediateValue.tensor
    which = tensor.WhichOneof("value")
    if which is None:
        return b""
    values = getattr(tensor, which).values
    if which == "bytes":
        return values if not unpacked else unpack(kind, values, value.type.tensorType)
    if which == "strings":
        return repr(list(values)).encode()
    return np.asarray(values, dtype=WIDTH.get(kind, "<f8")).tobytes()


def unpack(kind, data, tensor_type):
    import numpy as np

    bits = {mil.UINT1: 1, mil.UINT2: 2, mil.UINT3: 3, mil.UINT4: 4, mil.INT4: 4, mil.UINT6: 6}.get(kind)
    if bits is None:
        return data
    count = 1
    for dimension in tensor_type.dimensions:
        count *= dimension.constant.size
    stream = int.from_bytes(data, "little")
    values = np.array([(stream >> (bits * i)) & ((1 << bits) - 1) for i in range(count)], dtype=np.int64)
    if kind == mil.INT4:
        values = np.where(values >= 8, values - 16, values)
    return values.astype(np.int8 if kind == mil.INT4 else np.uint8).tobytes()


def compare_values(models, a, b, where):
    must(a.type == b.type, where, "types differ")
    if a.type.WhichOneof("type") != "tensorType":
        must(a == b, where, "literals differ")
        return
    blob = any(v.WhichOneof("value") == "blobFileValue" for v in (a, b))
    must(tensor_bytes(models[0], a, blob) == tensor_bytes(models[1], b, blob), where, "elements differ")


def compare_ops(models, a, b, where):
    must(a.type == b.type, where, "types of operations differ")
    must(sorted(a.inputs) == sorted(b.inputs), where, "names of arguments differ")
    must(set(a.attributes) - {"name"} == set(b.attributes) - {"name"}, where, "names of attributes differ")
    for name, argument in a.inputs.items():
        left, right = argument.arguments, b.inputs[name].arguments
        must(len(left) == len(right), where, f"{name}: numbers of values differ")
        for x, y in zip(left, right):
            must(x.WhichOneof("binding") == y.WhichOneof("binding"), where, f"{name}: bindings differ")
            if x.WhichOneof("binding") == "name":
                must(x.name == y.name, where, f"{name}: names differ")
            else:
                compare_values(models, x.value, y.value, f"{where} {name}")
    for name, value in a.attributes.items():
        compare_values(models, value, b.attributes[name], f"{where} {name}")
    must(list(a.outputs) == list(b.outputs), where, "outputs differ")
    must(len(a.blocks) == len(b.blocks), where, "numbers of blocks differ")
    for x, y in zip(a.blocks, b.blocks):
        compare_blocks(models, x, y, where)


def compare_blocks(models, a, b, where):
    must(list(a.inputs) == list(b.inputs) and list(a.outputs) == list(b.outputs), where, "ports of a block differ")
    must(len(a.operations) == len(b.operations), where, "numbers of operations differ")
    for x, y in zip(a.operations, b.operations):
        compare_ops(models, x, y, f"{where} {x.type} {x.outputs[0].name if x.outputs else ''}")


def compare(models, a, b):
    must(a.specificationVersion == b.specificationVersion, "model", "versions differ")
    must(a.isUpdatable == b.isUpdatable, "model", "isUpdatable differs")
    must(a.description == b.description, "model", "descriptions differ")
    kind = a.WhichOneof("Type")
    must(kind == b.WhichOneof("Type"), "model", "types differ")
    if kind.startswith("pipeline"):
        left, right = (getattr(spec, kind) for spec in (a, b))
        if kind != "pipeline":
            left, right = left.pipeline, right.pipeline
        must(list(left.names) == list(right.names), "pipeline", "names differ")
        must(len(left.models) == len(right.models), "pipeline", "numbers of stages differ")
        for x, y in zip(left.models, right.models):
            compare(models, x, y)
    elif kind != "mlProgram":
        must(a == b, "model", f"a {kind} differs")
    else:
        compare_functions(models, a.mlProgram.functions, b.mlProgram.functions)


def compare_functions(models, a, b):
    must(sorted(a) == sorted(b), "model", "functions differ")
    for name, function in a.items():
        other = b[name]
        must(function.opset == other.opset, name, "opsets differ")
        must(list(function.inputs) == list(other.inputs), name, "inputs differ")
        left, right = (f.block_specializations[f.opset] for f in (function, other))
        compare_blocks(models, left, right, name)


def programs(folders):
    for folder in folders:
        for path in sorted(pathlib.Path(folder).rglob("*.ml*")):
            outer = {parent.suffix for parent in path.parents}
            if outer & {".mlpackage", ".mlmodelc"} or path.suffix not in (".mlpackage", ".mlmodelc", ".mlmodel"):
                continue
            yield path


def check(pome, path, target):
    """None when `path` holds no program that can be converted, else the kind of check it passed."""
    run = subprocess.run([pome, "convert", "--force", "-q", path, target], capture_output=True, text=True)
    if run.returncode in (3, 4):
        return None
    if run.returncode != 0:
        raise Difference(f"exit status {run.returncode}: {run.stderr.strip()}")
    written = Model(target)
    must(ct.models.utils.load_spec(str(target)) == written.spec, "model", "coremltools reads another")
    ct.models.MLModel(str(target), skip_model_load=True)
    if path.suffix == ".mlmodelc":
        error = written.frontend()
        must(error is None, "frontend", error)
        return "opened"
    original = Model(path)
    compare((original, written), original.spec, written.spec)
    if original.spec.WhichOneof("Type") != "mlProgram":
        return "compared (pipelines)"
    before, after = original.frontend(), written.frontend()
    must(after == before, "frontend", f"{after} instead of {before}")
    return "compared" if before is None else f"compared; the frontend reads neither ({before})"


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    counts, bad = {}, 0
    with tempfile.TemporaryDirectory() as work:
        target = pathlib.Path(work) / "written.mlpackage"
        for path in programs(sys.argv[2:]):
            try:
                result = check(sys.argv[1], path, target)
            except Difference as difference:
                print(f"DIFFERENT {path}: {difference}")
                bad += 1
                continue
            result = result or "not a program with weights"
            counts[result] = counts.get(result, 0) + 1
    for result, count in sorted(counts.items()):
        print(f"{count:5} {result}")
    print(f"{bad:5} different")
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
