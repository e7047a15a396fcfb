"""NumPy arrays as tensors and values of the library, and back.

Going in, an array is lent: the tensor points at its elements, whatever their strides, and the caller
keeps the array alive while C may read it. Coming out, a tensor is either copied into an array of its
own or shown as a view that keeps its owner alive. Types that NumPy lacks come out as the next wider one.
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from typing import Any

import numpy as np

from . import _abi
from ._library import Handle, PomeError, call, create, library

#: an array of any type and shape
Array = np.ndarray[Any, Any]

# NumPy's name of each element type that both sides have.
_TO_POME = {
    "bool": "bool",
    "float16": "fp16",
    "float32": "fp32",
    "float64": "fp64",
    **{name: name for name in "int8 int16 int32 int64 uint8 uint16 uint32 uint64".split()},
}
_TO_NUMPY = {pome: np.dtype(numpy) for numpy, pome in _TO_POME.items()}
_OF_DTYPE = {np.dtype(numpy): pome for numpy, pome in _TO_POME.items()}
_WIDER = {
    **dict.fromkeys(("bf16", "fp8e4m3fn", "fp8e5m2"), "fp32"),
    "int4": "int8",
    **dict.fromkeys(("uint1", "uint2", "uint3", "uint4", "uint6"), "uint8"),
}


def numpy_dtype(name: str) -> np.dtype[Any] | None:
    """The NumPy type that values of this element type come as; None when not declared."""
    if name == "string":
        return np.dtype(object)
    return _TO_NUMPY.get(_WIDER.get(name, name))


def wrong(message: str, hint: str = "", status: str = "INPUT") -> PomeError:
    return PomeError(status, message, hint=hint)


# ---- in ----


class LentTensor:
    """A pome_tensor together with what keeps its memory alive."""

    def __init__(self, tensor: _abi.Tensor, keep: object) -> None:
        self.tensor = tensor
        self.keep = keep


def _tensor(data: int | None, dtype: str, shape: Any, strides: Any) -> _abi.Tensor:
    tensor = _abi.Tensor(data=data, dtype=_abi.DTYPE[dtype], rank=len(shape))
    tensor.shape[: len(shape)] = shape
    tensor.strides[: len(shape)] = strides
    return tensor


def _row_major(shape: tuple[int, ...]) -> list[int]:
    strides = [1] * len(shape)
    for d in range(len(shape) - 2, -1, -1):
        strides[d] = strides[d + 1] * shape[d + 1]
    return strides


def _shown(value: object) -> str:
    """For a message; Python refuses to write integers of more than 4300 digits."""
    if isinstance(value, int) and value.bit_length() > 128:
        return f"an integer of {value.bit_length()} bits"
    return f"{value!r:.60}"


def _too_large(value: object) -> bool:
    return isinstance(value, int) and not -(2**63) <= value < 2**64


def _encoded(item: object, name: str) -> bytes:
    if isinstance(item, bytes):
        return item
    if isinstance(item, str):
        try:
            return item.encode()
        except UnicodeEncodeError as error:
            raise wrong(f'input "{name}" holds a string that is no Unicode: {error.reason}') from error
    if _too_large(item):
        raise wrong(f'input "{name}" holds {_shown(item)}, which 64 bits do not hold')
    kind = type(item).__name__
    raise wrong(f'input "{name}" holds a {kind}; strings and numbers are allowed')


def _lend_strings(array: Array, name: str) -> LentTensor:
    texts = [_encoded(item, name) for item in array.ravel().tolist()]
    buffers = [ctypes.create_string_buffer(text, len(text) + 1) for text in texts]
    strings = (_abi.String * max(1, len(texts)))()
    for i, (text, buffer) in enumerate(zip(texts, buffers)):
        strings[i].data, strings[i].size = ctypes.addressof(buffer), len(text)
    address = ctypes.addressof(strings)
    tensor = _tensor(address, "string", array.shape, _row_major(array.shape))
    return LentTensor(tensor, (strings, buffers))


def as_array(value: Any, name: str) -> Array:
    """Anything that NumPy makes a regular array of, torch tensors among it."""
    if isinstance(value, np.ndarray):
        return value
    if hasattr(value, "detach"):  # a torch tensor that may still be part of a graph
        value = value.detach()
    try:
        return np.asarray(value)
    except (ValueError, TypeError) as error:
        raise wrong(f'input "{name}" makes no array: {error}') from error


def lend(value: Any, name: str) -> LentTensor:
    """A tensor over the elements of `value`; copied only where the layout is not expressible."""
    array = as_array(value, name)
    if array.ndim > _abi.MAX_RANK:
        raise wrong(f'input "{name}" has rank {array.ndim}; at most {_abi.MAX_RANK} is allowed')
    if array.dtype.kind in "USO":
        return _lend_strings(array, name)
    if not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    dtype = _OF_DTYPE.get(array.dtype)
    if dtype is None:
        raise wrong(f'input "{name}" is an array of {array.dtype}; allowed are {", ".join(_TO_POME)}')
    if any(stride % array.itemsize for stride in array.strides):
        array = np.ascontiguousarray(array)
    strides = [stride // array.itemsize for stride in array.strides]
    address = array.__array_interface__["data"][0]
    return LentTensor(_tensor(address, dtype, array.shape, strides), array)


class Value(Handle):
    """A pome_value, and what it borrows."""

    def __init__(self, address: int, keep: object = None) -> None:
        super().__init__(address, library().pome_value_free)
        self.keep = keep


def is_pil(value: object) -> bool:
    return hasattr(value, "mode") and hasattr(value, "getbands") and hasattr(value, "tobytes")


def image_value(image: Any, name: str, color: str) -> Value:
    """A value for an image port from a PIL image or an array [height, width(, 3 or 4)]."""
    if is_pil(image):
        gray = color in ("gray", "gray_fp16")
        allowed = {"gray": ("L",), "gray_fp16": ("F", "L")}.get(color, ("RGB", "RGBA"))
        if image.mode not in allowed:
            wanted = "L" if color == "gray" else "F" if gray else "RGB"
            image = image.convert(wanted)
    array = np.ascontiguousarray(as_array(image, name))
    if color == "gray_fp16" and array.dtype == np.uint8:
        array = array.astype(np.float32) / 255
    given = "rgb" if array.ndim == 3 else "gray" if array.dtype == np.uint8 else "gray_fp16"
    lent = lend(array, name)
    address = create("pome_value_from_image", ctypes.byref(lent.tensor), _abi.COLOR[given], None)
    return Value(address, lent)


def dictionary_value(value: Mapping[Any, float], name: str) -> Value:
    keys = list(value)
    if all(isinstance(key, str) for key in keys):
        key_array = np.array(keys, dtype=object)
    elif all(isinstance(key, (int, np.integer)) and not _too_large(key) for key in keys):
        key_array = np.array(keys)
    else:
        raise wrong(f'input "{name}": the keys of a dictionary are all strings or all 64-bit integers')
    numbers = [_number(value[key]) for key in keys]
    if None in numbers:
        odd = _shown(value[keys[numbers.index(None)]])
        raise wrong(f'input "{name}": the values of a dictionary are numbers, not {odd}')
    lent_keys = lend(key_array, name)
    lent_values = lend(np.array(numbers, dtype=np.float64), name)
    tensors = ctypes.byref(lent_keys.tensor), ctypes.byref(lent_values.tensor)
    return Value(create("pome_value_from_dictionary", *tensors, None))


def _number(value: Any) -> float | None:
    """None for what is none."""
    try:
        return None if isinstance(value, (str, bytes)) else float(value)
    except (TypeError, ValueError, OverflowError):
        return None


def _whole(value: Any) -> int | None:
    try:
        number = None if isinstance(value, (str, bytes)) else int(value)
        return number if number == value else None
    except (TypeError, ValueError, OverflowError):
        return None


def plain_value(value: Any, name: str, feature: str) -> Value:
    """A value for a port that carries a number, a string or a sequence."""
    if feature == "sequence":
        lent = lend(value, name)
        return Value(create("pome_value_from_sequence", ctypes.byref(lent.tensor), None))
    if isinstance(value, np.ndarray) and value.size == 1:
        value = value.reshape(()).item()
    if feature == "string":
        if not isinstance(value, str):
            raise wrong(f'input "{name}" is {type(value).__name__}; a string is wanted')
        text = _encoded(value, name)
        return Value(create("pome_value_from_string", text, len(text), None))
    number = _whole(value) if feature == "int64" else _number(value)
    if number is None:
        kind = "an integer" if feature == "int64" else "a number"
        raise wrong(f'input "{name}" is {_shown(value)}; {kind} is wanted')
    if isinstance(number, int) and not -(2**63) <= number < 2**63:
        raise wrong(f'input "{name}" is {_shown(number)}, which 64 bits do not hold')
    return Value(create(f"pome_value_from_{feature}", number, None))


# ---- out ----


def _strings(tensor: _abi.Tensor, shape: tuple[int, ...]) -> Array:
    count = int(np.prod(shape, dtype=np.int64))
    items = np.empty(count, dtype=object)
    if count:
        strings = (_abi.String * count).from_address(tensor.data)
        for i, item in enumerate(strings):
            data = ctypes.string_at(item.data, item.size) if item.size else b""
            items[i] = data.decode("utf-8", "replace")
    return items.reshape(shape)


def _widened(tensor: _abi.Tensor, dtype: str, shape: tuple[int, ...]) -> Array:
    array: Array = np.empty(shape, _TO_NUMPY[dtype])
    target = lend(array, "").tensor
    call("pome_tensor_copy", ctypes.byref(tensor), ctypes.byref(target))
    return array


def view(tensor: _abi.Tensor, owner: object) -> Array:
    """A read-only array over the tensor's memory that keeps `owner` alive; a copy where NumPy lacks
    the type."""
    shape = tuple(tensor.shape[: tensor.rank])
    dtype = _abi.DTYPES[tensor.dtype]
    if dtype == "string":
        return _strings(tensor, shape)
    if dtype in _WIDER:
        return _widened(tensor, _WIDER[dtype], shape)
    element = _TO_NUMPY[dtype]
    if 0 in shape or tensor.data is None:
        return np.empty(shape, element)
    strides = [tensor.strides[d] * element.itemsize for d in range(tensor.rank)]
    span = element.itemsize + sum(
        (size - 1) * stride for size, stride in zip(shape, strides) if stride > 0
    )
    memory = (ctypes.c_char * span).from_address(tensor.data)
    memory.pome_owner = owner
    array: Array = np.ndarray(shape, element, memory, 0, strides)
    array.flags.writeable = False
    return array


def copied(tensor: _abi.Tensor) -> Array:
    """An array of its own with the tensor's elements."""
    array = view(tensor, None)
    return array if array.flags.owndata else array.copy()


def from_value(address: int) -> Any:
    """What a value holds, as Python has it; the value is freed."""
    value = Value(address)
    feature = _abi.FEATURES[library().pome_value_feature(value.address)]
    array = copied(library().pome_value_tensor(value.address).contents)
    if feature in ("int64", "double", "string"):
        return array.reshape(-1)[0] if array.dtype == object else array.reshape(-1)[0].item()
    if feature == "dictionary":
        keys = copied(library().pome_value_keys(value.address).contents)
        return dict(zip(keys.tolist(), array.tolist()))
    if feature == "sequence":
        return array.tolist()
    return array


def picture(pixels: Array) -> Any:
    """A PIL image of an array that came from an image port: RGB, L or F."""
    from PIL import Image

    if pixels.dtype != np.uint8:
        return Image.fromarray(np.asarray(pixels, np.float32))
    return Image.fromarray(pixels)
