#!/usr/bin/env python3
"""Chat templates made at random, rendered by pome and by jinja2 as transformers sets it up.

    python3 tools/fuzz/template_twins.py [--seed 1] [--count 10000]

Both must give the same text, or both refuse. Needs jinja2, NumPy, and the shared library of pome in POME_LIBRARY. What differs is
printed; the exit status is 1 when anything does. Known to differ, and left out here: pprint, random, striptags, urlize and wordwrap;
attributes of numbers; what jinja2 refuses only when somebody looks at it (LAZY).
"""
import argparse
import json
import pathlib
import random
import re
import signal
import sys

import jinja2
from jinja2.ext import loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "python"))
import pome

VARIABLES = {
    "messages": [{"role": "system", "content": "Be é brief. "}, {"role": "user", "content": " Hi <b>\n", "n": 1},
                 {"role": "assistant", "content": None,
                  "tool_calls": [{"function": {"name": "f", "arguments": {"a": 1, "b": [True, None]}}}]}],
    "s": "Hello World", "e": "", "u": "ßpÄth–ǆ 你好", "ml": "one\n two\n\nthree  \r\nend", "n": 7, "z": 0, "neg": -13,
    "f": 2.5, "g": 1e20, "big": 12345678901234567890123, "t": True, "nn": None, "l": [3, 1, 2], "ls": ["b", "A", "c", "a"],
    "d": {"b": 1, "a": [1, 2], "C": {"x": "y"}}, "ld": [{"k": "x", "v": 2}, {"k": "Y", "v": 1}, {"k": "x", "v": 3}],
    "em": [], "ed": {}, "mix": [1, "a", None, 2.0, True], "html": "<a href='x'>T&amp;C</a> & \"q\"",
}
LITERALS = ["1", "0", "-2", "3", "2.5", "1e3", '"a"', '""', "' '", '"\\n"', '"Hello"', "true", "false", "none", "[]", "{}",
            "[1,2,3]", '["a","B"]', '{"a":1}', "(1,2)", '"%s|%d"', '"{}-{}"', '"<b>"', '"é"', "'a b  c'", '" 3.5 "', '"role"']
FILTERS = """upper lower capitalize title trim string safe e escape forceescape length count first last list reverse join items
sum max min sort unique|list int float abs round default d wordcount tojson dictsort trim("a") join(",") join("-","k")
replace("l","L") replace("o","0",1) default("x",true) indent(2) indent("->",first=true,blank=true) truncate(5) truncate(5,true)
truncate(8,false,"..",0) center(20) batch(2)|list batch(3,"-")|list slice(3,"z")|list map("upper")|list
map(attribute="v",default=0)|list select|list reject|list select("odd")|list selectattr("k","eq","x")|list
rejectattr("v","gt",1)|list sort(reverse=true) sort(attribute="k,v") sort(case_sensitive=true) unique(attribute="k")|list
groupby("k")|list dictsort(by="value") int(0,16) float(1.5) round(1,"floor") round(-1) sum(attribute="v") max(attribute="v")
tojson(indent=2) tojson(ensure_ascii=true) tojson(sort_keys=true) format(1) attr("upper") urlencode xmlattr filesizeformat
filesizeformat(true)""".split()
TESTS = ["defined", "undefined", "none", "boolean", "true", "integer", "float", "number", "string", "mapping", "sequence",
         "iterable", "callable", "odd", "divisibleby(3)", "eq 1", "lt 5", "in l", "sameas none", "lower", "== 7", 'in "abc"']
PARTS = [".upper()", ".strip()", '.strip("H")', ".split()", '.split("l",1)', '.rsplit("o",1)', ".splitlines()",
         '.startswith(("a","H"))', '.replace("","-")', ".title()", '.find("o")', ".join(ls)", '.center(9,"*")', ".zfill(8)",
         ".isdigit()", '.partition("o")', '.removeprefix("He")', ".format(1,2)", ".items()", ".keys()", '.get("a")',
         '.get("q",3)', ".index(2)", "[0]", "[-1]", "[1:]", "[::-1]", '["a"]', ".a", ".role", ".content", "[5]", ".append(1)"]
LAZY = re.compile(r"Can only get item pairs|is not subscriptable|is not iterable|type: 'slice'")
OPERATORS = ["+", "-", "*", "/", "//", "%", "~", "~", "==", "!=", "<", ">=", "and", "or", "in", "not in"]


class Late(Exception):
    pass


def late(*_):
    raise Late


