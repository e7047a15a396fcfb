"""The ways to convert: a table from a name to a function that makes Trials of a model.

A Source is a module with its inputs, in PyTorch's fp32 as the truth, and in its fp16 as the measure of
what fp16 costs. A variant returns (trials, precise): precise ones compute in fp32.
"""

import copy
import time
from dataclasses import dataclass
from pathlib import Path

import compress
import coremltools as ct
import numpy as np
import torch
from judge import Trial
from parts import randomize

TARGETS = {
    "ios15": ct.target.iOS15,
    "ios16": ct.target.iOS16,
    "ios17": ct.target.iOS17,
    "ios18": ct.target.iOS18,
    "ios26": ct.target.iOS26,
}


class Unsuitable(Exception):
    """The variant means nothing for this model."""


def flat(results) -> list:
    if isinstance(results, torch.Tensor):
        return [results.detach()]
    return [tensor for part in results for tensor in flat(part)]


@dataclass
class Source:
    module: torch.nn.Module
    inputs: tuple
    script: bool
    folder: Path

    @classmethod
    def make(cls, maker, folder: Path, seed: int = 0) -> "Source":
        torch.manual_seed(seed)
        np.random.seed(seed)
        module, inputs, *kind = maker()
        return cls(randomize(module), inputs, "script" in kind, folder)

    def run(self, *inputs) -> list:
        with torch.no_grad():
            return flat(self.module(*(inputs or self.inputs)))

    def clock(self):
        """What gives the fastest of a few runs of what was converted, in milliseconds."""
        program = self.program()

        def milliseconds() -> float:
            times = []
            with torch.no_grad():
                while len(times) < 3 or (sum(times) < 0.2 and len(times) < 10):
                    start = time.monotonic()
                    program(*self.inputs)
                    times.append(time.monotonic() - start)
            return 1e3 * min(times)

        return milliseconds

    def program(self):
        if self.script:
            return torch.jit.script(self.module)
        with torch.no_grad():
            return torch.jit.trace(self.module, self.inputs, check_trace=False)

    def named(self, inputs=None) -> dict:
        return {f"in{i}": x.numpy() for i, x in enumerate(inputs or self.inputs)}

    def half(self, inputs=None) -> list | None:
        """What PyTorch gives in fp16; None where it has no such kernel."""

        def lower(x):
            return x.half() if x.dtype == torch.float32 else x

        inputs = inputs or self.inputs
        before = torch.get_default_dtype()
        try:
            module = copy.deepcopy(self.module).half()
            torch.set_default_dtype(torch.float16)
            with torch.no_grad():
                return flat(module(*map(lower, inputs)))
        except Exception:
            return None
        finally:
            torch.set_default_dtype(before)

    def types(self, shapes=None) -> list:
        kinds = {torch.int32: np.int32, torch.int64: np.int32}
        return [
            ct.TensorType(f"in{i}", shapes[i] if shapes else x.shape, dtype=kinds.get(x.dtype, np.float32))
            for i, x in enumerate(self.inputs)
        ]

    def save(self, model, name: str) -> Path:
        path = self.folder / f"{name}.mlpackage"
        model.save(str(path))
        return path

    def trial(self, model, name: str, inputs=None, **settings) -> Trial:
        """The package of a converted model, judged by the module itself."""
        path = model if isinstance(model, Path) else self.save(model, name)
        spec = ct.utils.load_spec(str(path))
        names = [port.name for port in spec.description.output]
        truth = self.run(*(inputs or self.inputs))
        half = self.half(inputs) or []
        return Trial(
            path,
            self.named(inputs),
            {n: t.numpy() for n, t in zip(names, truth)},
            {n: t.float().numpy() for n, t in zip(names, half)} or None,
            **settings,
        )


def convert(source: Source, **settings):
    settings.setdefault("inputs", source.types())
    program = settings.pop("program", None)
    if program is None:
        program = source.program()
    settings.setdefault("minimum_deployment_target", ct.target.iOS15)
    settings.setdefault("convert_to", "mlprogram")
    return ct.convert(program, skip_model_load=True, **settings)


# ---- precision and target ----


def plain(target: str, precise: bool):
    precision = ct.precision.FLOAT32 if precise else ct.precision.FLOAT16

    def variant(source: Source):
        model = convert(source, minimum_deployment_target=TARGETS[target], compute_precision=precision)
        return [source.trial(model, "plain")], precise

    return variant


def exported(source: Source):
    """Through torch.export instead of a trace."""
    with torch.no_grad():
        program = torch.export.export(source.module, source.inputs).run_decompositions({})
    model = ct.convert(
        program,
        convert_to="mlprogram",
        skip_model_load=True,
        minimum_deployment_target=ct.target.iOS17,
    )
    trial = source.trial(model, "exported")
    names = [port.name for port in ct.utils.load_spec(str(trial.package)).description.input]
    trial.inputs = dict(zip(names, trial.inputs.values()))
    return [trial], False


