"""`study`: what a function is, where its gradient leads, and how that is known."""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..descent import Descent, descend
from . import symbolic
from .critical import CriticalPoint, FlatSet, classify, negative_curvature, search
from .function import Function, StudyError, as_function, point_of
from .kind import Character, sentences


@dataclass
class Formula:
    """A formula twice: as text and as LaTeX."""

    text: str
    latex: str


@dataclass
class PointStudy:
    """One point: coordinates, value, gradient with magnitude and direction, and the gradient as three ways give it.

    `ours` comes from backward, `sympy` from algebra (None where there was none), `finite_difference` from values alone;
    `disagreement` is the largest relative difference between them. `behaviour` says in words whether the function rises.
    """

    place: np.ndarray
    value: float
    ours: np.ndarray
    sympy: np.ndarray | None
    finite_difference: np.ndarray
    magnitude: float
    direction: np.ndarray | None
    behaviour: str
    disagreement: float


@dataclass
class Study:
    """Everything that was found out about a function; shows itself as text, Markdown, LaTeX, HTML, in Jupyter, and as pictures.

    >>> s = study(lambda x: 3 * x**2 - 2 * x + 5, at=3.0)
    >>> s.points[0].ours.tolist(), [c.kind for c in s.critical]
    ([16.0], ['minimum'])
    """

    function: Function
    points: list[PointStudy]
    formula: Formula | None
    gradient: list[Formula]
    hessian: list[list[Formula]]
    engine_agrees: bool | None
    character: Character
    critical: list[CriticalPoint]
    flat: list[FlatSet]
    complete: bool
    completeness: str
    findings: list[str]
    notes: list[str]
    box: tuple[np.ndarray, np.ndarray]
    descent: Descent | None = None
    _figures: dict[str, Any] = field(default_factory=dict, repr=False)

    @property
    def symbols(self) -> tuple[str, ...]:
        """The names of the flat coordinates."""
        return self.function.symbols

    def __str__(self) -> str:
        from .report import as_text

        return as_text(self)

    def to_markdown(self) -> str:
        """The study as Markdown with LaTeX formulas."""
        from .report import as_markdown

        return as_markdown(self)

    def to_latex(self) -> str:
        """Formula, gradient and Hessian as LaTeX."""
        from .report import as_latex

        return as_latex(self)

    def to_html(self, path: Any = None) -> str:
        """The study as one self-contained HTML page; written to `path` atomically where one is given."""
        from .report import as_html, write_atomically

        page = as_html(self)
        if path is not None:
            write_atomically(path, page)
        return page

    def _repr_html_(self) -> str:
        from .report import as_fragment

        return as_fragment(self)

    def plot(self, ax: Any = None) -> Any:
        """The picture of the function: a curve with its tangent, or contours with gradient, minimum and descent."""
        from .pictures import plot_study

        return plot_study(self, ax)


def study(f: Callable[..., Any] | str, at: Any, *, timeout: float = 10.0, reach: float = 10.0) -> Study:
    """Studies a function at a point or a list of points.

    `f` is a Python function of tensors, or arithmetic as text; `at` a number, a dict of names, an array, or a list of dicts (or, for
    one argument, of numbers). Critical points are sought exactly for polynomials, else by Newton's method from many starts within
    `reach` of the points. SymPy works in another process for at most `timeout` seconds. All numbers are float64.

    Raises StudyError for a function or point that cannot be studied.

    >>> s = study("x**2", at={"x": 1.0})
    >>> s.points[0].behaviour
    'rises as x grows: slope 2'
    """
    if isinstance(f, str):
        from .expression import parse

        f = parse(f)
    wanted = _points(f, at)
    function, first = as_function(f, wanted[0])
    places = [first, *[point_of(function, p) for p in wanted[1:]]]
    if function.size == 0:
        raise StudyError("the function has no variables: there is no gradient to study")
    values = [function.value_and_gradient(p) for p in places]
    for p, (v, _) in zip(places, values):
        if not math.isfinite(v):
            raise StudyError(f"the function is {v} at {_named(function, p)}: choose a point of its domain")
    notes: list[str] = []
    answers, branches = _algebra(function, first, places, timeout)
    if branches:
        notes.append(f"the function decided {len(branches)} time(s) by a value (if): its formula holds on this branch only")
    if "cut" in answers:
        notes.append(f"{answers['cut']}; the numbers below stand by themselves")
    points = [_point(function, p, v, g, _at(answers, i)) for i, (p, (v, g)) in enumerate(zip(places, values))]
    critical, flat, complete, how, box, starts = _critical(function, answers, places, reach)
    curvature = negative_curvature(function, places, *box) if answers.get("constant_hessian") is not True else {}
    character = Character(
        symbols=function.symbols, degree=answers.get("degree"), constant_gradient=_constant_gradient(function, answers, places, box),
        constant_hessian=bool(answers.get("constant_hessian", False)), eigenvalues=answers.get("hessian_eigenvalues"),
        convex=answers.get("convex"), curvature=curvature, limits=(answers.get("limit_minus"), answers.get("limit_plus")),
        leading=answers.get("leading"), everywhere_flat=bool(answers.get("everywhere_flat", False)),
        lower_bound=answers.get("lower_bound"),
    )  # fmt: skip
    _mark_global(function, character, critical, flat, complete)
    if not flat and complete and not critical and character.everywhere_flat:
        how = "every point is critical: the function is constant"
    found = Study(
        function, points, _formula(answers.get("formula")), [_formula(g) for g in answers.get("gradient", [])],  # type: ignore[misc]
        [[_formula(h) for h in row] for row in answers.get("hessian", [])],  # type: ignore[misc]
        answers.get("engine_agrees"), character, critical, flat, complete, how, [], notes, box,
    )  # fmt: skip
    found.descent = _way_down(function, places[0], values[0])
    found.findings = sentences(found)
    return found


