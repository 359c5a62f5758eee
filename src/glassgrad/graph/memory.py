"""Which tensors share memory, and how often it was written: versions and writes in place. Views are next door.

A tensor has no Memory until it is written in place, viewed, or handed to NumPy: until then its version is 0 and nobody
else can see its data.
"""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np

from .. import errors
from .modes import mode


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
    def version(self) -> int:
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
