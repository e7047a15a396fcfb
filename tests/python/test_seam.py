"""coremltools' own interface on pome: unchanged scripts, each in a fresh interpreter; skipped without
coremltools. The texts that its tests look for are told in the scripts."""

import support  # isort: skip  (first: it finds the package, or skips where NumPy is missing)
import importlib.util
import os

STATES = """
import pome.coremltools
import coremltools as ct
import numpy as np
from coremltools.converters.mil import Builder as mb

half = ct.converters.mil.mil.types.fp16
specs = [mb.TensorSpec(shape=(2, 3)), mb.StateTensorSpec(shape=(2, 3), dtype=half)]

@mb.program(input_specs=specs, opset_version=ct.target.iOS18)
def program(x, total):
    old = mb.read_state(input=total)
    new = mb.add(x=old, y=mb.cast(x=x, dtype="fp16"))
    return mb.coreml_update_state(state=total, value=new, name="y")

model = ct.convert(program, minimum_deployment_target=ct.target.iOS18)
state = model.make_state()
x = np.full((2, 3), 1.5, np.float32)
assert model.predict({"x": x}, state)["y"].dtype == np.float32
assert model.predict({"x": x}, state)["y"].tolist() == [[3.0] * 3] * 2
assert state.read_state("total").tolist() == [[3.0] * 3] * 2
state.write_state("total", x)
compiled = ct.models.CompiledMLModel(model.get_compiled_model_path())
assert compiled.predict({"x": x}, state)["y"].tolist() == [[3.0] * 3] * 2
own = compiled.make_state()
assert compiled.predict({"x": x}, own)["y"].tolist() == x.tolist()
assert own.read_state("total").dtype == np.float32

def refused(text, call, *arguments):
    try:
        call(*arguments)
    except RuntimeError as error:
        assert text in str(error), error
    else:
        raise SystemExit(f"accepted {arguments}")

FAILED = "Unable to compute the prediction using ML Program"
refused(FAILED, model.predict, {"x": np.ones((3, 2))}, state)
refused("missing", model.predict, {}, state)
refused("a state is needed", model.predict, {"x": x})
refused("no state is named", state.read_state, "other")
refused("no state is named", state.write_state, "other", x)
refused("", state.write_state, "total", np.ones(5, np.float32))
print("done")
"""

WHOLE = """
import asyncio, os, shutil, sys, tempfile
import coremltools as ct
import numpy as np
import pome.coremltools
from coremltools.converters.mil import Builder as mb
from coremltools.models.compute_device import MLComputeDevice, MLCPUComputeDevice
from coremltools.models.compute_plan import MLComputePlan, MLModelStructure
from coremltools.models.ml_program.experimental.perf_utils import MLModelBenchmarker
from coremltools.models.model import MLModelAsset

weight = np.arange(4000, dtype=np.float32).reshape(4, 1000) / 4000

@mb.program(input_specs=[mb.TensorSpec(shape=(1, 4))], opset_version=ct.target.iOS16)
def program(x):
    return mb.relu(x=mb.matmul(x=x, y=weight, name="product"), name="y")

model = ct.convert(program, minimum_deployment_target=ct.target.iOS16)
x = np.array([[1.0, 2.0, 3.0, -1.0]], np.float32)
expected = model.predict({"x": x})["y"]
np.testing.assert_allclose(expected, np.maximum(x @ weight, 0), atol=0.01)

# batches
batch = model.predict([{"x": x * i} for i in range(5)])
assert len(batch) == 5 and batch[1]["y"].tolist() == expected.tolist()
assert model.last_predict_duration_in_nano_seconds > 0 and model.load_duration_in_nano_seconds > 0

# compiled models and assets, from a path and from memory
folder = tempfile.mkdtemp()
package = os.path.join(folder, "model.mlpackage")
model.save(package)
path = ct.utils.compile_model(package, os.path.join(folder, "model.mlmodelc"))
for unit in ct.ComputeUnit:
    compiled = ct.models.CompiledMLModel(path, unit)
    assert compiled.predict({"x": x})["y"].tolist() == expected.tolist()
assert len(compiled.predict([{"x": x}, {"x": x}])) == 2
hints = {"reshapeFrequency": ct.ReshapeFrequency.Infrequent, "allowLowPrecisionAccumulationOnGPU": True}
ct.models.MLModel(package, optimization_hints=hints).predict({"x": x})
asset = MLModelAsset.from_path(path)
assert ct.models.CompiledMLModel.from_asset(asset).predict({"x": x})["y"].tolist() == expected.tolist()
weights = os.path.join(package, "Data/com.apple.CoreML/weights/weight.bin")
blobs = {"weights/weight.bin": open(weights, "rb").read()}
asset = MLModelAsset.from_memory(model.get_spec().SerializeToString(), blobs)
del blobs
memory = ct.models.CompiledMLModel.from_asset(asset)
assert memory.predict({"x": x})["y"].tolist() == expected.tolist()

# structure, plan, devices
structure = MLModelStructure.load_from_path(path)
operations = structure.program.functions["main"].block.operations
names = [op.operator_name for op in operations]
assert "matmul" in names and "relu" in names, names
plan = MLComputePlan.load_from_path(path, ct.ComputeUnit.CPU_ONLY)
operations = plan.model_structure.program.functions["main"].block.operations
costs = [plan.get_estimated_cost_for_mlprogram_operation(op) for op in operations]
assert abs(sum(cost.weight for cost in costs if cost) - 1) < 1e-6
usages = [plan.get_compute_device_usage_for_mlprogram_operation(op) for op in operations]
used = [u.preferred_compute_device for u in usages if u]
assert used and all(isinstance(device, MLCPUComputeDevice) for device in used)
assert MLComputeDevice.get_all_compute_devices() and ct.models.MLModel.get_available_compute_devices()

# the benchmarker
async def benchmark():
    benchmarker = MLModelBenchmarker(model)
    for measured in (
        await benchmarker.benchmark_load(iterations=2),
        await benchmarker.benchmark_predict(iterations=2, warmup=True),
    ):
        assert len(measured.samples) == 2 and measured.statistics.average > 0
    infos = await benchmarker.benchmark_operation_execution(iterations=2)
    assert {"matmul", "relu"} <= {info.spec.type for info in infos}

asyncio.run(benchmark())

# what is wrong
def refused(kind, text, call, *arguments):
    try:
        call(*arguments)
    except kind as error:
        assert text in str(error), error
    else:
        raise SystemExit(f"accepted {arguments}")

refused(RuntimeError, "no function", lambda: ct.models.CompiledMLModel(path, function_name="other"))
refused(RuntimeError, "no such file", lambda: ct.models.CompiledMLModel(path + "none.mlmodelc"))
refused(RuntimeError, "Unsupported array type", model.predict, {"x": x.astype(np.uint16)})
refused(KeyError, "z", model.predict, {"z": x})
refused(RuntimeError, "Unable to compute", memory.predict, {"x": np.ones((2, 2), np.float32)})
inside = model.get_compiled_model_path()
assert os.path.isdir(inside)
del model
import gc; gc.collect()
shutil.rmtree(folder)
print("done", os.path.exists(inside))
"""

