"""4-bit palettes: 16 values for every group of rows of a matrix, found by k-means.

A matrix [rows, columns] becomes indices of the same shape and a table [rows / GROUP, 16]; this is
the scalar, grouped-by-output-channel form of `constexpr_lut_to_dense`.  The values of a group are
found without regard to the text: for this model the rounding costs less than 0.01 bits per
character, and tuning the tables against the text afterwards made it worse.
"""

from dataclasses import dataclass

import torch

GROUP = 16
ENTRIES = 16
ROUNDS = 100


@dataclass
class Palette:
    indices: torch.Tensor  # uint8 [rows, columns]
    lut: torch.Tensor  # float32 [rows / GROUP, ENTRIES]


def palettize(weight: torch.Tensor) -> Palette:
    """Lloyd's rounds on a group's sorted values: a cluster is a run, its sum a difference."""
    values = weight.detach().double().reshape(weight.shape[0] // GROUP, -1)
    size = values.shape[1]
    ordered = values.sort(dim=1).values
    sums = torch.nn.functional.pad(ordered.cumsum(1), (1, 0))
    # Start between the quantiles, dense in the middle, and an even spread, which holds the tails.
    at = (torch.arange(ENTRIES).double() + 0.5) / ENTRIES
    even = ordered[:, :1] + (ordered[:, -1:] - ordered[:, :1]) * at
    lut = (ordered[:, (at * size).long()] + even) / 2
    for _ in range(ROUNDS):
        ends = torch.searchsorted(ordered, middles(lut))
        ends = torch.nn.functional.pad(ends, (1, 0))
        ends = torch.cat([ends, torch.full_like(ends[:, :1], size)], dim=1)
        total, count = sums.gather(1, ends).diff(dim=1), ends.diff(dim=1)
        lut = torch.where(count > 0, total / count.clamp(min=1), lut).sort(dim=1).values
    index = torch.searchsorted(middles(lut), values)
    return Palette(index.reshape(weight.shape).to(torch.uint8), lut.float())


def middles(lut: torch.Tensor) -> torch.Tensor:
    return ((lut[:, 1:] + lut[:, :-1]) / 2).contiguous()
