"""Where tensors enter and leave a level: nodes that take a gradient across.

There is one graph for all levels. Inside `vmap` it holds batches, in forward mode dual numbers, because its rules run on whatever its
tensors hold; where it crosses a border a node takes the gradient to the other side.

A gradient that enters a forward mode from outside is a dual number with its parts exchanged. f(p + t·ε) = f(p) + f'(p)·t·ε has the vjp
t̄ = f'ᵀ·ṫ and p̄ = f'ᵀ·ṗ + (f''·t)ᵀ·ṫ, for cotangents ṗ and ṫ: these are the parts of f'(p + t·ε)ᵀ·(ṫ + ṗ·ε). So the same rules compute
both, with what belongs to the tangent in front.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..graph.memory import materialize
from ..graph.modes import mode
from ..graph.node import Node, count, edge_of
from ..graph.views import alias
from ..ops.levels import Layer, beneath, constant, levels_of, meet, newest, of_levels, through
from ..ops.shapes import expand
from ..tensor import Tensor
from .batched import Batched, BatchLevel, Entered
from .dual import Dual, DualLevel, Exchanged


def outside(data: Any) -> Any:
    """An array that leaves, with NumPy's own dtype object: the fast path of an op asks whether it `is` that one (see `Layer.dtype`)."""
    if type(data) is np.ndarray:
        kind = np.dtype(data.dtype.type)
        return data if data.dtype is kind else data.view(kind)
    return data


# ------------------------------------------------------------------------------------------------ batches
def batch(data: Any, dim: int, level: BatchLevel) -> Any:
    """Data with its dim `dim` as the batch."""
    return beneath(data, level, lambda d, front: Entered(np.moveaxis(d, dim + front, 0), level, dim) if dim + front else Batched(d, level))


def unbatch(data: Any, dim: int, level: BatchLevel) -> Any:
    """Data with its batch as dim `dim`."""

    def out(d: Any, front: int) -> Any:
        value = d.full() if isinstance(d, Batched) and d.level is level else np.broadcast_to(d, (level.size, *np.shape(d)))
        if type(value) is np.ndarray and not value.flags.writeable:
            value = value.copy()  # a result can be written
        return outside(np.moveaxis(value, 0, dim + front) if dim + front else value)

    return beneath(data, level, out)


class EnterBatch(Node):
    __slots__ = ("dim", "level")
    dim: int
    level: BatchLevel

    def __init__(self, dim: int, level: BatchLevel):
        self.dim, self.level = dim, level

    def name(self) -> str:
        return "BatchBackward"

    def backward(self, grad: Any, freed: Any) -> tuple[Any, ...]:
        return (unbatch(grad, self.dim, self.level),)

    def backward_graph(self, grad: Any) -> tuple[Any, ...]:
        return (leave(grad, self.dim, self.level),)


class LeaveBatch(EnterBatch):
    __slots__ = ()

    def backward(self, grad: Any, freed: Any) -> tuple[Any, ...]:
        return (batch(grad, self.dim, self.level),)

    def backward_graph(self, grad: Any) -> tuple[Any, ...]:
        return (enter(grad, self.dim, self.level),)


def enter(tensor: Tensor, dim: int, level: BatchLevel) -> Tensor:
    """A tensor inside `vmap`: its dim `dim` is the batch, and does not show."""
    return alias(tensor, through(EnterBatch(dim, level), tensor, batch(materialize(tensor), dim, level)), None)


def leave(tensor: Tensor, dim: int, level: BatchLevel) -> Tensor:
    """A tensor outside `vmap` again: the batch is its dim `dim`."""
    data = tensor._data
    if level in levels_of(data):
        return through(LeaveBatch(dim, level), tensor, unbatch(data, dim, level))
    wide = expand(tensor, (level.size, *data.shape))
    return wide.movedim(0, dim) if dim else wide


