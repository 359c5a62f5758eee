"""Operations that join tensors and take them apart: cat, stack, split, chunk, unbind."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import errors
from ..dtypes import result_dtype
from ..graph.memory import materialize, memory_of
from ..graph.modes import mode
from ..graph.node import Node, Output, count, edge_of
from ..graph.views import alias
from ..tensor import Tensor
from .levels import meet
from .runtime import into
from .shapes import atleast_1d, atleast_2d, atleast_3d, back, wrap_dim


# ------------------------------------------------------------------------------------------------ joining
class Join(Node):
    """A node with any number of inputs, whose gradients are slices of the incoming one."""

    __slots__ = ("dim", "shapes")
    dim: int
    shapes: Any
    _saved_dim = property(lambda self: self.dim)

    def backward(self, grad: Any, freed: Any) -> tuple[Any, ...]:
        return self.pieces(grad)

    def backward_graph(self, grad: Any) -> tuple[Any, ...]:
        return self.pieces(grad)

    def pieces(self, grad: Any) -> tuple[Any, ...]:
        raise NotImplementedError


class CatBackward0(Join):
    __slots__ = ()

    def pieces(self, grad: Any) -> tuple[Any, ...]:
        out: list[Any] = []
        start = 0
        for edge, (shape, dtype) in zip(self.edges, self.shapes):
            if shape == (0,) and grad.ndim != 1:
                out.append(None)
                continue
            stop = start + shape[self.dim]
            piece = grad[(slice(None),) * self.dim + (slice(start, stop),)]
            out.append(back(piece, dtype) if edge is not None else None)
            start = stop
        return tuple(out)


class StackBackward0(Join):
    __slots__ = ()

    def pieces(self, grad: Any) -> tuple[Any, ...]:
        return tuple(
            None if e is None else back(grad[(slice(None),) * self.dim + (i,)], dtype)
            for i, (e, (_, dtype)) in enumerate(zip(self.edges, self.shapes))
        )


def _joined(cls: type[Join], tensors: Sequence[Tensor], data: Any, dim: int, out: Tensor | None) -> Tensor:
    result = Tensor._wrap(data)
    if mode.grad and any(x._needs for x in tensors):
        tensors = meet(tensors)
        n = object.__new__(cls)
        n.hooks, n.seq, n.dim = None, count(), dim
        n.edges = tuple(edge_of(x) for x in tensors)
        n.shapes = tuple((x._data.shape, x._data.dtype) for x in tensors)
        result._fn, result._needs = n, True
    if out is not None:
        return into(out, result)
    return result


def _list(tensors: Any, name: str) -> list[Tensor]:
    if isinstance(tensors, Tensor):
        raise TypeError(f"{name}(): argument 'tensors' (position 1) must be tuple of Tensors, not Tensor")
    items = list(tensors)
    for i, item in enumerate(items):
        if not isinstance(item, Tensor):
            raise TypeError(f"expected Tensor as element {i} in argument 0, but got {type(item).__name__}")
    return items


def cat(tensors: Any, dim: int = 0, *, axis: int | None = None, out: Tensor | None = None) -> Tensor:
    """The tensors one after another along a dim that they have.

    >>> import glassgrad as gg
    >>> gg.cat([gg.ones(2), gg.zeros(1)])
    tensor([1., 1., 0.])
    """
    items = _list(tensors, "cat")
    if not items:
        raise ValueError("torch.cat(): expected a non-empty list of Tensors")
    real_items = [x for x in items if x._data.shape != (0,)] or items
    n = real_items[0]._data.ndim
    if any(x._data.ndim == 0 for x in items):
        where = next(i for i, x in enumerate(items) if x._data.ndim == 0)
        raise RuntimeError(f"zero-dimensional tensor (at position {where}) cannot be concatenated")
    d = wrap_dim(dim if axis is None else axis, n)
    for i, x in enumerate(items):
        if x._data.shape == (0,):
            continue
        if x._data.ndim != n:
            raise RuntimeError(f"Tensors must have same number of dimensions: got {n} and {x._data.ndim}")
        for k in range(n):
            if k != d and x._data.shape[k] != real_items[0]._data.shape[k]:
                raise errors.explain(
                    RuntimeError(
                        f"Sizes of tensors must match except in dimension {d}. Expected size {real_items[0]._data.shape[k]} but got size "
                        f"{x._data.shape[k]} for tensor number {i} in the list."
                    ),
                    f"shapes {', '.join(str(list(y._data.shape)) for y in items[:8])} differ in dimension {k}, and are joined along {d}",
                    errors.line_of(errors.users_place()),
                )
    dtype = result_dtype([x._data for x in items])
    data = np.concatenate([x._data for x in real_items], d, dtype=dtype, casting="unsafe")
    return _joined(CatBackward0, items, data, d, out)


def stack(tensors: Any, dim: int = 0, *, axis: int | None = None, out: Tensor | None = None) -> Tensor:
    """The tensors side by side along a new dim."""
    items = _list(tensors, "stack")
    if not items:
        raise RuntimeError("stack expects a non-empty TensorList")
    first = items[0]._data.shape
    for i, x in enumerate(items):
        if x._data.shape != first:
            raise errors.explain(
                RuntimeError(
                    f"stack expects each tensor to be equal size, but got {list(first)} at entry 0 and {list(x._data.shape)} at entry {i}"
                ),
                where=errors.line_of(errors.users_place()), fix="cat joins tensors of different sizes along a dim that they have",
            )  # fmt: skip
    d = wrap_dim(dim if axis is None else axis, len(first) + 1)
    dtype = result_dtype([x._data for x in items])
    data = np.stack([x._data for x in items], d, dtype=dtype, casting="unsafe")
    return _joined(StackBackward0, items, data, d, out)


concat = concatenate = cat


def hstack(tensors: Any, *, out: Tensor | None = None) -> Tensor:
    """The tensors side by side: along dim 1, or dim 0 where they have one."""
    items = [atleast_1d(x) for x in _list(tensors, "hstack")]
    return cat(items, 0 if items and items[0]._data.ndim == 1 else 1, out=out)


def vstack(tensors: Any, *, out: Tensor | None = None) -> Tensor:
    """The tensors one below the other, as rows."""
    return cat([atleast_2d(x) for x in _list(tensors, "vstack")], 0, out=out)


def dstack(tensors: Any, *, out: Tensor | None = None) -> Tensor:
    """The tensors one behind the other, along dim 2."""
    return cat([atleast_3d(x) for x in _list(tensors, "dstack")], 2, out=out)


def column_stack(tensors: Any, *, out: Tensor | None = None) -> Tensor:
    """Vectors as the columns of a matrix; matrices side by side."""
    items = _list(tensors, "column_stack")
    return hstack([x.reshape(-1, 1) if x._data.ndim <= 1 else x for x in items], out=out)


def diff(input: Tensor, n: int = 1, dim: int = -1, prepend: Tensor | None = None, append: Tensor | None = None) -> Tensor:
    """The differences of neighbours along `dim`, n times."""
    if input._data.ndim == 0:
        raise RuntimeError("diff expects input to be at least one-dimensional")
    d = wrap_dim(dim, input._data.ndim)
    ends = [x for x in (prepend, input, append) if x is not None]
    found: Any = cat(ends, d) if len(ends) > 1 else input
    lead: Any = (slice(None),) * d
    for _ in range(n):
        later, sooner = found[(*lead, slice(1, None))], found[(*lead, slice(None, -1))]
        found = later ^ sooner if found._data.dtype.kind == "b" else later - sooner
    return found


# ------------------------------------------------------------------------------------------------ splitting
class Parts(Node):
    """A node with several outputs: the gradients of all, zeros where there is none, joined again."""

    __slots__ = ("dim", "pieces", "dtype")
    dim: int
    pieces: Any
    dtype: Any
    outputs = property(lambda self: len(self.pieces))
    _saved_dim = property(lambda self: self.dim)

    def backward(self, grad: Any, freed: Any) -> tuple[Any, ...]:
        return (self.join([np.zeros(p, self.dtype) if g is None else g for g, p in zip(grad, self.pieces)]),)

    def backward_graph(self, grad: Any) -> tuple[Any, ...]:
        wrapped = [Tensor._wrap(np.zeros(p, self.dtype)) if g is None else g for g, p in zip(grad, self.pieces)]
        return (self.join(wrapped),)

    def join(self, grads: list[Any]) -> Any:
        return np.concatenate(grads, self.dim)


class SplitBackward0(Parts):
    __slots__ = ()
    _saved_split_size = property(lambda self: self.pieces[0][self.dim])


class SplitWithSizesBackward0(Parts):
    __slots__ = ()
    _saved_split_sizes = property(lambda self: tuple(p[self.dim] for p in self.pieces))


class UnbindBackward0(Parts):
    __slots__ = ()

    def join(self, grads: list[Any]) -> Any:
        return np.stack(grads, self.dim)


def _parted(cls: type[Parts], input: Tensor, indices: list[Any], dim: int) -> tuple[Tensor, ...]:
    data = materialize(input)
    memory_of(input)
    pieces = [data[i] for i in indices]
    node: Any = None
    if input._needs and mode.grad:
        node = object.__new__(cls)
        node.hooks, node.seq, node.dim, node.dtype = None, count(), dim, data.dtype
        node.edges = (edge_of(input),)
        node.pieces = [p.shape for p in pieces]
    out = []
    for nr, (piece, index) in enumerate(zip(pieces, indices)):
        part = Tensor._wrap(piece)
        if node is not None:
            part._fn, part._needs = Output(node, nr), True
        alias(input, part, lambda b, index=index: b[index], "several")  # type: ignore[misc]
        out.append(part)
    return tuple(out)


def split(input: Tensor, split_size: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """Views of consecutive pieces along `dim`: all of one size (the last may be smaller), or of the sizes listed."""
    d = wrap_dim(dim, input._data.ndim)
    if input._data.ndim == 0:
        raise RuntimeError("split expects at least a 1-dimensional tensor")
    n = input._data.shape[d]
    if isinstance(split_size, (tuple, list)):
        if builtin_sum(split_size) != n:
            raise RuntimeError(
                f"split_with_sizes expects split_sizes to sum exactly to {n} (input tensor's size at dimension {d}), but got "
                f"split_sizes={list(split_size)}"
            )
        stops = np.cumsum(split_size).tolist()
        starts = [0, *stops[:-1]]
        cls: type[Parts] = SplitWithSizesBackward0
    else:
        if split_size < 0:
            raise RuntimeError(f"split expects split_size be non-negative, but got split_size={split_size}")
        if split_size == 0 and n:
            raise RuntimeError(f"split_size can only be 0 if dimension size is 0, but got dimension size of {n}")
        starts = list(range(0, n, split_size)) if n else [0]
        stops = [min(s + split_size, n) for s in starts]
        cls = SplitBackward0
    lead = (slice(None),) * d
    return _parted(cls, input, [lead + (slice(a, b),) for a, b in zip(starts, stops)], d)


builtin_sum = sum


def split_(tensor: Tensor, split_size_or_sections: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """Views of consecutive pieces along `dim`: all of one size (the last may be smaller), or of the sizes listed."""
    return split(tensor, split_size_or_sections, dim)


def chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """At most `chunks` views of nearly equal size along `dim`."""
    if input._data.ndim == 0:
        raise RuntimeError("chunk expects at least a 1-dimensional tensor")
    if chunks <= 0:
        raise RuntimeError(f"chunk expects `chunks` to be greater than 0, got: {chunks}")
    if input._data.ndim == 0:
        raise RuntimeError("chunk expects at least a 1-dimensional tensor")
    d = wrap_dim(dim, input._data.ndim)
    n = input._data.shape[d]
    return split(input, -(-n // chunks) if n else [0] * chunks, d)


def unbind(input: Tensor, dim: int = 0) -> tuple[Tensor, ...]:
    """A view for each index along `dim`."""
    if input._data.ndim == 0:
        raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
    d = wrap_dim(dim, input._data.ndim)
    lead = (slice(None),) * d
    return _parted(UnbindBackward0, input, [lead + (i, ...) for i in range(input._data.shape[d])], d)


METHODS = dict(split=split, chunk=chunk, unbind=unbind, diff=diff)
