"""Small modules that gather one kind of layer each: what the libraries' architectures seldom use."""

import math

import torch
import torch.nn.functional as F
from torch import nn


class Of(nn.Module):
    """A module of the layers named, run by `call(self, *inputs)`."""

    def __init__(self, call, **layers) -> None:
        super().__init__()
        for name, layer in layers.items():
            setattr(self, name, layer)
        self.call = call

    def forward(self, *inputs):
        return self.call(self, *inputs)


def randn(*shape: int) -> torch.Tensor:
    return torch.randn(*shape)


def recurrent(kind, **settings):
    layer = kind(input_size=12, hidden_size=16, **settings)
    batch_first = settings.get("batch_first", False)

    def call(m, x):
        out, last = m.layer(x)
        return (out, *last) if isinstance(last, tuple) else (out, last)

    return Of(call, layer=layer), (randn(2, 9, 12) if batch_first else randn(9, 2, 12),)


def lstm_with_state():
    def call(m, x, h, c):
        out, (h, c) = m.layer(x, (h, c))
        return out, h, c

    layer = nn.LSTM(12, 16, num_layers=2, batch_first=True)
    return Of(call, layer=layer), (randn(1, 5, 12), randn(2, 1, 16), randn(2, 1, 16))


def lstm_cells():
    def call(m, x):
        h = c = torch.zeros(2, 16)
        outs = []
        for part in x.unbind(1):
            i, f, g, o = m.gates(torch.cat([part, h], 1)).chunk(4, 1)
            c = f.sigmoid() * c + i.sigmoid() * g.tanh()
            h = o.sigmoid() * c.tanh()
            outs.append(h)
        return torch.stack(outs, 1)

    return Of(call, gates=nn.Linear(28, 64)), (randn(2, 4, 12),)


def tagger():
    def call(m, ids):
        out, _ = m.lstm(m.embedding(ids))
        return m.head(out)

    layers = {
        "embedding": nn.Embedding(50, 12),
        "lstm": nn.LSTM(12, 16, 2, batch_first=True, bidirectional=True),
        "head": nn.Linear(32, 7),
    }
    return Of(call, **layers), (torch.randint(0, 50, (2, 11), dtype=torch.int32),)


def convolutions_1d():
    layers = nn.Sequential(
        nn.Conv1d(4, 12, 5, padding=2),
        nn.PReLU(),
        nn.Conv1d(12, 12, 3, dilation=4, padding=4, groups=12),
        nn.GELU(),
        nn.Conv1d(12, 16, 4, stride=3, padding=1, groups=4, padding_mode="reflect"),
        nn.GroupNorm(4, 16),
        nn.MaxPool1d(3, 2, 1),
        nn.ConvTranspose1d(16, 8, 4, 2, 1),
        nn.AvgPool1d(3, 2, 1, count_include_pad=False),
        nn.Conv1d(8, 6, 3, padding="same", padding_mode="replicate"),
    )
    return layers, (randn(2, 4, 97),)


def convolutions_2d():
    layers = nn.Sequential(
        nn.Conv2d(3, 12, (5, 3), padding=(2, 0), stride=(1, 2)),
        nn.ELU(0.7),
        nn.Conv2d(12, 24, 3, groups=12, dilation=(1, 2), padding="same"),
        nn.Hardswish(),
        nn.Conv2d(24, 24, 3, groups=3, dilation=3, padding=3, bias=False),
        nn.LeakyReLU(0.2),
        nn.Conv2d(24, 10, 1, stride=2),
        nn.ConvTranspose2d(10, 12, 3, 2, 1, output_padding=1, groups=2),
        nn.Hardsigmoid(),
        nn.ConvTranspose2d(12, 4, (3, 5), dilation=2, padding=2),
    )
    return layers, (randn(1, 3, 21, 30),)


def convolutions_3d():
    layers = nn.Sequential(
        nn.Conv3d(2, 8, 3, padding=1, stride=(1, 2, 2)),
        nn.BatchNorm3d(8),
        nn.ReLU6(),
        nn.Conv3d(8, 8, (3, 1, 1), groups=4, padding=(1, 0, 0)),
        nn.MaxPool3d(2, ceil_mode=True),
        nn.ConvTranspose3d(8, 4, 2, 2),
        nn.AvgPool3d((1, 2, 2)),
        nn.SiLU(),
    )
    return layers, (randn(1, 2, 6, 14, 14),)


def generator():
    def block(i, o, *sizes):
        return [nn.ConvTranspose2d(i, o, *sizes, bias=False), nn.BatchNorm2d(o), nn.ReLU()]

    layers = nn.Sequential(
        *block(24, 32, 4, 1, 0),
        *block(32, 16, 4, 2, 1),
        *block(16, 8, 4, 2, 1),
        nn.ConvTranspose2d(8, 3, 4, 2, 1),
        nn.Tanh(),
    )
    return layers, (randn(1, 24, 1, 1),)


