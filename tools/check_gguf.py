#!/usr/bin/env python3
"""Holds the tokenizers that pome reads from GGUF files against others' writing and reading of them.

usage: check_gguf.py POME FOLDER

FOLDER has a folder for each tokenizer, with tokenizer.json and cases.jsonl (as tests/unit/test_tokenizer_cases.c takes them).
Each is written as GGUF by the package `gguf`, by the rules of llama.cpp's converter, and pome's ids are compared

    with those of the cases,
    with llama.cpp's own, where llama_cpp can be imported,
    and for each family of words with those of the tokenizers library, on the vocabulary of qwen3 with the family's
    pre-tokenizer.

Prints a line for each comparison, with the first difference. Needs the packages gguf and tokenizers.
"""

import base64
import copy
import json
import pathlib
import subprocess
import sys
import tempfile

import gguf
from tokenizers import Tokenizer

NORMAL, UNKNOWN, CONTROL, USER, UNUSED, BYTE = range(1, 7)
SPACE = "\u2581"
# folder: model, family, architecture (for llama.cpp), bos, eos, further settings
KNOWN = {
    "gpt2": ("gpt2", "gpt-2", "gpt2", None, "<|endoftext|>", {}),
    "qwen3": ("gpt2", "qwen2", "qwen2", None, "<|im_end|>", {"bos": False}),
    "llama2": ("llama", "default", "llama", "<s>", "</s>", {"bos": True, "eos": False}),
    "t5-small": ("t5", "default", "t5", None, "</s>", {"bos": False, "eos": True, "prefix": True, "spaces": True}),
    "minilm": ("bert", "jina-v2-de", "bert", "[CLS]", "[SEP]", {}),
}

ENGLISH = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
SPACES = r"\s*[\r\n]+|\s+(?!\S)|\s+"
UPPER, LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
BLOOM = " ?[^(\\s|.,!?\u2026\u3002\uff0c\u3001\u0964\u06d4\u060c)]+"


def lines(digits):
    return ENGLISH + r"|[^\r\n\p{L}\p{N}]?\p{L}+|" + digits + r"| ?[^\s\p{L}\p{N}]+[\r\n]*|" + SPACES


def cased(behind, digits):
    before = r"[^\r\n\p{L}\p{N}]?"
    return "|".join(
        [
            before + UPPER + "*" + LOWER + "+" + behind,
            before + UPPER + "+" + LOWER + "*" + behind,
            digits,
            r" ?[^\s\p{L}\p{N}]+[\r\n/]*",
            SPACES,
        ]
    )


def split(*patterns):
    return [{"type": "Split", "pattern": {"Regex": p}, "behavior": "Isolated", "invert": False} for p in patterns]


