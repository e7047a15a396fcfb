"""Finding the shared library, calling it, and owning what it hands out.

Calls go through ctypes.CDLL, which releases the interpreter lock while C runs. Nothing here takes a
lock of its own, so a fork at any moment leaves the child with a usable module: shared bookkeeping is
lists and dictionaries, whose single operations are atomic.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

from . import _abi

_NAMES = ("libpome.dylib",) if sys.platform == "darwin" else ("libpome.so", "libpome.so.0")


class PomeError(RuntimeError):
    """What the library refused, in the words of the command line.

    ``str()`` is "message (where)" and, when something can be done, "hint: ..." on a second line.
    """

    def __init__(
        self,
        status: str,
        text: str,
        *,
        message: str | None = None,
        hint: str = "",
        file: str = "",
        op: str = "",
        offset: int | None = None,
        line: int | None = None,
        os_error: int = 0,
    ) -> None:
        super().__init__(f"{text}\nhint: {hint}" if hint else text)
        #: "USAGE", "INPUT", "UNSUPPORTED", "MEMORY", "IO", "CANCELLED" or "INTERNAL"
        self.status = status
        self.message = text if message is None else message
        self.hint = hint
        self.file = file
        self.op = op
        self.offset = offset
        self.line = line
        self.os_error = os_error


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def error_from(error: _abi.Error) -> PomeError:
    """The exception for a filled pome_error."""
    buffer = ctypes.create_string_buffer(2048)
    library().pome_error_format(ctypes.byref(error), buffer, len(buffer))
    status = error.status if 0 <= error.status < len(_abi.STATUSES) else _abi.STATUS["INTERNAL"]
    return PomeError(
        _abi.STATUSES[status],
        _text(buffer.value),
        message=_text(error.message),
        hint=_text(error.hint),
        file=_text(error.file),
        op=_text(error.op),
        offset=None if error.offset == _abi.NO_OFFSET else error.offset,
        line=error.line or None,
        os_error=error.os_error,
    )


def candidates() -> Iterator[Path | str]:
    """Where the shared library may be, in the order of preference."""
    given = os.environ.get("POME_LIBRARY")
    if given:
        yield Path(given)
        return
    here = Path(__file__).resolve().parent
    folders = [here]
    for parent in list(here.parents)[:3]:  # a checkout: python/pome, with build folders at its root
        if (parent / "include/pome/pome.h").exists():
            folders += [parent / "build", parent / "build-test"]
    for folder in folders:
        for name in _NAMES:
            if (folder / name).exists():
                yield folder / name
    found = ctypes.util.find_library("pome")
    if found:
        yield found
    yield _NAMES[-1]


def _load() -> ctypes.CDLL:
    tried = []
    for candidate in candidates():
        try:
            loaded = ctypes.CDLL(str(candidate))
            _abi.declare(loaded)
            return loaded
        except (OSError, AttributeError) as error:
            tried.append(f"{candidate}: {error}")
    raise PomeError(
        "IO",
        "the shared library of pome was not found: " + "; ".join(tried),
        hint="build it (cmake --build build --target pome_shared) or set POME_LIBRARY to its path",
    )


_loaded: list[ctypes.CDLL] = []


def library() -> ctypes.CDLL:
    """The shared library, loaded at the first use."""
    if not _loaded:
        _loaded.append(_load())
    return _loaded[0]


def language_library() -> ctypes.CDLL:
    """The shared library, for language models."""
    found = library()
    if not _abi.has_language_models(found):
        raise PomeError(
            "UNSUPPORTED",
            "this library of pome is built without language models",
            hint="build it with WITH_LLM=ON, which needs PCRE2 and utf8proc",
        )
    return found


def call(name: str, *arguments: object) -> None:
    """Calls a function that returns a status and takes a pome_error last; raises PomeError."""
    error = _abi.Error()
    if getattr(library(), name)(*arguments, ctypes.byref(error)) != 0:
        raise error_from(error)


def create(name: str, *arguments: object) -> int:
    """Calls a function whose last output is a new object; returns its address."""
    made = ctypes.c_void_p()
    call(name, *arguments, ctypes.byref(made))
    assert made.value is not None
    return made.value


def text(value: str | os.PathLike[str], what: str) -> bytes:
    """A string for C, which ends it at the first NUL: one inside is refused, and what is no text."""
    try:
        data = os.fsencode(value) if isinstance(value, os.PathLike) else value.encode()
    except (AttributeError, UnicodeEncodeError) as error:
        raise PomeError("USAGE", f"{what} is {value!r:.60}, which is no text") from error
    if b"\0" in data:
        raise PomeError("USAGE", f"{what} is {value!r:.60}: no NUL is allowed in it")
    return data


class Unpicklable:
    """What is memory of this process: neither pickle nor copy can make another of it."""

    #: what to do instead
    _instead = "make it where it is needed"

    def __reduce__(self) -> NoReturn:
        name = type(self).__name__
        raise TypeError(
            f"a pome.{name} is memory of this process and cannot be pickled or copied; {self._instead}"
        )


class Handle(Unpicklable):
    """A C object that must be freed after everything made from it.

    It is freed when nothing in Python refers to it any more; what uses `address` keeps the handle,
    for example by `with handle as address:`. Python frees the members of a cycle in any order, so
    that references alone would not free a plan before its model. Each handle counts its users, itself
    among them, in a list of tokens (one list operation is atomic, which an integer's += is not); the
    last one to leave frees it.
    """

    def __init__(self, address: int, free: Callable[[int], object], owner: Handle | None = None) -> None:
        self._users = [None]
        self._once = [None]
        self._owner = owner
        self._free = free
        self.address = address
        self.keep: object = None  # lives as long as the object may be used
        if owner is not None:
            owner._users.append(None)

    def __enter__(self) -> int:
        return self.address

    def __exit__(self, *_: object) -> None:
        pass

    def __del__(self) -> None:
        self._leave()

    def _leave(self) -> None:
        self._users.pop()
        if self._users:
            return
        try:
            self._once.pop()
        except IndexError:
            return
        self._free(self.address)
        if self._owner is not None:
            self._owner._leave()
