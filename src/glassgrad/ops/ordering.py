"""What comes of the order of values: unique ones, counts, medians and quantiles, running extremes."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from .. import errors
from ..tensor import Tensor
from . import arrays
from .declare import vjp
from .elementwise import isnan, where
from .extremes import _at_index, _pick, _shared_by_all, max_result
from .gathers import _along, gather, sort
from .numpy_protocol import FUNCTIONS
from .reductions import any_
from .runtime import into
from .shapes import reshape, wrap_dim


# ------------------------------------------------------------------------------------------------ which values there are
def unique(input: Tensor, sorted: bool = True, return_inverse: bool = False, return_counts: bool = False, dim: int | None = None) -> Any:
    """The different values (or slices along `dim`), in order; with them where each element's stands, and how often each occurs.

    >>> import glassgrad as gg
    >>> gg.unique(gg.tensor([3, 1, 3]), return_counts=True)
    (tensor([1, 3]), tensor([1, 2]))
    """
    data = np.asarray(input._data)
    axis = None if dim is None else wrap_dim(dim, input.ndim)
    values, inverse, counts = np.unique(data, return_inverse=True, return_counts=True, axis=axis, equal_nan=False)
    inverse = inverse.reshape(data.shape if axis is None else (-1,))
    return _picked(values, inverse, counts, return_inverse, return_counts)


def _picked(values: Any, inverse: Any, counts: Any, return_inverse: bool, return_counts: bool) -> Any:
    found = (values, *((inverse,) if return_inverse else ()), *((counts,) if return_counts else ()))
    out = tuple(Tensor._wrap(f) for f in found)
    return out if len(out) > 1 else out[0]


def unique_consecutive(input: Tensor, return_inverse: bool = False, return_counts: bool = False, dim: int | None = None) -> Any:
    """The values without those that equal the one before them."""
    data = np.asarray(input._data).reshape(-1) if dim is None else np.moveaxis(np.asarray(input._data), wrap_dim(dim, input.ndim), 0)
    flat = data.reshape(len(data), math.prod(data.shape[1:]))
    starts = np.concatenate([[True], (flat[1:] != flat[:-1]).any(1)]) if len(flat) else np.zeros(0, bool)
    values = data[starts]
    inverse = np.cumsum(starts) - 1
    counts = np.diff(np.append(np.flatnonzero(starts), len(flat)))
    if dim is None:
        return _picked(values, inverse.reshape(input._data.shape), counts, return_inverse, return_counts)
    return _picked(np.moveaxis(values, 0, wrap_dim(dim, input.ndim)), inverse, counts, return_inverse, return_counts)


def bincount(input: Tensor, weights: Tensor | None = None, minlength: int = 0) -> Tensor:
    """How often each of the numbers 0, 1, … occurs, or the sum of its weights.

    >>> import glassgrad as gg
    >>> gg.bincount(gg.tensor([0, 2, 2]))
    tensor([1, 0, 2])
    """
    if input._data.dtype.kind not in "iu":
        raise errors.no_kernel("bincount_cpu", input._data.dtype)
    if input.ndim != 1 or (input.numel() and int(input._data.min()) < 0):
        raise RuntimeError("bincount only supports 1-d non-negative integral inputs.")
    if minlength < 0:
        raise RuntimeError("minlength should be >= 0")
    found = np.bincount(input._data, None if weights is None else weights._data, minlength)
    return Tensor._wrap(found if weights is None or weights._data.dtype != np.float32 else found.astype(np.float32))


def searchsorted(sorted_sequence: Tensor, input: Any, *, out_int32: bool = False, right: bool = False, side: str | None = None, sorter: Tensor | None = None,
                 out: Tensor | None = None) -> Tensor:  # fmt: skip
    """Where each value would have to be put into a sorted sequence (its last dim) to keep it sorted: before equal ones, or after with `right`.

    >>> import glassgrad as gg
    >>> gg.searchsorted(gg.tensor([1, 3, 5]), gg.tensor([0, 3, 9]))
    tensor([0, 1, 3])
    """
    if side is not None and side not in ("left", "right"):
        raise RuntimeError(f"torch.searchsorted(): side can only be 'left' or 'right' but got {side}")
    which: Any = "right" if right or side == "right" else "left"
    values: Any = input._data if isinstance(input, Tensor) else input
    order: Any = sorted_sequence._data if sorter is None else np.take_along_axis(sorted_sequence._data, sorter._data, -1)
    if order.ndim <= 1:
        found = np.searchsorted(order, values, which)
    else:
        rows = np.asarray(values).reshape(-1, np.shape(values)[-1])
        found = np.stack([np.searchsorted(s, v, which) for s, v in zip(order.reshape(-1, order.shape[-1]), rows)]).reshape(np.shape(values))
    result = Tensor._wrap(np.asarray(found, np.int32 if out_int32 else np.int64)[()])
    return result if out is None else into(out, result)


def bucketize(input: Any, boundaries: Tensor, *, out_int32: bool = False, right: bool = False, out: Tensor | None = None) -> Tensor:
    """The number of the bucket, between boundaries, that each value lies in."""
    return searchsorted(boundaries, input, out_int32=out_int32, right=right, out=out)


def histc(input: Tensor, bins: int = 100, min: float = 0, max: float = 0, *, out: Tensor | None = None) -> Tensor:
    """How many elements lie in each of `bins` equal parts of [min, max], or of the range of the elements where both are 0."""
    if not input.is_floating_point():
        raise errors.no_kernel("histogram_cpu", input._data.dtype)
    if bins <= 0:
        raise RuntimeError(f"torch.histogram(): bins must be > 0, but got {bins} for dimension 0")
    low, high = (min, max) if min != max else (float(input._data.min()), float(input._data.max())) if input.numel() else (0.0, 1.0)
    if low == high:
        low, high = low - 1, high + 1
    result = Tensor._wrap(np.histogram(input._data, bins, (low, high))[0].astype(input._data.dtype))
    return result if out is None else into(out, result)


class histogram_result(NamedTuple):
    """How much lies in each bin, and where the bins end."""

    hist: Tensor
    bin_edges: Tensor

    def __repr__(self) -> str:
        return max_result.__repr__(self)  # type: ignore[arg-type]


def histogram(input: Tensor, bins: Any = 100, *, range: Any = None, weight: Tensor | None = None, density: bool = False) -> histogram_result:
    """How many elements, or how much of `weight`, each bin holds: `bins` equal ones over `range` (that of the elements), or those between given edges.

    With `density` the bins' areas sum to 1. The last bin has both its edges. It has no derivative.

    >>> import glassgrad as gg
    >>> gg.histogram(gg.tensor([1.0, 2.0, 4.0]), 2).hist
    tensor([2., 1.])
    """
    x = np.asarray(input._data)
    if x.dtype.kind != "f":
        raise errors.no_kernel("histogramdd", x.dtype)
    if isinstance(bins, Tensor):
        edges = np.asarray(bins._data)
        if edges.ndim != 1:
            raise RuntimeError(f"torch.histogramdd: bins tensor should have one dimension, but got {edges.ndim} dimensions in the bins tensor for dimension 0")
    else:
        if bins <= 0:
            raise RuntimeError(f"torch.histogram(): bins must be > 0, but got {bins} for dimension 0")
        low, high = (float(x.min()), float(x.max())) if range is None and x.size else range or (0.0, 1.0)
        if not (math.isfinite(low) and math.isfinite(high)):
            raise RuntimeError(f"torch.histogramdd: dimension 0's range [{low:g}, {high:g}] is not finite")
        if low > high:
            raise RuntimeError(f"torch.histogramdd: min should not exceed max, but got min {low:g} max {high:g} for dimension 0")
        edges = np.linspace(*((low, high) if low < high else (low - 0.5, high + 0.5)), bins + 1, dtype=x.dtype)
    if weight is not None and weight._data.shape != x.shape:
        raise RuntimeError(
            "torch.histogramdd: if weight tensor is provided it should have the same shape as the input tensor excluding its innermost dimension, "
            f"but got input with shape {[x.size, 1]} and weight with shape {list(weight.shape)}"
        )
    hist = np.histogram(x, edges, weights=None if weight is None else weight._data)[0].astype(x.dtype)
    if density:
        hist = hist / (hist.sum() * np.diff(edges))
    return histogram_result(Tensor._wrap(hist), Tensor._wrap(edges))


def isin(elements: Any, test_elements: Any, *, assume_unique: bool = False, invert: bool = False) -> Tensor:
    """Whether each element is one of the others."""
    a, b = (x._data if isinstance(x, Tensor) else x for x in (elements, test_elements))
    return Tensor._wrap(np.isin(a, b, assume_unique, invert)[()])


# ------------------------------------------------------------------------------------------------ the middle
class median_result(max_result):
    """The middle values, and where they stand."""


class nanmedian_result(max_result):
    """The middle values, and where they stand."""


class mode_result(max_result):
    """The commonest values, and where they stand last."""


class kthvalue_result(max_result):
    """The k-th smallest values, and where they stand."""


def _picking(name: str, node: str) -> Any:
    """An op that picks one value along a dim, by its index."""
    return vjp(name, _pick, node=node, tensors=("self", "indices"), self=_at_index)


_median_dim, _nanmedian_dim = _picking("_median_dim", "MedianBackward1"), _picking("_nanmedian_dim", "NanmedianBackward1")
_kth, _mode = _picking("_kthvalue", "KthvalueBackward0"), _picking("_mode", "ModeBackward0")
_median_all = vjp("_median_all", lambda self: middle(self, False), node="MedianBackward0", self=_shared_by_all)
_nanmedian_all = vjp("_nanmedian_all", lambda self: middle(self, True), node="NanmedianBackward0", self=_shared_by_all)


@arrays.array_function
def middle(x: Any, skip: bool) -> Any:
    """The middle value of all; see `median`."""
    flat = np.reshape(x, (-1,))
    return flat[median_places(flat, 0, True, skip)[0]]


@arrays.array_function
def median_places(x: Any, dim: int, keepdim: bool, skip: bool) -> Any:
    """Where the middle values stand: the first NaN, unless NaN is skipped."""
    wrong = np.isnan(x) if x.dtype.kind == "f" else np.zeros(x.shape, bool)
    count = x.shape[dim] - wrong.sum(dim)
    rank = (np.maximum(count, 1) - 1) // 2
    return nth_places(x, dim, keepdim, rank if skip else np.where(count < x.shape[dim], count, rank))


@arrays.array_function
def nth_places(x: Any, dim: int, keepdim: bool, rank: Any) -> Any:
    """Where, in each row along a dim, the value of a rank stands."""
    found = np.take_along_axis(np.argsort(x, axis=dim, kind="stable"), np.broadcast_to(rank, np.delete(x.shape, dim)).reshape(
        x.shape[:dim] + (1,) + x.shape[dim + 1 :]), dim)  # fmt: skip
    return found if keepdim else np.squeeze(found, dim)[()]


def _with_places(kind: Any, op: Any, input: Tensor, index: Any, dim: int, keepdim: bool, out: Any) -> Any:
    places = Tensor._wrap(index if input.ndim else np.int64(0))
    values = op(input, places, dim, keepdim)
    return kind(values, places) if out is None else kind(into(out[0], values), into(out[1], places))


def _median(kind: Any, input: Tensor, dim: Any, keepdim: bool, out: Any, skip: bool) -> Any:
    data = input._data
    if data.dtype.kind in "bc":
        raise errors.no_kernel("median_cpu" if dim is None else "median_out", data.dtype)
    if dim is None:
        if not input.numel():
            return Tensor._wrap(data.dtype.type(np.nan if data.dtype.kind == "f" else np.iinfo(data.dtype).min))
        return (_nanmedian_all if skip else _median_all)(input)
    d = wrap_dim(dim, input.ndim)
    if input.ndim and data.shape[d] == 0:
        raise IndexError(f"median(): Expected reduction dim {d} to have non-zero size.")
    index = median_places(data, d, keepdim, skip) if input.ndim else None
    return _with_places(kind, _nanmedian_dim if skip else _median_dim, input, index, d, keepdim, out)


def median(input: Tensor, dim: int | None = None, keepdim: bool = False, *, out: Any = None) -> Any:
    """The middle value, the lower of two; along a dim, with the indices. NaN where there is one.

    >>> import glassgrad as gg
    >>> gg.median(gg.tensor([3.0, 1.0, 2.0, 4.0]))
    tensor(2.)
    """
    return _median(median_result, input, dim, keepdim, out, False)


def nanmedian(input: Tensor, dim: int | None = None, keepdim: bool = False, *, out: Any = None) -> Any:
    """`median` of what is not NaN."""
    return _median(nanmedian_result, input, dim, keepdim, out, True)


def kthvalue(input: Tensor, k: int, dim: int = -1, keepdim: bool = False, *, out: Any = None) -> Any:
    """The k-th smallest value along a dim, and its index."""
    d = wrap_dim(dim, input.ndim)
    n = input._data.shape[d] if input.ndim else 1
    if not 1 <= k <= n:
        raise RuntimeError("kthvalue(): selected number k out of range for dimension " + str(d))
    return _with_places(kthvalue_result, _kth, input, nth_places(input._data, d, keepdim, k - 1) if input.ndim else None, d, keepdim, out)


@arrays.array_function
def mode_places(x: Any, dim: int, keepdim: bool) -> Any:
    """Where the commonest value of each row stands last; of equally common ones the smallest."""
    rows = np.moveaxis(x, dim, -1)
    index = np.empty(rows.shape[:-1], np.int64)
    for at in np.ndindex(rows.shape[:-1]):
        kinds, counts = np.unique(rows[at], return_counts=True)
        index[at] = np.flatnonzero(rows[at] == kinds[np.argmax(counts)])[-1]
    return np.expand_dims(index, dim) if keepdim else index[()]


def mode(input: Tensor, dim: int = -1, keepdim: bool = False, *, out: Any = None) -> Any:
    """The commonest value along a dim, the smallest of several, and the last index where it stands."""
    d = wrap_dim(dim, input.ndim)
    return _with_places(mode_result, _mode, input, mode_places(input._data, d, keepdim) if input.ndim else None, d, keepdim, out)


@arrays.constant
def quantile_places(ordered: Any, shares: Any, interpolation: str, skip: bool) -> Any:
    """For each share the two ranks that it lies between, and how far along the way."""
    count = ordered.shape[-1] - np.isnan(ordered).sum(-1, keepdims=True) if skip else np.full((*ordered.shape[:-1], 1), ordered.shape[-1])
    ranks = shares * np.maximum(count - 1, 0)
    low = np.floor(ranks)
    part = {"linear": ranks - low, "lower": 0 * ranks, "higher": np.ceil(ranks) - low, "midpoint": 0.5 * (ranks != low),
            "nearest": np.round(ranks) - low}[interpolation]  # fmt: skip
    return np.stack([low, np.minimum(low + 1, np.maximum(count - 1, 0)), part])


INTERPOLATIONS = ("linear", "lower", "higher", "midpoint", "nearest")


def _quantile(input: Tensor, q: Any, dim: int | None, keepdim: bool, interpolation: str, skip: bool, out: Any) -> Tensor:
    q = q if isinstance(q, Tensor) else Tensor._wrap(input._data.dtype.type(q))
    if not input.is_floating_point():
        raise RuntimeError("quantile() input tensor must be either float or double dtype")
    if input.numel() == 0:
        raise RuntimeError("quantile() input tensor must be non-empty")
    if q.ndim > 1:
        raise RuntimeError("quantile() q must be a scalar or 1D tensor")
    if q.dtype is not input.dtype:
        raise RuntimeError("quantile() q tensor must be same dtype as the input tensor")
    if interpolation not in INTERPOLATIONS:
        raise RuntimeError(f"quantile() interpolation must be one of linear, lower, higher, midpoint or nearest, but got {interpolation}")
    shares = np.atleast_1d(q._data)
    if not ((shares >= 0) & (shares <= 1)).all():
        said = f"must be in the range [0, 1] but got {shares[0]:g}" if q.ndim == 0 else "values must be in the range [0, 1]"
        raise RuntimeError(f"quantile() q {said}")
    x, d = (reshape(input, (-1,)), 0) if dim is None else (input, wrap_dim(dim, input.ndim))
    x = x if x.ndim else reshape(x, (1,))
    ordered = sort(x, d)[0].movedim(d, -1)
    places = quantile_places(ordered._data, shares, interpolation, skip)
    low, high = (Tensor._wrap(arrays.astype(places[i], np.int64)) for i in (0, 1))
    part = Tensor._wrap(arrays.astype(places[2], ordered._data.dtype))
    a, b = gather(ordered, -1, low), gather(ordered, -1, high)
    found: Any = where(part == 0, a, a + (b - a) * part)
    if not skip:
        found = found.masked_fill(any_(isnan(ordered), -1, True), math.nan)
    if keepdim:
        shape = [1] * input.ndim if dim is None else [1 if k == d else n for k, n in enumerate(input.shape)]
        found = reshape(found.movedim(-1, 0), (len(shares), *shape))
    else:
        found = found.movedim(-1, 0)
    found = found if q.ndim else found.select(0, 0)
    return found if out is None else into(out, found)


def quantile(input: Tensor, q: Any, dim: int | None = None, keepdim: bool = False, *, interpolation: str = "linear", out: Tensor | None = None) -> Tensor:
    """The value below which the share q of all values (or of those along a dim) lies; several q come as the first dim. NaN where there is one.

    >>> import glassgrad as gg
    >>> gg.quantile(gg.tensor([0.0, 1.0, 2.0, 3.0]), 0.5)
    tensor(1.5000)
    """
    return _quantile(input, q, dim, keepdim, interpolation, False, out)


def nanquantile(input: Tensor, q: Any, dim: int | None = None, keepdim: bool = False, *, interpolation: str = "linear", out: Tensor | None = None) -> Tensor:
    """`quantile` of what is not NaN."""
    return _quantile(input, q, dim, keepdim, interpolation, True, out)


# ------------------------------------------------------------------------------------------------ so far
class cummax_result(max_result):
    """The largest values so far, and where they stand."""


class cummin_result(max_result):
    """The smallest values so far, and where they stand."""


@arrays.array_function
def places_so_far(x: Any, dim: int, largest: bool) -> Any:
    """Where the extreme of the elements so far stands: the last of equal ones; from a NaN on, the last NaN."""
    best = (np.maximum if largest else np.minimum).accumulate(x, axis=dim)
    here = np.arange(x.shape[dim]).reshape((-1,) + (1,) * (x.ndim - dim - 1))
    return np.maximum.accumulate(np.where((x == best) | (x != x), here, 0), axis=dim)


def _running(kind: Any, node: str, largest: bool) -> Any:
    name = kind.__name__.removesuffix("_result")
    op = _along("_" + name, node)

    def so_far(input: Tensor, dim: int, *, out: Any = None) -> Any:
        d = wrap_dim(dim, input.ndim)
        index = Tensor._wrap(places_so_far(input._data, d, largest) if input.ndim else np.int64(0))
        values = op(input, index, d)
        return kind(values, index) if out is None else kind(into(out[0], values), into(out[1], index))

    so_far.__name__ = so_far.__qualname__ = name
    so_far.__doc__ = f"The {'largest' if largest else 'smallest'} value so far at each place along a dim, and its index."
    return so_far


cummax, cummin = _running(cummax_result, "CummaxBackward0", True), _running(cummin_result, "CumminBackward0", False)


@arrays.array_function
def log_sums(x: Any, dim: int) -> Any:
    """log Σ e^x of the elements so far."""
    return np.logaddexp.accumulate(x, axis=dim) if x.ndim else x


_logcumsumexp = vjp("_logcumsumexp", lambda self, dim: log_sums(self, dim), node="LogcumsumexpBackward0", self=lambda grad, self, result, dim: (
    np.flip(np.cumsum(np.flip(grad * np.exp(-result), dim), dim), dim) * np.exp(self)) if self.ndim else grad)  # fmt: skip


FUNCTIONS |= {log_sums: _logcumsumexp, middle: lambda x, skip: (_nanmedian_all if skip else _median_all)(x)}


def logcumsumexp(input: Tensor, dim: int, *, out: Tensor | None = None) -> Tensor:
    """log Σ e^x of the elements so far along a dim."""
    result = _logcumsumexp(input, wrap_dim(dim, input.ndim))
    return result if out is None else into(out, result)


def msort(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The values in order along the first dim."""
    result = sort(input, 0)[0]
    return result if out is None else into(out, result)


class aminmax_result(NamedTuple):
    """The smallest and the largest value."""

    min: Tensor
    max: Tensor

    def __repr__(self) -> str:
        return max_result.__repr__(self)  # type: ignore[arg-type]


def aminmax(input: Tensor, *, dim: int | None = None, keepdim: bool = False, out: Any = None) -> Any:
    """The smallest and the largest value, of all or along a dim."""
    args = () if dim is None else (dim, keepdim)
    low, high = input.amin(*args), input.amax(*args)
    return aminmax_result(low, high) if out is None else aminmax_result(into(out[0], low), into(out[1], high))