class Maker:
    def __init__(self, seed):
        self.random = random.Random(seed)

    def one(self, *choices):
        return self.random.choice(choices)

    def expression(self, depth):
        pick = self.random.choice
        name = pick([*VARIABLES, "undef", "loop", "x"])
        if depth <= 0:
            return self.one(name, pick(LITERALS))
        inner = self.expression(depth - 1)
        other = self.expression(depth - 1)
        return self.one(
            name, pick(LITERALS), f"{inner}|{pick(FILTERS)}", f"{inner}|{pick(FILTERS)}", name + pick(PARTS),
            f"({inner}){pick(PARTS)}", f"{inner} {pick(OPERATORS)} {other}", f"{inner} is {self.one('', 'not ')}{pick(TESTS)}",
            f"({inner} if {other} else {name})", f"not {inner}", f"[{inner}, {other}]", f'{{"a": {inner}}}', f"({inner},)",
            self.one("range(3)", "range(5,0,-2)", "dict(a=1,b=s)", "namespace(a=1).a"))

    def block(self, depth):
        space = self.one("", "", " ", "\n", "\n  ", "text", "\t", "a\n", "\n\n")
        begin, end = self.one("{%", "{%-", "{%+"), self.one("%}", "-%}", "+%}")
        value, body = self.expression(2), self.body(depth - 1) if depth > 0 else "b"
        return space + self.one(
            f"{{{{ {value} }}}}", f"{{{{- {value} -}}}}", f"{{{{ {value} }}}}",
            f"{begin} if {value} {end}{body}{begin} elif n {end}c{begin} else {end}d{begin} endif {end}",
            f"{begin} for x in {self.one('l', 'ls', 'messages', 'ld', 'd', 'em', 'undef', value)} {end}{body}"
            f"{{{{ loop.{self.one('index', 'last', 'revindex0', 'previtem', 'depth', 'length')} }}}}"
            f"{self.one('', '', '{% break %}', '{% continue %}')}{begin} else {end}e{begin} endfor {end}",
            f"{begin} set {self.one('x', 'q')} = {value} {end}{{{{ x }}}}",
            f"{begin} set x {end}{body}{begin} endset {end}{{{{ x }}}}",
            f"{{% set ns = namespace(v=1) %}}{begin} set ns.v = {value} {end}{{{{ ns.v }}}}",
            f"{begin} macro m(a, b=2) {end}{body}{{{{ a }}}}{{{{ b }}}}{{{{ varargs }}}}{begin} endmacro {end}"
            f"{{{{ m({self.one('1', 's', 'a=1', '1,2,3', '*l', '')}) }}}}",
            f"{begin} filter {self.one('upper', 'trim', 'indent(2)', 'e', 'title')} {end}{body}{begin} endfilter {end}",
            f"{begin} with x = {value} {end}{body}{begin} endwith {end}", "{#- c -#}")

    def body(self, depth):
        return "".join(self.block(depth) for _ in range(self.random.randint(1, 2)))


def tojson(value, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def theirs(environment, text):
    signal.setitimer(signal.ITIMER_REAL, 1)
    try:
        return environment.from_string(text).render(**VARIABLES)
    except Late:
        raise
    except Exception as error:
        return error
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def ours(text):
    try:
        return pome.Template.from_text(text).render(**VARIABLES, add_generation_prompt=False)
    except pome.PomeError as error:
        return error


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=10000)
    options = parser.parse_args()
    signal.signal(signal.SIGALRM, late)
    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols])
    environment.filters["tojson"] = tojson
    maker, differ, refused = Maker(options.seed), 0, 0
    address = re.compile(r"<.* object .*>|<.*method.*>|<function .*>|<Macro .*>")
    for number in range(options.count):
        text = f"{{{{ {maker.expression(3)} }}}}" if number % 2 else maker.body(2)
        try:
            want = theirs(environment, text)
        except Late:
            continue
        got = ours(text)
        both = isinstance(want, Exception), isinstance(got, Exception)
        refused += all(both)
        lazy = both == (False, True) and LAZY.search(str(got))
        if all(both) or lazy or (not any(both) and (want == got or address.search(want))):
            continue
        differ += 1
        print(f"{text!r}\n  jinja2: {want!r}\n  pome:   {got!r}")
    print(f"jinja2 {jinja2.__version__}: {options.count} templates, {refused} refused by both, {differ} differ")
    return differ > 0


if __name__ == "__main__":
    sys.exit(main())
