#!/usr/bin/env python3
"""Writes the seed corpus of the npy/npz fuzz target: npz_corpus.py FOLDER

Only the standard library is needed. One file for each thing the reader tells apart: type, order,
version, rank, strings, and zip members stored and deflated, besides a few that must be refused.
"""
import io
import pathlib
import struct
import sys
import zipfile


def npy(descr, shape, data, fortran=False, version=1):
    header = "{'descr': %r, 'fortran_order': %r, 'shape': %r, }\n" % (descr, fortran, shape)
    length = struct.pack("<H" if version == 1 else "<I", len(header))
    return b"\x93NUMPY" + bytes([version, 0]) + length + header.encode() + data


def npz(members, method):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in members:
            archive.writestr(zipfile.ZipInfo(name), data, method)
    return buffer.getvalue()


def seeds():
    floats = struct.pack("<6f", *range(6))
    yield "f4", npy("<f4", (2, 3), floats)
    yield "f4_fortran", npy("<f4", (2, 3), floats, fortran=True)
    yield "f4_big", npy(">f4", (6,), floats)
    yield "f2", npy("<f2", (2, 1, 2), bytes(8))
    yield "f8_scalar", npy("<f8", (), bytes(8))
    yield "bool", npy("|b1", (3,), b"\x00\x01\x02")
    yield "u8_version2", npy("<u8", (1,), bytes(8), version=2)
    yield "i2_version3", npy("<i2", (2,), bytes(4), version=3)
    yield "empty", npy("<i4", (3, 0), b"")
    yield "strings", npy("<U3", (2,), "abc\u20ac\0\0".encode("utf-32-le"))
    yield "surrogate", npy("<U1", (), struct.pack("<I", 0xD800))
    yield "object", npy("|O", (1,), bytes(8))
    yield "record", npy([("a", "<f4")], (1,), bytes(4))
    yield "huge", npy("<f4", (1 << 40, 1 << 40), bytes(4))
    yield "short", npy("<f4", (3,), bytes(8))
    members = [("x.npy", npy("<f4", (2, 3), floats)), ("y@1.npy", npy("<i4", (), bytes(4)))]
    yield "stored", npz(members, zipfile.ZIP_STORED)
    yield "deflated", npz(members, zipfile.ZIP_DEFLATED)
    yield "foreign_member", npz([("x.txt", b"text")], zipfile.ZIP_STORED)
    yield "zeros", npz([("z.npy", npy("<f4", (4096,), bytes(16384)))], zipfile.ZIP_DEFLATED)


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in seeds():
        (folder / name).write_bytes(data)


if __name__ == "__main__":
    main()
