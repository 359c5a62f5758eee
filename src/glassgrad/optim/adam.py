"""Adam, and AdamW, which takes the weight decay apart from the gradient."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from .optimizer import Rooms, Updating, at_least_zero, lerp, rate, squares


class Adam(Updating):
    """m ← m + (1 - β₁)(g - m), v ← β₂ · v + (1 - β₂) · g², p ← p - lr · m̂ / (√v̂ + eps), where m̂ = m / (1 - β₁ᵗ) and v̂ = v / (1 - β₂ᵗ).

    `amsgrad` divides by the largest v so far. Source: D. Kingma and J. Ba, "Adam: a method for stochastic optimization", 2014; S. Reddi et al.,
    "On the convergence of Adam and beyond", 2018.
    """

    def __init__(
        self, params: Any, lr: Any = 1e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8, weight_decay: float = 0, amsgrad: bool = False, *,
        foreach: bool | None = None, maximize: bool = False, capturable: bool = False, differentiable: bool = False, fused: bool | None = None,
        decoupled_weight_decay: bool = False,
    ):  # fmt: skip
        check(lr, betas, eps, weight_decay)
        super().__init__(params, dict(lr=lr, betas=betas, eps=eps, weight_decay=weight_decay, amsgrad=amsgrad, maximize=maximize, foreach=foreach,
                                      capturable=capturable, differentiable=differentiable, fused=fused,
                                      decoupled_weight_decay=decoupled_weight_decay))  # fmt: skip

    def kept(self, group: dict[str, Any]) -> Iterable[str]:
        return ("exp_avg", "exp_avg_sq", "max_exp_avg_sq") if group["amsgrad"] else ("exp_avg", "exp_avg_sq")

    def plan(self, state: dict[str, Any], group: dict[str, Any]) -> Any:
        t, (beta1, beta2) = float(state["step"]._data), group["betas"]
        return rate(group) / (1 - beta1**t), math.sqrt(1 - beta2**t)

    def update(self, p: np.ndarray, g: np.ndarray, kept: list[np.ndarray], group: dict[str, Any], plan: Any, rooms: Rooms) -> None:
        (m, v, *largest), (beta1, beta2), (size, correction), own = kept, group["betas"], plan, rooms[0]
        decay(p, group)
        lerp(m, g, 1 - beta1, own)
        squares(v, g, beta2, own)
        if largest:
            v = np.maximum(largest[0], v, out=largest[0])
        np.sqrt(v, out=own)
        np.divide(own, correction, out=own)
        np.add(own, group["eps"], out=own)
        np.divide(m, own, out=own)
        np.multiply(own, size, out=own)
        np.subtract(p, own, out=p)


class AdamW(Adam):
    """Adam whose weight decay shrinks the parameters themselves: p ← p · (1 - lr · weight_decay), and is no part of the gradient.

    Source: I. Loshchilov and F. Hutter, "Decoupled weight decay regularization", 2017.
    """

    def __init__(
        self, params: Any, lr: Any = 1e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8, weight_decay: float = 1e-2, amsgrad: bool = False, *,
        maximize: bool = False, foreach: bool | None = None, capturable: bool = False, differentiable: bool = False, fused: bool | None = None,
    ):  # fmt: skip
        super().__init__(params, lr, betas, eps, weight_decay, amsgrad, foreach=foreach, maximize=maximize, capturable=capturable,
                         differentiable=differentiable, fused=fused, decoupled_weight_decay=True)  # fmt: skip


def check(lr: Any, betas: tuple[float, float], eps: float, weight_decay: float) -> None:
    """Raises ValueError for options that no kind of Adam takes."""
    at_least_zero(lr=lr)
    if not 0.0 <= eps:
        raise ValueError(f"Invalid epsilon value: {eps}")
    for i, beta in enumerate(betas):
        if not 0.0 <= beta < 1.0:
            raise ValueError(f"Invalid beta parameter at index {i}: {beta}")
    at_least_zero(weight_decay=weight_decay)


def decay(p: np.ndarray, group: dict[str, Any]) -> None:
    """The weight decay that is no part of the gradient."""
    if group["weight_decay"] and group["decoupled_weight_decay"]:
        np.multiply(p, 1 - rate(group) * group["weight_decay"], out=p)
