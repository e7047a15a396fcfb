"""pytest plugin: coremltools' own tests on pome, counted.

`pytest -p plugin` with PYTHONPATH on this folder and python/. Importing it puts pome under coremltools
before any test module is imported, and reports an arm64 machine, since coremltools expects failures of
Intel Macs. A test that passes without a prediction has shown nothing about the engine, so that
predictions and comparisons are counted for each test and written to the results file, one line a test:

    outcome, predictions, comparisons of arrays that pome returned, worst error, name, reason,
    comparisons repeated with the arrays of a second device

Set by run.py: CONFORMANCE_RESULTS (file, appended), CONFORMANCE_EVERY (run one test in N, chosen by
name), CONFORMANCE_SHARD (I/N), CONFORMANCE_STRICT (limit of the worst error, |a - b| / (1 + |b|)),
CONFORMANCE_BESIDE (a second device: what it computes must pass the same assertions; converting a model
takes longer than running it). Tests named in the results file already are left out.
"""

import functools
import gc
import os
import platform
import random
import re
import zlib
from pathlib import Path

import numpy as np
import pome._seam as seam
import pytest

RESULTS = Path(os.environ["CONFORMANCE_RESULTS"])
EVERY = int(os.environ.get("CONFORMANCE_EVERY") or 1)
SHARD, SHARDS = map(int, (os.environ.get("CONFORMANCE_SHARD") or "0/1").split("/"))
STRICT = float(os.environ.get("CONFORMANCE_STRICT") or "inf")
BESIDE = os.environ.get("CONFORMANCE_BESIDE") or None
IS_FIRST = os.environ.get("PYTEST_XDIST_WORKER", "gw0") == "gw0"


class Count:
    """What pome did in the running test."""

    predictions = comparisons = repeated = 0
    worst = 0.0
    arrays: tuple = ()  # pairs: a result, and the second device's or None


def count_predictions() -> None:
    original = seam._MLModelProxy._predict

    @functools.wraps(original)
    def counted(self, inputs, state):
        Count.predictions += 1  # also those that end in an error, which some tests expect
        results = original(self, inputs, state)
        twin = getattr(self, "twin", None) if state is None else None
        others = original(twin, inputs, None) if twin else {}
        pairs = ((value, others.get(name)) for name, value in results.items())
        Count.arrays += tuple(pair for pair in pairs if isinstance(pair[0], np.ndarray))
        return results

    seam._MLModelProxy._predict = counted


def open_twins() -> None:
    """Each model is opened a second time, for the second device."""
    original = seam._MLModelProxy.__init__

    @functools.wraps(original)
    def opening(self, *arguments):
        original(self, *arguments)
        usual = seam.SETTINGS["device"]
        seam.SETTINGS["device"] = BESIDE
        try:
            self.twin = object.__new__(type(self))
            original(self.twin, *arguments)
        finally:
            seam.SETTINGS["device"] = usual

    seam._MLModelProxy.__init__ = opening


def error_of(got, expected) -> float:
    if np.shape(got) != np.shape(expected) or np.asarray(got).dtype.kind not in "fiub":
        return 0.0
    got, expected = np.asarray(got, np.float64), np.asarray(expected, np.float64)
    with np.errstate(invalid="ignore"):
        errors = np.abs(got - expected) / (1 + np.abs(expected))
    return float(errors[np.isfinite(errors)].max(initial=0.0))


def check(pair: list, keywords: dict) -> None:
    """coremltools widens atol to 0.5; a test that asks for more than 1 itself compares nothing, on purpose."""
    if len(pair) != 2 or keywords.get("atol", 0) > 1:
        return
    worst = error_of(*pair)
    Count.worst = max(Count.worst, worst)
    assert worst <= STRICT, f"worst error {worst:.3g} exceeds {STRICT:g}"


def second_device(argument, of_pome: list):
    """The second device's array in place of a whole result; None when it is only a part of one."""
    for result, other in of_pome:
        if other is not None and np.may_share_memory(argument, result):
            return other.reshape(argument.shape) if other.size == argument.size else None
    return None


def count_comparisons() -> None:
    """NumPy's assertions on an array that came from pome; the strict limit applies to them."""
    for name in ("assert_allclose", "assert_almost_equal", "assert_array_equal", "assert_equal"):
        original = getattr(np.testing, name)

        @functools.wraps(original)
        def counted(*args, _original=original, **kwargs):
            given = [*args, *kwargs.values()]
            places = [i for i, a in enumerate(given) if isinstance(a, np.ndarray)]
            pair = [given[i] for i in places]
            of_pome = [r for r in Count.arrays if any(np.may_share_memory(a, r[0]) for a in pair)]
            if not of_pome:
                return _original(*args, **kwargs)
            Count.comparisons += 1
            check(pair, kwargs)
            _original(*args, **kwargs)
            others = [second_device(a, of_pome) for a in pair]
            if any(other is not None for other in others):
                for place, other in zip(places, others):
                    given[place] = given[place] if other is None else other
                check([given[i] for i in places], kwargs)
                _original(*given[: len(args)], **dict(zip(kwargs, given[len(args) :])))
                Count.repeated += 1
            return None

        setattr(np.testing, name, counted)


