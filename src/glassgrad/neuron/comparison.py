"""`compare`: the three ways to a neuron's weights on the same data, and whether they meet where theory says that they must."""

from __future__ import annotations

import html
import time
import warnings
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .adaline import Adaline
from .conventions import ConvergenceWarning
from .least_squares import LeastSquares
from .system import System, numbers, system

STEPS = 1_000_000  # of single samples, a second or two; the delta rule gets no more


@dataclass
class Way:
    """One way: the fitted estimator, its weights, mean squared error, epochs, seconds, and how it agrees with least squares.

    `path` (epochs + 1, features + 1) has the weights before each epoch and after the last, the intercept last, and is empty for the
    system of equations. `must` is whether theory says that it agrees; `distance` is ‖W − W*‖ / ‖W*‖.
    """

    name: str
    estimator: Any = field(repr=False)
    coef: np.ndarray
    intercept: float
    loss: float
    epochs: int
    seconds: float
    distance: float
    must: bool
    agrees: bool
    theory: str
    reason: str
    path: np.ndarray = field(repr=False)
    losses: np.ndarray = field(repr=False)

    @property
    def verdict(self) -> str:
        """In a word: yes; nearly, where single steps draw near and are within a hundredth; not yet, where epochs ran out on the way; no."""
        near = bool(getattr(self.estimator, "decay", 0.0))
        if self.agrees or (near and self.distance <= 0.01):
            return "yes" if self.agrees else "nearly"
        return "not yet" if (self.must or near) and getattr(self.estimator, "stopped_", "") == "out of epochs" else "no"


@dataclass
class Comparison:
    """The three ways side by side; iterable. `system` judges the equations, `tolerance` is the distance up to which weights agree."""

    ways: list[Way]
    system: System
    tolerance: float
    names: list[str]

    def __iter__(self) -> Any:
        return iter(self.ways)

    def __getitem__(self, i: Any) -> Way:
        return self.ways[i]

    def table(self, times: bool = True) -> list[list[str]]:
        """Rows of text, heads first; without the seconds if `times` is False."""
        shown = min(len(self.names), 6)
        heads = ["way", *self.names[:shown], *(["…"] if shown < len(self.names) else []), "b", "loss", "epochs", *(["time"] if times else []), "agrees"]
        rows = [heads]
        for way in self.ways:
            scale = max(float(np.abs([*way.coef, way.intercept]).max()), 1e-300)
            weights = [_weight(v, scale) for v in way.coef[:shown]] + (["…"] if shown < len(self.names) else []) + [_weight(way.intercept, scale)]
            agrees = "" if way is self.ways[0] else f"{way.verdict} ({way.distance:.1e})"
            rows.append([way.name, *weights, f"{way.loss:.4g}", f"{way.epochs}" if way.epochs else "", *([_time(way.seconds)] if times else []), agrees])
        return rows

    def verdicts(self) -> list[str]:
        """For each way, what theory says, and what came of it."""
        out = []
        if self.ways[0].distance > self.tolerance:
            out.append(f"{self.ways[0].name}: of infinitely many solutions the one of least ‖w‖, where descent from zero counts b too")
        for way in self.ways[1:]:
            no, yes = ("it does NOT", "as it does") if way.must else ("it does not", "it does all the same")
            met = {"yes": yes, "not yet": "it is under way", "nearly": "it does", "no": no}[way.verdict]
            out.append(f"{way.name}: {way.theory}; {met} (distance {way.distance:.1e}); {way.reason}")
        return out

    def text(self, times: bool = True) -> str:
        """The table and what is to be said of it."""
        rows = self.table(times)
        widths = [max(len(r[i]) for r in rows) for i in range(len(rows[0]))]
        lines = ["  ".join([r[0].ljust(widths[0]), *(c.rjust(n) for c, n in zip(r[1:], widths[1:]))]).rstrip() for r in rows]
        return "\n".join([*lines, "", *self.verdicts()])

    def __str__(self) -> str:
        return self.text()

    __repr__ = __str__

    def _repr_html_(self) -> str:
        head, *rows = self.table()
        cells = lambda r, tag: "<tr>" + "".join(f"<{tag} style='text-align:right'>{html.escape(c)}</{tag}>" for c in r) + "</tr>"
        return f"<table>{cells(head, 'th')}{''.join(cells(r, 'td') for r in rows)}</table>" + "".join(f"<p>{html.escape(v)}</p>" for v in self.verdicts())

    def plot(self, ax: Any = None) -> Any:
        """The loss by epoch on `ax`; without one on a new figure, beside the weights' way to the solution. Returns the axes."""
        from .pictures import plot_comparison

        return plot_comparison(self, ax)


def _weight(v: float, scale: float) -> str:
    return f"{v:.4g}" if abs(v) > 1e-6 * scale else "0"


def _time(seconds: float) -> str:
    return f"{seconds * 1e6:.0f} µs" if seconds < 1e-3 else f"{seconds * 1e3:.3g} ms" if seconds < 1 else f"{seconds:.3g} s"


