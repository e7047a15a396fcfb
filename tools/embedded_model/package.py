"""The Core ML package, built op by op: two functions over one set of weights and one state.

`decode` takes one token and `prefill` a block of them; both write keys and values into the states
`k_cache` and `v_cache` and give the logits of their last row.  Query heads that share a key head
are laid out as rows of one matrix, so grouped-query attention needs no repeated keys.  All is fp16;
matrices are palettes (`constexpr_lut_to_dense`), the embedding's serves the head as well.
"""

import argparse
import json
import shutil
import tempfile
import uuid
from pathlib import Path

import coremltools as ct
import numpy as np
import torch
from coremltools.converters.mil import Builder as mb
from coremltools.converters.mil.mil import types

from model import Sizes, matrices, rotary_tables
from palette import GROUP, Palette, palettize

FP16 = np.float16


def half(value) -> np.ndarray:
    return np.asarray(value, dtype=FP16)


class Graph:
    """The ops of one function; weights come by the names of the PyTorch decoder."""

    def __init__(self, sizes: Sizes, palettes: dict[str, Palette], norms: dict, length: int):
        self.sizes, self.palettes, self.norms, self.length = sizes, palettes, norms, length
        self.caches = {}  # by state: its value after the last update

    def matrix(self, name: str):
        palette = self.palettes[name]
        indices = palette.indices.numpy().astype(types.np_uint4_dtype)
        lut = half(palette.lut.numpy())[:, None, :, None]
        assert indices.shape[0] == lut.shape[0] * GROUP
        return mb.constexpr_lut_to_dense(indices=indices, lut=lut, name=name.replace(".", "_"))

    def rms_norm(self, x, name: str):
        mean = mb.reduce_mean(x=mb.mul(x=x, y=x), axes=[-1], keep_dims=True)
        scale = mb.rsqrt(x=mb.add(x=mean, y=FP16(self.sizes.eps)), epsilon=FP16(0))
        gain = mb.const(val=half(self.norms[name].numpy()), name=name.replace(".", "_"))
        return mb.mul(x=mb.mul(x=x, y=scale), y=gain)

    def heads(self, x, count: int):
        x = mb.reshape(x=x, shape=[1, self.length, count, self.sizes.head_dim])
        return mb.transpose(x=x, perm=[0, 2, 1, 3])

    def rotate(self, x, cos, sin):
        low, high = mb.split(x=x, num_splits=2, axis=-1)
        turned = mb.concat(values=[mb.mul(x=high, y=FP16(-1)), low], axis=-1)
        return mb.add(x=mb.mul(x=x, y=cos), y=mb.mul(x=turned, y=sin))

    def update(self, state, layer: int, rows, start, end):
        """Writes rows [1, kv_heads, length, head_dim] and gives the layer's whole cache.

        Each update starts from the value that the one before left: equal read_state ops are
        merged into the first by coremltools, so reading the state again here would lose the
        layers in between.
        """
        s = self.sizes
        begin = mb.concat(values=[[layer], [0], start, [0]], axis=0)
        stop = mb.concat(values=[[layer + 1], [s.kv_heads], end, [s.head_dim]], axis=0)
        before = self.caches.get(state.name) or mb.read_state(input=state)
        cache = mb.slice_update(x=before, update=rows, begin=begin, end=stop)
        cache = self.caches[state.name] = mb.coreml_update_state(state=state, value=cache)
        return mb.slice_by_index(
            x=cache, begin=[layer, 0, 0, 0], end=[layer + 1, s.kv_heads, s.context, s.head_dim]
        )

    def attend(self, x, layer: int, given: dict):
        s, name = self.sizes, f"layers.{layer}."
        rows = s.heads // s.kv_heads * self.length
        q = self.heads(mb.linear(x=x, weight=self.matrix(name + "q.weight")), s.heads)
        k = self.heads(mb.linear(x=x, weight=self.matrix(name + "k.weight")), s.kv_heads)
        v = self.heads(mb.linear(x=x, weight=self.matrix(name + "v.weight")), s.kv_heads)
        q = self.rotate(q, given["cos"], given["sin"])
        k = self.rotate(k, given["cos"], given["sin"])
        k = self.update(given["k_cache"], layer, k, given["start"], given["end"])
        v = self.update(given["v_cache"], layer, v, given["start"], given["end"])
        q = mb.reshape(x=q, shape=[1, s.kv_heads, rows, s.head_dim])
        q = mb.mul(x=q, y=FP16(s.head_dim**-0.5))
        scores = mb.matmul(x=q, y=k, transpose_y=True)
        shape = [s.kv_heads, s.heads // s.kv_heads, self.length, s.context]
        scores = mb.add(x=mb.reshape(x=scores, shape=shape), y=given["mask"])
        shares = mb.softmax(x=scores, axis=-1)
        shares = mb.reshape(x=shares, shape=[1, s.kv_heads, rows, s.context])
        y = mb.reshape(x=mb.matmul(x=shares, y=v), shape=[1, s.heads, self.length, s.head_dim])
        y = mb.transpose(x=y, perm=[0, 2, 1, 3])
        y = mb.reshape(x=y, shape=[1, self.length, s.heads * s.head_dim])
        return mb.linear(x=y, weight=self.matrix(name + "o.weight"))

    def layer(self, x, layer: int, given: dict):
        name = f"layers.{layer}."
        y = self.rms_norm(x, name + "attn_norm.weight")
        x = mb.add(x=x, y=self.attend(y, layer, given))
        y = self.rms_norm(x, name + "mlp_norm.weight")
        gate = mb.silu(x=mb.linear(x=y, weight=self.matrix(name + "gate.weight")))
        y = mb.mul(x=gate, y=mb.linear(x=y, weight=self.matrix(name + "up.weight")))
        return mb.add(x=x, y=mb.linear(x=y, weight=self.matrix(name + "down.weight")))

    def whole(self, input_ids, position_ids, causal_mask, current_pos, k_cache, v_cache):
        given = {"k_cache": k_cache, "v_cache": v_cache, "mask": causal_mask, "start": current_pos}
        for part, table in zip(("cos", "sin"), rotary_tables(self.sizes), strict=True):
            table = mb.const(val=half(table.numpy()), name=f"rotary_{part}")
            given[part] = mb.gather(x=table, indices=position_ids, axis=0)
        given["end"] = mb.add(x=current_pos, y=np.int32(self.length))
        embedding = self.matrix("embed.weight")
        x = mb.gather(x=embedding, indices=input_ids, axis=0)
        for layer in range(self.sizes.layers):
            x = self.layer(x, layer, given)
        if self.length > 1:
            x = mb.slice_by_index(
                x=x, begin=[0, self.length - 1, 0], end=[1, self.length, self.sizes.dim]
            )
        x = self.rms_norm(x, "norm.weight")
        return mb.linear(x=x, weight=embedding, name="logits")


def function_program(sizes: Sizes, palettes: dict, norms: dict, length: int):
    graph = Graph(sizes, palettes, norms, length)

    @mb.program(
        input_specs=[
            mb.TensorSpec((1, length), dtype=types.int32),
            mb.TensorSpec((length,), dtype=types.int32),
            mb.TensorSpec((1, 1, length, sizes.context), dtype=types.fp16),
            mb.TensorSpec((1,), dtype=types.int32),
            mb.StateTensorSpec(sizes.cache_shape, dtype=types.fp16),
            mb.StateTensorSpec(sizes.cache_shape, dtype=types.fp16),
        ],
        opset_version=ct.target.iOS18,
    )
    def program(input_ids, position_ids, causal_mask, current_pos, k_cache, v_cache):
        return graph.whole(input_ids, position_ids, causal_mask, current_pos, k_cache, v_cache)

    return program


DESCRIPTIONS = {
    "input_ids": "Tokens, int32.",
    "position_ids": "Position of each token in the text: rows of the rotary tables.",
    "causal_mask": "Added to the scores: 0 where a token may look, -inf where not.",
    "current_pos": "First row of the caches this call writes.",
    "logits": "Scores of the token that follows the last of input_ids.",
}


def describe(model: ct.models.MLModel) -> None:
    description = model.get_spec().description
    for feature in description.input:
        model.input_description[feature.name] = DESCRIPTIONS[feature.name]
    for feature in description.output:
        model.output_description[feature.name] = DESCRIPTIONS[feature.name]


def save_package(path: Path, sizes: Sizes, palettes: dict[str, Palette], norms: dict) -> None:
    lengths = {"prefill": sizes.prefill, "decode": 1}
    with tempfile.TemporaryDirectory() as work:
        descriptor = ct.utils.MultiFunctionDescriptor()
        for function, length in lengths.items():
            single = str(Path(work) / f"{function}.mlpackage")
            model = ct.convert(
                function_program(sizes, palettes, norms, length),
                convert_to="mlprogram",
                minimum_deployment_target=ct.target.iOS18,
                compute_precision=ct.precision.FLOAT32,  # as written: the graph is fp16 already
                skip_model_load=True,
            )
            describe(model)
            model.save(single)
            descriptor.add_function(single, "main", function)
        descriptor.default_function_name = "decode"
        shutil.rmtree(path, ignore_errors=True)
        ct.utils.save_multifunction(descriptor, str(path))
    settle(path)


def settle(path: Path) -> None:
    """Fixed identifiers, a fixed order and plain file modes: a re-made package is the same."""
    file = path / "Manifest.json"
    manifest = json.loads(file.read_text())
    entries = manifest["itemInfoEntries"]
    fixed = {old: str(uuid.uuid5(uuid.NAMESPACE_URL, entries[old]["path"])) for old in entries}
    manifest["itemInfoEntries"] = {fixed[old]: entry for old, entry in entries.items()}
    root = manifest["rootModelIdentifier"]
    manifest["rootModelIdentifier"] = fixed[root]
    file.write_text(json.dumps(manifest, indent=4, sort_keys=True) + "\n")
    file = path / "Data" / entries[root]["path"]
    spec = ct.proto.Model_pb2.Model.FromString(file.read_bytes())
    file.write_bytes(spec.SerializeToString(deterministic=True))
    for written in path.rglob("*"):
        if written.is_file():
            written.chmod(0o644)


def save_config(path: Path, sizes: Sizes) -> None:
    config = {
        "model_type": "llama",
        "model": "model.mlpackage",
        "tokenizer": "tokenizer.json",
        "functions": {"prefill": "prefill", "decode": "decode"},
        "context_length": sizes.context,
        "prefill_length": sizes.prefill,
        "vocab_size": sizes.vocab,
        "bos_token_id": sizes.vocab - 1,
        "eos_token_id": sizes.vocab - 1,
        "hidden_size": sizes.dim,
        "intermediate_size": sizes.hidden,
        "num_hidden_layers": sizes.layers,
        "num_attention_heads": sizes.heads,
        "num_key_value_heads": sizes.kv_heads,
        "head_dim": sizes.head_dim,
        "rope_theta": sizes.theta,
        "rms_norm_eps": sizes.eps,
        "tie_word_embeddings": True,
    }
    path.write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, required=True, help="folder train.py wrote")
    parser.add_argument("--out", type=Path, required=True, help="folder of the packaged model")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    sizes = Sizes()
    weights = torch.load(args.work / "weights.pt")
    palettes = {name: palettize(weights[name]) for name in matrices(weights)}
    save_package(args.out / "model.mlpackage", sizes, palettes, weights)
    save_config(args.out / "config.json", sizes)
    shutil.copyfile(args.work / "tokenizer.json", args.out / "tokenizer.json")


if __name__ == "__main__":
    main()