def super_resolution():
    layers = nn.Sequential(
        nn.Conv2d(3, 16, 5, padding=2),
        nn.PReLU(),
        nn.Conv2d(16, 12, 3, padding=1),
        nn.PixelShuffle(2),
        nn.ReflectionPad2d(2),
        nn.Conv2d(3, 6, 5),
        nn.Upsample(scale_factor=2),
        nn.Conv2d(6, 3, 1),
    )
    return layers, (randn(1, 3, 18, 22),)


def upsampling():
    def call(m, x):
        return (
            F.interpolate(x, scale_factor=2, mode="nearest"),
            F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False),
            F.interpolate(x, size=(19, 31), mode="bilinear", align_corners=True),
            F.interpolate(x, size=(5, 7), mode="bilinear", align_corners=False),
        )

    return Of(call), (randn(1, 2, 9, 12),)


def grid_sampling():
    def call(m, x, grid):
        y = m.conv(x)
        return (
            F.grid_sample(y, grid, align_corners=False),
            F.grid_sample(y, grid, align_corners=True, mode="nearest"),
            F.grid_sample(y, grid, align_corners=True, padding_mode="border"),
        )

    grid = torch.rand(1, 7, 9, 2) * 2.2 - 1.1
    return Of(call, conv=nn.Conv2d(2, 3, 3, padding=1)), (randn(1, 2, 10, 12), grid)


def normalizations():
    def call(m, x):
        y = m.batch(x)
        y = m.instance(y) + m.group(x)
        y = m.local(y)
        y = m.layer(y)
        z = F.normalize(y, dim=1)
        return y, z, m.rms(y)

    layers = {
        "batch": nn.BatchNorm2d(8),
        "instance": nn.InstanceNorm2d(8, affine=True),
        "group": nn.GroupNorm(4, 8),
        "local": nn.LocalResponseNorm(3),
        "layer": nn.LayerNorm([8, 6, 7]),
        "rms": nn.RMSNorm(7),
    }
    return Of(call, **layers), (randn(2, 8, 6, 7),)


def activations():
    kinds = [
        nn.ELU(),
        nn.GELU(),
        nn.GELU("tanh"),
        nn.GLU(1),
        nn.Hardtanh(-0.5, 0.7),
        nn.LogSoftmax(1),
        nn.Mish(),
        nn.SELU(),
        nn.Softmin(1),
        nn.Softplus(2.0),
        nn.Softsign(),
        nn.Tanhshrink(),
        nn.Threshold(0.1, -2.0),
        nn.Sigmoid(),
    ]
    return Of(lambda m, x: tuple(f(x) for f in m.kinds), kinds=nn.ModuleList(kinds)), (2 * randn(2, 6, 5),)


def functions():
    def call(m, x):
        p = x.abs() + 0.1
        t = x.clamp(-0.9, 0.9)
        return (
            p.log(),
            p.sqrt(),
            p.rsqrt(),
            x / p,
            p.log1p(),
            x.exp(),
            x.expm1(),
            x.sin(),
            x.cos(),
            t.tan(),
            t.asin(),
            t.acos(),
            x.atan(),
            x.sinh(),
            x.cosh(),
            x.tanh(),
            t.atanh(),
            x.erf(),
            x.floor(),
            x.ceil(),
            x.round(),
            x.sign(),
            x.pow(3),
            p.pow(0.7),
            torch.atan2(x, p),
            torch.remainder(x, p),
            torch.logsumexp(x, 1),
            x.var(1),
            x.std(0),
            x.norm(dim=1),
            x.cumsum(1),
            x.amax(1),
            x.amin(0),
            x.argmax(1).float(),
            x.sort(1)[0],
            x.topk(3, 1)[0],
            torch.where(x > 0, x, p),
            x.square(),
            torch.maximum(x, t),
            x.mean(1),
            x.exp2(),
        )

    return Of(call), (randn(4, 7),)


def reshaping():
    def call(m, x):
        a = x.reshape(2, 3, 4, 5).permute(3, 1, 0, 2)
        parts = a.chunk(3, 1)
        b = torch.cat([parts[2], parts[0]], 2).flip(0)
        c = b.roll(2, 0).squeeze(1)
        d = c[::2].unbind(1)[1]
        e = F.unfold(x.reshape(1, 2, 6, 10), (3, 2), padding=1, stride=2)
        f = F.fold(F.unfold(x.reshape(1, 2, 6, 10), 2, stride=2), (6, 10), 2, stride=2)
        g = x.reshape(2, 60).tril()[:, ::3]
        h = x.reshape(6, 20).expand(3, 6, 20).repeat(1, 2, 1)[1:, :, 3:-2]
        i = torch.stack([g[0], g[1]], 1).repeat_interleave(2, 0)
        return a, b, c, d, e, f, g, h, i

    return Of(call), (randn(2, 60),)


