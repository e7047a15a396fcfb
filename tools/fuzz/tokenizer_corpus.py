#!/usr/bin/env python3
"""Seeds for the fuzz targets of tokenizers: tests/fuzz/corpus/{tokenizer,sentencepiece}.

    python3 tools/fuzz/tokenizer_corpus.py

Small files, made here from scratch, that between them use every part the readers know.
"""
import base64
import json
import os
import struct

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tests", "fuzz", "corpus")
SPACE = "\u2581"


def save(corpus, name, data):
    folder = os.path.join(ROOT, corpus)
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, name), "wb") as file:
        file.write(data)


def charsmap():
    """A double array that turns 'A' into 'ab': the root leads to one node with a value."""
    units = [0] * 512
    units[0] = 1 << 10  # offset 1
    units[1 ^ ord("A")] = ord("A") | 1 << 8 | 256 << 10
    units[1 ^ ord("A") ^ 256] = 1 << 31 | 0
    trie = struct.pack("<512I", *units)
    return struct.pack("<I", len(trie)) + trie + b"ab\0"


def added(*tokens):
    return [{"id": i, "content": text, "special": special, **flags} for i, text, special, flags in tokens]


def split(pattern, behavior="Isolated", kind="Regex", invert=False):
    return {"type": "Split", "pattern": {kind: pattern}, "behavior": behavior, "invert": invert}


def sequence(key, *parts):
    return {"type": "Sequence", key: list(parts)}


BYTES = {"type": "ByteLevel", "add_prefix_space": False, "use_regex": True}
META = {"type": "Metaspace", "replacement": SPACE, "prepend_scheme": "always", "split": True}
METADECODER = dict(META)


def byte_vocabulary():
    letters = [chr(b) if 33 <= b <= 126 or 161 <= b <= 172 or 174 <= b <= 255 else None for b in range(256)]
    fresh = iter(range(256, 400))
    letters = [letter or chr(next(fresh)) for letter in letters]
    return {letter: i for i, letter in enumerate(letters)} | {"ab": 256, "aa": 257, "abab": 258, "\u0120ab": 259}


