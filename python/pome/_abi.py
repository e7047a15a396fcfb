"""The public headers of the shared library once more, for ctypes.

Everything that depends on the layout of a C struct, the value of an enumerator or the arguments of a
function stands in this file alone. tests/python/test_abi.py compiles a C program against the headers
and compares sizes, offsets, values and argument counts with what is written here.
"""

from __future__ import annotations

import ctypes
from ctypes import (
    CFUNCTYPE,
    POINTER,
    c_bool,
    c_char,
    c_char_p,
    c_double,
    c_float,
    c_int,
    c_int32,
    c_int64,
    c_size_t,
    c_uint,
    c_uint32,
    c_uint64,
    c_void_p,
)
from typing import Any

MAX_RANK = 8
NO_OFFSET = 2**64 - 1

STATUSES = ("OK", "USAGE", "INPUT", "UNSUPPORTED", "MEMORY", "IO", "CANCELLED", "INTERNAL")
DTYPES = (
    "none bool string fp16 fp32 fp64 bf16 fp8e4m3fn fp8e5m2 int4 int8 int16 int32 int64"
    " uint1 uint2 uint3 uint4 uint6 uint8 uint16 uint32 uint64"
).split()
FEATURES = "unknown tensor image int64 double string dictionary sequence state".split()
COLORS = "none gray rgb bgr gray_fp16".split()
FLEXIBILITIES = "fixed enumerated range".split()
NUMERICS = "fast strict wide".split()
PORT_KINDS = "input output state".split()

STATUS = {name: value for value, name in enumerate(STATUSES)}
DTYPE = {name: value for value, name in enumerate(DTYPES)}
FEATURE = {name: value for value, name in enumerate(FEATURES)}
COLOR = {name: value for value, name in enumerate(COLORS)}
PORT_KIND = {name: value for value, name in enumerate(PORT_KINDS)}


class Error(ctypes.Structure):
    """pome_error"""

    _fields_ = [
        ("status", c_int),
        ("message", c_char * 512),
        ("hint", c_char * 256),
        ("file", c_char * 512),
        ("offset", c_uint64),
        ("line", c_uint32),
        ("column", c_uint32),
        ("op", c_char * 160),
        ("os_error", c_int),
    ]


class String(ctypes.Structure):
    """pome_string"""

    _fields_ = [("data", c_void_p), ("size", c_size_t)]


class Tensor(ctypes.Structure):
    """pome_tensor"""

    _fields_ = [
        ("data", c_void_p),
        ("dtype", c_int),
        ("rank", c_int32),
        ("shape", c_int64 * MAX_RANK),
        ("strides", c_int64 * MAX_RANK),
        ("owner", c_void_p),
    ]


class Port(ctypes.Structure):
    """pome_port"""

    _fields_ = [
        ("name", c_char_p),
        ("description", c_char_p),
        ("feature", c_int),
        ("dtype", c_int),
        ("color", c_int),
        ("rank", c_int32),
        ("shape", c_int64 * MAX_RANK),
        ("flexibility", c_int),
        ("shapes", POINTER(c_int64 * MAX_RANK)),
        ("shape_count", c_size_t),
        ("lower", c_int64 * MAX_RANK),
        ("upper", c_int64 * MAX_RANK),
        ("optional", c_bool),
        ("has_default", c_bool),
        ("default_value", c_double),
    ]


class ModelOptions(ctypes.Structure):
    """pome_model_options"""

    _fields_ = [
        ("size", c_size_t),
        ("allocator", c_void_p),
        ("log", c_void_p),
        ("copy", c_bool),
        ("max_parse_memory", c_size_t),
    ]


class OpCount(ctypes.Structure):
    """pome_op_count"""

    _fields_ = [("type", c_char_p), ("count", c_size_t), ("unsupported", c_char_p)]


class Weight(ctypes.Structure):
    """pome_weight"""

    _fields_ = [
        ("name", c_char_p),
        ("encoding", c_char_p),
        ("dtype", c_int),
        ("tensor", Tensor),
        ("offset", c_uint64),
        ("bytes", c_size_t),
    ]


class OperationValue(ctypes.Structure):
    """pome_operation_value"""

    _fields_ = [
        ("name", c_char_p),
        ("tensor", c_bool),
        ("constant", c_bool),
        ("dtype", c_int),
        ("rank", c_int32),
        ("shape", c_int64 * MAX_RANK),
        ("literal", Tensor),
    ]


