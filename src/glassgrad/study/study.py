"""`study`: what a function is, where its gradient leads, and how that is known."""

from __future__ import annotations

import importlib.util
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..descent import Descent, descend
from ..recording import Tape
from . import symbolic
from .critical import KINKS, CriticalPoint, FlatSet, Search, at_a_kink, box_around, classify, kind_of_set, quadratic, sample, search
from .expression import Expression, parse
from .function import Function, StudyError, as_function, point_of
from .kind import Character, mark_global, sentences, settle

LARGEST = 1000  # variables: above this there is no Hessian, and no search for critical points


@dataclass
class Formula:
    """A formula three times: as text, as LaTeX, and as MathML, which browsers show."""

    text: str
    latex: str
    mathml: str


@dataclass
class PointStudy:
    """One point: coordinates, value, gradient with magnitude and direction, and the gradient as three ways give it.

    `ours` comes from backward, `sympy` from algebra (None where there was none), `finite_difference` from values alone;
    `disagreement` is the largest relative difference between them. `behaviour` says in words whether the function rises.
    `kinks` has the variables along which the slope jumps here, with the slope to the left and to the right (±inf where f itself jumps).
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
    kinks: dict[str, tuple[float, float]]


@dataclass
class Study:
    """Everything that was found out about a function; shows itself as text, Markdown, LaTeX, HTML, in Jupyter, and as pictures.

    `points` what holds at each point; `formula`, `gradient` and `hessian` as recorded from the executed code (None or empty where
    there is no algebra); `engine_agrees` whether the gradient that backward executed is SymPy's derivative, found out as `agreement`
    says; `character` what is known of the function as a whole; `critical` single critical points and `flat` whole lines and planes of
    them; `complete` whether these are all, `completeness` why, or how they were sought; `findings` all of it in sentences; `notes`
    what fell short; `box` the corners of the box that was searched; `descent` the run that was followed from the first point;
    `mistrusted` the points at which backward's gradient is not the slope that the values have, because a part of the function is
    hidden from the graph: then nothing is said that would follow from gradients; `unfounded` whether the formula is not the function
    everywhere, as `notes` say; `drawn` keeps the values that pictures share.

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
    agreement: str
    character: Character
    critical: list[CriticalPoint]
    flat: list[FlatSet]
    complete: bool
    completeness: str
    findings: list[str]
    notes: list[str]
    box: tuple[np.ndarray, np.ndarray]
    descent: Descent | None = None
    mistrusted: list[PointStudy] = field(default_factory=list)
    unfounded: bool = False
    drawn: dict[str, Any] = field(default_factory=dict, repr=False)

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
        from ..writing import write_atomically
        from .report import as_html

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


