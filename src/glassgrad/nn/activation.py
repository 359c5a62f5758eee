"""Nonlinearities as layers."""

from __future__ import annotations

from typing import Any

from ..ops.creation import empty
from ..parameter import Parameter
from ..tensor import Tensor
from . import functional as F
from . import init
from .layer import Layer
from .module import Module


class ReLU(Layer, function=F.relu, inplace=False): ...


class ReLU6(Layer, function=F.relu6, inplace=False): ...


class Sigmoid(Layer, function=F.sigmoid): ...


class Tanh(Layer, function=F.tanh): ...


class LeakyReLU(Layer, function=F.leaky_relu, shows="negative_slope={negative_slope}", negative_slope=0.01, inplace=False): ...


class ELU(Layer, function=F.elu, shows="alpha={alpha}", alpha=1.0, inplace=False): ...


class SELU(Layer, function=F.selu, inplace=False): ...


class CELU(Layer, function=F.celu, shows="alpha={alpha}", alpha=1.0, inplace=False): ...


class GELU(Layer, function=F.gelu, shows="approximate={approximate!r}", approximate="none"): ...


class SiLU(Layer, function=F.silu, inplace=False): ...


class Mish(Layer, function=F.mish, inplace=False): ...


class Hardtanh(Layer, function=F.hardtanh, shows="min_val={min_val}, max_val={max_val}", min_val=-1.0, max_val=1.0, inplace=False):
    def take(self, **arguments: Any) -> None:
        super().take(**arguments)
        if not self.max_val > self.min_val:
            raise AssertionError("max_val must be larger than min_val")


class Hardswish(Layer, function=F.hardswish, inplace=False): ...


class Hardsigmoid(Layer, function=F.hardsigmoid, inplace=False): ...


class Hardshrink(Layer, function=F.hardshrink, shows="{lambd}", lambd=0.5): ...


class Softshrink(Layer, function=F.softshrink, shows="{lambd}", lambd=0.5): ...


class Tanhshrink(Layer, function=F.tanhshrink): ...


class Softsign(Layer, function=F.softsign): ...


class Softplus(Layer, function=F.softplus, shows="beta={beta}, threshold={threshold}", beta=1.0, threshold=20.0): ...


class LogSigmoid(Layer, function=F.logsigmoid): ...


class Threshold(Layer, function=F.threshold, shows="threshold={threshold}, value={value}", threshold=..., value=..., inplace=False): ...


class RReLU(Layer, function=F.rrelu, shows="lower={lower}, upper={upper}", passes=("lower", "upper", "training", "inplace"), lower=1.0 / 8, upper=1.0 / 3,
            inplace=False): ...  # fmt: skip


class GLU(Layer, function=F.glu, shows="dim={dim}", dim=-1): ...


class Softmin(Layer, function=F.softmin, shows="dim={dim}", dim=None): ...


class Softmax(Layer, function=F.softmax, shows="dim={dim}", dim=None): ...


class LogSoftmax(Layer, function=F.log_softmax, shows="dim={dim}", dim=None): ...


class Softmax2d(Module):
    """The softmax over the channels of (N, C, H, W) or (C, H, W), for each pixel."""

    def forward(self, input: Tensor) -> Tensor:
        if input.dim() not in (3, 4):
            raise ValueError(f"Softmax2d: expected input to be 3D or 4D, got {input.dim()}D instead")
        return F.softmax(input, -3)


class PReLU(Module):
    """x where x > 0, else weight · x, with one weight that is learnt, or one for each channel."""

    weight: Tensor

    def __init__(self, num_parameters: int = 1, init: float = 0.25, device: Any = None, dtype: Any = None):
        super().__init__()
        self.num_parameters, self.init = num_parameters, init
        self.weight = Parameter(empty(num_parameters, device=device, dtype=dtype))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Sets the weights to their first value."""
        init.constant_(self.weight, self.init)

    def forward(self, input: Tensor) -> Tensor:
        return F.prelu(input, self.weight)

    def extra_repr(self) -> str:
        return f"num_parameters={self.num_parameters}"
