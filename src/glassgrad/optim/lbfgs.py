"""L-BFGS: steps by the curvature that the last gradients show."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..graph.memory import materialize, memory_to_write
from ..graph.modes import enable_grad
from ..graph.views import wrote
from ..tensor import Tensor
from .optimizer import Optimizer, at_least_zero, rate

Point = tuple[float, float, np.ndarray, float]  # a step, the loss there, its gradient, and that along the direction


class LBFGS(Optimizer):
    """Each step minimises along directions d = -H⁻¹ · g, where the product comes from the last `history_size` changes of p and g.

    `step(closure)` calls the closure, which has to compute the loss and its gradients anew, up to `max_eval` times. With
    `line_search_fn="strong_wolfe"` the step's length is searched for, else it is lr. All parameters are taken as one vector.
    Source: J. Nocedal and S. Wright, "Numerical optimization", 2006, algorithms 7.4, 3.5 and 3.6.
    """

    def __init__(
        self, params: Any, lr: Any = 1, max_iter: int = 20, max_eval: int | None = None, tolerance_grad: float = 1e-7, tolerance_change: float = 1e-9,
        history_size: int = 100, line_search_fn: str | None = None,
    ):  # fmt: skip
        at_least_zero(lr=lr)
        most = max_iter * 5 // 4 if max_eval is None else max_eval
        super().__init__(params, dict(lr=lr, max_iter=max_iter, max_eval=most, tolerance_grad=tolerance_grad, tolerance_change=tolerance_change,
                                      history_size=history_size, line_search_fn=line_search_fn))  # fmt: skip
        if len(self.param_groups) != 1:
            raise ValueError("LBFGS doesn't support per-parameter options (parameter groups)")
        self._params: list[Tensor] = self.param_groups[0]["params"]

    def _gradient(self) -> np.ndarray:
        return np.concatenate([np.zeros(p._data.size, p._data.dtype) if p._grad is None else np.ravel(p._grad._data) for p in self._params])

    def _move(self, t: float, direction: np.ndarray, origin: list[np.ndarray] | None = None) -> None:
        """Goes t times the direction, from here or from `origin`."""
        start = 0
        for i, p in enumerate(self._params):
            data = materialize(p)
            part = direction[start : start + data.size].reshape(data.shape)
            data[...] = (data if origin is None else origin[i]) + part * data.dtype.type(t)
            start += data.size
            wrote(memory_to_write(p))

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Minimises up to `max_iter` times along directions; returns the loss at the start."""
        if closure is None:
            raise TypeError("LBFGS.step() missing 1 required positional argument: 'closure'")
        group, state = self.param_groups[0], self.state[self._params[0]]
        state.setdefault("func_evals", 0)
        state.setdefault("n_iter", 0)

        def evaluate() -> Any:
            with enable_grad():
                return closure()

        first = evaluate()
        loss, calls = float(first), 1
        state["func_evals"] += 1
        g = self._gradient()
        if np.max(np.abs(g), initial=0) <= group["tolerance_grad"]:
            return first
        lr = rate(group)
        d, t = state.get("d"), state.get("t")
        dirs, steps, ro, scale = state.get("old_dirs", []), state.get("old_stps", []), state.get("ro", []), state.get("H_diag")
        before, loss_before = state.get("prev_flat_grad"), state.get("prev_loss")
        rounds = 0
        while rounds < group["max_iter"]:
            rounds += 1
            state["n_iter"] += 1
            if state["n_iter"] == 1:
                d, dirs, steps, ro, scale = -g, [], [], [], 1
            else:
                y, s = g - before, d * t
                ys = float(y @ s)
                if ys > 1e-10:
                    if len(dirs) == group["history_size"]:
                        for kept in (dirs, steps, ro):
                            kept.pop(0)
                    dirs.append(y)
                    steps.append(s)
                    ro.append(1.0 / ys)
                    scale = ys / float(y @ y)
                d = _direction(g, dirs, steps, ro, scale)
            before, loss_before = g.copy(), loss
            t = min(1.0, 1.0 / float(np.abs(g).sum())) * lr if state["n_iter"] == 1 else lr
            slope = float(g @ d)
            if slope > -group["tolerance_change"]:
                break
            evaluations = 0
            if group["line_search_fn"] is not None:
                if group["line_search_fn"] != "strong_wolfe":
                    raise RuntimeError("only 'strong_wolfe' is supported")
                origin = [np.array(p._data) for p in self._params]

                def at(step: float, direction: np.ndarray = d, origin: list[np.ndarray] = origin) -> tuple[float, np.ndarray]:
                    self._move(step, direction, origin)
                    found = float(evaluate())
                    gradient = self._gradient()
                    self._move(0.0, direction, origin)
                    return found, gradient

                loss, g, t, evaluations = strong_wolfe(at, t, d, loss, g, slope)
                self._move(t, d)
                done = np.max(np.abs(g)) <= group["tolerance_grad"]
            else:
                self._move(t, d)
                done = False
                if rounds != group["max_iter"]:
                    loss = float(evaluate())
                    g = self._gradient()
                    done = np.max(np.abs(g)) <= group["tolerance_grad"]
                    evaluations = 1
            calls += evaluations
            state["func_evals"] += evaluations
            if rounds == group["max_iter"] or calls >= group["max_eval"] or done:
                break
            if np.max(np.abs(d * t)) <= group["tolerance_change"] or abs(loss - loss_before) < group["tolerance_change"]:
                break
        state.update(d=d, t=t, old_dirs=dirs, old_stps=steps, ro=ro, H_diag=scale, prev_flat_grad=before, prev_loss=loss_before)
        return first


