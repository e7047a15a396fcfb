"""Learns the tokenizer and the decoder from one text file.

The last tenth of the text is the test set and is never read here.  Of the first nine tenths the
last twentieth is held back to choose the checkpoint; the rest is trained on, in random windows,
some of which begin at a paragraph, after the end-of-text token.  What is kept is a running average
of the weights.  The run ends after --steps or --minutes, and the rate falls towards the nearer end.
"""

import argparse
import math
import random
import time
from pathlib import Path

import torch
import torch.nn.functional as F

from bpe import Tokenizer, learn_merges
from model import Decoder, Sizes

BATCH = 8
DROPOUT = 0.1
RATE = 2e-3
DECAY = 0.1
AVERAGE = 0.99
AT_HEADING = 0.15  # share of windows that begin at a paragraph
EVERY = 100


def split_text(text: str) -> tuple[str, str, str]:
    """Training, validation and test part."""
    test = len(text) * 9 // 10
    validation = test * 19 // 20
    return text[:validation], text[validation:test], text[test:]


class Windows:
    """Random windows of a token sequence, one token longer than the context."""

    def __init__(self, tokenizer: Tokenizer, ids: list[int], length: int):
        gap = tokenizer.encode("\n\n")
        self.ids, self.length = torch.tensor(ids), length
        self.end_of_text = torch.tensor([tokenizer.end_of_text])
        self.last = len(ids) - length - 1
        ends = [i + len(gap) for i in range(self.last) if ids[i : i + len(gap)] == gap]
        self.headings = [0, *(start for start in ends if start <= self.last)]

    def draw(self, rng: random.Random) -> torch.Tensor:
        if rng.random() < AT_HEADING:
            start = rng.choice(self.headings)
            return torch.cat([self.end_of_text, self.ids[start : start + self.length]])
        start = rng.randint(0, self.last)
        return self.ids[start : start + self.length + 1]


@torch.no_grad()
def total_loss(model: Decoder, ids: torch.Tensor, stride: int) -> float:
    """Nats of all of ids but the first, in windows of the context, each `stride` further on.

    A token is scored once, in the first window that holds it.
    """
    length, total, scored = model.sizes.context, 0.0, 1
    for start in range(0, len(ids), stride):
        window = ids[start : start + length + 1]
        fresh = scored - start - 1
        if len(window) - 1 <= fresh:
            break
        losses = F.cross_entropy(model(window[None, :-1])[0], window[1:], reduction="none")
        total += losses[fresh:].sum().item()
        scored = start + len(window)
    return total


def optimizer(model: Decoder) -> torch.optim.Optimizer:
    groups = [
        {"params": [p for p in model.parameters() if p.dim() == 2], "weight_decay": DECAY},
        {"params": [p for p in model.parameters() if p.dim() == 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=RATE, betas=(0.9, 0.98), fused=True)


def rate_at(progress: float) -> float:
    """Up over the first 4 % of the run, then down in a straight line to 2 %."""
    return RATE * min(1.0, progress / 0.04 + 0.02, 0.02 + 0.98 * (1 - progress) / 0.96)


def train(text: str, work: Path, sizes: Sizes, steps: int, minutes: float, seed: int) -> None:
    torch.manual_seed(seed)
    rng = random.Random(seed)
    training, validation, _ = split_text(text)
    tokenizer = Tokenizer(learn_merges(training + validation, sizes.vocab - 257))
    tokenizer.save(work / "tokenizer.json")
    held = torch.tensor(tokenizer.encode(validation))
    windows = Windows(tokenizer, tokenizer.encode(training), sizes.context)
    model, averaged = Decoder(sizes, DROPOUT), Decoder(sizes).eval()
    averaged.load_state_dict(model.state_dict())
    tool = optimizer(model)
    best, began, progress, step = math.inf, time.monotonic(), 0.0, 0
    while progress < 1:
        ids = torch.stack([windows.draw(rng) for _ in range(BATCH)])
        for group in tool.param_groups:
            group["lr"] = rate_at(progress)
        tool.zero_grad(set_to_none=True)
        with torch.autocast("cpu", torch.bfloat16):
            logits = model(ids[:, :-1])
        loss = F.cross_entropy(logits.float().flatten(0, 1), ids[:, 1:].flatten())
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        tool.step()
        step += 1
        keep = min(AVERAGE, step / (step + 9))
        with torch.no_grad():
            for slow, fast in zip(averaged.parameters(), model.parameters(), strict=True):
                slow.lerp_(fast, 1 - keep)
        spent = (time.monotonic() - began) / 60
        progress = max(step / steps, spent / minutes)
        if step % EVERY == 0 or progress >= 1:
            nats = total_loss(averaged, held, sizes.context)
            bits = nats / math.log(2) / len(validation)
            if bits < best:
                best = bits
                torch.save(averaged.state_dict(), work / "weights.pt")
            note = f"step {step} ({progress:.0%}) loss {loss.item():.3f}"
            print(f"{note} validation {bits:.4f} bits/char, {spent:.1f} min", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--text", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True, help="folder for what is learned")
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--minutes", type=float, default=34)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    args.work.mkdir(parents=True, exist_ok=True)
    text = args.text.read_text(encoding="utf-8")
    train(text, args.work, Sizes(), args.steps, args.minutes, args.seed)


if __name__ == "__main__":
    main()
