"""`race([...])`: optimizers and learning rates from one start, side by side."""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..tensor import Tensor
from .plane import Plane, principal, whole
from .run import Objective
from .scene import Lane, Scene


@dataclass
class Runner:
    """One optimizer's run: `path` (steps + 1, n) of flat vectors, `losses`, `gradients` where it stood, and why it stopped."""

    name: str
    path: np.ndarray
    losses: np.ndarray
    gradients: np.ndarray
    stopped: str
    lr: float | None

    @property
    def steps(self) -> int:
        """How many steps were taken."""
        return len(self.losses) - 1


@dataclass
class Race:
    """The runs in the order of their final losses, and 2/λmax of the Hessian where the best ended: the learning rate that plain descent bears there."""

    runs: list[Runner]
    limit: float | None
    function: Objective

    @property
    def winner(self) -> Runner:
        """The run with the lowest final loss."""
        return self.runs[0]

    def __str__(self) -> str:
        width = max(len(r.name) for r in self.runs)
        rows = [f"{'':>2}  {'optimizer':<{width}}  {'steps':>5}  {'loss':>12}  {'least loss':>12}  stopped"]
        for i, r in enumerate(self.runs):
            least = np.nanmin(r.losses) if np.isfinite(r.losses).any() else math.nan
            rows.append(f"{i + 1:>2}  {r.name:<{width}}  {r.steps:>5}  {r.losses[-1]:>12.6g}  {least:>12.6g}  {r.stopped}")
        if self.limit is not None:
            rows.append(f"2/λmax = {self.limit:.4g}: above this learning rate plain gradient descent leaves the bowl where the best run ended")
        return "\n".join(rows)

    __repr__ = __str__

    def scene(self, points: int = 61) -> Scene:
        """The runs over the function: on its curve, on its plane, or on the plane of the runs' principal components."""
        n = self.runs[0].path.shape[1]
        finite = np.concatenate([r.path[_in_view(r.path, r.losses)] for r in self.runs])
        title = f"{len(self.runs)} runs from one start"
        if n == 1:
            low, high = _bounds(finite[:, 0])
            xs = np.linspace(low, high, 241)
            z = np.array([self._value(np.array([x])) for x in xs])
            return Scene(title, [Lane(r.name, r.path, r.losses, r.lr, None, r.stopped) for r in self._named()], xs, None, z, ("x", "f(x)"), self.limit)
        notes = []
        plane = whole(2) if n == 2 else principal(finite, self.winner.path[-1])
        if plane.explained is not None:
            notes.append(f"the plane of the two principal components of the runs holds {sum(plane.explained):.1%} of their spread in {n} variables")
        return _on_plane(title, self._named(), plane, self._value, points, ("first variable", "second variable") if n == 2 else ("component 1", "component 2"),
                         self.limit, notes)  # fmt: skip

    def _named(self) -> list[Runner]:
        """In the order of learning rates where that is all they differ in, else as they ended."""
        rates = [r.lr for r in self.runs]
        same = len({r.name.partition("(")[0] for r in self.runs}) == 1 and None not in rates and len(set(rates)) == len(rates)
        return sorted(self.runs, key=lambda r: r.lr or 0.0) if same else self.runs

    def _value(self, x: np.ndarray) -> float:
        shape = self.function.start.shape
        return self.function.value_and_gradient(np.reshape(x, shape))[0]

    def plot(self, ax: Any = None) -> Any:
        """The runs over the function; see `Scene.plot`."""
        return self.scene().plot(ax)

    def to_gif(self, path: Any, **options: Any) -> str:
        """An animation of the runs; see `Scene.to_gif`."""
        return self.scene().to_gif(path, **options)

    def to_html(self, path: Any = None) -> str:
        """A page to play, step and scrub; see `Scene.to_html`."""
        return self.scene(81).to_html(path)


def _in_view(path: np.ndarray, losses: np.ndarray) -> np.ndarray:
    """Which points of a run the picture makes room for: not those to which it was thrown out."""
    with np.errstate(invalid="ignore"):
        return np.isfinite(path).all(1) & (losses <= losses[0] + max(0.5 * (losses[0] - np.nanmin(losses)), 1e-12 * abs(losses[0])))


def _bounds(values: np.ndarray) -> tuple[float, float]:
    low, high = np.quantile(values, [0.02, 0.98]) if len(values) > 100 else (values.min(), values.max())
    margin = 0.25 * max(float(high - low), 1e-3 * (1 + abs(float(high))))
    return float(low - margin), float(high + margin)


def _on_plane(title: str, runs: Iterable[Any], plane: Plane, value: Callable[[np.ndarray], float], points: int, labels: tuple[str, str], limit: float | None,
              notes: list[str]) -> Scene:  # fmt: skip
    """Runs over a function on a plane."""
    lanes, seen = [], []
    for r in runs:
        good = np.isfinite(r.path).all(1)
        places = np.full((len(r.path), 2), np.nan)
        places[good] = plane.project(r.path[good])
        slopes = np.where(np.isfinite(r.gradients), r.gradients, 0.0)
        lanes.append(Lane(r.name, places, r.losses, r.lr, -plane.directions(slopes), r.stopped))
        seen.append(places[good & _in_view(r.path, r.losses)])
    shown = np.concatenate(seen)
    (x0, x1), (y0, y1) = _bounds(shown[:, 0]), _bounds(shown[:, 1])
    xs, ys, z = plane.grid(value, (x0, y0), (x1, y1), points)
    return Scene(title, lanes, xs, ys, z, labels, limit, notes)