class Operation(ctypes.Structure):
    """pome_operation"""

    _fields_ = [
        ("type", c_char_p),
        ("name", c_char_p),
        ("constant", c_bool),
        ("isolable", c_bool),
        ("inputs", POINTER(OperationValue)),
        ("input_count", c_size_t),
        ("outputs", POINTER(OperationValue)),
        ("output_count", c_size_t),
    ]


class SaveOptions(ctypes.Structure):
    """pome_save_options"""

    _fields_ = [
        ("size", c_size_t),
        ("replace", c_bool),
        ("context", c_void_p),
        ("progress", c_void_p),
    ]


class Device(ctypes.Structure):
    """pome_device"""

    _fields_ = [
        ("name", c_char_p),
        ("description", c_char_p),
        ("available", c_bool),
        ("reason", c_char_p),
    ]


class PlanOptions(ctypes.Structure):
    """pome_plan_options"""

    _fields_ = [
        ("size", c_size_t),
        ("allocator", c_void_p),
        ("log", c_void_p),
        ("devices", c_char_p),
        ("numerics", c_int),
        ("threads", c_int),
        ("isa", c_char_p),
        ("keep", POINTER(c_char_p)),
        ("keep_count", c_size_t),
        ("as_written", c_bool),
    ]


class PlanDevice(ctypes.Structure):
    """pome_plan_device"""

    _fields_ = [("name", c_char_p), ("operations", c_size_t), ("reason", c_char_p)]


class Span(ctypes.Structure):
    """pome_span"""

    _fields_ = [("begin", c_size_t), ("end", c_size_t)]


class LogitBias(ctypes.Structure):
    """pome_logit_bias"""

    _fields_ = [("id", c_int32), ("bias", c_float)]


class SamplerOptions(ctypes.Structure):
    """pome_sampler_options"""

    _fields_ = [
        ("size", c_size_t),
        ("temperature", c_float),
        ("top_k", c_int),
        ("top_p", c_float),
        ("seed", c_uint64),
        ("min_p", c_float),
        ("typical_p", c_float),
        ("repetition_penalty", c_float),
        ("presence_penalty", c_float),
        ("frequency_penalty", c_float),
        ("penalty_window", c_int),
        ("bias", POINTER(LogitBias)),
        ("bias_count", c_size_t),
        ("constrain", c_void_p),
        ("constrain_context", c_void_p),
    ]


class LlmOptions(ctypes.Structure):
    """pome_llm_options"""

    _fields_ = [
        ("size", c_size_t),
        ("model", POINTER(ModelOptions)),
        ("plan", POINTER(PlanOptions)),
    ]


# The C name of each struct above.
STRUCTS = {
    "pome_error": Error,
    "pome_string": String,
    "pome_tensor": Tensor,
    "pome_port": Port,
    "pome_model_options": ModelOptions,
    "pome_op_count": OpCount,
    "pome_weight": Weight,
    "pome_operation_value": OperationValue,
    "pome_operation": Operation,
    "pome_save_options": SaveOptions,
    "pome_device": Device,
    "pome_plan_options": PlanOptions,
    "pome_plan_device": PlanDevice,
    "pome_span": Span,
    "pome_logit_bias": LogitBias,
    "pome_sampler_options": SamplerOptions,
    "pome_llm_options": LlmOptions,
}

ENCODE_SPECIAL, ENCODE_PLAIN = 1, 2
DECODE_SKIP_SPECIAL = 1

PRINT = CFUNCTYPE(c_int, c_void_p, POINTER(c_char), c_size_t)

_object = c_void_p
_out = POINTER(c_void_p)
_error = POINTER(Error)
_tensor = POINTER(Tensor)
_port = POINTER(Port)

