"""How a program is planned: device, numerics, threads, instruction set; as the command line has them."""

from __future__ import annotations

from dataclasses import dataclass

from . import _abi
from ._library import PomeError, library, text

_MOST_THREADS = 1024


@dataclass(frozen=True)
class PlanSettings:
    """Checked; None and 0 are the library's defaults."""

    device: bytes | None
    numerics: int | None
    threads: int
    isa: bytes | None

    def fill(self, options: _abi.PlanOptions) -> None:
        if self.device is not None:
            options.devices = self.device
        if self.numerics is not None:
            options.numerics = self.numerics
        options.threads = self.threads
        if self.isa is not None:
            options.isa = self.isa

    def options(self) -> _abi.PlanOptions:
        made: _abi.PlanOptions = _abi.options(library(), "plan")
        self.fill(made)
        return made


def plan_settings(
    device: str | None, numerics: str | None, threads: int, isa: str | None
) -> PlanSettings:
    """PomeError "USAGE" for what no library knows."""
    if numerics is not None and numerics not in _abi.NUMERICS:
        known = ", ".join(_abi.NUMERICS)
        raise PomeError("USAGE", f"unknown numerics {numerics!r:.60}; allowed are {known}")
    if not isinstance(threads, int) or not 0 <= threads <= _MOST_THREADS:
        allowed = f"0 (one for each core) to {_MOST_THREADS} are allowed"
        raise PomeError("USAGE", f"threads is {threads!r:.60}; {allowed}")
    return PlanSettings(
        None if device is None else text(device, "device"),
        None if numerics is None else _abi.NUMERICS.index(numerics),
        threads,
        None if isa is None else text(isa, "isa"),
    )
