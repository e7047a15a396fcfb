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
from functools import partial
from typing import Any

import numpy as np

from . import _abi, _arrays
from ._arrays import Array
from ._interrupt import cancelling
from ._library import Handle, PomeError, Unpicklable, call, create, library, text
from ._settings import plan_settings


def _str(data: bytes | None) -> str:
    return "" if data is None else data.decode("utf-8", "replace")


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
    def numpy_dtype(self) -> np.dtype[Any] | None:
        """The type that results of this port have."""
        return _arrays.numpy_dtype(self.dtype)


def _port(raw: _abi.Port) -> Port:
    rank = raw.rank
    flexibility = _abi.FLEXIBILITIES[raw.flexibility]
    shapes: tuple[tuple[int, ...], ...] = ()
    ranges: tuple[tuple[int, int | None], ...] = ()
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


def _operation(raw: _abi.Operation) -> Operation:
    inputs = tuple(_str(value.name) for value in raw.inputs[: raw.input_count])
    given = tuple(_str(value.name) for value in raw.outputs[: raw.output_count] if value.tensor)
    return Operation(_str(raw.type), _str(raw.name), raw.constant, inputs, given)


def _weight(raw: _abi.Weight) -> Weight:
    shape = tuple(raw.tensor.shape[: raw.tensor.rank])
    return Weight(_str(raw.name), _str(raw.encoding), _abi.DTYPES[raw.dtype], shape, raw.bytes)


def version() -> str:
    """The version of the shared library."""
    return _str(library().pome_version())


def devices() -> list[Device]:
    """Every device that the library knows."""
    lib = library()
    raw = [lib.pome_device_get(i) for i in range(lib.pome_device_count())]
    return [Device(_str(d.name), _str(d.description), d.available, _str(d.reason)) for d in raw]


class Function(Unpicklable):
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
        lib = library()
        with self._model._open():
            count = lib.pome_function_op_type_count(self._address)
            raw = [lib.pome_function_op_type(self._address, i) for i in range(count)]
            return [OpCount(_str(r.type), r.count, r.unsupported and _str(r.unsupported)) for r in raw]

    @property
    def body(self) -> list[Operation]:
        """The operations of a program's function, in the order in which they run."""
        lib = library()
        with self._model._open():
            count = lib.pome_function_operation_count(self._address)
            found = (lib.pome_function_operation(self._address, i).contents for i in range(count))
            return [_operation(raw) for raw in found]

    @property
    def weights(self) -> list[Weight]:
        """The constants of the function's program."""
        lib = library()
        with self._model._open():
            count = lib.pome_function_weight_count(self._address)
            found = (lib.pome_function_weight(self._address, i) for i in range(count))
            return [_weight(raw) for raw in found]

    @property
    def plan_devices(self) -> list[PlanDevice]:
        """The chain of devices of the function's plan, which is made when there is none yet."""
        lib = library()
        with self._model._plan(self.name) as plan:
            raw = [lib.pome_plan_device_get(plan, i) for i in range(lib.pome_plan_device_count(plan))]
            return [PlanDevice(_str(r.name), r.operations, _str(r.reason)) for r in raw]


# ---- states ----


