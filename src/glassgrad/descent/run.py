"""`descend`: gradient descent with everything it did kept, and the reason why it stopped."""

from __future__ import annotations

import inspect
import math
import operator
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TextIO

import numpy as np

from ..autograd.backward import grad
from ..tensor import Tensor
from .saved import Saved


@dataclass
class Descent:
    """A finished run: `path` (steps + 1, …the shape of the start), `losses`, `gradients`, `steps` taken, and why it stopped.

    `stopped` is "converged", "out of steps" or "diverged"; `reason` says it in words; `limit` is 2/λmax of the Hessian where the run
    ended, or where it started when it diverged: the learning rate above which a quadratic bowl throws the point out. With several
    arguments the path is of flat vectors, one argument after another, and `final` has them apart again.
    """

    path: np.ndarray
    losses: np.ndarray
    gradients: np.ndarray
    lr: float
    stopped: str
    reason: str
    limit: float | None
    function: Objective | None = field(default=None, repr=False)

    @property
    def steps(self) -> int:
        """How many steps were taken."""
        return len(self.losses) - 1

    @property
    def final(self) -> Any:
        """Where it ended: an array, or a tuple or dict of arrays as the start was."""
        return self.path[-1] if self.function is None else self.function.apart(self.path[-1])

    def value(self, x: Any) -> float:
        """The function at a point of the path's kind."""
        if self.function is None:
            raise ValueError("the run has no function to evaluate")
        return self.function.value_and_gradient(np.reshape(np.asarray(x, np.float64), self.path[0].shape))[0]

    def log(self, every: int = 1) -> str:
        """What happened at each step: the loss, the gradient, the step, where it led."""
        blocks = []
        for i in range(0, self.steps, every):
            blocks.append(
                f"epoch      : {i}\nloss       : {self.losses[i]:.10g}\ngrad       : {_list(self.gradients[i])}\n"
                f"step       : {_list(self.lr * self.gradients[i])}\nW_new      : {_list(self.path[i + 1])}\n" + "-" * 50
            )
        return "\n".join([*blocks, self.reason])

    def plot(self, ax: Any = None) -> Any:
        """The loss by step on `ax`; without one on a new figure, with the path beside it if it has one or two variables."""
        from .picture import plot_descent

        return plot_descent(self, ax)

    def plot_path(self, ax: Any) -> Any:
        """The path over the function, of one or two variables."""
        from .picture import plot_path

        if self.path[0].size not in (1, 2):
            raise ValueError(f"a path of {self.path[0].size} variables cannot be drawn; one of 1 or 2 can")
        return plot_path(self, ax)

    def __repr__(self) -> str:
        return f"Descent({_count(self.steps)}, lr={self.lr:g}, loss {self.losses[0]:.6g} → {self.losses[-1]:.6g}: {self.reason})"


def _count(steps: int) -> str:
    return f"{steps} step{'' if steps == 1 else 's'}"


def _list(values: Any) -> str:
    flat = np.ravel(values)
    return "[" + ", ".join(f"{v:.6g}" for v in flat) + "]" if np.ndim(values) else f"{float(values):.6g}"


