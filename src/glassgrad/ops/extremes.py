"""The largest and the smallest: over all elements, along a dim with their indices, along several dims."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from .. import errors
from ..tensor import Tensor
from . import arrays
from .declare import vjp
from .elementwise import maximum, minimum
from .reductions import axes, dims_of, names, one_axis, spread, unreduced
from .runtime import into


def _shared_equally(grad: Any, self: Any, result: Any, dim: Any, keepdim: bool) -> Any:
    """A gradient shared equally among the places where the extreme stands."""
    mask = arrays.astype(self == unreduced(result, dim, keepdim), self.dtype)
    return spread(grad, self.shape, dim, keepdim) * (mask / np.sum(mask, axis=dim, keepdims=True))


amax_ = vjp("_amax", lambda self, dim, keepdim: np.max(self, axis=dim, keepdims=keepdim), node="AmaxBackward0", self=_shared_equally,
             shows={"dim": lambda node: dims_of(node) or ()})  # fmt: skip
amin_ = vjp("_amin", lambda self, dim, keepdim: np.min(self, axis=dim, keepdims=keepdim), node="AminBackward0", self=_shared_equally,
             shows={"dim": lambda node: dims_of(node) or ()})  # fmt: skip
_max_all = vjp("_max_all", lambda self: np.max(self), node="MaxBackward1",
               self=lambda grad, self, result: _shared_by_all(grad, self, result))  # fmt: skip
_min_all = vjp("_min_all", lambda self: np.min(self), node="MinBackward1",
               self=lambda grad, self, result: _shared_by_all(grad, self, result))  # fmt: skip


def _shared_by_all(grad: Any, self: Any, result: Any) -> Any:
    """The same over all elements; where the extreme is NaN, the NaNs share it."""
    mask = arrays.astype(np.logical_or(self == result, np.isnan(self)), self.dtype)
    return arrays.where(mask != 0, grad * (mask / np.sum(mask)), 0)


def _at_index(grad: Any, self_shape: tuple[int, ...], indices: Any, dim: int, keepdim: bool) -> Any:
    """A gradient put back where it was selected along `dim`."""
    if not self_shape:
        return grad
    here = np.arange(self_shape[dim]).reshape((-1,) + (1,) * (len(self_shape) - 1 - dim))
    wide = spread(grad, self_shape, dim, keepdim)
    return np.where(here == unreduced(indices, dim, keepdim), wide, 0 * wide)


def _pick(self: Any, indices: Any, dim: int, keepdim: bool) -> Any:
    if self.ndim == 0:
        return self
    picked = np.take_along_axis(self, indices if keepdim else np.expand_dims(indices, dim), dim)
    return picked if keepdim else np.squeeze(picked, dim)[()]


_max_dim = vjp("_max_dim", _pick, node="MaxBackward0", tensors=("self", "indices"), self=_at_index)
_min_dim = vjp("_min_dim", _pick, node="MinBackward0", tensors=("self", "indices"), self=_at_index)


class max_result(NamedTuple):
    """Values and where they stand."""

    values: Tensor
    indices: Tensor

    def __repr__(self) -> str:
        kind = type(self).__name__.removesuffix("_result")
        return f"torch.return_types.{kind}(\n" + ",\n".join(f"{n}={v!r}" for n, v in zip(self._fields, self)) + ")"


class min_result(max_result):
    """Values and where they stand."""


def _extreme(name: str, everything: Any, along: Any, pairwise: Any, where: Any, result_type: Any) -> Any:
    def extreme(input: Tensor, dim: Any = None, keepdim: bool = False, *, axis: Any = None, keepdims: Any = None,
                other: Any = None, out: Any = None) -> Any:  # fmt: skip
        dim, keepdim = names(dim, keepdim, axis, keepdims)
        if isinstance(dim, Tensor) and (dim._data.ndim or dim._data.dtype.kind not in "iu") or other is not None:
            return pairwise(input, dim if other is None else other, out=out)
        if dim is None:
            if input._data.size == 0:
                raise RuntimeError(
                    f"{name}(): Expected reduction dim to be specified for input.numel() == 0. Specify the reduction dim with "
                    "the 'dim' argument."
                )
            if input._data.dtype.kind == "c":
                raise errors.no_kernel(name + "_all", input._data.dtype)
            return everything(input, out=out)
        if input._data.dtype.kind == "c":
            raise RuntimeError(f"{name}(): does not support complex input")
        d = one_axis(name, dim, input._data.ndim)
        if d == ():
            d = 0
            indices = np.int64(0)
        else:
            if input._data.shape[d] == 0:
                raise IndexError(f"{name}(): Expected reduction dim {d} to have non-zero size.")
            indices = where(input._data, axis=d, keepdims=keepdim)
        places = Tensor._wrap(indices)
        values = along(input, places, d, keepdim)
        return result_type(values, places) if out is None else result_type(into(out[0], values), into(out[1], places))

    extreme.__name__ = extreme.__qualname__ = name
    return extreme


max_ = _extreme("max", _max_all, _max_dim, maximum, np.argmax, max_result)
min_ = _extreme("min", _min_all, _min_dim, minimum, np.argmin, min_result)
max_.__doc__ = "The largest element; along `dim`, the largest elements and their indices; with `other`, the larger of each pair."
min_.__doc__ = "The smallest element; along `dim`, the smallest elements and their indices; with `other`, the smaller of each pair."


def _must_reduce_something(name: str, shape: tuple[int, ...], dim: Any) -> None:
    """No elements have no extreme: the error unless every reduced dim has some."""
    if dim is None:
        raise RuntimeError(
            f"{name}(): Expected reduction dim to be specified for input.numel() == 0. Specify the reduction dim with the 'dim' argument."
        )
    for d in dim if isinstance(dim, tuple) else (dim,):
        if shape[d] == 0:
            raise IndexError(f"{name}(): Expected reduction dim {d} to have non-zero size.")


def _equal_extreme(name: str, op: Callable[..., Tensor]) -> Callable[..., Tensor]:
    def extreme(input: Tensor, dim: Any = (), keepdim: bool = False, *, axis: Any = None, keepdims: Any = None,
                out: Tensor | None = None) -> Tensor:  # fmt: skip
        dim, keepdim = names(None if dim == () else dim, keepdim, axis, keepdims)
        data = input._data
        if data.dtype.kind == "c":
            raise errors.no_kernel(f"{name[1:]}_values_cpu", data.dtype)
        if data.size == 0:
            _must_reduce_something(name, data.shape, axes(dim, data.ndim))
        result = op(input, axes(dim, input._data.ndim), keepdim)
        return result if out is None else into(out, result)

    extreme.__name__ = extreme.__qualname__ = name
    return extreme


amax = _equal_extreme("amax", amax_)
amin = _equal_extreme("amin", amin_)
amax.__doc__ = "The largest elements along dims; at a tie the gradient is shared equally."
amin.__doc__ = "The smallest elements along dims; at a tie the gradient is shared equally."


def _where_extreme(name: str, where: Callable[..., Any]) -> Callable[..., Tensor]:
    def arg(input: Tensor, dim: int | None = None, keepdim: bool = False, *, axis: Any = None, keepdims: Any = None,
            out: Tensor | None = None) -> Tensor:  # fmt: skip
        dim, keepdim = names(dim, keepdim, axis, keepdims)
        data = input._data
        d = one_axis(name, dim, data.ndim)
        if data.dtype.kind in "bc":
            raise RuntimeError(f"{name}(): does not support {'bool' if data.dtype.kind == 'b' else 'complex'} input")
        if data.size == 0 and dim is None:
            raise IndexError(f"{name}(): Expected reduction dim to be specified for input.numel() == 0.")
        if dim is not None and data.ndim and data.shape[d] == 0:
            raise IndexError(f"{name}(): Expected reduction dim {d} to have non-zero size.")
        if dim is None or data.ndim == 0:
            got = where(data)
            result = Tensor._wrap(np.reshape(got, (1,) * data.ndim) if keepdim else got)
        else:
            result = Tensor._wrap(where(data, axis=d, keepdims=keepdim))
        return result if out is None else into(out, result)

    arg.__name__ = arg.__qualname__ = name
    return arg


argmax = _where_extreme("argmax", np.argmax)
argmin = _where_extreme("argmin", np.argmin)
argmax.__doc__ = "Where the largest element stands (an index: outside the graph)."
argmin.__doc__ = "Where the smallest element stands (an index: outside the graph)."


METHODS = dict(max=max_, min=min_, amax=amax, amin=amin, argmax=argmax, argmin=argmin)
