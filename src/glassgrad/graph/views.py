"""Views: tensors in another's memory, and what a write in place does to the graph of all who share it.

After a recorded write through a view the base comes from a CopySlices node: its gradient goes on without the slice, the slice's goes to
what was written. After any write the other views are made anew from the base: their node is an AsStrided.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np

from .. import errors
from .engine import run
from .hooks import retain
from .memory import Memory, memory_of, memory_to_write
from .modes import enable_grad, mode
from .node import Freed, Node, count, edge_of, public_edge


class View:
    """A tensor's place in another's memory: the base, and the function that makes the view from it again.

    `made` names what forbids to write into it while gradients are recorded: that it was made in "no_grad" mode, is one of "several"
    that an op returned together, or comes from a user's "function".
    """

    __slots__ = ("root", "base", "replay", "made")

    def __init__(self, root: Memory, base: Any, replay: Callable[[Any], Any] | None, made: str | None = None):
        self.root, self.base, self.replay, self.made = root, base, replay, made

    version = property(lambda self: self.root.version)
    inference = property(lambda self: self.root.inference)
    writer = property(lambda self: self.root.writer)


def alias(tensor: Any, out: Any, replay: Callable[[Any], Any] | None, made: str | None = None) -> Any:
    """Makes `out` share `tensor`'s memory and version; with `replay` it is a view that a write can go through."""
    root = memory_of(tensor)
    root.shared = True
    if replay is None:
        out._memory = View(root, None, None)
        return out
    if not mode.grad:
        made = "no_grad"
    own = tensor._memory
    if own.base is None:
        out._memory = View(root, tensor, replay, made)
    else:
        first, then = own.replay, replay
        out._memory = View(root, own.base, lambda b: then(first(b)), made or own.made)
    root.add_view(out)
    return out


def check_writable(tensor: Any, been: bool = False) -> None:
    """Before a recorded write in place (after it, if it has `been`): raises for the views that PyTorch forbids to write, and for leaves."""
    own = tensor._memory
    if own is not None and own.base is not None:
        if own.made is not None:
            raise errors.forbidden_view(own.made, _origin(tensor._fn), indirect=False)
        if own.base._needs and own.base._fn is None:
            raise errors.leaf_in_place(view=True, been=been)
    elif tensor._needs and tensor._fn is None:
        raise errors.leaf_in_place(been=been)


def write(tensor: Any, data: Any, fills: bool = False, refresh: bool = True) -> None:
    """Puts `data` (already of the right shape) into the tensor's memory and counts the write.

    `fills` allows a tensor that holds one element at several places; without `refresh` the caller sees to the views.
    """
    memory = memory_to_write(tensor)
    own = tensor._data
    if memory.shared and type(own) is np.ndarray:
        if not own.flags.writeable:
            unlock(own, fills)
        np.copyto(own, data, casting="unsafe")
    elif data.dtype == own.dtype:
        tensor._data = data if type(data) is not np.ndarray or data.flags.writeable else np.array(data)
    else:
        tensor._data = data.astype(own.dtype)
    memory.version += 1
    if refresh and memory.views:
        refresh_views(memory)


def wrote(memory: Memory) -> None:
    """Counts a write that has been done, and sees to the views."""
    memory.version += 1
    if memory.views:
        refresh_views(memory)


def unlock(array: np.ndarray, fills: bool = False) -> None:
    """Makes an array writable that NumPy holds to be read-only because it is part of an expanded one; raises where it really is."""
    if not fills and any(s == 0 and n > 1 for s, n in zip(array.strides, array.shape)):
        raise errors.expanded_written()
    owner: Any = array
    while type(owner.base) is np.ndarray:
        owner = owner.base
    if owner is array or not owner.flags.writeable:
        raise errors.explain(
            ValueError("assignment destination is read-only"), "the tensor shares the memory of a NumPy array that is read-only",
            errors.line_of(errors.users_place()), "copy it first: x = x.clone()",
        )  # fmt: skip
    array.flags.writeable = True


def refuse_overlap(data: Any, other: Any, at_all: bool = False) -> None:
    """Raises where a write into `data` would overwrite elements of `other` that are still to be read; with `at_all`, of any overlap."""
    if type(data) is np.ndarray and type(other) is np.ndarray and overlaps(data, other, at_all):
        raise errors.overlapping()


