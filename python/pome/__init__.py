"""pome: Core ML models on any machine.

>>> import numpy, pome
>>> model = pome.Model("model.mlpackage")
>>> model.predict({"x": numpy.zeros((1, 3), "float32")}, model.make_state())

`import pome.coremltools` makes coremltools' own `predict` work where Core ML is not.
"""

from ._library import PomeError
from .language import Generation, LanguageModel, Session
from .model import (
    Device,
    Function,
    Model,
    OpCount,
    Operation,
    PlanDevice,
    Port,
    State,
    Weight,
    devices,
    version,
)
from .text import Template, Tokenizer

__all__ = [
    "Device",
    "Function",
    "Generation",
    "LanguageModel",
    "Model",
    "OpCount",
    "Operation",
    "PlanDevice",
    "PomeError",
    "Port",
    "Session",
    "State",
    "Template",
    "Tokenizer",
    "Weight",
    "devices",
    "version",
]
