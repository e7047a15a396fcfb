"""What pome says about a converted package, against what PyTorch computed.

Everything goes through the command line, one process a call, so that a crash, the time and the peak
memory of each are known. A Trial is a package with inputs and what its outputs should be.
"""

import json
import math
import os
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

POME = os.environ.get("POME", "pome")
SIDES = [("ref", "strict"), ("cpu", "strict"), ("cpu", "fast"), ("ref", "fast")]


@dataclass
class Trial:
    """`expected` are PyTorch's fp32 outputs by name; `half` the same in fp16, where PyTorch can."""

    package: Path
    inputs: dict
    expected: dict
    half: dict | None = None
    function: str | None = None
    #: |a - b| / (1 + |b|) that is allowed; None: as the precision and `half` say
    limit: float | None = None
    #: strict numerics must give `expected` to the bit
    exact: bool = False


@dataclass
class Finding:
    """One line of the results: a model in a variant."""

    error: dict = field(default_factory=dict)  # "cpu strict" -> error
    l2: float = math.nan  # of cpu fast
    half: float = math.nan
    limit: float = math.nan
    torch_ms: float = math.nan
    cpu_ms: float = math.nan
    ref_ms: float = math.nan
    peak: float = math.nan  # MiB of the prediction on cpu
    weights: float = math.nan  # MiB of the package
    wrong: list = field(default_factory=list)


class Refused(Exception):
    """A call of pome ended otherwise than with 0, or gave what was not expected."""

    def __init__(self, said: str, outputs: dict | None = None) -> None:
        super().__init__(said)
        self.outputs = outputs or {}


def call(*arguments, seconds: float = 300) -> tuple:
    """(stdout, seconds) of one call of pome."""
    start = time.monotonic()
    # a shell between, as the peak of a process starts with that of the one which made it
    line = ["sh", "-c", '"$@"; exit $?', "sh", POME, *map(str, arguments)]
    process = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        out, err = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise Refused(f"{arguments[0]}: more than {seconds} s") from None
    if process.returncode != 0:
        said = " ".join(err.split())[:300]
        raise Refused(f"{arguments[0]}: status {process.returncode}: {said}")
    return out, time.monotonic() - start


def distance(got: np.ndarray, expected: np.ndarray) -> tuple:
    """The largest |a - b| / (1 + |b|), and the 2-norm of the difference over that of b."""
    if np.size(got) != np.size(expected):
        raise Refused(f"shape {np.shape(got)}, expected {np.shape(expected)}")
    a, b = np.asarray(got, np.float64).ravel(), np.asarray(expected, np.float64).ravel()
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    with np.errstate(invalid="ignore", over="ignore"):
        each = np.where(same, 0, np.abs(a - b) / (1 + np.abs(b)))
        difference = np.where(same, 0, a - b)
    worst = float(np.nan_to_num(each, nan=np.inf).max(initial=0))
    norm = float(np.linalg.norm(b[np.isfinite(b)]))
    return worst, float(np.linalg.norm(np.nan_to_num(difference, nan=1e30))) / max(norm, 1e-12)


def errors(got: dict, expected: dict) -> tuple:
    pairs = []
    for name, value in expected.items():
        if name not in got:
            raise Refused(f"no output {name}; there are {', '.join(got)}")
        if np.asarray(value).dtype.kind in "US":
            agree = np.array_equal(np.asarray(got[name]).ravel(), np.asarray(value).ravel())
            pairs.append((0.0 if agree else 1.0, 0.0))
        else:
            pairs.append(distance(got[name], value))
    return max(p[0] for p in pairs), max(p[1] for p in pairs)


def predict(trial: Trial, device: str, numerics: str, folder: Path, package: Path | None = None):
    inputs, outputs = folder / "inputs.npz", folder / "outputs.npz"
    np.savez(inputs, **trial.inputs)
    line = ["predict", package or trial.package, "--inputs", inputs, "-o", outputs, "--threads", 1]
    line += ["--device", device, "--numerics", numerics]
    line += ["--function", trial.function] if trial.function else []
    _, seconds = call(*line)
    with np.load(outputs, allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}, seconds


