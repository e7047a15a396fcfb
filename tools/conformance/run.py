"""Runs suites of coremltools' tests on pome and prints one table; conformance.sh sets up and calls it.

Results are kept in FOLDER/SUITE.tsv, one line a test, and tests that stand there are not run again: an
interrupted run goes on where it was. --fresh starts over. After the table stand the names of what failed;
FOLDER/details.txt counts the passes without a prediction by test function and the skips by reason.
"""

import argparse
import collections
import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
OPS = "converters/mil/mil/ops/tests"
TORCH = "converters/mil/frontend/torch/test"
PASSES = "converters/mil/mil/passes/tests"
NETWORK = {"PYMIL_TEST_TARGETS": "neuralnetwork"}
PROGRAM = {"PYMIL_TEST_TARGETS": "mlprogram"}
SCRIPT = {**PROGRAM, "TORCH_FRONTENDS": "TORCHSCRIPT"}
FP32 = {"INCLUDE_MIL_FP32_UNIT_TESTS": "1"}

# name: paths inside coremltools, paths left out, environment
SUITES = {
    "ops": ([OPS], [], PROGRAM),
    "ops_nn": ([OPS], [], NETWORK),
    "ops_fp32": ([OPS], [], {**PROGRAM, **FP32}),
    "states": (
        [
            f"{OPS}/iOS18/test_states.py",
            f"{TORCH}/test_torch_stateful_model.py",
            f"{PASSES}/test_state_passes.py",
        ],
        [],
        SCRIPT,
    ),
    "torch_ops": ([f"{TORCH}/test_torch_ops.py"], [], SCRIPT),
    "torch_ops_export": (
        [f"{TORCH}/test_torch_ops.py"],
        [],
        {**PROGRAM, "TORCH_FRONTENDS": "TORCHEXPORT"},
    ),
    "torch_api": ([TORCH], [f"{TORCH}/test_torch_ops.py", f"{TORCH}/test_internal_graph.py"], SCRIPT),
    "passes": ([PASSES, "converters/mil/backend/mil/passes"], [], PROGRAM),
    "programs": (
        [
            "converters/mil/mil/tests",
            "converters/mil/backend/mil",
            "converters/mil/frontend/milproto",
            "converters/mil/test_inputs_outputs_shape.py",
        ],
        ["converters/mil/backend/mil/passes"],
        PROGRAM,
    ),
    "api": (["test/api", "test/ml_program", "test/modelpackage", "test/blob"], [], {}),
    "neural_network": (["test/neural_network", "converters/mil/backend/nn"], [], {}),
    "optimize": (["test/optimize/coreml", "test/optimize/api"], [], PROGRAM),
}
# run when they are named: the same tests in other ways
MORE = {
    "ops_all_opsets": ([OPS], [], {**PROGRAM, **FP32, "RUN_BACKWARD_COMPATIBILITY": "1"}),
    "torch_ops_fp32": ([f"{TORCH}/test_torch_ops.py"], [], {**SCRIPT, **FP32}),
    "torch_ops_nn": ([f"{TORCH}/test_torch_ops.py"], [], {**SCRIPT, **NETWORK}),
}

# --sample: these suites, one test in so many: about three minutes on two processors
SAMPLE = {"ops": 6, "states": 1, "torch_ops": 20, "programs": 2, "api": 3, "ops_nn": 8}


def run(suite: str, every: int, options: argparse.Namespace, results: Path) -> None:
    paths, left_out, environment = {**SUITES, **MORE}[suite]
    root = importlib.util.find_spec("coremltools").submodule_search_locations[0]
    variables = {
        **os.environ,
        **environment,
        "PYTHONPATH": os.pathsep.join(map(str, (HERE, HERE.parents[1] / "python"))),
        "CONFORMANCE_RESULTS": str(results),
        "CONFORMANCE_EVERY": str(every),
        "CONFORMANCE_SHARD": options.shard,
        "CONFORMANCE_STRICT": options.strict or "",
        "CONFORMANCE_BESIDE": options.beside or "",
        "POME_DEVICE": options.device or "",
        "POME_NUMERICS": options.numerics or "",
        "TQDM_DISABLE": "1",
        "PYTHONHASHSEED": "0",  # workers must collect the same names, some of which come from sets
        "OMP_NUM_THREADS": "1",
        # its sort orders equal numbers at random; without it the first comes first, as on Apple's processors
        "NPY_DISABLE_CPU_FEATURES": "AVX512F AVX512CD AVX512_SKX AVX512_CLX AVX512_CNL AVX512_ICL AVX512_SPR",
    }
    line = [sys.executable, "-W", "ignore", "-m", "pytest", "-p", "plugin", "-p", "no:cacheprovider"]
    line += ["-q", "--tb=no", "--no-header", "-n", str(options.jobs), "--rootdir", root]
    line += [f"--ignore={root}/{path}" for path in left_out] + [f"{root}/{path}" for path in paths]
    with results.with_suffix(".log").open("w") as log:
        subprocess.run(line, env=variables, stdout=log, stderr=subprocess.STDOUT)


def forget_failures(results: Path) -> None:
    kept = [line for line in lines_of(results) if not is_failure(line)]
    results.write_text("".join("\t".join(line) + "\n" for line in kept))


