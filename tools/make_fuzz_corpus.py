#!/usr/bin/env python3
"""Seeds for the fuzz targets of packages: tests/fuzz/corpus/{package,weights,manifest}, and networks for run.

    python3 tools/make_fuzz_corpus.py

Everything is made here from scratch; protobuf messages are written by hand, so that the broken ones can be broken.
"""
import os
import struct

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tests", "fuzz", "corpus")
BLOB = "@model_path/weights/weight.bin"


def save(corpus, name, data):
    folder = os.path.join(ROOT, corpus)
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, name), "wb") as file:
        file.write(data)


# ---- protobuf

def varint(value):
    value &= (1 << 64) - 1
    out = bytearray()
    while True:
        out.append(value & 0x7F | (0x80 if value > 0x7F else 0))
        value >>= 7
        if not value:
            return bytes(out)


def uint(number, value):
    return varint(number << 3) + varint(value)


def sub(number, *parts):
    body = b"".join(p.encode() if isinstance(p, str) else p for p in parts)
    return varint(number << 3 | 2) + varint(len(body)) + body


def entry(number, key, *value):
    return sub(number, sub(1, key), sub(2, *value))


# ---- MIL

def tensor(dtype, *dims):
    sizes = b"".join(sub(3, sub(2) if d is None else sub(1, uint(1, d))) for d in dims)
    return sub(1, uint(1, dtype), uint(2, len(dims)), sizes)


def value(kind, field, data):
    return sub(2, kind) + sub(3, sub(1, sub(field, data)))


def blob(kind, offset, name=BLOB):
    return sub(2, kind) + sub(5, sub(1, name), uint(2, offset))


def string(text):
    return value(tensor(2), 4, sub(1, text))


def const(name, kind, val):
    return sub(3, sub(1, "const"), sub(3, sub(1, name), sub(2, kind)),
               entry(5, "name", string(name)), entry(5, "val", val))


def op(kind, out, out_type, blocks=(), **inputs):
    args = b"".join(entry(2, key, b"".join(sub(1, b if isinstance(b, bytes) else sub(1, b)) for b in bindings))
                    for key, bindings in inputs.items())
    return sub(3, sub(1, kind), args, b"".join(sub(4, b) for b in blocks), sub(3, sub(1, out), sub(2, out_type)),
               entry(5, "name", string(out)))


def function(name, opset, inputs, body, outputs):
    block = b"".join(sub(2, o) for o in outputs) + body
    return entry(2, name, b"".join(sub(1, sub(1, n), sub(2, t)) for n, t in inputs), sub(2, opset),
                 entry(3, opset, block))


# ---- Model

def port(name, kind, body):
    return sub(1, name) + sub(3, sub(kind, body))


def array(dims, dtype=65568, more=b""):
    return sub(1, b"".join(varint(d) for d in dims)) + uint(2, dtype) + more


def model(description, program=None, version=7, kind=502):
    return uint(1, version) + sub(2, description) + (sub(kind, program) if program is not None else b"")


def xy(dims=(2,)):
    return sub(1, port("x", 5, array(dims))) + sub(10, port("y", 5, array(dims)))


PAIR = tensor(11, 2)


