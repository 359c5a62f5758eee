"""`descend`: gradient descent with everything it did kept, and the reason why it stopped."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TextIO

import numpy as np

from ..autograd.backward import grad
from ..tensor import Tensor


@dataclass
class Descent:
    """A finished run: `path` (steps + 1, …the shape of the start), `losses`, `gradients`, `steps` taken, and why it stopped.

    `stopped` is "converged", "out of steps" or "diverged"; `reason` says it in words; `limit` is 2/λmax of the Hessian where the run
    ended, or where it started when it diverged: the learning rate above which a quadratic bowl throws the point out.
    """

    path: np.ndarray
    losses: np.ndarray
    gradients: np.ndarray
    lr: float
    stopped: str
    reason: str
    limit: float | None

    @property
    def steps(self) -> int:
        """How many steps were taken."""
        return len(self.losses) - 1

    @property
    def final(self) -> np.ndarray:
        """Where it ended."""
        return self.path[-1]

    def log(self, every: int = 1) -> str:
        """What happened at each step: the loss, the gradient, the step, where it led."""
        blocks = []
        for i in range(0, self.steps, every):
            blocks.append(
                f"step       : {i}\nloss       : {self.losses[i]:.10g}\ngrad       : {_list(self.gradients[i])}\n"
                f"step       : {_list(self.lr * self.gradients[i])}\nW_new      : {_list(self.path[i + 1])}\n" + "-" * 50
            )
        return "\n".join([*blocks, self.reason])

    def plot(self, ax: Any = None) -> Any:
        """The loss by step and, for one or two variables, the path; see `descent.picture`."""
        from .picture import plot_descent

        return plot_descent(self, ax)

    def __repr__(self) -> str:
        return f"Descent({self.steps} steps, lr={self.lr:g}, loss {self.losses[0]:.6g} → {self.losses[-1]:.6g}: {self.reason})"


def _list(values: Any) -> str:
    flat = np.ravel(values)
    return "[" + ", ".join(f"{v:.6g}" for v in flat) + "]" if np.ndim(values) else f"{float(values):.6g}"


def descend(
    f: Callable[[Tensor], Tensor], start: Any, lr: float = 0.1, steps: int = 100, tolerance: float = 1e-8, progress: bool | None = None,
    stream: TextIO | None = None,
) -> Descent:  # fmt: skip
    """Follows x ← x - lr · ∇f(x) from `start` and keeps all of it.

    Stops as converged when ‖∇f‖ ≤ tolerance · max(1, ‖∇f(start)‖), as diverged when the loss is not finite or has grown past a
    million times its start, else after `steps`. `f` takes one tensor of the start's shape (float64). A run of more than 2,000 steps
    shows a progress bar on a terminal. Raises ValueError for a learning rate that is not positive.

    >>> import glassgrad as gg
    >>> run = descend(lambda x: 3 * x**2 - 2 * x + 5, 3.0, lr=0.1, steps=200)
    >>> run.stopped, round(float(run.final), 6)
    ('converged', 0.333333)
    """
    if not lr > 0 or not math.isfinite(lr):
        raise ValueError(f"lr={lr!r}: a learning rate is a positive number")
    if steps < 0:
        raise ValueError(f"steps={steps!r}: a number of steps is not negative")
    x = np.array(start.detach().numpy() if isinstance(start, Tensor) else start, np.float64)
    path, losses, gradients = [x], [], []
    loss, g = _value_and_gradient(f, x)
    losses.append(loss)
    gradients.append(g)
    first = max(1.0, float(np.linalg.norm(g)))
    limit_loss = 1e6 * max(1.0, abs(loss))
    stopped = "out of steps"
    bar = _Bar(steps, progress, stream)
    for i in range(steps):
        if np.linalg.norm(g) <= tolerance * first:
            stopped = "converged"
            break
        x = x - lr * g
        loss, g = _value_and_gradient(f, x)
        path.append(x)
        losses.append(loss)
        gradients.append(g)
        bar.show(i + 1, loss)
        if not math.isfinite(loss) or not np.isfinite(g).all() or abs(loss) > limit_loss:
            stopped = "diverged"
            break
    else:
        if np.linalg.norm(g) <= tolerance * first:
            stopped = "converged"
    bar.done()
    limit = curvature_limit(f, path[0] if stopped == "diverged" else x)
    return Descent(np.array(path), np.array(losses), np.array(gradients), lr, stopped, _reason(stopped, lr, limit, losses, len(path) - 1), limit)


def _reason(stopped: str, lr: float, limit: float | None, losses: list[float], steps: int) -> str:
    if stopped == "converged":
        return f"converged after {steps} steps: the gradient is zero to the tolerance"
    over = f": lr {lr:g} is over 2/λmax = {limit:.2g} here" if limit is not None and lr > limit else ""
    if stopped == "diverged":
        return f"diverged after {steps} steps{over}" if over else f"diverged after {steps} steps: the function falls without end, or the step is too long"
    return f"out of steps ({steps}), the loss still {'falling' if len(losses) < 2 or losses[-1] < losses[-2] else 'not falling'}{over}"


def _value_and_gradient(f: Callable[[Tensor], Tensor], x: np.ndarray) -> tuple[float, np.ndarray]:
    t = Tensor._wrap(np.array(x) if x.ndim else x[()])
    t._needs = True
    y = f(t)
    if not isinstance(y, Tensor) or y._data.size != 1:
        raise ValueError("descend needs a function that returns one number (reduce it: .sum(), .mean())")
    if not y._needs:
        return float(y.item()), np.zeros_like(x)
    (g,) = grad(y.reshape(()), t, materialize_grads=True)
    return float(y.item()), np.array(g._data)


def curvature_limit(f: Callable[[Tensor], Tensor], x: np.ndarray) -> float | None:
    """2/λmax of the Hessian at x: the largest learning rate that a quadratic of this curvature bears (None where it is not curved up)."""
    if x.size > 400:
        return None
    t = Tensor._wrap(np.array(x) if x.ndim else x[()])
    t._needs = True
    y = f(t)
    if not y._needs:
        return None
    (g,) = grad(y.reshape(()), t, create_graph=True, materialize_grads=True)
    if not g._needs:
        return None
    rows = []
    for part in g.reshape(-1).unbind() if g._data.ndim else [g]:
        (h,) = grad(part, t, retain_graph=True, materialize_grads=True)
        rows.append(np.ravel(h._data))
    matrix = np.array(rows)
    if not np.isfinite(matrix).all():
        return None
    largest = float(np.linalg.eigvalsh((matrix + matrix.T) / 2)[-1])
    return 2 / largest if largest > 1e-12 else None


class _Bar:
    """A progress bar for long runs, on a terminal only."""

    def __init__(self, steps: int, wanted: bool | None, stream: TextIO | None):
        self.steps, self.stream = steps, stream or sys.stderr
        self.on = (steps > 2000 and self.stream.isatty()) if wanted is None else wanted
        self.every = max(1, steps // 100)

    def show(self, i: int, loss: float) -> None:
        if self.on and i % self.every == 0:
            full = 30 * i // self.steps
            self.stream.write(f"\r[{'#' * full}{'.' * (30 - full)}] {i}/{self.steps}  loss {loss:.6g}   ")
            self.stream.flush()

    def done(self) -> None:
        if self.on:
            self.stream.write("\n")
