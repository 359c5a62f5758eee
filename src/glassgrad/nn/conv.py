"""Convolutions as layers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..ops.convolution import numbers
from ..ops.creation import empty
from ..parameter import Parameter
from ..tensor import Tensor
from . import functional as F
from . import init
from .module import Module

PADDING_MODES = ("zeros", "reflect", "replicate", "circular")


class Convolution(Module):
    """What all convolutions have: weight (out, in / groups, *kernel), transposed (in, out / groups, *kernel), and bias (out)."""

    dims: int
    transposed = False
    function: Callable[..., Any]
    weight: Tensor

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: Any, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1, bias: bool = True,
        padding_mode: str = "zeros", device: Any = None, dtype: Any = None, output_padding: Any = 0,
    ):  # fmt: skip
        super().__init__()
        if groups <= 0:
            raise ValueError("groups must be a positive integer")
        if in_channels % groups:
            raise ValueError("in_channels must be divisible by groups")
        if out_channels % groups:
            raise ValueError("out_channels must be divisible by groups")
        if isinstance(padding, str):
            if padding not in ("same", "valid"):
                raise ValueError(f"Invalid padding string {padding!r}, should be one of {{'same', 'valid'}}")
            if padding == "same" and any(s != 1 for s in numbers(stride, self.dims, "stride")):
                raise ValueError("padding='same' is not supported for strided convolutions")
        if padding_mode not in PADDING_MODES:
            raise ValueError(f"padding_mode must be one of {set(PADDING_MODES)}, but got padding_mode='{padding_mode}'")
        n = self.dims
        self.in_channels, self.out_channels, self.groups, self.padding_mode = in_channels, out_channels, groups, padding_mode
        self.kernel_size, self.stride, self.dilation = (numbers(v, n, "size") for v in (kernel_size, stride, dilation))
        self.padding: Any = padding if isinstance(padding, str) else numbers(padding, n, "padding")
        self.output_padding: tuple[int, ...] = numbers(output_padding, n, "output_padding")
        first, second = (in_channels, out_channels) if self.transposed else (out_channels, in_channels)
        self.weight = Parameter(empty(first, second // groups, *self.kernel_size, device=device, dtype=dtype))
        self.register_parameter("bias", Parameter(empty(out_channels, device=device, dtype=dtype)) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws the weights anew."""
        init._layer(self.weight, self.bias)

    def _around(self) -> list[int]:
        """The padding, as `functional.pad` takes it."""
        if self.padding == "valid":
            return [0] * (2 * self.dims)
        if self.padding == "same":
            totals = [d * (k - 1) for d, k in zip(self.dilation, self.kernel_size)]
            return [p for t in reversed(totals) for p in (t // 2, t - t // 2)]
        return [p for p in reversed(self.padding) for _ in range(2)]

    def forward(self, input: Tensor) -> Tensor:
        if self.padding_mode != "zeros":
            wide = F.pad(input, self._around(), self.padding_mode)
            return self.function(wide, self.weight, self.bias, self.stride, 0, self.dilation, self.groups)
        return self.function(input, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups)

    def extra_repr(self) -> str:
        n = self.dims
        text = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"
        if self.padding not in ((0,) * n, "valid") or isinstance(self.padding, str):
            text += f", padding={self.padding}"
        if self.dilation != (1,) * n:
            text += f", dilation={self.dilation}"
        if self.output_padding != (0,) * n:
            text += f", output_padding={self.output_padding}"
        if self.groups != 1:
            text += f", groups={self.groups}"
        if self.bias is None:
            text += ", bias=False"
        return text if self.padding_mode == "zeros" else f"{text}, padding_mode={self.padding_mode}"


class Conv1d(Convolution):
    """Convolution over (N, C, L); see `functional.conv1d`."""

    dims, function = 1, staticmethod(F.conv1d)


class Conv2d(Convolution):
    """Convolution over (N, C, H, W); see `functional.conv2d`.

    >>> import glassgrad as gg
    >>> tuple(gg.nn.Conv2d(3, 8, 3, padding=1)(gg.ones(2, 3, 6, 6)).shape)
    (2, 8, 6, 6)
    """

    dims, function = 2, staticmethod(F.conv2d)


class Conv3d(Convolution):
    """Convolution over (N, C, D, H, W); see `functional.conv3d`."""

    dims, function = 3, staticmethod(F.conv3d)


class TransposedConvolution(Convolution):
    """The transposed kind, with PyTorch's order of arguments."""

    transposed = True

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: Any, stride: Any = 1, padding: Any = 0, output_padding: Any = 0, groups: int = 1,
        bias: bool = True, dilation: Any = 1, padding_mode: str = "zeros", device: Any = None, dtype: Any = None,
    ):  # fmt: skip
        if padding_mode != "zeros":
            raise ValueError(f'Only "zeros" padding mode is supported for {type(self).__name__}')
        super().__init__(in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias, padding_mode, device, dtype, output_padding)

    def forward(self, input: Tensor, output_size: Any = None) -> Tensor:
        more = self.output_padding if output_size is None else self._more(input, list(output_size))
        return self.function(input, self.weight, self.bias, self.stride, self.padding, more, self.groups, self.dilation)

    def _more(self, input: Tensor, size: list[int]) -> tuple[int, ...]:
        """The output padding that gives an output of a size."""
        n = self.dims
        lead = input.dim() - n
        size = size[lead:] if len(size) == input.dim() else size
        if len(size) != n:
            raise ValueError(
                f"ConvTranspose{n}d: for {input.dim()}D input, output_size must have {n} or {input.dim()} elements (got {len(size)})"
            )
        least = [
            (m - 1) * s - 2 * p + d * (k - 1) + 1
            for m, s, p, d, k in zip(input.shape[lead:], self.stride, self.padding, self.dilation, self.kernel_size)
        ]
        most = [low + s - 1 for low, s in zip(least, self.stride)]
        if any(not low <= v <= high for v, low, high in zip(size, least, most)):
            raise ValueError(f"requested an output size of {size}, but valid sizes range from {least} to {most} (for an input of {input.size()[lead:]})")
        return tuple(v - low for v, low in zip(size, least))


class ConvTranspose1d(TransposedConvolution):
    """Transposed convolution over (N, C, L)."""

    dims, function = 1, staticmethod(F.conv_transpose1d)


class ConvTranspose2d(TransposedConvolution):
    """Transposed convolution over (N, C, H, W)."""

    dims, function = 2, staticmethod(F.conv_transpose2d)


class ConvTranspose3d(TransposedConvolution):
    """Transposed convolution over (N, C, D, H, W)."""

    dims, function = 3, staticmethod(F.conv_transpose3d)