SHAPES = """
import pome.coremltools
import coremltools as ct
import numpy as np
from PIL import Image
from coremltools.converters.mil import Builder as mb
from coremltools.converters.mil.mil import get_new_symbol, types

def refused(text, call, *arguments):
    try:
        call(*arguments)
    except RuntimeError as error:
        assert text in str(error), error
    else:
        raise SystemExit(f"accepted {arguments}")

@mb.program(input_specs=[mb.TensorSpec(shape=(get_new_symbol(), 2))])
def ranged(x):
    return mb.relu(x=x, name="y")

spans = [ct.TensorType(name="x", shape=(ct.RangeDim(3, 5, default=4), 2))]
model = ct.convert(ranged, inputs=spans, minimum_deployment_target=ct.target.iOS16)
assert model.predict({"x": np.ones((5, 2), np.float32)})["y"].shape == (5, 2)
text = "Size (99) of dimension (0) is not in allowed range (3..5)"
refused(text, model.predict, {"x": np.ones((99, 2))})

shapes = ct.EnumeratedShapes(shapes=[[2, 2], [4, 2]], default=[2, 2])
listed = [ct.TensorType(name="x", shape=shapes)]
model = ct.convert(ranged, inputs=listed, minimum_deployment_target=ct.target.iOS16)
assert model.predict({"x": np.ones((4, 2), np.float32)})["y"].shape == (4, 2)
text = "MultiArray Shape (3 x 2) was not in enumerated set of allowed shapes"
refused(text, model.predict, {"x": np.ones((3, 2))})

@mb.program(input_specs=[mb.TensorSpec(shape=(3, 2)), mb.TensorSpec(shape=(1,), dtype=types.int32)],
            opset_version=ct.target.iOS17)
def gathering(x, i):
    return mb.gather(x=x, indices=i, axis=0, validate_indices=True, name="y")

model = ct.convert(gathering, minimum_deployment_target=ct.target.iOS17)
good = {"x": np.ones((3, 2), np.float32), "i": np.array([2], np.int32)}
assert model.predict(good)["y"].shape == (1, 2)
assert model.predict({**good, "i": np.array([1.0], np.float32)})["y"].shape == (1, 2)
beyond = {**good, "i": np.array([7], np.int32)}
refused("Unable to compute the prediction using ML Program", model.predict, beyond)

@mb.program(input_specs=[mb.TensorSpec(shape=(1, 3, 4, 6))], opset_version=ct.target.iOS16)
def picture(image):
    return mb.sub(x=255.0, y=image, name="inverse")

for layout in (ct.colorlayout.RGB, ct.colorlayout.BGR):
    image = ct.ImageType(name="image", shape=(1, 3, 4, 6), color_layout=layout)
    model = ct.convert(picture, inputs=[image], minimum_deployment_target=ct.target.iOS16)
    spec = model.get_spec()
    spec.description.output[0].type.CopyFrom(spec.description.input[0].type)
    model = ct.models.MLModel(spec, weights_dir=model.weights_dir)
    pixels = np.arange(72, dtype=np.uint8).reshape(4, 6, 3)
    result = model.predict({"image": Image.fromarray(pixels)})["inverse"]
    assert (result.mode, result.size) == ("RGBA", (6, 4)), result
    assert (np.asarray(result)[:, :, :3] == 255 - pixels).all()
    refused("Unable to compute", model.predict, {"image": Image.new("RGB", (7, 4))})

@mb.program(input_specs=[mb.TensorSpec(shape=(2,)), mb.TensorSpec(shape=(2,))])
def adding(x, y):
    return mb.add(x=x, y=y, name="z")

threes = np.full(2, 3.0, np.float32)
defaults = [
    ct.TensorType(name="x", shape=(2,)),
    ct.TensorType(name="y", shape=(2,), default_value=threes),
]
model = ct.convert(adding, inputs=defaults, minimum_deployment_target=ct.target.iOS16)
ones = np.ones(2, np.float32)
for _ in range(2):
    assert model.predict({"x": ones, "y": ones * 8})["z"].tolist() == [9, 9]
    assert model.predict({"x": ones})["z"].tolist() == [4, 4]

@mb.program(input_specs=[mb.TensorSpec(shape=(2,))], opset_version=ct.target.iOS16)
def scalar(x):
    return mb.reduce_sum(x=x, keep_dims=False, name="y")

model = ct.convert(scalar, minimum_deployment_target=ct.target.iOS16)
assert model.predict({"x": np.ones(2, np.float32)})["y"].shape == (1,)

# a neural network, whose file coremltools removes as soon as the model is made
from coremltools.models import datatypes
from coremltools.models.compute_plan import MLModelStructure
from coremltools.models.neural_network import NeuralNetworkBuilder

array = datatypes.Array(3)
builder = NeuralNetworkBuilder([("x", array)], [("y", array)], disable_rank5_shape_mapping=True)
builder.add_activation("relu", "RELU", "x", "y")
model = ct.models.MLModel(builder.spec)
x = np.array([1, -1, 2], np.float32)
assert model.predict({"x": x})["y"].tolist() == [1, 0, 2]
compiled = ct.models.CompiledMLModel(model.get_compiled_model_path())
assert compiled.predict({"x": x})["y"].tolist() == [1, 0, 2]
builder.add_elementwise("sum", ["y", "x"], "z", "ADD")
builder.spec.description.output[0].name = "z"
both = ct.models.MLModel(builder.spec)
structure = MLModelStructure.load_from_path(both.get_compiled_model_path())
assert [layer.type for layer in structure.neuralnetwork.layers] == ["activation", "elementwise"]
refused("Error computing NN outputs", model.predict, {"x": np.ones(4, np.float32)})
print("done")
"""


