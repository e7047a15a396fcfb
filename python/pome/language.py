"""Language models: text that is written token by token.

>>> import pome
>>> model = pome.LanguageModel("models/folio")
>>> for piece in model.generate("To be, or not", tokens=20, temperature=0):
...     print(piece, end="", flush=True)

A `Session` keeps what a model has read; `Generation` is one text that is being written.
"""

from __future__ import annotations

import ctypes
import os
import random
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from operator import index
from typing import Any, Union

import numpy as np

from . import _abi
from ._arrays import Array
from ._interrupt import cancelling
from ._library import Handle, PomeError, Unpicklable, call, create, language_library
from ._library import text as c_text
from ._settings import plan_settings
from .text import Detokenizer, Template, Tokenizer, id_array, of_string, to_string, utf8

#: a text, a conversation of messages with "role" and "content", or ids
Prompt = Union[str, Sequence[Mapping[str, Any]], Sequence[int]]


class LanguageModel(Unpicklable):
    """A bundle: a stateful program, a tokenizer and a configuration in one folder. Any number of
    threads may use it, each with its own session. The options are those of `pome.Model`."""

    _instead = "open it again where it is needed"

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        device: str | None = None,
        numerics: str | None = None,
        threads: int = 0,
        isa: str | None = None,
        copy: bool = False,
    ) -> None:
        lib = language_library()
        plan = plan_settings(device, numerics, threads, isa).options()
        model = _abi.options(lib, "model")
        model.copy = copy
        options = _abi.options(lib, "llm")
        options.model, options.plan = ctypes.pointer(model), ctypes.pointer(plan)
        self._path = c_text(path, "the path")
        address = create("pome_llm_open", self._path, ctypes.byref(options))
        self._handle = Handle(address, lib.pome_llm_close)
        self._template: list[Template | None] = []
        self.path = os.fspath(path)
        #: how many tokens a text may have
        self.context = int(lib.pome_llm_context(address))
        self.vocab_size = int(lib.pome_llm_vocab_size(address))
        bos, eos = int(lib.pome_llm_bos(address)), int(lib.pome_llm_eos(address))
        #: the token that begins a text, and the one that ends it
        self.bos, self.eos = (None if bos < 0 else bos), (None if eos < 0 else eos)
        #: the model's own
        self.tokenizer = Tokenizer._of(
            Handle(lib.pome_llm_tokenizer(address), lambda _: None, self._handle)
        )

    def __repr__(self) -> str:
        return f"<pome.LanguageModel {self.path}: {self.context} tokens of {self.vocab_size}>"

    @property
    def template(self) -> Template | None:
        """The model's chat template; None when it has none and its family is not known."""
        if not self._template:
            try:
                self._template.append(Template(self.path))
            except PomeError as error:
                if error.status != "UNSUPPORTED":
                    raise
                self._template.append(None)
        return self._template[0]

    def session(self) -> Session:
        """A timeline of its own."""
        return Session(self)

    def generate(self, prompt: Prompt, **options: Any) -> Generation:
        """`Session.generate` in a session of its own."""
        return self.session().generate(prompt, **options)