def bench(trial: Trial, device: str, folder: Path, runs: int) -> dict:
    inputs = folder / "inputs.npz"
    np.savez(inputs, **trial.inputs)
    line = [
        "bench",
        trial.package,
        "--inputs",
        inputs,
        "--json",
        "-n",
        runs,
        "--warm-up",
        1,
        "--threads",
        1,
    ]
    line += ["--device", device] + (["--function", trial.function] if trial.function else [])
    return json.loads(call(*line)[0])


def round_trip(trial: Trial, folder: Path, before: dict) -> None:
    """inspect in its forms, and a converted copy of a package that predicts the same bytes."""
    json.loads(call("inspect", trial.package, "--json")[0])
    if "func " not in call("inspect", trial.package, "--text", "--json")[0]:
        raise Refused("inspect --text shows no function")
    if trial.package.suffix != ".mlpackage":
        return
    copy = folder / "copy.mlpackage"
    call("convert", trial.package, copy, "--force", "-q")
    after, _ = predict(trial, "cpu", "fast", folder, copy)
    for name, value in before.items():
        if not equal(value, after[name]):
            raise Refused(f"convert: {name} differs in the copy")


def size_of(package: Path) -> float:
    return sum(p.stat().st_size for p in Path(package).rglob("*") if p.is_file()) / 2**20


def limit_of(trial: Trial, finding: Finding, precise: bool) -> float:
    if trial.limit is not None:
        return trial.limit
    if precise:
        return 1e-4
    return max(2 * finding.half, 5e-3) if finding.half == finding.half else 2e-2


def compare(trial: Trial, found: Finding, device: str, numerics: str, folder: Path) -> dict:
    """One prediction; its outputs, its error in `found`."""
    side = f"{device} {numerics}"
    outputs, seconds = predict(trial, device, numerics, folder)
    found.error[side], l2 = errors(outputs, trial.expected)
    if device == "ref":
        found.ref_ms = 1e3 * seconds
    if side == "cpu fast":
        found.l2 = l2
    limit = 0.0 if trial.exact and numerics == "strict" else found.limit
    if trial.exact and numerics == "fast" and not all(np.isfinite(v).all() for v in trial.expected.values()):
        limit = math.inf  # the weights let fp16 overflow, which fast numerics need not follow
    if not found.error[side] <= limit:
        raise Refused(f"error {found.error[side]:.2g}, limit {limit:.2g}", outputs)
    return outputs


def equal(a: np.ndarray, b: np.ndarray) -> bool:
    return np.array_equal(a, b, equal_nan=b.dtype.kind == "f")


def measure(trial: Trial, found: Finding, folder: Path, milliseconds) -> None:
    """Both in turn, so that what else the machine does burdens both; the fastest of each."""
    found.cpu_ms = found.torch_ms = math.inf
    for _ in range(3):
        measured = bench(trial, "cpu", folder, 3)
        found.cpu_ms = min(found.cpu_ms, measured["prediction_ms"]["fastest"])
        found.peak = measured["peak_memory_bytes"] / 2**20
        found.torch_ms = min(found.torch_ms, milliseconds())


def judge(trial: Trial, folder: Path, precise: bool, full: bool, milliseconds) -> Finding:
    """`full`: also ref in fast numerics, inspection, a converted copy, and time, which stands beside
    what `milliseconds()` measures."""
    found = Finding(weights=size_of(trial.package))
    if trial.half:
        found.half = errors(trial.half, trial.expected)[0]
    found.limit = limit_of(trial, found, precise)
    results = {}
    for device, numerics in SIDES if full else SIDES[:3]:
        if (device, numerics) == ("ref", "fast") and found.ref_ms > 3000:
            continue
        try:
            results[device, numerics] = compare(trial, found, device, numerics, folder)
        except Refused as refused:
            results[device, numerics] = refused.outputs
            found.wrong.append(f"{device} {numerics}: {refused}")
    here, there = results["cpu", "strict"], results["ref", "strict"]
    if here.keys() != there.keys() or not all(equal(here[name], there[name]) for name in here):
        found.wrong.append("cpu strict is not ref strict")
    try:
        if full and results["cpu", "fast"]:
            round_trip(trial, folder, results["cpu", "fast"])
            if not any("@" in name for name in trial.inputs):
                measure(trial, found, folder, milliseconds)
    except Refused as refused:
        found.wrong.append(str(refused))
    return found
