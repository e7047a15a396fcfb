"""Ctrl-C while C runs.

Python runs its signal handlers between two bytecodes of the main thread, so that a long call into C
would hold up KeyboardInterrupt. The interpreter does write the number of each signal into a file at
once (signal.set_wakeup_fd). During a call on the main thread that file is a pipe of ours, and a thread
that reads it cancels the call; Python raises KeyboardInterrupt when the call returns. A program with a
SIGINT handler of its own decides itself, and other threads are not concerned.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable

_AGAIN = 0.01  # seconds: a cancel just before the call began is forgotten by it


class _Watcher:
    """The pipe, the thread that reads it, and the call going on."""

    def __init__(self) -> None:
        self._ends = os.pipe()
        os.set_blocking(self._ends[1], False)
        self._lock = threading.Lock()
        self._previous = -1  # where others wait for signals; they are passed on
        self.cancel: Callable[[], object] | None = None
        threading.Thread(target=self._watch, name="pome-interrupt", daemon=True).start()

    def _watch(self) -> None:
        while True:
            signals = os.read(self._ends[0], 64)
            if self._previous >= 0:
                with contextlib.suppress(OSError):
                    os.write(self._previous, signals)
            begun = self.cancel
            if signal.SIGINT not in signals or begun is None:
                continue
            if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
                while self._repeat(begun):
                    time.sleep(_AGAIN)

    def _repeat(self, begun: Callable[[], object]) -> bool:
        """Under the lock, so that no later call is met."""
        with self._lock:
            if self.cancel is not begun:
                return False
            begun()
            return True

    def begin(self, cancel: Callable[[], object]) -> None:
        previous = signal.set_wakeup_fd(self._ends[1], warn_on_full_buffer=False)
        if previous != self._ends[1]:
            self._previous = previous
        self.cancel = cancel

    def end(self) -> None:
        signal.set_wakeup_fd(self._previous)
        with self._lock:
            self.cancel = None

    def forget(self) -> None:
        """In a forked child, which has the pipe and not the thread."""
        if self.cancel is not None:
            signal.set_wakeup_fd(-1)
        for end in self._ends:
            os.close(end)


_watchers: list[_Watcher] = []


def _after_fork() -> None:
    while _watchers:
        _watchers.pop().forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def _begin(cancel: Callable[[], object]) -> _Watcher | None:
    if threading.current_thread() is not threading.main_thread():
        return None
    # No thread can be made while the interpreter ends, nor a wakeup file be set in a second one.
    try:  # contextlib.suppress has code of its own, which Ctrl-C may end
        if not _watchers:
            _watchers.append(_Watcher())
        if _watchers[0].cancel is not None:
            return None
        _watchers[0].begin(cancel)
        return _watchers[0]
    except (OSError, RuntimeError, ValueError):
        return None


def cancelling(cancel: Callable[[], object], run: Callable[[], object]) -> None:
    """Calls `run`, a call into C: meanwhile Ctrl-C calls `cancel` from another thread."""
    watcher = _begin(cancel)
    try:
        try:
            run()
        finally:
            if watcher is not None:
                watcher.end()
    finally:  # Ctrl-C may have ended the end, and a watcher left behind would cancel for ever
        if watcher is not None and watcher.cancel is cancel:
            watcher.end()