def packages():
    ones = value(PAIR, 1, sub(1, struct.pack("<2f", 1, 2)))
    add = op("add", "y", PAIR, x=["x"], y=["c"])
    yield "add", model(xy(), function("main", "CoreML7", [("x", PAIR)], const("c", PAIR, ones) + add, ["y"]))
    body = const("c", tensor(11, 4), blob(tensor(11, 4), 64 + 128)) + op("add", "y", tensor(11, 4), x=["x"], y=["c"])
    yield "blob", model(xy((4,)), function("main", "CoreML7", [("x", tensor(11, 4))], body, ["y"]))
    body = b""
    for i, dtype in enumerate([10, 11, 31, 21, 13, 22, 32, 25, 37, 36, 35, 39, 38, 23, 33, 40, 41]):
        bits = {10: 16, 11: 32, 13: 16, 22: 16, 32: 16, 25: 4, 37: 1, 36: 2, 35: 4, 39: 3, 38: 6, 23: 32, 33: 32}
        kind = tensor(dtype, 128 // bits.get(dtype, 8))
        body += const("w%d" % i, kind, blob(kind, 64 + 128 * i))
    body += op("identity", "y", PAIR, x=["x"])
    yield "every_blob", model(xy(), function("main", "CoreML8", [("x", PAIR)], body, ["y"]), 9)
    lists = [(23, 2, sub(1, b"\x01\x7f")), (24, 5, sub(1, b"\x01\x7f")), (1, 3, sub(1, b"\x01\x00")),
             (12, 6, sub(1, struct.pack("<2d", 1, 2))), (10, 7, sub(1, b"\x00\x3c\x00\x40")),
             (21, 7, sub(1, b"\x7f\x80")), (25, 7, sub(1, b"\x78")), (2, 4, sub(1, "a") + sub(1, "b")),
             (22, 2, uint(1, 5) + uint(1, -5)), (11, 1, sub(1, struct.pack("<2f", 3, 4)))]
    body = b"".join(const("k%d" % i, tensor(d, 2), value(tensor(d, 2), f, data)) for i, (d, f, data) in enumerate(lists))
    body += op("relu", "y", PAIR, x=["x"])
    yield "every_list", model(xy(), function("main", "CoreML7", [("x", PAIR)], body, ["y"]))
    inner = sub(2, "a") + op("add", "a", PAIR, x=["x"], y=["x"])
    other = sub(2, "b") + op("mul", "b", PAIR, x=["x"], y=["x"])
    body = const("p", tensor(1), value(tensor(1), 3, sub(1, b"\x01")))
    body += op("cond", "y", PAIR, (inner, other), pred=["p"])
    yield "cond", model(xy(), function("main", "CoreML7", [("x", PAIR)], body, ["y"]))
    state = sub(5, sub(1, tensor(10, 2)))
    description = xy() + sub(13, port("s", 8, sub(1, array((2,), 65552))))
    body = op("read_state", "r", tensor(10, 2), input=["s"]) + op("relu", "y", PAIR, x=["x"])
    yield "state", model(description, function("main", "CoreML8", [("x", PAIR), ("s", state)], body, ["y"]), 9)
    described = b"".join(sub(20, sub(1, n), sub(2, port("x", 5, array((2,)))), sub(3, port("y", 5, array((2,)))))
                         for n in ("one", "two"))
    relu = op("relu", "y", PAIR, x=["x"])
    program = b"".join(function(n, "CoreML8", [("x", PAIR)], relu, ["y"]) for n in ("one", "two"))
    yield "functions", model(described + sub(21, "two"), program, 9)
    text = tensor(2)
    pairs = sub(4, sub(1, sub(1, string("k")), sub(2, string("v"))))
    info = sub(2, sub(4, sub(1, text), sub(2, text))) + sub(3, pairs)
    items = sub(2, sub(3, sub(1, text), sub(1, PAIR))) + sub(3, sub(2, sub(1, string("s")), sub(1, ones)))
    strings = sub(2, sub(2, sub(1, text), sub(2, sub(1, uint(1, 2))))) + sub(3, sub(3, sub(1, string("s")), sub(1, string("t"))))
    program = function("main", "CoreML7", [("x", PAIR)], op("relu", "y", PAIR, x=["x"]), ["y"])
    yield "attributes", model(xy(), uint(1, 1) + program + entry(4, "buildInfo", info) + entry(4, "t", items)
                              + entry(4, "l", strings))
    yield "literal_binding", model(xy(), function("main", "CoreML7", [("x", PAIR)],
                                                  op("add", "y", PAIR, x=["x"], y=[sub(2, ones)]), ["y"]))
    ranges = sub(31, sub(1, uint(1, 1) + uint(2, -1)))
    shapes = sub(21, sub(1, sub(1, b"\x02")), sub(1, sub(1, b"\x04")))
    image = uint(1, 8) + uint(2, 6) + uint(3, 20)
    ports = [("f", 5, array((2,), more=ranges)), ("e", 5, array((2,), more=shapes + uint(41, 3))), ("i", 4, image),
             ("j", 4, image + sub(21, sub(1, uint(1, 4), uint(2, 3)))),
             ("k", 4, image + sub(31, sub(1, uint(1, 1), uint(2, -1)), sub(2, uint(1, 1), uint(2, 9)))),
             ("n", 1, b""), ("d", 2, b""), ("s", 3, b""), ("m", 6, sub(2)), ("q", 7, sub(1) + sub(101, uint(2, 3)))]
    described = b"".join(sub(1, port(*p)) for p in ports) + sub(11, "n") + sub(12, "m")
    described += sub(100, sub(1, "short"), sub(2, "1"), sub(3, "me"), sub(4, "free"), entry(100, "k", "v"))
    yield "ports", model(described, b"", 4, 403) + uint(10, 1)
    yield "nothing", model(b"")
    payload = xy()
    head = struct.pack("<II", 502, 5) + bytes(20) + struct.pack("<Q", 7) + b"generic\x07" + bytes(31)
    yield "compiled", head + struct.pack("<Q", len(payload)) + payload + struct.pack("<I", 502) + bytes(12)


# ---- NeuralNetwork

def layer(name, inputs, outputs, kind, *params):
    return sub(1, sub(1, name), *(sub(2, i) for i in inputs.split()), *(sub(3, o) for o in outputs.split()),
               sub(kind, *params))


def floats(number, *values):
    return sub(number, struct.pack("<%df" % len(values), *values))


def number(field, value):
    return varint(field << 3 | 5) + struct.pack("<f", value)


def packed(field, *values):
    return sub(field, b"".join(varint(v) for v in values))


def network(description, *layers, exact=True, kind=500, more=b""):
    mapping = uint(5, 1) + uint(6, 1) if exact else b""
    return model(description, b"".join(layers) + mapping + more, 4, kind)


def chain(*steps):
    """Layers one after the other, x to y."""
    names = ["x", *("h%d" % i for i in range(1, len(steps))), "y"]
    return [layer("l%d" % i, names[i], names[i + 1], *step) for i, step in enumerate(steps)]


def networks():
    w = [floats(1, *(0.1 * i - 0.3 for i in range(n))) for n in range(40)]
    vector = xy((4,))
    yield "network_elementwise", network(vector, *chain(
        (130, sub(15, number(1, 0.5))), (220, uint(1, 3), number(2, 2)), (230, number(1, 1)),
        (710,), (770,), (830, number(2, 0.5)),
        (850,), (660, number(1, -1), number(2, 1)), (1140, packed(1, 2, 2)), (1270, packed(1, 1), uint(2, 1)),
        (1130, uint(1, 1)), (1120, packed(1, 1))))
    border = sub(10, uint(1, 1), uint(2, 1)) * 2
    conv = uint(1, 2), uint(2, 2), packed(20, 3, 3), sub(50, sub(1, border)), uint(70, 1), sub(90, w[36]), sub(91, w[2])
    raw = sub(30, bytes([0b00011011])), sub(40, uint(1, 2), sub(102, floats(1, 1, 2, 3, 4)))
    yield "network_convolution", network(xy((2, 5, 5)), *chain(
        (100, *conv), (160, uint(1, 2), *(sub(n, w[2]) for n in (15, 16)), sub(17, w[2]), sub(18, floats(1, 1, 2))),
        (130, sub(25, sub(1, w[2]))), (120, uint(1, 1), packed(10, 2, 2), sub(32)),
        (210, packed(1, 2, 2)), (180, number(1, 1), uint(3, 3)),
        (175,), (301,), (140, uint(1, 128), uint(2, 1), sub(20, sub(2, bytes(256)))), (245, packed(1, 1), sub(2, w[1])),
        (250, packed(1, 4, 1, 1), sub(2, *raw))), exact=False)
    gates = [sub(n, w[4]) for n in (1, 2, 3, 4, 20, 21, 22, 23)]
    f = sub(10, sub(40)), sub(10, sub(30)), sub(10, sub(5))
    yield "network_recurrent", network(xy((2,)), *chain(
        (420, uint(1, 2), uint(2, 2), *f, sub(15, uint(10, 1), uint(50, 1)), sub(20, *gates)),
        (400, uint(1, 2), uint(2, 2), f[1], uint(15, 1), sub(30, w[4]), sub(31, w[4])),
        (410, uint(1, 2), uint(2, 2), f[0], sub(10, sub(10)), *(sub(n, w[4]) for n in (30, 31, 32, 50, 51, 52))),
        (430, uint(1, 2), uint(2, 2), *f, sub(15), sub(20, *gates), sub(20, *gates))), exact=False)
    grow = [layer("one", "x", "n", 230, number(1, 1)), layer("keep", "n", "x", 600)]
    test = layer("test", "x", "go", 825, number(2, 9)) + layer("any", "go", "c", 1270, uint(3, 1))
    yield "network_control", network(vector, layer("loop", "", "", 615, sub(2, "c"), sub(3, test), sub(4, *grow)),
                                     layer("times", "", "", 615, uint(1, 2), sub(4, *grow)),
                                     layer("sum", "x", "p", 1270, uint(3, 1)),
                                     layer("if", "p", "", 605, sub(1, layer("a", "x", "y", 670)),
                                           sub(2, layer("b", "x", "y", 665))))
    body = [*grow, layer("sum", "x", "p", 1270, uint(3, 1)), layer("far", "p", "q", 830, number(2, 9)),
            layer("if", "q", "", 605, sub(1, layer("out", "", "", 620)), sub(2, layer("on", "", "", 625))), *grow]
    yield "network_break", network(vector, layer("loop", "", "", 615, uint(1, 9), sub(4, *body)), layer("end", "x", "y", 600))
    yield "network_gather", network(
        vector, layer("k", "", "k", 1070, packed(1, 2), sub(2, floats(1, 0, 2))), layer("g", "x k", "g", 930),
        layer("s", "x k g", "s", 935, uint(2, 1)), layer("t", "s", "t u", 1015, uint(2, 2)), layer("h", "t", "h", 1065),
        layer("f", "h", "f", 1090, number(1, 3)), layer("c", "s f", "c", 980),
        layer("d", "c", "d", 995, packed(1, 0), packed(3, 4)),
        layer("v", "d", "v w", 975), layer("i", "v w", "i", 925), layer("z", "i", "z", 985, packed(1, 1, 0)),
        layer("r", "z x", "y", 1135))
    image = sub(1, port("x", 4, uint(1, 4) + uint(2, 4) + uint(3, 20))) + sub(10, port("label", 3, b""))
    image += sub(10, port("p", 6, sub(2))) + sub(11, "label") + sub(12, "p")
    scaler = sub(2, sub(1, "x"), sub(10, number(10, 0.5), number(20, 1), number(22, 2)))
    yield "network_classifier", network(
        image, layer("m", "x", "m", 280, uint(1, 1), uint(3, 1)), layer("s", "m", "s", 175), exact=False, kind=403,
        more=scaler + sub(100, sub(1, "a"), sub(1, "b"), sub(1, "c")) + sub(200, "s"))


def weights():
    header = struct.pack("<II", 1, 2) + bytes(56)

    def record(kind, data, padding=0, offset=64):
        body = struct.pack("<IIQQQ", 0xDEADBEEF, kind, len(data), offset + 64, padding) + bytes(32) + data
        return body + bytes(-len(body) % 64)

    yield "empty", header
    for kind in range(1, 18):
        yield "type_%02d" % kind, header + record(kind, bytes(range(16)), 3 if kind in (8, 9, 10, 11, 12, 13) else 0)
    yield "two", header + record(2, bytes(8)) + record(8, b"\xf8\x07", 4, 192)
    yield "version", struct.pack("<II", 1, 1) + bytes(56) + record(2, bytes(8))
    yield "cut", (header + record(2, bytes(64)))[:150]
    yield "far", header + record(2, bytes(8), 0, 1 << 40)


def manifests():
    good = ('{"fileFormatVersion":"1.0.0","itemInfoEntries":{"A":{"author":"com.apple.CoreML","description":"d",'
            '"name":"model.mlmodel","path":"com.apple.CoreML/model.mlmodel"},"B":{"path":"com.apple.CoreML/weights"}},'
            '"rootModelIdentifier":"A"}')
    yield "good", good
    yield "up", good.replace("com.apple.CoreML/model", "../model")
    yield "absolute", good.replace("com.apple.CoreML/model", "/etc/model")
    yield "dots", good.replace("com.apple.CoreML/weights", "a/../../b")
    yield "version", good.replace("1.0.0", "2.0")
    yield "escape", good.replace("weights", "\\u0000w")
    yield "root", good.replace('"A"}', '"Z"}')
    yield "deep", "[" * 70 + "]" * 70
    yield "twice", good.replace('"B"', '"A"')
    yield "array", "[]"


for name, data in packages():
    save("package", name, data)
for name, data in networks():
    save("package", name, data)
    save("run", name, data)
for name, data in weights():
    save("weights", name, data)
for name, text in manifests():
    save("manifest", name, text.encode())
