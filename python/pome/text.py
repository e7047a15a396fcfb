"""Text and tokens: a language model's tokenizer, and the template that makes a conversation a text.

>>> import pome
>>> tokenizer = pome.Tokenizer("models/folio")  # a tokenizer.json or .model, or a folder with one
>>> tokenizer.decode(tokenizer.encode("To be, or not to be"))

Both are immutable and serve any number of threads.
"""

from __future__ import annotations

import ctypes
import json
import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from operator import index
from typing import Any

from . import _abi
from ._library import Handle, PomeError, Unpicklable, call, create, language_library
from ._library import text as c_text

_LARGEST_ID = 2**31 - 1


def to_string(string: _abi.String) -> str:
    """The text of a string that C owns."""
    return ctypes.string_at(string.data, string.size).decode("utf-8", "replace") if string.size else ""


def of_string(data: bytes) -> _abi.String:
    """A string for C over bytes that the caller keeps."""
    return _abi.String(data=ctypes.cast(ctypes.c_char_p(data), ctypes.c_void_p), size=len(data))


def utf8(text: str | bytes) -> bytes:
    if isinstance(text, bytes):
        return text
    if not isinstance(text, str):
        raise PomeError("USAGE", f"the text is a {type(text).__name__}; str or bytes is wanted")
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise PomeError("INPUT", f"the text is no Unicode: {error.reason}") from error


class Tokenizer(Unpicklable):
    """Text to ids and back.

    `path` is a Hugging Face tokenizer.json, a SentencePiece tokenizer.model, or a folder with one.
    """

    _instead = "open it again where it is needed"

    def __init__(self, path: str | os.PathLike[str]) -> None:
        lib = language_library()
        address = create("pome_tokenizer_open", c_text(path, "the path"), None)
        self._handle = Handle(address, lib.pome_tokenizer_close)

    @classmethod
    def _of(cls, handle: Handle) -> Tokenizer:
        made = cls.__new__(cls)
        made._handle = handle
        return made

    def __repr__(self) -> str:
        return f"<pome.Tokenizer of {len(self)} tokens>"

    def __len__(self) -> int:
        """The size of the vocabulary."""
        with self._handle as tokenizer:
            return int(language_library().pome_tokenizer_vocab_size(tokenizer))

    def _encode(self, text: str | bytes, special: bool, plain: bool, with_spans: bool) -> Any:
        data = utf8(text)
        flags = _abi.ENCODE_SPECIAL * special | _abi.ENCODE_PLAIN * plain
        room, count = len(data) // 2 + 16, ctypes.c_size_t()  # nearly always enough
        with self._handle as tokenizer:
            while True:
                ids = (ctypes.c_int32 * room)()
                spans = (_abi.Span * room)() if with_spans else None
                place = (flags, ids, spans, room, ctypes.byref(count))
                call("pome_tokenizer_encode_with", tokenizer, data, len(data), *place)
                if count.value <= room:
                    return ids[: count.value], spans and spans[: count.value]
                room = count.value

    def encode(self, text: str | bytes, *, special: bool = False, plain: bool = False) -> list[int]:
        """The ids of a text. `special` adds the tokens that the model wants around it; with `plain`
        special tokens that are written in the text are text, as fits text that is not trusted."""
        ids: list[int] = self._encode(text, special, plain, False)[0]
        return ids

    def encode_spans(
        self, text: str | bytes, *, special: bool = False, plain: bool = False
    ) -> list[tuple[int, int, int]]:
        """For each token its id and the bytes of the text (in UTF-8) that it stands for, as (id,
        begin, end); (0, 0) for tokens that were added."""
        ids, spans = self._encode(text, special, plain, True)
        return [(token, span.begin, span.end) for token, span in zip(ids, spans)]

    def encode_pair(
        self, first: str | bytes, second: str | bytes, *, special: bool = True
    ) -> tuple[list[int], list[int]]:
        """Two texts together: the ids, and for each which text it belongs to."""
        one, two = utf8(first), utf8(second)
        room, count = len(one) + len(two) + 16, ctypes.c_size_t()
        with self._handle as tokenizer:
            while True:
                ids, kinds = (ctypes.c_int32 * room)(), (ctypes.c_int32 * room)()
                place = (_abi.ENCODE_SPECIAL * special, ids, kinds, room, ctypes.byref(count))
                call("pome_tokenizer_encode_pair", tokenizer, of_string(one), of_string(two), *place)
                if count.value <= room:
                    return ids[: count.value], kinds[: count.value]
                room = count.value

    def decode(self, ids: Iterable[int], *, skip_special: bool = False) -> str:
        """The text of the ids; those outside the vocabulary are left out."""
        array = id_array(ids)
        flags = _abi.DECODE_SKIP_SPECIAL * skip_special
        room, size = 8 * len(array) + 16, ctypes.c_size_t()
        with self._handle as tokenizer:
            while True:
                data = ctypes.create_string_buffer(room)
                place = (flags, data, room, ctypes.byref(size))
                call("pome_tokenizer_decode", tokenizer, array, len(array), *place)
                if size.value <= room:
                    return data.raw[: size.value].decode("utf-8", "replace")
                room = size.value

    def decode_stream(self, ids: Iterable[int], *, skip_special: bool = False) -> Iterator[str]:
        """The text of ids that come one by one: whole characters, as soon as no later id can change
        them. All pieces together are what `decode` gives."""
        detokenizer = Detokenizer(self, skip_special)
        for token in ids:
            piece = to_string(detokenizer.add(id_array([token])[0]))
            if piece:
                yield piece
        rest = to_string(detokenizer.finish())
        if rest:
            yield rest

    def piece(self, token: int) -> bytes:
        """The bytes of one token; none for an id outside the vocabulary."""
        with self._handle as tokenizer:
            string = language_library().pome_tokenizer_piece(tokenizer, id_array([token])[0])
            return ctypes.string_at(string.data, string.size) if string.size else b""

    def is_special(self, token: int) -> bool:
        """Whether it is one of the tokens that stand for no text of their own."""
        with self._handle as tokenizer:
            return bool(language_library().pome_tokenizer_is_special(tokenizer, id_array([token])[0]))

    def find(self, text: str | bytes) -> int | None:
        """The id of the token whose text is exactly that."""
        data = utf8(text)
        with self._handle as tokenizer:
            found = language_library().pome_tokenizer_find(tokenizer, data, len(data))
            return None if found < 0 else int(found)


