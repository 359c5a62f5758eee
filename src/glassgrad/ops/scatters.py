"""Elements put to places that an index names, and whole slices repeated: scatter, index_add, take, repeat_interleave and their kin."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import errors
from ..tensor import Tensor
from . import arrays
from .declare import vjp
from .elementwise import add, mul
from .gathers import index_select
from .indexing import _placed
from .levels import raw
from .numpy_protocol import FUNCTIONS, _tensor
from .runtime import into, number_as
from .shapes import expand, reshape, to, wrap_dim


@arrays.array_function
def scattered(x: Any, index: Any, src: Any, dim: int) -> Any:
    """A copy of x with the elements of src (or one value) where `index` points along a dim."""
    other = arrays.overriding((index, src))
    if other is not None:
        return other.__array_function__(scattered, (type(other),), (x, index, src, dim), {})
    out = np.array(x)
    if out.ndim == 0:
        return np.asarray(src, out.dtype).reshape(())[()]
    out[arrays._grid(index, dim)] = _cut(src, index.shape)
    return out


def _cut(src: Any, shape: tuple[int, ...]) -> Any:
    """The part of src that an index of a shape uses."""
    return src[tuple(slice(n) for n in shape)] if getattr(src, "ndim", 0) else src


def _left(grad: Any, index: Any, dim: int) -> Any:
    """The gradient of what was scattered into: none where something was put."""
    taken = arrays.put_back(np.ones(index.shape), index, tuple(grad.shape), dim)
    return arrays.where(taken != 0, 0, grad)


def _back(grad: Any, index: Any, src_shape: tuple[int, ...], dim: int) -> Any:
    """The gradient of what was put."""
    return arrays.embed(arrays.pick(grad, index, dim), tuple(slice(n) for n in index.shape), tuple(src_shape))


_scatter = vjp("_scatter", lambda self, index, src, dim: scattered(self, index, src, dim), node="ScatterBackward0", tensors=("self", "index", "src"),
               self=lambda grad, index, dim: _left(grad, index, dim), src=lambda grad, index, src_shape, dim: _back(grad, index, src_shape, dim))  # fmt: skip
_scatter_value = vjp("_scatter_value", lambda self, index, dim, value: scattered(self, index, value, dim), node="ScatterBackward1", tensors=("self", "index"),
                     self=lambda grad, index, dim: _left(grad, index, dim))  # fmt: skip
_scatter_add = vjp("_scatter_add", lambda self, index, src, dim: self + arrays.put_back(_cut(src, index.shape), index, tuple(self.shape), dim),
                   node="ScatterAddBackward0", tensors=("self", "index", "src"), self=lambda grad: grad,
                   src=lambda grad, index, src_shape, dim: _back(grad, index, src_shape, dim))  # fmt: skip
FUNCTIONS[scattered] = lambda x, index, src, dim: _scatter(_tensor(x), _tensor(index), _tensor(src), dim)


def _checked(name: str, input: Tensor, dim: int, index: Any, src: Any = None) -> int:
    if not isinstance(index, Tensor):
        raise errors.argument(name, "index", 3, "Tensor", index)
    d, shape = wrap_dim(dim, input.ndim), input._data.shape
    if index._data.dtype not in (np.int64, np.int32):
        raise RuntimeError(f"{name}(): Expected dtype int32/int64 for index")
    if index.numel() == 0:
        return d
    if isinstance(src, Tensor) and src.dtype is not input.dtype:
        raise RuntimeError(f"{name}(): Expected self.dtype to be equal to src.dtype")
    if max(index.ndim, 1) != max(input.ndim, 1):
        raise RuntimeError("Index tensor must have the same number of dimensions as self tensor")
    if isinstance(src, Tensor) and max(src.ndim, 1) != max(index.ndim, 1):
        raise RuntimeError("Index tensor must have the same number of dimensions as src tensor")
    wrong = any(k != d and n > m for k, (n, m) in enumerate(zip(index.shape, shape))) or (
        isinstance(src, Tensor) and any(n > m for n, m in zip(index.shape, src.shape)))  # fmt: skip
    if wrong:
        beside = f" and to be no larger size than src {list(src.shape)}" if isinstance(src, Tensor) else ""
        raise RuntimeError(f"Expected index {list(index.shape)} to be no larger than self {list(shape)} apart from dimension {d}{beside}")
    values, size = raw(index._data), shape[d] if shape else 1
    bad = np.asarray(values)[(values < 0) | (values >= size)]
    if bad.size:
        raise errors.explain(
            RuntimeError(f"index {int(bad.flat[0])} is out of bounds for dimension {d} with size {size}"), where=errors.line_of(errors.users_place())
        )
    return d


def scatter(input: Tensor, dim: int, index: Tensor, src: Any = None, *, value: Any = None, reduce: str | None = None, out: Tensor | None = None) -> Tensor:
    """out[index[i][j]][j] = src[i][j] for dim 0, and likewise along other dims; the rest as in `input`. `reduce` adds or multiplies instead.

    >>> import glassgrad as gg
    >>> gg.scatter(gg.zeros(3), 0, gg.tensor([2, 0]), gg.tensor([5.0, 7.0]))
    tensor([7., 0., 5.])
    """
    src = value if src is None else src
    d = _checked("scatter", input, dim, index, src)
    if index.numel() == 0:
        result = input.clone()
    elif reduce is not None:
        if reduce not in ("add", "multiply"):
            raise RuntimeError("reduce argument must be either add or multiply.")
        source = src if isinstance(src, Tensor) else expand(Tensor._wrap(input._data.dtype.type(src)), tuple(index.shape))
        result = scatter_reduce(input, d, index, source, "sum" if reduce == "add" else "prod")
    elif isinstance(src, Tensor):
        result = _scatter(input, index, src, d)
    else:
        result = _scatter_value(input, index, d, src)
    return result if out is None else into(out, result)


def scatter_add(input: Tensor, dim: int, index: Tensor, src: Tensor, *, out: Tensor | None = None) -> Tensor:
    """`scatter` that adds, also where an element is named more than once."""
    d = _checked("scatter", input, dim, index, src)
    result = _scatter_add(input, index, src, d) if index.numel() and input.ndim else input.clone() if not index.numel() else add(input, reshape(src, ()))
    return result if out is None else into(out, result)


@arrays.array_function
def reduced(x: Any, index: Any, src: Any, dim: int, reduce: str, include_self: bool) -> Any:
    """x with what `index` sends to each place taken in: summed, multiplied, averaged, or the extreme."""
    other = arrays.overriding((index, src))
    if other is not None:
        return other.__array_function__(reduced, (type(other),), (x, index, src, dim, reduce, include_self), {})
    out, at = np.atleast_1d(np.array(x)), arrays._grid(np.atleast_1d(index), dim)
    if not include_self:
        limits = None if out.dtype.kind in "fb" else np.iinfo(out.dtype)
        lowest, highest = (limits.min, limits.max) if limits else (-np.inf, np.inf) if out.dtype.kind == "f" else (False, True)
        out[at] = {"prod": 1, "amax": lowest, "amin": highest}.get(reduce, 0)
    {"prod": np.multiply, "amax": np.maximum, "amin": np.minimum}.get(reduce, np.add).at(out, at, _cut(np.atleast_1d(src), np.atleast_1d(index).shape))
    if reduce == "mean":
        count = how_many(index, out.shape, dim, include_self)
        count = count.astype(out.dtype)
        out = out / count if out.dtype.kind in "fc" else out // count
    return out.reshape(x.shape)[()]


@arrays.array_function
def how_many(index: Any, shape: tuple[int, ...], dim: int, include_self: bool) -> Any:
    """How many elements meet at each place."""
    count = np.full(shape or (1,), float(include_self))
    np.add.at(count, arrays._grid(np.atleast_1d(index), dim), 1)
    return np.maximum(count, 1).reshape(shape)


def _share(grad: Any, self: Any, index: Any, src: Any, result: Any, dim: int, reduce: str, include_self: bool) -> tuple[Any, Any]:
    """What of the gradient goes to each element of self, and to each that was sent."""
    if reduce == "sum":
        return grad, arrays.pick(grad, index, dim)
    if reduce == "mean":
        each = grad / arrays.astype(how_many(index, tuple(grad.shape), dim, include_self), grad.dtype)
        return each, arrays.pick(each, index, dim)
    if reduce == "prod":
        return _others(grad, self, index, src, dim, include_self)
    mine, theirs = arrays.astype(self == result, grad.dtype), arrays.astype(src == arrays.pick(result, index, dim), grad.dtype)
    each = grad / (mine + arrays.put_back(theirs, index, tuple(self.shape), dim))  # PyTorch counts an equal value of self in any case
    return each * mine, arrays.pick(each, index, dim) * theirs


def _untouched(index: Any, self: Any, dim: int, include_self: bool) -> Any:
    """1 where nothing was sent and self does not count otherwise."""
    sent = arrays.put_back(np.ones(index.shape), index, tuple(self.shape), dim)
    return (sent == 0) * (1 - include_self)


def _others(grad: Any, self: Any, index: Any, src: Any, dim: int, include_self: bool) -> tuple[Any, Any]:
    """By the product rule: each factor's gradient is the product of the others, also where one of them is 0."""
    shape = tuple(self.shape)
    own = self if include_self else arrays.where(_untouched(index, self, dim, False) != 0, self, np.ones_like(self))
    none_own, none_src = own == 0, src == 0
    product = reduced(arrays.where(none_own, 1, own), index, arrays.where(none_src, 1, src), dim, "prod", True)
    zeros = arrays.astype(none_own, grad.dtype) + arrays.put_back(arrays.astype(none_src, grad.dtype), index, shape, dim)

    def of(factor: Any, nothing: Any, product: Any, zeros: Any) -> Any:
        return arrays.where(nothing, arrays.where(zeros == 1, product, 0), arrays.where(zeros == 0, product / arrays.where(nothing, 1, factor), 0))

    theirs = of(src, none_src, arrays.pick(product, index, dim), arrays.pick(zeros, index, dim))
    return grad * of(own, none_own, product, zeros), arrays.pick(grad, index, dim) * theirs