@np.errstate(all="ignore")
def study(f: Callable[..., Any] | str, at: Any, *, timeout: float = 10.0, reach: float = 10.0) -> Study:
    """Studies a function at a point or a list of points.

    `f` is a Python function of tensors, or arithmetic as text; `at` a number, an array, a tuple with one value an argument, a dict of
    names, or a list of such dicts or tuples. Critical points are sought exactly for polynomials, else by Newton's method from many
    starts within `reach` of the points and of 0. SymPy works in another process for at most `timeout` seconds, the search for about
    as long. All numbers are float64.

    Raises StudyError for a function or point that cannot be studied.

    >>> s = study("x**2", at={"x": 1.0})
    >>> s.points[0].behaviour
    'rises as x grows: slope 2'
    """
    for name, limit in (("timeout", timeout), ("reach", reach)):
        if not (isinstance(limit, (int, float)) and 0 < limit < math.inf):
            raise StudyError(f"{name}={limit!r} is not a positive number")
    if isinstance(f, str):
        f = parse(f)
    start = time.monotonic()
    function, places = _places(f, at)
    values = [function.value_and_gradient(p) for p in places]
    for p, (v, _) in zip(places, values):
        if not math.isfinite(v):
            raise StudyError(f"the function is {v} at {_named(function, p)}: choose a point of its domain")
        again = function.value(p)
        if again != v and not math.isclose(again, v, rel_tol=1e-9):
            raise StudyError(
                f"the function is not the same twice: {v:.6g}, then {again:.6g} at {_named(function, p)}; seed its random numbers inside it, or take them out"
            )
    answers, notes = _algebra(function, places, timeout)
    points = [_point(function, p, v, g, _at(answers, i)) for i, (p, (v, g)) in enumerate(zip(places, values))]
    mistrusted = [p for p in points if p.disagreement > 1e-3 and not p.kinks]
    known = {} if "unfounded" in answers or mistrusted else answers  # what may be said of the function as a whole
    small = function.size <= LARGEST and not mistrusted
    descent = _way_down(function, places[0], values[0][1], timeout / 10) if small else None
    low, high = box_around(places, reach)
    if mistrusted:
        found = Search([], [], low, high, how="not sought: backward's gradient is not the function's slope")
    else:
        hints = [descent.final] if descent is not None and np.isfinite(descent.final).all() else []
        found = _critical(function, known, places, hints, low, high, reach, max(timeout / 10, timeout - (time.monotonic() - start)))
    witnesses = [*places, *(c.place for c in found.points if not c.kink)]
    character = _character(function, known, places[0], sample(function, witnesses, low, high, timeout / 10) if small else {}, low, high)
    settle(character, found)
    mark_global(character, found.points, found.flat, found.complete)
    result = Study(
        function, points, _formula(answers.get("formula")), _formulas(answers.get("gradient", [])),
        [_formulas(row) for row in answers.get("hessian", [])], answers.get("engine_agrees"), answers.get("agreement", ""), character,
        found.points, found.flat, found.complete, found.how, [], [*notes, *found.notes], (found.low, found.high), descent, mistrusted,
        "unfounded" in answers,
    )  # fmt: skip
    result.findings = sentences(result)
    return result


def _places(f: Any, at: Any) -> tuple[Function, list[np.ndarray]]:
    """The function with its shapes, and every point of `at` flat."""
    if isinstance(at, list) and not at:
        raise StudyError("at=[] holds no point")
    if at is None:
        raise StudyError("a study needs a point: at=3.0, or at={'x': 3.0}")
    several = isinstance(at, list) and bool(at) and (
        all(isinstance(p, (dict, tuple)) for p in at) or isinstance(f, Expression) and len(f.names) == 1)  # fmt: skip
    wanted = [p[0] if isinstance(p, tuple) and len(p) == 1 else p for p in at] if several else [at]
    function, first = as_function(f, wanted[0])
    if function.size == 0:
        raise StudyError("the function has no variables: there is no gradient to study")
    return function, [first, *[point_of(function, p) for p in wanted[1:]]]


def _algebra(f: Function, places: list[np.ndarray], timeout: float) -> tuple[dict[str, Any], list[str]]:
    """SymPy's answers, and notes; "unfounded" among them means that the formula is not the function everywhere."""
    if f.size > symbolic.COMPONENTS:
        return {}, [f"no formulas for {f.size} variables (at most {symbolic.COMPONENTS}): the numbers stand by themselves"]
    try:
        program, tape = f.record(places[0])
    except StudyError:
        raise
    except Exception as error:  # noqa: BLE001 - a function that leaves tensors cannot be recorded, but can be studied by numbers
        why = (str(error) or type(error).__name__).splitlines()[0][:160]
        return {}, [f"the function could not be recorded, so there are no formulas ({why})"]
    if importlib.util.find_spec("sympy") is None:
        return {}, [symbolic.MISSING]
    checks = [p + d for p in places[:3] for d in _offsets(f.size)]
    answers = symbolic.ask(f, program, [b.taken for b in tape.branches], places, checks, timeout)
    notes = [f"{answers['cut']}; the numbers below stand by themselves"] if "cut" in answers else []
    return answers, notes + _doubts(f, answers, tape, checks)


def _offsets(n: int) -> np.ndarray:
    """A few steps away from a point, at which a formula is held against the function: small ones and large ones, either way."""
    return np.concatenate([scale * np.random.default_rng(0).uniform(-1, 1, (3, n)) for scale in (0.1, 1.0, 4.0)])


