"""The nine classes that coremltools expects of its native module, on top of pome.

A prediction takes what Core ML's own binding takes (int, float, str, dict, NumPy arrays of int8, int32,
float32 and float64, PIL images) and returns what it returns: half floats come back as float32, a
scalar as an array of shape (1,), an image as PIL's. Whatever pome refuses is a RuntimeError here.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
import time
import weakref
from typing import Any

import numpy as np

import pome

from .. import _arrays
from .._arrays import Array

_ARRAYS = ("int8", "int32", "float32", "float64")
_NEWEST_SPECIFICATION = 10
# How errors begin, of programs and of everything else.
_FAILED = ("Unable to compute the prediction using ML Program. ", "Error computing NN outputs. ")
#: pome's device chain and numerics for all models that coremltools loads; None: the default
SETTINGS = {
    "device": os.environ.get("POME_DEVICE") or None,
    "numerics": os.environ.get("POME_NUMERICS") or None,
}


def _device_class(name: str) -> Any:
    from coremltools.models import compute_device

    return getattr(compute_device, name)


class _MLCPUComputeDeviceProxy:
    """The processor."""


class _MLGPUComputeDeviceProxy:
    """A graphics processor."""


class _MLNeuralEngineComputeDeviceProxy:
    """Apple's Neural Engine: present in the interface only."""

    def get_total_core_count(self) -> int:
        return 0


def _compute_devices() -> list[Any]:
    made = [_device_class("MLCPUComputeDevice")(_MLCPUComputeDeviceProxy())]
    if any(d.name in ("cuda", "metal") and d.available for d in pome.devices()):
        made.append(_device_class("MLGPUComputeDevice")(_MLGPUComputeDeviceProxy()))
    return made


# ---- values ----


def _to_port(value: Any, port: pome.Port) -> Any:
    """An input as pome takes it: numbers in the type of the port, as Core ML converts them."""
    if port.feature not in ("tensor", "unknown") or _arrays.is_pil(value):
        return value
    if isinstance(value, (bool, int, float)):
        value = np.array([value], dtype=np.float64 if isinstance(value, float) else np.int32)
    array = np.asarray(value)
    if array.dtype.kind in "USO":
        return array
    if array.dtype.name not in _ARRAYS:
        raise RuntimeError(f"Unsupported array type {array.dtype} for input {port.name}")
    wanted = port.numpy_dtype
    if wanted is None or wanted == array.dtype or wanted.kind == "O":
        return array
    with np.errstate(invalid="ignore", over="ignore"):
        return array.astype(wanted)


def _from_port(value: Any, port: pome.Port) -> Any:
    """A result as Core ML's binding gives it."""
    if port.feature == "image":
        return _pil(value)
    if not isinstance(value, np.ndarray):
        return value
    if value.dtype == np.float16:
        value = value.astype(np.float32)
    elif value.dtype.kind in "biu" and value.dtype != np.int8:
        value = value.astype(np.int32)
    return value.reshape(1) if value.ndim == 0 else value


def _pil(pixels: Array) -> Any:
    if pixels.ndim == 3:
        opaque = np.full((*pixels.shape[:2], 1), 255, np.uint8)
        pixels = np.concatenate([pixels, opaque], axis=2)
    return _arrays.picture(pixels)


# ---- states, assets ----


class _State:
    """MLState of Core ML: the values of one timeline."""

    def __init__(self, state: pome.State) -> None:
        self.state = state

    def read_state(self, name: str) -> Array:
        value = self.state.read(name)
        return value.astype(np.float32) if value.dtype == np.float16 else value

    def write_state(self, name: str, value: Array) -> None:
        self.state.write(name, value)


class _MLModelAssetProxy:
    """A model that is not opened yet: a path, or bytes."""

    def __init__(self, path: str | None = None, spec: bytes | None = None, weights: bytes = b""):
        self.path = path
        self.spec = spec
        self.weights = weights

    def open(self, **options: Any) -> pome.Model:
        if self.path is not None:
            return pome.Model(self.path, **options)
        return pome.Model.from_memory(self.spec or b"", self.weights or None, **options)


