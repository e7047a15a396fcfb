"""Rounds the trained matrices to 4-bit palettes, then tunes what the rounding moved.

The indices stay as k-means chose them; the 16 values of every group and the norms' gains learn on,
for a short while at a low rate, against the same text.  The validation figure before and after is
printed, and the better of the two is kept.
"""

import argparse
import math
import random
from pathlib import Path

import torch
import torch.nn.functional as F

from bpe import Tokenizer
from model import Decoder, Sizes, matrices
from palette import Palette, palettize
from train import BATCH, Windows, split_text, total_loss

RATE = 2e-4


def weights_of(palettes: dict[str, Palette], gains: dict[str, torch.Tensor]) -> dict:
    return {**{name: palette.dense() for name, palette in palettes.items()}, **gains}


def stored_form(palettes: dict[str, Palette], gains: dict[str, torch.Tensor]) -> dict:
    """What the package holds: all values rounded to fp16."""
    return {
        "palettes": {name: palette.rounded() for name, palette in palettes.items()},
        "gains": {name: gain.detach().half().float() for name, gain in gains.items()},
    }


def tune(text: str, work: Path, sizes: Sizes, steps: int, seed: int) -> None:
    torch.manual_seed(seed)
    rng = random.Random(seed)
    training, validation, _ = split_text(text)
    tokenizer = Tokenizer.load(work / "tokenizer.json")
    held = torch.tensor(tokenizer.encode(validation))
    windows = Windows(tokenizer, tokenizer.encode(training), sizes.context)
    weights = torch.load(work / "weights.pt")
    model = Decoder(sizes).eval()

    def bits(form: dict) -> float:
        model.load_state_dict(weights_of(**form))
        return total_loss(model, held, sizes.context) / math.log(2) / len(validation)

    names = matrices(weights)
    print(f"fp32 validation {bits({'palettes': {}, 'gains': weights}):.4f} bits/char")
    palettes = {name: palettize(weights[name]) for name in names}
    gains = {name: weight.clone() for name, weight in weights.items() if name not in names}
    best = stored_form(palettes, gains)
    before = bits(best)
    print(f"k-means palettes {before:.4f} bits/char", flush=True)
    learned = [palette.lut for palette in palettes.values()] + list(gains.values())
    for value in learned:
        value.requires_grad_(True)
    tool = torch.optim.Adam(learned, lr=RATE)
    for step in range(steps):
        ids = torch.stack([windows.draw(rng) for _ in range(BATCH)])
        tool.param_groups[0]["lr"] = RATE * (1 - step / steps)
        tool.zero_grad(set_to_none=True)
        with torch.autocast("cpu", torch.bfloat16):
            logits = torch.func.functional_call(model, weights_of(palettes, gains), ids[:, :-1])
        loss = F.cross_entropy(logits.float().flatten(0, 1), ids[:, 1:].flatten())
        loss.backward()
        tool.step()
    tuned = stored_form(palettes, gains)
    after = bits(tuned)
    print(f"tuned palettes {after:.4f} bits/char", flush=True)
    torch.save(tuned if after < before else best, work / "palettes.pt")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--text", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True, help="folder train.py wrote")
    parser.add_argument("--steps", type=int, default=120)
    parser.add_argument("--seed", type=int, default=2)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    tune(args.text.read_text(encoding="utf-8"), args.work, Sizes(), args.steps, args.seed)


if __name__ == "__main__":
    main()
