"""A fit that goes on where it was killed: what its passes over the data gave is kept on disk, and within a pass what is merged so far."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
from collections.abc import Callable
from typing import Any

import numpy as np

from ..descent.saved import Saved
from .descent import Slope
from .faults import DataError, short
from .least_squares import Survey
from .score import Score

KINDS = {kind.__name__: kind for kind in (Survey, Slope, Score)}
Levels = list[list[Any]]


class Journal:
    """The summaries of the passes, in order, each under a key that says what was asked. A fit asks for one pass after the other; those that are known
    are not run. With `saved` None nothing is kept.
    """

    def __init__(self, saved: Saved | None) -> None:
        self.saved, self.at, self.done = saved, 0, 0
        self.keys: list[str] = []  # of the known passes, and of the one under way
        self.known: list[Any] = []
        self.levels: Levels = []
        try:
            found = saved.load() if saved is not None else None
        except ValueError as error:
            raise DataError(short(error)) from None
        if found is not None:
            self.done, passes, *lengths = found.pop("shape").tolist()
            self.keys = found.pop("keys").tolist()
            summaries = iter([_revived(found, i) for i in range(passes + sum(lengths))])
            self.known = [next(summaries) for _ in range(passes)]
            self.levels = [[next(summaries) for _ in range(length)] for length in lengths]

    def result(self, work: functools.partial[Any], run: Callable[[int, Levels, Callable[[int, Levels], None]], Any]) -> Any:
        """The summary of the next pass, `work` on every partition. Where it is not known, `run(done, levels, kept)` makes it: it leaves out the first
        `done` partitions, whose merged summaries are `levels`, and tells `kept` of both as they change."""
        key = _key(work)
        if self.keys[self.at : self.at + 1] != [key]:  # something else was asked before, or nothing
            del self.keys[self.at :], self.known[self.at :]
            self.keys.append(key)
            self.done, self.levels = 0, []
        if self.at == len(self.known):
            self.known.append(run(self.done, self.levels, self._kept))
            self._kept(0, [])
        self.at += 1
        return self.known[self.at - 1]

    def _kept(self, done: int, levels: Levels) -> None:
        self.done, self.levels = done, levels
        if self.saved is not None and self.saved.due():
            self.save()

    def save(self) -> None:
        """Writes all that is known, whole or not at all."""
        if self.saved is None:
            return
        arrays = {"shape": np.array([self.done, len(self.known), *map(len, self.levels)]), "keys": np.array(self.keys)}
        for i, summary in enumerate([*self.known, *(s for level in self.levels for s in level)]):
            for field in dataclasses.fields(summary):
                arrays[f"{i}.{type(summary).__name__}.{field.name}"] = np.asarray(getattr(summary, field.name))
        try:
            self.saved.save(**arrays)
        except OSError as error:
            raise DataError(f"the checkpoint could not be written to {self.saved.path}: {short(error.strerror or error)}") from None


def _key(work: functools.partial[Any]) -> str:
    said = [work.func.__name__, *(a.tobytes() if isinstance(a, np.ndarray) else a for a in work.args)]
    return hashlib.sha256(repr(said).encode()).hexdigest()


def _revived(arrays: dict[str, np.ndarray], i: int) -> Any:
    """The summary of a number."""
    kind: Any = next(kind for name, kind in KINDS.items() if f"{i}.{name}.rows" in arrays)

    def value(field: Any) -> Any:
        array = arrays[f"{i}.{kind.__name__}.{field.name}"]
        return tuple(array.tolist()) if str(field.type).startswith("tuple") else array if array.ndim else array.item()

    return kind(*map(value, dataclasses.fields(kind)))