def _for_self(grad: Any, self: Any, index: Any, src: Any, result: Any, dim: int, reduce: str, include_self: bool) -> Any:
    share = _share(grad, self, index, src, result, dim, reduce, include_self)[0]
    return share if include_self else _left(share, index, dim)


_scatter_reduce = vjp("_scatter_reduce", lambda self, index, src, dim, reduce, include_self: reduced(self, index, src, dim, reduce, include_self),
                      node="ScatterReduceBackward0", tensors=("self", "index", "src"), self=_for_self,
                      src=lambda grad, self, index, src, result, dim, reduce, include_self: _share(
                          grad, self, index, src, result, dim, reduce, include_self)[1])  # fmt: skip
FUNCTIONS[reduced] = lambda x, index, src, dim, reduce, include_self: _scatter_reduce(_tensor(x), _tensor(index), _tensor(src), dim, reduce, include_self)
REDUCTIONS = {"sum": "sum", "add": "sum", "prod": "prod", "multiply": "prod", "mean": "mean", "amax": "amax", "max": "amax", "amin": "amin", "min": "amin"}


def scatter_reduce(input: Tensor, dim: int, index: Tensor, src: Tensor, reduce: str, *, include_self: bool = True, out: Tensor | None = None) -> Tensor:
    """The sum, product, mean or extreme of all elements of src that `index` sends to each place, together with `input` unless `include_self` is False.

    An extreme that is reached several times shares the gradient.
    """
    if reduce not in REDUCTIONS:
        raise RuntimeError(f"reduce argument must be either sum, prod, mean, amax or amin, got {reduce}.")
    d = _checked("scatter_reduce", input, dim, index, src)
    if tuple(src.shape) != tuple(index.shape):
        src = src[tuple(slice(n) for n in index.shape)]
    result = _scatter_reduce(input, index, src, d, REDUCTIONS[reduce], include_self)
    return result if out is None else into(out, result)


