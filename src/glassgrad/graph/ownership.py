"""Whether a gradient is held by the running backward alone: then a leaf keeps it as its `.grad` without a copy."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from .engine import run
from .node import Node


class Probe(Node):
    """A node whose gradient nobody else holds: shows how many references that makes in this interpreter."""

    __slots__ = ()

    def backward(self, grad: Any, freed: Any) -> tuple[Any, ...]:
        return (np.ones(1),)


class References:
    """How many references to a gradient there are while only the running backward holds it (they differ between Pythons)."""

    __slots__ = ("ours", "seen")

    def __init__(self) -> None:
        self.ours, self.seen = 0, 0

    def calibrate(self, leaf: Any) -> None:
        """Counts them on a gradient that is known to be held by nobody else."""
        probe = object.__new__(Probe)
        probe.hooks, probe.seq, probe.edges = None, 0, (leaf,)
        run([(probe, np.ones(1))], True, False)
        self.ours = self.seen


references = References()


def is_ours(grad: np.ndarray, held: int) -> bool:
    """Whether nobody else holds a gradient, nor the memory that it is a full view of: then a leaf may keep it uncopied."""
    references.seen = held
    if held > references.ours or not grad.flags.writeable:
        return False
    base = grad.base
    return base is None or (type(base) is np.ndarray and sys.getrefcount(base) <= 3 and base.nbytes <= grad.nbytes + 64 and grad.flags.c_contiguous)