def define_torchvision_operators() -> None:
    """torchvision's own kernels do not load beside a torch built for processors only. Its Python part
    needs the operators to exist, and the tests need `nms`: greedy, a box goes when its overlap with one
    that stays is above the threshold, compared in double; overlaps that are no number keep it."""
    try:
        import torch
    except ImportError:
        return
    try:
        import torchvision
    except ImportError:
        return
    except RuntimeError:
        import sys

        for name in [n for n in sys.modules if n.split(".")[0] == "torchvision"]:
            del sys.modules[name]
        library = torch.library.Library("torchvision", "DEF")
        for name in ("nms", "qnms"):
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")

        def nms(boxes, scores, iou_threshold):
            kept = []
            for i in scores.argsort(descending=True, stable=True).tolist():
                low = torch.maximum(boxes[i, :2], boxes[kept, :2])
                high = torch.minimum(boxes[i, 2:], boxes[kept, 2:])
                common = (high - low).clamp(min=0).prod(1)
                area = (boxes[:, 2:] - boxes[:, :2]).prod(1)
                overlap = common / (area[i] + area[kept] - common)
                if not bool((overlap.double() > iou_threshold).any()):
                    kept.append(i)
            return torch.tensor(kept, dtype=torch.int64)

        import torchvision

        library.impl("nms", nms, "CPU")
        torchvision.extension._has_ops = lambda: True
        torchvision.ops.boxes._assert_has_ops = torchvision.extension._assert_has_ops = lambda: None
        define_torchvision_operators.library = library


define_torchvision_operators()
platform.machine = lambda: "arm64"
count_predictions()
if BESIDE:
    open_twins()
import pome.coremltools  # noqa: E402, F401, I001  before coremltools: parts of it look once
import coremltools._deps  # noqa: E402

coremltools._deps._IS_MACOS = True
count_comparisons()


# ---- which tests ----


def short_name(nodeid: str) -> str:
    return " ".join(nodeid.split("coremltools/")[-1].split())


def listed() -> list:
    """listed.txt: name (* for anything), tab, why no engine can pass it."""
    lines = (Path(__file__).parent / "listed.txt").read_text().splitlines()
    pairs = [line.split("\t") for line in lines if line and not line.startswith("#")]
    return [(re.compile(re.escape(name).replace(r"\*", ".*")), why) for name, why in pairs]


LISTED = listed()


def pytest_ignore_collect(collection_path, config):
    name = short_name(collection_path.as_posix())
    return True if any(pattern.fullmatch(name) for pattern, _ in LISTED) else None


def done_before() -> set:
    if not RESULTS.exists():
        return set()
    with RESULTS.open() as lines:
        return {line.split("\t")[4] for line in lines if line.count("\t") >= 4}


def pytest_collection_modifyitems(config, items):
    done = done_before()
    chosen, left = [], []
    for item in items:
        name = short_name(item.nodeid)
        number = zlib.crc32(name.encode())
        wanted = number % EVERY == 0 and number // EVERY % SHARDS == SHARD and name not in done
        (chosen if wanted else left).append(item)
        for pattern, why in LISTED:
            if pattern.fullmatch(name):
                item.add_marker(pytest.mark.skip(reason="listed: " + why))
                break
    if IS_FIRST:
        RESULTS.with_suffix(".collected").write_text(str(len(items)))
    config.hook.pytest_deselected(items=left)
    items[:] = chosen


# ---- running and writing down ----


def pytest_collectreport(report):
    """A file that cannot be imported fails, as its tests would; one worker says so."""
    name = short_name(report.nodeid)
    if report.failed and IS_FIRST and name not in done_before():
        write_down("error", 0, 0, 0.0, name, str(report.longrepr)[-300:], 0)


def pytest_collection_finish(session):
    freeze()


def freeze() -> None:
    """coremltools collects garbage at each conversion; what exists already need not be looked at."""
    gc.collect()
    gc.freeze()


def pytest_runtest_setup(item):
    Count.predictions = Count.comparisons = Count.repeated = 0
    Count.worst, Count.arrays = 0.0, ()
    seed = zlib.crc32(short_name(item.nodeid).encode())
    random.seed(seed)
    np.random.seed(seed)
    try:
        import torch
    except ImportError:
        return
    torch.manual_seed(seed)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if call.when == "call":
        report.pome = (Count.predictions, Count.comparisons, Count.worst, Count.repeated)
    if call.when == "teardown" and random.random() < 0.05:
        freeze()


def pytest_runtest_logreport(report):
    if "PYTEST_XDIST_WORKER" in os.environ or (report.when != "call" and report.passed):
        return
    outcome = report.outcome
    if hasattr(report, "wasxfail"):
        outcome = "xfailed" if report.skipped else "xpassed"
    predictions, comparisons, worst, repeated = getattr(report, "pome", (0, 0, 0.0, 0))
    reason = getattr(report, "wasxfail", "")
    if not reason and report.longrepr:
        crash = getattr(report.longrepr, "reprcrash", None)
        text = report.longrepr
        reason = crash.message if crash else text[2] if isinstance(text, tuple) else str(text)
    name = short_name(report.nodeid)
    write_down(outcome, predictions, comparisons, worst, name, reason, repeated)


def write_down(outcome, predictions, comparisons, worst, name, reason, repeated) -> None:
    fields = (outcome, predictions, comparisons, f"{worst:.2g}", name)
    with RESULTS.open("a") as out:
        print(*fields, " ".join(reason.split())[:300], repeated, sep="\t", file=out)