GPT2 = [{"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": True}]
PLAIN = [{"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False}]
DIGITS = [{"type": "Digits", "individual_digits": True}]
EAST_ASIA = "[\u4e00-\u9fa5\u0800-\u4e00\uac00-\ud7ff]+"
O200K = cased(ENGLISH + "?", r"\p{N}{1,3}")
# As the families' tokenizer.json have them.
FAMILIES = {
    "gpt-2": GPT2,
    "starcoder": DIGITS + GPT2,
    "command-r": DIGITS + GPT2,
    "falcon": [{"type": "Punctuation", "behavior": "Contiguous"}] + GPT2 + split("[0-9][0-9][0-9]"),
    "llama-bpe": split(lines(r"\p{N}{1,3}")) + PLAIN,
    "qwen2": split(lines(r"\p{N}")) + PLAIN,
    "qwen35": split(ENGLISH + r"|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|" + SPACES) + PLAIN,
    "minicpm5": split(r"\p{N}{1,3}", lines(r"\p{N}+")) + PLAIN,
    "seed-coder": split(ENGLISH + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1}| ?[^\s\p{L}\p{N}\r\n]+|" + SPACES) + PLAIN,
    "bailingmoe": split(
        r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]++[\r\n]*"
        r"|\s*[\r\n]|\s+(?!\S)|\s+"
    )
    + PLAIN,
    "gpt-4o": split(O200K) + PLAIN,
    "tiny_aya": split(r"\d{1,3}(?=(?:\d{3})*\b)", O200K) + PLAIN,
    "tekken": split(cased("", r"\p{N}")) + PLAIN,
    "deepseek-coder": split("[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", EAST_ASIA) + DIGITS + PLAIN,
    "deepseek-v3": split(
        r"\p{N}{1,3}",
        "[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+",
        r"""[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+"""
        r"""| ?[\p{P}\p{S}]+[\r\n]*|""" + SPACES,
    )
    + PLAIN,
    "bloom": split(BLOOM) + PLAIN,
    "viking": split(BLOOM) + DIGITS + PLAIN,
}
COMPOSED = ("qwen2", "qwen35", "command-r")
WHOLE = ("llama-bpe", "tekken", "minicpm5")


def find_map(normalizer):
    found = (normalizer or {}).get("precompiled_charsmap")
    for part in (normalizer or {}).get("normalizers", []):
        found = found or find_map(part)
    return found


def tokens_of(root, kind):
    """[(text, type, score)] by id."""
    model, found, scores = root["model"], {}, {}
    vocab = model["vocab"]
    if isinstance(vocab, list):
        for i, (text, score) in enumerate(vocab):
            found[i], scores[i] = (text, NORMAL), score
    else:
        for text, i in vocab.items():
            byte = kind == "llama" and len(text) == 6 and text.startswith("<0x")
            found[i] = (text, BYTE if byte else NORMAL)
    if kind == "llama":
        for rank, merge in enumerate(model["merges"]):
            scores.setdefault(vocab["".join(merge.split(" ") if isinstance(merge, str) else merge)], -float(rank + 1))
    for token in root["added_tokens"]:
        text = token["content"]
        special = token["special"] or (text.startswith("<|") and text.endswith("|>"))
        unknown = kind in ("llama", "t5") and (text == model.get("unk_token") or token["id"] == model.get("unk_id"))
        found[token["id"]] = (text, UNKNOWN if unknown else CONTROL if special else USER)
    return [found.get(i, ("[PAD%d]" % i, UNUSED)) + (scores.get(i, 0.0),) for i in range(max(found) + 1)]


def respelled(text, kind):
    if kind != NORMAL or (len(text) > 1 and text[0] == "[" and text[-1] == "]"):
        return text
    return text[2:] if text.startswith("##") and len(text) > 2 else SPACE + text


def write(path, root, known, family=None):
    kind, pre, architecture, bos, eos, more = known
    tokens = tokens_of(root, kind)
    ids = {text: i for i, (text, _, _) in enumerate(tokens)}
    out = gguf.GGUFWriter(path, architecture)
    out.add_context_length(512)
    out.add_embedding_length(32)
    out.add_block_count(1)
    out.add_feed_forward_length(32)
    out.add_head_count(1)
    out.add_layer_norm_eps(1e-5)
    out.add_layer_norm_rms_eps(1e-5)
    if architecture == "t5":
        out.add_relative_attn_buckets_count(32)
    out.add_tokenizer_model(kind)
    out.add_tokenizer_pre(family or pre)
    texts = [respelled(t, k) if kind == "bert" else t for t, k, _ in tokens]
    out.add_token_list(texts)
    out.add_token_types([k for _, k, _ in tokens])
    out.add_token_scores([s for _, _, s in tokens])
    if kind == "gpt2":
        out.add_token_merges([m if isinstance(m, str) else " ".join(m) for m in root["model"]["merges"]])
    charsmap = find_map(root["normalizer"])
    if charsmap:
        out.add_precompiled_charsmap(base64.b64decode(charsmap))
    for text, add in (
        (bos, out.add_bos_token_id),
        (eos, out.add_eos_token_id),
        ("[UNK]", out.add_unk_token_id),
        ("<unk>", out.add_unk_token_id),
    ):
        if text in ids:
            add(ids[text])
    if kind == "bert":
        out.add_sep_token_id(ids["[SEP]"])
    for key, add in (
        ("bos", out.add_add_bos_token),
        ("eos", out.add_add_eos_token),
        ("prefix", out.add_add_space_prefix),
        ("spaces", out.add_remove_extra_whitespaces),
    ):
        if key in more:
            add(more[key])
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.close()


def encode(pome, path, texts, special=False):
    requests = "".join(json.dumps({"text": text, "special": special}) + "\n" for text in texts)
    out = subprocess.run([pome, "tokenize", path, "--jsonl"], input=requests.encode(), capture_output=True)
    answers = [json.loads(line) for line in out.stdout.decode().split("\n") if line]
    if len(answers) != len(texts):
        sys.exit(f"{path}: {out.stderr.decode()}")
    return [answer.get("ids") for answer in answers]


def report(what, texts, have, want):
    bad = [i for i in range(len(texts)) if have[i] != want[i]]
    print(f"{what}: {len(texts) - len(bad)} of {len(texts)} texts agree", flush=True)
    if bad:
        first = min(bad, key=lambda i: len(texts[i]))
        print(f"    {texts[first][:60]!a}: {have[first][:16]}, not {want[first][:16]}")


def of_llama_cpp(path, texts):
    try:
        from llama_cpp import Llama
    except ImportError:
        return None
    model = Llama(path, vocab_only=True, verbose=False)
    return [model.tokenize(text.encode(), add_bos=False, special=True) for text in texts]


def check_family(pome, path, root, family, texts):
    root = copy.deepcopy(root)
    root["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": FAMILIES[family]}
    root["normalizer"] = {"type": "NFC"} if family in COMPOSED else None
    root["model"]["ignore_merges"] = family in WHOLE
    library = Tokenizer.from_str(json.dumps(root))
    write(path, root, KNOWN["qwen3"], family)
    want = [library.encode(text, add_special_tokens=False).ids for text in texts]
    report(f"family {family}", texts, encode(pome, path, texts), want)


def main():
    pome, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    with tempfile.TemporaryDirectory() as work:
        path = work + "/model.gguf"
        for name, known in KNOWN.items():
            root = json.loads((folder / name / "tokenizer.json").read_text())
            cases = [json.loads(line) for line in (folder / name / "cases.jsonl").read_text().split("\n") if line]
            texts = [case["text"] for case in cases]
            write(path, root, known)
            have = encode(pome, path, texts)
            report(f"{name}, ids", texts, have, [case["ids"] for case in cases])
            report(f"{name}, with special tokens", texts, encode(pome, path, texts, True), [case["ids_special"] for case in cases])
            other = of_llama_cpp(path, texts)
            if other is not None:
                report(f"{name}, llama.cpp", texts, have, other)
        root = json.loads((folder / "qwen3" / "tokenizer.json").read_text())
        cases = [json.loads(line) for line in (folder / "qwen3" / "cases.jsonl").read_text().split("\n") if line]
        for family in FAMILIES:
            check_family(pome, path, root, family, [case["text"] for case in cases])


if __name__ == "__main__":
    main()
