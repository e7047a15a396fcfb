#!/usr/bin/env python3
"""Compares the op table that was built with the list of ops of a coremltools release.

usage: check_op_table.py DUMP_PROGRAM [mil_ops.tsv]

DUMP_PROGRAM is the built tests/unit test_op_table; it is run with --dump. The TSV is looked for in $POME_SHARED/reference or
../shared/reference beside the checkout; without it the check is skipped. Exit status 1 when a row differs.
"""

import os
import re
import subprocess
import sys

CONST, OPTIONAL, TUPLE, LIST, STATE, ANY = 1, 2, 4, 8, 16, 32
FLAG_NAMES = {1: "const", 2: "optional", 4: "tuple", 8: "list", 16: "state", 32: "any"}

# Rows of ours that coremltools has no definition of.
OURS = {
    "write_state": "what coreml_update_state is written as",
    "generalized_linear": "what models of types glmRegressor and glmClassifier compute",
}
# (op, parameter): where the table differs on purpose.
ON_PURPOSE = {
    ("classify", "probabilities"): "fp64 too: what generalized_linear gives",
    ("make_list", "elem_shape"): "may be empty: elements that are scalars",
    ("while_loop", "loop_vars"): "lists are loop variables too",
}


def find_tsv():
    folders = [os.environ.get("POME_SHARED"), os.path.join(os.path.dirname(__file__), "..", "..", "shared")]
    for folder in filter(None, folders):
        path = os.path.join(folder, "reference", "mil_ops.tsv")
        if os.path.exists(path):
            return path
    return None


def parse_domains(text):
    return {name: set(types.split(",")) for name, types in re.findall(r"(\w+)=\{([^}]*)\}", text)}


def parse_default(text):
    """('none' | 'number' | 'bool' | 'string' | 'expression', value)"""
    if text is None or text == "None":
        return ("none", None)
    if text in ("True", "False"):
        return ("bool", text == "True")
    if text[0] == "'":
        return ("string", text.strip("'"))
    wrapped = re.fullmatch(r"nptype_from_builtin\(self\.x\.dtype\)\((.*)\)", text)
    try:
        return ("number", float(wrapped.group(1) if wrapped else text))
    except ValueError:
        return ("expression", text)


def parse_input(text, domains):
    name, rest = text.split(":", 1)
    rest, _, default = rest.partition("=")
    words = rest.split()
    kind, flags, dtypes, domain = words[0], 0, set(), None
    flags |= CONST if "const" in words else 0
    flags |= OPTIONAL if "opt" in words else 0
    if kind in domains:
        domain, dtypes = kind, domains[kind]
    elif kind == "tuple":
        flags |= TUPLE
    elif kind == "list":
        flags |= LIST
    elif kind == "state<tensor>":
        flags |= STATE
    elif kind in ("tensor|list|dict", "internal"):
        flags |= ANY
    else:
        dtypes = {kind}
    return {"name": name, "flags": flags, "dtypes": dtypes, "domain": domain, "default": parse_default(default or None)}


def read_tsv(path):
    rows = {}
    with open(path, encoding="utf-8") as lines:
        header = next(lines).rstrip("\n").split("\t")
        for line in lines:
            row = dict(zip(header, line.rstrip("\n").split("\t")))
            if row["kind"] != "core":
                continue
            domains = parse_domains(row["type_domains"])
            inputs = [part.strip() for part in row["inputs"].split("; ") if part.strip()]
            inputs = [part for part in inputs if not re.match(r"\w+:block|_\w+:internal", part)]
            rows[row["op"], row["since_target"].lower()] = [parse_input(part, domains) for part in inputs]
    return rows


def read_dump(program):
    rows = {}
    for line in subprocess.run([program, "--dump"], check=True, capture_output=True, text=True).stdout.splitlines():
        op, _family, since, *fields = line.split("\t")
        params = []
        for field in fields:
            name, domain, dtypes, flags, default = field.split("|")
            params.append(
                {
                    "name": name,
                    "flags": int(flags),
                    "dtypes": set(filter(None, dtypes.split(", "))),
                    "domain": None if domain == "-" else domain,
                    "default": default,
                }
            )
        rows[op, since] = params
    return rows


def same_default(ours, theirs):
    kind, value = theirs
    word, _, text = ours.partition(" ")
    if kind == "none":
        return word == "none"
    if kind == "expression":
        return word in ("computed", "none")
    if kind == "string":
        return word == "string" and text == value
    if kind == "bool":
        return word == "bool" and (text == "1") == value
    return word in ("int", "float") and abs(float(text) - value) <= 1e-6 * abs(value)


def groups(params):
    """Which parameters share a domain, as a set of sets of names."""
    letters = {p["domain"] for p in params if p["domain"]}
    sets = (frozenset(p["name"] for p in params if p["domain"] == letter) for letter in letters)
    return {names for names in sets if len(names) > 1}


def flag_text(flags):
    return "+".join(name for bit, name in FLAG_NAMES.items() if flags & bit) or "plain"


def compare(op, ours, theirs):
    """Differences of one row, as text."""
    if [p["name"] for p in ours] != [p["name"] for p in theirs]:
        yield "parameters are %s, not %s" % ([p["name"] for p in ours], [p["name"] for p in theirs])
        return
    for a, b in zip(ours, theirs):
        if (op, a["name"]) in ON_PURPOSE:
            continue
        if a["flags"] != b["flags"]:
            yield "%s is %s, not %s" % (a["name"], flag_text(a["flags"]), flag_text(b["flags"]))
        tuple_of_any = b["flags"] & TUPLE and not b["dtypes"]  # the list does not say what is in tuples
        if a["dtypes"] != b["dtypes"] and not tuple_of_any:
            yield "%s allows %s, not %s" % (a["name"], sorted(a["dtypes"]), sorted(b["dtypes"]))
        if not same_default(a["default"], b["default"]):
            yield "%s has default %s, not %s" % (a["name"], a["default"], b["default"])
    if groups(ours) != groups(theirs):
        yield "domains join %s, not %s" % (sorted(map(sorted, groups(ours))), sorted(map(sorted, groups(theirs))))


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    path = sys.argv[2] if len(sys.argv) > 2 else find_tsv()
    if path is None:
        print("SKIP: mil_ops.tsv is not there")
        return
    theirs, ours = read_tsv(path), read_dump(sys.argv[1])
    differences = 0
    for key in sorted(set(theirs) | set(ours)):
        if key not in ours:
            found = ["missing"]
        elif key not in theirs:
            found = [] if key[0] in OURS else ["not an op of coremltools"]
        else:
            found = list(compare(key[0], ours[key], theirs[key]))
        differences += len(found)
        for text in found:
            print("%s (%s): %s" % (key[0], key[1], text))
    print("%d rows, %d differences" % (len(theirs), differences))
    sys.exit(1 if differences else 0)


if __name__ == "__main__":
    main()