class Session(Unpicklable):
    """One timeline of tokens, and what the model keeps of it. One thread at a time may use it."""

    _instead = "another session that is given the same tokens is equal to it"

    def __init__(self, model: LanguageModel) -> None:
        self.model = model
        address = create("pome_session_create", model._handle.address)
        free = language_library().pome_session_free
        self._handle = Handle(address, free, model._handle)
        self._busy = threading.Lock()

    def __len__(self) -> int:
        """How many tokens the timeline has."""
        return int(language_library().pome_session_length(self._handle.address))

    def cancel(self) -> None:
        """Stops what is going on, from any thread: it raises PomeError "CANCELLED"."""
        language_library().pome_session_cancel(self._handle.address)

    @contextmanager
    def _synced(self, tokens: Any, count: int) -> Iterator[Any]:
        """The logits behind these tokens, which the next call overwrites."""
        if not self._busy.acquire(blocking=False):
            raise PomeError("USAGE", "the session is in use by another thread")
        try:
            logits = ctypes.POINTER(ctypes.c_float)()
            where = (self._handle.address, tokens, count)
            cancelling(self.cancel, partial(call, "pome_session_sync", *where, ctypes.byref(logits)))
            yield logits
        finally:
            self._busy.release()

    def logits(self, tokens: Iterable[int]) -> Array:
        """Makes the timeline equal to these tokens, reading only what differs from before; returns a
        number for each token of the vocabulary: the larger, the likelier it comes next."""
        ids = id_array(tokens)
        with self._synced(ids, len(ids)) as logits:
            return np.ctypeslib.as_array(logits, (self.model.vocab_size,)).copy()

    def generate(
        self,
        prompt: Prompt,
        *,
        tokens: int = 200,
        temperature: float = 0.8,
        top_k: int = 40,
        top_p: float = 0.95,
        min_p: float = 0.0,
        typical_p: float = 1.0,
        repetition_penalty: float = 1.0,
        presence_penalty: float = 0.0,
        frequency_penalty: float = 0.0,
        penalty_window: int = 64,
        bias: Mapping[int, float] | None = None,
        seed: int | None = None,
        stop: str | Iterable[str] = (),
        system: str | None = None,
        raw: bool = False,
    ) -> Generation:
        """Goes on with a prompt: a text, which becomes a user's turn when the model has a chat
        template and not `raw`; a conversation; or ids as they are. At most `tokens` are written, up
        to a token that ends a text or one of the texts `stop`. `system` is a message before a text.

        `temperature` 0 always takes the most likely token; the others are those of
        `pome run --help` and include/pome/llm.h. The same `seed` gives the same text; None: another
        each time.
        """
        sampling = {
            "temperature": temperature,
            "top_k": top_k,
            "top_p": top_p,
            "min_p": min_p,
            "typical_p": typical_p,
            "repetition_penalty": repetition_penalty,
            "presence_penalty": presence_penalty,
            "frequency_penalty": frequency_penalty,
            "penalty_window": penalty_window,
            "seed": random.getrandbits(32) if seed is None else seed,
        }
        stops = [stop] if isinstance(stop, str) else list(stop)
        chat = None if raw else self.model.template
        ids = _prompt_ids(self.model, chat, prompt, system)
        return Generation(self, ids, tokens, sampling, bias or {}, stops, chat)


def _prompt_ids(
    model: LanguageModel, chat: Template | None, prompt: Prompt, system: str | None
) -> list[int]:
    if isinstance(prompt, str):
        if chat is None and system is None:
            first = [] if model.bos is None else [model.bos]
            return first + model.tokenizer.encode(prompt)
        turns = [] if system is None else [{"role": "system", "content": system}]
        prompt = [*turns, {"role": "user", "content": prompt}]
    elif not isinstance(prompt, (Sequence, np.ndarray)):
        kind = type(prompt).__name__
        raise PomeError("USAGE", f"the prompt is a {kind}; a text, messages or ids are wanted")
    elif not all(isinstance(item, Mapping) for item in prompt) or len(prompt) == 0:
        return list(id_array(prompt))  # type: ignore[arg-type]
    if chat is None:
        raise PomeError(
            "UNSUPPORTED",
            "the model has no chat template, and a conversation needs one",
            hint="give the prompt as a text",
        )
    return chat.encode(model.tokenizer, prompt)  # type: ignore[arg-type]


_LARGEST = {"top_k": 2**31 - 1, "penalty_window": 2**31 - 1, "seed": 2**64 - 1}


def _sampler(model: LanguageModel, sampling: Mapping[str, Any], bias: Mapping[int, float]) -> Handle:
    lib = language_library()
    options = _abi.options(lib, "sampler")
    for name, value in sampling.items():
        largest = _LARGEST.get(name)
        if largest is not None and not 0 <= index(value) <= largest:
            raise PomeError("USAGE", f"{name} is {value}; 0 to {largest} are allowed")
        setattr(options, name, value)
    entries = (_abi.LogitBias * len(bias))(*(_abi.LogitBias(*pair) for pair in bias.items()))
    options.bias, options.bias_count = entries, len(bias)
    made = (ctypes.byref(options), model.vocab_size, None)
    return Handle(create("pome_sampler_create", *made), lib.pome_sampler_free)