class Seam(support.Folder):
    def setUp(self):
        super().setUp()
        if importlib.util.find_spec("coremltools") is None:
            self.skipTest("coremltools is not installed")

    def output(self, *arguments):
        done = self.run_python("-W", "ignore", "-c", *arguments)
        self.assertEqual(done.returncode, 0, done.stderr[-3000:])
        return done.stdout

    def test_states(self):
        self.assertEqual(self.output(STATES), "done\n")

    def test_assets_plans_benchmarks(self):
        self.assertEqual(self.output(WHOLE), "done False\n")

    def test_shapes_and_images(self):
        self.assertEqual(self.output(SHAPES), "done\n")

    def test_installed(self):
        """The file that `install` writes, in a copy of the package's folder made of links."""
        found = importlib.util.find_spec("coremltools").submodule_search_locations[0]
        copy = self.folder / "coremltools"
        copy.mkdir()
        for name in os.listdir(found):
            if name != "libcoremlpython.py":
                os.symlink(os.path.join(found, name), copy / name)
        tool = (
            "import sys; sys.path.insert(0, sys.argv[1])\n"
            "from pome.coremltools import __main__ as tool\n"
            "assert tool.main([sys.argv[2]]) == 0 and tool.main(['status']) == 0\n"
        )
        self.assertTrue(self.output(tool, self.folder, "install").startswith("installed"))
        script = (
            "import sys; sys.path.insert(0, sys.argv[1])\n"
            "import coremltools as ct\n"
            "from coremltools.models.compute_plan import _MLComputePlanProxy as proxy\n"
            "print(ct.__file__, ct.utils._macos_version(), proxy)\n"
        )
        output = self.output(script, self.folder)
        self.assertIn(str(self.folder), output)
        self.assertIn("(15, 5) <class 'pome._seam._MLComputePlanProxy'>", output)
        self.assertTrue(self.output(tool, self.folder, "uninstall").startswith("not installed"))
        output = self.output(script, self.folder)
        self.assertTrue(output.endswith("() None\n"), output)
        (copy / "libcoremlpython.py").write_text("another's")
        done = self.run_python("-c", tool, self.folder, "install")
        self.assertIn("is there and not pome's", done.stderr)


if __name__ == "__main__":
    support.main()