def _points(f: Any, at: Any) -> list[Any]:
    """`at` as a list of points: a list of dicts, or for one scalar argument a list of numbers, holds several."""
    if isinstance(at, list) and at and (all(isinstance(p, dict) for p in at)):
        return at
    if at is None:
        raise StudyError("a study needs a point: at=3.0, or at={'x': 3.0}")
    return [at]


def _algebra(function: Function, first: np.ndarray, places: list[np.ndarray], timeout: float) -> tuple[dict[str, Any], list[bool]]:
    """SymPy's answers, and the branches that recording ran through."""
    if function.size > symbolic.COMPONENTS:
        return {"cut": f"no formulas for {function.size} variables (at most {symbolic.COMPONENTS})"}, []
    try:
        program, branches = function.record(first)
    except StudyError:
        raise
    except Exception as error:  # noqa: BLE001 - a function that leaves tensors cannot be recorded, but can be studied by numbers
        return {"cut": f"the function could not be recorded ({type(error).__name__}: {str(error).splitlines()[0][:120]})"}, []
    if importlib.util.find_spec("sympy") is None:
        return {"cut": 'SymPy is not installed: pip install "glassgrad[see]" adds formulas and exact points'}, branches
    return symbolic.ask(function, program, places, timeout), branches


def _at(answers: dict[str, Any], i: int) -> np.ndarray | None:
    return np.array(answers["values"][i], float) if "values" in answers else None


def _point(f: Function, x: np.ndarray, value: float, ours: np.ndarray, algebra: np.ndarray | None) -> PointStudy:
    numeric = f.finite_difference(x)
    size = float(np.linalg.norm(ours))
    scale = max(1.0, float(np.abs(ours).max(initial=0.0)))
    others = [numeric] + ([] if algebra is None else [algebra])
    disagreement = max(float(np.abs(ours - o).max(initial=0.0)) for o in others) / scale
    return PointStudy(x, value, ours, algebra, numeric, size, ours / size if size > 0 else None, _behaviour(f, ours, size), disagreement)


def _behaviour(f: Function, g: np.ndarray, size: float) -> str:
    if not np.isfinite(g).all():
        return "the gradient is not finite here"
    if size == 0:
        return "flat: the gradient is zero here"
    if f.size == 1:
        word = "rises" if g[0] > 0 else "falls"
        return f"{word} as {f.symbols[0]} grows: slope {g[0]:.6g}"
    steepest = ", ".join(f"{v:.4g}" for v in g / size)
    return f"rises fastest, at rate {size:.6g}, along ({steepest}); falls fastest the other way"