def _origin(node: Any) -> tuple[str, int] | None:
    """The op that a view came from, and which of its outputs the view is."""
    if node is None:
        return None
    if type(node) is Forbidden:
        return node.origin
    made_by, nr = public_edge(node)
    return errors.op_of(made_by.name()), nr


def overlaps(a: np.ndarray, b: np.ndarray, at_all: bool) -> bool:
    """Whether two dense arrays share memory; unless `at_all`, without being the same elements in the same order."""
    if a.size == 0 or b.size == 0 or not (_dense(a) and _dense(b)):
        return False
    start, other = a.__array_interface__["data"][0], b.__array_interface__["data"][0]
    if start == other and a.nbytes == b.nbytes and not at_all:
        return a.strides != b.strides
    return start < other + b.nbytes and other < start + a.nbytes


def _dense(a: np.ndarray) -> bool:
    """Whether an array's elements fill one stretch of memory, in whatever order of dims."""
    expected = a.itemsize
    for stride, n in sorted((s, n) for s, n in zip(a.strides, a.shape) if n != 1):
        if stride != expected:
            return False
        expected *= n
    return True


class Layout:
    """A shape and the order of its dims in memory: views that a tensor has can be made of any array with its layout."""

    __slots__ = ("shape", "strides")

    def __init__(self, array: np.ndarray):
        self.shape, self.strides = array.shape, array.strides

    def filled(self, values: Any, dtype: Any) -> np.ndarray:
        """An array of this layout with `values` in it; data of a transform, a copy as it lies."""
        if hasattr(values, "level"):
            return values.owned()
        order = sorted(range(len(self.shape)), key=lambda d: -abs(self.strides[d]))
        room = np.empty([self.shape[d] for d in order], dtype).transpose(np.argsort(order).tolist())
        room[...] = values
        return room


class CopySlices(Node):
    """A write into a view, seen from its base: the base's gradient without the slice, and the slice's to what was written."""

    __slots__ = ("replay", "layout", "writer")
    replay: Any
    layout: Layout
    writer: Any  # the node of the op that wrote; its first edge, to what was overwritten, now is the slice of the base

    def name(self) -> str:
        return "torch::autograd::CopySlices"

    def backward(self, grad: Any, freed: Any) -> tuple[Any, ...]:
        writer = self.writer
        if type(writer) is Freed:
            raise self.freed(writer)
        rest = self.layout.filled(grad, grad.dtype)
        part = self._slice(rest)
        before = np.array(part)[()] if isinstance(part, np.ndarray) else part.copy()
        overwritten, *others = writer.backward(before, None)  # its result may lead into it once more: it frees its own
        part[...] = 0 if overwritten is None else overwritten
        if freed is not None and writer.saves:
            self.writer = freed
        return (None if self.edges[0] is None else rest), *others

    def _slice(self, array: Any) -> Any:
        part = self.replay(self.wrap(array))._data
        if not part.flags.writeable:
            unlock(part, fills=True)
        return part

    def backward_graph(self, grad: Any) -> tuple[Any, ...]:
        if type(self.writer) is Freed:
            raise self.freed(self.writer)
        overwritten, *others = self.writer.backward_graph(self.replay(grad))
        if self.edges[0] is None:
            return None, *others
        mask = self.layout.filled(1, grad._data.dtype)
        self._slice(mask)[...] = 0
        rest = grad * self.wrap(mask)
        if overwritten is not None:
            (back,) = transposed(self.replay, self.layout, grad._data.dtype, self.wrap, overwritten, True)
            rest = rest + back
        return rest, *others


def transposed(replay: Any, layout: Layout, dtype: Any, wrap: Any, grad: Any, graph: bool) -> tuple[Any]:
    """The gradient of a view's base from that of the view: making the view is linear, so its vjp anywhere will do."""
    leaf = wrap(layout.filled(0, dtype))
    leaf._needs = True
    with enable_grad():
        again = replay(leaf)
    return (run([(edge_of(again), grad)], True, graph, {leaf: None}, accumulate=False)[leaf],)