def _doubts(f: Function, answers: dict[str, Any], tape: Tape, checks: list[np.ndarray]) -> list[str]:
    """Why the formula, recorded at one point, may not be the function elsewhere. Sets answers["unfounded"] where there is a reason."""
    notes = []
    if tape.branches:
        taken = " and ".join(dict.fromkeys(answers.get("branches", []))) or "the recorded branch"
        notes.append(f"the function decides by a value (if): its formula holds where {taken}")
    if tape.looks:
        notes.append(f"the function took a value out of its tensors ({', '.join(dict.fromkeys(tape.looks))}): its formula holds at this point only")
    for x, shown in zip(checks, answers.get("checks", [])):
        true = f.value(x)
        if math.isfinite(true) and math.isfinite(shown) and abs(true - shown) > 1e-6 * max(1.0, abs(true)) and not notes:
            notes.append(f"the formula is not the function everywhere: at {_named(f, x)} the function is {true:.6g}, its formula {shown:.6g}")
    if notes:
        answers["unfounded"] = True
    return notes


def _at(answers: dict[str, Any], i: int) -> np.ndarray | None:
    return np.array(answers["values"][i], float) if "values" in answers else None


def _point(f: Function, x: np.ndarray, value: float, ours: np.ndarray, algebra: np.ndarray | None) -> PointStudy:
    numeric = f.finite_difference(x)
    size = math.hypot(*ours)
    scale = max(1.0, float(np.abs(ours).max(initial=0.0)))
    apart = [np.abs(ours - o) for o in (numeric, algebra) if o is not None]
    disagreement = max((float(a[np.isfinite(a)].max(initial=0.0)) for a in apart), default=0.0) / scale
    off = np.flatnonzero(np.abs(ours - numeric) > 1e-3 * scale)[:KINKS]  # (nan compares as False)
    suspects = sorted({*range(min(f.size, KINKS)), *map(int, off)}) if np.isfinite(ours).all() else []
    kinks = {f.symbols[i]: k for i in suspects if (k := f.kink(x, i)) is not None}
    direction = ours / size if size > 0 and math.isfinite(size) else None
    return PointStudy(x, value, ours, algebra, numeric, size, direction, _behaviour(f, ours, size, kinks), disagreement, kinks)


def _behaviour(f: Function, g: np.ndarray, size: float, kinks: dict[str, tuple[float, float]]) -> str:
    if kinks:
        name, (left, right) = next(iter(kinks.items()))
        more = f" (and along {', '.join(list(kinks)[1:6])})" if len(kinks) > 1 else ""
        given = f"backward gives {g[f.symbols.index(name)]:.6g}, by convention"
        if math.isinf(left) or math.isinf(right):
            return f"the function jumps here along {name}{more}: it has no derivative; {given}"
        return f"a kink along {name}{more}: slope {left + 0.0:.4g} to the left, {right + 0.0:.4g} to the right, so no derivative; {given}"
    if not np.isfinite(g).all():
        return "the gradient is not finite here"
    if size == 0:
        return "flat: the gradient is zero here"
    if f.size == 1:
        word = "rises" if g[0] > 0 else "falls"
        return f"{word} as {f.symbols[0]} grows: slope {g[0]:.6g}"
    steepest = ", ".join(f"{v:.4g}" for v in (g / size)[:12]) + (", …" if f.size > 12 else "")
    return f"rises fastest, at rate {size:.6g}, along ({steepest}); falls fastest the other way"


def _critical(
    f: Function, answers: dict[str, Any], places: list[np.ndarray], hints: list[np.ndarray], low: np.ndarray, high: np.ndarray, reach: float,
    seconds: float,
) -> Search:
    """Critical points: exact ones where algebra had all of them, else those that the numbers found."""
    flat = [_flat_set(f, s) for s in answers.get("flat_sets", [])]
    if "complete" in answers or answers.get("everywhere_flat"):
        points = [_exact_point(f, c) for c in answers.get("critical", [])]
        return Search(points, flat, low, high, complete=True, how=answers.get("complete", "the function is constant"))
    if f.size > LARGEST:
        return Search([], [], low, high, how=f"not sought: {f.size:,} variables are more than the {LARGEST:,} for which a Hessian is computed")
    if answers.get("constant_hessian"):
        return quadratic(f, low, high)
    found = search(f, places, reach, seconds, hints)
    if 1 < f.size <= KINKS and not found.points and hints and (tip := at_a_kink(f, hints[0])) is not None:
        found.points = [tip]
    if flat:
        found.flat, found.points = flat, [c for c in found.points if not c.degenerate]
    return found