def _critical(f: Function, answers: dict[str, Any], places: list[np.ndarray], reach: float) -> Any:
    """Critical points: exact ones where algebra had all of them, else those that the numbers found."""
    stack = np.array(places)
    box = (np.minimum(stack.min(0), 0) - reach, np.maximum(stack.max(0), 0) + reach)
    flat = [
        FlatSet([e["text"] for e in s["equations"]] if s.get("equations") else [], [e["latex"] for e in s.get("equations", [])],
                s["coefficients"], s["dimension"], s["affine"], None if s["place"] is None else np.array(s["place"]),
                s["value"] if s["value"] is not None else math.nan, "")
        for s in answers.get("flat_sets", [])
    ]  # fmt: skip
    if answers.get("complete"):
        critical = []
        for c in answers.get("critical", []):
            place = np.array(c["place"])
            found = classify(f, place)
            found.exact, found.exact_value = c["exact"], c["exact_value"]
            if c["kind"]:
                found.kind = c["kind"]
            critical.append(found)
        for s in flat:
            s.kind = _kind_of_set(f, s)
        return critical, flat, True, "these are all of them: the function is a polynomial and its equations were solved exactly", box, 0
    critical, numeric_sets, box, starts = search(f, places, reach)
    for s in flat:
        s.kind = _kind_of_set(f, s)
    flat = flat or numeric_sets
    if flat and f.size > 1:
        critical = [c for c in critical if not c.degenerate]
    window = " × ".join(f"[{a:g}, {b:g}]" for a, b in zip(*box)) if f.size <= 3 else f"the box within {reach:g} of the points"
    if f.size == 1:
        how = f"found by scanning the derivative on {starts:,} points of {window}: outside it, or between two of them, there may be more"
    else:
        how = f"found by Newton's method from {starts} starts in {window}: there may be more"
    return critical, flat, False, how, box, starts


def _kind_of_set(f: Function, s: FlatSet) -> str:
    """Whether the function is lowest or highest on a whole set: by the Hessian and values at one of its points."""
    if s.place is None or not np.isfinite(s.place).all():
        return "critical points"
    _, h = f.gradient_and_hessian(s.place)
    w = np.linalg.eigvalsh(h)
    slack = 1e-9 * max(1.0, float(np.abs(w).max()))
    if (w >= -slack).all() and (w > slack).any():
        return "minimum"
    if (w <= slack).all() and (w < -slack).any():
        return "maximum"
    return classify(f, s.place).kind


def _constant_gradient(f: Function, answers: dict[str, Any], places: list[np.ndarray], box: Any) -> bool | None:
    """True or False where known; None where only a sample says that it looks constant."""
    if "constant_gradient" in answers:
        return bool(answers["constant_gradient"])
    first = f.gradient(places[0])
    rng = np.random.default_rng(0)
    for _ in range(20):
        g = f.gradient(rng.uniform(*box))
        if np.isfinite(g).all() and not np.allclose(g, first, rtol=1e-9, atol=1e-12):
            return False
    return None


def _mark_global(f: Function, c: Character, critical: list[CriticalPoint], flat: list[FlatSet], complete: bool) -> None:
    """Says of each extremum whether it is global, where that follows from convexity or from growth at infinity."""
    sets: list[Any] = [*critical, *flat]
    lowest = min((s.value for s in sets if s.kind == "minimum"), default=None)
    highest = max((s.value for s in sets if s.kind == "maximum"), default=None)
    up, down = c.grows_up, c.grows_down
    for s in sets:
        if s.kind == "minimum" and lowest is not None:
            bound = c.lower_bound
            if c.convexity == "convex" or bound is not None and s.value <= bound + 1e-12 * max(1.0, abs(bound)):
                s.is_global = True
            elif down is True:
                s.is_global = False
            elif complete and down is False and c.bounded_growth:
                s.is_global = bool(s.value <= lowest + 1e-12 * max(1.0, abs(lowest)))
        if s.kind == "maximum" and highest is not None:
            if c.convexity == "concave":
                s.is_global = True
            elif up is True:
                s.is_global = False
            elif complete and up is False and c.bounded_growth:
                s.is_global = bool(s.value >= highest - 1e-12 * max(1.0, abs(highest)))


def _formula(shown: Any) -> Formula | None:
    return None if shown is None else Formula(shown["text"], shown["latex"])


def _named(f: Function, x: np.ndarray) -> str:
    return ", ".join(f"{s}={v:g}" for s, v in zip(f.symbols, x))


def _way_down(f: Function, x: np.ndarray, at: tuple[float, np.ndarray]) -> Descent | None:
    """Where descent goes from the first point: a real run, with a rate that the curvature there bears."""
    if not np.isfinite(at[1]).all():
        return None

    def flat_function(t: Any) -> Any:
        parts, start = [], 0
        for shape in f.shapes:
            n = int(np.prod(shape))
            parts.append(t[start : start + n].reshape(shape) if shape else t[start])
            start += n
        return f._output(parts)

    _, h = f.gradient_and_hessian(x)
    curved = float(np.abs(np.linalg.eigvalsh(h)).max()) if np.isfinite(h).all() else 0.0
    lr = min(0.5 / curved, 1.0) if curved > 1e-9 else 0.1
    best = None
    for _ in range(6):
        best = descend(flat_function, x, lr=lr, steps=400, tolerance=1e-6)
        if best.stopped == "converged" or (best.stopped == "out of steps" and best.losses[-1] <= best.losses[0]):
            break
        lr /= 4
    return best
