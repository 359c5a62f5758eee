"""A batch as one array: what a tensor holds inside `vmap`. Each NumPy function that rules use has a batching rule.

The batch dim stands in front of `value`, with the batch's size, or 1 where every example has the same values; what shows is the
shape of one example. A function without a rule runs on each example, and the results are stacked.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..dtypes import NUMBERS
from ..ops import arrays, indexing, windows
from ..ops.levels import Layer, Level, running
from ..tensor import Tensor


class BatchLevel(Level):
    """A running `vmap` over `size` examples; not a `transform` where backward itself runs on a batch of gradients."""

    __slots__ = ("size", "randomness", "transform")
    randomness: str

    def __init__(self, size: int, randomness: str = "error", transform: bool = True):
        super().__init__()
        self.size, self.randomness, self.transform = size, randomness, transform

    def dropped(self, grad: Any) -> Any:
        if isinstance(grad, Layer) and grad.level is self:
            value = grad.parts()[0]
            return value.sum(axis=0) if value.shape[0] == self.size else value[0] * self.size
        return grad * self.size

    def of(self, value: Any) -> Batched:
        """The batch of the examples along the first dim."""
        return Batched(value, self)

    def constant(self, data: Any) -> Any:
        return Batched(data[None], self)


class Batched(Layer):
    """A batch of examples: `value` with the batch dim in front."""

    __slots__ = ("value",)
    level: BatchLevel
    front = 1

    def __init__(self, value: Any, level: BatchLevel):
        self.value, self.level = value, level

    shape = property(lambda self: self.value.shape[1:])
    ndim = property(lambda self: self.value.ndim - 1)

    def parts(self) -> tuple[Any, ...]:
        return (self.value,)

    def with_parts(self, *parts: Any) -> Batched:
        return Batched(parts[0], self.level)

    def become(self, other: Any) -> None:
        self[...] = other

    def owned(self) -> Batched:
        value = self.full()
        return Batched(value.owned() if isinstance(value, Layer) else np.array(value), self.level)

    def holds(self, given: Any) -> bool:
        return self.value.shape[0] == self.level.size and super().holds(given)

    def full(self) -> Any:
        """The value with every example in it."""
        value, size = self.value, self.level.size
        return value if value.shape[0] == size else np.broadcast_to(value, (size, *value.shape[1:]))

    def each(self, function: Callable[[Any], Any]) -> Batched:
        """A function of each example, the results stacked."""
        return Batched(np.stack([v.each(function) if isinstance(v, Batched) else function(v) for v in self.full()]), self.level)

    def _ufunc(self, ufunc: np.ufunc, inputs: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        if len(inputs) == 1 and ufunc.signature is None:
            return Batched(ufunc(self.value, **kwargs), self.level)
        if ufunc is np.matmul:
            return _matmul(self.level, *inputs)
        if ufunc.signature is not None:
            return looped(self.level, ufunc, inputs, kwargs)
        if len(inputs) == 2 and not kwargs:  # two batches of as many dims, or one and a number: nothing to align
            a, b = inputs
            x = a.value if type(a) is Batched and a.level is self.level else a if type(a) in NUMBERS else None
            y = b.value if type(b) is Batched and b.level is self.level else b if type(b) in NUMBERS else None
            if x is not None and y is not None and (x is a or y is b or x.ndim == y.ndim):
                return Batched(ufunc(x, y), self.level)
        return Batched(ufunc(*self._aligned(inputs), **kwargs), self.level)

    def _aligned(self, inputs: Sequence[Any]) -> list[Any]:
        """The values of inputs, with the dims of examples aligned from the right."""
        ndim = max([getattr(i, "ndim", 0) for i in inputs])
        out = []
        for i in inputs:
            if isinstance(i, Batched) and i.level is self.level:
                v = i.value
                missing = ndim + 1 - v.ndim
                i = v.reshape((v.shape[0],) + (1,) * missing + v.shape[1:]) if missing else v
            out.append(i)
        return out

    def _function(self, function: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        rule = RULES.get(function)
        if rule is not None:
            return rule(self.level, *args, **kwargs)
        if hasattr(function, "stacked"):
            return self.level.of(function(self.full(), *args[1:], **kwargs))
        return looped(self.level, function, args, kwargs)

    def __bool__(self) -> bool:
        raise RuntimeError(
            "vmap: It looks like you're attempting to use a Tensor in some data-dependent control flow. We don't support that yet, please file "
            "an issue at https://github.com/pytorch/pytorch/issues ."
        )

    def item(self, *args: Any) -> Any:
        raise RuntimeError(
            "vmap: It looks like you're calling .item() on a Tensor. We don't support vmap over calling .item() on a Tensor, please try to "
            "rewrite what you're doing with other operations. If error is occurring somewhere inside PyTorch internals, please file a bug "
            "report."
        )

    __float__ = __int__ = __index__ = __complex__ = item

    def tolist(self) -> Any:
        return np.asarray(self)

    def shown(self) -> str:
        text = repr(Tensor._wrap(self.value)).replace("\n", "\n    ")
        number = running.levels.index(self.level) + 1 if self.level in running.levels else self.level.depth
        return f"BatchedTensor(lvl={number}, bdim=0, value=\n    {text}\n)"

    def __setitem__(self, index: Any, value: Any) -> None:
        given = value.full() if _at(value, self.level) else value
        full = self.full()
        if full is not self.value:
            self.value = full = np.array(full) if isinstance(full, np.ndarray) else full.copy()
        where, moved = indexed(index, self.level, self.shape)
        ndim = full[where].ndim
        if _at(value, self.level):
            missing = ndim - given.ndim
            given = given.reshape(given.shape[:1] + (1,) * missing + given.shape[1:])
        if moved is not None:
            given = np.moveaxis(np.broadcast_to(given, _moved_shape(full[where].shape, moved)), *reversed(moved))
        full[where] = given


class Entered(Batched):
    """A batch as it entered, which was dim `dim` outside."""

    __slots__ = ("dim",)

    def __init__(self, value: Any, level: BatchLevel, dim: int):
        super().__init__(value, level)
        self.dim = dim


def _moved_shape(shape: tuple[int, ...], moved: tuple[Any, Any]) -> tuple[int, ...]:
    return np.moveaxis(np.empty(shape, bool), *moved).shape


def _at(x: Any, level: Level) -> bool:
    return isinstance(x, Batched) and x.level is level


def rows(x: Any, level: BatchLevel) -> Any:
    """An operand as a value with a batch dim, of size 1 where it has none."""
    return x.value if _at(x, level) else np.expand_dims(x, 0)


def all_rows(x: Any, level: BatchLevel) -> Any:
    """An operand as a value with every example in it."""
    return x.full() if _at(x, level) else np.broadcast_to(x, (level.size, *np.shape(x)))


def looped(level: BatchLevel, function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """Any function: on each example, the results stacked."""

    def example(x: Any, i: int) -> Any:
        if _at(x, level):
            return x.value[i if x.value.shape[0] > 1 else 0]
        if isinstance(x, (tuple, list)):
            return type(x)(example(v, i) for v in x)
        return x

    found = [function(*example(tuple(args), i), **{k: example(v, i) for k, v in kwargs.items()}) for i in range(level.size)]
    if isinstance(found[0], (tuple, list)):
        return type(found[0])(Batched(np.stack(part), level) for part in zip(*found))
    if not isinstance(found[0], (np.ndarray, np.generic, Layer)) and any(f != found[0] for f in found):
        bool(Batched(np.zeros(1), level))  # a decision for each example: says that there is no deciding
    return Batched(np.stack(found), level) if isinstance(found[0], (np.ndarray, np.generic, Layer)) else found[0]


# ------------------------------------------------------------------------------------------------ products
def _matmul(level: BatchLevel, a: Any, b: Any) -> Any:
    n, m = a.ndim, b.ndim
    if n == 1 and m == 1 and not (_at(a, level) and _at(b, level)):  # one vector for the whole batch: one product
        return Batched(np.matmul(a.value, b) if _at(a, level) else np.matmul(b.value, a), level)
    if n == 1 and m == 1:
        return Batched(np.sum(rows(a, level) * rows(b, level), axis=1), level)
    if not _at(b, level) and m == 2 and n <= 2:  # one matrix for the whole batch: one product
        v = a.value
        return Batched(arrays.product(v, b) if n == 1 else arrays.product(v.reshape(-1, v.shape[-1]), b).reshape((*v.shape[:-1], b.shape[-1])), level)
    if not _at(a, level) and n == 2 and m == 1:
        return Batched(arrays.product(b.value, np.swapaxes(a, 0, 1)), level)
    x, y = rows(a, level), rows(b, level)
    x, y = (x[:, None, :] if n == 1 else x), (y[:, :, None] if m == 1 else y)
    for _ in range(y.ndim - x.ndim):
        x = np.expand_dims(x, 1)
    for _ in range(x.ndim - y.ndim):
        y = np.expand_dims(y, 1)
    if x.shape[-1] == 1 and n > 1 and m > 1:  # outer products: no sum to take
        return Batched(x * y, level)
    out = np.matmul(x, y)
    return Batched(out[..., 0, :] if n == 1 else out[..., 0] if m == 1 else out, level)


def _outer(level: BatchLevel, a: Any, b: Any, out: Any = None) -> Any:
    if a.ndim != 1 or b.ndim != 1:
        return looped(level, np.outer, (a, b), {})
    x, y = rows(a, level), rows(b, level)
    plain = type(x) is np.ndarray and type(y) is np.ndarray
    return Batched(np.einsum("ni,nj->nij", x, y) if plain else x[:, :, None] * y[:, None, :], level)


def _dot(level: BatchLevel, a: Any, b: Any, out: Any = None) -> Any:
    return _matmul(level, a, b) if 1 <= a.ndim <= 2 and 1 <= b.ndim <= 2 else looped(level, np.dot, (a, b), {})


# ------------------------------------------------------------------------------------------------ shapes and reductions
def inner(axis: Any) -> Any:
    """A dim of an example, or several, as dims of the value."""
    if isinstance(axis, (tuple, list)):
        return tuple(inner(a) for a in axis)
    axis = operator.index(axis)
    return axis + 1 if axis >= 0 else axis


def _reduces(function: Any) -> Any:
    def rule(level: BatchLevel, a: Any, axis: Any = None, *args: Any, **kwargs: Any) -> Any:
        dims = tuple(range(1, a.ndim + 1)) if axis is None else inner(axis)
        return Batched(function(a.value, dims, *args, **kwargs), level)

    return rule


def _along(function: Any, flat: bool = True, keeps: bool = False) -> Any:
    """A function along one dim, or (axis None) over all elements in order."""

    def rule(level: BatchLevel, a: Any, axis: Any = None if flat else -1, *args: Any, **kwargs: Any) -> Any:
        if axis is None:
            v = a.value.reshape(a.value.shape[0], -1)
            out = function(v, 1, *args, **kwargs)
            return Batched(out.reshape((out.shape[0],) + (1,) * a.ndim) if kwargs.get("keepdims") and keeps else out, level)
        return Batched(function(a.value, inner(axis), *args, **kwargs), level)

    return rule


def _elementwise(function: Any) -> Any:
    return lambda level, a, *args, **kwargs: Batched(function(a.value, *args, **kwargs), level)


def _aligned(function: Any) -> Any:
    """A function of several operands that broadcast."""

    def rule(level: BatchLevel, *args: Any, **kwargs: Any) -> Any:
        first = next(a for a in (*args, *kwargs.values()) if _at(a, level))
        values = first._aligned([*args, *kwargs.values()])
        return Batched(function(*values[: len(args)], **dict(zip(kwargs, values[len(args) :]))), level)

    return rule


def _on_dims(function: Any, *defaults: Any) -> Any:
    """A function whose further arguments are dims of an example."""

    def rule(level: BatchLevel, a: Any, *dims: Any, **named: Any) -> Any:
        dims = dims + tuple(named.values()) + defaults[len(dims) + len(named) :]
        return Batched(function(a.value, *map(inner, dims)), level)

    return rule


def _reshape(level: BatchLevel, a: Any, shape: Any = None, *_: Any, **named: Any) -> Any:
    shape = named.get("newshape", shape)
    shape = (shape,) if not isinstance(shape, (tuple, list)) else tuple(shape)
    if -1 in shape:
        rest = math.prod(n for n in shape if n != -1)
        shape = tuple(a.size // rest if n == -1 else n for n in shape)
    return Batched(a.value.reshape((a.value.shape[0], *shape)), level)


def _transpose(level: BatchLevel, a: Any, axes: Any = None) -> Any:
    axes = range(a.ndim)[::-1] if axes is None else [d % a.ndim for d in axes]
    return Batched(np.transpose(a.value, (0, *[d + 1 for d in axes])), level)


def _squeeze(level: BatchLevel, a: Any, axis: Any = None) -> Any:
    dims = tuple(d for d, n in enumerate(a.shape) if n == 1) if axis is None else axis
    return Batched(np.squeeze(a.value, inner(dims)), level) if dims != () else a


def _broadcast_to(level: BatchLevel, a: Any, shape: Any, subok: bool = False) -> Any:
    shape = (shape,) if isinstance(shape, int) else tuple(shape)
    v = a.value
    v = v.reshape((v.shape[0],) + (1,) * (len(shape) - a.ndim) + v.shape[1:])
    return Batched(np.broadcast_to(v, (v.shape[0], *shape)), level)


def _flip(level: BatchLevel, a: Any, axis: Any = None) -> Any:
    return Batched(np.flip(a.value, tuple(range(1, a.ndim + 1)) if axis is None else inner(axis)), level)


def _roll(level: BatchLevel, a: Any, shift: Any, axis: Any = None) -> Any:
    if axis is None:
        return looped(level, np.roll, (a, shift), {})
    return Batched(np.roll(a.value, shift, inner(axis)), level)


def _tile(level: BatchLevel, a: Any, reps: Any) -> Any:
    reps = (reps,) if isinstance(reps, int) else tuple(reps)
    reps = (1,) * (a.ndim - len(reps)) + reps
    v = a.value
    return Batched(np.tile(v.reshape((v.shape[0],) + (1,) * (len(reps) - a.ndim) + v.shape[1:]), (1, *reps)), level)


def _joins(function: Any) -> Any:
    def rule(level: BatchLevel, items: Any, axis: Any = 0, *args: Any, **kwargs: Any) -> Any:
        return Batched(function([all_rows(x, level) for x in items], inner(axis), *args, **kwargs), level)

    return rule


def _like(function: Any) -> Any:
    def rule(level: BatchLevel, a: Any, *args: Any, **kwargs: Any) -> Any:
        if any(_at(x, level) for x in (*args, *kwargs.values())):
            return looped(level, function, (a, *args), kwargs)
        return Batched(function(a.full(), *args, **kwargs), level)

    return rule


def _trace(level: BatchLevel, a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1, *args: Any, **kwargs: Any) -> Any:
    return Batched(np.sum(np.diagonal(a.value, offset, inner(axis1), inner(axis2)), axis=-1), level)


def _diagonal(function: Any) -> Any:
    return lambda level, a, offset=0, axis1=0, axis2=1: Batched(function(a.value, offset, inner(axis1), inner(axis2)), level)


def _embed_diagonal(level: BatchLevel, grad: Any, shape: tuple[int, ...], offset: int, dim1: int, dim2: int) -> Any:
    v = grad.value
    return Batched(arrays.embed_diagonal(v, (v.shape[0], *shape), offset, inner(dim1), inner(dim2)), level)


# ------------------------------------------------------------------------------------------------ indexing
def indexed(index: Any, level: BatchLevel, shape: tuple[int, ...]) -> tuple[tuple[Any, ...], tuple[Any, Any] | None]:
    """An index of an example as one of the value, and the dims to move in what it gives (None: none)."""
    items = list(index) if isinstance(index, tuple) else [index]
    for i, item in enumerate(items):
        if _at(item, level) and item.dtype.kind == "b":
            raise RuntimeError(
                "vmap: We do not support batching operators that can support dynamic shape. Attempting to batch over indexing with a boolean mask."
            )
        if isinstance(item, (list, range)):
            items[i] = np.asarray(item)
    items = [part for item in items for part in (item.nonzero() if isinstance(item, np.ndarray) and item.dtype.kind == "b" and item.ndim else (item,))]
    advanced = [k for k, item in enumerate(items) if isinstance(item, (np.ndarray, np.integer, Layer))]
    if not advanced:
        return (slice(None), *items), None
    if any(isinstance(items[k], (np.ndarray, Layer)) for k in advanced):
        advanced = [k for k, item in enumerate(items) if isinstance(item, (np.ndarray, np.integer, Layer, int)) and not isinstance(item, bool)]
    together = advanced == list(range(advanced[0], advanced[-1] + 1))
    batched = any(_at(items[k], level) for k in advanced)
    if together and not batched:
        return (slice(None), *items), None
    ndim = max(getattr(items[k], "ndim", 0) for k in advanced)
    for k in advanced:
        if _at(items[k], level):
            v = items[k].full()
            items[k] = v.reshape((level.size,) + (1,) * (ndim + 1 - v.ndim) + v.shape[1:])
    here = np.arange(level.size).reshape((-1,) + (1,) * ndim)
    if not together or advanced[0] == 0:
        return (here, *items), None
    if any(item is Ellipsis for item in items[: advanced[0]]):
        used = sum(item is not None and item is not Ellipsis for item in items)
        at = next(k for k, item in enumerate(items) if item is Ellipsis)
        items[at : at + 1] = [slice(None)] * (len(shape) - used)
        advanced = [k + len(shape) - used - 1 for k in advanced]
    place = advanced[0]  # slices and new dims before it: the chosen ones stand behind these
    return (here, *items), (tuple(range(1, ndim + 1)), tuple(range(place + 1, place + ndim + 1)))


def _getitem(level: BatchLevel, x: Any, index: Any) -> Any:
    if not _at(x, level):
        x = level.constant(x)
    if not isinstance(index, tuple):
        index = (index,)
    where, moved = indexed(index, level, x.shape)
    value = x.value
    if value.shape[0] != level.size and isinstance(where[0], np.ndarray):
        value = x.full()
    out = value[where]
    return Batched(out if moved is None else np.moveaxis(out, *moved), level)


def _take(level: BatchLevel, x: Any, index: Any) -> Any:
    out = _getitem(level, x, index)
    return Batched(out.value if type(out.value) is not np.ndarray or out.value.flags.owndata else np.array(out.value), level)


def _embed(level: BatchLevel, grad: Any, index: Any, shape: tuple[int, ...]) -> Any:
    v = rows(grad, level)
    return Batched(arrays.embed(v, (slice(None), *index), (v.shape[0], *shape)), level)


def _embed_add(level: BatchLevel, grad: Any, index: Any, shape: tuple[int, ...]) -> Any:
    where, moved = indexed(index, level, shape)
    v = rows(grad, level)
    if isinstance(where[0], np.ndarray):
        v = all_rows(grad, level)
    if moved is not None:
        v = np.moveaxis(v, *reversed(moved))
    return Batched(arrays.embed_add(v, where, (v.shape[0], *shape)), level)


def _placed(level: BatchLevel, x: Any, values: Any, index: Any, accumulate: bool) -> Any:
    where, moved = indexed(index, level, np.shape(x))
    full = all_rows(x, level)
    v = rows(values, level)
    room = _moved_shape(np.empty(full.shape, bool)[where].shape, moved) if moved else np.empty(full.shape, bool)[where].shape
    v = v.reshape(v.shape[:1] + (1,) * (len(room) - v.ndim) + v.shape[1:])
    if moved is not None:
        v = np.moveaxis(np.broadcast_to(v, room), *reversed(moved))
    return Batched(indexing._placed(full, v, where, accumulate), level)


def _picks(function: Any, put: bool = False) -> Any:
    """A function of an array and of an index along one dim, both with the same dims."""

    def rule(level: BatchLevel, x: Any, index: Any, *rest: Any, **named: Any) -> Any:
        *shape, dim = (*rest, *named.values())
        if index.ndim == 0:
            return x
        shape = [(level.size, *s) for s in shape]
        return Batched(function(all_rows(x, level), all_rows(index, level), *shape, inner(dim)), level)

    return rule


def _images(function: Any) -> Any:
    """A function of images (N, C, …): those of all examples at once."""

    def rule(level: BatchLevel, x: Any, *args: Any, **kwargs: Any) -> Any:
        v = x.value
        out = function(v.reshape((v.shape[0] * v.shape[1], *v.shape[2:])), *args, **kwargs)
        return Batched(out.reshape((v.shape[0], v.shape[1], *out.shape[1:])), level)

    return rule


def _equal(level: BatchLevel, *args: Any, **kwargs: Any) -> Any:
    raise RuntimeError("Batching rule not implemented for aten::equal. We could not generate a fallback.")


def _nonzero(level: BatchLevel, a: Any) -> Any:
    raise RuntimeError(
        "vmap: We do not support batching operators that can output dynamic shape. Attempted to vmap over aten::nonzero. Please file an issue at "
        "https://github.com/pytorch/pytorch/issues if you need this feature."
    )


RULES: dict[Any, Callable[..., Any]] = {
    np.outer: _outer,
    **{f: _reduces(f) for f in (np.sum, np.mean, np.max, np.min, np.amax, np.amin, np.all, np.any, np.var, np.std, np.count_nonzero)},
    **{f: _along(f, keeps=True) for f in (np.argmax, np.argmin, np.prod)},
    **{f: _along(f) for f in (np.cumsum, np.cumprod)},
    **{f: _along(f, flat=False) for f in (np.sort, np.argsort, arrays.softmax, arrays.log_softmax)},
    arrays.logsumexp: lambda level, x, dim=None, keepdim=False: Batched(
        arrays.logsumexp(x.value, tuple(range(1, x.ndim + 1)) if dim is None else inner(dim), keepdim), level),
    **{f: _elementwise(f) for f in (np.real, np.imag, np.round, np.around, np.astype, arrays.astype, arrays.sigmoid, arrays.softplus, arrays.passed,
                                    arrays.sign, arrays.erf)},
    np.copy: lambda level, a, *args, **kwargs: a.owned(),
    np.tril: _elementwise(np.tril), np.triu: _elementwise(np.triu),
    np.where: _aligned(np.where), np.clip: _aligned(np.clip),
    np.reshape: _reshape, np.ravel: lambda level, a, order="C": _reshape(level, a, (-1,)), np.transpose: _transpose,
    np.swapaxes: _on_dims(np.swapaxes), np.moveaxis: _on_dims(np.moveaxis), np.expand_dims: _on_dims(np.expand_dims),
    np.squeeze: _squeeze, np.broadcast_to: _broadcast_to, np.flip: _flip, np.roll: _roll, np.tile: _tile, np.trace: _trace,
    np.diagonal: _diagonal(np.diagonal), arrays.diagonal: _diagonal(arrays.diagonal), arrays.embed_diagonal: _embed_diagonal,
    np.concatenate: _joins(np.concatenate), np.stack: _joins(np.stack),
    **{f: _like(f) for f in (np.zeros_like, np.ones_like, np.full_like, np.empty_like)},
    np.dot: _dot,
    operator.getitem: _getitem, arrays.take: _take, arrays.embed: _embed, arrays.embed_add: _embed_add, indexing._placed: _placed,
    arrays.pick: _picks(arrays.pick), arrays.put_back: _picks(arrays.put_back), np.take_along_axis: _picks(np.take_along_axis),
    **{f: _images(f) for f in (windows.columns, windows.add_back, windows.window_sums, windows.spread_sums, windows.window_argmax)},
    windows.pad_with: _elementwise(windows.pad_with),
    np.array_equal: _equal, np.nonzero: _nonzero, np.argwhere: _nonzero,
    np.shape: lambda level, a: a.shape, np.ndim: lambda level, a: a.ndim, np.size: lambda level, a, axis=None: a.size if axis is None else a.shape[axis],
}  # fmt: skip