def unoptimized(source: Source):
    """No pass of coremltools: what the front end wrote, dead and constant parts included."""
    model = convert(source, pass_pipeline=ct.PassPipeline.EMPTY, minimum_deployment_target=ct.target.iOS16)
    return [source.trial(model, "unoptimized")], True


def mixed(source: Source):
    """Every other operation in fp16, so that casts stand everywhere."""
    count = iter(range(1 << 30))
    precision = ct.transform.FP16ComputePrecision(op_selector=lambda op: next(count) % 2 == 0)
    model = convert(source, compute_precision=precision, minimum_deployment_target=ct.target.iOS17)
    return [source.trial(model, "mixed")], False


def neural_network(source: Source):
    """The older model type, whose layers have no types: fp32."""
    model = convert(source, convert_to="neuralnetwork", minimum_deployment_target=ct.target.iOS14)
    path = source.folder / "network.mlmodel"
    model.save(str(path))
    return [source.trial(path, "")], True


# ---- flexible shapes ----


def flexible_axes(inputs: tuple) -> dict:
    """input -> axes that may vary: the sides of images, the length of texts and sounds."""
    ranks = {x.ndim for x in inputs}
    if ranks == {4} and all(x.shape[1] in (1, 2, 3) for x in inputs):
        return {i: (2, 3) for i in range(len(inputs))}
    if ranks == {2} or (ranks == {3} and len(inputs) == 1):
        return {i: (1,) for i in range(len(inputs))}
    raise Unsuitable("no input whose size is likely to vary")


def resized(x: torch.Tensor, sizes: dict) -> torch.Tensor:
    """Another input of the same kind."""
    shape = [sizes.get(axis, n) for axis, n in enumerate(x.shape)]
    if x.dtype == torch.float32:
        return torch.randn(shape)
    return torch.randint(int(x.min()), int(x.max()) + 1, shape, dtype=x.dtype)


def flexible(enumerated: bool):
    """Judged by the traced program at each size, so that what tracing made constant does not count."""

    def variant(source: Source):
        axes = flexible_axes(source.inputs)
        factors = (1.0, 1.5, 2.0)
        sizes = [{a: int(source.inputs[0].shape[a] * f) for a in axes[0]} for f in factors]
        if enumerated:
            shapes = [ct.EnumeratedShapes([[s.get(a, n) for a, n in enumerate(x.shape)] for s in sizes]) for x in source.inputs]
        else:
            ranges = {a: ct.RangeDim(sizes[0][a] // 2, sizes[2][a], sizes[0][a]) for a in axes[0]}
            shapes = [[ranges.get(a, n) for a, n in enumerate(x.shape)] for x in source.inputs]
            sizes.append({a: sizes[0][a] // 2 for a in axes[0]})
        program = source.program()
        model = convert(
            source,
            program=program,
            inputs=source.types(shapes),
            minimum_deployment_target=ct.target.iOS18,
        )
        path = source.save(model, "flexible")
        original, trials = source.module, []
        for size in sizes:
            inputs = tuple(resized(x, size) for x in source.inputs)
            source.module = program
            try:
                source.run(*inputs)
            except Exception:
                continue  # this size does not suit the model
            trials.append(source.trial(path, "", inputs))
        source.module = original
        if len(trials) < 2:
            raise Unsuitable("the traced program runs at one size only")
        return trials, False

    return variant


def batches(source: Source):
    """The first axis of every input varies."""
    if len({x.shape[0] for x in source.inputs if x.ndim}) != 1 or any(not x.ndim for x in source.inputs):
        raise Unsuitable("the inputs share no first axis")
    program, batch = source.program(), ct.RangeDim(1, 4, source.inputs[0].shape[0])
    shapes = [[batch, *x.shape[1:]] for x in source.inputs]
    model = convert(source, program=program, inputs=source.types(shapes))
    path, trials = source.save(model, "batches"), []
    original, source.module = source.module, program
    for n in (1, 2, 3):
        inputs = tuple(resized(x, {0: n}) for x in source.inputs)
        try:
            source.run(*inputs)
        except Exception:
            continue
        trials.append(source.trial(path, "", inputs))
    source.module = original
    if len(trials) < 2:
        raise Unsuitable("the traced program runs at one size only")
    return trials, False


VARIANTS = {
    **{target: plain(target, False) for target in TARGETS},
    "fp32": plain("ios15", True),
    "fp32_ios18": plain("ios18", True),
    "export": exported,
    "unoptimized": unoptimized,
    "mixed": mixed,
    "network": neural_network,
    "range": flexible(False),
    "enumerated": flexible(True),
    "batches": batches,
    **compress.VARIANTS,
}
