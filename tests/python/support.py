"""What the Python tests share: small programs as text, the optional data folder, loud skips.

Run one file with `python3 tests/python/test_model.py`; POME_LIBRARY names the shared library. Without
NumPy the tests print "SKIP: ..." and succeed.
"""

import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "python"))
SHARED = Path(os.environ.get("POME_SHARED") or ROOT.parent / "shared")

try:
    import numpy  # noqa: F401
except ImportError:
    print("SKIP: NumPy is not installed, nothing of the Python package was tested")
    sys.exit(0)


def main() -> None:
    """Runs the tests of the calling file; prints what was skipped."""
    suite = unittest.defaultTestLoader.loadTestsFromModule(sys.modules["__main__"])
    result = unittest.TextTestRunner(verbosity=1).run(suite)
    for test, reason in result.skipped:
        print(f"SKIP: {test}: {reason}")
    sys.exit(not result.wasSuccessful())


ADD = """program(1.3)
{
    func main<ios18>(tensor<fp32, [2, 3]> x, tensor<fp32, [2, 3]> y) {
        tensor<fp32, [2, 3]> sum = add(x = x, y = y)[name = string("sum")];
        tensor<fp32, [2, 3]> product = mul(x = x, y = y)[name = string("product")];
    } -> (sum, product);
}
"""
HALF = """program(1.3)
{
    func main<ios18>(tensor<fp16, [4]> x, tensor<int32, [4]> i) {
        tensor<fp16, [4]> twice = add(x = x, y = x)[name = string("twice")];
        tensor<int32, [4]> next = add(x = i, y = i)[name = string("next")];
    } -> (twice, next);
}
"""
COUNTER = """program(1.3)
{
    func main<ios18>(state<tensor<fp16, [4]>> total, tensor<fp16, [4]> x) {
        tensor<fp16, [4]> old = read_state(input = total)[name = string("old")];
        tensor<fp16, [4]> new = add(x = old, y = x)[name = string("new")];
        write_state(data = new, input = total)[name = string("write")];
        tensor<fp16, [4]> now = read_state(input = total)[name = string("now")];
    } -> (now);
}
"""
# Large enough to be shared among threads.
MATRIX = """program(1.3)
{
    func main<ios18>(tensor<fp32, [256, 512]> x, tensor<fp32, [512, 512]> w) {
        tensor<fp32, [256, 512]> y = matmul(x = x, y = w)[name = string("y")];
    } -> (y);
}
"""
LONG = """program(1.3)
{
    func main<ios18>(tensor<int32, []> n, tensor<fp32, [64, 64]> x) {
        tensor<int32, []> one = const()[name = string("one"), val = int32(1)];
        tensor<int32, []> zero = const()[name = string("zero"), val = int32(0)];
        tensor<int32, []> left, tensor<fp32, [64, 64]> y = while_loop(loop_vars = (n, x)) {
            block (tensor<int32, []> a, tensor<fp32, [64, 64]> b) {
                bool more = greater(x = a, y = zero)[name = string("more")];
            } -> (more);
            block (tensor<int32, []> c, tensor<fp32, [64, 64]> d) {
                tensor<int32, []> less = sub(x = c, y = one)[name = string("less")];
                tensor<fp32, [64, 64]> e = sin(x = d)[name = string("e")];
            } -> (less, e);
        }[name = string("loop")];
    } -> (y);
}
"""


class Folder(unittest.TestCase):
    """A test with a folder of its own."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def program(self, text: str, name: str = "model.mil") -> str:
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        return str(path)

    def run_python(self, *arguments: object, **variables: str) -> subprocess.CompletedProcess:
        """A fresh interpreter that finds the package."""
        variables = {**os.environ, "PYTHONPATH": str(ROOT / "python"), "TQDM_DISABLE": "1", **variables}
        line = [sys.executable, *map(str, arguments)]
        return subprocess.run(line, env=variables, capture_output=True, text=True, timeout=300)
