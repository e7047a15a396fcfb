"""The examples, each in a fresh interpreter; skipped without coremltools."""

import support  # isort: skip  (first: it finds the package, or skips where NumPy is missing)
import importlib.util
import re


class Examples(support.Folder):
    def setUp(self):
        super().setUp()
        if importlib.util.find_spec("coremltools") is None:
            self.skipTest("coremltools is not installed")

    def output(self, *arguments):
        done = self.run_python("-W", "ignore", *arguments)
        self.assertEqual(done.returncode, 0, done.stderr[-2000:])
        return done.stdout

    def test_workflow(self):
        """What its steps name is in the checkout, which they call pome."""
        steps = (support.ROOT / "examples/verify_pytorch.yml").read_text(encoding="utf-8")
        for path in re.findall(r"pome/([\w./]+)", steps):
            if path != "build":
                self.assertTrue((support.ROOT / path).exists(), path)
        self.assertIn("\nall: ", (support.ROOT / "Makefile").read_text(encoding="utf-8"))
        self.assertIn("pome_shared", (support.ROOT / "CMakeLists.txt").read_text(encoding="utf-8"))

    def test_verify_pytorch(self):
        if importlib.util.find_spec("torch") is None:
            self.skipTest("torch is not installed")
        self.assertIn("agree to", self.output(support.ROOT / "examples/verify_pytorch.py"))

    def test_find_overflow(self):
        output = self.output(support.ROOT / "examples/find_overflow.py")
        self.assertRegex(output, r"squared\w* \(mul\) overflows")


if __name__ == "__main__":
    support.main()
