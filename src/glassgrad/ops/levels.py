"""Data of the transforms: an array-like that stands as a tensor's data inside `vmap` or forward mode, each a *level* of its own.

Rules are plain NumPy, so they run on a `Layer` as they run on arrays. Levels nest: what a layer holds may be data of an older
level. Where data meets data of levels that it lacks (a captured weight in a batch) it broadcasts; where that data is tracked, `meet`
puts a `Lift` between: the gradient leaves the levels there (summed over a batch), as broadcasting is undone for shapes.
"""

from __future__ import annotations

import itertools
import math
import operator
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from ..graph.modes import mode
from ..graph.node import Node, count, edge_of
from ..tensor import Tensor
from . import arrays

NONE: frozenset[Any] = frozenset()
_depth = itertools.count().__next__
_copies: dict[np.dtype, np.dtype] = {}


class Level:
    """One running transform. Data of a newer level wraps data of older ones."""

    __slots__ = ("depth", "alone")
    randomness = "same"  # what random numbers drawn inside are
    transform = True  # of a function: not a forward mode that was entered by hand

    def __init__(self) -> None:
        self.depth = _depth()
        self.alone: frozenset[Level] = frozenset((self,))

    def dropped(self, grad: Any) -> Any:
        """A gradient of data of this level as that of data without it: `grad` has the level on the outside, or not at all."""
        raise NotImplementedError

    def constant(self, data: Any) -> Any:
        """Data of an older level as data of this one."""
        raise NotImplementedError

    def restored(self, grad: Any) -> Any:
        """The transpose of `dropped`."""
        return self.constant(grad)


class Running(threading.local):
    """The transforms that this thread is in: levels, oldest first, and for each reverse mode how many levels are older than it."""

    def __init__(self) -> None:
        self.levels: list[Level] = []
        self.reverse: list[int] = []

    def transforms(self) -> bool:
        """Whether a transform of a function is running."""
        return bool(self.reverse) or any(level.transform for level in self.levels)

    def differentiated_within(self, level: Level) -> bool:
        """Whether a reverse mode runs inside the level."""
        return level in self.levels and any(older > self.levels.index(level) for older in self.reverse)

    @contextmanager
    def differentiating(self) -> Iterator[None]:
        """A reverse mode, inside what is running."""
        self.reverse.append(len(self.levels))
        try:
            yield
        finally:
            self.reverse.pop()

    @contextmanager
    def outside(self, level: Level) -> Iterator[None]:
        """Outside a level, and of what runs inside it."""
        before = self.levels, self.reverse
        at = self.levels.index(level) if level in self.levels else len(self.levels)
        self.levels, self.reverse = self.levels[:at], [older for older in self.reverse if older <= at]
        try:
            yield
        finally:
            self.levels, self.reverse = before


running = Running()