def _direction(g: np.ndarray, dirs: list[np.ndarray], steps: list[np.ndarray], ro: list[float], scale: Any) -> np.ndarray:
    """-H⁻¹ · g by the two loops."""
    q, alphas = -g, []
    for y, s, r in zip(reversed(dirs), reversed(steps), reversed(ro)):
        alphas.append(float(s @ q) * r)
        q = q + y * -alphas[-1]
    d = q * scale
    for y, s, r, alpha in zip(dirs, steps, ro, reversed(alphas)):
        d = d + s * (alpha - float(y @ d) * r)
    return d


def cubic(x1: float, f1: float, g1: float, x2: float, f2: float, g2: float, bounds: tuple[float, float] | None = None) -> float:
    """The minimum, between the bounds, of the cubic through two points with these slopes."""
    low, high = bounds if bounds is not None else (x1, x2) if x1 <= x2 else (x2, x1)
    d1 = g1 + g2 - 3 * (f1 - f2) / (x1 - x2)
    square = d1**2 - g1 * g2
    if square < 0:
        return (low + high) / 2.0
    d2 = math.sqrt(square)
    if x1 <= x2:
        found = x2 - (x2 - x1) * ((g2 + d2 - d1) / (g2 - g1 + 2 * d2))
    else:
        found = x1 - (x1 - x2) * ((g1 + d2 - d1) / (g1 - g2 + 2 * d2))
    return min(max(found, low), high)


def strong_wolfe(
    at: Callable[[float], tuple[float, np.ndarray]], t: float, d: np.ndarray, f: float, g: np.ndarray, slope: float, c1: float = 1e-4, c2: float = 0.9,
    tolerance: float = 1e-9, most: int = 25,
) -> tuple[float, np.ndarray, float, int]:  # fmt: skip
    """A step that lowers the loss enough and flattens its slope enough; the loss and gradient there, the step, and how often `at` was called."""
    size = float(np.max(np.abs(d)))

    def point(t: float) -> Point:
        loss, gradient = at(t)
        return t, loss, np.array(gradient), float(gradient @ d)

    last: Point = (0.0, f, g, slope)
    now, calls, rounds, done = point(t), 1, 0, False
    bracket: list[Point] = []
    while rounds < most:
        if now[1] > f + c1 * now[0] * slope or (rounds > 1 and now[1] >= last[1]):
            bracket = [last, now]
            break
        if abs(now[3]) <= -c2 * slope:
            bracket, done = [now], True
            break
        if now[3] >= 0:
            bracket = [last, now]
            break
        low, high = now[0] + 0.01 * (now[0] - last[0]), now[0] * 10
        step = cubic(last[0], last[1], last[3], now[0], now[1], now[3], (low, high))
        last, now = now, point(step)
        calls += 1
        rounds += 1
    if rounds == most:
        bracket = [(0.0, f, g, slope), now]
    stuck = False
    best, other = (0, 1) if bracket[0][1] <= bracket[-1][1] else (1, 0)
    while not done and rounds < most:
        a, b = bracket
        if abs(b[0] - a[0]) * size < tolerance:
            break
        step = cubic(a[0], a[1], a[3], b[0], b[1], b[3])
        left, right = min(a[0], b[0]), max(a[0], b[0])
        margin = 0.1 * (right - left)
        if min(right - step, step - left) < margin:
            if stuck or step >= right or step <= left:
                step = right - margin if abs(step - right) < abs(step - left) else left + margin
                stuck = False
            else:
                stuck = True
        else:
            stuck = False
        now = point(step)
        calls += 1
        rounds += 1
        if now[1] > f + c1 * now[0] * slope or now[1] >= bracket[best][1]:
            bracket[other] = now
            best, other = (0, 1) if bracket[0][1] <= bracket[1][1] else (1, 0)
        else:
            if abs(now[3]) <= -c2 * slope:
                done = True
            elif now[3] * (bracket[other][0] - bracket[best][0]) >= 0:
                bracket[other] = bracket[best]
            bracket[best] = now
    found = bracket[0 if len(bracket) == 1 else best]
    return found[1], found[2], found[0], calls
