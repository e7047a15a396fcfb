"""Models that are made around a conversion's own features: images, labels, states, functions, pipelines.

Each gives (trials, precise) for a folder to write into.
"""

from pathlib import Path

import coremltools as ct
import numpy as np
import torch
import torch.nn.functional as F
from judge import Trial
from layers import Of
from parts import randomize
from torch import nn
from variants import TARGETS, Source, convert, flat

SIZE = 16


def network(channels: int = 3, classes: int = 6) -> nn.Module:
    layers = nn.Sequential(
        nn.Conv2d(channels, 8, 3, padding=1),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 12, 3, groups=4),
        nn.SiLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(12, classes),
        nn.Softmax(1),
    )
    return randomize(layers)


def pixels(channels: int = 3, size: int = SIZE) -> np.ndarray:
    shape = (size, size) if channels == 1 else (size, size, channels)
    return np.random.randint(0, 256, shape, np.uint8)


def planes(image: np.ndarray, order: str = "rgb") -> torch.Tensor:
    array = image.astype(np.float32)
    array = array[None, None] if array.ndim == 2 else array.transpose(2, 0, 1)[None]
    return torch.from_numpy(np.ascontiguousarray(array if order == "rgb" else array[:, ::-1]))


def traced(module: nn.Module, *inputs):
    with torch.no_grad():
        return torch.jit.trace(module, inputs, check_trace=False)


def converted(folder: Path, module: nn.Module, examples: tuple, name: str = "model", **settings) -> Path:
    settings.setdefault("minimum_deployment_target", ct.target.iOS16)
    model = ct.convert(traced(module, *examples), convert_to="mlprogram", skip_model_load=True, **settings)
    path = folder / f"{name}.mlpackage"
    model.save(str(path))
    return path


def output_names(path: Path) -> list:
    return [port.name for port in ct.utils.load_spec(str(path)).description.output]


def image_input(layout, order: str, channels: int = 3):
    """scale and bias are one number and three."""

    def make(folder: Path):
        module = network(channels)
        scale, bias = 1 / 127.5, [-0.9] if channels == 1 else [-1.0, -0.9, -0.8]
        bias = bias[0] if channels == 1 else bias
        image = pixels(channels)
        port = ct.ImageType("image", (1, channels, SIZE, SIZE), scale, bias, layout)
        path = converted(folder, module, (planes(image),), inputs=[port])
        x = planes(image, order) * scale + torch.tensor(bias).reshape(1, -1, 1, 1)
        with torch.no_grad():
            truth = module(x).numpy()
        return [Trial(path, {"image": image}, {output_names(path)[0]: truth}, limit=1e-2)], False

    return make


def image_half_gray(folder: Path):
    module = network(1)
    image = np.random.rand(SIZE, SIZE).astype(np.float16)
    port = ct.ImageType("image", (1, 1, SIZE, SIZE), color_layout=ct.colorlayout.GRAYSCALE_FLOAT16)
    path = converted(folder, module, (planes(image),), inputs=[port])
    with torch.no_grad():
        truth = module(planes(image)).numpy()
    return [Trial(path, {"image": image}, {output_names(path)[0]: truth}, limit=1e-2)], False


def image_output(layout, channels: int, order: str = "rgb"):
    def make(folder: Path):
        conv = nn.Conv2d(channels, 4 * channels, 3, padding=1)
        module = Of(lambda m, x: F.pixel_shuffle(m.conv(x / 255), 2).sigmoid() * 255, conv=conv)
        image = pixels(channels)
        port = ct.ImageType("image", (1, channels, SIZE, SIZE), color_layout=layout)
        out = ct.ImageType("picture", color_layout=layout)
        path = converted(folder, module, (planes(image),), inputs=[port], outputs=[out])
        with torch.no_grad():
            truth = module(planes(image, order))[0].numpy()
        if order == "bgr":
            truth = truth[::-1]
        truth = np.clip(truth, 0, 255).round()
        truth = truth[0] if channels == 1 else truth.transpose(1, 2, 0)
        # |a - b| / (1 + |b|) of one level: 1 at black
        return [Trial(path, {"image": image}, {"picture": truth}, limit=1.0)], False

    return make