def _exact_point(f: Function, c: dict[str, Any]) -> CriticalPoint:
    found = classify(f, np.array(c["place"], float))
    found.exact, found.exact_value = c["exact"], c["exact_value"]
    found.kind = c["kind"] or found.kind
    if math.isfinite(c["value"]):
        found.value = c["value"]
    return found


def _flat_set(f: Function, s: dict[str, Any]) -> FlatSet:
    places = [np.array(p, float) for p in s["places"]]
    return FlatSet([e["text"] for e in s["equations"]], [e["latex"] for e in s["equations"]], s["coefficients"], s["dimension"], s["affine"],
                   places[0], s["value"], kind_of_set(f, places))  # fmt: skip


def _character(f: Function, known: dict[str, Any], first: np.ndarray, seen: dict[str, Any], low: np.ndarray, high: np.ndarray) -> Character:
    constant = known.get("constant_gradient")
    if constant is None and _varies(f, first, low, high):
        constant = False
    return Character(
        f.symbols, known.get("degree"), constant, known.get("constant_hessian", False), known.get("hessian_eigenvalues"), known.get("convex"),
        known.get("convex_reason"), seen, known.get("domain"), known.get("ends", []), known.get("ends_known", False), known.get("leading"),
        _real_bounds(known.get("bounds", (-math.inf, math.inf))), known.get("everywhere_flat", False), known.get("family", []),
        known.get("kinked", False),
    )  # fmt: skip


def _real_bounds(found: Any) -> tuple[float, float]:
    low, high = found
    return -math.inf if math.isnan(low) else low, math.inf if math.isnan(high) else high


def _varies(f: Function, first: np.ndarray, low: np.ndarray, high: np.ndarray) -> bool:
    """Whether the gradient was seen to change: that it did not is no proof that it never does."""
    here = f.gradient(first)
    rng = np.random.default_rng(0)
    others = (f.gradient(rng.uniform(low, high)) for _ in range(20))
    return any(np.isfinite(g).all() and not np.allclose(g, here, rtol=1e-9, atol=1e-12) for g in others)


def _formula(shown: Any) -> Formula | None:
    return None if shown is None else Formula(**shown)


def _formulas(shown: Any) -> list[Formula]:
    return [Formula(**s) for s in shown]


def _named(f: Function, x: np.ndarray) -> str:
    shown = [f"{s}={v:g}" for s, v in zip(f.symbols, x)]
    return ", ".join(shown[:12]) + (", …" if len(shown) > 12 else "")


def _way_down(f: Function, x: np.ndarray, gradient: np.ndarray, seconds: float) -> Descent | None:
    """Where descent goes from the first point: a real run, with a rate that the curvature there bears, or a smaller one.

    A step too long can jump over a pole or into another valley: a run on which the value hardly ever rises is preferred.
    """
    if not np.isfinite(gradient).all():
        return None
    _, h = f.gradient_and_hessian(x)
    curved = float(np.abs(np.linalg.eigvalsh(h)).max()) if np.isfinite(h).all() else 0.0
    size = float(np.linalg.norm(gradient))
    longest = max(1.0, 1 / size) if size > 0 else 1.0  # a first step is no longer than 1, or than the gradient
    lr = min(0.5 / curved, longest) if curved > 1e-9 * size else 0.1 * longest
    until = time.monotonic() + seconds
    best: Descent | None = None
    for _ in range(7):
        run = descend(f.at_flat, x, lr=lr, steps=400, tolerance=1e-6 * min(1.0, size or 1.0))
        if run.stopped == "converged" or run.stopped == "out of steps" and "still falling" in run.reason:
            if np.diff(run.losses, append=run.losses[-1]).max() <= 0.2 * (run.losses[0] - run.losses.min()):
                return run  # to and fro across a kink is no harm
        if best is None or best.stopped == "diverged" or run.stopped != "diverged" and run.losses[-1] < best.losses[-1]:
            best = run
        lr /= 4
        if time.monotonic() > until:
            break
    return best