class Objective:
    """A function with its start: one array as it is, several arguments as one flat vector."""

    def __init__(self, call: Callable[..., Any], start: Any):
        if not callable(call):
            raise ValueError(f"descend takes a function, not {type(call).__name__} (glassgrad.study.parse makes one of text)")
        self.call = call
        self.names: list[Any] | None = None
        if isinstance(start, Mapping):
            self.names, parts = list(start), [_array(v, f"start[{k!r}]") for k, v in start.items()]
        elif isinstance(start, (tuple, list)) and len(start) > 1 and _arguments(call) == len(start):
            parts = [_array(v, f"start[{i}]") for i, v in enumerate(start)]
        else:
            self.shapes, self.start = None, _array(start, "start")
            return
        self.shapes = [p.shape for p in parts]
        self.start = np.concatenate([p.ravel() for p in parts]) if parts else np.empty(0)

    def apart(self, x: np.ndarray) -> Any:
        """The arguments in x: itself, or the tuple or dict that the start was."""
        if self.shapes is None:
            return x
        ends = np.cumsum([math.prod(s) for s in self.shapes])[:-1]
        parts = [part.reshape(shape) for part, shape in zip(np.split(x, ends), self.shapes)]
        return tuple(parts) if self.names is None else dict(zip(self.names, parts))

    def tensors(self, x: np.ndarray) -> list[Tensor]:
        """The arguments in x as leaves."""
        parts = self.apart(x)
        arrays = list(parts.values()) if isinstance(parts, dict) else list(parts) if isinstance(parts, tuple) else [parts]
        found = [Tensor._wrap(np.array(a) if a.ndim else a[()]) for a in arrays]
        for t in found:
            t._needs = True
        return found

    def output(self, x: np.ndarray) -> tuple[Tensor, list[Tensor]]:
        """f(x) and the tensors that it was given."""
        tensors = self.tensors(x)
        return self.of(tensors), tensors

    def of(self, tensors: list[Tensor]) -> Tensor:
        """f of tensors, as one number."""
        y = self.call(**dict(zip(self.names, tensors))) if self.names is not None else self.call(*tensors)
        if isinstance(y, (int, float, np.generic)):
            y = Tensor._wrap(np.float64(y))
        if not isinstance(y, Tensor) or y._data.size != 1:
            got = f"shape {list(y.shape)}" if isinstance(y, Tensor) else type(y).__name__
            raise ValueError(f"descend needs a function that returns one number, and this returned {got} (reduce it: .sum(), .mean())")
        return y.reshape(())

    def value_and_gradient(self, x: np.ndarray) -> tuple[float, np.ndarray]:
        """f(x) and ∇f(x), in the shape of x."""
        y, tensors = self.output(x)
        if not y._needs:
            return float(y.item()), np.zeros_like(x)
        grads = grad(y, tensors, materialize_grads=True)
        return float(y.item()), np.concatenate([np.ravel(g._data) for g in grads]).reshape(x.shape)

    def curvatures(self, x: np.ndarray) -> np.ndarray | None:
        """The eigenvalues of the Hessian at x, ascending; None where it is too large (400 variables) or not finite."""
        if x.size > 400:
            return None
        y, tensors = self.output(x)
        matrix = np.zeros((x.size, x.size))
        if y._needs:
            first = grad(y, tensors, create_graph=True, materialize_grads=True)
            for i, part in enumerate(p for g in first for p in (g.reshape(-1).unbind() if g._data.ndim else [g])):
                if part._needs:
                    second = grad(part, tensors, retain_graph=True, materialize_grads=True)
                    matrix[i] = np.concatenate([np.ravel(h._data) for h in second])
        return np.linalg.eigvalsh((matrix + matrix.T) / 2) if np.isfinite(matrix).all() else None


def _arguments(call: Callable[..., Any]) -> int:
    """How many arguments a function must be given; 1 where that cannot be read."""
    try:
        parameters = inspect.signature(call).parameters.values()
    except (TypeError, ValueError):
        return 1
    return sum(p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) for p in parameters)


def _array(value: Any, name: str) -> np.ndarray:
    try:
        array = np.array(value.detach().numpy() if isinstance(value, Tensor) else value, np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"{name} = {value!r} is not a number or an array of numbers") from None
    if not np.isfinite(array).all():
        raise ValueError(f"{name} = {value!r} is not finite")
    return array


def _settings(lr: Any, steps: Any) -> tuple[float, int]:
    try:
        rate = float(lr)
    except (TypeError, ValueError):
        rate = math.nan
    if not 0 < rate < math.inf:
        raise ValueError(f"lr={lr!r}: a learning rate is a positive number")
    try:
        count = operator.index(steps)
    except TypeError:
        raise ValueError(f"steps={steps!r}: a number of steps is a whole number") from None
    if count < 0:
        raise ValueError(f"steps={steps!r}: a number of steps is not negative")
    return rate, count


