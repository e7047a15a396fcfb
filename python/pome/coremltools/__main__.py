"""python -m pome.coremltools install | uninstall | status"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

USAGE = "usage: python -m pome.coremltools install | uninstall | status"
MARK = '"""coremltools\' native module, from pome: written by `python -m pome.coremltools install`."""'
CONTENT = f"{MARK}\n\nfrom pome.coremltools import *  # noqa: F403\n"


def place() -> Path:
    """Where coremltools looks for its native module."""
    spec = importlib.util.find_spec("coremltools")
    if spec is None or not spec.submodule_search_locations:
        sys.exit("pome: coremltools is not installed\nhint: pip install coremltools")
    return Path(spec.submodule_search_locations[0]) / "libcoremlpython.py"


def is_ours(path: Path) -> bool:
    return path.exists() and path.read_text(encoding="utf-8").startswith(MARK)


def main(arguments: list[str]) -> int:
    if arguments not in (["install"], ["uninstall"], ["status"]):
        print(USAGE, file=sys.stderr)
        return 2
    path = place()
    if arguments == ["status"]:
        print("installed" if is_ours(path) else "not installed", path)
        return 0
    if path.exists() and not is_ours(path):
        print(f"pome: {path} is there and not pome's", file=sys.stderr)
        return 3
    try:
        if arguments == ["install"]:
            path.write_text(CONTENT, encoding="utf-8")
        else:
            path.unlink(missing_ok=True)
    except OSError as error:
        print(f"pome: {error}", file=sys.stderr)
        return 5
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
