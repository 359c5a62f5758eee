"""Elements chosen by index along a dim: gather, index_select, sort, topk. Their gradient goes back to where each came from."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import errors
from ..tensor import Tensor
from . import arrays
from .declare import linear, vjp
from .extremes import max_result
from .levels import raw
from .runtime import into
from .shapes import wrap_dim


def _along(name: str, node: str) -> Any:
    """An op that picks elements along a dim. The index is kept as a tensor, so that writing to it is noticed."""
    return vjp(name, lambda self, index, dim: arrays.pick(self, index, dim), node=node, tensors=("self", "index"),
               self=lambda grad, self_shape, index, dim: arrays.put_back(grad, index, self_shape, dim))  # fmt: skip


_gather, _sort, _topk = _along("_gather", "GatherBackward0"), _along("_sort", "SortBackward0"), _along("_topk", "TopkBackward0")
_put_back = linear("_put_back", lambda self, index, shape, dim: arrays.put_back(self, index, shape, dim),
                   lambda grad, index, dim: arrays.pick(grad, index, dim), node="ScatterAddBackward0")  # fmt: skip
_index_select = vjp("_index_select", lambda self, index, dim: arrays.take(self, (slice(None),) * dim + (index,)), node="IndexSelectBackward0",
                    tensors=("self", "index"), self=lambda grad, self_shape, index, dim: arrays.embed_add(
                        grad, (slice(None),) * dim + (index,), self_shape))  # fmt: skip


def _integers(name: str, index: Tensor) -> Any:
    if not isinstance(index, Tensor):
        raise errors.argument(name, "index", 3, "Tensor", index)
    if index._data.dtype not in (np.int64, np.int32):
        raise RuntimeError(f"{name}(): Expected dtype int32/int64 for index" if name == "gather" else f"{name}(): Expected dtype int32 or int64 for index")
    return index._data


def _in_range(index: Any, size: int, said: str, kind: type[Exception] = RuntimeError) -> None:
    """Indices count from the front only: the error for the first that does not lie in 0 … size - 1."""
    index = raw(index)
    bad = index[(index < 0) | (index >= size)]
    if bad.size:
        raise errors.explain(kind(said.format(index=int(bad.flat[0]))), where=errors.line_of(errors.users_place()))


def gather(input: Tensor, dim: int, index: Tensor, *, sparse_grad: bool = False, out: Tensor | None = None) -> Tensor:
    """out[i][j] = input[index[i][j]][j] for dim 0, and likewise along other dims.

    >>> import glassgrad as gg
    >>> gg.gather(gg.tensor([[1, 2], [3, 4]]), 1, gg.tensor([[0], [1]]))
    tensor([[1],
            [4]])
    """
    i, shape, d = _integers("gather", index), input._data.shape, wrap_dim(dim, input._data.ndim)
    if max(i.ndim, 1) != max(len(shape), 1):
        raise RuntimeError("Index tensor must have the same number of dimensions as input tensor")
    if any(n > m for k, (n, m) in enumerate(zip(i.shape, shape)) if k != d):
        raise RuntimeError(f"Size does not match at dimension {next(k for k, (n, m) in enumerate(zip(i.shape, shape)) if k != d and n > m)} expected index "
                           f"{list(i.shape)} to be no larger than self {list(shape)} apart from dimension {d}")  # fmt: skip
    if shape and i.ndim:
        _in_range(i, shape[d], f"index {{index}} is out of bounds for dimension {d} with size {shape[d]}")
    result = _gather(input, index, d) if shape or not i.ndim else _gather(input.reshape(1), index, 0)
    return result if out is None else into(out, result)


def take_along_dim(input: Tensor, indices: Tensor, dim: int | None = None, *, out: Tensor | None = None) -> Tensor:
    """`gather` along a dim, with broadcasting of the others; over all elements where no dim is named."""
    if dim is None:
        return gather(input.reshape(-1), 0, indices.reshape(-1), out=out)
    d, n = wrap_dim(dim, input._data.ndim), input._data.ndim
    both = np.broadcast_shapes(*[s[:d] + (1,) + s[d + 1 :] for s in (input._data.shape, indices._data.shape)])
    wide = [x.expand(both[:d] + (x._data.shape[d],) + both[d + 1 :]) for x in (input, indices)]
    return gather(wide[0], d, wide[1], out=out) if n else input if out is None else into(out, input)


def index_select(input: Tensor, dim: int, index: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The slices of `input` along `dim` that a list of indices names."""
    d, i = wrap_dim(dim, input._data.ndim), _integers("index_select", index)
    if i.ndim > 1:
        raise IndexError("index_select(): Index is supposed to be a vector")
    if input._data.ndim:
        kind, said = (IndexError, "index out of range in self") if d == 0 else (
            RuntimeError, f"INDICES element is out of DATA bounds, id={{index}} axis_dim={input._data.shape[d]}")
        _in_range(i, input._data.shape[d], said, kind)
    result = _index_select(input, index if i.ndim else index.reshape(1), d) if input._data.ndim else input.clone()
    return result if out is None else into(out, result)


class sort_result(max_result):
    """Values in order, and where they stood."""


class topk_result(max_result):
    """The largest values, and where they stand."""


def _order(data: Any, dim: int, descending: bool) -> Any:
    """The indices that sort along a dim; equal values keep their order, NaN is the largest."""
    if not descending:
        return np.argsort(data, axis=dim, kind="stable")
    last = data.shape[dim] - 1
    return np.flip(last - np.argsort(np.flip(data, dim), axis=dim, kind="stable"), dim)


def sort(input: Tensor, dim: int = -1, descending: bool = False, stable: bool = False, *, out: Any = None) -> Any:
    """The values in order along `dim`, and their indices.

    >>> import glassgrad as gg
    >>> gg.sort(gg.tensor([3.0, 1.0, 2.0])).values
    tensor([1., 2., 3.])
    """
    d = wrap_dim(dim, input._data.ndim)
    order = _order(input._data, d, descending) if input._data.ndim else np.int64(0)
    indices = Tensor._wrap(order)
    values = _sort(input, indices, d)
    return sort_result(values, indices) if out is None else sort_result(into(out[0], values), into(out[1], indices))


def argsort(input: Tensor, dim: int = -1, descending: bool = False, stable: bool = False) -> Tensor:
    """The indices that sort along `dim`."""
    return sort(input.detach(), dim, descending, stable).indices


def topk(input: Tensor, k: int, dim: int = -1, largest: bool = True, sorted: bool = True, *, out: Any = None) -> Any:
    """The k largest (or smallest) values along `dim`, in order, and their indices."""
    d = wrap_dim(dim, input._data.ndim)
    if not 0 <= k <= (input._data.shape[d] if input._data.ndim else 1):
        raise RuntimeError("selected index k out of range")
    if input._data.dtype.kind == "b":
        raise RuntimeError("topk does not support bool dtypes on CPU")
    order = _order(input._data, d, largest)[(slice(None),) * d + (slice(k),)] if input._data.ndim else np.int64(0)
    indices = Tensor._wrap(order)
    values = _topk(input, indices, d)
    return topk_result(values, indices) if out is None else topk_result(into(out[0], values), into(out[1], indices))


METHODS = dict(gather=gather, take_along_dim=take_along_dim, index_select=index_select, sort=sort, argsort=argsort, topk=topk)