# ------------------------------------------------------------------------------------------------ whole slices
def _at(index: Any, dim: int) -> tuple[Any, ...]:
    return (*(slice(None),) * dim, index if index.ndim else index.reshape(1))


def _without(grad: Any, at: Any) -> Any:
    """The gradient of what was written over: 0 where it was."""
    return grad * _placed(np.ones_like(grad), 0, at, False)


def _like_source(grad: Any, shape: tuple[int, ...]) -> Any:
    return np.reshape(grad, shape) if tuple(grad.shape) != tuple(shape) else grad


_index_add = vjp("_index_add", lambda self, index, source, dim, alpha: _placed(self, source if alpha == 1 else source * number_as(alpha, source.dtype),
_at(index, dim), True),
                 node="IndexAddBackward0", tensors=("self", "index", "source"), self=lambda grad: grad, source=lambda grad, index, source_shape, dim,
                 alpha: _like_source(
                     arrays.take(grad, _at(index, dim)), source_shape) * alpha)  # fmt: skip
_index_copy = vjp("_index_copy", lambda self, index, source, dim: _placed(self, source, _at(index, dim), False), node="IndexCopyBackward0",
                  tensors=("self", "index", "source"), self=lambda grad, index, dim: _without(grad, _at(index, dim)),
                  source=lambda grad, index, source_shape, dim: _like_source(arrays.take(grad, _at(index, dim)), source_shape))  # fmt: skip
