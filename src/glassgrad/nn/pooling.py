"""Pooling as layers."""

from __future__ import annotations

from typing import Any

from . import functional as F
from .layer import Layer

MAX = "kernel_size={kernel_size}, stride={stride}, padding={padding}, dilation={dilation}, ceil_mode={ceil_mode}"
AVERAGE = "kernel_size={kernel_size}, stride={stride}, padding={padding}"
LP = "norm_type={norm_type}, kernel_size={kernel_size}, stride={stride}, ceil_mode={ceil_mode}"


class Windowed(Layer):
    """Pooling over windows: the stride is their size where none is given."""

    dims = 0  # of sizes that are kept as tuples; 0 where they are kept as they are

    def take(self, **arguments: Any) -> None:
        if arguments["stride"] is None:
            arguments["stride"] = arguments["kernel_size"]
        for name in ("kernel_size", "stride", "padding") if self.dims else ():
            value = arguments[name]
            arguments[name] = (value,) * self.dims if isinstance(value, int) else value
        super().take(**arguments)


class MaxPool1d(Windowed, function=F.max_pool1d, shows=MAX, kernel_size=..., stride=None, padding=0, dilation=1, return_indices=False, ceil_mode=False): ...


class MaxPool2d(Windowed, function=F.max_pool2d, shows=MAX, kernel_size=..., stride=None, padding=0, dilation=1, return_indices=False, ceil_mode=False): ...


class MaxPool3d(Windowed, function=F.max_pool3d, shows=MAX, kernel_size=..., stride=None, padding=0, dilation=1, return_indices=False, ceil_mode=False): ...


class AvgPool1d(Windowed, function=F.avg_pool1d, shows=AVERAGE, kernel_size=..., stride=None, padding=0, ceil_mode=False, count_include_pad=True):
    dims = 1


class AvgPool2d(Windowed, function=F.avg_pool2d, shows=AVERAGE, kernel_size=..., stride=None, padding=0, ceil_mode=False, count_include_pad=True,
                divisor_override=None): ...  # fmt: skip


class AvgPool3d(Windowed, function=F.avg_pool3d, shows=AVERAGE, kernel_size=..., stride=None, padding=0, ceil_mode=False, count_include_pad=True,
                divisor_override=None): ...  # fmt: skip


class MaxUnpool1d(Windowed, function=F.max_unpool1d, shows=AVERAGE, kernel_size=..., stride=None, padding=0):
    dims = 1

    def forward(self, input: Any, indices: Any, output_size: Any = None) -> Any:
        return self.function(input, indices, self.kernel_size, self.stride, self.padding, output_size)


class MaxUnpool2d(MaxUnpool1d, function=F.max_unpool2d, shows=AVERAGE, kernel_size=..., stride=None, padding=0):
    dims = 2


class MaxUnpool3d(MaxUnpool1d, function=F.max_unpool3d, shows=AVERAGE, kernel_size=..., stride=None, padding=0):
    dims = 3


class LPPool1d(Layer, function=F.lp_pool1d, shows=LP, norm_type=..., kernel_size=..., stride=None, ceil_mode=False): ...


class LPPool2d(Layer, function=F.lp_pool2d, shows=LP, norm_type=..., kernel_size=..., stride=None, ceil_mode=False): ...


class LPPool3d(Layer, function=F.lp_pool3d, shows=LP, norm_type=..., kernel_size=..., stride=None, ceil_mode=False): ...


class AdaptiveAvgPool1d(Layer, function=F.adaptive_avg_pool1d, shows="output_size={output_size}", output_size=...): ...


class AdaptiveAvgPool2d(Layer, function=F.adaptive_avg_pool2d, shows="output_size={output_size}", output_size=...): ...


class AdaptiveAvgPool3d(Layer, function=F.adaptive_avg_pool3d, shows="output_size={output_size}", output_size=...): ...


class AdaptiveMaxPool1d(Layer, function=F.adaptive_max_pool1d, shows="output_size={output_size}", output_size=..., return_indices=False): ...


class AdaptiveMaxPool2d(Layer, function=F.adaptive_max_pool2d, shows="output_size={output_size}", output_size=..., return_indices=False): ...


class AdaptiveMaxPool3d(Layer, function=F.adaptive_max_pool3d, shows="output_size={output_size}", output_size=..., return_indices=False): ...
