"""Images read at places that a grid says, between the pixels: what a spatial transformer does.

Source: M. Jaderberg et al., "Spatial transformer networks", 2015. Everything is put together from differentiable operations.
"""

from __future__ import annotations

import functools
import itertools
import math
import warnings
from typing import Any

import numpy as np

from .. import errors
from ..tensor import Tensor
from .activations import hardtanh
from .elementwise import add, floor, fmod, where
from .elementwise import round as rounded
from .gathers import gather
from .products import matmul
from .shapes import expand, reshape

MODES, PADDINGS = ("bilinear", "nearest", "bicubic"), ("zeros", "border", "reflection")
SHARPNESS = -0.75  # of the cubic convolution: R. Keys, 1981


def _corners(name: str, align_corners: bool | None) -> bool:
    if align_corners is None:
        warnings.warn(
            "Default grid_sample and affine_grid behavior has changed to align_corners=False since 1.3.0. Please specify align_corners=True if the old "
            f"behavior is desired. See the documentation of {name} for details.", UserWarning, stacklevel=3,
        )  # fmt: skip
    return bool(align_corners)


def affine_grid(theta: Tensor, size: Any, align_corners: bool | None = None) -> Tensor:
    """The places that `grid_sample` is to read for an affine map theta, (N, 2, 3) or (N, 3, 4), of an output of a size (N, C, [D,] H, W).

    Places run from -1 to 1, the middle of the outer pixels with `align_corners`, else their edges.

    >>> import glassgrad as gg
    >>> gg.nn.functional.affine_grid(gg.tensor([[[1.0, 0, 0], [0, 1, 0]]]), (1, 1, 1, 2), align_corners=False)
    tensor([[[[-0.5000,  0.0000],
              [ 0.5000,  0.0000]]]])
    """
    size = tuple(size)
    if not theta.is_floating_point():
        raise ValueError(f"Expected theta to have floating point type, but got {theta.dtype}")
    n = len(size) - 2
    if n not in (2, 3):
        raise NotImplementedError(
            f"affine_grid only supports 4D and 5D sizes, for 2D and 3D affine transforms, respectively. Got size {size}."
        )
    if theta.ndim != 3 or tuple(theta.shape[-2:]) != (n, n + 1):
        raise ValueError(f"Expected a batch of {n}D affine matrices of shape Nx{n}x{n + 1} for size {size}. Got {theta.shape}.")
    if min(size) <= 0:
        raise ValueError(f"Expected non-zero, positive output size. Got {size}")
    aligned, dtype = _corners("grid_sample", align_corners), theta._data.dtype
    axes = [np.linspace(-1, 1, k) * (1 if aligned else (k - 1) / k) if k > 1 else np.zeros(1) for k in size[2:]]
    mesh = np.meshgrid(*axes, indexing="ij")[::-1]
    base = np.stack([*mesh, np.ones(size[2:])], -1).reshape(-1, n + 1).astype(dtype)
    return reshape(matmul(Tensor._wrap(base), theta.transpose(1, 2)), (theta.shape[0], *size[2:], n))


def _place(g: Tensor, size: int, aligned: bool) -> Tensor:
    """A place in [-1, 1] counted in pixels."""
    return (g + 1) / 2 * (size - 1) if aligned else ((g + 1) * size - 1) / 2


def _inside(c: Tensor, size: int, padding: str, aligned: bool) -> Tensor:
    """A place brought into the image: to its border, or reflected there."""
    if padding == "zeros":
        return c
    if padding == "reflection":
        low, span = (0.0, float(size - 1)) if aligned else (-0.5, float(size))
        if span == 0:
            return c * 0
        far = (c - low).abs()
        rest, even = fmod(far, span), floor(far.detach() / span) % 2 == 0
        c = where(even, rest, span - rest) + low
    return hardtanh(c, 0.0, float(size - 1)) if size > 1 else c * 0


def _cubic(t: Tensor) -> list[Tensor]:
    """The weights of the four pixels around a place that is t beyond the second."""

    def near(x: Tensor) -> Tensor:
        return ((SHARPNESS + 2) * x - (SHARPNESS + 3)) * x * x + 1

    def away(x: Tensor) -> Tensor:
        return ((SHARPNESS * x - 5 * SHARPNESS) * x + 8 * SHARPNESS) * x - 4 * SHARPNESS

    return [away(t + 1), near(t), near(1 - t), away(2 - t)]


