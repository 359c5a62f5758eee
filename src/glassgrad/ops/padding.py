"""Tensors made larger at their edges, and elements moved between channels and pixels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import errors
from ..tensor import Tensor
from . import arrays, windows
from .declare import linear
from .numpy_protocol import FUNCTIONS
from .shapes import permute, reshape


def _opposite(pad: Any) -> Any:
    return tuple((-lo, -hi) for lo, hi in pad)


_constant_pad = linear("_constant_pad", lambda self, pad, value: windows.pad_with(self, pad, value), lambda grad, pad: windows.pad_with(grad, _opposite(pad)),
                       node="ConstantPadNdBackward0")  # fmt: skip
FUNCTIONS[windows.pad_with] = lambda x, padding, value=0: _constant_pad(x, padding, value)


def _rearranged(kind: str, n: int) -> Any:
    """An op that takes elements along the last n dims by index, one list for each."""
    return linear(
        f"_{kind.lower()}_pad{n}d", lambda self, index: arrays.take(self, _grid(index)),
        lambda grad, self_shape, index: arrays.embed_add(grad, _grid(index), tuple(self_shape)), node=f"{kind}Pad{n}DBackward0")  # fmt: skip


def _grid(index: Any) -> tuple[Any, ...]:
    return (..., *np.ix_(*index))


OPS = {(kind, n): _rearranged(kind, n) for kind in ("Reflection", "Replication", "Circular") for n in (1, 2, 3)}
KINDS = {"reflect": "Reflection", "replicate": "Replication", "circular": "Circular"}


def _places(kind: str, size: int, lo: int, hi: int) -> np.ndarray:
    """Which element of a dim stands at each place of the padded one."""
    at = np.arange(-lo, size + hi)
    if kind == "Replication":
        return np.clip(at, 0, size - 1)
    if kind == "Circular":
        return at % size
    return np.where(at < 0, -at, np.where(at >= size, 2 * (size - 1) - at, at))


def pad(input: Tensor, pad: Sequence[int], mode: str = "constant", value: float | None = None) -> Tensor:
    """The tensor with elements added before and after, from the last dim on: (last before, last after, the one before it before, …).

    They are `value`, or in the modes "reflect", "replicate" and "circular" taken from the tensor (the last one to three dims of a batch).
    Negative numbers cut off.

    >>> import glassgrad as gg
    >>> gg.nn.functional.pad(gg.tensor([1.0, 2.0, 3.0]), (1, 2))
    tensor([0., 1., 2., 3., 0., 0.])
    """
    if not isinstance(input, Tensor):
        raise errors.argument("pad", "input", 1, "Tensor", input)
    pad = [int(p) for p in pad]
    if len(pad) % 2:
        raise RuntimeError("Padding length must be divisible by 2")
    n = len(pad) // 2
    if n > input.ndim:
        raise RuntimeError(
            f"Padding length should be less than or equal to two times the input dimension but got padding length {len(pad)} and input of dimension "
            f"{input.ndim}"
        )
    pairs = tuple((pad[2 * k], pad[2 * k + 1]) for k in reversed(range(n)))
    sizes = input._data.shape[input.ndim - n :]
    if mode == "constant":
        if any(size + lo + hi < 0 for size, (lo, hi) in zip(sizes, pairs)):
            raise RuntimeError("narrow(): length must be non-negative.")
        return _constant_pad(input, pairs, 0 if value is None else value)
    if mode not in KINDS:
        raise NotImplementedError(f"Unrecognised padding mode {mode}")
    if value is not None and value != 0:
        raise RuntimeError(f'Padding mode "{mode}" doesn\'t take in value argument')
    if n not in (1, 2, 3) or input.ndim not in (n + 1, n + 2):
        raise NotImplementedError(
            f"Padding size {len(pad)} is not supported for {input.ndim}D input tensor.\nSupported combinations for non-constant padding:\n"
            "  - 2D or 3D input: padding size = 2 (pads last dimension)\n  - 3D or 4D input: padding size = 4 (pads last 2 dimensions)\n"
            "  - 4D or 5D input: padding size = 6 (pads last 3 dimensions)"
        )
    kind = KINDS[mode]
    for k, (size, (lo, hi)) in enumerate(zip(sizes, pairs)):
        if kind == "Reflection" and (lo >= size or hi >= size):
            raise RuntimeError(
                f"Argument #{4 + 2 * (n - 1 - k)}: Padding size should be less than the corresponding input dimension, but got: padding ({lo}, {hi}) "
                f"at dimension "
                f"{input.ndim - n + k} of input {list(input.shape)}"
            )
        if kind == "Circular" and (lo > size or hi > size):
            raise RuntimeError("Padding value causes wrapping around more than once.")
    return OPS[kind, n](input, tuple(_places(kind, size, lo, hi) for size, (lo, hi) in zip(sizes, pairs)))


# ------------------------------------------------------------------------------------------------ channels and pixels
def _to_pixels(x: Any, r: int) -> Any:
    *lead, c, h, w = x.shape
    k = len(lead)
    parts = np.reshape(x, (*lead, c // (r * r), r, r, h, w))
    return np.reshape(np.transpose(parts, (*range(k), k, k + 3, k + 1, k + 4, k + 2)), (*lead, c // (r * r), h * r, w * r))


def _to_channels(x: Any, r: int) -> Any:
    *lead, c, h, w = x.shape
    k = len(lead)
    parts = np.reshape(x, (*lead, c, h // r, r, w // r, r))
    return np.reshape(np.transpose(parts, (*range(k), k, k + 2, k + 4, k + 1, k + 3)), (*lead, c * r * r, h // r, w // r))


_pixel_shuffle = linear("_pixel_shuffle", lambda self, upscale_factor: _to_pixels(self, upscale_factor),
                        lambda grad, upscale_factor: _to_channels(grad, upscale_factor), node="PixelShuffleBackward0")  # fmt: skip
_pixel_unshuffle = linear("_pixel_unshuffle", lambda self, downscale_factor: _to_channels(self, downscale_factor),
                          lambda grad, downscale_factor: _to_pixels(grad, downscale_factor), node="PixelUnshuffleBackward0")  # fmt: skip


def pixel_shuffle(input: Tensor, upscale_factor: int) -> Tensor:
    """(…, C · r², H, W) to (…, C, H · r, W · r): channels become pixels."""
    r = upscale_factor
    if input.ndim < 3:
        raise RuntimeError(f"pixel_shuffle expects input to have at least 3 dimensions, but got input with {input.ndim} dimension(s)")
    *lead, c, h, w = input.shape
    if c % (r * r):
        raise RuntimeError(
            f"pixel_shuffle expects its input's 'channel' dimension to be divisible by the square of upscale_factor, but input.size(-3)={c} is not "
            f"divisible by "
            f"{r * r}"
        )
    return _pixel_shuffle(input, r)


def pixel_unshuffle(input: Tensor, downscale_factor: int) -> Tensor:
    """The inverse of `pixel_shuffle`."""
    r = downscale_factor
    if input.ndim < 3:
        raise RuntimeError(f"pixel_unshuffle expects input to have at least 3 dimensions, but got input with {input.ndim} dimension(s)")
    *lead, c, h, w = input.shape
    for name, at, size in (("height", -2, h), ("width", -1, w)):
        if size % r:
            raise RuntimeError(f"pixel_unshuffle expects {name} to be divisible by downscale_factor, but input.size({at})={size} is not divisible by {r}")
    return _pixel_unshuffle(input, r)


def channel_shuffle(input: Tensor, groups: int) -> Tensor:
    """The channels of `groups` groups, dealt out in turn."""
    n, c, *rest = input.shape
    if c % groups:
        raise RuntimeError(f"Number of channels must be divisible by groups. Got {c} channels and {groups} groups.")
    x = reshape(input, (n, groups, c // groups, *rest))
    return reshape(permute(x, (0, 2, 1, *range(3, x.ndim))), tuple(input.shape))
