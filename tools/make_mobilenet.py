#!/usr/bin/env python3
"""A MobileNetV2 with random weights, for measuring convolutions: make_mobilenet.py OUT.mlpackage [--size 224] [--precision fp16]

The network's layout is that of Sandler et al. 2018, table 2: inverted residual blocks with expansion
(t, channels, repeats, stride). Weights are drawn from a fixed seed and scaled so that activations stay of order 1.
Needs torch and coremltools. Beside the package a golden folder is written: OUT.golden/ with inputs, torch's
outputs in fp32 and golden.json.
"""

import argparse
import json
import pathlib

import coremltools as ct
import numpy as np
import torch
from torch import nn

BLOCKS = [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)]


def unit(inside, outside, kernel=1, stride=1, groups=1):
    """Convolution, normalization and the clipped ReLU that goes with them."""
    convolution = nn.Conv2d(inside, outside, kernel, stride, kernel // 2, groups=groups, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outside), nn.ReLU6())


class Inverted(nn.Module):
    def __init__(self, inside, outside, expand, stride):
        super().__init__()
        wide = inside * expand
        layers = [] if expand == 1 else [unit(inside, wide)]
        layers += [unit(wide, wide, 3, stride, wide), nn.Conv2d(wide, outside, 1, bias=False), nn.BatchNorm2d(outside)]
        self.layers = nn.Sequential(*layers)
        self.residual = stride == 1 and inside == outside

    def forward(self, x):
        return x + self.layers(x) if self.residual else self.layers(x)


def build(classes):
    layers, channels = [unit(3, 32, 3, 2)], 32
    for expand, outside, repeats, stride in BLOCKS:
        for i in range(repeats):
            layers.append(Inverted(channels, outside, expand, stride if i == 0 else 1))
            channels = outside
    layers += [unit(channels, 1280), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(1280, classes)]
    return nn.Sequential(*layers)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--precision", choices=["fp16", "fp32"], default="fp16")
    options = parser.parse_args()
    torch.manual_seed(20)
    model = build(1000).eval()
    with torch.no_grad():
        for part in model.modules():
            if isinstance(part, nn.Conv2d):
                nn.init.kaiming_normal_(part.weight, mode="fan_in")
            if isinstance(part, nn.BatchNorm2d):
                part.weight.uniform_(0.8, 1.2)
                part.bias.normal_(0, 0.1)
        image = torch.rand(1, 3, options.size, options.size)
        expected = model(image)
        traced = torch.jit.trace(model, image)
    precision = ct.precision.FLOAT16 if options.precision == "fp16" else ct.precision.FLOAT32
    package = ct.convert(
        traced,
        inputs=[ct.TensorType("image", image.shape)],
        outputs=[ct.TensorType("scores")],
        minimum_deployment_target=ct.target.iOS16,
        compute_precision=precision,
        skip_model_load=True,
    )
    package.save(str(options.out))
    golden = options.out.with_suffix(".golden")
    golden.mkdir(exist_ok=True)
    np.savez(golden / "inputs.npz", image=image.numpy())
    np.savez(golden / "outputs.npz", scores=expected.numpy())
    tolerance = {"rel_l2": 0.02 if options.precision == "fp16" else 1e-4}
    description = {"model": f"../{options.out.name}", "calls": [{"inputs": "inputs.npz", "outputs": "outputs.npz"}], "tolerance": tolerance}
    (golden / "golden.json").write_text(json.dumps(description, indent=1) + "\n")


if __name__ == "__main__":
    main()
