"""Which tensors share memory, and how often it was written: versions, views, and writes in place.

A tensor has no Memory until it is written in place, viewed, or handed to NumPy: until then its version is 0 and nobody
else can see its data.
"""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import errors
from .modes import mode
from .node import Node, count, edge_of


def keep_freed_memory() -> None:
    """Lets the C library keep freed memory for the next array, instead of handing it back to the system each time.

    glibc returns the top of its heap when more than a threshold is free, and raises that threshold to twice the largest block
    that was ever freed, up to 64 MB. Without this, arrays of some megabytes are paged in anew for every operation, which costs
    three times the arithmetic. The block is never touched; other C libraries take no notice.
    """
    np.empty(32 * 2**20 - 2**16, np.uint8)


keep_freed_memory()


class Memory:
    """What tensors that share memory have in common: how often it was written, by whom last, and the views of it."""

    __slots__ = ("version", "writer", "views", "shared", "_prune_at")

    def __init__(self) -> None:
        self.version = 0
        self.writer: Any = None
        self.views: list[weakref.ref[Any]] = []
        self.shared = False  # somebody else sees the data: writes must go into it, not replace it
        self._prune_at = 8

    root = property(lambda self: self)
    base = None
    made = None
    inference = False

    def add_view(self, view: Any) -> None:
        views = self.views
        if len(views) >= self._prune_at:
            self.views = views = [v for v in views if v() is not None]
            self._prune_at = 2 * len(views) + 8
        views.append(weakref.ref(view))


class InferenceMemory(Memory):
    """What tensors made in inference mode have in common: no version, so that nothing can save them for backward."""

    __slots__ = ()
    inference = True

    @property
    def version(self) -> int:  # type: ignore[override]
        if mode.inference:
            return 0
        raise errors.inference_saved()

    @version.setter
    def version(self, value: int) -> None:
        pass


def mark(tensor: Any) -> None:
    """Makes a new tensor one of inference mode, if this thread is in it."""
    if mode.inference:
        tensor._memory = InferenceMemory()


class View:
    """A tensor's place in another's memory: the base, and the function that makes the view from it again.

    `made` says what forbids to write into it where gradients are recorded: "no_grad" for a view made while they were not,
    or the name and number of an output of an op that returns several views.
    """

    __slots__ = ("root", "base", "replay", "made")

    def __init__(self, root: Memory, base: Any, replay: Callable[[Any], Any] | None, made: Any = None):
        self.root, self.base, self.replay, self.made = root, base, replay, made

    version = property(lambda self: self.root.version)
    inference = property(lambda self: self.root.inference)
    writer = property(lambda self: self.root.writer)


def memory_of(tensor: Any) -> Memory:
    """The tensor's Memory, made on first need; a node that kept the bare data as its result is told of it."""
    m = tensor._memory
    if m is not None:
        return m.root
    m = tensor._memory = Memory()
    node = tensor._fn
    if node is not None and "result" in node.saves and node.result_memory is None:
        node.result_memory = (m, 0)
    return m


def memory_to_write(tensor: Any) -> Memory:
    """The same, for whoever is about to write: inference tensors are written in inference mode only."""
    memory = memory_of(tensor)
    if memory.inference and not mode.inference:
        raise errors.inference_written()
    return memory


def materialize(tensor: Any) -> np.ndarray:
    """The tensor's data as an array with memory of its own: a NumPy scalar has none."""
    data = tensor._data
    if isinstance(data, np.generic):
        data = tensor._data = np.array(data)
    return data


def share(tensor: Any) -> Any:
    """The data, from now on also seen by others: NumPy arrays, views."""
    memory_of(tensor).shared = True
    return materialize(tensor)


def alias(tensor: Any, out: Any, replay: Callable[[Any], Any] | None) -> Any:
    """Makes `out` share `tensor`'s memory and version; with `replay` it is a view that a write can go through."""
    root = memory_of(tensor)
    root.shared = True
    if replay is None:
        out._memory = View(root, None, None)
        return out
    own = tensor._memory
    made = None
    if own.base is not None:
        first, then, base = own.replay, replay, own.base
        made = own.made
        out._memory = View(root, base, lambda b: then(first(b)), made)
    else:
        out._memory = View(root, tensor, replay)
    if not mode.grad:
        out._memory.made = made or "no_grad"
    root.add_view(out)
    return out


def refuse_forbidden_view(tensor: Any) -> None:
    """Before a recorded write in place: raises for the views that PyTorch forbids to write into."""
    own = tensor._memory
    made = None if own is None or own.base is None else own.made
    if made == "no_grad":
        raise errors.view_of_no_grad()
    if made is not None:
        raise errors.one_of_several_views(*made)


def write(tensor: Any, data: Any) -> None:
    """Puts `data` (already of the right shape) into the tensor's memory and counts the write."""
    memory = memory_to_write(tensor)
    own = tensor._data
    if memory.shared and type(own) is np.ndarray:
        if not own.flags.writeable:
            raise errors.written_many_times(own)
        np.copyto(own, data, casting="unsafe")
    elif data.dtype == own.dtype:
        tensor._data = np.array(data) if type(data) is np.ndarray and data.base is not None else data
    else:
        tensor._data = data.astype(own.dtype)
    memory.version += 1


def remember_writer(tensor: Any, depth: int = 2) -> None:
    """Notes the line that writes, for the error that a stale saved tensor would need."""
    frame = sys._getframe(depth)
    tensor._memory.root.writer = (frame.f_code, frame.f_lasti)


class CopySlices(Node):
    """A write into a view, seen from its base: the base's gradient without the slice, and the slice's to what was written."""

    __slots__ = ("replay", "shape")
    replay: Any
    shape: Any

    def name(self) -> str:
        return "torch::autograd::CopySlices"

    def backward(self, grad: Any, freed: Any) -> tuple[Any, ...]:
        to_base, to_written = self.edges
        rest = None
        if to_base is not None:
            rest = np.array(grad)
            self._slice(rest)[...] = 0
        return rest, (np.array(self._slice(np.asarray(grad))) if to_written is not None else None)

    def _slice(self, array: Any) -> Any:
        return self.replay(self.wrap(array))._data

    def backward_graph(self, grad: Any) -> tuple[Any, ...]:
        to_base, to_written = self.edges
        rest = None
        if to_base is not None:
            mask = np.ones(self.shape, grad._data.dtype)
            self._slice(mask)[...] = 0
            rest = grad * self.wrap(mask)
        return rest, (self.replay(grad) if to_written is not None else None)


def rebase(tensor: Any, out: Any) -> None:
    """After a write in place: `tensor` now is what made `out`; through a view, so is the base, and so are its other views."""
    own = tensor._memory
    base = own.base
    if base is None:
        tensor._fn, tensor._needs = out._fn, out._needs
        target = tensor
    else:
        if out._needs or base._needs:
            node = object.__new__(CopySlices)
            node.hooks, node.seq = None, count()
            node.edges = (edge_of(base), edge_of(out))
            node.replay, node.shape = own.replay, base._data.shape
            base._fn, base._needs = node, True
        target = base
    refresh_views(own.root, target)


def refresh_views(memory: Memory, base: Any) -> None:
    """Gives the views of a base that was written a node that starts from what the base now is."""
    for reference in memory.views:
        view = reference()
        if view is not None and view._memory.base is base:
            again = view._memory.replay(base)
            view._fn, view._needs = again._fn, again._needs