class Layer(NDArrayOperatorsMixin):
    """What is common to the data of all levels: NumPy's protocols, and the attributes and methods of arrays that rules use."""

    __slots__ = ("level",)
    __array_priority__ = 1500
    front = 0  # dims of its parts that do not show
    rank = 0  # among layers of one level the one of the highest rank computes
    level: Level

    def parts(self) -> tuple[Any, ...]:
        """The data of older levels in it."""
        raise NotImplementedError

    def with_parts(self, *parts: Any) -> Any:
        """The same level around other data."""
        raise NotImplementedError

    def _ufunc(self, ufunc: np.ufunc, inputs: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        raise NotImplementedError

    def _function(self, function: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        raise NotImplementedError

    def owned(self) -> Any:
        """A copy that can be written: with memory of its own for all that its level distinguishes."""
        return self.with_parts(*[p.owned() if isinstance(p, Layer) else np.array(p) for p in self.parts()])

    def holds(self, given: Any) -> bool:
        """Whether a value can be written into its memory, so that views see it."""
        if not levels_of(given) <= self.levels:
            return False
        return all(p.holds(0) if isinstance(p, Layer) else isinstance(p, np.ndarray) and p.flags.writeable for p in self.parts())

    def detached(self) -> Any:
        """The same values, moving with nothing."""
        return self.with_parts(*[p.detached() if isinstance(p, Layer) else p for p in self.parts()])

    def shown(self) -> str:
        """How a tensor that holds it prints."""
        raise NotImplementedError

    def become(self, other: Any) -> None:
        """Takes over the values of another: a write in place."""
        raise NotImplementedError

    @property
    def levels(self) -> frozenset[Level]:
        """The levels of its data: its own, and those of its parts."""
        found = self.level.alone
        for p in self.parts():
            if isinstance(p, Layer):
                found = found | p.levels
        return found

    @property
    def told_apart(self) -> frozenset[Level]:
        """The levels for which it holds different values, not only other tangents: what it is written into must have them."""
        found = self.level.alone
        for p in self.parts():
            found = found | told_apart(p)
        return found

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, out: Any = None, **kwargs: Any) -> Any:
        for i in inputs:
            if isinstance(i, Tensor):
                return NotImplemented
        if method == "__call__":
            result = newest(inputs)._ufunc(ufunc, inputs, kwargs)
        elif method == "reduce" and ufunc in REDUCE:
            result = REDUCE[ufunc](*inputs, **kwargs)
        else:
            return NotImplemented
        if out is None:
            return result
        if not isinstance(out[0], Layer):
            raise TypeError(f"{ufunc.__name__} cannot write data of a transform into a plain array")
        out[0].become(result)
        return out[0]

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        for t in types:
            if issubclass(t, Tensor):
                return NotImplemented
        return newest((*args, *kwargs.values()))._function(function, args, kwargs)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        raise RuntimeError("Cannot access data pointer of Tensor that doesn't have storage")

    @property
    def dtype(self) -> np.dtype:
        """Equal to NumPy's object, but not the same: the fast path of an op, which asks `is`, leaves layers to `general`."""
        kind = self.parts()[0].dtype
        try:
            return _copies[kind]
        except KeyError:
            return _copies.setdefault(kind, np.dtype(kind, copy=True))

    ndim = property(lambda self: len(self.shape))
    size = property(lambda self: math.prod(self.shape))
    itemsize = property(lambda self: self.dtype.itemsize)
    nbytes = property(lambda self: self.size * self.itemsize)
    shape: Any
    T = property(lambda self: np.transpose(self))
    mT = property(lambda self: np.swapaxes(self, -1, -2))
    real = property(lambda self: np.real(self))
    imag = property(lambda self: np.imag(self))
    flags = property(lambda self: np.empty(0).flags)

    @property
    def strides(self) -> tuple[int, ...]:
        """Those of its elements in order: how a batch lies in memory does not show."""
        return tuple(self.itemsize * math.prod(self.shape[k + 1 :]) for k in range(self.ndim))

    def __getitem__(self, index: Any) -> Any:
        return newest((self, index))._function(operator.getitem, (self, index), {})

    def __len__(self) -> int:
        return self.shape[0]

    def reshape(self, *shape: Any) -> Any:
        return np.reshape(self, shape[0] if len(shape) == 1 else shape)

    def transpose(self, *axes: Any) -> Any:
        return np.transpose(self, (axes[0] if len(axes) == 1 else axes) or None)

    def astype(self, dtype: Any, *args: Any, **kwargs: Any) -> Any:
        return arrays.astype(self, dtype)

    def copy(self, order: Any = None) -> Any:
        return np.copy(self)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(lvl={self.level.depth}, {', '.join(map(repr, self.parts()))})"


def _method(name: str) -> Any:
    function = getattr(np, name)

    def method(self: Layer, *args: Any, **kwargs: Any) -> Any:
        return function(self, *args, **kwargs)

    return method


for _name in """sum mean prod max min var std cumsum cumprod swapaxes squeeze dot clip round repeat take all any argmax argmin argsort diagonal
        trace ravel""".split():
    setattr(Layer, _name, _method(_name))
Layer.conj = Layer.conjugate = lambda self: np.conj(self)  # type: ignore[attr-defined]
Layer.flatten = lambda self, order="C": np.ravel(self)  # type: ignore[attr-defined]

REDUCE: dict[Any, Any] = {
    np.add: lambda x, axis=0, **k: np.sum(x, axis=axis, **k), np.multiply: lambda x, axis=0, **k: np.prod(x, axis=axis, **k),
    np.maximum: lambda x, axis=0, **k: np.max(x, axis=axis, **k), np.minimum: lambda x, axis=0, **k: np.min(x, axis=axis, **k),
    np.logical_and: lambda x, axis=0, **k: np.all(x, axis=axis, **k), np.logical_or: lambda x, axis=0, **k: np.any(x, axis=axis, **k),
}  # fmt: skip


def layers_in(value: Any) -> Iterable[Layer]:
    """Every layer among arguments, nested as they may be."""
    if isinstance(value, Layer):
        yield value
    elif isinstance(value, (tuple, list)):
        for v in value:
            yield from layers_in(v)
    elif isinstance(value, dict):
        for v in value.values():
            yield from layers_in(v)


def raw(data: Any) -> Any:
    """The plain array in data of transforms."""
    while isinstance(data, Layer):
        data = data.parts()[0]
    return data


def newest(values: Any) -> Layer:
    """The layer of the newest level among arguments, nested as they may be: it is the one that computes."""
    best: Any = None
    for v in values:
        if isinstance(v, (tuple, list)):
            v = newest(v) if v else None
        if isinstance(v, Layer) and v is not best and (best is None or (v.level.depth, v.rank) > (best.level.depth, best.rank)):
            best = v
    return best


def levels_of(data: Any) -> frozenset[Any]:
    """The levels that data belongs to."""
    return data.levels if isinstance(data, Layer) else NONE


def beneath(data: Any, level: Level, function: Callable[[Any, int], Any], front: int = 0) -> Any:
    """`function` of the data within the layers of newer levels, and of how many dims these have in front: a newer level is always outside."""
    if isinstance(data, Layer) and data.level.depth > level.depth:
        return data.with_parts(*[beneath(p, level, function, front + data.front) for p in data.parts()])
    return function(data, front)


def told_apart(data: Any) -> frozenset[Any]:
    """See `Layer.told_apart`."""
    return data.told_apart if isinstance(data, Layer) else NONE


def without(data: Any, level: Level) -> Any:
    """A gradient without a level; see `Level.dropped`."""
    return beneath(data, level, lambda d, _: level.dropped(d))


def restored(data: Any, level: Level) -> Any:
    """The transpose of `without`."""
    return beneath(data, level, lambda d, _: level.restored(d))


def constant(data: Any, level: Level) -> Any:
    """Data as data of a level too, the same for all that it distinguishes."""
    return beneath(data, level, lambda d, _: level.constant(d))


def of_levels(data: Any, levels: Iterable[Level]) -> Any:
    """Data as data of all these levels: what a node computes has the levels of its inputs, so that a gradient which lacks one is known to
    be the same for all that the level distinguishes."""
    missing = frozenset(levels) - levels_of(data)
    for level in missing if len(missing) < 2 else sorted(missing, key=lambda level: level.depth):
        data = constant(data, level)
    return data


def through(node: Any, tensor: Tensor, data: Any) -> Tensor:
    """A tensor of `data` that a new node of one edge leads back to `tensor`, where that is tracked."""
    out = Tensor._wrap(data)
    if tensor._needs and mode.grad:
        node.hooks, node.seq, node.edges = None, count(), (edge_of(tensor),)
        out._fn, out._needs = node, True
    return out


class Lift(Node):
    """Data made data of more levels, a constant of theirs; backward the gradient leaves these levels."""

    __slots__ = ("levels",)
    levels: tuple[Level, ...]

    def __init__(self, levels: Iterable[Level]):
        self.levels = tuple(sorted(levels, key=lambda level: -level.depth))

    def backward(self, grad: Any, freed: Any) -> tuple[Any, ...]:
        for level in self.levels:
            grad = without(grad, level)
        return (grad,)

    def backward_graph(self, grad: Any) -> tuple[Any, ...]:
        left = levels_of(grad._data).difference(self.levels)
        return (through(Drop(self.levels), grad, of_levels(self.backward(grad._data, None)[0], left)),)


class Drop(Lift):
    """The transpose of `Lift`."""

    __slots__ = ()

    def backward(self, grad: Any, freed: Any) -> tuple[Any, ...]:
        for level in reversed(self.levels):
            grad = restored(grad, level)
        return (grad,)

    def backward_graph(self, grad: Any) -> tuple[Any, ...]:
        return (through(Lift(self.levels), grad, self.backward(grad._data, None)[0]),)


def lifted(tensor: Tensor, levels: Iterable[Level]) -> Tensor:
    """The tensor as one of these levels too."""
    node = Lift(levels)
    return through(node, tensor, of_levels(tensor._data, node.levels))


def meet(tensors: Sequence[Any], among: Any = ()) -> Sequence[Any]:
    """The inputs of an op, those lifted that are tracked and lack a level of the others (or of the data `among`)."""
    found = [levels_of(t._data) if isinstance(t, Tensor) else NONE for t in tensors]
    every = NONE.union(*found, *[layer.levels for layer in layers_in(among)] if among else ())
    if not every:
        return tensors
    return [lifted(t, every - own) if isinstance(t, Tensor) and t._needs and own != every else t for t, own in zip(tensors, found)]