class Generation(Iterator[str]):
    """A text that is being written; iterating gives its pieces, whole characters each, as they come.

    It begins at the first `next`. Generations of one session may take turns; each reads again what
    the timeline has lost of it.
    """

    def __init__(
        self,
        session: Session,
        prompt: list[int],
        tokens: int,
        sampling: Mapping[str, Any],
        bias: Mapping[int, float],
        stops: list[str],
        chat: Template | None,
    ) -> None:
        model = session.model
        self._session = session
        self._room = _room(model, len(prompt), tokens)
        self._ids = (ctypes.c_int32 * self._room)(*prompt)
        self._count = len(prompt)
        self._sampler = _sampler(model, sampling, bias)
        texts = [utf8(stop) for stop in stops]
        strings = (_abi.String * max(1, len(texts)))(*map(of_string, texts))
        with model.tokenizer._handle as tokenizer:
            place = (tokenizer, model._path, chat and chat._handle.address, strings, len(texts), None)
            address = create("pome_stops_create", *place)
        free = language_library().pome_stops_free
        self._stops = Handle(address, free, model.tokenizer._handle)
        self._detokenizer = Detokenizer(model.tokenizer, True)
        for token in prompt:
            language_library().pome_sampler_accept(self._sampler.address, token)
            self._detokenizer.add(token)  # what follows is the rest of one text
        self._pieces = self._write()
        self._cancelled = False
        #: how many tokens the prompt has
        self.prompt_tokens = len(prompt)
        #: what was or is drawn with
        self.seed: int = sampling["seed"]
        #: all that was written until now
        self.text = ""
        #: why the text ended: "end" (by the model), "stop" (a stop text), "length", "context"
        self.stop: str | None = None

    @property
    def tokens(self) -> list[int]:
        """The ids that were written until now."""
        return list(self._ids[self.prompt_tokens : self._count])

    def __next__(self) -> str:
        piece = next(self._pieces)
        self.text += piece
        return piece

    def cancel(self) -> None:
        """Stops it from any thread: the iteration raises PomeError "CANCELLED"."""
        self._cancelled = True
        self._session.cancel()

    def read(self) -> str:
        """Writes to the end and returns the whole text."""
        for _ in self:
            pass
        return self.text

    def _choose(self) -> int:
        chosen = ctypes.c_int32()
        if self._cancelled:
            raise PomeError("CANCELLED", "the generation was cancelled")
        with self._session._synced(self._ids, self._count) as logits:
            call("pome_sampler_choose", self._sampler.address, logits, ctypes.byref(chosen))
        return chosen.value

    def _ready(self, string: _abi.String) -> tuple[str, bool]:
        """What of a text can be part of no stop text, and whether one is complete."""
        ready, stopped = _abi.String(), ctypes.c_bool()
        outputs = (ctypes.byref(ready), ctypes.byref(stopped))
        call("pome_stops_add", self._stops.address, string, *outputs)
        return to_string(ready), stopped.value

    def _write(self) -> Iterator[str]:
        lib = language_library()
        stopped = False
        while not stopped and self._count < self._room:
            token = self._choose()
            if lib.pome_stops_is_end(self._stops.address, token):
                self.stop = "end"
                break
            self._ids[self._count] = token
            self._count += 1
            lib.pome_sampler_accept(self._sampler.address, token)
            piece, stopped = self._ready(self._detokenizer.add(token))
            if piece:
                yield piece
        if not stopped:
            piece, stopped = self._ready(self._detokenizer.finish())
            if not stopped:
                piece += to_string(lib.pome_stops_finish(self._stops.address))
            if piece:
                yield piece
        if stopped:
            self.stop = "stop"
        elif self.stop is None:
            self.stop = "context" if self._room == self._session.model.context else "length"


def _room(model: LanguageModel, prompt: int, tokens: int) -> int:
    """How many tokens the text may have, the prompt's among them."""
    if prompt == 0:
        raise PomeError("INPUT", "the prompt is empty")
    if prompt >= model.context:
        raise PomeError(
            "INPUT",
            f"the prompt has {prompt} tokens; the model's context holds {model.context}",
            hint="shorten the prompt",
        )
    if tokens < 1:
        raise PomeError("USAGE", f"tokens is {tokens}; at least 1 is wanted")
    return min(model.context, prompt + tokens)