def tokenizers():
    merges = ["a b", ["a", "a"], "ab ab", "\u0120 ab"]
    yield "bytes", {
        "added_tokens": added((260, "<s>", True, {"lstrip": True}), (261, "<x>", False, {"normalized": True, "single_word": True})),
        "normalizer": {"type": "NFC"}, "pre_tokenizer": BYTES, "decoder": {"type": "ByteLevel"},
        "post_processor": {"type": "RobertaProcessing", "sep": ["<s>", 260], "cls": ["<s>", 260]},
        "model": {"type": "BPE", "vocab": byte_vocabulary(), "merges": merges}}
    yield "bytes_split", {
        "normalizer": sequence("normalizers", {"type": "NFKD"}, {"type": "StripAccents"}, {"type": "Nmt"}),
        "pre_tokenizer": sequence("pretokenizers", {"type": "Punctuation", "behavior": "Contiguous"}, BYTES,
                                  {"type": "Digits", "individual_digits": True}, split("[0-9[a]]{2}")),
        "decoder": sequence("decoders", {"type": "ByteLevel"}, {"type": "Strip", "content": " ", "start": 1, "stop": 1}),
        "model": {"type": "BPE", "ignore_merges": True, "vocab": byte_vocabulary(), "merges": merges}}
    pieces = ["<unk>", "<s>", "</s>", SPACE, "a", "b", "ab", SPACE + "ab", "abab", "e", ".", ","] + ["<0x%02X>" % b for b in range(256)]
    yield "fallback", {
        "added_tokens": added((0, "<unk>", True, {}), (1, "<s>", True, {"rstrip": True}), (2, "</s>", True, {})),
        "normalizer": sequence("normalizers", {"type": "Prepend", "prepend": SPACE},
                               {"type": "Replace", "pattern": {"String": " "}, "content": SPACE}),
        "pre_tokenizer": None,
        "post_processor": {"type": "TemplateProcessing",
                           "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
                           "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
                           "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}}},
        "decoder": sequence("decoders", {"type": "Replace", "pattern": {"String": SPACE}, "content": " "}, {"type": "ByteFallback"},
                            {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0}),
        "model": {"type": "BPE", "unk_token": "<unk>", "fuse_unk": True, "byte_fallback": True,
                  "vocab": {piece: i for i, piece in enumerate(pieces)},
                  "merges": ["a b", SPACE + " ab", "ab ab"]}}
    yield "marked", {
        "normalizer": sequence("normalizers", {"type": "Lowercase"}, {"type": "Strip"},
                               {"type": "Replace", "pattern": {"Regex": "\\s+"}, "content": " "}),
        "pre_tokenizer": {"type": "Whitespace"}, "decoder": {"type": "BPEDecoder", "suffix": "</w>"},
        "model": {"type": "BPE", "unk_token": "?", "end_of_word_suffix": "</w>", "merges": ["a b</w>"],
                  "vocab": {"?": 0, "a": 1, "b": 2, "a</w>": 3, "b</w>": 4, "ab</w>": 5}}}
    yield "unigram", {
        "added_tokens": added((0, "<pad>", True, {}), (1, "</s>", True, {})),
        "normalizer": {"type": "Precompiled", "precompiled_charsmap": base64.b64encode(charsmap()).decode()},
        "pre_tokenizer": sequence("pretokenizers", {"type": "WhitespaceSplit"}, META), "decoder": METADECODER,
        "model": {"unk_id": 2, "vocab": [["<pad>", 0], ["</s>", 0], ["<unk>", 0], [SPACE, -2.5], [SPACE + "ab", -3.25], ["a", -4],
                                         ["b", -4.5], ["ab", -5e0], ["abab", -6]]}}
    yield "wordpiece", {
        "added_tokens": added((0, "[UNK]", True, {}), (1, "[CLS]", True, {}), (2, "[SEP]", True, {})),
        "normalizer": {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "strip_accents": None, "lowercase": True},
        "pre_tokenizer": {"type": "BertPreTokenizer"}, "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
        "post_processor": {"type": "BertProcessing", "sep": ["[SEP]", 2], "cls": ["[CLS]", 1]},
        "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100,
                  "vocab": {"[UNK]": 0, "[CLS]": 1, "[SEP]": 2, "a": 3, "##b": 4, "ab": 5, "##ab": 6, "##a": 7, ".": 8, "don": 9, "'": 10, "t": 11}}}


# ---- protobuf

def varint(value):
    value &= (1 << 64) - 1
    out = bytearray()
    while True:
        out.append(value & 0x7F | (0x80 if value > 0x7F else 0))
        value >>= 7
        if not value:
            return bytes(out)


def uint(number, value):
    return varint(number << 3) + varint(value)


def sub(number, data):
    return varint(number << 3 | 2) + varint(len(data)) + data


def piece(text, score, kind=1):
    return sub(1, sub(1, text.encode()) + varint(2 << 3 | 5) + struct.pack("<f", score) + (uint(3, kind) if kind != 1 else b""))


def models():
    control = piece("<unk>", 0, 2) + piece("<s>", 0, 3) + piece("</s>", 0, 3)
    words = [SPACE, "a", "b", "ab", SPACE + "ab", "abab", "e", "."]
    listed = b"".join(piece(word, -1.0 - i) for i, word in enumerate(words))
    in_bytes = b"".join(piece("<0x%02X>" % b, 0, 6) for b in range(256))
    yield "bpe", control + in_bytes + listed + piece("<x>", 0, 4) + sub(2, uint(3, 2) + uint(35, 1)) + sub(3, uint(4, 0))
    yield "unigram", control + listed + piece("unused", -9, 5) + sub(2, uint(3, 1) + sub(44, b"?")) + sub(3, sub(2, charsmap()))
    yield "whole", control + listed + piece("a" + SPACE + "b", -2) + sub(2, uint(3, 1) + uint(41, -1)) + sub(3, uint(3, 0) + uint(4, 0) + uint(5, 0))


if __name__ == "__main__":
    for name, value in tokenizers():
        save("tokenizer", name + ".json", json.dumps(value).encode())
    for name, data in models():
        save("sentencepiece", name + ".model", data)
