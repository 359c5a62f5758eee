"""NAdam: Adam with Nesterov's momentum."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from ..tensor import Tensor
from .adam import check, decay
from .optimizer import Rooms, Updating, at_least_zero, lerp, number, rate, squares


class NAdam(Updating):
    """Adam that takes the step of the next momentum: p ← p - lr · ((1 - μₜ) · g / (1 - Πμ) + μₜ₊₁ · m / (1 - Πμ · μₜ₊₁)) / (√v̂ + eps).

    μₜ = β₁ · (1 - ½ · 0.96^(t · momentum_decay)). Source: T. Dozat, "Incorporating Nesterov momentum into Adam", 2016.
    """

    def __init__(
        self, params: Any, lr: Any = 2e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8, weight_decay: float = 0, momentum_decay: float = 4e-3,
        decoupled_weight_decay: bool = False, *, foreach: bool | None = None, maximize: bool = False, capturable: bool = False, differentiable: bool = False,
    ):  # fmt: skip
        check(lr, betas, eps, weight_decay)
        at_least_zero(momentum_decay=momentum_decay)
        super().__init__(params, dict(lr=lr, betas=betas, eps=eps, weight_decay=weight_decay, momentum_decay=momentum_decay,
                                      decoupled_weight_decay=decoupled_weight_decay, maximize=maximize, foreach=foreach, capturable=capturable,
                                      differentiable=differentiable))  # fmt: skip

    def kept(self, group: dict[str, Any]) -> Iterable[str]:
        return "exp_avg", "exp_avg_sq"

    def begin(self, p: Any, state: dict[str, Any], group: dict[str, Any]) -> None:
        state.update(step=number(0.0), mu_product=number(1.0))
        for name in self.kept(group):
            state[name] = Tensor._wrap(np.zeros(p._data.shape, p._data.dtype))

    together = False

    def plan(self, state: dict[str, Any], group: dict[str, Any]) -> Any:
        t, (beta1, beta2), by = float(state["step"]._data), group["betas"], group["momentum_decay"]
        now, after = (beta1 * (1.0 - 0.5 * (0.96 ** (k * by))) for k in (t, t + 1))
        product = state["mu_product"]
        product._data = product._data.dtype.type(product._data * now)
        so_far = float(product._data)
        lr = rate(group)
        return 1 - beta2**t, -lr * (1.0 - now) / (1.0 - so_far), -lr * after / (1.0 - so_far * after)

    def update(self, p: np.ndarray, g: np.ndarray, kept: list[np.ndarray], group: dict[str, Any], plan: Any, rooms: Rooms) -> None:
        (m, v), (beta1, beta2), (correction, by_g, by_m), own, more = kept, group["betas"], plan, rooms[0], rooms[1]
        decay(p, group)
        lerp(m, g, 1 - beta1, own)
        squares(v, g, beta2, own)
        np.divide(v, correction, out=own)
        np.sqrt(own, out=own)
        np.add(own, group["eps"], out=own)
        for x, by in ((g, by_g), (m, by_m)):
            np.multiply(x, by, out=more)
            np.divide(more, own, out=more)
            np.add(p, more, out=p)
