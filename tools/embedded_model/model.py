"""The decoder: its sizes, its weights, and one forward pass for training and for serving.

A Llama-style stack: RMSNorm, rotary positions, grouped-query attention, SwiGLU, no biases, and one
matrix that is both the embedding and the head.  Without a cache the pass is causal over the whole
sequence.  With one it is what the package computes in a call: write the new keys and values at
`start`, attend over all rows of the cache under the caller's mask, give the last row's logits.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn


@dataclass(frozen=True)
class Sizes:
    vocab: int = 1024
    dim: int = 256
    layers: int = 4
    heads: int = 8
    kv_heads: int = 2
    head_dim: int = 32
    hidden: int = 512
    context: int = 256
    prefill: int = 64
    theta: float = 10000.0
    eps: float = 1e-5

    @property
    def cache_shape(self) -> tuple[int, int, int, int]:
        return (self.layers, self.kv_heads, self.context, self.head_dim)


def rotary_tables(sizes: Sizes) -> tuple[torch.Tensor, torch.Tensor]:
    """cos and sin, [context, head_dim]; both halves of a row are equal."""
    rate = sizes.theta ** (-torch.arange(0, sizes.head_dim, 2).double() / sizes.head_dim)
    angle = torch.arange(sizes.context).double()[:, None] * rate
    angle = torch.cat([angle, angle], dim=1)
    return angle.cos().float(), angle.sin().float()


def rotate(x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    low, high = x.chunk(2, dim=-1)
    return x * cos + torch.cat([-high, low], dim=-1) * sin


@dataclass
class Cache:
    """Keys and values of all layers, in the shape of the package's two states."""

    k: torch.Tensor
    v: torch.Tensor

    @classmethod
    def new(cls, sizes: Sizes, dtype: torch.dtype = torch.float32) -> "Cache":
        shape = sizes.cache_shape
        return cls(torch.zeros(shape, dtype=dtype), torch.zeros(shape, dtype=dtype))


class Layer(nn.Module):
    def __init__(self, sizes: Sizes, index: int, dropout: float):
        super().__init__()
        q, kv = sizes.heads * sizes.head_dim, sizes.kv_heads * sizes.head_dim
        self.sizes, self.index, self.dropout = sizes, index, dropout
        self.attn_norm = nn.RMSNorm(sizes.dim, eps=sizes.eps)
        self.q = nn.Linear(sizes.dim, q, bias=False)
        self.k = nn.Linear(sizes.dim, kv, bias=False)
        self.v = nn.Linear(sizes.dim, kv, bias=False)
        self.o = nn.Linear(q, sizes.dim, bias=False)
        self.mlp_norm = nn.RMSNorm(sizes.dim, eps=sizes.eps)
        self.gate = nn.Linear(sizes.dim, sizes.hidden, bias=False)
        self.up = nn.Linear(sizes.dim, sizes.hidden, bias=False)
        self.down = nn.Linear(sizes.hidden, sizes.dim, bias=False)

    def attend(self, x, cos, sin, cache, start, mask):
        batch, length, _ = x.shape

        def heads(y):
            return y.view(batch, length, -1, self.sizes.head_dim).transpose(1, 2)

        q, k = (rotate(heads(matrix(x)), cos, sin) for matrix in (self.q, self.k))
        v = heads(self.v(x))
        if cache is not None:
            cache.k[self.index, :, start : start + length] = k[0]
            cache.v[self.index, :, start : start + length] = v[0]
            k, v = cache.k[self.index][None], cache.v[self.index][None]
        repeat = self.sizes.heads // self.sizes.kv_heads
        k, v = k.repeat_interleave(repeat, 1), v.repeat_interleave(repeat, 1)
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=cache is None)
        return self.o(y.transpose(1, 2).reshape(batch, length, -1))

    def forward(self, x, cos, sin, cache=None, start=0, mask=None):
        y = self.attend(self.attn_norm(x), cos, sin, cache, start, mask)
        x = x + F.dropout(y, self.dropout, self.training)
        y = self.mlp_norm(x)
        y = self.down(F.silu(self.gate(y)) * self.up(y))
        return x + F.dropout(y, self.dropout, self.training)


class Decoder(nn.Module):
    def __init__(self, sizes: Sizes, dropout: float = 0.0):
        super().__init__()
        self.sizes, self.dropout = sizes, dropout
        self.embed = nn.Embedding(sizes.vocab, sizes.dim)
        self.layers = nn.ModuleList(Layer(sizes, i, dropout) for i in range(sizes.layers))
        self.norm = nn.RMSNorm(sizes.dim, eps=sizes.eps)
        cos, sin = rotary_tables(sizes)
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)
        for name, weight in self.named_parameters():
            if weight.dim() == 2:
                std = 0.02 if name == "embed.weight" else weight.shape[1] ** -0.5
                deep = name.endswith(("o.weight", "down.weight"))
                nn.init.normal_(weight, std=std * ((2 * sizes.layers) ** -0.5 if deep else 1.0))

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        """Logits of every row of ids [batch, length]."""
        cos, sin = self.cos[: ids.shape[1]], self.sin[: ids.shape[1]]
        x = F.dropout(self.embed(ids), self.dropout, self.training)
        for layer in self.layers:
            x = layer(x, cos, sin)
        return F.linear(self.norm(x), self.embed.weight)

    @torch.no_grad()
    def call(self, inputs: dict[str, torch.Tensor], cache: Cache) -> torch.Tensor:
        """One call of the package: its four inputs, the state, and logits [1, 1, vocab]."""
        positions, start = inputs["position_ids"], int(inputs["current_pos"][0])
        mask = inputs["causal_mask"].to(self.embed.weight.dtype)
        x = self.embed(inputs["input_ids"])
        for layer in self.layers:
            x = layer(x, self.cos[positions], self.sin[positions], cache, start, mask)
        return F.linear(self.norm(x[:, -1:]), self.embed.weight)


def call_inputs(sizes: Sizes, ids: list[int], start: int) -> dict[str, torch.Tensor]:
    """The inputs of a call for tokens ids that stand at positions start, start + 1, ..."""
    positions = torch.arange(start, start + len(ids), dtype=torch.int32)
    future = torch.arange(sizes.context)[None, :] > positions[:, None]
    mask = torch.zeros(len(ids), sizes.context).masked_fill(future, -torch.inf)
    return {
        "input_ids": torch.tensor([ids], dtype=torch.int32),
        "position_ids": positions,
        "causal_mask": mask[None, None],
        "current_pos": torch.tensor([start], dtype=torch.int32),
    }


def matrices(state: dict[str, torch.Tensor]) -> list[str]:
    """The names of the weights that are palettized: all that have two dimensions."""
    return [name for name, weight in state.items() if weight.dim() == 2]
