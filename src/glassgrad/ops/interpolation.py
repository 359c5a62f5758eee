"""Images made larger or smaller: by the nearest element, or along each dim by a matrix of weights."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

from ..tensor import Tensor
from . import arrays
from .declare import linear
from .padding import _grid
from .pooling import adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d, multiplied

MODES = "nearest | linear | bilinear | bicubic | trilinear | lanczos | area | nearest-exact"
NEEDS = {"linear": 3, "bilinear": 4, "bicubic": 4, "trilinear": 5}
CUBIC = -0.75  # the slope that PyTorch (and OpenCV) give the cubic kernel at distance 1


def _nearest(kind: str, n: int) -> Any:
    return linear(
        f"_upsample_{kind}{n}d", lambda self, index: arrays.take(self, _grid(index)),
        lambda grad, self_shape, index: arrays.embed_add(grad, _grid(index), tuple(self_shape)),
        node=f"Upsample{'Nearest' if kind == 'nearest' else 'NearestExact'}{n}DBackward0")  # fmt: skip


def _weighted(kind: str, n: int) -> Any:
    return linear(f"_upsample_{kind}{n}d", lambda self, matrices: multiplied(self, matrices), lambda grad, matrices: multiplied(grad,
    tuple(m.T for m in matrices)),
                  node=f"Upsample{kind.capitalize()}{n}DBackward0")  # fmt: skip


OPS = {(kind, n): _nearest(kind.replace("-", "_"), n) for kind in ("nearest", "nearest-exact") for n in (1, 2, 3)}
OPS |= {("linear", 1): _weighted("linear", 1), ("bilinear", 2): _weighted("bilinear", 2), ("trilinear", 3): _weighted("trilinear", 3),
        ("bicubic", 2): _weighted("bicubic", 2)}  # fmt: skip


def _sources(size: int, count: int, scale: float, align_corners: bool, cubic: bool) -> np.ndarray:
    """Where in the input each output lies, in elements."""
    at = np.arange(count, dtype=np.float64)
    if align_corners:
        return at * ((size - 1) / (count - 1) if count > 1 else 0)
    found = (at + 0.5) * scale - 0.5
    return found if cubic else np.maximum(found, 0)


def _matrix(size: int, count: int, scale: float, align_corners: bool, cubic: bool, dtype: np.dtype) -> np.ndarray:
    """The weights (count × size) of each input for each output."""
    at = _sources(size, count, scale, align_corners, cubic)
    first = np.floor(at)
    t = at - first
    out = np.zeros((count, size))
    rows = np.arange(count)
    for k, weight in zip(range(-1, 3), _cubic(t)) if cubic else ((0, 1 - t), (1, t)):
        np.add.at(out, (rows, np.clip(first.astype(int) + k, 0, size - 1)), weight)
    return out.astype(dtype)


def _cubic(t: np.ndarray) -> list[np.ndarray]:
    """The weights of four neighbours. Source: R. Keys, "Cubic convolution interpolation for digital image processing", 1981."""
    near = lambda x: ((CUBIC + 2) * x - (CUBIC + 3)) * x * x + 1
    far = lambda x: ((CUBIC * x - 5 * CUBIC) * x + 8 * CUBIC) * x - 4 * CUBIC
    return [far(t + 1), near(t), near(1 - t), far(2 - t)]


def _smooth(size: int, count: int, scale: float, align_corners: bool, cubic: bool, dtype: np.dtype) -> np.ndarray:
    """The weights of a kernel that is as wide as what an output stands for, so that nothing is skipped (antialias)."""
    wide = max(scale, 1.0)
    reach = (2 if cubic else 1) * wide
    out = np.zeros((count, size))
    for i in range(count):
        centre = scale * (i + 0.5)
        lo, hi = max(int(centre - reach + 0.5), 0), min(int(centre + reach + 0.5), size)
        x = np.abs((np.arange(lo, hi) - centre + 0.5) / wide)
        a = -0.5
        if cubic:
            w = np.where(x < 1, ((a + 2) * x - (a + 3)) * x * x + 1, np.where(x < 2, (((x - 5) * x + 8) * x - 4) * a, 0))
        else:
            w = np.maximum(1 - x, 0)
        out[i, lo:hi] = w / w.sum()
    return out.astype(dtype)


def interpolate(
    input: Tensor, size: Any = None, scale_factor: Any = None, mode: str = "nearest", align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None, antialias: bool = False,
) -> Tensor:  # fmt: skip
    """A batch (N, C, d1, …) resized to `size`, or by `scale_factor`: "nearest", "nearest-exact", "linear", "bilinear", "trilinear", "bicubic" or "area".

    `align_corners` puts the first and last elements onto each other; otherwise the edges of the outer elements.

    >>> import glassgrad as gg
    >>> gg.nn.functional.interpolate(gg.tensor([[[1.0, 2.0]]]), scale_factor=2)
    tensor([[[1., 1., 2., 2.]]])
    """
    if mode in ("nearest", "area", "nearest-exact"):
        if align_corners is not None:
            raise ValueError("align_corners option can only be set with the interpolating modes: linear | bilinear | bicubic | trilinear")
    elif align_corners is None:
        align_corners = False
    n = input.ndim - 2
    if size is not None and scale_factor is not None:
        raise ValueError("only one of size or scale_factor should be defined")
    if size is None and scale_factor is None:
        raise ValueError("either size or scale_factor should be defined")
    what, given = ("output size", size) if size is not None else ("scale_factor", scale_factor)
    if isinstance(given, (list, tuple)):
        if len(given) != n:
            raise ValueError(
                f"Input and output must have the same number of spatial dimensions, but got input with spatial dimensions of {list(input.shape[2:])} and "
                f"{what} of {given}. Please provide input tensor in (N, C, d1, d2, ...,dK) format and {what} in "
                f"{'(o1, o2, ...,oK) format.' if size is not None else '(s1, s2, ...,sK) format.'}"
            )
        values = list(given)
    else:
        values = [given] * max(n, 0)
    sizes = tuple(input._data.shape[2:])
    if recompute_scale_factor and size is not None:
        raise ValueError("recompute_scale_factor is not meaningful with an explicit size.")
    counts = [int(v) for v in values] if size is not None else [math.floor(s * float(v)) for s, v in zip(sizes, values)]
    scales = [s / max(c, 1) if size is not None or recompute_scale_factor else 1 / float(v) for s, c, v in zip(sizes, counts, values)]
    if antialias and not (mode in ("bilinear", "bicubic") and input.ndim == 4):
        raise ValueError("Anti-alias option is restricted to bilinear, bicubic, and lanczos modes and requires a 4-D tensor as input")
    if n not in (1, 2, 3) or mode not in (*NEEDS, "nearest", "nearest-exact", "area"):
        raise NotImplementedError(f"Input Error: Only 3D, 4D and 5D input Tensors supported (got {input.ndim}D) for the modes: {MODES} (got {mode})")
    if NEEDS.get(mode, input.ndim) != input.ndim:
        raise NotImplementedError(f"Got {input.ndim}D input, but {mode} mode needs {NEEDS[mode]}D input")
    if any(c <= 0 for c in counts) or any(s <= 0 for s in sizes):
        names = ("D", "H", "W")[-n:]
        shown = [", ".join(f"{name}: {v}" for name, v in zip(names, vs)) for vs in (sizes, counts)]
        raise RuntimeError(f"Input and output sizes should be greater than 0, but got input ({shown[0]}) and output ({shown[1]})")
    if mode == "area":
        return (adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d)[n - 1](input, counts)
    if mode.startswith("nearest"):
        shift = 0.5 if mode == "nearest-exact" else 0.0
        single = np.float32
        places = tuple(np.minimum(np.floor((np.arange(c, dtype=single) + single(shift)) * single(scale)).astype(int), s - 1)
                       for c, s, scale in zip(counts, sizes, scales))  # fmt: skip
        return OPS[mode, n](input, places)
    weights = _smooth if antialias and not align_corners else _matrix
    matrices = tuple(weights(s, c, scale, bool(align_corners), mode == "bicubic", input._data.dtype) for s, c, scale in zip(sizes, counts, scales))
    return OPS[mode, n](input, matrices)


def upsample(input: Tensor, size: Any = None, scale_factor: Any = None, mode: str = "nearest", align_corners: bool | None = None) -> Tensor:
    """The older name of `interpolate`."""
    warnings.warn("`nn.functional.upsample` is deprecated. Use `nn.functional.interpolate` instead.", stacklevel=2)
    return interpolate(input, size, scale_factor, mode, align_corners)