# name: (what it returns, arguments)
FUNCTIONS = {
    "pome_error_format": (c_size_t, [_error, c_char_p, c_size_t]),
    "pome_status_text": (c_char_p, [c_int]),
    "pome_version": (c_char_p, []),
    "pome_tensor_copy": (c_int, [_tensor, _tensor, _error]),
    "pome_model_options_init_sized": (None, [POINTER(ModelOptions), c_size_t]),
    "pome_model_open": (c_int, [c_char_p, POINTER(ModelOptions), _out, _error]),
    "pome_model_open_memory": (
        c_int,
        [c_void_p, c_size_t, c_void_p, c_size_t, POINTER(ModelOptions), _out, _error],
    ),
    "pome_model_close": (None, [_object]),
    "pome_model_type": (c_char_p, [_object]),
    "pome_model_container": (c_char_p, [_object]),
    "pome_model_specification_version": (c_int, [_object]),
    "pome_model_metadata_count": (c_size_t, [_object]),
    "pome_model_metadata": (None, [_object, c_size_t, POINTER(c_char_p), POINTER(c_char_p)]),
    "pome_model_function_count": (c_size_t, [_object]),
    "pome_model_function": (_object, [_object, c_size_t]),
    "pome_model_find_function": (_object, [_object, c_char_p]),
    "pome_function_name": (c_char_p, [_object]),
    "pome_function_opset": (c_char_p, [_object]),
    "pome_function_type": (c_char_p, [_object]),
    "pome_function_predicted_feature": (c_char_p, [_object]),
    "pome_function_port_count": (c_size_t, [_object, c_int]),
    "pome_function_port": (_port, [_object, c_int, c_size_t]),
    "pome_function_op_type_count": (c_size_t, [_object]),
    "pome_function_op_type": (OpCount, [_object, c_size_t]),
    "pome_function_weight_count": (c_size_t, [_object]),
    "pome_function_weight": (Weight, [_object, c_size_t]),
    "pome_function_operation_count": (c_size_t, [_object]),
    "pome_function_operation": (POINTER(Operation), [_object, c_size_t]),
    "pome_model_print": (c_int, [_object, PRINT, c_void_p, _error]),
    "pome_save_options_init_sized": (None, [POINTER(SaveOptions), c_size_t]),
    "pome_model_save": (c_int, [_object, c_char_p, POINTER(SaveOptions), _error]),
    "pome_value_from_tensor": (c_int, [_tensor, c_void_p, _out, _error]),
    "pome_value_from_string": (c_int, [c_char_p, c_size_t, c_void_p, _out, _error]),
    "pome_value_from_int64": (c_int, [c_int64, c_void_p, _out, _error]),
    "pome_value_from_double": (c_int, [c_double, c_void_p, _out, _error]),
    "pome_value_from_image": (c_int, [_tensor, c_int, c_void_p, _out, _error]),
    "pome_value_from_dictionary": (c_int, [_tensor, _tensor, c_void_p, _out, _error]),
    "pome_value_from_sequence": (c_int, [_tensor, c_void_p, _out, _error]),
    "pome_value_free": (None, [_object]),
    "pome_value_feature": (c_int, [_object]),
    "pome_value_tensor": (_tensor, [_object]),
    "pome_value_keys": (_tensor, [_object]),
    "pome_device_count": (c_size_t, []),
    "pome_device_get": (Device, [c_size_t]),
    "pome_plan_options_init_sized": (None, [POINTER(PlanOptions), c_size_t]),
    "pome_plan_create": (c_int, [_object, POINTER(PlanOptions), _out, _error]),
    "pome_plan_free": (None, [_object]),
    "pome_plan_device_count": (c_size_t, [_object]),
    "pome_plan_device_get": (PlanDevice, [_object, c_size_t]),
    "pome_state_create": (c_int, [POINTER(c_void_p), c_size_t, c_void_p, _out, _error]),
    "pome_state_free": (None, [_object]),
    "pome_state_reset": (c_int, [_object, _error]),
    "pome_state_clone": (c_int, [_object, _out, _error]),
    "pome_state_bytes": (c_size_t, [_object]),
    "pome_state_count": (c_size_t, [_object]),
    "pome_state_name": (c_char_p, [_object, c_size_t]),
    "pome_state_read": (c_int, [_object, c_char_p, _tensor, _error]),
    "pome_state_write": (c_int, [_object, c_char_p, _tensor, _error]),
    "pome_run_create": (c_int, [_object, c_void_p, _out, _error]),
    "pome_run_free": (None, [_object]),
    "pome_run_set_tensor": (c_int, [_object, c_char_p, _tensor, _error]),
    "pome_run_set_value": (c_int, [_object, c_char_p, _object, _error]),
    "pome_run_predict": (c_int, [_object, _object, _error]),
    "pome_run_get_tensor": (c_int, [_object, c_char_p, _tensor, _error]),
    "pome_run_get_value": (c_int, [_object, c_char_p, _out, _error]),
    "pome_run_cancel": (None, [_object]),
    "pome_run_bytes": (c_size_t, [_object]),
}

_ids = POINTER(c_int32)
_size = POINTER(c_size_t)
_spans = POINTER(Span)
_string = POINTER(String)
_stopped = POINTER(c_bool)

