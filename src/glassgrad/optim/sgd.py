"""Stochastic gradient descent, with momentum."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from ..tensor import Tensor
from .optimizer import Rooms, Updating, at_least_zero, rate


class SGD(Updating):
    """p ← p - lr · g; with momentum v ← momentum · v + (1 - dampening) · g and p ← p - lr · v, or (nesterov) p - lr · (g + momentum · v).

    g is the gradient plus weight_decay · p; `maximize` changes its sign. Source: I. Sutskever et al., "On the importance of initialization and
    momentum in deep learning", 2013.

    >>> import glassgrad as gg
    >>> p = gg.ones(2, requires_grad=True); p.grad = gg.tensor([1.0, 2.0])
    >>> gg.optim.SGD([p], lr=0.1).step(); p
    tensor([0.9000, 0.8000], requires_grad=True)
    """

    counts = False

    def __init__(
        self, params: Any, lr: Any = 1e-3, momentum: float = 0, dampening: float = 0, weight_decay: Any = 0, nesterov: bool = False, *, maximize: bool = False,
        foreach: bool | None = None, differentiable: bool = False, fused: bool | None = None,
    ):  # fmt: skip
        at_least_zero(lr=lr, momentum=momentum, weight_decay=weight_decay)
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")
        super().__init__(params, dict(lr=lr, momentum=momentum, dampening=dampening, weight_decay=weight_decay, nesterov=nesterov, maximize=maximize,
                                      foreach=foreach, differentiable=differentiable, fused=fused))  # fmt: skip

    def begin(self, p: Any, state: dict[str, Any], group: dict[str, Any]) -> None:
        if group["momentum"]:
            state["momentum_buffer"] = None

    def kept(self, group: dict[str, Any]) -> Iterable[str]:
        return ("momentum_buffer",) if group["momentum"] else ()

    def _apply(self, p: Any, grad: Any, state: dict[str, Any], names: tuple[str, ...], group: dict[str, Any]) -> None:
        if names and state.get("momentum_buffer") is None:  # the first step takes the gradient as it is, without dampening
            state["momentum_buffer"] = Tensor._wrap(np.zeros(p._data.shape, p._data.dtype))
            super()._apply(p, grad, state, names, {**group, "dampening": 0})
        else:
            super()._apply(p, grad, state, names, group)

    def update(self, p: np.ndarray, g: np.ndarray, kept: list[np.ndarray], group: dict[str, Any], plan: Any, rooms: Rooms) -> None:
        momentum, own = group["momentum"], rooms[0]
        if momentum:
            (buffer,) = kept
            np.multiply(buffer, momentum, out=buffer)
            np.add(buffer, g if not group["dampening"] else np.multiply(g, 1 - group["dampening"], out=own), out=buffer)
            g = np.add(g, np.multiply(buffer, momentum, out=own), out=own) if group["nesterov"] else buffer
        np.multiply(g, rate(group), out=own)
        np.subtract(p, own, out=p)
