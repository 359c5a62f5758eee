"""Elements in another arrangement: diagonals made, windows, strided views, parts written back, sequences of combinations."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided as strided_array
from numpy.lib.stride_tricks import sliding_window_view

from ..graph.memory import materialize
from ..tensor import Tensor
from . import arrays
from .creation import as_tensor, zeros
from .declare import linear, vjp
from .elementwise import div, mul
from .formats import clone
from .indexing import _placed, narrow, select
from .joins import cat, split, stack
from .numpy_protocol import FUNCTIONS
from .reductions import cumprod, cumsum, mean
from .reductions import sum as sum_
from .runtime import into
from .shapes import (
    diagonal,
    flip,
    meshgrid,
    reshape,
    transpose,
    wrap_dim,
)


# ------------------------------------------------------------------------------------------------ diagonals
def diag_embed(input: Tensor, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """The last dim as a diagonal of two new dims.

    >>> import glassgrad as gg
    >>> gg.diag_embed(gg.tensor([1, 2]))
    tensor([[1, 0],
            [0, 2]])
    """
    n = input.ndim + 1
    d1, d2 = wrap_dim(dim1, n), wrap_dim(dim2, n)
    if d1 == d2:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    side = input.shape[-1] + abs(offset)
    shape = list(input.shape[:-1])
    for d in sorted((d1, d2)):
        shape.insert(d, side)
    return _diag_embed(input, tuple(shape), offset, d1, d2)


_diag_embed = linear("_diag_embed", lambda self, shape, offset, dim1, dim2: arrays.embed_diagonal(self, shape, offset, dim1, dim2),
                     lambda grad, offset, dim1, dim2: np.diagonal(grad, offset, dim1, dim2), node="DiagEmbedBackward0")  # fmt: skip


def diag(input: Tensor, diagonal: int = 0, *, out: Tensor | None = None) -> Tensor:
    """Of a vector the matrix with it as a diagonal; of a matrix its diagonal, as a copy."""
    if input.ndim not in (1, 2):
        raise RuntimeError(f"diag(): Supports 1D or 2D tensors. Got {input.ndim}D")
    result = diag_embed(input, diagonal) if input.ndim == 1 else diagonal_copy(input, diagonal)
    return result if out is None else into(out, result)


_diagonal_copy = linear("_diagonal_copy", lambda self, offset, dim1, dim2: np.array(arrays.diagonal(self, offset, dim1, dim2)) if isinstance(self, np.ndarray)
                        else arrays.diagonal(self, offset, dim1, dim2), lambda grad, self_shape, offset, dim1, dim2: arrays.embed_diagonal(
                            grad, self_shape, offset, dim1, dim2), node="DiagonalBackward0")  # fmt: skip


def diagonal_copy(input: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """A diagonal as a copy."""
    return _diagonal_copy(input, offset, wrap_dim(dim1, input.ndim), wrap_dim(dim2, input.ndim))


def diagflat(input: Tensor, offset: int = 0) -> Tensor:
    """All elements as a diagonal of a matrix."""
    return diag_embed(reshape(input, (-1,)), offset)


def fill_diagonal_(self: Tensor, fill_value: Any, wrap: bool = False) -> Tensor:
    """Writes a number along the main diagonal of all dims; in a tall matrix `wrap` begins again after each full square."""
    if self.ndim < 2:
        raise RuntimeError("dimensions must larger than 1")
    if self.ndim > 2 and len(set(self.shape)) > 1:
        raise RuntimeError("all dimensions of input must be of equal length")
    rows, columns = self.shape[0], self.shape[-1]
    if self.ndim > 2:
        places: tuple[Any, ...] = (np.arange(rows),) * self.ndim
    elif wrap:
        flat = np.arange(0, rows * columns, columns + 1)
        places = (flat // columns, flat % columns)
    else:
        places = (np.arange(min(rows, columns)),) * 2
    value = fill_value.item() if isinstance(fill_value, Tensor) else fill_value
    return self.index_put_(tuple(Tensor._wrap(p) for p in places), Tensor._wrap(self._data.dtype.type(value)))


def block_diag(*tensors: Any) -> Tensor:
    """Matrices along the diagonal of a large one, zeros elsewhere."""
    given = [as_tensor(t) for t in (tensors[0] if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)) else tensors)]
    for i, t in enumerate(given):
        if t.ndim > 2:
            raise RuntimeError(f"torch.block_diag: Input tensors must have 2 or fewer dimensions. Input {i} has {t.ndim} dimensions")
    blocks = [reshape(t, (1,) * (2 - t.ndim) + tuple(t.shape)) for t in given]
    width = sum(b.shape[1] for b in blocks)
    rows, at = [], 0
    for b in blocks:
        before, after = (b.new_zeros(b.shape[0], n) for n in (at, width - at - b.shape[1]))
        rows.append(cat([before, b, after], 1))
        at += b.shape[1]
    return cat(rows, 0) if rows else zeros(1, 0)


def tril_indices(row: int, col: int, offset: int = 0, *, dtype: Any = None, device: Any = None, layout: Any = None) -> Tensor:
    """Row and column of each element of a matrix's lower triangle, as two rows."""
    return _triangle(np.tril, row, col, offset, dtype)


