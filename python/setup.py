"""A wheel that carries the shared library is for one platform, though for any Python."""

from pathlib import Path

from setuptools import setup

try:
    from setuptools.command.bdist_wheel import bdist_wheel
except ImportError:
    from wheel.bdist_wheel import bdist_wheel

BUNDLED = any(Path(__file__).parent.glob("pome/libpome.*"))


class Wheel(bdist_wheel):
    def finalize_options(self) -> None:
        super().finalize_options()
        self.root_is_pure = not BUNDLED

    def get_tag(self) -> tuple:
        platform = super().get_tag()[2]
        return "py3", "none", platform


setup(cmdclass={"bdist_wheel": Wheel})
