"""The golden folder: calls of the package, and what PyTorch fp32 answers on its stored weights.

Two sequences over the head of the test part: two prefill blocks and six decode steps on one state,
then a fresh state and the first tokens one by one.  Before anything is written the answers are
compared with a pass over the whole sequence without a cache, and with the same calls in fp16, which
shows how far rounding alone moves the logits.
"""

import argparse
import json
import shutil
from pathlib import Path

import numpy as np
import torch

from bpe import Tokenizer
from model import Cache, Decoder, call_inputs
from train import split_text
from unpack import read_decoder

BLOCKS = 2
STEPS = 6
FRESH = 8
TOLERANCE = {"logits": {"rel_l2": 0.01, "max_abs": 0.05}}


def planned_calls(model: Decoder, ids: list[int]) -> list[dict]:
    """Function, state and inputs of every call, and the number of tokens seen after it."""
    block = model.sizes.prefill
    spans = [("prefill", at * block, (at + 1) * block) for at in range(BLOCKS)]
    spans += [("decode", at, at + 1) for at in range(BLOCKS * block, BLOCKS * block + STEPS)]
    spans += [("decode", at, at + 1) for at in range(FRESH)]
    return [
        {
            "function": function,
            "state": "keep" if start else "new",
            "inputs": call_inputs(model.sizes, ids[start:end], start),
            "seen": end,
        }
        for function, start, end in spans
    ]


def answers(model: Decoder, calls: list[dict]) -> list[torch.Tensor]:
    logits, cache = [], None
    for call in calls:
        if call["state"] == "new":
            cache = Cache.new(model.sizes, model.embed.weight.dtype)
        logits.append(model.call(call["inputs"], cache).float())
    return logits


def largest_errors(got: list[torch.Tensor], expected: list[torch.Tensor]) -> tuple[float, float]:
    """Largest relative 2-norm and largest absolute difference of any call."""
    pairs = list(zip(got, expected, strict=True))
    relative = max(((a - b).norm() / b.norm()).item() for a, b in pairs)
    return relative, max((a - b).abs().max().item() for a, b in pairs)


def check(folder: Path, calls: list[dict], expected: list[torch.Tensor], ids: list[int]) -> None:
    model = read_decoder(folder, "prefill")
    with torch.no_grad():
        whole = model(torch.tensor([ids]))[0]
    plain = [whole[call["seen"] - 1][None, None] for call in calls]
    relative, absolute = largest_errors(expected, plain)
    print(f"with a cache and without: rel_l2 {relative:.1e}, max_abs {absolute:.1e}")
    assert relative < 1e-4, "the calls do not compute what the whole sequence gives"
    relative, absolute = largest_errors(answers(model.half(), calls), expected)
    print(f"fp16 against fp32: rel_l2 {relative:.1e}, max_abs {absolute:.1e}")
    allowed = TOLERANCE["logits"]
    assert relative < allowed["rel_l2"] / 2 and absolute < allowed["max_abs"] / 2


def write(folder: Path, text: str) -> None:
    model = read_decoder(folder)
    tokenizer = Tokenizer.load(folder / "tokenizer.json")
    length = BLOCKS * model.sizes.prefill + STEPS
    ids = [tokenizer.end_of_text, *tokenizer.encode(split_text(text)[2][: 8 * length])][:length]
    calls = planned_calls(model, ids)
    expected = answers(model, calls)
    check(folder, calls, expected, ids)
    golden = folder / "golden"
    shutil.rmtree(golden, ignore_errors=True)
    golden.mkdir()
    entries = []
    for number, (call, logits) in enumerate(zip(calls, expected, strict=True)):
        arrays = {name: value.numpy() for name, value in call["inputs"].items()}
        arrays["causal_mask"] = arrays["causal_mask"].astype(np.float16)
        names = {part: f"{part}_{number}.npz" for part in ("inputs", "outputs")}
        np.savez_compressed(golden / names["inputs"], **arrays)
        np.savez_compressed(golden / names["outputs"], logits=logits.numpy())
        entries.append({"function": call["function"], **names, "state": call["state"]})
    form = {
        "model": "../model.mlpackage",
        "source": "PyTorch fp32 on the decompressed weights",
        "calls": entries,
        "tolerance": TOLERANCE,
    }
    (golden / "golden.json").write_text(json.dumps(form, indent=2) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--text", type=Path, required=True)
    parser.add_argument("--model", type=Path, required=True, help="folder of the packaged model")
    args = parser.parse_args()
    write(args.model, args.text.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
