"""Adagrad: steps that shrink with the sum of squared gradients."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from ..tensor import Tensor
from .optimizer import Rooms, Updating, at_least_zero, number, rate


class Adagrad(Updating):
    """s ← s + g², p ← p - lr / (1 + (t - 1) · lr_decay) · g / (√s + eps).

    Source: J. Duchi et al., "Adaptive subgradient methods for online learning and stochastic optimization", 2011.
    """

    def __init__(
        self, params: Any, lr: Any = 1e-2, lr_decay: float = 0, weight_decay: float = 0, initial_accumulator_value: float = 0, eps: float = 1e-10,
        foreach: bool | None = None, *, maximize: bool = False, differentiable: bool = False, fused: bool | None = None,
    ):  # fmt: skip
        at_least_zero(lr=lr, lr_decay=lr_decay, weight_decay=weight_decay, initial_accumulator_value=initial_accumulator_value)
        if not 0.0 <= eps:
            raise ValueError(f"Invalid epsilon value: {eps}")
        super().__init__(params, dict(lr=lr, lr_decay=lr_decay, eps=eps, weight_decay=weight_decay, initial_accumulator_value=initial_accumulator_value,
                                      foreach=foreach, maximize=maximize, differentiable=differentiable, fused=fused))  # fmt: skip
        for group in self.param_groups:
            for p in group["params"]:
                self.begin(p, self.state[p], group)

    def kept(self, group: dict[str, Any]) -> Iterable[str]:
        return ("sum",)

    def begin(self, p: Any, state: dict[str, Any], group: dict[str, Any]) -> None:
        state.update(step=number(0.0), sum=Tensor._wrap(np.full(p._data.shape, group["initial_accumulator_value"], p._data.dtype)))

    def plan(self, state: dict[str, Any], group: dict[str, Any]) -> Any:
        return rate(group) / (1 + (float(state["step"]._data) - 1) * group["lr_decay"])

    def update(self, p: np.ndarray, g: np.ndarray, kept: list[np.ndarray], group: dict[str, Any], plan: Any, rooms: Rooms) -> None:
        (total,), own = kept, rooms[0]
        np.multiply(g, g, out=own)
        np.add(total, own, out=total)
        np.sqrt(total, out=own)
        np.add(own, group["eps"], out=own)
        np.divide(g, own, out=own)
        np.multiply(own, plan, out=own)
        np.subtract(p, own, out=p)
