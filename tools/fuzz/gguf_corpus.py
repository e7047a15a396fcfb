#!/usr/bin/env python3
"""Seeds for the fuzz target of GGUF files: tests/fuzz/corpus/gguf.

    python3 tools/fuzz/gguf_corpus.py

Small files, made here from scratch: a vocabulary of each kind, templates, tensors, every kind of value.
"""
import struct

from tokenizer_corpus import SPACE, byte_vocabulary, charsmap, save

KINDS = {"u8": 0, "i8": 1, "u16": 2, "i16": 3, "u32": 4, "i32": 5, "f32": 6, "bool": 7, "string": 8, "array": 9,
         "u64": 10, "i64": 11, "f64": 12}
FORMS = {"u8": "<B", "i8": "<b", "u16": "<H", "i16": "<h", "u32": "<I", "i32": "<i", "f32": "<f", "bool": "<B",
         "u64": "<Q", "i64": "<q", "f64": "<d"}
NORMAL, UNKNOWN, CONTROL, USER, UNUSED, BYTE = range(1, 7)


def text(value):
    data = value if isinstance(value, bytes) else value.encode()
    return struct.pack("<Q", len(data)) + data


def payload(kind, value):
    if kind == "string":
        return text(value)
    if kind == "array":
        element, items = value
        return struct.pack("<IQ", KINDS[element], len(items)) + b"".join(payload(element, item) for item in items)
    return struct.pack(FORMS[kind], value)


def entry(key, kind, value):
    return text(key) + struct.pack("<I", KINDS[kind]) + payload(kind, value)


def tensor(name, kind, offset, *dims):
    return text(name) + struct.pack("<I", len(dims)) + struct.pack("<%dQ" % len(dims), *dims) + struct.pack("<IQ", kind, offset)


def gguf(entries, tensors=(), data=0, version=3):
    out = b"GGUF" + struct.pack("<IQQ", version, len(tensors), len(entries)) + b"".join(entries) + b"".join(tensors)
    return out + bytes(-len(out) % 32 + data)


def vocabulary(model, tokens, types, *more):
    return [entry("tokenizer.ggml.model", "string", model), entry("tokenizer.ggml.tokens", "array", ("string", tokens)),
            entry("tokenizer.ggml.token_type", "array", ("i32", types)), *more]


def number(role, value):
    return entry("tokenizer.ggml.%s_token_id" % role, "u32", value)


def flag(name, value):
    return entry("tokenizer.ggml." + name, "bool", value)


def pieces(model, *more):
    tokens = ["<unk>", "<s>", "</s>", SPACE, "a", "b", "ab", SPACE + "ab", "abab", "e", ".", "<x>", "[PAD]", "aa"]
    types = [UNKNOWN, CONTROL, CONTROL] + [NORMAL] * 8 + [USER, UNUSED, NORMAL]
    tokens += ["<0x%02X>" % b for b in range(256)]
    scores = [-float(i) for i in range(len(tokens))]
    return vocabulary(model, tokens, types + [BYTE] * 256, entry("tokenizer.ggml.scores", "array", ("f32", scores)),
                      number("bos", 1), number("eos", 2), *more)


def byte_level(pre, *more):
    tokens = list(byte_vocabulary()) + ["<|im_start|>", "<|im_end|>", "<x>", "  "]
    types = [NORMAL] * (len(tokens) - 4) + [CONTROL, CONTROL, USER, USER]
    merges = ["a b", "a a", "ab ab", "\u0120 ab"]
    return vocabulary("gpt2", tokens, types, entry("tokenizer.ggml.pre", "string", pre),
                      entry("tokenizer.ggml.merges", "array", ("string", merges)), number("eos", len(tokens) - 3), *more)


def files():
    yield "bytes", gguf(byte_level("qwen2", entry("tokenizer.chat_template", "string",
                                                  "{% for m in messages %}{{ m.role }}{{ eos_token }}{% endfor %}")))
    yield "family", gguf(byte_level("deepseek-v3", flag("add_bos_token", 1), number("bos", 260), number("eot", 261)))
    yield "letters", gguf(byte_level("llama-bpe"))
    yield "pieces", gguf(pieces("llama", entry("tokenizer.chat_templates", "array", ("string", ["tool_use"])),
                                entry("tokenizer.chat_template.tool_use", "string", "{{ tools | length }}"),
                                flag("add_space_prefix", 1)))
    yield "unigram", gguf(pieces("t5", flag("add_space_prefix", 1), flag("remove_extra_whitespaces", 1),
                                 entry("tokenizer.ggml.precompiled_charsmap", "array", ("u8", charsmap()))))
    merged = [SPACE + "ab", "a", "b", "ab", SPACE, "<0x41>", "<x>"]
    yield "characters", gguf(vocabulary("gemma4", merged, [NORMAL] * 5 + [BYTE, USER],
                                        entry("tokenizer.ggml.merges", "array", ("string", ["a b", SPACE + " ab"]))))
    words = ["[UNK]", "[CLS]", "[SEP]", SPACE + "a", SPACE + "ab", "a", "b", "ab", SPACE + "."]
    yield "words", gguf(vocabulary("bert", words, [CONTROL] * 3 + [NORMAL] * 6, number("unknown", 0), number("cls", 1),
                                   number("seperator", 2), flag("normalizer.lowercase", 1)), version=2)
    values = [entry(kind, kind, 1) for kind in FORMS]
    values += [entry("nested", "array", ("array", [("u8", [1, 2]), ("string", ["a"])])), entry("text", "string", b"\xff\0")]
    tensors = [tensor("a.weight", 2, 0, 64, 2), tensor("b", 0, 96, 3), tensor("c", 30, 128, 4, 2, 1), tensor("d", 12, 160, 256),
               tensor("e", 99, 0, 5)]
    yield "values", gguf(values, tensors, 320)
    yield "aligned", gguf([entry("general.alignment", "u32", 8)], [tensor("t", 24, 8, 8)], 24)


if __name__ == "__main__":
    for name, data in files():
        save("gguf", name + ".gguf", data)