def _taps(c: Tensor, size: int, mode: str, padding: str, aligned: bool) -> list[tuple[Tensor, Tensor]]:
    """The pixels along one dim that count for each place, and their weights."""
    if mode == "bicubic":
        first = floor(c.detach())
        return [(_inside(first + k, size, padding, aligned), w) for k, w in zip((-1, 0, 1, 2), _cubic(c - first))]
    c = _inside(c, size, padding, aligned)
    if mode == "nearest":
        return [(rounded(c.detach()), (c - c.detach()) * 0 + 1)]
    first = floor(c.detach())
    return [(first, first + 1 - c), (first + 1, c - first)]


def grid_sample(input: Tensor, grid: Tensor, mode: str = "bilinear", padding_mode: str = "zeros", align_corners: bool | None = None) -> Tensor:
    """input (N, C, [D,] H, W) read at the places of grid (N, [d,] h, w, 2 or 3), x first, each from -1 to 1: (N, C, [d,] h, w).

    >>> import glassgrad as gg
    >>> image = gg.arange(4.0).reshape(1, 1, 2, 2)
    >>> gg.nn.functional.grid_sample(image, gg.zeros(1, 1, 1, 2), align_corners=False)
    tensor([[[[1.5000]]]])
    """
    for said, value, known in (("mode", mode, MODES), ("padding_mode", padding_mode, PADDINGS)):
        if value not in known:
            names = ", ".join(f"'{k}'" for k in known[:-1]) + f"{',' if said == 'padding_mode' else ''} or '{known[-1]}'"
            raise ValueError(f"nn.functional.grid_sample(): expected {said} to be {names}, but got: '{value}'")
    aligned = _corners("grid_sample", align_corners)
    _check(input, grid, mode)
    n, sizes = input.ndim - 2, tuple(input.shape[2:])
    outer = tuple(grid.shape[1:-1])
    along = [_taps(_place(grid[..., n - 1 - d], size, aligned), size, mode, padding_mode, aligned) for d, size in enumerate(sizes)]
    flat, terms = reshape(input, (*input.shape[:2], math.prod(sizes))), []
    for taps in itertools.product(*along):
        index: Any = 0
        weight: Any = 1
        within: Any = True
        for (at, w), size in zip(taps, sizes):
            inside = (at >= 0) & (at <= size - 1)
            index = index * size + where(inside, at, 0).long()
            weight, within = w * weight, inside & within
        rows = reshape(index, (index.shape[0], 1, -1))
        values = gather(flat, 2, expand(rows, (-1, flat.shape[1], -1)))
        terms.append(values * reshape(where(within, weight, 0), (rows.shape[0], 1, -1)))
    return reshape(functools.reduce(add, terms), (*input.shape[:2], *outer))


def _check(input: Tensor, grid: Tensor, mode: str) -> None:
    for t, name, position in ((input, "input", 1), (grid, "grid", 2)):
        if not isinstance(t, Tensor):
            raise errors.argument("grid_sampler", name, position, "Tensor", t)
    if input.shape[0] != grid.shape[0]:
        raise RuntimeError(
            f"grid_sampler(): expected grid and input to have same batch size, but got input with sizes {list(input.shape)} and grid with sizes "
            f"{list(grid.shape)}"
        )
    if grid.shape[-1] != input.ndim - 2:
        raise RuntimeError(f"grid_sampler(): expected grid to have size {input.ndim - 2} in last dimension, but got grid with sizes {list(grid.shape)}")
    if input.ndim not in (4, 5) or input.ndim != grid.ndim:
        raise RuntimeError(
            f"grid_sampler(): expected {4 if input.ndim == 4 else 5}D input and grid with same number of dimensions, but got input with sizes "
            f"{list(input.shape)} and grid with sizes {list(grid.shape)}"
        )
    if 0 in input.shape[2:]:
        dim = 2 + tuple(input.shape[2:]).index(0)
        raise RuntimeError(
            f"grid_sampler(): expected input to have non-empty spatial dimensions, but input has sizes {list(input.shape)} with dimension {dim} being empty"
        )
    if mode == "bicubic" and input.ndim != 4:
        raise RuntimeError("grid_sampler(): bicubic interpolation only supports 4D input")
    if input.dtype is not grid.dtype:
        raise RuntimeError(f"expected scalar type {input.dtype.type_name} but found {grid.dtype.type_name}")
