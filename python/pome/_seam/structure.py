"""The structure of a model and a compute plan, in coremltools' own classes, from its specification."""

from __future__ import annotations

import math
from typing import Any

from coremltools.models import compute_plan as ct_plan

from . import _MLModelStructureNeuralNetworkLayerProxy, _MLModelStructureProgramOperationProxy

_VALUE_TYPE = ct_plan.MLModelStructureProgramValueType
#: Layers that Core ML calls by one name, as coremltools' test_neuralnetwork_structure expects
_ELEMENTWISE = ("add", "multiply", "average", "max", "min")


def _named(values: Any) -> list[Any]:
    return [
        ct_plan.MLModelStructureProgramNamedValueType(name=v.name, type=_VALUE_TYPE()) for v in values
    ]


def _argument(argument: Any) -> Any:
    bindings = []
    for binding in argument.arguments:
        value = None
        if binding.WhichOneof("binding") == "value":
            value = ct_plan.MLModelStructureProgramValue()
        bindings.append(ct_plan.MLModelStructureProgramBinding(name=binding.name or None, value=value))
    return ct_plan.MLModelStructureProgramArgument(bindings=bindings)


def _operation(spec: Any) -> Any:
    return ct_plan.MLModelStructureProgramOperation(
        inputs={name: _argument(argument) for name, argument in spec.inputs.items()},
        operator_name=spec.type,
        outputs=_named(spec.outputs),
        blocks=[_block(block) for block in spec.blocks],
        __proxy__=_MLModelStructureProgramOperationProxy(spec),
    )


def _block(spec: Any) -> Any:
    return ct_plan.MLModelStructureProgramBlock(
        inputs=_named(spec.inputs),
        operations=[_operation(op) for op in spec.operations],
        output_names=list(spec.outputs),
    )


def _program(spec: Any) -> Any:
    functions = {}
    for name, function in spec.functions.items():
        block = function.block_specializations[function.opset]
        functions[name] = ct_plan.MLModelStructureProgramFunction(
            inputs=_named(function.inputs), block=_block(block)
        )
    return ct_plan.MLModelStructureProgram(functions=functions)


def _layer_type(layer: Any) -> str:
    kind = layer.WhichOneof("layer") or ""
    return "elementwise" if kind in _ELEMENTWISE else kind


def _network(spec: Any) -> Any:
    layers = [
        ct_plan.MLModelStructureNeuralNetworkLayer(
            name=layer.name,
            type=_layer_type(layer),
            input_names=list(layer.input),
            output_names=list(layer.output),
            __proxy__=_MLModelStructureNeuralNetworkLayerProxy(layer),
        )
        for layer in spec.layers
    ]
    return ct_plan.MLModelStructureNeuralNetwork(layers=layers)


def _pipeline(spec: Any) -> Any:
    names = list(spec.names)
    names += [f"model_{i}" for i in range(len(names), len(spec.models))]
    pairs = [(name, structure(model)) for name, model in zip(names, spec.models)]
    return ct_plan.MLModelStructurePipeline(sub_models=pairs)


def structure(spec: Any) -> Any:
    """The MLModelStructure of a specification."""
    kind = spec.WhichOneof("Type") or ""
    program = network = pipeline = None
    if kind == "mlProgram":
        program = _program(spec.mlProgram)
    elif kind.startswith("neuralNetwork"):
        network = _network(getattr(spec, kind))
    elif kind == "pipeline":
        pipeline = _pipeline(spec.pipeline)
    elif kind.startswith("pipeline"):
        pipeline = _pipeline(getattr(spec, kind).pipeline)
    return ct_plan.MLModelStructure(neuralnetwork=network, program=program, pipeline=pipeline)


# ---- cost ----


def _elements(value_type: Any) -> float:
    """Elements of a tensor type; an unknown size counts as one."""
    dims = value_type.tensorType.dimensions
    return float(math.prod(max(1, d.constant.size) for d in dims))


def _work(spec: Any, types: dict[str, Any]) -> float:
    """Multiplications, or elements written: an estimate for weighing operations against each other."""
    written = sum(_elements(output.type) for output in spec.outputs)
    operand = {"conv": "weight", "conv_transpose": "weight", "linear": "weight", "matmul": "x"}
    name = operand.get(spec.type)
    if name is None or name not in spec.inputs:
        return written
    binding = spec.inputs[name].arguments[0]
    kind = binding.value.type if binding.WhichOneof("binding") == "value" else types.get(binding.name)
    if kind is None:
        return written
    sizes = [max(1, d.constant.size) for d in kind.tensorType.dimensions]
    depth = math.prod(sizes[1:]) if spec.type.startswith("conv") else sizes[-1] if sizes else 1
    return written * max(1, depth)


def costs(program: Any) -> dict[int, float]:
    """Share of each operation in its function's work, by the identity of its specification."""
    shares: dict[int, float] = {}

    def walk(block: Any, types: dict[str, Any], found: list[tuple[int, float]]) -> None:
        for spec in block.operations:
            types.update((output.name, output.type) for output in spec.outputs)
            for inner in spec.blocks:
                walk(inner, types, found)
            if spec.type != "const" and not spec.blocks:
                found.append((id(spec), _work(spec, types)))

    for function in program.functions.values():
        found: list[tuple[int, float]] = []
        types = {value.name: value.type for value in function.inputs}
        walk(function.block_specializations[function.opset], types, found)
        total = sum(work for _, work in found) or 1.0
        shares.update((key, work / total) for key, work in found)
    return shares