def descend(
    f: Callable[..., Any], start: Any, lr: float = 0.1, steps: int = 100, tolerance: float = 1e-8, progress: bool | None = None,
    stream: TextIO | None = None, checkpoint: Any = None, every: float = 5.0,
) -> Descent:  # fmt: skip
    """Follows x ← x - lr · ∇f(x) from `start` and keeps all of it.

    `start` is a number or an array, or, for a function of several arguments, a tuple with one for each or a dict of names; f gets
    float64 tensors. Stops as converged when ‖∇f‖ ≤ tolerance · max(1, ‖∇f(start)‖), as diverged when the loss is not finite or has
    grown past a million times its start, else after `steps`. A run of more than 2,000 steps shows a progress bar on a terminal.

    With `checkpoint`, the name of a file, the run is saved there every so many seconds, atomically, and at its end; called again after
    it was killed, it goes on from there and ends at the same result, bit for bit; with more `steps` a finished one goes on too.

    Raises ValueError for a learning rate that is not positive, a start outside f's domain, a function that returns no single number, or a
    checkpoint that is damaged or belongs to another run.

    >>> import glassgrad as gg
    >>> run = descend(lambda x: 3 * x**2 - 2 * x + 5, 3.0, lr=0.1, steps=200)
    >>> run.stopped, round(float(run.final), 6)
    ('converged', 0.333333)
    """
    lr, steps = _settings(lr, steps)
    objective = Objective(f, start)
    x = objective.start
    path, losses, gradients = [x], [], []
    loss, g = objective.value_and_gradient(x)
    if not math.isfinite(loss):
        raise ValueError(f"the function is {loss} at the start: begin within its domain")
    losses.append(loss)
    gradients.append(g)
    enough = tolerance * max(1.0, float(np.linalg.norm(g)))
    limit_loss = 1e6 * max(1.0, abs(loss))
    stopped = "out of steps"
    bar = _Bar(steps, progress, stream)
    saved = Saved(checkpoint, every, objective.start, lr, tolerance) if checkpoint is not None else None
    before = saved.load() if saved is not None else None
    if before is not None:
        path, losses, gradients = list(before["path"][: steps + 1]), before["losses"][: steps + 1].tolist(), list(before["gradients"][: steps + 1])
        if not np.array_equal(gradients[0], g) or losses[0] != loss:
            raise ValueError(f"{checkpoint} belongs to another function: at the start it had the loss {losses[0]:.6g}, this one has {loss:.6g}")
        x, loss, g = path[-1], losses[-1], gradients[-1]
        if not math.isfinite(loss) or not np.isfinite(g).all() or abs(loss) > limit_loss:
            stopped = "diverged"
    for i in range(len(losses) - 1, steps):
        if stopped == "diverged":
            break
        if saved is not None and saved.due():
            saved.save(path=np.array(path), losses=np.array(losses), gradients=np.array(gradients))
        if np.linalg.norm(g) <= enough:
            break
        x = x - lr * g
        loss, g = objective.value_and_gradient(x)
        path.append(x)
        losses.append(loss)
        gradients.append(g)
        bar.show(i + 1, loss)
        if not math.isfinite(loss) or not np.isfinite(g).all() or abs(loss) > limit_loss:
            stopped = "diverged"
            break
    if stopped != "diverged" and np.linalg.norm(g) <= enough:
        stopped = "converged"
    bar.done()
    if saved is not None:
        saved.save(path=np.array(path), losses=np.array(losses), gradients=np.array(gradients))
    curvatures = objective.curvatures(path[0] if stopped == "diverged" else x)
    highest = curvatures[-1] if curvatures is not None and curvatures.size else 0.0
    limit = float(2 / highest) if highest > 1e-300 else None
    reason = _reason(stopped, lr, limit, curvatures, losses)
    return Descent(np.array(path), np.array(losses), np.array(gradients), lr, stopped, reason, limit, objective)


def _reason(stopped: str, lr: float, limit: float | None, curvatures: np.ndarray | None, losses: list[float]) -> str:
    steps, last = len(losses) - 1, losses[-1]
    if stopped == "converged":
        bent = curvatures is not None and curvatures.size and curvatures[0] < -1e-7 * np.abs(curvatures).max()
        caution = "; it is no minimum: the curvature there is negative in some direction" if bent else ""
        if steps == 0:
            return f"converged after 0 steps: the gradient is zero at the start, so there is nothing to follow{caution}"
        return f"converged after {_count(steps)}: the gradient is zero to the tolerance{caution}"
    over = f"lr {lr:g} is over 2/λmax = {limit:.2g} here" if limit is not None and lr > limit else ""
    if stopped == "diverged":
        if math.isnan(last):
            why = "the loss became nan: a step led out of the function's domain"
        elif last < losses[0]:
            why = f"the loss fell to {last:.3g}: the function seems to have no floor"
        else:
            why = "the step is too long"
        return f"diverged after {_count(steps)}: {over or why}"
    if steps == 0:
        return "out of steps (0): none was asked for"
    falling = last < losses[-2] - 1e-12 * abs(last)
    return f"out of steps ({steps}), the loss {'still' if falling else 'no longer'} falling" + (f": {over}" if over else "")


class _Bar:
    """A progress bar for long runs, on a terminal only."""

    def __init__(self, steps: int, wanted: bool | None, stream: TextIO | None):
        self.steps, self.stream = steps, stream or sys.stderr
        self.on = self.stream is not None and ((steps > 2000 and self.stream.isatty()) if wanted is None else wanted)
        self.every = max(1, steps // 100)

    def show(self, i: int, loss: float) -> None:
        if self.on and i % self.every == 0:
            full = 30 * i // self.steps
            self.stream.write(f"\r[{'#' * full}{'.' * (30 - full)}] {i}/{self.steps}  loss {loss:.6g}   ")
            self.stream.flush()

    def done(self) -> None:
        if self.on:
            self.stream.write("\n")