# ------------------------------------------------------------------------------------------------ dual numbers
def dualize(primal: Any, tangent: Any, level: DualLevel, kind: type[Dual]) -> Any:
    """The dual number of two arrays, within the layers of newer levels that they have."""
    newer = [x for x in (primal, tangent) if isinstance(x, Layer) and x.level.depth > level.depth]
    if not newer:
        return kind(primal, tangent, level)
    top = newest(newer)
    both = [x if isinstance(x, Layer) and x.level is top.level else constant(x, top.level) for x in (primal, tangent)]
    parts = [dualize(p, t, level, kind) for p, t in zip(*[_whole(x) for x in both])]
    return top.with_parts(*parts)


def _whole(layer: Layer) -> tuple[Any, ...]:
    return (layer.full(),) if isinstance(layer, Batched) else layer.parts()


def component(data: Any, which: int, level: DualLevel) -> Any:
    """The primal (0) or the tangent (1) of data; of a constant itself, or zeros."""

    def found(d: Any, _: int) -> Any:
        if isinstance(d, Layer) and d.level is level:
            return outside(d.parts()[which])
        return np.zeros_like(d)[()] if which else d

    return beneath(data, level, found)


def exchanged(data: Any, level: DualLevel) -> bool:
    """Whether a cotangent has its parts of this level exchanged."""
    while isinstance(data, Layer) and data.level.depth > level.depth:
        data = data.parts()[0]
    return isinstance(data, Exchanged) and data.level is level


class MakeDual(Node):
    """Two edges, to the primal and to the tangent."""

    __slots__ = ("level",)
    level: DualLevel

    def __init__(self, level: DualLevel):
        self.level = level

    def name(self) -> str:
        return "DualBackward"

    def backward(self, grad: Any, freed: Any) -> tuple[Any, ...]:
        if exchanged(grad, self.level):
            return tuple(None if e is None else component(grad, 1 - i, self.level) for i, e in enumerate(self.edges))
        return grad, None  # asked for inside the level: the gradient is itself a dual number

    def backward_graph(self, grad: Any) -> tuple[Any, ...]:
        if exchanged(grad._data, self.level):
            return tuple(None if e is None else part(grad, 1 - i, self.level) for i, e in enumerate(self.edges))
        return grad, None


class Part(Node):
    """The primal (0) or the tangent (1) of a dual number."""

    __slots__ = ("which", "level")
    which: int
    level: DualLevel

    def __init__(self, which: int, level: DualLevel):
        self.which, self.level = which, level

    def name(self) -> str:
        return "UnpackDualBackward"

    def backward(self, grad: Any, freed: Any) -> tuple[Any, ...]:
        zero = np.zeros_like(grad)[()]
        return (dualize(*((grad, zero) if self.which else (zero, grad)), self.level, Exchanged),)

    def backward_graph(self, grad: Any) -> tuple[Any, ...]:
        zero = Tensor._wrap(np.zeros_like(grad._data)[()])
        return (pair(grad, zero, self.level, Exchanged) if self.which else pair(zero, grad, self.level, Exchanged),)


def pair(primal: Tensor, tangent: Tensor, level: DualLevel, kind: type[Dual] = Dual) -> Tensor:
    """The dual number of two tensors."""
    out = Tensor._wrap(dualize(primal._data, tangent._data, level, kind))
    if mode.grad and (primal._needs or tangent._needs):
        primal, tangent = meet((primal, tangent))
        n = MakeDual(level)
        n.hooks, n.seq, n.edges = None, count(), (edge_of(primal), edge_of(tangent))
        out._fn, out._needs = n, True
    return out


def part(tensor: Tensor, which: int, level: DualLevel) -> Tensor:
    """The primal (0) or the tangent (1) of a tensor; of a constant itself, or zeros."""
    data = tensor._data
    if level in levels_of(data):
        return through(Part(which, level), tensor, of_levels(component(data, which, level), levels_of(data) - level.alone))
    return Tensor._wrap(np.zeros_like(data)[()]) if which else tensor
