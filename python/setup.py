"""The package with the shared library inside: one for this platform, though for any Python.

The library is the one that POME_LIBRARY names, that lies in the package already, or that the checkout
has built; otherwise CMake builds it. Where none of that is possible the package goes without, and looks
for a library when it is used.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from setuptools import Distribution, setup
from setuptools.command.build_py import build_py

try:
    from setuptools.command.bdist_wheel import bdist_wheel
except ImportError:
    from wheel.bdist_wheel import bdist_wheel

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
NAME = "libpome.dylib" if sys.platform == "darwin" else "libpome.so"


def built() -> "Path | None":
    places = [HERE / "pome", ROOT / "build", ROOT / "build-test"]
    found = [Path(os.environ["POME_LIBRARY"])] if os.environ.get("POME_LIBRARY") else []
    return next((path for path in [*found, *(place / NAME for place in places)] if path.exists()), None)


def build_with_cmake(target: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        options = ["-DWITH_TESTS=OFF", "-DWITH_APPS=OFF"]
        subprocess.run(["cmake", "-S", str(ROOT), "-B", folder, *options], check=True)
        line = ["cmake", "--build", folder, "--target", "pome_shared", "--parallel"]
        subprocess.run([*line, os.environ.get("JOBS") or str(os.cpu_count() or 1)], check=True)
        shutil.copy(Path(folder) / NAME, target)


class BuildWithLibrary(build_py):
    def run(self) -> None:
        super().run()
        if self.editable_mode:  # the checkout's own library is found where it is
            return
        target = Path(self.build_lib) / "pome" / NAME
        library = built()
        try:
            if library is not None:
                if library.resolve() != target.resolve():
                    shutil.copy(library, target)
            elif (ROOT / "CMakeLists.txt").exists():
                build_with_cmake(target)
        except (OSError, subprocess.CalledProcessError) as error:
            print(f"pome: the package goes without the shared library: {error}", file=sys.stderr)


class ForThisPlatform(bdist_wheel):
    def get_tag(self) -> tuple:
        return "py3", "none", super().get_tag()[2]


class WithLibrary(Distribution):
    def has_ext_modules(self) -> bool:
        return True


setup(cmdclass={"bdist_wheel": ForThisPlatform, "build_py": BuildWithLibrary}, distclass=WithLibrary)