def indexing():
    def call(m, x, ids):
        index = ids.long()
        a = x[:, index]
        b = x.gather(1, index.expand(5, -1))
        c = torch.index_select(x, 0, index)
        d = x.clone()
        d[:, 2:5] = 1.5
        d[1] += x[0]
        e = torch.zeros(5, 9).scatter_add(1, index.expand(5, -1), b)
        f = x[index, index]
        g = x.masked_fill(x > 0.3, -1.0)
        h = F.one_hot(index, 5).float() @ x
        i = torch.zeros(5, 9).index_put((index,), x[:3], accumulate=True)
        return a, b, c, d, e, f, g, h, i

    return Of(call), (randn(5, 9), torch.tensor([3, 0, 2], dtype=torch.int32))


def einsums():
    def call(m, a, b, c):
        return (
            torch.einsum("bhid,bhjd->bhij", a, b),
            torch.einsum("bhid,hde->bihe", a, c),
            torch.einsum("bhid->bd", a),
            torch.einsum("bhid,bhid->bhi", a, b),
            torch.einsum("hde,hdf->hef", c, c),
            torch.einsum("bhij,bhkj->bhik", a, b) @ b,
        )

    return Of(call), (randn(2, 3, 4, 6), randn(2, 3, 4, 6), randn(3, 6, 5))


def embedding_bag():
    """Sum over gathered rows, as EmbeddingBag does; its own operator has no conversion."""

    def call(m, ids, weights):
        rows = m.table(ids)
        return m.head((rows * weights[..., None]).sum(1)), rows.mean(1), rows.amax(1)

    inputs = (torch.randint(0, 40, (3, 6), dtype=torch.int32), torch.rand(3, 6))
    return Of(call, table=nn.Embedding(40, 8), head=nn.Linear(8, 5)), inputs


def pools():
    def call(m, x):
        return (
            F.max_pool2d(x, 3, 2, 1),
            F.max_pool2d(x, 3, 2, ceil_mode=True),
            F.avg_pool2d(x, 3, 2, 1),
            F.avg_pool2d(x, 3, 2, 1, ceil_mode=True, count_include_pad=False),
            F.adaptive_avg_pool2d(x, (3, 4)),
            F.adaptive_max_pool2d(x, (2, 3)),
            F.lp_pool2d(x.abs(), 2, 3),
            F.adaptive_avg_pool2d(x, 1),
        )

    return Of(call), (randn(1, 3, 12, 16),)


def stft_like():
    """A magnitude spectrogram as convolutions with windowed sines, then a mel filter and decibels."""
    window = torch.hann_window(64)
    angles = torch.arange(33)[:, None] * torch.arange(64)[None] * (2 * math.pi / 64)
    basis = torch.cat([angles.cos(), -angles.sin()])[:, None] * window
    mel = torch.rand(10, 33)

    def call(m, x):
        y = F.conv1d(F.pad(x[:, None], (32, 32), mode="reflect"), m.basis, stride=16)
        power = y[:, :33] ** 2 + y[:, 33:] ** 2
        return torch.log10((m.mel @ power).clamp(min=1e-4)) * 10

    module = Of(call)
    module.register_buffer("basis", basis)
    module.register_buffer("mel", mel)
    return module, (randn(1, 400),)


def stft():
    def call(m, x):
        y = torch.stft(x, 32, 8, window=m.window, return_complex=True)
        return y.abs(), y.real, y.imag

    module = Of(call)
    module.register_buffer("window", torch.hann_window(32))
    return module, (randn(2, 160),)


def fft():
    def call(m, x):
        y = torch.fft.fftn(x, dim=(1, 2))
        z = torch.fft.irfft(torch.fft.rfft(x, dim=-1), dim=-1)
        return y.real, y.imag, z

    return Of(call), (randn(2, 8, 6),)


def attention(**settings):
    layer = nn.MultiheadAttention(24, 4, batch_first=True, **settings)
    return Of(lambda m, q, k: m.layer(q, k, k), layer=layer), (randn(2, 5, 24), randn(2, 7, 24))