class AsStridedBackward0(Node):
    """A view made anew from its base after a write: what `as_strided` with the view's geometry would leave in the graph."""

    __slots__ = ("replay", "layout", "dtype", "geometry")
    replay: Any
    layout: Layout
    dtype: Any
    geometry: Any
    _saved_size = property(lambda self: self.geometry[0])
    _saved_stride = property(lambda self: self.geometry[1])
    _saved_storage_offset = property(lambda self: self.geometry[2])

    def backward(self, grad: Any, freed: Any) -> tuple[Any, ...]:
        return transposed(self.replay, self.layout, self.dtype, self.wrap, grad, False)

    def backward_graph(self, grad: Any) -> tuple[Any, ...]:
        return transposed(self.replay, self.layout, self.dtype, self.wrap, grad, True)


class Forbidden(Node):
    """Stands for the node of a view that may not be used in a graph any more: whoever asks for it gets the error."""

    __slots__ = ("made", "origin")
    made: str
    origin: Any

    def refuse(self, *args: Any) -> Any:
        raise errors.forbidden_view(self.made, self.origin, indirect=True)

    __bool__ = name = _hooks = refuse
    next_functions = property(refuse)


class Through(Node):
    """The writer of what took several ops: nothing of what was overwritten is left, and all of the gradient goes to the last op."""

    __slots__ = ()

    def backward(self, grad: Any, freed: Any) -> tuple[Any, ...]:
        return None, grad

    backward_graph = lambda self, grad: (None, grad)  # noqa: E731


def _moved(tensor: Any, node: Any) -> None:
    """Puts a tensor at another place in the graph; one that keeps its gradient keeps that of the new place only."""
    before, tensor._fn = tensor._fn, node
    if before is None or type(before) is Forbidden or node is None:
        return
    hooks = public_edge(before)[0].hooks
    kept = None if hooks is None else hooks.retains.pop(id(tensor), None)
    if kept is not None and kept[1]() is tensor:  # not a dead one, which had its number
        retain(tensor, *public_edge(node))


def rebase(tensor: Any, before: Any, out: Any) -> None:
    """After a recorded write: `tensor`, which was `before`, now is what made `out`; through a view, the base is."""
    own = tensor._memory
    base = own.base
    if base is None:
        _moved(tensor, out._fn)
        tensor._needs = out._needs
    elif out._needs or base._needs:
        node = object.__new__(CopySlices)
        node.hooks, node.seq = None, count()
        if out._fn is not None and out._fn.edges and out._fn.edges[0] is edge_of(before):
            node.edges, node.writer = (edge_of(base), *out._fn.edges[1:]), out._fn
        else:
            node.edges, node.writer = (edge_of(base), edge_of(out)), object.__new__(Through)
        node.replay, node.layout = own.replay, Layout(base._data)
        _moved(base, node)
        base._needs = True


def _holders(view: Any) -> int:
    """How many references there are to a view's node, as this interpreter counts them."""
    return sys.getrefcount(view._fn)


ALONE = _holders(SimpleNamespace(_fn=object()))  # the view's own only


def refresh_views(memory: Memory) -> None:
    """After a write: gives each view a node that starts from what its base now is."""
    for reference in memory.views:
        view = reference()
        if view is None:
            continue
        own = view._memory
        base = own.base
        if base is None or view._fn is None and not base._needs:
            continue
        if own.made is not None:
            if type(view._fn) is not Forbidden:
                node: Any = object.__new__(Forbidden)
                node.made, node.origin = own.made, _origin(view._fn)
                view._fn, view._needs = node, True
            continue
        if type(view._fn) is AsStridedBackward0 and view._fn.hooks is None and _holders(view) == ALONE:  # unused since the last write
            view._fn.edges, view._fn.seq = (edge_of(base),), count()
            continue
        node = object.__new__(AsStridedBackward0)
        node.hooks, node.seq = None, count()
        node.edges = (edge_of(base),)
        node.replay, node.layout, node.dtype = own.replay, Layout(base._data), base._data.dtype
        node.geometry = tuple(view._data.shape), view.stride(), view.storage_offset()
        _moved(view, node)
        view._needs = True
