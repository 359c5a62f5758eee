"""RAdam: Adam that waits until its variance is known."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from .adam import check, decay
from .optimizer import Rooms, Updating, lerp, rate, squares


class RAdam(Updating):
    """Adam whose adaptive step is scaled by how well v is known, r, and is plain momentum while it is not (ρₜ ≤ 5).

    ρ∞ = 2 / (1 - β₂) - 1, ρₜ = ρ∞ - 2tβ₂ᵗ / (1 - β₂ᵗ), r = √((ρₜ - 4)(ρₜ - 2)ρ∞ / ((ρ∞ - 4)(ρ∞ - 2)ρₜ)). Source: L. Liu et al., "On the
    variance of the adaptive learning rate and beyond", 2019.
    """

    def __init__(
        self, params: Any, lr: Any = 1e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8, weight_decay: float = 0,
        decoupled_weight_decay: bool = False, *, foreach: bool | None = None, maximize: bool = False, capturable: bool = False, differentiable: bool = False,
    ):  # fmt: skip
        check(lr, betas, eps, weight_decay)
        super().__init__(params, dict(lr=lr, betas=betas, eps=eps, weight_decay=weight_decay, maximize=maximize, foreach=foreach, capturable=capturable,
                                      decoupled_weight_decay=decoupled_weight_decay, differentiable=differentiable))  # fmt: skip

    def kept(self, group: dict[str, Any]) -> Iterable[str]:
        return "exp_avg", "exp_avg_sq"

    def plan(self, state: dict[str, Any], group: dict[str, Any]) -> Any:
        t, (beta1, beta2) = float(state["step"]._data), group["betas"]
        second, last = 1 - beta2**t, 2 / (1 - beta2) - 1
        now = last - 2 * t * (beta2**t) / second
        known = math.sqrt((now - 4) * (now - 2) * last / ((last - 4) * (last - 2) * now)) if now > 5.0 else None
        return 1 - beta1**t, math.sqrt(second), known

    def update(self, p: np.ndarray, g: np.ndarray, kept: list[np.ndarray], group: dict[str, Any], plan: Any, rooms: Rooms) -> None:
        (m, v), (beta1, beta2), (first, second, known), own, more = kept, group["betas"], plan, rooms[0], rooms[1]
        decay(p, group)
        lerp(m, g, 1 - beta1, own)
        squares(v, g, beta2, own)
        np.divide(m, first, out=own)
        np.multiply(own, rate(group), out=own)
        if known is not None:
            np.sqrt(v, out=more)
            np.add(more, group["eps"], out=more)
            np.divide(second, more, out=more)
            np.multiply(own, more, out=own)
            np.multiply(own, known, out=own)
        np.subtract(p, own, out=p)