def sdpa():
    def call(m, q, k, v, mask):
        return (
            F.scaled_dot_product_attention(q, k, v),
            F.scaled_dot_product_attention(q, k, v, is_causal=True),
            F.scaled_dot_product_attention(q, k, v, attn_mask=mask),
            F.scaled_dot_product_attention(q, k, v, attn_mask=mask > 0),
        )

    mask = randn(1, 1, 6, 6).triu() + torch.eye(6)
    return Of(call), (randn(1, 3, 6, 8), randn(1, 3, 6, 8), randn(1, 3, 6, 8), mask)


torch.backends.mha.set_fastpath_enabled(False)  # one fused operator that has no conversion


def encoder_layers():
    layer = nn.TransformerEncoderLayer(24, 4, 48, batch_first=True, norm_first=True, activation="gelu")
    return nn.TransformerEncoder(layer, 2, enable_nested_tensor=False), (randn(2, 7, 24),)


def transformer():
    module = nn.Transformer(24, 4, 1, 1, 48, batch_first=True)
    return module, (randn(1, 7, 24), randn(1, 5, 24))


class Loop(nn.Module):
    """The number of turns depends on the input."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(6, 6)

    def forward(self, x: torch.Tensor, turns: torch.Tensor) -> torch.Tensor:
        i = torch.zeros(1)
        while bool(i < turns):
            x = torch.tanh(self.layer(x)) + 0.1 * i
            i = i + 1
        return x


class Branch(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Linear(6, 4)
        self.b = nn.Linear(6, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if bool(x.sum() > 0):  # noqa: SIM108  what is tested is the statement
            y = self.a(x).relu()
        else:
            y = self.b(x) * 2.0
        if bool(y.mean() > 0.25):
            y = y - 1.0
        return y


class Nested(nn.Module):
    """A branch inside a loop, and a value that lives across turns."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(6, 6)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        best = x
        for _ in range(5):
            x = self.layer(x)
            if bool(x.abs().max() > 1.0):  # noqa: SIM108
                x = x * 0.5
            else:
                x = x + 0.25
            best = torch.maximum(best, x)
        return best


def script(kind, *inputs):
    return kind(), inputs, "script"


def quantized_like():
    """Rounding and clipping inside the graph, as quantisation-aware training leaves it."""

    def call(m, x):
        q = torch.clamp(torch.round(x / 0.05), -128, 127) * 0.05
        return m.layer(q)

    return Of(call, layer=nn.Linear(16, 8)), (randn(3, 16),)


def perceptron(rows: int):
    """Wide enough for kernels that read packed weights; one row is a case of its own."""
    layers = nn.Sequential(nn.Linear(128, 264), nn.GELU(), nn.Linear(264, 72, bias=False))
    return layers, (randn(rows, 128),)


def many_inputs():
    def call(m, a, b, c, d):
        return m.layer(torch.cat([a, b], 1)) * c + d, (a > 0).float().sum(1), a.int() + 1

    return Of(call, layer=nn.Linear(9, 5)), (
        randn(2, 4),
        randn(2, 5),
        torch.tensor([1.5]),
        randn(2, 5),
    )


LAYERS = {
    "lstm": lambda: recurrent(nn.LSTM),
    "lstm_stacked_bidirectional": lambda: recurrent(nn.LSTM, num_layers=3, bidirectional=True, batch_first=True),
    "lstm_with_state": lstm_with_state,
    "lstm_cells": lstm_cells,
    "lstm_tagger": tagger,
    "gru": lambda: recurrent(nn.GRU),
    "gru_stacked_bidirectional": lambda: recurrent(nn.GRU, num_layers=2, bidirectional=True, batch_first=True),
    "rnn_tanh": lambda: recurrent(nn.RNN, num_layers=2),
    "rnn_relu": lambda: recurrent(nn.RNN, nonlinearity="relu", batch_first=True),
    "convolutions_1d": convolutions_1d,
    "convolutions_2d": convolutions_2d,
    "convolutions_3d": convolutions_3d,
    "generator": generator,
    "super_resolution": super_resolution,
    "upsampling": upsampling,
    "grid_sampling": grid_sampling,
    "normalizations": normalizations,
    "activations": activations,
    "functions": functions,
    "reshaping": reshaping,
    "indexing": indexing,
    "einsums": einsums,
    "embedding_bag": embedding_bag,
    "pools": pools,
    "stft_like": stft_like,
    "stft": stft,
    "fft": fft,
    "multihead_attention": attention,
    "sdpa": sdpa,
    "encoder_layers": encoder_layers,
    "transformer": transformer,
    "quantized_like": quantized_like,
    "perceptron_1": lambda: perceptron(1),
    "perceptron_7": lambda: perceptron(7),
    "many_inputs": many_inputs,
    "loop": lambda: script(Loop, randn(2, 6), torch.tensor([4.0])),
    "branch": lambda: script(Branch, randn(2, 6)),
    "nested": lambda: script(Nested, randn(2, 6)),
}