def triu_indices(row: int, col: int, offset: int = 0, *, dtype: Any = None, device: Any = None, layout: Any = None) -> Tensor:
    """Row and column of each element of a matrix's upper triangle, as two rows."""
    return _triangle(np.triu, row, col, offset, dtype)


def _triangle(part: Any, row: int, col: int, offset: int, dtype: Any) -> Tensor:
    for name, n in (("row", row), ("col", col)):
        if n < 0:
            raise RuntimeError(f"{name} must be non-negative, got{n}")
    found = Tensor._wrap(np.stack(np.nonzero(part(np.ones((row, col), bool), offset))).astype(np.int64))
    return found if dtype is None else found.to(dtype)


# ------------------------------------------------------------------------------------------------ turned and split
_rot90 = linear("_rot90", lambda self, k, dims: np.rot90(self, k, dims), lambda grad, k, dims: np.rot90(grad, -k, dims), node="Rot90Backward0")


FUNCTIONS[np.rot90] = lambda x, k, dims: _rot90(x, k % 4, dims)


def rot90(input: Tensor, k: int = 1, dims: Any = (0, 1)) -> Tensor:
    """A plane of two dims turned by k quarters, from the first dim towards the second."""
    if len(dims) != 2:
        raise RuntimeError(f"expected total rotation dims == 2, but got dims = {len(dims)}")
    if input.ndim < 2:
        raise RuntimeError(f"expected total dims >= 2, but got total dims = {input.ndim}")
    if dims[0] == dims[1] or abs(dims[0] - dims[1]) == input.ndim:
        raise RuntimeError(f"expected rotation dims to be different, but got dim0 = {dims[0]} and dim1 = {dims[1]}")
    a, b = (wrap_dim(d, input.ndim) for d in dims)
    return _rot90(input, k % 4, (a, b))


