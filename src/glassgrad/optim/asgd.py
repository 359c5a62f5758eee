"""Averaged stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from ..tensor import Tensor
from .optimizer import Rooms, Updating, at_least_zero, number, rate


class ASGD(Updating):
    """p ← p · (1 - λη) - η · g with a falling η, and the mean of p over the steps after t0 in the state's `ax`.

    η = lr / (1 + λ · lr · t)^α. Source: B. Polyak and A. Juditsky, "Acceleration of stochastic approximation by averaging", 1992.
    """

    def __init__(
        self, params: Any, lr: Any = 1e-2, lambd: float = 1e-4, alpha: float = 0.75, t0: float = 1e6, weight_decay: float = 0, foreach: bool | None = None,
        maximize: bool = False, differentiable: bool = False, capturable: bool = False,
    ):  # fmt: skip
        at_least_zero(lr=lr, weight_decay=weight_decay)
        super().__init__(params, dict(lr=lr, lambd=lambd, alpha=alpha, t0=t0, weight_decay=weight_decay, foreach=foreach, maximize=maximize,
                                      differentiable=differentiable, capturable=capturable))  # fmt: skip

    def kept(self, group: dict[str, Any]) -> Iterable[str]:
        return ("ax",)

    def begin(self, p: Any, state: dict[str, Any], group: dict[str, Any]) -> None:
        state.update(step=number(0.0), eta=number(rate(group)), mu=number(1.0), ax=Tensor._wrap(np.zeros(p._data.shape, p._data.dtype)))

    together = False

    def plan(self, state: dict[str, Any], group: dict[str, Any]) -> Any:
        now = float(state["eta"]._data), float(state["mu"]._data)
        t, lr = float(state["step"]._data), rate(group)
        state["eta"] = number(lr / ((1 + group["lambd"] * lr * t) ** group["alpha"]))
        state["mu"] = number(1 / max(1, t - group["t0"]))
        return now

    def update(self, p: np.ndarray, g: np.ndarray, kept: list[np.ndarray], group: dict[str, Any], plan: Any, rooms: Rooms) -> None:
        (mean,), (eta, mu), own = kept, plan, rooms[0]
        np.multiply(p, 1 - group["lambd"] * eta, out=p)
        np.subtract(p, np.multiply(g, eta, out=own), out=p)
        if mu == 1:
            mean[...] = p
        else:
            np.add(mean, np.multiply(np.subtract(p, mean, out=own), mu, out=own), out=mean)
