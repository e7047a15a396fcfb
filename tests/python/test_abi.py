"""What pome._abi says about the headers, against the headers: a C program prints sizes, offsets and
values, and every declared function has as many arguments as its prototype."""

import support  # isort: skip  (first: it finds the package, or skips where NumPy is missing)
import ctypes
import os
import re
import shutil
import subprocess

from pome import _abi
from pome._library import library

HEADERS = sorted((support.ROOT / "include/pome").glob("*.h"))


def expected_lines() -> dict[str, int]:
    """The C expression and the value that _abi has for it."""
    lines = {}
    for name, struct in _abi.STRUCTS.items():
        lines[f"sizeof({name})"] = ctypes.sizeof(struct)
        for field, *_ in struct._fields_:
            lines[f"offsetof({name}, {field})"] = getattr(struct, field).offset
    lines["POME_MAX_RANK"] = _abi.MAX_RANK
    lines["POME_DTYPE_COUNT"] = len(_abi.DTYPES)
    for prefix, names in (
        ("POME_", _abi.STATUSES),
        ("POME_FEATURE_", _abi.FEATURES),
        ("POME_COLOR_", _abi.COLORS),
        ("POME_SHAPE_", _abi.FLEXIBILITIES),
        ("POME_NUMERICS_", _abi.NUMERICS),
    ):
        lines.update({prefix + name.upper(): value for value, name in enumerate(names)})
    lines.update({f"POME_{name.upper()}_PORT": v for v, name in enumerate(_abi.PORT_KINDS)})
    for value, name in enumerate(_abi.DTYPES):
        lines["POME_DTYPE_NONE" if name == "none" else "POME_" + name.upper()] = value
    for name in ("ENCODE_SPECIAL", "ENCODE_PLAIN", "DECODE_SKIP_SPECIAL"):
        lines[f"POME_{name}"] = getattr(_abi, name)
    return lines


def prototypes() -> dict[str, int]:
    """Each public function and how many parameters it has."""
    found = {}
    for header in HEADERS:
        text = re.sub(r"/\*.*?\*/", "", header.read_text(), flags=re.DOTALL)
        for match in re.finditer(r"POME_API[^;(]*?(pome_\w+)\s*\(", text):
            start, depth, commas = match.end(), 1, 0
            position = start
            while depth:
                character = text[position]
                depth += {"(": 1, ")": -1}.get(character, 0)
                commas += character == "," and depth == 1
                position += 1
            empty = text[start : position - 1].strip() == "void"
            found[match.group(1)] = 0 if empty else commas + 1
    return found


class Abi(support.Folder):
    def test_layouts_and_values(self):
        compiler = shutil.which(os.environ.get("CC") or "cc") or shutil.which("gcc")
        if compiler is None:
            self.skipTest("no C compiler")
        lines = expected_lines()
        code = ["#include <pome/pome.h>", "#include <stdio.h>", "int main(void) {"]
        code += [f'printf("%lld\\n", (long long)({expression}));' for expression in lines]
        code += ["return 0; }"]
        source, program = self.folder / "abi.c", self.folder / "abi"
        source.write_text("\n".join(code))
        include = f"-I{support.ROOT / 'include'}"
        subprocess.run([compiler, include, source, "-o", program], check=True)
        output = subprocess.run([program], check=True, capture_output=True, text=True).stdout
        seen = dict(zip(lines, map(int, output.split())))
        self.assertEqual(seen, lines)

    def test_arguments(self):
        known = prototypes()
        self.assertGreater(len(known), 80)
        for name, (_, arguments) in {**_abi.FUNCTIONS, **_abi.LANGUAGE_FUNCTIONS}.items():
            self.assertEqual(len(arguments), known.get(name), name)

    def test_options_know_their_size(self):
        for name in ("model", "save", "plan"):
            made = _abi.options(library(), name)
            self.assertEqual(made.size, ctypes.sizeof(made))


if __name__ == "__main__":
    support.main()