def _one_blob(blobs: dict[str, bytes]) -> bytes:
    filled = {name: data for name, data in blobs.items() if len(data) > 0}
    if len(filled) > 1:
        names = ", ".join(sorted(filled))
        raise RuntimeError(f"a model in memory has one weight file; {len(filled)} are given: {names}")
    return next(iter(filled.values()), b"")


# ---- compiling ----


def _compile(model: pome.Model, parent: str, name: str) -> str:
    """A folder NAME.mlmodelc: the whole package, which pome opens as such, and the program as text."""
    folder = os.path.join(parent, name + ".mlmodelc")
    if model.path is not None and os.path.isfile(model.path):
        os.mkdir(folder)  # one file: a package of models without weight files
        shutil.copy(model.path, os.path.join(folder, "model.mlmodel"))
    elif model.path is not None and not model.type.startswith(("mlProgram", "pipeline")):
        shutil.copytree(model.path, folder)
    else:
        model.save(folder)
    try:
        with open(os.path.join(folder, "model.mil"), "w", encoding="utf-8") as out:
            out.write(model.mil())
    except pome.PomeError:
        os.remove(os.path.join(folder, "model.mil"))  # no program
    return folder


def _model_path(path: str) -> str:
    """What to open of a path: of a folder made by _compile from one file, that file."""
    inside = os.path.join(path, "model.mlmodel")
    return inside if os.path.isfile(inside) else path


def _stem(path: str) -> str:
    return os.path.splitext(os.path.basename(os.path.normpath(path)))[0] or "model"


def _load_spec(path: str) -> Any:
    """The specification of anything that pome opens."""
    from coremltools.models.utils import load_spec

    path = _model_path(path)
    inside = os.path.join(path, "Data", "com.apple.CoreML", "model.mlmodel")
    if os.path.isfile(inside):
        return load_spec(inside)
    if os.path.isfile(path) and not path.endswith(".mil"):
        return load_spec(path)
    with tempfile.TemporaryDirectory() as folder:
        package = os.path.join(folder, "model.mlpackage")
        pome.Model(path).save(package)
        return load_spec(package)


# ---- structure and plan ----


class _MLModelStructureProgramOperationProxy:
    """What an operation of a structure points back to: its specification."""

    def __init__(self, spec: Any = None) -> None:
        self.spec = spec


class _MLModelStructureNeuralNetworkLayerProxy(_MLModelStructureProgramOperationProxy):
    """The same for a layer of a neural network."""


class _MLComputePlanProxy:
    """Where each operation would run, and its share of the work."""

    def __init__(self, path: str | None = None) -> None:
        from . import structure

        if path is None:
            return
        spec = _load_spec(path)
        self._structure = structure.structure(spec)
        self._costs: dict[int, float] = {}
        if spec.WhichOneof("Type") == "mlProgram":
            self._costs = structure.costs(spec.mlProgram)
        self._spec = spec
        self._devices = _compute_devices()

    @property
    def model_structure(self) -> Any:
        return self._structure

    def _usage(self) -> Any:
        from coremltools.models.compute_plan import MLComputePlanDeviceUsage

        return MLComputePlanDeviceUsage(
            preferred_compute_device=self._devices[0], supported_compute_devices=self._devices
        )

    def get_compute_device_usage_for_mlprogram_operation(self, operation: Any) -> Any:
        return None if operation.operator_name == "const" else self._usage()

    def get_compute_device_usage_for_neuralnetwork_layer(self, layer: Any) -> Any:
        return self._usage()

    def get_estimated_cost_for_mlprogram_operation(self, operation: Any) -> Any:
        from coremltools.models.compute_plan import MLComputePlanCost

        proxy = getattr(operation, "__proxy__", None)
        share = self._costs.get(id(getattr(proxy, "spec", None)))
        return None if share is None else MLComputePlanCost(weight=share)


# ---- the model ----