_index_fill = vjp("_index_fill", lambda self, index, dim, value: _placed(self, value, _at(index, dim), False), node="IndexFillBackward0",
                  tensors=("self", "index"), self=lambda grad, index, dim: _without(grad, _at(index, dim)))  # fmt: skip
_index_fill_tensor = vjp("_index_fill_tensor", lambda self, index, value, dim: _placed(self, value, _at(index, dim), False), node="IndexFillBackward1",
                         tensors=("self", "index", "value"), self=lambda grad, index, dim: _without(grad, _at(index, dim)),
                         value=lambda grad, index, dim: np.sum(arrays.take(grad, _at(index, dim))))  # fmt: skip
_take = vjp("_take", lambda self, index: arrays.take(np.reshape(self, (-1,)), (index,)), node="TakeBackward0", tensors=("self", "index"),
            self=lambda grad, self_shape, index: np.reshape(arrays.embed_add(grad, (index,), (math.prod(self_shape),)), tuple(self_shape)))  # fmt: skip
_put_flat = vjp("_put_flat", lambda self, index, source, accumulate: np.reshape(_placed(np.reshape(self, (-1,)), np.reshape(source, index.shape), (index,),
accumulate), self.shape),
                node="PutBackward0", tensors=("self", "index", "source"), self=lambda grad, index, accumulate: grad if accumulate else np.reshape(
                    _without(np.reshape(grad, (-1,)), (index,)), grad.shape),
                source=lambda grad, index, source_shape: np.reshape(arrays.take(np.reshape(grad, (-1,)), (index,)), tuple(source_shape)))  # fmt: skip
_masked_scatter = vjp("_masked_scatter", lambda self, source, mask, length: _placed(self, np.reshape(source, (-1,))[:length], (mask,), False),
                      node="MaskedScatterBackward0", self=lambda grad, mask: arrays.where(mask, 0, grad),
                      source=lambda grad, source_shape, mask, length: np.reshape(arrays.embed(
                          arrays.take(grad, (mask,)), (slice(length),), (math.prod(source_shape),)), tuple(source_shape)))  # fmt: skip


def _slices(name: str, input: Tensor, dim: int, index: Tensor) -> int:
    d = wrap_dim(dim, input.ndim)
    if index._data.dtype not in (np.int64, np.int32):
        raise RuntimeError(f"{name}(): Expected dtype int32/int64 for index")
    if index.ndim > 1:
        raise IndexError(
            f"{name}_(): Index is supposed to be a vector, but got dim: {index.ndim} with type: {index.dtype.type_name} and size: {list(index.shape)}"
        )
    values, size = np.atleast_1d(raw(index._data)), input._data.shape[d] if input.ndim else 1
    bad = values[(values < (-size if name == "index_fill" else 0)) | (values >= size)]
    if bad.size:
        said = f"index {int(bad.flat[0])} is out of bounds for dimension {d} with size {size}"
        raise IndexError({"index_add": "index out of range in self", "index_copy": "index_copy_(): " + said}.get(name, said))
    return d


def index_add(input: Tensor, dim: int, index: Tensor, source: Tensor, *, alpha: float = 1, out: Tensor | None = None) -> Tensor:
    """alpha · source added to the slices that `index` names along a dim.

    >>> import glassgrad as gg
    >>> gg.index_add(gg.zeros(3), 0, gg.tensor([0, 0, 2]), gg.ones(3))
    tensor([2., 0., 1.])
    """
    d = _slices("index_add", input, dim, index)
    if source.dtype is not input.dtype:
        raise RuntimeError(f"index_add_(): self ({input.dtype.type_name}) and source ({source.dtype.type_name}) must have the same scalar type")
    if (source.shape[d] if source.ndim else 1) != index.numel():

        size = source.shape[d] if source.ndim else 1
        raise RuntimeError(f"index_add_(): Number of indices ({index.numel()}) should be equal to source.size(dim): ({size}), for dim: {d}")
    result = _index_add(input, index, source, d, alpha) if input.ndim else add(input, mul(source, alpha).sum())
    return result if out is None else into(out, result)


