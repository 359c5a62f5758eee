"""Small parameters updated as one array: what an update costs is then its number of calls, once."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from ..graph.memory import memory_to_write
from ..graph.views import wrote
from ..tensor import Tensor

SMALL = 1 << 14  # numbers up to which the parameters of a group are updated together


class Joint:
    """Parameters side by side in one array, their gradients in another, and the arrays of their state, of which each has a view."""

    def __init__(self, moved: list[Tensor], states: list[Any], names: tuple[str, ...]):
        edges = [0, *itertools.accumulate(p._data.size for p in moved)]
        self.moved, self.names, self.datas = moved, names, [p._data for p in moved]
        self.value, self.gradient = np.empty(edges[-1], self.datas[0].dtype), np.empty(edges[-1], self.datas[0].dtype)
        self.kept = [np.concatenate([np.ravel(s[name]._data) for s in states]) for name in names]

        def parts(whole: np.ndarray) -> list[np.ndarray]:
            return [whole[a:b].reshape(d.shape) for d, a, b in zip(self.datas, edges, edges[1:])]

        self.values, self.gradients, self.views = parts(self.value), parts(self.gradient), [parts(k) for k in self.kept]
        for name, views in zip(names, self.views):
            for state, view in zip(states, views):
                state[name]._data = view

    def holds(self, moved: list[Tensor], states: list[Any], names: tuple[str, ...]) -> bool:
        """Whether these are the parameters, on the same arrays, and their state still lies here."""
        if names != self.names or len(moved) != len(self.moved):
            return False
        for i, (p, q, data) in enumerate(zip(moved, self.moved, self.datas)):
            if p is not q or p._data is not data or not data.flags.writeable:
                return False
            for name, views in zip(names, self.views):
                if states[i][name]._data is not views[i]:
                    return False
        return True

    def gather(self) -> None:
        """Takes the parameters and their gradients in."""
        for p, value, gradient in zip(self.moved, self.values, self.gradients):
            np.copyto(value, p._data)
            np.copyto(gradient, p._grad._data, "unsafe")  # type: ignore[union-attr]

    def scatter(self) -> None:
        """Writes the parameters back."""
        for p, value in zip(self.moved, self.values):
            memory = memory_to_write(p)
            np.copyto(p._data, value)
            wrote(memory)


def fits(moved: list[Tensor]) -> bool:
    """Whether the parameters are few numbers, and they and their gradients plain arrays."""
    total = 0
    for p in moved:
        data = p._data
        if type(data) is not np.ndarray or type(p._grad._data) is not np.ndarray:  # type: ignore[union-attr]
            return False
        total += data.size
    return total <= SMALL


def joined(moved: list[Tensor], states: list[Any], names: tuple[str, ...]) -> Joint | None:
    """The parameters as one; None unless they are real, of one dtype, apart from one another in memory, and their state is there."""
    dtype = moved[0]._data.dtype
    kept = [getattr(s.get(name), "_data", None) for s in states for name in names]
    if dtype.kind != "f" or any(type(a) is not np.ndarray or a.dtype != dtype for a in [*kept, *(p._data for p in moved)]):
        return None
    spans = sorted(np.lib.array_utils.byte_bounds(p._data) for p in moved)
    if any(end > start for (_, end), (start, _) in zip(spans, spans[1:])) or not all(p._data.flags.writeable for p in moved):
        return None
    return Joint(moved, states, names)