def tensor_split(input: Tensor, indices_or_sections: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """Views of as many nearly equal parts as asked, or of the parts between the indices."""
    if input.ndim == 0:
        raise RuntimeError("tensor_split expected at least a 1-dimensional tensor, but got a tensor with 0 dims")
    d = wrap_dim(dim, input.ndim)
    n, given = input.shape[d], indices_or_sections
    if isinstance(given, Tensor):
        given = given.tolist()
    if isinstance(given, int):
        if given <= 0:
            raise RuntimeError(f"number of sections must be larger than 0, got {given}")
        sizes = [n // given + (i < n % given) for i in range(given)]
        edges = [0, *itertools.accumulate(sizes)]
    else:
        edges = [0, *given, n]
    return tuple(input[(slice(None),) * d + (slice(a, b),)] for a, b in zip(edges, edges[1:]))


def _split_along(name: str, least: int, dim: int) -> Any:
    def split_along(input: Tensor, indices_or_sections: Any) -> tuple[Tensor, ...]:
        if input.ndim < least:
            raise RuntimeError(f"torch.{name} requires a tensor with at least {least} dimension, but got a tensor with {input.ndim} dimensions!")
        d = 0 if input.ndim == 1 else dim
        parts = indices_or_sections
        if isinstance(parts, int) and (parts == 0 or input.shape[d] % parts):
            raise RuntimeError(
                f"torch.{name} attempted to split along dimension {d}, but the size of the dimension {input.shape[d]} is not divisible by the "
                f"split_size {parts}!"
            )
        return tensor_split(input, parts, d)

    split_along.__name__ = split_along.__qualname__ = name
    split_along.__doc__ = f"`tensor_split` along dim {dim}, into equal parts or at indices."
    return split_along


hsplit, vsplit, dsplit = _split_along("hsplit", 1, 1), _split_along("vsplit", 2, 0), _split_along("dsplit", 3, 2)


def split_with_sizes(input: Tensor, split_sizes: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """Views of consecutive pieces of the sizes listed."""
    return split(input, list(split_sizes), dim)


def narrow_copy(input: Tensor, dim: int, start: int, length: int, *, out: Tensor | None = None) -> Tensor:
    """`narrow` as a copy."""
    result = clone(narrow(input, dim, start, length))
    return result if out is None else into(out, result)


# ------------------------------------------------------------------------------------------------ windows and strides
_unfold = linear("_unfold", lambda self, dim, size, step: _windows(self, dim, size, step), lambda grad, self_shape, dim, size, step: _add_windows(
    grad, self_shape, dim, size, step), node="UnfoldBackward0", view=True)  # fmt: skip


def _windows(x: Any, dim: int, size: int, step: int) -> Any:
    if isinstance(x, np.ndarray):
        seen = sliding_window_view(x, size, dim, writeable=x.flags.writeable)
        return seen[(slice(None),) * dim + (slice(None, None, step),)]
    many = (x.shape[dim] - size) // step + 1
    return arrays.take(np.moveaxis(x, dim, -1), (..., np.arange(many)[:, None] * step + np.arange(size))) if dim == x.ndim - 1 else np.moveaxis(
        arrays.take(np.moveaxis(x, dim, -1), (..., np.arange(many)[:, None] * step + np.arange(size))), -2, dim)  # fmt: skip


def _add_windows(grad: Any, shape: tuple[int, ...], dim: int, size: int, step: int) -> Any:
    """The gradient of what the windows were taken from: the sum over all windows that held an element."""
    at = np.arange(grad.shape[dim])[:, None] * step + np.arange(size)
    rest = shape[:dim] + shape[dim + 1 :]
    return np.moveaxis(arrays.embed_add(np.moveaxis(grad, dim, -2), (..., at), (*rest, shape[dim])), -1, dim)


def unfold(input: Tensor, dimension: int, size: int, step: int) -> Tensor:
    """Windows of a size along a dim, `step` apart, as a view: the dim counts the windows, a new last dim runs through each.

    >>> import glassgrad as gg
    >>> gg.arange(5).unfold(0, 3, 2)
    tensor([[0, 1, 2],
            [2, 3, 4]])
    """
    d, n = wrap_dim(dimension, input.ndim), input.shape[dimension] if input.ndim else 1
    if size < 0:
        raise RuntimeError(f"size is {size} but must be >= 0")
    if size > n:
        raise RuntimeError(f"maximum size for tensor at dimension {d} is {n} but size is {size}")
    if step <= 0:
        raise RuntimeError(f"step is {step} but must be > 0")
    return _unfold(input if input.ndim else reshape(input, (1,)), d, size, step) if input.ndim else reshape(input, (1,))[:size]


_as_strided = linear("_as_strided", lambda self, sizes, strides, offset, index, places, length: _strided(self, sizes, strides, offset, index),
                     lambda grad, index, places, length: arrays.take(arrays.embed_add(grad, (index,), (length,)), (places,)), node="AsStridedBackward0",
                     view=True)  # fmt: skip


def _strided(x: Any, size: tuple[int, ...], stride: tuple[int, ...], offset: int, index: Any) -> Any:
    if not isinstance(x, np.ndarray):
        return arrays.take(np.reshape(x, (-1,)), (index,))
    root = _storage(x)
    return strided_array(np.ndarray((1,), x.dtype, root, offset * x.itemsize) if root.size else x, size, tuple(s * x.itemsize for s in stride),
    writeable=x.flags.writeable)


def _storage(x: np.ndarray) -> np.ndarray:
    """The array that owns the memory."""
    while isinstance(x.base, np.ndarray):
        x = x.base
    return x


def _offset(x: np.ndarray) -> int:
    return (x.__array_interface__["data"][0] - _storage(x).__array_interface__["data"][0]) // x.itemsize


def _reached(size: Any, stride: Any, offset: int) -> np.ndarray:
    """The place in memory of each element."""
    places = np.full(tuple(size), offset)
    for d, (n, s) in enumerate(zip(size, stride)):
        places = places + np.arange(n).reshape((-1,) + (1,) * (len(size) - d - 1)) * s
    return places


def as_strided(input: Tensor, size: Any, stride: Any, storage_offset: int | None = None) -> Tensor:
    """A view of the tensor's memory with any size and strides (counted in elements), from the offset on."""
    size, stride = tuple(size), tuple(stride)
    if len(size) != len(stride):
        raise RuntimeError("mismatch in length of strides and shape")
    if any(s < 0 for s in stride):
        raise RuntimeError(f"as_strided: Negative strides are not supported at the moment, got strides: {list(stride)}")
    data = np.asarray(materialize(input)) if isinstance(input._data, (np.ndarray, np.generic)) else input._data
    plain = isinstance(data, np.ndarray)
    here = _offset(data) if plain else 0
    offset = here if storage_offset is None else storage_offset
    if offset < 0:
        raise RuntimeError(f"Tensor: invalid storage offset {offset}")
    count = _storage(data).size if plain else math.prod(data.shape)
    last = offset + sum((n - 1) * s for n, s in zip(size, stride)) + 1 if math.prod(size) else 0
    if last > count:
        item = data.dtype.itemsize
        raise RuntimeError(
            f"setStorage: sizes {list(size)}, strides {list(stride)}, storage offset {offset}, and itemsize {item} requiring a storage size of {last * item} "
            f"are out of bounds for storage of size {count * item}"
        )
    mine = [s // data.itemsize for s in data.strides] if plain else list(np.empty(data.shape, np.int8).strides)
    return _as_strided(input, size, stride, offset, _reached(size, stride, offset), _reached(data.shape, mine, here), count)


# ------------------------------------------------------------------------------------------------ parts written back
def _scattering(name: str, node: str) -> Any:
    """An op that puts `src` where an index points, into a copy."""
    return vjp(name, lambda self, src, index: _placed(self, src, index, False), node=node, tensors=("self", "src"),
               self=lambda grad, index: grad * _placed(np.ones_like(grad), 0, index, False), src=lambda grad, index: arrays.take(grad, index))  # fmt: skip


_slice_scatter, _select_scatter, _diagonal_scatter = (
    _scattering("_" + n, "".join(p.capitalize() for p in n.split("_")) + "Backward0") for n in ("slice_scatter", "select_scatter", "diagonal_scatter")
)


def _written(op: Any, input: Tensor, src: Tensor, index: tuple[Any, ...], size: list[int]) -> Tensor:
    if list(src.shape) != size:
        raise RuntimeError(f"expected src to have a size equal to the slice of self. src size = {list(src.shape)}, slice size = {size}")
    return op(input, src, index)


def slice_scatter(input: Tensor, src: Tensor, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1) -> Tensor:
    """A copy of the tensor with `src` in place of a slice along a dim."""
    index = (slice(None),) * wrap_dim(dim, input.ndim) + (slice(start, end, step),)
    return _written(_slice_scatter, input, src, index, list(input[index].shape))


def select_scatter(input: Tensor, src: Tensor, dim: int, index: int) -> Tensor:
    """A copy of the tensor with `src` in place of one index along a dim."""
    size = list(select(input, dim, index).shape)
    return _written(_select_scatter, input, src, (slice(None),) * wrap_dim(dim, input.ndim) + (index,), size)


def diagonal_scatter(input: Tensor, src: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """A copy of the tensor with `src` in place of a diagonal."""
    d1, d2 = wrap_dim(dim1, input.ndim), wrap_dim(dim2, input.ndim)
    n = diagonal(input, offset, dim1, dim2).shape[-1]
    index: list[Any] = [slice(None)] * input.ndim
    index[d1], index[d2] = np.arange(n) + max(-offset, 0), np.arange(n) + max(offset, 0)
    if abs(d1 - d2) != 1 or max(d1, d2) != input.ndim - 1:  # NumPy puts the indexed dim where the two stand together, or first
        moved = input.movedim((d1, d2), (-2, -1))
        return diagonal_scatter(moved, src, offset, -2, -1).movedim((-2, -1), (d1, d2))
    return _written(_diagonal_scatter, input, src, tuple(index), list(diagonal(input, offset, dim1, dim2).shape))


# ------------------------------------------------------------------------------------------------ sequences
def _vectors(tensors: Any) -> list[Tensor]:
    for t in tensors:
        if t.ndim > 1:
            raise RuntimeError(f"Expect a 1D vector, but got shape {list(t.shape)}")
    return [reshape(t, (-1,)) for t in tensors]


def cartesian_prod(*tensors: Tensor) -> Tensor:
    """All choices of one element from each vector, a row each."""
    given = _vectors(tensors)
    if len(given) == 1:
        return given[0]
    return stack([reshape(g, (-1,)) for g in meshgrid(*given, indexing="ij")], 1)


def combinations(input: Tensor, r: int = 2, with_replacement: bool = False) -> Tensor:
    """All ways to take r elements of a vector, in order, a row each."""
    if input.ndim != 1:
        raise RuntimeError(f"Expect a 1D vector, but got shape {list(input.shape)}")
    if r < 0:
        raise RuntimeError(f"Expect a non-negative number, but got {r}")
    if r == 0:
        return input.new_zeros(0)
    chosen = list((itertools.combinations_with_replacement if with_replacement else itertools.combinations)(range(input.shape[0]), r))
    return input[Tensor._wrap(np.array(chosen, np.int64).reshape(-1, r))]


def vander(x: Tensor, N: int | None = None, increasing: bool = False) -> Tensor:
    """The powers of each element, a row each: from the highest to 0, or `increasing`."""
    if x.ndim != 1:
        raise RuntimeError("x must be a one-dimensional tensor.")
    n = x.shape[0] if N is None else N
    if n < 0:
        raise RuntimeError("N must be non-negative.")
    whole = x if x._data.dtype.kind in "fc" else x.to(np.dtype(np.int64))
    powers = cumprod(cat([whole.new_ones(x.shape[0], min(n, 1)), whole.unsqueeze(1).expand(-1, max(n - 1, 0))], 1), 1)
    return powers if increasing else flip(powers, 1)


def unravel_index(indices: Tensor, shape: Any) -> tuple[Tensor, ...]:
    """Indices into the elements in order, as an index for each dim."""
    size = (shape,) if isinstance(shape, int) else tuple(shape)
    found = np.unravel_index(indices._data % max(math.prod(size), 1), size)
    return tuple(Tensor._wrap(np.asarray(f, np.int64)[()]) for f in found)


# ------------------------------------------------------------------------------------------------ data in rows
def cov(input: Tensor, *, correction: int = 1, fweights: Tensor | None = None, aweights: Tensor | None = None) -> Tensor:
    """The covariances of variables, a row each: E[(x - E x)(y - E y)*], the sum divided by n - correction."""
    if input.ndim > 2:
        raise RuntimeError(f"cov(): expected input to have two or fewer dimensions but got an input with {input.ndim} dimensions")
    x = reshape(input, (1, -1)) if input.ndim < 2 else input
    n: Any = x.shape[1]
    weights: Any = None
    for given in (fweights, aweights):
        if given is not None:
            if given.ndim > 1:
                raise RuntimeError(f"cov(): expected {'f' if given is fweights else 'a'}weights to have one or fewer dimensions")
            weights = given if weights is None else weights * given
    if weights is None:
        centred = x - mean(x if x._data.dtype.kind in "fc" else x.to(np.dtype(np.float32)), 1, True)
        products, total = centred, n
        norm = max(n - correction, 0)
    else:
        total = sum_(weights)
        centred = x - sum_(x * weights, 1, True) / total
        products = centred * weights
        spread: Any = 1 if aweights is None else sum_(weights * aweights) / total
        norm = (total - correction * spread).clamp(min=0)
    found = (products @ transpose(centred.conj(), 0, 1)) / norm
    return found if input.ndim == 2 else found.squeeze()


def corrcoef(input: Tensor) -> Tensor:
    """The correlations of variables, a row each: covariances over the deviations' products, within [-1, 1]."""
    if input.ndim > 2:
        raise RuntimeError(f"corrcoef(): expected input to have two or fewer dimensions but got an input with {input.ndim} dimensions")
    c = cov(input)
    if c.ndim == 0:
        return c / c
    deviation = diagonal(c).real.sqrt() if c.is_complex() else diagonal(c).sqrt()
    found = div(div(c, deviation.unsqueeze(1)), deviation.unsqueeze(0))
    return found if c.is_complex() else found.clip(-1, 1)


def _steps(name: str, y: Tensor, x: Tensor | None, dx: Any, dim: int) -> Any:
    """The width of each interval along a dim."""
    d = wrap_dim(dim, y.ndim)
    if x is None:
        return dx
    if x.shape[-1 if x.ndim == 1 else d] != y.shape[d] and not (x.ndim == y.ndim):
        raise RuntimeError(f"{name}: There must be one `x` value for each sample point")
    if x.ndim == 1:
        if x.shape[0] != y.shape[d]:
            raise RuntimeError(f"{name}: There must be one `x` value for each sample point")
        width = x[1:] - x[:-1]
        return reshape(width, (-1,) + (1,) * (y.ndim - d - 1))
    at = d - y.ndim + x.ndim
    return x.narrow(at, 1, x.shape[at] - 1) - x.narrow(at, 0, x.shape[at] - 1)


def _areas(name: str, y: Tensor, x: Tensor | None, dx: Any, dim: int) -> Tensor:
    d = wrap_dim(dim, y.ndim)
    n = y.shape[d]
    width = _steps(name, y, x, 1 if dx is None else dx, dim)
    return mul(y.narrow(d, 1, max(n - 1, 0)) + y.narrow(d, 0, max(n - 1, 0)), width) / 2


def trapezoid(y: Tensor, x: Tensor | None = None, *, dx: Any = None, dim: int = -1) -> Tensor:
    """∫ y by trapezes, between samples at x or dx apart."""
    return sum_(_areas("trapezoid", y, x, dx, dim), wrap_dim(dim, y.ndim))


def cumulative_trapezoid(y: Tensor, x: Tensor | None = None, *, dx: Any = None, dim: int = -1) -> Tensor:
    """∫ y by trapezes, from the first sample up to each."""
    return cumsum(_areas("cumulative_trapezoid", y, x, dx, dim), wrap_dim(dim, y.ndim))


trapz = trapezoid
