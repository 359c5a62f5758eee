"""NumPy's protocols: `np.sin(t)`, `np.sum(t, axis=0)`, `array * t` run our ops, so they differentiate.

A NumPy function without an op here runs on the values when nothing requires grad, and is refused when something does: a
gradient that silently ends would be worse.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import errors
from ..dtypes import FROM_NUMPY
from ..tensor import Tensor
from . import arrays, elementwise, extremes, gathers, indexing, joins, products, reductions, shapes
from .op import UFUNCS
from .runtime import as_operand, into


def array_ufunc(self: Tensor, ufunc: np.ufunc, method: str, *inputs: Any, out: Any = None, **kwargs: Any) -> Any:
    """A NumPy universal function given a tensor."""
    op = UFUNCS.get(ufunc)
    if method == "__call__" and op is not None and not kwargs:
        operands = [as_operand(v) for v in inputs]
        if any(o is None for o in operands):
            return NotImplemented
        if not isinstance(operands[0], Tensor):
            operands[0] = Tensor._wrap(np.asarray(operands[0], _weak(operands[0], operands[1]))[()])
        if len(operands) > 1 and not isinstance(operands[1], Tensor) and not getattr(op, "numbers", True):
            operands[1] = Tensor._wrap(np.asarray(operands[1], _weak(operands[1], operands[0]))[()])
        result = op(*operands)
        return result if out is None else _into(out[0], result)
    if method == "reduce" and ufunc in REDUCE and out is None:
        kwargs.setdefault("axis", 0)
        return REDUCE[ufunc](inputs[0], **{k: v for k, v in kwargs.items() if v is not None and k != "axis"}, dim=kwargs["axis"])
    if out is not None:
        kwargs["out"] = tuple(o.numpy() if isinstance(o, Tensor) else o for o in out)
    return _on_values(getattr(ufunc, method), inputs, kwargs, ufunc.__name__)


def _weak(number: Any, other: Tensor) -> Any:
    from ..dtypes import result_dtype

    return result_dtype([number, other._data])


def _into(out: Any, result: Tensor) -> Any:
    if isinstance(out, Tensor):
        return into(out, result)
    if result._needs:
        raise errors.numpy_of_tracked()
    np.copyto(out, result._data, casting="same_kind")
    return out


def array_function(self: Tensor, function: Callable[..., Any], types: Any, args: Any, kwargs: Any) -> Any:
    """A NumPy function given a tensor."""
    ours = FUNCTIONS.get(function)
    if ours is not None:
        return ours(*args, **kwargs)
    if function in STEPS:
        args = tuple(a.detach() if isinstance(a, Tensor) else a for a in args)
    return _on_values(function, args, kwargs, function.__name__)


def _on_values(function: Callable[..., Any], args: Any, kwargs: Any, name: str) -> Any:
    def values(x: Any) -> Any:
        if isinstance(x, Tensor):
            if x._needs:
                raise errors.explain(
                    TypeError(f"np.{name} has no derivative here, and one of its tensors requires grad"),
                    where=errors.line_of(errors.users_place()),
                    fix="call it on t.detach(), or write it with operations that glassgrad has",
                )
            return x._data
        if isinstance(x, (list, tuple)):
            return type(x)(values(i) for i in x)
        return x

    result = function(*values(tuple(args)), **{k: values(v) for k, v in kwargs.items()})
    return _wrapped(result)


def _wrapped(result: Any) -> Any:
    if isinstance(result, (np.ndarray, np.generic)) and result.dtype in FROM_NUMPY:
        return Tensor._wrap(result)
    if type(result) in (tuple, list):
        return type(result)(_wrapped(r) for r in result)
    return result


def _tensor(x: Any) -> Tensor:
    operand = as_operand(x)
    return operand if isinstance(operand, Tensor) else Tensor._wrap(np.asarray(x)[()])


def _broadcastable(x: Any) -> Any:
    return tuple(x) if isinstance(x, (tuple, list)) else (x,)


def _pad_axis(t: Tensor, axis: Any) -> Tensor:
    for a in sorted(_broadcastable(axis)):
        t = shapes.unsqueeze(t, a)
    return t


def _reduction(op: Callable[..., Any]) -> Callable[..., Any]:
    def reduce(a: Tensor, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False, **more: Any) -> Any:
        options = {} if dtype is None else {"dtype": dtype}
        options |= {} if out is None else {"out": out}
        if any(v is not None and v is not np._NoValue for v in more.values()):
            raise TypeError(f"unsupported argument of np.{op.__name__}: {', '.join(more)}")
        return op(a, axis, keepdim=bool(keepdims) if keepdims is not np._NoValue else False, **options)

    return reduce


def _variance(op: Callable[..., Any]) -> Callable[..., Any]:
    def measure(a: Tensor, axis: Any = None, dtype: Any = None, out: Any = None, ddof: int = 0, keepdims: Any = False) -> Any:
        return op(a, axis, keepdim=bool(keepdims) if keepdims is not np._NoValue else False, correction=ddof)

    return measure


def _argument(op: Callable[..., Any]) -> Callable[..., Any]:
    return lambda a, axis=None, out=None, *, keepdims=False: op(a, axis, bool(keepdims) if keepdims is not np._NoValue else False)


def _where(condition: Any, *choices: Any) -> Any:
    return elementwise.where(_tensor(condition), *[c if not isinstance(c, (np.ndarray, np.generic)) else _tensor(c) for c in choices])


def _take(a: Tensor, indices: Any, axis: Any = None) -> Tensor:
    if axis is None:
        return indexing.getitem(shapes.reshape(a, -1), np.asarray(indices))
    return indexing.getitem(a, (slice(None),) * axis + (np.asarray(indices),))


def _take_along(arr: Tensor, indices: Any, axis: int = -1) -> Tensor:
    return gathers.take_along_dim(arr, _tensor(indices), axis)


def _like(value: float) -> Callable[..., Any]:
    return lambda a, dtype=None, **_: Tensor._wrap(np.full(a._data.shape, value, a._data.dtype if dtype is None else dtype)[()])


def _same_type(a: Tensor, dtype: Any, **_: Any) -> Tensor:
    return shapes.to(a, dtype if not isinstance(dtype, np.dtype) else FROM_NUMPY[dtype])


def _indices(index: Any) -> Any:
    """An index as arrays: it is no input that a gradient goes to."""
    return tuple(map(_indices, index)) if isinstance(index, tuple) else index._data if isinstance(index, Tensor) else index


STEPS = frozenset({  # what they say changes in steps or not at all: there is no gradient to lose
    np.count_nonzero, np.nonzero, np.argwhere, np.isreal, np.iscomplex, np.isrealobj, np.iscomplexobj, np.searchsorted, np.digitize, np.histogram,
    np.bincount, np.array_repr, np.array_str, np.array2string, np.empty_like, np.result_type, np.shares_memory, np.may_share_memory,
})  # fmt: skip
REDUCE = {np.add: reductions.sum, np.multiply: reductions.prod, np.maximum: extremes.amax, np.minimum: extremes.amin}
FUNCTIONS: dict[Any, Callable[..., Any]] = {
    np.sum: _reduction(reductions.sum),
    np.mean: _reduction(reductions.mean),
    np.prod: _reduction(reductions.prod),
    np.max: _reduction(extremes.amax),
    np.min: _reduction(extremes.amin),
    np.amax: _reduction(extremes.amax),
    np.amin: _reduction(extremes.amin),
    np.ptp: lambda a, axis=None, **_: elementwise.sub(extremes.amax(a, axis), extremes.amin(a, axis)),
    np.sort: lambda a, axis=-1, **_: gathers.sort(a if axis is not None else a.reshape(-1), -1 if axis is None else axis)[0],
    np.argsort: lambda a, axis=-1, **_: gathers.argsort(a if axis is not None else a.reshape(-1), -1 if axis is None else axis),
    np.diff: lambda a, n=1, axis=-1: joins.diff(a, n, axis),
    np.hstack: lambda tup, **_: joins.hstack([_tensor(a) for a in tup]),
    np.vstack: lambda tup, **_: joins.vstack([_tensor(a) for a in tup]),
    np.dstack: lambda tup, **_: joins.dstack([_tensor(a) for a in tup]),
    np.column_stack: lambda tup: joins.column_stack([_tensor(a) for a in tup]),
    np.append: lambda arr, values, axis=None: joins.cat([x if axis is not None else x.reshape(-1) for x in (_tensor(arr), _tensor(values))], axis or 0),
    np.atleast_1d: lambda *arys: shapes.atleast_1d(*map(_tensor, arys)),
    np.atleast_2d: lambda *arys: shapes.atleast_2d(*map(_tensor, arys)),
    np.fliplr: shapes.fliplr,
    np.flipud: shapes.flipud,
    np.tile: lambda A, reps: shapes.tile(A, reps),
    np.roll: lambda a, shift, axis=None: shapes.roll(a, shift, axis),
    np.repeat: lambda a, repeats, axis=None: _take(a, np.repeat(np.arange(a._data.size if axis is None else a._data.shape[axis]), repeats), axis),
    np.inner: lambda a, b: products.einsum("...i,...i->...", _tensor(a), _tensor(b)) if _tensor(b).ndim == 1 else products.matmul(_tensor(a), _tensor(b).mT),
    np.vdot: lambda a, b: products.dot(shapes.conj(_tensor(a)).reshape(-1), _tensor(b).reshape(-1)),
    np.around: lambda a, decimals=0, out=None: elementwise.round(a, decimals=decimals),
    np.fix: lambda x, out=None: elementwise.trunc(x),
    np.all: _reduction(reductions.all_),
    np.any: _reduction(reductions.any_),
    np.var: _variance(reductions.var),
    np.std: _variance(reductions.std),
    np.argmax: _argument(extremes.argmax),
    np.argmin: _argument(extremes.argmin),
    np.cumsum: lambda a, axis=None, dtype=None, out=None: reductions.cumsum(a if axis is not None else a.reshape(-1), axis or 0, dtype=dtype),
    np.cumprod: lambda a, axis=None, dtype=None, out=None: reductions.cumprod(a if axis is not None else a.reshape(-1), axis or 0, dtype=dtype),
    np.where: _where,
    np.clip: lambda a, a_min=None, a_max=None, out=None, min=None, max=None: elementwise.clamp(a, a_min if min is None else min, a_max if max is None else max),
    np.round: lambda a, decimals=0, out=None: elementwise.round(a, decimals=decimals),
    np.real: shapes.real,
    np.imag: lambda a: shapes.imag(a) if a.is_complex() else elementwise.mul(a, 0),
    np.dot: lambda a, b, out=None: products.matmul(_tensor(a), _tensor(b)),
    np.outer: lambda a, b, out=None: products.outer(_tensor(a), _tensor(b)),
    np.einsum: lambda equation, *operands, **_: products.einsum(equation, *[_tensor(o) for o in operands]),
    np.linalg.norm: lambda x, ord=None, axis=None, keepdims=False: reductions.norm(x, 2 if ord is None else ord, axis, keepdims),
    np.trace: lambda a, offset=0, axis1=0, axis2=1, **_: reductions.sum(shapes.diagonal(a, offset, axis1, axis2), -1),
    np.diagonal: shapes.diagonal,
    np.reshape: lambda a, shape, **_: shapes.reshape(a, shape),
    np.ravel: lambda a, order="C": shapes.reshape(a, -1),
    np.transpose: lambda a, axes=None: shapes.permute(a, tuple(range(a.ndim))[::-1] if axes is None else axes),
    np.swapaxes: shapes.transpose,
    np.moveaxis: shapes.movedim,
    np.expand_dims: lambda a, axis: _pad_axis(a, axis),
    np.squeeze: lambda a, axis=None: shapes.squeeze(a, axis),
    np.broadcast_to: lambda array, shape, subok=False: shapes.expand(array, shape),
    np.concatenate: lambda arrays, axis=0, out=None, **_: joins.cat([_tensor(a) for a in arrays], axis),
    np.stack: lambda arrays, axis=0, out=None, **_: joins.stack([_tensor(a) for a in arrays], axis),
    np.split: lambda ary, parts, axis=0: joins.split(ary, ary.shape[axis] // parts, axis),
    np.flip: lambda m, axis=None: shapes.flip(m, tuple(range(m.ndim)) if axis is None else _broadcastable(axis)),
    np.tril: lambda m, k=0: shapes.tril(m, k),
    np.triu: lambda m, k=0: shapes.triu(m, k),
    np.take: _take,
    np.take_along_axis: _take_along,
    np.copy: lambda a, order="K", **_: shapes._clone(a) if a._needs else np.array(a._data, order=order),  # untracked, it converts
    np.astype: lambda x, dtype, copy=True, **_: _same_type(x, dtype),
    np.zeros_like: _like(0),
    np.ones_like: _like(1),
    np.full_like: lambda a, fill_value, **_: Tensor._wrap(np.full(a._data.shape, fill_value, a._data.dtype)),
    np.isclose: elementwise.isclose,
    np.allclose: elementwise.allclose,
    np.array_equal: elementwise.equal,
    np.shape: lambda a: tuple(a._data.shape),
    np.ndim: lambda a: a._data.ndim,
    np.size: lambda a, axis=None: a._data.size if axis is None else a._data.shape[axis],
    arrays.astype: _same_type,
    arrays.sigmoid: elementwise.sigmoid,
    arrays.softplus: elementwise.softplus,
    arrays.erf: elementwise.erf,
    arrays.logsumexp: lambda x, dim=None, keepdim=False: reductions.logsumexp(x, tuple(range(x.ndim)) if dim is None else dim, keepdim),
    arrays.softmax: reductions.softmax,
    arrays.log_softmax: reductions.log_softmax,
    arrays.embed: lambda grad, index, shape: indexing._embed(grad, index, shape),
    arrays.embed_add: lambda grad, index, shape: indexing._embed_add(_tensor(grad), _indices(index), shape),
    arrays.diagonal: shapes.diagonal,
    arrays.passed: elementwise._step,
    arrays.embed_diagonal: lambda grad, shape, offset, dim1, dim2: shapes._embed_diagonal(grad, shape, offset, dim1, dim2),
    arrays.sign: elementwise.sgn,
    arrays.pick: lambda x, index, dim: gathers._gather(_tensor(x), _tensor(index), dim),
    arrays.put_back: lambda grad, index, shape, dim: gathers._put_back(_tensor(grad), _indices(index), shape, dim),
    arrays.take: lambda x, index: indexing._index(_tensor(x), _indices(index)),
    indexing._placed: lambda x, values, index, accumulate: indexing._put(_tensor(x), _tensor(values).to(x.dtype), _indices(index), accumulate),
}
UFUNCS[np.sign] = lambda x: elementwise.sgn(x) if x._data.dtype.kind == "c" else elementwise.sign(x)
UFUNCS[np.floor_divide] = elementwise._div_floor
UFUNCS[np.matmul] = products.matmul
UFUNCS[np.conjugate] = shapes.conj
UFUNCS[np.positive] = lambda x: x
UFUNCS[np.square] = elementwise.square
UFUNCS[np.power] = elementwise.pow
UFUNCS[np.float_power] = elementwise.pow

Tensor.__array_ufunc__ = array_ufunc  # type: ignore[attr-defined]
Tensor.__array_function__ = array_function  # type: ignore[attr-defined]
Tensor.__array_priority__ = 1000  # type: ignore[attr-defined]
