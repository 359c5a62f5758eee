"""Layers that drop, pad, resize and rearrange: what has no parameters and is no activation, pooling or loss."""

from __future__ import annotations

from typing import Any

from ..tensor import Tensor
from . import functional as F
from .layer import Layer
from .module import Module


# ------------------------------------------------------------------------------------------------ dropout
class Dropping(Layer):
    """A kind of dropout: it drops in training only."""

    def take(self, **arguments: Any) -> None:
        p = arguments["p"]
        if p < 0 or p > 1:
            raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
        super().take(**arguments)


DROPS: dict[str, Any] = {"shows": "p={p}, inplace={inplace}", "passes": ("p", "training", "inplace"), "p": 0.5, "inplace": False}


class Dropout(Dropping, function=F.dropout, **DROPS): ...


class Dropout1d(Dropping, function=F.dropout1d, **DROPS): ...


class Dropout2d(Dropping, function=F.dropout2d, **DROPS): ...


class Dropout3d(Dropping, function=F.dropout3d, **DROPS): ...


class AlphaDropout(Dropping, function=F.alpha_dropout, **{**DROPS, "passes": ("p", "training")}): ...


class FeatureAlphaDropout(Dropping, function=F.feature_alpha_dropout, **{**DROPS, "passes": ("p", "training")}): ...


# ------------------------------------------------------------------------------------------------ shapes
class Flatten(Layer, function=Tensor.flatten, shows="start_dim={start_dim}, end_dim={end_dim}", start_dim=1, end_dim=-1):
    """Dims start_dim to end_dim as one: (N, C, H, W) to (N, C · H · W)."""


class Unflatten(
    Layer, function=Tensor.unflatten, passes=("dim", "sizes"), shows="dim={dim}, unflattened_size={unflattened_size}", dim=..., unflattened_size=...
):
    """One dim as several."""

    sizes = property(lambda self: self.unflattened_size)


class PixelShuffle(Layer, function=F.pixel_shuffle, shows="upscale_factor={upscale_factor}", upscale_factor=...): ...


class PixelUnshuffle(Layer, function=F.pixel_unshuffle, shows="downscale_factor={downscale_factor}", downscale_factor=...): ...


class ChannelShuffle(Layer, function=F.channel_shuffle, shows="groups={groups}", groups=...): ...


WINDOWS = "kernel_size={kernel_size}, dilation={dilation}, padding={padding}, stride={stride}"


class Fold(Layer, function=F.fold, shows="output_size={output_size}, " + WINDOWS, output_size=..., kernel_size=..., dilation=1, padding=0, stride=1): ...


class Unfold(Layer, function=F.unfold, shows=WINDOWS, kernel_size=..., dilation=1, padding=0, stride=1): ...


# ------------------------------------------------------------------------------------------------ padding
class Padded(Module):
    """A kind of padding of the last `dims` dims."""

    mode, dims = "constant", 1

    def __init__(self, padding: Any):
        super().__init__()
        self.padding = (padding,) * (2 * self.dims) if isinstance(padding, int) else tuple(padding)

    def forward(self, input: Tensor) -> Tensor:
        return F.pad(input, self.padding, self.mode)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class ConstantPad1d(Padded):
    """`value` before and after the last dim."""

    def __init__(self, padding: Any, value: float):
        super().__init__(padding)
        self.value = value

    def forward(self, input: Tensor) -> Tensor:
        return F.pad(input, self.padding, "constant", self.value)

    def extra_repr(self) -> str:
        return f"padding={self.padding}, value={self.value}"


class ConstantPad2d(ConstantPad1d):
    """`value` around the last two dims."""

    dims = 2


class ConstantPad3d(ConstantPad1d):
    """`value` around the last three dims."""

    dims = 3


def _padding(name: str, mode: str, dims: int, doc: str) -> type[Padded]:
    return type(name, (Padded,), {"mode": mode, "dims": dims, "__doc__": f"{doc} the last {dims if dims > 1 else ''}{' dims' if dims > 1 else 'dim'}.",
                                  "__module__": __name__})  # fmt: skip


ZeroPad1d, ZeroPad2d, ZeroPad3d = (_padding(f"ZeroPad{n}d", "constant", n, "Zeros around") for n in (1, 2, 3))
ReflectionPad1d, ReflectionPad2d, ReflectionPad3d = (_padding(f"ReflectionPad{n}d", "reflect", n, "The mirror image around") for n in (1, 2, 3))
ReplicationPad1d, ReplicationPad2d, ReplicationPad3d = (_padding(f"ReplicationPad{n}d", "replicate", n, "The outermost elements around") for n in (1, 2, 3))
CircularPad1d, CircularPad2d, CircularPad3d = (_padding(f"CircularPad{n}d", "circular", n, "The elements of the other end around") for n in (1, 2, 3))


# ------------------------------------------------------------------------------------------------ size
class Upsample(Module):
    """A batch resized: see `functional.interpolate`."""

    def __init__(
        self, size: Any = None, scale_factor: Any = None, mode: str = "nearest", align_corners: bool | None = None, recompute_scale_factor: bool | None = None
    ):
        super().__init__()
        self.name = type(self).__name__
        self.size = size
        self.scale_factor = tuple(float(f) for f in scale_factor) if isinstance(scale_factor, tuple) else float(scale_factor) if scale_factor else None
        self.mode, self.align_corners, self.recompute_scale_factor = mode, align_corners, recompute_scale_factor

    def forward(self, input: Tensor) -> Tensor:
        return F.interpolate(input, self.size, self.scale_factor, self.mode, self.align_corners, self.recompute_scale_factor)

    def extra_repr(self) -> str:
        what = f"scale_factor={self.scale_factor!r}" if self.scale_factor is not None else f"size={self.size!r}"
        return f"{what}, mode={self.mode!r}"


class UpsamplingNearest2d(Upsample):
    """Images resized by the nearest pixel."""

    def __init__(self, size: Any = None, scale_factor: Any = None):
        super().__init__(size, scale_factor, "nearest")


class UpsamplingBilinear2d(Upsample):
    """Images resized by bilinear interpolation, corners aligned."""

    def __init__(self, size: Any = None, scale_factor: Any = None):
        super().__init__(size, scale_factor, "bilinear", True)


# ------------------------------------------------------------------------------------------------ distances
class CosineSimilarity(Layer, function=F.cosine_similarity, dim=1, eps=1e-8): ...


class PairwiseDistance(Layer, function=F.pairwise_distance, passes=("p", "eps", "keepdim"), p=2.0, eps=1e-6, keepdim=False):
    def take(self, **arguments: Any) -> None:
        super().take(**{"norm": arguments["p"], **arguments})


class LocalResponseNorm(Layer, function=F.local_response_norm, shows="{size}, alpha={alpha}, beta={beta}, k={k}", size=..., alpha=1e-4, beta=0.75, k=1.0): ...