def compare(
    X: Any, y: Any, *, learning_rate: Any = "auto", max_iter: int = 20_000, tol: float = 1e-10, fit_intercept: bool = True, random_state: Any = 0,
    tolerance: float = 1e-5,
) -> Comparison:  # fmt: skip
    """Finds a linear neuron's weights in three ways on the same data: the system of equations, the delta rule, backpropagation.

    The system is solved by least squares; the delta rule steps after each sample (Adaline with batch_size=1, at a rate that decays when the
    equations are inconsistent); backpropagation steps along the gradient of the mean over all samples. Where theory says that they meet is
    checked, up to ‖W − W*‖ ≤ `tolerance` · ‖W*‖: backpropagation reaches the least squares for α below 2/λmax, the delta rule for α below
    2/λmax of the longest sample where the equations are consistent; both within the row space, where they have many solutions.
    The delta rule takes at most 1,000,000 steps.
    X: (samples, features), an array, a list or a DataFrame; y: (samples,).

    Raises ValueError for data that does not fit. Source: Widrow and Hoff (1960); Rumelhart, Hinton and Williams (1986); Tanabe, Projection
    method for solving a singular system, Numerische Mathematik 17 (1971), for single samples.

    >>> from glassgrad.neuron import compare
    >>> found = compare([[1, 1], [2, 3], [1, 2], [3, 1], [2, 4], [3, 2], [4, 1]], [2, 5, 3, 4, 6, 5, 5])
    >>> [(way.name, way.coef.round(5).tolist(), abs(round(way.intercept, 5)), way.agrees) for way in found]  # doctest: +NORMALIZE_WHITESPACE
    [('system of equations', [1.0, 1.0], 0.0, True), ('delta rule', [1.0, 1.0], 0.0, True), ('backpropagation', [1.0, 1.0], 0.0, True)]
    """
    judged = system(X, y, fit_intercept=fit_intercept)
    names = list(judged.names[:-1] if fit_intercept else judged.names)
    X, y = numbers(X, "X", 2), numbers(y, "y", 1)
    settings: dict[str, Any] = dict(learning_rate=learning_rate, max_iter=max_iter, tol=tol, fit_intercept=fit_intercept, random_state=random_state)
    steps = max(10, STEPS // len(y))
    online = Adaline(batch_size=1, **{**settings, "max_iter": min(max_iter, steps)})
    if not judged.consistent:
        # α/(1 + decay·t) has to fall no faster than the flattest direction learns, 2ασ² an epoch
        longest = float(np.einsum("ij,ij->i", X, X).max()) + bool(fit_intercept)
        rate = 0.5 / longest if learning_rate == "auto" else float(learning_rate)
        online.decay = min(1.0, rate * float(judged.singular_values[max(judged.rank - 1, 0)]) ** 2)
    ways: list[tuple[str, Any]] = [
        ("system of equations", LeastSquares(fit_intercept=fit_intercept)),
        ("delta rule", online),
        ("backpropagation", Adaline(**settings)),
    ]
    # the shortest solution, the intercept counted: what descent from zero tends to
    best = np.append(judged.coef, judged.intercept)
    out: list[Way] = []
    for name, estimator in ways:
        path: list[np.ndarray] = []
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # said in the table
            start = time.perf_counter()
            if isinstance(estimator, Adaline):
                estimator._fit(X, y, watch=path.append)
            else:
                estimator.fit(X, y)
            seconds = time.perf_counter() - start
        found = np.append(estimator.coef_, estimator.intercept_)
        distance = float(np.linalg.norm(found - best) / max(float(np.linalg.norm(best)), 1e-300))
        must, theory = _theory(estimator, judged)
        out.append(Way(
            name, estimator, estimator.coef_, float(estimator.intercept_), float(np.mean((X @ estimator.coef_ + estimator.intercept_ - y) ** 2)),
            getattr(estimator, "n_iter_", 0), seconds, distance, must, distance <= tolerance, theory, getattr(estimator, "reason_", ""),
            np.array(path), np.array(getattr(estimator, "loss_curve_", [])),
        ))  # fmt: skip
    return Comparison(out, judged, tolerance, names)


def _theory(estimator: Any, judged: System) -> tuple[bool, str]:
    """Whether a way must meet the least squares, and why."""
    if not isinstance(estimator, Adaline):
        return judged.solutions != "infinitely many", "it is the least squares"
    limit, rate = estimator._limit.value, estimator.learning_rate_
    below = rate < limit
    sign = f"α = {rate:.3g} is {'below' if below else 'not below'} {estimator._limit.words} = {limit:.3g}"
    if not below:
        return False, f"{sign}, so that it need not meet the least squares"
    if estimator.batch_size == 1 and not judged.consistent:
        return False, f"the equations are inconsistent, so that single steps only draw near to the least squares as α decays ({sign} at first)"
    return True, f"{sign}{' and the equations are consistent' if estimator.batch_size == 1 else ''}, so that it must meet the least squares"
