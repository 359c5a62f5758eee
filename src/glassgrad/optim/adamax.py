"""Adamax: Adam by the largest gradient instead of their mean square."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from .adam import check
from .optimizer import Rooms, Updating, lerp, rate


class Adamax(Updating):
    """m as in Adam, u ← max(β₂ · u, |g| + eps), p ← p - lr / (1 - β₁ᵗ) · m / u. Source: D. Kingma and J. Ba, 2014."""

    def __init__(
        self, params: Any, lr: Any = 2e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8, weight_decay: float = 0,
        foreach: bool | None = None, *,
        maximize: bool = False, differentiable: bool = False, capturable: bool = False,
    ):  # fmt: skip
        check(lr, betas, eps, weight_decay)
        super().__init__(params, dict(lr=lr, betas=betas, eps=eps, weight_decay=weight_decay, foreach=foreach, maximize=maximize,
                                      differentiable=differentiable, capturable=capturable))  # fmt: skip

    def kept(self, group: dict[str, Any]) -> Iterable[str]:
        return "exp_avg", "exp_inf"

    def update(self, p: np.ndarray, g: np.ndarray, kept: list[np.ndarray], group: dict[str, Any], plan: Any, rooms: Rooms) -> None:
        (m, u), (beta1, beta2), own = kept, group["betas"], rooms[0]
        lerp(m, g, 1 - beta1, own)
        np.multiply(u, beta2, out=u)
        np.abs(g, out=own)
        np.add(own, group["eps"], out=own)
        np.maximum(u, own, out=u)
        np.divide(m, u, out=own)
        np.multiply(own, plan, out=own)
        np.subtract(p, own, out=p)

    def plan(self, state: dict[str, Any], group: dict[str, Any]) -> Any:
        return rate(group) / (1 - group["betas"][0] ** float(state["step"]._data))
