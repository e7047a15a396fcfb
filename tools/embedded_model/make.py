"""Makes the embedded model from a text: train, package, golden folder, figures.

Each step is a program of its own that reads what the one before it left in the work folder, so a
run that was cut short goes on from there: with --from the steps before that one are skipped.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--text", required=True, help="the text to learn from")
    parser.add_argument("--out", required=True, help="folder of the packaged model")
    parser.add_argument("--work", default="build/embedded_model", help="folder of what is learned")
    steps = {
        "train": ["--text", "--work"],
        "package": ["--work", "--out"],
        "golden": ["--text", "--model"],
        "perplexity": ["--text", "--model", "--work"],
    }
    parser.add_argument("--from", dest="first", choices=steps, default="train")
    args = parser.parse_args()
    values = {"--text": args.text, "--work": args.work, "--out": args.out, "--model": args.out}
    # Threads that spin while they wait are a loss on a machine that has other work.
    environment = {**os.environ, "OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "0"}
    for name in list(steps)[list(steps).index(args.first) :]:
        options = [part for key in steps[name] for part in (key, values[key])]
        command = [sys.executable, str(HERE / f"{name}.py"), *options]
        subprocess.run(command, check=True, env=environment)


if __name__ == "__main__":
    main()
