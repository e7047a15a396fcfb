"""Models, their functions, and predictions.

A `Model` owns the opened model, one plan for each function that was used, and for each plan the runs
that are idle. A prediction takes an idle run or makes one, so any number of threads may predict with
one model at once; C runs without the interpreter lock.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import _abi, _arrays
from ._library import Handle, PomeError, call, create, library


def _str(text: bytes | None) -> str:
    return "" if text is None else text.decode("utf-8", "replace")


# ---- what a model says about itself ----


@dataclass(frozen=True)
class Port:
    """One input, output or state of a function."""

    name: str
    description: str
    #: "tensor", "image", "int64", "double", "string", "dictionary", "sequence" or "state"
    feature: str
    #: element type as MIL names it: "fp16", "int32"; the type of the keys of a dictionary
    dtype: str
    #: the default shape, None where a size is not declared; for images (height, width)
    shape: tuple[int | None, ...] | None
    #: "fixed", "enumerated" or "range"
    flexibility: str
    #: of "enumerated"
    shapes: tuple[tuple[int, ...], ...]
    #: of "range": least and greatest size of each dimension, None for no limit
    ranges: tuple[tuple[int, int | None], ...]
    #: of images: "gray", "rgb", "bgr" or "gray_fp16"
    color: str | None
    optional: bool
    default: float | None

    @property
    def numpy_dtype(self) -> np.dtype | None:
        """The type that results of this port have."""
        return _arrays.numpy_dtype(self.dtype)


def _port(raw: _abi.Port) -> Port:
    rank = raw.rank
    flexibility = _abi.FLEXIBILITIES[raw.flexibility]
    shapes = ranges = ()
    if flexibility == "enumerated":
        shapes = tuple(tuple(raw.shapes[i][:rank]) for i in range(raw.shape_count))
    if flexibility == "range":
        limits = zip(raw.lower[:rank], raw.upper[:rank])
        ranges = tuple((low, None if high < 0 else high) for low, high in limits)
    shape = None if rank < 0 else tuple(None if n < 0 else n for n in raw.shape[:rank])
    color = _abi.COLORS[raw.color]
    return Port(
        name=_str(raw.name),
        description=_str(raw.description),
        feature=_abi.FEATURES[raw.feature],
        dtype=_abi.DTYPES[raw.dtype],
        shape=shape,
        flexibility=flexibility,
        shapes=shapes,
        ranges=ranges,
        color=None if color == "none" else color,
        optional=raw.optional,
        default=raw.default_value if raw.has_default else None,
    )


@dataclass(frozen=True)
class Device:
    """A device that the library knows, whether present or not."""

    name: str
    description: str
    available: bool
    reason: str


@dataclass(frozen=True)
class OpCount:
    """How often a function holds one type of operation."""

    type: str
    count: int
    #: why no device runs it, or None
    unsupported: str | None


@dataclass(frozen=True)
class Operation:
    """One operation of a function's body; one that holds blocks stands for what happens in them."""

    type: str
    name: str
    #: makes a constant
    constant: bool
    #: names of the values it takes; "" for a constant written in place
    inputs: tuple[str, ...]
    #: names of the tensors it gives
    outputs: tuple[str, ...]


@dataclass(frozen=True)
class Weight:
    """One constant of a function's program, as it is stored."""

    name: str
    encoding: str
    dtype: str
    shape: tuple[int, ...]
    bytes: int


@dataclass(frozen=True)
class PlanDevice:
    """One link of the chain of devices, and how many operations it got."""

    name: str
    operations: int
    reason: str


def version() -> str:
    """The version of the shared library."""
    return _str(library().pome_version())


def devices() -> list[Device]:
    """Every device that the library knows."""
    lib = library()
    raw = [lib.pome_device_get(i) for i in range(lib.pome_device_count())]
    return [Device(_str(d.name), _str(d.description), d.available, _str(d.reason)) for d in raw]