class State(Unpicklable):
    """What a stateful model remembers between predictions; zeros at first. One timeline: two
    predictions using one state at once is an error. `Model.make_state` makes one."""

    _instead = "clone() makes another of it"

    def __init__(self, handle: Handle) -> None:
        self._handle: Handle | None = handle

    def __repr__(self) -> str:
        return f"<pome.State {', '.join(self.names)}>" if self._handle else "<pome.State, closed>"

    def __enter__(self) -> State:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Frees the state as soon as no prediction uses it."""
        self._handle = None

    def _open(self) -> Handle:
        handle = self._handle
        if handle is None:
            raise PomeError("USAGE", "the state is closed")
        return handle

    @property
    def names(self) -> list[str]:
        """The names of the tensors that it holds."""
        lib = library()
        with self._open() as state:
            return [_str(lib.pome_state_name(state, i)) for i in range(lib.pome_state_count(state))]

    @property
    def bytes(self) -> int:
        """The memory that the tensors take."""
        with self._open() as state:
            return int(library().pome_state_bytes(state))

    def read(self, name: str) -> Array:
        """A copy of the stored tensor."""
        tensor = _abi.Tensor()
        with self._open() as state:
            call("pome_state_read", state, text(name, "the name of a state"), ctypes.byref(tensor))
            return _arrays.copied(tensor)

    def write(self, name: str, value: Any) -> None:
        """Stores a tensor of the same shape, converted to the stored type."""
        lent = _arrays.lend(value, name)
        with self._open() as state:
            key = text(name, "the name of a state")
            call("pome_state_write", state, key, ctypes.byref(lent.tensor))

    def reset(self) -> None:
        """Back to zeros."""
        with self._open() as state:
            call("pome_state_reset", state)

    def clone(self) -> State:
        """Another timeline that starts from here."""
        handle = self._open()
        address = create("pome_state_clone", handle.address)
        return State(Handle(address, library().pome_state_free, handle))


# ---- predicting ----


class _Lease:
    """A run taken from the idle ones; it goes back when nothing refers to the lease any more, unless
    it failed: then inputs may be bound to memory that is gone."""

    def __init__(self, idle: list[Handle], run: Handle) -> None:
        self._idle: list[Handle] | None = idle
        self.run = run

    def drop(self) -> None:
        self._idle = None

    def __del__(self) -> None:
        if self._idle is not None:
            self._idle.append(self.run)


def _new_run(plan: Handle) -> Handle:
    address = create("pome_run_create", plan.address, None)
    return Handle(address, library().pome_run_free, plan)


class Model(Unpicklable):
    """An opened model. Any number of threads may use it at once.

    >>> import numpy, pome
    >>> model = pome.Model("model.mlpackage")
    >>> model.predict({"x": numpy.zeros((1, 3), "float32")}, model.make_state())["y"]

    `path` is an .mlpackage or .mlmodelc folder, an .mlmodel file or a program text. `device` is a
    chain such as "cpu" or "ref" (the best available by default), `numerics` is "fast", "strict" or
    "wide", `threads` the number for one prediction (0: one for each core), `isa` at most "scalar",
    "avx2" or "avx512". With `copy` files are read instead of mapped, so that they may change.
    """

    _instead = "open it again where it is needed"

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
        self._plan_settings = plan_settings(device, numerics, threads, isa)
        options = _abi.options(lib, "model")
        options.copy = copy
        if (path is None) == (spec is None):
            raise PomeError("USAGE", "a model is opened from a path or from a spec")
        if path is not None:
            address = create("pome_model_open", text(path, "the path"), ctypes.byref(options))
        else:
            spec, weights = _own_bytes(spec), _own_bytes(weights)
            parts = (spec, len(spec), weights or None, len(weights))
            address = create("pome_model_open_memory", *parts, ctypes.byref(options))
        self.path = None if path is None else os.fspath(path)
        self._handle: Handle | None = Handle(address, lib.pome_model_close)
        self._handle.keep = (spec, weights)  # the model points into them
        self._plans: dict[str, Handle] = {}
        self._idle: dict[str, list[Handle]] = {}
        self._active: dict[int, Handle] = {}
        self._functions: dict[str, Function] | None = None

    @classmethod
    def from_memory(cls, spec: bytes, weights: bytes | None = None, **options: Any) -> Model:
        """Opens a Model protobuf and the bytes of its weight.bin."""
        return cls(spec=spec, weights=weights, **options)

    def __repr__(self) -> str:
        return f"<pome.Model {self.path or 'in memory'}{'' if self._handle else ', closed'}>"

    def __enter__(self) -> Model:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Frees the model as soon as no prediction, state or borrowed result needs it."""
        self._handle = None
        self._idle.clear()
        self._plans.clear()

    def _open(self) -> Handle:
        handle = self._handle
        if handle is None:
            raise PomeError("USAGE", "the model is closed")
        return handle

    # ---- about the model ----

    @property
    def type(self) -> str:
        """ "mlProgram" and the like."""
        with self._open() as model:
            return _str(library().pome_model_type(model))

    @property
    def container(self) -> str:
        """ "mlpackage", "mlmodelc", "mlmodel", "mil" or "memory"."""
        with self._open() as model:
            return _str(library().pome_model_container(model))

    @property
    def specification_version(self) -> int:
        """Of the Model protobuf."""
        with self._open() as model:
            return int(library().pome_model_specification_version(model))

    @property
    def metadata(self) -> dict[str, str]:
        """author, license, versionString, shortDescription, and what the author added."""
        lib = library()
        pairs = {}
        with self._open() as model:
            for i in range(lib.pome_model_metadata_count(model)):
                key, value = ctypes.c_char_p(), ctypes.c_char_p()
                lib.pome_model_metadata(model, i, ctypes.byref(key), ctypes.byref(value))
                pairs[_str(key.value)] = _str(value.value)
        return pairs

    @property
    def functions(self) -> dict[str, Function]:
        """The functions by name."""
        with self._open() as model:
            if self._functions is None:
                lib = library()
                count = lib.pome_model_function_count(model)
                made = (Function(self, lib.pome_model_function(model, i)) for i in range(count))
                self._functions = {function.name: function for function in made}
            return self._functions

    def function(self, name: str | None = None) -> Function:
        """The function of that name; the default one without a name."""
        functions = self.functions
        if name is None:
            with self._open() as model:
                address = library().pome_model_find_function(model, None)
                name = _str(library().pome_function_name(address)) if address else ""
        if name not in functions:
            known = ", ".join(functions)
            raise PomeError("INPUT", f'the model has no function "{name}"; its functions are: {known}')
        return functions[name]

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

        def write(_: object, data: Any, size: int) -> int:
            pieces.append(ctypes.string_at(data, size))
            return 0

        with self._open() as model:
            call("pome_model_print", model, _abi.PRINT(write), None)
        return b"".join(pieces).decode("utf-8", "replace")

    def save(self, path: str | os.PathLike[str], *, replace: bool = False) -> None:
        """Writes the model as an .mlpackage; with `replace` over one that is there."""
        options = _abi.options(library(), "save")
        options.replace = replace
        with self._open() as model:
            call("pome_model_save", model, text(path, "the path"), ctypes.byref(options))

    # ---- plans, runs, states ----

    def _plan(self, name: str) -> Handle:
        """The plan of a function. Two threads may both make one; the first to be entered is used."""
        plan = self._plans.get(name)
        if plan is not None:
            return plan
        return self._plans.setdefault(name, self._compile(name))

    def _compile(self, name: str, keep: Iterable[str] = (), as_written: bool = False) -> Handle:
        owner = self._open()
        options = self._plan_settings.options()
        names = [text(value, "the name of a value") for value in keep]
        options.keep = (ctypes.c_char_p * len(names))(*names)
        options.keep_count = len(names)
        options.as_written = as_written
        function = self.function(name)
        address = create("pome_plan_create", function._address, ctypes.byref(options))
        return Handle(address, library().pome_plan_free, owner)

    def _lease(self, name: str) -> _Lease:
        self._open()
        idle = self._idle.setdefault(name, [])
        try:
            return _Lease(idle, idle.pop())
        except IndexError:
            return _Lease(idle, _new_run(self._plan(name)))

    def compile(self, function: str | None = None) -> Function:
        """Makes the plan of a function now instead of at its first prediction."""
        found = self.function(function)
        self._plan(found.name)
        return found

    def make_state(self, functions: Iterable[str] | str | None = None) -> State:
        """A zeroed state for a function, or one that several functions share."""
        owner = self._open()
        if functions is None or isinstance(functions, str):
            functions = [self.function(functions).name]
        addresses = [self.function(name)._address for name in functions]
        array = (ctypes.c_void_p * len(addresses))(*addresses)
        address = create("pome_state_create", array, len(addresses), None)
        return State(Handle(address, library().pome_state_free, owner))

    def predict(
        self,
        inputs: Mapping[str, Any],
        state: State | None = None,
        function: str | None = None,
        *,
        copy: bool = True,
        pil: bool = False,
    ) -> dict[str, Any]:
        """Runs a function on `inputs` and returns its outputs by name.

        Tensors are arrays or what NumPy makes one of; they are not copied when their type is the
        port's and their elements lie in row-major order. Images are PIL images or uint8 arrays
        [height, width, 3] in RGB order, [height, width] for gray; strings, numbers and dictionaries
        are Python's own.

        With `copy=False` the arrays of the result are read-only views of the library's memory. They
        stay valid, but while they live, another prediction needs memory of its own. With `pil=True`
        images come as PIL images.
        """
        found = self.function(function)
        lease = self._lease(found.name)
        self._predict(lease, found, inputs, state)
        results = {name: _result(lease, port, copy) for name, port in found.outputs.items()}
        if pil:
            for name, port in found.outputs.items():
                if port.feature == "image":
                    results[name] = _arrays.picture(results[name])
        return results

    def trace(
        self,
        inputs: Mapping[str, Any],
        names: Iterable[str] | None = None,
        state: State | None = None,
        function: str | None = None,
    ) -> dict[str, Array]:
        """The values inside a prediction by name: those asked for, or every tensor that an operation
        of the body computes. The program runs as it is written, with nothing folded or joined."""
        found = self.function(function)
        if names is None:
            names = [name for op in found.body if not op.constant for name in op.outputs]
        names = list(names)
        lease = _Lease([], _new_run(self._compile(found.name, names, as_written=True)))
        self._predict(lease, found, inputs, state)
        return {name: _tensor_result(lease, name, copy=True) for name in names}

    def _predict(
        self, lease: _Lease, function: Function, inputs: Mapping[str, Any], state: State | None
    ) -> None:
        try:
            kept = _bind_all(lease.run.address, function, inputs)
            self._run(lease.run, _state_handle(state))
            del kept
        except BaseException:
            lease.drop()
            raise

    def _run(self, run: Handle, state: Handle | None) -> None:
        key = id(run)
        self._active[key] = run
        try:
            predict = partial(call, "pome_run_predict", run.address, state and state.address)
            cancelling(partial(library().pome_run_cancel, run.address), predict)
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


