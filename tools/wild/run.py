"""Converts models nobody prepared and compares pome with PyTorch; prints one table.

    python tools/wild/run.py FOLDER [--family NAME,...] [--models NAME,...] [--variants NAME,...] [--again]

Names may be patterns. The variant "special" runs the models of the family "special".

FOLDER keeps results.jsonl, one line a model in a variant, and lines that stand there are not run again;
--again repeats what was not right. Each pair runs in a process of its own. POME names the program.
"""

import argparse
import contextlib
import dataclasses
import fnmatch
import json
import logging
import math
import multiprocessing
import os
import shutil
import sys
import tempfile
import time
import traceback
import warnings
from functools import partial
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))


def examine(maker, variant, folder: Path) -> dict:
    """Runs in the child: convert, then judge."""
    import judge
    import numpy as np
    import torch
    import variants

    if variant == "special":
        torch.manual_seed(0)
        np.random.seed(0)
        source, make = None, maker
    else:
        source = variants.Source.make(maker, folder)
        make = partial(variants.VARIANTS[variant], source)
    try:
        trials, precise = make(folder) if variant == "special" else make()
    except variants.Unsuitable as error:
        return {"outcome": "unsuitable", "why": str(error)}
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        said = " ".join(str(error).split())[:200]
        return {"outcome": "not converted", "why": f"{type(error).__name__}: {said} ({place.name})"}
    halves = [value for t in trials for value in (t.half or {}).values()]
    if not precise and not all(np.isfinite(value).all() for value in halves):
        return {"outcome": "unsuitable", "why": "PyTorch itself overflows in fp16"}
    clock = source.clock() if source else lambda: math.nan
    findings = [judge.judge(t, folder, precise, i == 0, clock) for i, t in enumerate(trials)]
    wrong = [line for finding in findings for line in finding.wrong]
    total = dataclasses.asdict(findings[0])
    for side in total["error"]:
        total["error"][side] = max(f.error.get(side, 0) for f in findings)
    total.update(outcome="wrong" if wrong else "right", wrong=wrong, trials=len(trials))
    return total


def child(pipe, maker, variant, log: Path, keep: Path | None) -> None:
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    folder = Path(tempfile.mkdtemp(prefix="wild-"))
    try:
        result = examine(maker, variant, folder)
        if keep and result["outcome"] == "wrong":
            shutil.copytree(folder, keep, dirs_exist_ok=True)
    except Exception:
        result = {"outcome": "failed", "why": traceback.format_exc()[-400:]}
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    pipe.send(result)


def apart(name: str, maker, variant: str, seconds: float, folder: Path) -> dict:
    """One model in one variant, in a process of its own."""
    receiver, sender = multiprocessing.Pipe(duplex=False)
    arguments = (sender, maker, variant, folder / "last.log", folder / "kept" / f"{name}-{variant}")
    process = multiprocessing.get_context("fork").Process(target=child, args=arguments)
    process.start()
    sender.close()
    try:
        if receiver.poll(seconds):
            return receiver.recv()
        return {"outcome": "failed", "why": f"more than {seconds:.0f} s"}
    except EOFError:
        process.join()
        return {"outcome": "failed", "why": f"the process ended with {process.exitcode}"}
    finally:
        process.kill()
        process.join()


def number(value, form: str = ".1e") -> str:
    return "" if value is None or value != value else format(value, form)


def print_table(results: list) -> None:
    columns = (
        "model",
        "variant",
        "outcome",
        "ref strict",
        "cpu strict",
        "cpu fast",
        "fp16 torch",
        "rel_l2",
    )
    columns += ("torch ms", "cpu ms", "MiB peak")
    print("| " + " | ".join(columns) + " |\n|" + "---|" * len(columns))
    for r in results:
        errors = [number(r.get("error", {}).get(side)) for side in ("ref strict", "cpu strict", "cpu fast")]
        times = [number(r.get(key), ".1f") for key in ("torch_ms", "cpu_ms", "peak")]
        numbers = [*errors, number(r.get("half")), number(r.get("l2")), *times]
        print("| " + " | ".join([r["model"], r["variant"], r["outcome"], *numbers]) + " |")


def print_summary(results: list) -> None:
    by = {}
    for r in results:
        counts = by.setdefault((r["family"], r["variant"]), {})
        counts[r["outcome"]] = counts.get(r["outcome"], 0) + 1
    outcomes = ("right", "wrong", "failed", "not converted", "unsuitable")
    print("| family | variant | " + " | ".join(outcomes) + " |\n|" + "---|" * 7)
    for (family, variant), counts in sorted(by.items()):
        print(f"| {family} | {variant} | " + " | ".join(str(counts.get(o, 0)) for o in outcomes) + " |")
    for r in results:
        what = f"{r['model']} {r['variant']}"
        if r["outcome"] in ("wrong", "failed"):
            print(f"{r['outcome']}: {what}: {'; '.join(r.get('wrong') or [r['why']])}")
        elif r.get("cpu_ms", math.nan) > 5 * r.get("torch_ms", math.nan):
            print(f"slow: {what}: {r['cpu_ms']:.1f} ms, PyTorch {r['torch_ms']:.1f} ms")


def chosen(names, patterns: str | None) -> list:
    if not patterns:
        return list(names)
    return [n for n in names if any(fnmatch.fnmatch(n, p) for p in patterns.split(","))]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--models", help="names or patterns, with commas")
    parser.add_argument("--family", help="torchvision, timm, transformers, diffusers, layers")
    parser.add_argument("--variants", default="ios15", help="names or patterns, with commas")
    parser.add_argument("--again", action="store_true", help="repeat what was not right")
    parser.add_argument("--table", action="store_true", help="print every line, not the summary only")
    parser.add_argument("--only-print", action="store_true", help="run nothing")
    parser.add_argument("--seconds", type=float, default=400, help="for one model in one variant")
    return parser.parse_args()


def main() -> None:
    options = arguments()
    options.folder.mkdir(parents=True, exist_ok=True)
    path = options.folder / "results.jsonl"
    results = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    if not options.only_print:
        warnings.simplefilter("ignore")
        os.environ["TQDM_DISABLE"] = "1"
        logging.disable(logging.WARNING)
        import special
        import variants

        import models

        models.torch.set_num_threads(1)
        table = models.table() | {name: ("special", make) for name, make in special.SPECIAL.items()}
        with contextlib.suppress(ImportError):
            import timm  # noqa: F401  once, before the children
            import transformers  # noqa: F401
        if options.again:
            results = [r for r in results if r["outcome"] == "right"]
            path.write_text("".join(json.dumps(r) + "\n" for r in results))
        done = {(r["model"], r["variant"]) for r in results}
        table = {n: table[n] for n in chosen(table, options.models)}
        table = {n: row for n, row in table.items() if chosen([row[0]], options.family)}
        for variant in chosen([*variants.VARIANTS, "special"], options.variants):
            for name, (family, maker) in table.items():
                if (name, variant) in done or (family == "special") != (variant == "special"):
                    continue
                start = time.monotonic()
                result = apart(name, maker, variant, options.seconds, options.folder)
                result = {"model": name, "family": family, "variant": variant, **result}
                result["seconds"] = round(time.monotonic() - start, 1)
                results.append(result)
                with path.open("a") as file:
                    file.write(json.dumps(result) + "\n")
                said = "; ".join(result.get("wrong", [])) or result.get("why", "")
                print(
                    f"{name} {variant}: {result['outcome']} {said} ({result['seconds']} s)",
                    file=sys.stderr,
                )
    if options.table:
        print_table(results)
    print_summary(results)


if __name__ == "__main__":
    main()