class Function:
    """One entry point of a model: its ports and what it is made of."""

    def __init__(self, model: Model, address: int) -> None:
        self._model = model
        self._address = address
        lib = library()
        self.name: str = _str(lib.pome_function_name(address))
        self.opset: str = _str(lib.pome_function_opset(address))
        self.type: str = _str(lib.pome_function_type(address))
        predicted = lib.pome_function_predicted_feature(address)
        self.predicted_feature: str | None = None if predicted is None else _str(predicted)
        self.inputs: dict[str, Port] = self._ports("input")
        self.outputs: dict[str, Port] = self._ports("output")
        self.states: dict[str, Port] = self._ports("state")

    def __repr__(self) -> str:
        return f"<pome.Function {self.name}: {', '.join(self.inputs)} -> {', '.join(self.outputs)}>"

    def _ports(self, kind: str) -> dict[str, Port]:
        lib, number = library(), _abi.PORT_KIND[kind]
        count = lib.pome_function_port_count(self._address, number)
        ports = (_port(lib.pome_function_port(self._address, number, i).contents) for i in range(count))
        return {port.name: port for port in ports}

    @property
    def operations(self) -> list[OpCount]:
        """The types of operations of the function, nested blocks included."""
        lib, handle = library(), self._model._open()
        count = lib.pome_function_op_type_count(self._address)
        raw = [lib.pome_function_op_type(self._address, i) for i in range(count)]
        del handle
        return [OpCount(_str(r.type), r.count, r.unsupported and _str(r.unsupported)) for r in raw]

    @property
    def body(self) -> list[Operation]:
        """The operations of a program's function, in the order in which they run."""
        lib, handle = library(), self._model._open()
        found = []
        for i in range(lib.pome_function_operation_count(self._address)):
            raw = lib.pome_function_operation(self._address, i).contents
            inputs = tuple(_str(value.name) for value in raw.inputs[: raw.input_count])
            outputs = raw.outputs[: raw.output_count]
            given = tuple(_str(value.name) for value in outputs if value.tensor)
            found.append(Operation(_str(raw.type), _str(raw.name), raw.constant, inputs, given))
        del handle
        return found

    @property
    def weights(self) -> list[Weight]:
        """The constants of the function's program."""
        lib, handle = library(), self._model._open()
        raw = [
            lib.pome_function_weight(self._address, i)
            for i in range(lib.pome_function_weight_count(self._address))
        ]
        del handle
        return [
            Weight(
                _str(r.name),
                _str(r.encoding),
                _abi.DTYPES[r.dtype],
                tuple(r.tensor.shape[: r.tensor.rank]),
                r.bytes,
            )
            for r in raw
        ]

    @property
    def plan_devices(self) -> list[PlanDevice]:
        """The chain of devices of the function's plan, which is made when there is none yet."""
        lib, plan = library(), self._model._plan(self.name)
        raw = [
            lib.pome_plan_device_get(plan.address, i)
            for i in range(lib.pome_plan_device_count(plan.address))
        ]
        return [PlanDevice(_str(r.name), r.operations, _str(r.reason)) for r in raw]


# ---- states ----


class State:
    """What a stateful model remembers between predictions; zeros at first. One timeline: two
    predictions using one state at once is an error."""

    def __init__(self, handle: Handle) -> None:
        self._handle = handle

    @property
    def names(self) -> list[str]:
        lib, address = library(), self._handle.address
        return [_str(lib.pome_state_name(address, i)) for i in range(lib.pome_state_count(address))]

    @property
    def bytes(self) -> int:
        return library().pome_state_bytes(self._handle.address)

    def read(self, name: str) -> np.ndarray:
        """A copy of the stored tensor."""
        tensor = _abi.Tensor()
        call("pome_state_read", self._handle.address, name.encode(), ctypes.byref(tensor))
        return _arrays.copied(tensor)

    def write(self, name: str, value: Any) -> None:
        """Stores a tensor of the same shape, converted to the stored type."""
        lent = _arrays.lend(value, name)
        call("pome_state_write", self._handle.address, name.encode(), ctypes.byref(lent.tensor))

    def reset(self) -> None:
        """Back to zeros."""
        library().pome_state_reset(self._handle.address)

    def clone(self) -> State:
        """Another timeline that starts from here."""
        address = create("pome_state_clone", self._handle.address)
        return State(Handle(address, library().pome_state_free, self._handle))


# ---- predicting ----