def image_flexible(folder: Path):
    module = Of(lambda m, x: m.conv(x / 255).relu().mean((2, 3)), conv=nn.Conv2d(3, 5, 3, stride=2))
    shapes = ct.EnumeratedShapes([(1, 3, n, n + 8) for n in (16, 24, 40)])
    path = converted(folder, module, (torch.rand(1, 3, 16, 24),), inputs=[ct.ImageType("image", shapes)])
    trials = []
    for n in (16, 24, 40):
        image = np.random.randint(0, 256, (n, n + 8, 3), np.uint8)
        with torch.no_grad():
            truth = module(planes(image)).numpy()
        trials.append(Trial(path, {"image": image}, {output_names(path)[0]: truth}, limit=1e-2))
    return trials, False


def classifier(labels: list, image: bool):
    def make(folder: Path):
        module = network(3, len(labels))
        picture = pixels()
        x = planes(picture) / 255
        shape = (1, 3, SIZE, SIZE)
        port = ct.ImageType("x", shape, 1 / 255) if image else ct.TensorType("x", shape)
        config = ct.ClassifierConfig(labels, predicted_feature_name="label")
        path = converted(folder, module, (x,), inputs=[port], classifier_config=config)
        with torch.no_grad():
            truth = module(x)[0].numpy()
        names = [n for n in output_names(path) if n != "label"]
        expected = {
            "label": np.array([labels[int(truth.argmax())]]),
            f"{names[0]}.keys": np.array(labels),
            f"{names[0]}.values": truth,
        }
        return [Trial(path, {"x": picture if image else x.numpy()}, expected, limit=1e-2)], False

    return make


# ---- states ----