def race(f: Callable[..., Any], start: Any, runners: Any, steps: int = 100) -> Race:
    """Lets optimizers descend on one function from one start, `steps` steps each.

    `runners` is a list, or a dict by name, of: a learning rate (plain gradient descent), text such as "Adam(lr=0.1)" (a class of
    `glassgrad.optim` with its options), or a function of the parameters that gives an optimizer. `f` and `start` are as for `descend`.
    A run stops as diverged when its loss is not finite or has grown past a million times its start.

    Raises ValueError for an unknown optimizer or option, and for a start outside f's domain.

    >>> import glassgrad as gg
    >>> from glassgrad.descent import race
    >>> r = race(lambda x: (x * x).sum(), [3.0, 1.0], [0.1, 0.4, "Adam(lr=0.3)"], steps=50)
    >>> r.winner.name, r.limit
    ('SGD(lr=0.4)', 1.0)
    """
    pairs = [_runner(None, r) for r in runners] if not isinstance(runners, Mapping) else [_runner(name, r) for name, r in runners.items()]
    if not pairs:
        raise ValueError("a race needs runners: learning rates, or optimizers such as 'Adam(lr=0.1)'")
    objective = Objective(f, start)
    first, _ = objective.value_and_gradient(objective.start)
    if not math.isfinite(first):
        raise ValueError(f"the function is {first} at the start: begin within its domain")
    runs = [_run(objective, name, make, steps, first) for name, make in pairs]
    runs.sort(key=lambda r: (not math.isfinite(r.losses[-1]) or r.stopped == "diverged", r.losses[-1] if math.isfinite(r.losses[-1]) else math.inf))
    curvatures = objective.curvatures(runs[0].path[-1].reshape(objective.start.shape)) if np.isfinite(runs[0].path[-1]).all() else None
    highest = float(curvatures[-1]) if curvatures is not None and curvatures.size else 0.0
    return Race(runs, 2 / highest if highest > 1e-300 else None, objective)


def _runner(name: str | None, given: Any) -> tuple[str, Callable[[list[Tensor]], Any]]:
    from .. import optim

    if isinstance(given, bool) or not (isinstance(given, (int, float, str)) or callable(given)):
        raise ValueError(f"a runner is a learning rate, text such as 'Adam(lr=0.1)', or a function of the parameters, not {given!r}")
    if isinstance(given, (int, float)):
        rate = float(given)
        return name or f"SGD(lr={rate:g})", lambda params: optim.SGD(params, lr=rate)
    if isinstance(given, str):
        kind, options = _parsed(given)
        return name or given, lambda params: kind(params, **options)
    return name or str(getattr(given, "__name__", "optimizer")), given


def _parsed(text: str) -> tuple[Any, dict[str, Any]]:
    """The class and the options in text such as `SGD(lr=0.1, momentum=0.9)`: names and plain values, nothing is evaluated."""
    from .. import optim

    try:
        node = ast.parse(text.strip(), mode="eval").body
        call = node if isinstance(node, ast.Call) else None
        name = (call.func if call is not None else node).id  # type: ignore[attr-defined]
        options = {k.arg: ast.literal_eval(k.value) for k in call.keywords} if call is not None else {}
        if call is not None and call.args or None in options:
            raise ValueError
    except (SyntaxError, AttributeError, ValueError):
        raise ValueError(f"{text!r} is no optimizer: write it as 'Adam(lr=0.1)'") from None
    kind = getattr(optim, name, None)
    if not isinstance(kind, type) or not issubclass(kind, optim.Optimizer):
        known = ", ".join(sorted(n for n, v in vars(optim).items() if isinstance(v, type) and issubclass(v, optim.Optimizer) and v is not optim.Optimizer))
        raise ValueError(f"there is no optimizer {name!r}; there are {known}")
    return kind, options  # type: ignore[return-value]


def _run(objective: Objective, name: str, make: Callable[[list[Tensor]], Any], steps: int, first: float) -> Runner:
    tensors = objective.tensors(objective.start)
    try:
        optimizer = make(tensors)
    except TypeError as error:
        raise ValueError(f"{name}: {error}") from None

    def at() -> np.ndarray:
        return np.concatenate([np.ravel(t.detach().numpy()) for t in tensors])

    def closure() -> Any:
        optimizer.zero_grad()
        y = objective.of(tensors)
        if y._needs:
            y.backward()
        return y

    path, losses, gradients, stopped = [at()], [first], [], "out of steps"
    for _ in range(steps):
        start = closure()
        gradients.append(_slope(tensors))
        if not np.any(gradients[-1]):
            stopped = "converged"
            break
        del start
        optimizer.step(closure)
        path.append(at())
        losses.append(float(objective.of(tensors).item()))
        if not math.isfinite(losses[-1]) or abs(losses[-1]) > 1e6 * max(1.0, abs(first)):
            stopped = "diverged"
            break
    if len(gradients) < len(path):
        closure()
        gradients.append(_slope(tensors))
    rates = {g.get("lr") for g in optimizer.param_groups if isinstance(g.get("lr"), float)}
    return Runner(name, np.array(path), np.array(losses), np.array(gradients), stopped, rates.pop() if len(rates) == 1 else None)


def _slope(tensors: list[Tensor]) -> np.ndarray:
    return np.concatenate([np.zeros(t.numel()) if t.grad is None else np.ravel(t.grad.numpy()) for t in tensors])
