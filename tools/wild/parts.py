"""What every table of models needs: a module that is called in its own way, inputs, and random numbers
where initialisation leaves constants."""

import torch
from torch import nn


class FiniteMasks:
    """Masks of -3.4e38 become minus infinity in fp16, and 0 times that is NaN in the converted program.
    Who converts such a model keeps them small; this does so while a module is called."""

    def __enter__(self) -> None:
        self.original = original = torch.finfo

        class finfo:
            def __init__(self, *kind) -> None:
                self.info = original(*kind)

            def __getattr__(self, name: str):
                value = getattr(self.info, name)
                return max(value, -3e4) if name == "min" else value

        torch.finfo = finfo

    def __exit__(self, *_) -> None:
        torch.finfo = self.original


class Call(nn.Module):
    """A module as `call` uses it: how its arguments are named, which results count."""

    def __init__(self, module: nn.Module, call) -> None:
        super().__init__()
        self.module = module
        self.call = call

    def forward(self, *inputs):
        with FiniteMasks():
            return self.call(self.module, *inputs)


def image(size: int, channels: int = 3, batch: int = 1) -> torch.Tensor:
    return torch.randn(batch, channels, size, size)


def tokens(length: int, vocabulary: int = 99, batch: int = 1) -> torch.Tensor:
    return torch.randint(1, vocabulary, (batch, length), dtype=torch.int32)


def randomize(module: nn.Module) -> nn.Module:
    """What initialisation leaves constant (biases, scales, running averages) shall count too."""
    with torch.no_grad():
        for value in [*module.parameters(), *module.buffers()]:
            if value.dtype == torch.float32 and value.numel() > 1 and value.min() == value.max():
                value += 0.1 * torch.randn_like(value)
        for part in module.modules():
            if getattr(part, "running_var", None) is not None:
                part.running_var.uniform_(0.5, 1.5)
    return module.eval()