# Of a library that is built with language models.
LANGUAGE_FUNCTIONS = {
    "pome_tokenizer_open": (c_int, [c_char_p, c_void_p, _out, _error]),
    "pome_tokenizer_close": (None, [_object]),
    "pome_tokenizer_vocab_size": (c_size_t, [_object]),
    "pome_tokenizer_encode_with": (
        c_int,
        [_object, c_char_p, c_size_t, c_uint, _ids, _spans, c_size_t, _size, _error],
    ),
    "pome_tokenizer_encode_marked": (
        c_int,
        [_object, c_void_p, c_size_t, c_uint, _spans, c_size_t, _ids, c_size_t, _size, _error],
    ),
    "pome_tokenizer_encode_pair": (
        c_int,
        [_object, String, String, c_uint, _ids, _ids, c_size_t, _size, _error],
    ),
    "pome_tokenizer_piece": (String, [_object, c_int32]),
    "pome_tokenizer_is_special": (c_bool, [_object, c_int32]),
    "pome_tokenizer_find": (c_int32, [_object, c_char_p, c_size_t]),
    "pome_tokenizer_decode": (
        c_int,
        [_object, _ids, c_size_t, c_uint, c_void_p, c_size_t, _size, _error],
    ),
    "pome_detokenizer_create": (c_int, [_object, c_uint, _out, _error]),
    "pome_detokenizer_free": (None, [_object]),
    "pome_detokenizer_add": (c_int, [_object, c_int32, _string, _error]),
    "pome_detokenizer_finish": (c_int, [_object, _string, _error]),
    "pome_template_open": (c_int, [c_char_p, c_char_p, c_void_p, _out, _error]),
    "pome_template_parse": (c_int, [c_char_p, c_size_t, c_void_p, _out, _error]),
    "pome_template_close": (None, [_object]),
    "pome_template_render_marked": (
        c_int,
        [_object, c_char_p, c_size_t, c_int64, _out, _size, POINTER(_spans), _size, _error],
    ),
    "pome_template_free_text": (None, [_object, c_void_p, c_size_t]),
    "pome_template_free_spans": (None, [_object, _spans, c_size_t]),
    "pome_sampler_options_init_sized": (None, [POINTER(SamplerOptions), c_size_t]),
    "pome_sampler_create": (c_int, [POINTER(SamplerOptions), c_size_t, c_void_p, _out, _error]),
    "pome_sampler_free": (None, [_object]),
    "pome_sampler_choose": (c_int, [_object, POINTER(c_float), _ids, _error]),
    "pome_sampler_accept": (None, [_object, c_int32]),
    "pome_stops_create": (
        c_int,
        [_object, c_char_p, _object, _string, c_size_t, c_void_p, _out, _error],
    ),
    "pome_stops_free": (None, [_object]),
    "pome_stops_is_end": (c_bool, [_object, c_int32]),
    "pome_stops_add": (c_int, [_object, String, _string, _stopped, _error]),
    "pome_stops_finish": (String, [_object]),
    "pome_llm_options_init_sized": (None, [POINTER(LlmOptions), c_size_t]),
    "pome_llm_open": (c_int, [c_char_p, POINTER(LlmOptions), _out, _error]),
    "pome_llm_close": (None, [_object]),
    "pome_llm_tokenizer": (_object, [_object]),
    "pome_llm_context": (c_size_t, [_object]),
    "pome_llm_vocab_size": (c_size_t, [_object]),
    "pome_llm_eos": (c_int32, [_object]),
    "pome_llm_bos": (c_int32, [_object]),
    "pome_session_create": (c_int, [_object, _out, _error]),
    "pome_session_free": (None, [_object]),
    "pome_session_sync": (c_int, [_object, _ids, c_size_t, POINTER(POINTER(c_float)), _error]),
    "pome_session_length": (c_size_t, [_object]),
    "pome_session_cancel": (None, [_object]),
}


def options(library: ctypes.CDLL, name: str) -> Any:
    """The options struct of that name with its defaults."""
    made = STRUCTS[f"pome_{name}_options"]()
    initialise = getattr(library, f"pome_{name}_options_init_sized")
    initialise(ctypes.byref(made), ctypes.sizeof(made))
    return made


def has_language_models(library: ctypes.CDLL) -> bool:
    """A library may be built without them."""
    return hasattr(library, "pome_llm_open")


def declare(library: ctypes.CDLL) -> None:
    """Gives every function of the library its types."""
    language = LANGUAGE_FUNCTIONS if has_language_models(library) else {}
    for name, (returns, arguments) in {**FUNCTIONS, **language}.items():
        function = getattr(library, name)
        function.restype = returns
        function.argtypes = arguments
