"""The way back: a package's weights, read by coremltools from weight.bin, in the PyTorch decoder.

What is measured and what the golden folder expects comes from here, so that it speaks of the bytes
that ship and not of tensors the training left in memory.
"""

import json
from pathlib import Path

import coremltools as ct
import torch
from coremltools.converters.mil.frontend.milproto.load import load as load_program

from model import Decoder, Sizes


def read_sizes(folder: Path) -> Sizes:
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    return Sizes(
        vocab=config["vocab_size"],
        dim=config["hidden_size"],
        layers=config["num_hidden_layers"],
        heads=config["num_attention_heads"],
        kv_heads=config["num_key_value_heads"],
        head_dim=config["head_dim"],
        hidden=config["intermediate_size"],
        context=config["context_length"],
        prefill=config["prefill_length"],
        theta=config["rope_theta"],
        eps=config["rms_norm_eps"],
    )


def stored_values(package: Path, function: str) -> dict[str, torch.Tensor]:
    """Every decompressed matrix and every constant of a function, by the name of its value."""
    model = ct.models.MLModel(str(package), skip_model_load=True)
    spec = model.get_spec()
    program = load_program(spec, spec.specificationVersion, model.weights_dir)
    values = {}
    for op in program.functions[function].operations:
        if op.op_type == "constexpr_lut_to_dense":
            values[op.outputs[0].name] = torch.from_numpy(op.materialized_val_inference()).float()
        elif op.op_type == "const" and getattr(op.outputs[0].val, "ndim", 0) > 0:
            values[op.outputs[0].name] = op.outputs[0].val
    return values


def read_decoder(folder: Path, function: str = "decode") -> Decoder:
    model = Decoder(read_sizes(folder)).eval()
    values = stored_values(folder / "model.mlpackage", function)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            weight.copy_(torch.as_tensor(values[name.replace(".", "_")]).reshape(weight.shape))
        for part in ("cos", "sin"):
            getattr(model, part).copy_(torch.as_tensor(values[f"rotary_{part}"]))
    return model
