"""What is written about the package: the README's snippets and the docstrings' examples run, everything
public is described, and the type hints hold."""

import support  # isort: skip  (first: it finds the package, or skips where NumPy is missing)
import contextlib
import dataclasses
import doctest
import importlib
import importlib.util
import inspect
import io
import os
import re
import shutil
import subprocess
import sys

import numpy as np
import pome

# What the snippets call model.mlpackage.
MODEL = """program(1.3)
{
    func main<ios18>(state<tensor<fp16, [1, 3]>> total, tensor<fp16, [1, 3]> x) {
        tensor<fp16, [1, 3]> old = read_state(input = total)[name = string("old")];
        tensor<fp16, [1, 3]> new = add(x = old, y = x)[name = string("new")];
        write_state(data = new, input = total)[name = string("write")];
        tensor<fp16, [1, 3]> y = mul(x = new, y = new)[name = string("y")];
    } -> (y);
}
"""
MODULES = ("pome", "pome.model", "pome.language", "pome.text")


class Docs(support.Folder):
    def setUp(self):
        super().setUp()
        pome.Model(self.program(MODEL)).save(self.folder / "model.mlpackage")
        (self.folder / "models").mkdir()
        os.symlink(support.ROOT / "models/folio", self.folder / "models/folio")
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(self.folder)

    def picture(self):
        """The image model and the photo, which are made from the optional data folder."""
        zoo = support.SHARED / "zoo/image_to_image_ios15_fp16"
        if not zoo.exists() or importlib.util.find_spec("PIL") is None:
            return False
        from PIL import Image

        shutil.copytree(zoo / "model.mlpackage", "styler.mlpackage")
        Image.fromarray(np.load(zoo / "inputs_0.npz")["image"]).save("photo.png")
        return True

    def test_readme(self):
        text = (support.ROOT / "python/README.md").read_text(encoding="utf-8")
        snippets = re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
        self.assertEqual(len(snippets), 4)
        names = {}
        for snippet in snippets:
            if "styler" in snippet and not self.picture():
                print("SKIP: the README's images: no data folder, or no Pillow")
            elif "coremltools" in snippet and importlib.util.find_spec("coremltools") is None:
                print("SKIP: the README's coremltools: it is not installed")
            else:
                with contextlib.redirect_stdout(io.StringIO()):
                    exec(compile(snippet, "README.md", "exec"), names)

    def test_examples_in_docstrings(self):
        finder = doctest.DocTestFinder(exclude_empty=True)
        ran = 0
        for name in MODULES:
            module = importlib.import_module(name)
            for test in finder.find(module, name):
                for example in test.examples:
                    with contextlib.redirect_stdout(io.StringIO()):
                        exec(compile(example.source, test.name, "exec"), test.globs)
                    ran += 1
        self.assertGreater(ran, 8)

    def test_everything_public_is_described(self):
        bare = []
        for name in pome.__all__:
            thing = getattr(pome, name)
            bare += [] if thing.__doc__ else [name]
            fields = [f.name for f in dataclasses.fields(thing)] if dataclasses.is_dataclass(thing) else []
            for member, value in vars(thing).items() if inspect.isclass(thing) else ():
                told = inspect.isroutine(value) or isinstance(value, (property, classmethod))
                if told and not member.startswith("_") and member not in fields and not value.__doc__:
                    bare.append(f"{name}.{member}")
        self.assertEqual(bare, [])

    def test_type_hints(self):
        mypy = [sys.executable, "-m", "mypy"] if importlib.util.find_spec("mypy") else []
        if not mypy and shutil.which("mypy"):
            mypy = ["mypy", f"--python-executable={sys.executable}"]
        if not mypy:
            self.skipTest("mypy is not installed")
        python = support.ROOT / "python"
        options = [f"--config-file={python / 'pyproject.toml'}", "--cache-dir", self.folder / "cache"]
        done = subprocess.run([*mypy, *options, python / "pome"], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stdout)


if __name__ == "__main__":
    support.main()
