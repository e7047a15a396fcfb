#!/usr/bin/env python3
"""How near strict and fast come to the truth, model by model: the table of docs/numerics.md.

    tools/numerics_table.py POME FOLDER... [--write docs/numerics.md]

Each FOLDER is a golden folder whose expected outputs were computed in fp32 or better by something else, and whose program
computes in fp16; programs of other types are left out. `pome verify --json` replays it on `cpu` in both numerics. A model's
figure is the root mean square of rel_l2 over its floating-point outputs and calls. --write replaces what stands between the
markers in that file; without it the table is printed. Exit status 1 when the median of the ratios is above 1 or one above 2.
"""

import argparse
import json
import math
import re
import statistics
import subprocess
import sys
from pathlib import Path

BEGIN, END = "<!-- numerics table -->", "<!-- end of numerics table -->"
MEDIAN_ALLOWED, LARGEST_ALLOWED = 1.0, 2.0


def computes_in_fp16(pome, folder):
    """By what most of its operations' results are; tensors of weights do not count."""
    model = folder / json.loads((folder / "golden.json").read_text())["model"]
    found = subprocess.run([pome, "inspect", model, "--text"], capture_output=True, text=True, check=False)
    types = re.findall(r"tensor<(fp16|fp32), [^>]*> \w+ = (?!const)", found.stdout)
    return found.returncode == 0 and 2 * types.count("fp16") > len(types) > 0


def error_of(pome, folder, numerics):
    command = [pome, "verify", "--golden", folder, "--device", "cpu", "--numerics", numerics, "--json"]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    report = json.loads(answer.stdout)["folders"][0]
    if "outputs" not in report:
        sys.exit(f"{folder.name}: {report}")
    squares = [out["rel_l2"] ** 2 for out in report["outputs"] if out["dtype"].startswith("fp") and out["count"] > 0]
    return math.sqrt(statistics.fmean(squares)) if squares else 0.0


def measure(pome, folders):
    rows = []
    for folder in sorted(folders, key=lambda path: path.name):
        if not (folder / "golden.json").exists() or not computes_in_fp16(pome, folder):
            continue
        strict, fast = (error_of(pome, folder, numerics) for numerics in ("strict", "fast"))
        if strict > 0:
            rows.append((folder.name, strict, fast, fast / strict))
    return rows


def as_table(rows):
    lines = ["| model | rel_l2 strict | rel_l2 fast | fast / strict |", "|---|---|---|---|"]
    lines += [f"| `{name}` | {strict:.2e} | {fast:.2e} | {ratio:.2f} |" for name, strict, fast, ratio in rows]
    ratios = [row[3] for row in rows]
    lines.append(f"| median of {len(rows)}; largest | | | {statistics.median(ratios):.2f}; {max(ratios):.2f} |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pome")
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    rows = measure(options.pome, options.folders)
    if not rows:
        sys.exit("no golden folder of an fp16 program among these")
    table = as_table(rows)
    if options.write:
        text = options.write.read_text()
        before, rest = text.split(BEGIN)
        options.write.write_text(f"{before}{BEGIN}\n{table}\n{END}{rest.split(END)[1]}")
    else:
        print(table)
    ratios = [row[3] for row in rows]
    sys.exit(statistics.median(ratios) > MEDIAN_ALLOWED or max(ratios) > LARGEST_ALLOWED)


if __name__ == "__main__":
    main()