class _MLModelProxy:
    """One loaded model and function."""

    def __init__(
        self,
        path: str,
        compute_units: str,
        function_name: str,
        optimization_hints: dict[str, str],
        asset: _MLModelAssetProxy | None = None,
    ) -> None:
        start = time.perf_counter_ns()
        if asset is not None and not isinstance(asset, _MLModelAssetProxy):
            asset = getattr(asset, "__proxy__", asset)
        source = asset if asset is not None else _MLModelAssetProxy(_model_path(path))
        self._model = source.open(**SETTINGS)
        self._function = self._model.compile(function_name or None)
        self._stem = _stem(path) if path else "model"
        self._compiled: str | None = path if path.rstrip("/").endswith(".mlmodelc") else None
        self._lock = threading.Lock()
        if os.path.isfile(path) and self._model.type != "mlProgram":
            self.get_compiled_model_path()  # now: coremltools removes the file when the model is made
        self._load_time = time.perf_counter_ns() - start
        self._predict_time: int | None = None

    def _predict(self, inputs: dict[str, Any], state: _State | None) -> dict[str, Any]:
        function = self._function
        given = {}
        for name, value in inputs.items():
            port = function.inputs.get(name)
            given[name] = value if port is None else _to_port(value, port)
        try:
            results = self._model.predict(given, state.state if state else None, function.name)
        except pome.PomeError as error:
            failed = _FAILED[not self._function.type.startswith("mlProgram")]
            raise RuntimeError(failed + str(error)) from error
        return {name: _from_port(results[name], port) for name, port in function.outputs.items()}

    def predict(self, inputs: dict[str, Any], state: _State | None = None) -> dict[str, Any]:
        start = time.perf_counter_ns()
        results = self._predict(inputs, state)
        self._predict_time = time.perf_counter_ns() - start
        return results

    def batchPredict(self, batch: list[dict[str, Any]]) -> list[dict[str, Any]]:
        start = time.perf_counter_ns()
        results = [self._predict(inputs, None) for inputs in batch]
        self._predict_time = time.perf_counter_ns() - start
        return results

    def newState(self) -> _State:
        return _State(self._model.make_state(self._function.name))

    def get_compiled_model_path(self) -> str:
        with self._lock:
            if self._compiled is None:
                parent = tempfile.mkdtemp(prefix="pome-")
                weakref.finalize(self, shutil.rmtree, parent, True)
                self._compiled = _compile(self._model, parent, self._stem)
            return self._compiled

    def get_load_duration_in_nano_seconds(self) -> int:
        return self._load_time

    def get_last_predict_duration_in_nano_seconds(self) -> int | None:
        return self._predict_time

    # ---- without a model ----

    @staticmethod
    def maximum_supported_specification_version() -> int:
        return _NEWEST_SPECIFICATION

    @staticmethod
    def auto_set_specification_version(spec: Any) -> Any:
        """The specification with the lowest version that its program's opsets allow; bytes give
        bytes. Other models keep their version."""
        from coremltools.proto import Model_pb2

        parsed = Model_pb2.Model()
        if isinstance(spec, bytes):
            parsed.ParseFromString(spec)
        else:
            parsed.CopyFrom(spec)
        if parsed.WhichOneof("Type") == "mlProgram":
            opsets = [f.opset for f in parsed.mlProgram.functions.values()]
            parsed.specificationVersion = max(int(o.removeprefix("CoreML")) for o in opsets) + 1
        return parsed.SerializeToString() if isinstance(spec, bytes) else parsed

    @staticmethod
    def compileModel(path: str) -> str:
        return _compile(pome.Model(path), tempfile.mkdtemp(prefix="pome-"), _stem(path))

    @staticmethod
    def create_model_asset_from_path(path: str) -> Any:
        from coremltools.models.model import MLModelAsset

        return MLModelAsset(_MLModelAssetProxy(_model_path(path)))

    @staticmethod
    def create_model_asset_from_memory(spec: bytes, blobs: dict[str, bytes]) -> Any:
        from coremltools.models.model import MLModelAsset

        return MLModelAsset(_MLModelAssetProxy(None, bytes(spec), _one_blob(blobs)))

    @staticmethod
    def get_model_structure(path: str) -> Any:
        from . import structure

        return structure.structure(_load_spec(path))

    @staticmethod
    def get_available_compute_devices() -> list[Any]:
        return _compute_devices()

    @staticmethod
    def get_all_compute_devices() -> list[Any]:
        return _compute_devices()

    @staticmethod
    def get_compute_plan(path: str, compute_units: str) -> Any:
        from coremltools.models.compute_plan import MLComputePlan

        return MLComputePlan(_MLComputePlanProxy(path))