def id_array(ids: Iterable[int]) -> Any:
    """Ids for C; what fits no id becomes one that no vocabulary has."""
    listed = [index(token) for token in ids]
    return (ctypes.c_int32 * len(listed))(*(i if 0 <= i <= _LARGEST_ID else -1 for i in listed))


class Detokenizer:
    """Decoding while ids come. The strings live until the next call."""

    def __init__(self, tokenizer: Tokenizer, skip_special: bool) -> None:
        flags = _abi.DECODE_SKIP_SPECIAL * skip_special
        address = create("pome_detokenizer_create", tokenizer._handle.address, flags)
        free = language_library().pome_detokenizer_free
        self._handle = Handle(address, free, tokenizer._handle)

    def add(self, token: int) -> _abi.String:
        string = _abi.String()
        call("pome_detokenizer_add", self._handle.address, token, ctypes.byref(string))
        return string

    def finish(self) -> _abi.String:
        string = _abi.String()
        call("pome_detokenizer_finish", self._handle.address, ctypes.byref(string))
        return string


class Template(Unpicklable):
    """A chat template: the Jinja that a published model carries.

    `path` is a model's folder or file, which the template is found beside, or a template file;
    `name` chooses among several. A model without one gets that of its family, if that is known.
    """

    _instead = "open it again where it is needed"

    def __init__(self, path: str | os.PathLike[str], name: str | None = None) -> None:
        lib = language_library()
        chosen = None if name is None else c_text(name, "the name")
        address = create("pome_template_open", c_text(path, "the path"), chosen, None)
        self._handle = Handle(address, lib.pome_template_close)

    @classmethod
    def from_text(cls, text: str | bytes) -> Template:
        """The template that is written there."""
        lib, data = language_library(), utf8(text)
        made = cls.__new__(cls)
        address = create("pome_template_parse", data, len(data), None)
        made._handle = Handle(address, lib.pome_template_close)
        return made

    def render(
        self,
        messages: Sequence[Mapping[str, Any]],
        *,
        tools: Sequence[Mapping[str, Any]] | None = None,
        add_generation_prompt: bool = True,
        now: datetime | None = None,
        **variables: Any,
    ) -> str:
        """The text of a conversation: messages with "role" and "content", the last of them answered
        next when `add_generation_prompt`. `variables` are given to the template as they are; `now`
        is the time that it may tell."""
        given = {**variables, "messages": messages, "add_generation_prompt": add_generation_prompt}
        if tools is not None:
            given["tools"] = tools
        return self._render(given, now)[0].decode("utf-8", "replace")

    def _render(self, variables: Mapping[str, Any], now: datetime | None) -> tuple[bytes, Any]:
        """The text, and which bytes of it are the conversation's own words."""
        lib, data = language_library(), _json(variables)
        text, size = ctypes.c_void_p(), ctypes.c_size_t()
        spans, count = ctypes.POINTER(_abi.Span)(), ctypes.c_size_t()
        made = (text, size, spans, count)
        with self._handle as chat:
            outputs = (ctypes.byref(output) for output in made)
            call("pome_template_render_marked", chat, data, len(data), _wall_clock(now), *outputs)
            rendered = ctypes.string_at(text, size.value) if size.value else b""
            own = [_abi.Span(span.begin, span.end) for span in spans[: count.value]]
            lib.pome_template_free_text(chat, text, size)
            lib.pome_template_free_spans(chat, spans, count)
        return rendered, (_abi.Span * len(own))(*own)

    def encode(
        self,
        tokenizer: Tokenizer,
        messages: Sequence[Mapping[str, Any]],
        *,
        now: datetime | None = None,
        **variables: Any,
    ) -> list[int]:
        """The ids of `render`'s text, in which special tokens that the conversation's own words
        spell are text: nobody writes a turn by writing its tokens."""
        given = {"add_generation_prompt": True, **variables, "messages": messages}
        data, own = self._render(given, now)
        room, count = len(data) // 2 + 16, ctypes.c_size_t()
        with tokenizer._handle as address:
            while True:
                ids = (ctypes.c_int32 * room)()
                place = (0, own, len(own), ids, room, ctypes.byref(count))
                call("pome_tokenizer_encode_marked", address, data, len(data), *place)
                if count.value <= room:
                    return list(ids[: count.value])
                room = count.value


def _json(variables: Mapping[str, Any]) -> bytes:
    try:
        return json.dumps(variables, allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise PomeError("INPUT", f"the conversation is no JSON: {error}") from error


def _wall_clock(now: datetime | None) -> int:
    """Seconds since 1970 as the clock on the wall shows them."""
    if now is None:
        seconds = int(time.time())
        return seconds + (time.localtime(seconds).tm_gmtoff or 0)
    return int((now.replace(tzinfo=None) - datetime(1970, 1, 1)).total_seconds())
