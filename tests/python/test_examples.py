"""The examples and coremltools' predict on pome, in fresh interpreters; skipped without coremltools."""

import support  # isort: skip  (first: it finds the package, or skips where NumPy is missing)
import importlib.util
import os
import subprocess
import sys

SCRIPT = """
import pome.coremltools
import coremltools as ct
import numpy as np
from coremltools.converters.mil import Builder as mb
from coremltools.models.compute_plan import MLComputePlan

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
path = model.get_compiled_model_path()
compiled = ct.models.CompiledMLModel(path)
assert compiled.predict({"x": x}, state)["y"].tolist() == [[3.0] * 3] * 2
plan = MLComputePlan.load_from_path(path)
operations = plan.model_structure.program.functions["main"].block.operations
costs = [plan.get_estimated_cost_for_mlprogram_operation(op) for op in operations]
assert abs(sum(cost.weight for cost in costs if cost) - 1) < 1e-6
for bad, text in (({"x": np.ones((3, 2))}, "MultiArray|shape"), ({}, "missing")):
    try:
        model.predict(bad, state)
        raise SystemExit(f"accepted {bad}")
    except RuntimeError as error:
        assert "Unable to compute the prediction using ML Program" in str(error), error
try:
    state.read_state("other")
    raise SystemExit("read a state that is not there")
except RuntimeError:
    pass
print("done")
"""


class Examples(support.Folder):
    def setUp(self):
        super().setUp()
        if importlib.util.find_spec("coremltools") is None:
            self.skipTest("coremltools is not installed")

    def run_python(self, *arguments):
        variables = {**os.environ, "PYTHONPATH": str(support.ROOT / "python"), "TQDM_DISABLE": "1"}
        line = [sys.executable, "-W", "ignore", *arguments]
        done = subprocess.run(line, env=variables, capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr[-2000:])
        return done.stdout

    def test_seam(self):
        self.assertIn("done", self.run_python("-c", SCRIPT))

    def test_installed(self):
        """The file that `install` writes, in a copy of the package's folder made of links."""
        found = importlib.util.find_spec("coremltools").submodule_search_locations[0]
        copy = self.folder / "coremltools"
        copy.mkdir()
        for name in os.listdir(found):
            os.symlink(os.path.join(found, name), copy / name)
        script = (
            "import sys; sys.path.insert(0, sys.argv[1])\n"
            "from pome.coremltools import __main__ as tool\n"
            "assert tool.main(['install']) == 0 and tool.main(['status']) == 0\n"
        )
        self.assertIn("installed", self.run_python("-c", script, str(self.folder)))
        script = (
            "import sys; sys.path.insert(0, sys.argv[1])\n"
            "import coremltools as ct\n"
            "from coremltools.models.compute_plan import _MLComputePlanProxy as proxy\n"
            "print(ct.__file__, ct.utils._macos_version(), proxy)\n"
        )
        output = self.run_python("-c", script, str(self.folder))
        self.assertIn(str(self.folder), output)
        self.assertIn("(15, 5) <class 'pome._seam._MLComputePlanProxy'>", output)

    def test_verify_pytorch(self):
        if importlib.util.find_spec("torch") is None:
            self.skipTest("torch is not installed")
        self.assertIn("agree to", self.run_python(support.ROOT / "examples/verify_pytorch.py"))

    def test_find_overflow(self):
        output = self.run_python(support.ROOT / "examples/find_overflow.py")
        self.assertRegex(output, r"squared\w* \(mul\) overflows")


if __name__ == "__main__":
    support.main()
