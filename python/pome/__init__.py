"""pome: Core ML models on any machine.

>>> import numpy, pome
>>> model = pome.Model("model.mlpackage")
>>> model.predict({"x": numpy.zeros((1, 3), "float32")})

`import pome.coremltools` makes coremltools' own `predict` work where Core ML is not.
"""

from ._library import PomeError
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

__all__ = [
    "Device",
    "Function",
    "Model",
    "OpCount",
    "Operation",
    "PlanDevice",
    "PomeError",
    "Port",
    "State",
    "Weight",
    "devices",
    "version",
]