def index_copy(input: Tensor, dim: int, index: Tensor, source: Tensor, *, out: Tensor | None = None) -> Tensor:
    """`source` in place of the slices that `index` names along a dim."""
    d = _slices("index_copy", input, dim, index)
    if source.dtype is not input.dtype:
        raise RuntimeError(
            f"index_copy_(): self and source expected to have the same dtype, but got (self) {input.dtype.type_name} and (source) {source.dtype.type_name}"
        )
    if (source.shape[d] if source.ndim else 1) != index.numel():
        raise IndexError(f"index_copy_(): Number of indices ({index.numel()}) should be equal to source.size(dim) ({source.shape[d] if source.ndim else 1})")
    result = _index_copy(input, index, source, d) if input.ndim else reshape(source, ()).clone()
    return result if out is None else into(out, result)


def index_fill(input: Tensor, dim: int, index: Tensor, value: Any) -> Tensor:
    """One value in place of the slices that `index` names along a dim."""
    d = _slices("index_fill", input, dim, index)
    if isinstance(value, Tensor) and value.ndim:
        raise RuntimeError(f"index_fill_ only supports a 0-dimensional value tensor, but got tensor with {value.ndim} dimension(s).")
    x = input if input.ndim else reshape(input, (1,))
    found = _index_fill_tensor(x, index, to(value, input._data.dtype), d) if isinstance(value, Tensor) else _index_fill(x, index, d, value)
    return found if input.ndim else reshape(found, ())


def take(input: Tensor, index: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The elements that `index` names, counted through all dims.

    >>> import glassgrad as gg
    >>> gg.take(gg.tensor([[1, 2], [3, 4]]), gg.tensor([0, 3]))
    tensor([1, 4])
    """
    if index._data.dtype != np.int64:
        raise RuntimeError(f"take(): Expected a long tensor for index, but got {index.dtype.type_name}")
    values, n = raw(index._data), input.numel()
    if np.size(values) and not -n <= np.min(values) <= np.max(values) < n:
        raise IndexError(f"out of range: tried to access index {int(np.max(values))} on a tensor of {n} elements.")
    result = _take(input, index)
    return result if out is None else into(out, result)


def put(input: Tensor, index: Tensor, source: Tensor, accumulate: bool = False) -> Tensor:
    """`source` put, or added, where `index` points, counted through all dims."""
    if index.numel() != source.numel():
        raise IndexError(
            f"put_(): Expected source and index to have the same number of elements, but got source.numel() = {source.numel()}, index.numel() = {index.numel()}"
        )
    return _put_flat(input, index, source, accumulate)


def masked_scatter(input: Tensor, mask: Tensor, source: Tensor) -> Tensor:
    """The first elements of `source`, in order, where the mask holds."""
    if mask.dtype.name != "bool":
        raise RuntimeError(f"masked_scatter_ only supports boolean masks, but got mask with dtype {mask.dtype.type_name}")
    if input.dtype is not source.dtype:
        raise RuntimeError(f"masked_scatter: expected self and source to have same dtypes but got{input.dtype.type_name} and {source.dtype.type_name}")
    shape = np.broadcast_shapes(input._data.shape, mask._data.shape)
    places = np.array(np.broadcast_to(mask._data, shape))
    count = int(places.sum())
    if source.numel() < count:
        raise RuntimeError("Number of elements of source < number of ones in mask")
    return _masked_scatter(expand(input, shape) if tuple(input.shape) != shape else input, source, places, count)


def repeat_interleave(input: Tensor, repeats: Any = None, dim: int | None = None, *, output_size: int | None = None) -> Tensor:
    """Each slice along a dim repeated, all the same number of times or each its own; without a dim, each element. Of counts alone, their indices.

    >>> import glassgrad as gg
    >>> gg.repeat_interleave(gg.tensor([1, 2]), 2)
    tensor([1, 1, 2, 2])
    """
    if repeats is None:
        return Tensor._wrap(np.repeat(np.arange(input.numel()), input._data))
    x, d = (reshape(input, (-1,)), 0) if dim is None else (input, wrap_dim(dim, input.ndim))
    size = x.shape[d]
    counts = repeats._data if isinstance(repeats, Tensor) else np.asarray(repeats)
    if (counts < 0).any():
        raise RuntimeError("Repeats must be non-negative")
    if counts.ndim and counts.size not in (1, size):
        raise RuntimeError(f"repeats must have the same size as input along dim, but got repeats.size(0) = {counts.size} and input.size({d}) = {size}")
    index = np.repeat(np.arange(size), counts if counts.ndim and counts.size == size else int(counts.reshape(())) if counts.size == 1 else counts)
    return index_select(x, d, Tensor._wrap(index))
