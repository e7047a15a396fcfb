"""coremltools' predict, make_state, CompiledMLModel, MLComputePlan and more, without Core ML.

>>> import pome.coremltools
>>> import coremltools as ct
>>> ct.models.MLModel("model.mlpackage").predict({"x": x})

coremltools looks for a native module `coremltools.libcoremlpython` and for a macOS version. Importing
this package supplies the first from pome and answers the second with 15.5, which is what enables
everything up to iOS 18. No file of coremltools is changed. `python -m pome.coremltools install` writes
one small file into coremltools' folder that does the same whenever coremltools is imported.
"""

from __future__ import annotations

import importlib.machinery
import sys
import types
from typing import Any

PROXIES = (
    "_MLModelProxy",
    "_State",
    "_MLModelAssetProxy",
    "_MLComputePlanProxy",
    "_MLCPUComputeDeviceProxy",
    "_MLGPUComputeDeviceProxy",
    "_MLNeuralEngineComputeDeviceProxy",
    "_MLModelStructureProgramOperationProxy",
    "_MLModelStructureNeuralNetworkLayerProxy",
)
__all__ = [*PROXIES]
MACOS_VERSION = "15.5"
_UTILS = "coremltools.models.utils"
_SEAM_NAME = "coremltools.libcoremlpython"


class _Sys:
    """The module sys as coremltools.models.utils is to see it."""

    platform = "darwin"

    def __getattr__(self, name: str) -> object:
        return getattr(sys, name)


class _Subprocess:
    """Answers the one question that coremltools.models.utils asks another program."""

    PIPE = -1

    @staticmethod
    def run(*_: object, **__: object) -> types.SimpleNamespace:
        return types.SimpleNamespace(stdout=MACOS_VERSION.encode() + b"\n")


def _answer(utils: Any) -> None:
    """`_is_macos` and `_macos_version` are imported by value in many places, so that what they look at
    is replaced instead of them."""
    utils._sys = _Sys()
    utils._subprocess = _Subprocess
    utils._macos_version.cache_clear()


class _Watch:
    """Waits for coremltools' utils: when it is coremltools that imports this package, it comes later."""

    @classmethod
    def find_spec(cls, name: str, path: Any = None, target: Any = None) -> Any:
        if name != _UTILS:
            return None
        sys.meta_path.remove(cls)
        spec: Any = importlib.machinery.PathFinder.find_spec(name, path)
        original = spec.loader.exec_module

        def exec_module(module: types.ModuleType) -> None:
            original(module)
            _answer(module)

        spec.loader.exec_module = exec_module
        return spec


def answer_version() -> None:
    """Makes coremltools believe in a macOS version, now or as soon as it asks for one."""
    if _UTILS in sys.modules:
        _answer(sys.modules[_UTILS])
    else:
        sys.meta_path.insert(0, _Watch)


def install() -> None:
    """Puts pome under coremltools, whether that has been imported already or not. On macOS, where
    coremltools has Core ML itself, nothing is done."""
    if sys.platform == "darwin":
        return
    from .. import _seam

    seam = types.ModuleType(_SEAM_NAME, "coremltools' native module, from pome")
    for name in PROXIES:
        setattr(seam, name, getattr(_seam, name))
    imported_before = [m for n, m in sys.modules.items() if n.split(".")[0] == "coremltools"]
    sys.modules[_SEAM_NAME] = seam
    try:
        import coremltools
    except ModuleNotFoundError as error:
        del sys.modules[_SEAM_NAME]
        raise ImportError("coremltools is not installed\nhint: pip install coremltools") from error

    coremltools.libcoremlpython = seam
    for module in imported_before:
        for name in PROXIES:
            if getattr(module, name, seam) is None:
                setattr(module, name, getattr(seam, name))
    answer_version()


def __getattr__(name: str) -> object:
    """The proxies, so that this package can stand for the native module itself."""
    if name in PROXIES:
        from .. import _seam

        return getattr(_seam, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _is_the_tool() -> bool:
    """`python -m pome.coremltools` looks for coremltools itself; here it would be loaded for nothing."""
    return sys.argv[:1] == ["-m"] and __name__ in getattr(sys, "orig_argv", ())


if not _is_the_tool():
    install()