class Cache(nn.Module):
    """A layer of causal attention that keeps its keys and values; queries of any length."""

    def __init__(self, length: int = 16, width: int = 24, heads: int = 3) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        shape = (1, heads, length, width // heads)
        self.register_buffer("keys", torch.zeros(shape))
        self.register_buffer("values", torch.zeros(shape))

    def forward(self, x, mask):
        n, end = x.shape[1], mask.shape[-1]
        q, k, v = (y.reshape(1, n, self.heads, -1).transpose(1, 2) for y in self.qkv(x).chunk(3, 2))
        self.keys[:, :, end - n : end] = k
        self.values[:, :, end - n : end] = v
        y = F.scaled_dot_product_attention(q, self.keys[:, :, :end], self.values[:, :, :end], attn_mask=mask)
        return self.out(y.transpose(1, 2).reshape(1, n, -1))


def sequence(steps: list) -> dict:
    return {f"{name}@{i}": value for i, step in enumerate(steps) for name, value in step.items()}


def cache(folder: Path):
    module = randomize(Cache())
    lengths, steps, truths, end = [4, 1, 1, 3, 1], [], [], 0
    for n in lengths:
        end += n
        mask = torch.full((1, 1, n, end), -1e4).triu(end - n + 1)
        steps.append((torch.randn(1, n, 24), mask))
    with torch.no_grad():
        truths = [module(*step).numpy() for step in steps]
    module.keys.zero_(), module.values.zero_()
    query, whole = ct.RangeDim(1, 16), ct.RangeDim(1, 16)
    states = [ct.StateType(ct.TensorType(shape=tuple(t.shape), dtype=np.float16), name=name) for name, t in module.named_buffers()]
    path = converted(
        folder,
        module,
        (torch.randn(1, 2, 24), torch.zeros(1, 1, 2, 2)),
        inputs=[ct.TensorType("x", (1, query, 24)), ct.TensorType("mask", (1, 1, query, whole))],
        outputs=[ct.TensorType("y")],
        states=states,
        minimum_deployment_target=ct.target.iOS18,
    )
    inputs = sequence([{"x": x.numpy(), "mask": m.numpy()} for x, m in steps])
    return [Trial(path, inputs, sequence([{"y": y} for y in truths]), limit=2e-2)], False


class Averages(nn.Module):
    """Two states of different shapes, each read after its own write."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("sums", torch.zeros(3, 4))
        self.register_buffer("count", torch.zeros(1))

    def forward(self, x):
        self.sums.add_(x)
        self.count.add_(1.0)
        self.sums[1:2] = self.sums[1:2] * 0.5
        return self.sums / self.count


def averages(folder: Path):
    module = Averages()
    steps = [torch.randn(3, 4) for _ in range(4)]
    with torch.no_grad():
        truths = [module(x).clone().numpy() for x in steps]
    module.sums.zero_(), module.count.zero_()
    states = [ct.StateType(ct.TensorType(shape=tuple(t.shape), dtype=np.float16), name=name) for name, t in module.named_buffers()]
    path = converted(
        folder,
        module,
        (steps[0],),
        inputs=[ct.TensorType("x", (3, 4))],
        outputs=[ct.TensorType("y")],
        states=states,
        minimum_deployment_target=ct.target.iOS18,
    )
    inputs = sequence([{"x": x.numpy()} for x in steps])
    return [Trial(path, inputs, sequence([{"y": y} for y in truths]), limit=1e-2)], False


# ---- functions and pipelines ----


def functions(folder: Path):
    """Two heads on one body, whose weights are stored once."""
    body, x = nn.Sequential(nn.Linear(12, 32), nn.GELU(), nn.Linear(32, 32)), torch.randn(2, 12)
    heads = {"first": nn.Linear(32, 5), "second": nn.Sequential(nn.Tanh(), nn.Linear(32, 3))}
    whole = ct.utils.MultiFunctionDescriptor()
    truths = {}
    for name, head in heads.items():
        module = randomize(nn.Sequential(body, head))
        with torch.no_grad():
            truths[name] = module(x).numpy()
    for name, head in heads.items():
        module = nn.Sequential(body, head).eval()
        with torch.no_grad():
            truths[name] = module(x).numpy()
        path = converted(
            folder,
            module,
            (x,),
            name,
            inputs=[ct.TensorType("x", x.shape)],
            outputs=[ct.TensorType("y")],
        )
        whole.add_function(str(path), "main", name)
    whole.default_function_name = "second"
    path = folder / "functions.mlpackage"
    ct.utils.save_multifunction(whole, str(path))
    return [Trial(path, {"x": x.numpy()}, {"y": truths[n]}, function=n, limit=1e-2) for n in heads], False


def pipeline(folder: Path):
    """The parts are joined by the names of their ports."""
    first = randomize(nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU()))
    second = randomize(nn.Sequential(nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(32, 5)))
    image = pixels()
    with torch.no_grad():
        between = first(planes(image))
        truth = second(between).numpy()
    one = converted(
        folder,
        first,
        (planes(image),),
        "one",
        inputs=[ct.ImageType("image", (1, 3, SIZE, SIZE))],
        outputs=[ct.TensorType("features")],
    )
    two = converted(
        folder,
        second,
        (between,),
        "two",
        inputs=[ct.TensorType("features", between.shape)],
        outputs=[ct.TensorType("y")],
    )
    parts = [ct.models.MLModel(str(path), skip_model_load=True) for path in (one, two)]
    path = folder / "pipeline.mlpackage"
    ct.utils.make_pipeline(*parts).save(str(path))
    return [Trial(path, {"image": image}, {"y": truth}, limit=1e-2)], False


def bisected(folder: Path):
    """A model cut into two, as a pipeline."""
    import models

    source = Source.make(lambda: models.torchvision_model("resnet18", 64), folder)
    whole = source.save(convert(source), "whole")
    ct.models.utils.bisect_model(str(whole), str(folder), merge_chunks_to_pipeline=True, check_output_correctness=False)
    return [source.trial(folder / "whole_chunked_pipeline.mlpackage", "")], False


def materialized(folder: Path):
    """Functions of fixed sizes made of one of any size."""
    module = randomize(nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3)))
    port = ct.TensorType("x", (ct.RangeDim(1, 9), 6))
    model = ct.convert(
        traced(module, torch.randn(2, 6)),
        convert_to="mlprogram",
        inputs=[port],
        outputs=[ct.TensorType("y")],
        minimum_deployment_target=ct.target.iOS18,
        skip_model_load=True,
    )
    path = folder / "materialized.mlpackage"
    sizes = {"two": 2, "seven": 7}
    shapes = {name: {"x": (n, 6)} for name, n in sizes.items()}
    ct.utils.materialize_dynamic_shape_mlmodel(model, shapes, str(path))
    trials = []
    for name, n in sizes.items():
        x = torch.randn(n, 6)
        with torch.no_grad():
            truth = module(x).numpy()
        trials.append(Trial(path, {"x": x.numpy()}, {"y": truth}, function=name, limit=1e-2))
    return trials, False


def activations(folder: Path):
    """Activations in 8 bits, calibrated by predictions, which pome makes for coremltools."""
    import pome.coremltools  # noqa: F401
    from coremltools.optimize.coreml import OptimizationConfig, experimental

    module, x = network(), torch.rand(1, 3, SIZE, SIZE)
    model = ct.convert(
        traced(module, x),
        convert_to="mlprogram",
        inputs=[ct.TensorType("x", x.shape)],
        outputs=[ct.TensorType("y")],
        minimum_deployment_target=ct.target.iOS17,
    )
    settings = experimental.OpActivationLinearQuantizerConfig(mode="linear_symmetric")
    samples = [{"x": torch.rand(1, 3, SIZE, SIZE).numpy()} for _ in range(6)] + [{"x": x.numpy()}]
    model = experimental.linear_quantize_activations(model, OptimizationConfig(settings), samples)
    path = folder / "activations.mlpackage"
    model.save(str(path))
    with torch.no_grad():
        truth = module(x).numpy()
    return [Trial(path, {"x": x.numpy()}, {"y": truth}, limit=5e-2)], False


def types(target: str):
    """Whole numbers and halves at the ports."""

    def make(folder: Path):
        module = Of(lambda m, x, n: (m.layer(x) + n[:, None].float(), n * 2, x > 0), layer=nn.Linear(6, 4))
        x, n = torch.randn(3, 6), torch.tensor([1, 2, 3], dtype=torch.int32)
        half = np.float16 if target != "ios15" else np.float32
        ports = [ct.TensorType("x", x.shape, half), ct.TensorType("n", n.shape, np.int32)]
        outs = [
            ct.TensorType("y", dtype=half),
            ct.TensorType("m", dtype=np.int32),
            ct.TensorType("positive"),
        ]
        path = converted(
            folder,
            module,
            (x, n),
            inputs=ports,
            outputs=outs,
            minimum_deployment_target=TARGETS[target],
        )
        x = x.half().float()
        with torch.no_grad():
            y, m, positive = flat(module(x, n))
        expected = {"y": y.numpy(), "m": m.numpy(), "positive": positive.float().numpy()}
        return [Trial(path, {"x": x.numpy().astype(half), "n": n.numpy()}, expected, limit=1e-2)], False

    return make


LAYOUT = ct.colorlayout
WORDS = ["cat", "dog", "a bird", "\u00fcber", "fish", "none"]
SPECIAL = {
    "image_rgb": image_input(LAYOUT.RGB, "rgb"),
    "image_bgr": image_input(LAYOUT.BGR, "bgr"),
    "image_gray": image_input(LAYOUT.GRAYSCALE, "rgb", 1),
    "image_half_gray": image_half_gray,
    "image_output_rgb": image_output(LAYOUT.RGB, 3),
    "image_output_bgr": image_output(LAYOUT.BGR, 3, "bgr"),
    "image_output_gray": image_output(LAYOUT.GRAYSCALE, 1),
    "image_flexible": image_flexible,
    "classifier_words": classifier(WORDS, image=True),
    "classifier_numbers": classifier([7, 3, 11, -2, 0, 5], image=False),
    "state_cache": cache,
    "state_averages": averages,
    "multifunction": functions,
    "pipeline": pipeline,
    "bisected": bisected,
    "materialized": materialized,
    "quantized_activations": activations,
    **{f"types_{target}": types(target) for target in ("ios15", "ios16", "ios18")},
}
