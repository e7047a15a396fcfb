"""Byte-level byte-pair encoding: learning the merges, encoding, and the tokenizer.json form.

A text is cut into pieces the way GPT-2 cuts it (contractions, letters, digits, punctuation, white
space), each piece becomes bytes written in a printable alphabet, and the learned merges join
neighbouring symbols, lowest rank first.  The vocabulary is the 256 bytes, then one symbol a merge,
then the one special token, which stands before a text and ends it.
"""

import json
import random
import unicodedata
from collections import Counter, defaultdict
from pathlib import Path

END_OF_TEXT = "<|endoftext|>"
CONTRACTIONS = ("'s", "'t", "'re", "'ve", "'m", "'ll", "'d")


def byte_alphabet() -> list[str]:
    """The character that stands for each byte: itself where printable, else one from U+0100 on."""
    printable = {*range(33, 127), *range(161, 173), *range(174, 256)}
    alphabet, extra = [], 256
    for byte in range(256):
        alphabet.append(chr(byte) if byte in printable else chr(extra))
        extra += byte not in printable
    return alphabet


def char_class(char: str) -> str:
    if char.isspace():
        return "space"
    return {"L": "letter", "N": "number"}.get(unicodedata.category(char)[0], "other")


def run_end(text: str, start: int) -> int:
    """The end of the run of characters of one class that begins at start."""
    kind, end = char_class(text[start]), start + 1
    while end < len(text) and char_class(text[end]) == kind:
        end += 1
    return end


def split_pieces(text: str) -> list[str]:
    r"""'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"""
    pieces, at = [], 0
    while at < len(text):
        end = next((at + len(c) for c in CONTRACTIONS if text.startswith(c, at)), 0)
        if not end:
            spaced = text[at] == " " and at + 1 < len(text) and not text[at + 1].isspace()
            end = run_end(text, at + 1 if spaced else at)
            if text[at].isspace() and not spaced and end < len(text) and end - at > 1:
                end -= 1  # a run of white space leaves its last character to what follows
        pieces.append(text[at:end])
        at = end
    return pieces


def join_pair(symbols: list[str], pair: tuple[str, str]) -> list[str]:
    joined, at = [], 0
    while at < len(symbols):
        if tuple(symbols[at : at + 2]) == pair:
            joined.append(pair[0] + pair[1])
            at += 2
        else:
            joined.append(symbols[at])
            at += 1
    return joined


def learn_merges(text: str, count: int) -> list[tuple[str, str]]:
    """The most frequent pair, again and again; of equally frequent ones the first in order."""
    alphabet = byte_alphabet()
    frequency = Counter(split_pieces(text))
    words = [[alphabet[b] for b in piece.encode()] for piece in frequency]
    weights = list(frequency.values())
    pairs: Counter = Counter()
    holders = defaultdict(set)

    def tally(index: int, sign: int) -> None:
        for pair in zip(words[index], words[index][1:], strict=False):
            pairs[pair] += sign * weights[index]
            holders[pair].add(index)

    for index in range(len(words)):
        tally(index, 1)
    merges = []
    for _ in range(count):
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        merges.append(best)
        for index in sorted(holders.pop(best)):
            tally(index, -1)
            words[index] = join_pair(words[index], best)
            tally(index, 1)
        del pairs[best]
    return merges


class Tokenizer:
    def __init__(self, merges: list[tuple[str, str]]):
        self.merges = merges
        self.alphabet = byte_alphabet()
        symbols = [*sorted(self.alphabet), *(a + b for a, b in merges), END_OF_TEXT]
        self.vocab = {symbol: number for number, symbol in enumerate(symbols)}
        self.symbols = symbols
        self.rank = {pair: number for number, pair in enumerate(merges)}
        self.bytes = {char: byte for byte, char in enumerate(self.alphabet)}
        self.end_of_text = self.vocab[END_OF_TEXT]
        self.known: dict[str, list[int]] = {}

    def merge_piece(self, piece: str, drop: float = 0.0, rng: random.Random | None = None):
        """The ids of one piece; with drop, each possible merge is passed over at that rate."""
        symbols = [self.alphabet[b] for b in piece.encode()]
        while len(symbols) > 1:
            possible = [
                (self.rank[pair], at)
                for at, pair in enumerate(zip(symbols, symbols[1:], strict=False))
                if pair in self.rank and not (drop and rng.random() < drop)
            ]
            if not possible:
                break
            _, at = min(possible)
            symbols[at : at + 2] = [symbols[at] + symbols[at + 1]]
        return [self.vocab[symbol] for symbol in symbols]

    def encode(self, text: str) -> list[int]:
        ids: list[int] = []
        for piece in split_pieces(text):
            if piece not in self.known:
                self.known[piece] = self.merge_piece(piece)
            ids += self.known[piece]
        return ids

    def encode_varied(self, text: str, drop: float, seed: int) -> list[int]:
        """An encoding with merges passed over at random: the same text in other tokens."""
        rng = random.Random(seed)
        return [i for piece in split_pieces(text) for i in self.merge_piece(piece, drop, rng)]

    def decode(self, ids: list[int]) -> str:
        chars = "".join(self.symbols[i] for i in ids if i != self.end_of_text)
        return bytes(self.bytes[char] for char in chars).decode(errors="replace")

    def save(self, path: Path) -> None:
        byte_level = {
            "type": "ByteLevel",
            "add_prefix_space": False,
            "trim_offsets": True,
            "use_regex": True,
        }
        special = {
            "id": self.end_of_text,
            "content": END_OF_TEXT,
            "single_word": False,
            "lstrip": False,
            "rstrip": False,
            "normalized": False,
            "special": True,
        }
        model = {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": "",
            "end_of_word_suffix": "",
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": False,
            "vocab": self.vocab,
            "merges": [f"{a} {b}" for a, b in self.merges],
        }
        form = {
            "version": "1.0",
            "truncation": None,
            "padding": None,
            "added_tokens": [special],
            "normalizer": None,
            "pre_tokenizer": byte_level,
            "post_processor": byte_level,
            "decoder": byte_level,
            "model": model,
        }
        path.write_text(json.dumps(form, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> "Tokenizer":
        merges = json.loads(path.read_text(encoding="utf-8"))["model"]["merges"]
        return cls([tuple(merge.split(" ")) for merge in merges])