COLUMNS = (
    "suite",
    "collected",
    "run",
    "passed",
    "of them without a prediction",
    "failed",
    "failed: model types that do not run",
    "failed: fp16 held to fp32's tolerance",
    "listed",
    "skipped",
    "xfailed",
    "xpassed",
    "predictions",
    "comparisons",
    "repeated on the second device",
)
LISTED = "Skipped: listed: "


def lines_of(results: Path) -> list:
    with results.open() as file:
        return [line.rstrip("\n").split("\t") for line in file]


def is_failure(line: list) -> bool:
    return line[0] in ("failed", "error")


def is_idle(line: list) -> bool:
    return line[0] == "passed" and line[1] == "0"


def is_of_other_type(line: list) -> bool:
    """A model that is no ML program was refused, or the lack of its compiled form followed from that."""
    refused = "models of type" in line[5] and "cannot run" in line[5]
    return refused or "not loaded or compiled with the Core ML" in line[5]


def is_of_halves(line: list) -> bool:
    """Of the fp32 suites, a test whose program has fp16 values and whose tolerance is below their rounding; that
    its largest error is within --strict was checked before."""
    halves = "numpy.float16" in line[4] or "dtype=fp16" in line[4]
    too_fine = "Not equal to tolerance rtol=1e-05, atol=0.0001" in line[5]
    return halves and too_fine and "precision='fp32'" in line[4]


def row(suite: str, results: Path) -> tuple:
    lines = lines_of(results)
    counts = collections.Counter(line[0] for line in lines)
    failed = [line for line in lines if is_failure(line)]
    others = sum(is_of_other_type(line) for line in failed)
    halves = sum(is_of_halves(line) for line in failed)
    listed = sum(line[5].startswith(LISTED) for line in lines)
    idle = sum(map(is_idle, lines))
    collected = results.with_suffix(".collected")
    return (
        suite,
        collected.read_text() if collected.exists() else "?",
        len(lines),
        counts["passed"],
        idle,
        len(failed) - others - halves,
        others,
        halves,
        listed,
        counts["skipped"] - listed,
        counts["xfailed"],
        counts["xpassed"],
        sum(int(line[1]) for line in lines),
        sum(int(line[2]) for line in lines),
        sum(int(line[6]) for line in lines if len(line) > 6),
    )


def tell_details(tables: list, details: Path) -> None:
    lines = [line for table in tables for line in lines_of(table)]
    idle = collections.Counter(line[4].split("[")[0] for line in lines if is_idle(line))
    failures = [line for line in lines if is_failure(line)]
    failures = [line for line in failures if not is_of_other_type(line) and not is_of_halves(line)]
    skips = [line[5].removeprefix("Skipped: ") for line in lines if line[0] == "skipped"]
    reasons = collections.Counter(re.sub(r"\d+", "N", skip) for skip in skips)
    for line in failures:
        print(f"failed: {line[4]}: {line[5]}")
    with details.open("w") as out:
        for name, count in idle.most_common():
            print(f"passed without a prediction {count}: {name}", file=out)
        for reason, count in reasons.most_common():
            print(f"skipped {count}: {reason}", file=out)
    print(f"passes without a prediction and reasons of skips: {details}", file=sys.stderr)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("suites", nargs="*", help=f"of {', '.join(SUITES)}, all without one; or of {', '.join(MORE)}")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="run one test in N")
    parser.add_argument("--shard", default="0/1", metavar="I/N", help="run part I of N")
    parser.add_argument("--strict", metavar="E", help="limit of |a - b| / (1 + |b|), such as 0.01")
    parser.add_argument("--device", help="pome's device chain")
    parser.add_argument("--beside", metavar="DEVICE", help="a second device that must pass as well")
    parser.add_argument("--numerics", help="fast, strict or wide")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--folder", type=Path, default=Path("build/conformance/results"))
    parser.add_argument("--again", action="store_true", help="run the tests again that failed before")
    parser.add_argument("--fresh", action="store_true", help="forget earlier results")
    parser.add_argument("--sample", action="store_true", help="a small part of some suites, afresh")
    options = parser.parse_args()
    unknown = [name for name in options.suites if name not in SUITES and name not in MORE]
    if unknown:
        parser.error(f"no suite {unknown[0]}; there are {', '.join([*SUITES, *MORE])}")
    folder = (options.folder / "sample" if options.sample else options.folder).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    failed, tables = 0, []
    print("| " + " | ".join(COLUMNS) + " |\n" + "|---" * len(COLUMNS) + "|", flush=True)
    for suite in SAMPLE if options.sample else options.suites or SUITES:
        results = folder / f"{suite}.tsv"
        if options.fresh or options.sample:
            results.unlink(missing_ok=True)
        if options.again and results.exists():
            forget_failures(results)
        run(suite, SAMPLE[suite] if options.sample else options.every, options, results)
        if not results.exists():
            print(f"| {suite} | nothing ran, see {results.with_suffix('.log')} |", flush=True)
            failed += 1
            continue
        cells = row(suite, results)
        failed += cells[COLUMNS.index("failed")]
        tables.append(results)
        print("| " + " | ".join(map(str, cells)) + " |", flush=True)
    tell_details(tables, folder / "details.txt")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