def _own_bytes(data: Any) -> bytes:
    """Bytes that stay as they are."""
    if data is None or isinstance(data, bytes):
        return data or b""
    return bytes(memoryview(data))


def _state_handle(state: State | None) -> Handle | None:
    if state is not None and not isinstance(state, State):
        raise PomeError("USAGE", f"state is a {type(state).__name__}; make_state() makes one")
    return None if state is None else state._open()


def _bind_all(run: int, function: Function, inputs: Mapping[str, Any]) -> list[object]:
    """Sets the inputs; returns what must live until the prediction is over. C tells what is missing."""
    if not isinstance(inputs, Mapping):
        kind = type(inputs).__name__
        raise PomeError("USAGE", f"inputs is a {kind}; values by the names of inputs are wanted")
    kept = []
    for name, value in inputs.items():
        port = function.inputs.get(name)
        if port is None:
            known = ", ".join(function.inputs)
            raise PomeError("INPUT", f'no input is named "{name}"; the inputs are: {known}')
        kept.append(_bind(run, port, value))
    return kept


def _bind(run: int, port: Port, value: Any) -> object:
    """Sets one input; returns what must live until the prediction is over."""
    name = port.name.encode()
    if port.feature == "image" and _is_image(value, port.name):
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


def _is_image(value: Any, name: str) -> bool:
    """A picture, and not the tensor that the program takes for it."""
    if _arrays.is_pil(value):
        return True
    shape = _arrays.as_array(value, name).shape
    return len(shape) == 2 or (len(shape) == 3 and shape[2] in (3, 4))


def _result(lease: _Lease, port: Port, copy: bool) -> Any:
    if port.feature in ("tensor", "unknown"):
        return _tensor_result(lease, port.name, copy)
    address = create("pome_run_get_value", lease.run.address, port.name.encode())
    return _arrays.from_value(address)


def _tensor_result(lease: _Lease, name: str, copy: bool) -> Array:
    tensor = _abi.Tensor()
    call("pome_run_get_tensor", lease.run.address, name.encode(), ctypes.byref(tensor))
    return _arrays.copied(tensor) if copy else _arrays.view(tensor, lease)
