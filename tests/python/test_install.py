"""`pip install ./python` into a fresh environment, where the package must bring its library along.

Nothing is downloaded when this interpreter has what building needs; otherwise pip may, and where it
cannot either the test is skipped.
"""

import support  # isort: skip  (first: it finds the package, or skips where NumPy is missing)
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
from pome import _library

USE = """
import sys
import numpy as np, pome
ones = np.ones((2, 3), np.float32)
result = pome.Model(sys.argv[1]).predict({"x": ones, "y": ones})["sum"]
assert result.tolist() == [[2] * 3] * 2
assert pome.LanguageModel(sys.argv[2]).generate("A", tokens=1).read() != ""
print(pome._library.library()._name)
"""
NEW_ENOUGH = "import setuptools; assert int(setuptools.__version__.split('.')[0]) >= 64\n"
CAN_BUILD = NEW_ENOUGH + "from setuptools.command.bdist_wheel import bdist_wheel"
CAN_BUILD_ELSE = NEW_ENOUGH + "from wheel.bdist_wheel import bdist_wheel"


class Install(support.Folder):
    def in_environment(self, *arguments, **more):
        """Away from the checkout, and with nothing that points to it."""
        names = ("POME_LIBRARY", "PYTHONPATH", "PYTHONHOME")
        variables = {k: v for k, v in os.environ.items() if k not in names}
        line = [self.python, *map(str, arguments)]
        variables.update(more)
        return subprocess.run(line, cwd=self.folder, env=variables, capture_output=True, text=True, timeout=500)

    def make_environment(self):
        made = subprocess.run([sys.executable, "-m", "venv", self.folder / "venv"], capture_output=True)
        self.python = str(self.folder / "venv/bin/python")
        if made.returncode != 0 or self.in_environment("-m", "pip", "--version").returncode != 0:
            self.skipTest("no environment with pip can be made here")
        (self.site,) = (self.folder / "venv/lib").glob("python*/site-packages")
        # This interpreter's NumPy and what builds packages, so that nothing need be downloaded.
        places = {Path(np.__file__).resolve().parents[1]}
        for name in ("setuptools", "wheel"):
            spec = importlib.util.find_spec(name)
            if spec is not None and spec.origin is not None:
                places.add(Path(spec.origin).resolve().parents[1])
        (self.site / "borrowed.pth").write_text("\n".join(map(str, sorted(places))))

    def install(self):
        copy = self.folder / "python"
        leave = shutil.ignore_patterns("__pycache__", "build", "*.egg-info", ".ruff_cache")
        shutil.copytree(support.ROOT / "python", copy, ignore=leave)
        library = _library.library()._name
        self.assertTrue(os.path.isfile(library), library)
        line = ["-m", "pip", "install", "--no-deps", "--disable-pip-version-check"]
        tries = [self.in_environment("-c", code).returncode for code in (CAN_BUILD, CAN_BUILD_ELSE)]
        if 0 in tries:
            line += ["--no-index", "--no-build-isolation"]
        done = self.in_environment(*line, copy, POME_LIBRARY=os.path.abspath(library))
        if 0 not in tries and done.returncode != 0:
            self.skipTest("nothing here builds packages, and pip cannot fetch it")
        self.assertEqual(done.returncode, 0, done.stderr[-2000:])

    def test_pip(self):
        self.make_environment()
        self.install()
        done = self.in_environment("-c", USE, self.program(support.ADD), support.ROOT / "models/folio")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(Path(done.stdout.strip()).parent, self.site / "pome")
        self.seam_is_put_in_and_taken_out()
        done = self.in_environment("-m", "pip", "uninstall", "--yes", "pome")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertFalse((self.site / "pome").exists())

    def seam_is_put_in_and_taken_out(self):
        tool = ("-m", "pome.coremltools")
        (self.site / "coremltools").mkdir()
        (self.site / "coremltools/__init__.py").write_text("")
        file = self.site / "coremltools/libcoremlpython.py"
        self.assertTrue(self.in_environment(*tool, "status").stdout.startswith("not installed"))
        for _ in range(2):
            self.assertEqual(self.in_environment(*tool, "install").returncode, 0)
            self.assertTrue(file.read_text().startswith('"""coremltools'))
        self.assertTrue(self.in_environment(*tool, "status").stdout.startswith("installed"))
        for _ in range(2):
            self.assertEqual(self.in_environment(*tool, "uninstall").returncode, 0)
            self.assertFalse(file.exists())
        file.write_text("another's")
        for verb in ("install", "uninstall"):
            done = self.in_environment(*tool, verb)
            self.assertEqual((done.returncode, file.read_text()), (3, "another's"))
        self.assertEqual(self.in_environment(*tool, "frobnicate").returncode, 2)
        self.assertIn("usage: ", self.in_environment(*tool).stderr)
        shutil.rmtree(self.site / "coremltools")
        if importlib.util.find_spec("coremltools") is None:
            for line in ((*tool, "status"), ("-c", "import pome.coremltools")):
                done = self.in_environment(*line)
                self.assertEqual(done.returncode, 1)
                self.assertIn("coremltools is not installed\nhint: pip install", done.stderr)


if __name__ == "__main__":
    support.main()
