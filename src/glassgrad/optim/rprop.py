"""Rprop: steps by the sign of the gradient alone."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from ..tensor import Tensor
from .optimizer import Rooms, Updating, at_least_zero, number, rate


class Rprop(Updating):
    """Each number has a step of its own, which grows by η₊ while its gradient keeps its sign and shrinks by η₋ when it changes.

    Source: M. Riedmiller and H. Braun, "A direct adaptive method for faster backpropagation learning", 1993.
    """

    def __init__(
        self, params: Any, lr: Any = 1e-2, etas: tuple[float, float] = (0.5, 1.2), step_sizes: tuple[float, float] = (1e-6, 50), *, capturable: bool = False,
        foreach: bool | None = None, maximize: bool = False, differentiable: bool = False,
    ):  # fmt: skip
        at_least_zero(lr=lr)
        if not 0.0 < etas[0] < 1.0 < etas[1]:
            raise ValueError(f"Invalid eta values: {etas[0]}, {etas[1]}")
        super().__init__(params, dict(lr=lr, etas=etas, step_sizes=step_sizes, foreach=foreach, maximize=maximize, differentiable=differentiable,
                                      capturable=capturable))  # fmt: skip

    def kept(self, group: dict[str, Any]) -> Iterable[str]:
        return "prev", "step_size"

    def begin(self, p: Any, state: dict[str, Any], group: dict[str, Any]) -> None:
        shape, dtype = p._data.shape, p._data.dtype
        state.update(step=number(0.0), prev=Tensor._wrap(np.zeros(shape, dtype)), step_size=Tensor._wrap(np.full(shape, rate(group), dtype)))

    def update(self, p: np.ndarray, g: np.ndarray, kept: list[np.ndarray], group: dict[str, Any], plan: Any, rooms: Rooms) -> None:
        (before, size), (shrink, grow), (least, most), own = kept, group["etas"], group["step_sizes"], rooms[0]
        sign = np.sign(np.multiply(g, before, out=own), out=own)
        size *= np.where(sign > 0, grow, np.where(sign < 0, shrink, 1)).astype(size.dtype)
        np.clip(size, least, most, out=size)
        before[...] = np.where(sign < 0, 0, g)
        np.multiply(np.sign(before, out=own), size, out=own)
        np.subtract(p, own, out=p)
