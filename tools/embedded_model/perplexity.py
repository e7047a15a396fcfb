"""Bits per character over the last tenth of the text, which training never sees.

The figure is the model's total surprise over that part in bits, divided by its characters.  It is
taken from the packaged 4-bit weights as they are read back from the package, and, where the folder
of the training is given, from its fp32 weights beside it.
"""

import argparse
import math
from pathlib import Path

import torch

from bpe import Tokenizer
from model import Decoder
from train import split_text, total_loss
from unpack import read_decoder, read_sizes


def bits_per_character(model: Decoder, tokenizer: Tokenizer, text: str) -> float:
    """The text after the end-of-text token, in windows that overlap by half."""
    ids = torch.tensor([tokenizer.end_of_text, *tokenizer.encode(text)])
    nats = total_loss(model, ids, stride=model.sizes.context // 2)
    return nats / math.log(2) / len(text)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--text", type=Path, required=True)
    parser.add_argument("--model", type=Path, required=True, help="folder of the packaged model")
    parser.add_argument("--work", type=Path, help="folder train.py wrote, for the fp32 figure")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    test = split_text(args.text.read_text(encoding="utf-8"))[2]
    tokenizer = Tokenizer.load(args.model / "tokenizer.json")
    packaged = bits_per_character(read_decoder(args.model), tokenizer, test)
    print(f"packaged 4-bit weights: {packaged:.4f} bits/char over {len(test)} characters")
    if args.work:
        model = Decoder(read_sizes(args.model)).eval()
        model.load_state_dict(torch.load(args.work / "weights.pt"))
        print(f"fp32 weights: {bits_per_character(model, tokenizer, test):.4f} bits/char")


if __name__ == "__main__":
    main()