class _Lease:
    """A run taken from the idle ones; it goes back when nothing refers to the lease any more."""

    def __init__(self, idle: list[Handle], run: Handle) -> None:
        self._idle = idle
        self.run = run

    def __del__(self) -> None:
        self._idle.append(self.run)


def _lone(plan: Handle) -> _Lease:
    """A run that goes when its lease does."""
    address = create("pome_run_create", plan.address, None)
    return _Lease([], Handle(address, library().pome_run_free, plan))


class Model:
    """An opened model. Any number of threads may use it at once.

    >>> model = pome.Model("model.mlpackage")
    >>> model.predict({"x": numpy.zeros((1, 3), "float32")})["y"]

    `path` is an .mlpackage or .mlmodelc folder, an .mlmodel file or a program text. `device` is a
    chain such as "cpu" or "ref" (the best available by default), `numerics` is "fast", "strict" or
    "wide", `threads` the number for one prediction (0: one for each core), `isa` at most "scalar",
    "avx2" or "avx512". With `copy` files are read instead of mapped, so that they may change.
    """

    def __init__(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        spec: bytes | None = None,
        weights: bytes | None = None,
        device: str | None = None,
        numerics: str | None = None,
        threads: int = 0,
        isa: str | None = None,
        copy: bool = False,
    ) -> None:
        lib = library()
        if numerics is not None and numerics not in _abi.NUMERICS:
            known = ", ".join(_abi.NUMERICS)
            raise PomeError("USAGE", f"unknown numerics {numerics!r}; allowed are {known}")
        options = _abi.options(lib, "model")
        options.copy = copy
        if (path is None) == (spec is None):
            raise PomeError("USAGE", "a model is opened from a path or from a spec")
        if path is not None:
            address = create("pome_model_open", os.fsencode(path), ctypes.byref(options))
        else:
            parts = (spec, len(spec), weights, len(weights or b""))
            address = create("pome_model_open_memory", *parts, ctypes.byref(options))
        self.path = None if path is None else os.fspath(path)
        self._settings = (device, numerics, threads, isa)
        self._handle: Handle | None = Handle(address, lib.pome_model_close)
        self._handle.keep = (spec, weights)  # the model points into them
        self._plans: dict[str, Handle] = {}
        self._idle: dict[str, list[Handle]] = {}
        self._active: dict[int, Handle] = {}
        self._functions: dict[str, Function] | None = None

    @classmethod
    def from_memory(cls, spec: bytes, weights: bytes | None = None, **options: Any) -> Model:
        """Opens a Model protobuf and the bytes of its weight.bin."""
        return cls(spec=bytes(spec), weights=weights and bytes(weights), **options)

    def __repr__(self) -> str:
        return f"<pome.Model {self.path or 'in memory'}>"

    def __enter__(self) -> Model:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Frees the model as soon as no prediction, state or borrowed result needs it."""
        self._idle.clear()
        self._plans.clear()
        handle, self._handle = self._handle, None
        if handle is not None:
            handle.close()

    def _open(self) -> Handle:
        if self._handle is None:
            raise PomeError("USAGE", "the model is closed")
        return self._handle

    # ---- about the model ----

    @property
    def type(self) -> str:
        """ "mlProgram" and the like."""
        return _str(library().pome_model_type(self._open().address))

    @property
    def container(self) -> str:
        """ "mlpackage", "mlmodelc", "mlmodel" or "mil"."""
        return _str(library().pome_model_container(self._open().address))

    @property
    def specification_version(self) -> int:
        return library().pome_model_specification_version(self._open().address)

    @property
    def metadata(self) -> dict[str, str]:
        """author, license, versionString, shortDescription, and what the author added."""
        lib, model = library(), self._open().address
        pairs = {}
        for i in range(lib.pome_model_metadata_count(model)):
            key, value = ctypes.c_char_p(), ctypes.c_char_p()
            lib.pome_model_metadata(model, i, ctypes.byref(key), ctypes.byref(value))
            pairs[_str(key.value)] = _str(value.value)
        return pairs

    @property
    def functions(self) -> dict[str, Function]:
        """The functions by name."""
        if self._functions is None:
            lib, model = library(), self._open().address
            count = lib.pome_model_function_count(model)
            made = (Function(self, lib.pome_model_function(model, i)) for i in range(count))
            self._functions = {function.name: function for function in made}
        return self._functions

    def function(self, name: str | None = None) -> Function:
        """The function of that name; the default one without a name."""
        if name is None:
            address = library().pome_model_find_function(self._open().address, None)
            name = _str(library().pome_function_name(address)) if address else ""
        if name not in self.functions:
            known = ", ".join(self.functions)
            raise PomeError("INPUT", f'the model has no function "{name}"; its functions are: {known}')
        return self.functions[name]

    @property
    def inputs(self) -> dict[str, Port]:
        """Of the default function."""
        return self.function().inputs

    @property
    def outputs(self) -> dict[str, Port]:
        """Of the default function."""
        return self.function().outputs

    @property
    def states(self) -> dict[str, Port]:
        """Of the default function."""
        return self.function().states

    def mil(self) -> str:
        """The program as MIL text."""
        pieces: list[bytes] = []

        def write(_: object, text: Any, size: int) -> int:
            pieces.append(ctypes.string_at(text, size))
            return 0

        call("pome_model_print", self._open().address, _abi.PRINT(write), None)
        return b"".join(pieces).decode("utf-8", "replace")

    def save(self, path: str | os.PathLike[str], *, replace: bool = False) -> None:
        """Writes the model as an .mlpackage."""
        options = _abi.options(library(), "save")
        options.replace = replace
        call("pome_model_save", self._open().address, os.fsencode(path), ctypes.byref(options))

    # ---- plans, runs, states ----

    def _plan(self, name: str) -> Handle:
        """The plan of a function. Two threads may both make one; the first to be entered is used."""
        plan = self._plans.get(name)
        if plan is not None:
            return plan
        return self._plans.setdefault(name, self._compile(name))

    def _compile(self, name: str, keep: Iterable[str] = (), as_written: bool = False) -> Handle:
        owner, lib = self._open(), library()
        device, numerics, threads, isa = self._settings
        options = _abi.options(lib, "plan")
        if device is not None:
            options.devices = device.encode()
        if numerics is not None:
            options.numerics = _abi.NUMERICS.index(numerics)
        options.threads = threads
        if isa is not None:
            options.isa = isa.encode()
        names = [name.encode() for name in keep]
        options.keep = (ctypes.c_char_p * len(names))(*names)
        options.keep_count = len(names)
        options.as_written = as_written
        function = self.function(name)
        address = create("pome_plan_create", function._address, ctypes.byref(options))
        return Handle(address, lib.pome_plan_free, owner)

    def _lease(self, name: str) -> _Lease:
        idle = self._idle.setdefault(name, [])
        try:
            return _Lease(idle, idle.pop())
        except IndexError:
            plan = self._plan(name)
            address = create("pome_run_create", plan.address, None)
            return _Lease(idle, Handle(address, library().pome_run_free, plan))

    def compile(self, function: str | None = None) -> Function:
        """Makes the plan of a function now instead of at its first prediction."""
        found = self.function(function)
        self._plan(found.name)
        return found

    def make_state(self, functions: Iterable[str] | str | None = None) -> State:
        """A zeroed state for a function, or one that several functions share."""
        if functions is None or isinstance(functions, str):
            functions = [self.function(functions).name]
        addresses = [self.function(name)._address for name in functions]
        array = (ctypes.c_void_p * len(addresses))(*addresses)
        address = create("pome_state_create", array, len(addresses), None)
        return State(Handle(address, library().pome_state_free, self._open()))

    def predict(
        self,
        inputs: Mapping[str, Any],
        state: State | None = None,
        function: str | None = None,
        *,
        copy: bool = True,
    ) -> dict[str, Any]:
        """Runs a function on `inputs` and returns its outputs by name.

        Tensors are arrays or what NumPy makes one of; they are not copied when their type is the
        port's. Images are PIL images or uint8 arrays [height, width, 3] in RGB order, [height,
        width] for gray; strings, numbers and dictionaries are Python's own.

        With `copy=False` the arrays of the result are read-only views of the library's memory. They
        stay valid, but while they live, another prediction needs memory of its own.
        """
        found = self.function(function)
        # An idle run remembers what was bound before; an input left out must take its default.
        complete = len(inputs) == len(found.inputs)
        lease = self._lease(found.name) if complete else _lone(self._plan(found.name))
        self._predict(lease.run, found, inputs, state)
        return {name: _result(lease, port, copy) for name, port in found.outputs.items()}

    def trace(
        self,
        inputs: Mapping[str, Any],
        names: Iterable[str] | None = None,
        state: State | None = None,
        function: str | None = None,
    ) -> dict[str, np.ndarray]:
        """The values inside a prediction by name: those asked for, or every tensor that an operation
        of the body computes. The program runs as it is written, with nothing folded or joined."""
        found = self.function(function)
        if names is None:
            names = [name for op in found.body if not op.constant for name in op.outputs]
        names = list(names)
        lease = _lone(self._compile(found.name, names, as_written=True))
        self._predict(lease.run, found, inputs, state)
        return {name: _tensor_result(lease, name, copy=True) for name in names}

    def _predict(
        self, run: Handle, function: Function, inputs: Mapping[str, Any], state: State | None
    ) -> None:
        unknown = [name for name in inputs if name not in function.inputs]
        if unknown:
            known = ", ".join(function.inputs)
            raise PomeError("INPUT", f'no input is named "{unknown[0]}"; the inputs are: {known}')
        if state is not None and not isinstance(state, State):
            raise PomeError("USAGE", f"state is a {type(state).__name__}; make_state() makes one")
        for name, port in function.inputs.items():
            if name not in inputs and not port.optional:
                raise PomeError("INPUT", f'input "{name}" is missing')
        kept = [_bind(run.address, function.inputs[name], value) for name, value in inputs.items()]
        self._run(run, state)
        del kept

    def _run(self, run: Handle, state: State | None) -> None:
        key = id(run)
        self._active[key] = run
        try:
            call("pome_run_predict", run.address, state and state._handle.address)
        finally:
            self._active.pop(key, None)

    def predict_batch(
        self, batch: Iterable[Mapping[str, Any]], function: str | None = None
    ) -> list[dict[str, Any]]:
        """One prediction after another, each on its own inputs."""
        return [self.predict(inputs, None, function) for inputs in batch]

    def cancel(self) -> None:
        """Stops the predictions going on, from any thread: they raise PomeError "CANCELLED"."""
        for run in list(self._active.values()):
            library().pome_run_cancel(run.address)


def _bind(run: int, port: Port, value: Any) -> object:
    """Sets one input; returns what must live until the prediction is over."""
    name = port.name.encode()
    if port.feature == "image" and _is_image(value):
        image = _arrays.image_value(value, port.name, port.color or "rgb")
        call("pome_run_set_value", run, name, image.address)
        return image
    if port.feature == "dictionary" and isinstance(value, Mapping):
        made = _arrays.dictionary_value(value, port.name)
    elif port.feature in ("int64", "double", "string", "sequence"):
        made = _arrays.plain_value(value, port.name, port.feature)
    else:
        lent = _arrays.lend(value, port.name)
        call("pome_run_set_tensor", run, name, ctypes.byref(lent.tensor))
        return lent
    call("pome_run_set_value", run, name, made.address)
    return made


def _is_image(value: Any) -> bool:
    """A picture, and not the tensor that the program takes for it."""
    if _arrays.is_pil(value):
        return True
    shape = np.shape(value)
    return len(shape) == 2 or (len(shape) == 3 and shape[2] in (3, 4))


def _result(lease: _Lease, port: Port, copy: bool) -> Any:
    run, name = lease.run.address, port.name.encode()
    if port.feature not in ("tensor", "unknown"):
        return _arrays.from_value(create("pome_run_get_value", run, name))
    return _tensor_result(lease, port.name, copy)


def _tensor_result(lease: _Lease, name: str, copy: bool) -> np.ndarray:
    tensor = _abi.Tensor()
    call("pome_run_get_tensor", lease.run.address, name.encode(), ctypes.byref(tensor))
    return _arrays.copied(tensor) if copy else _arrays.view(tensor, lease)
