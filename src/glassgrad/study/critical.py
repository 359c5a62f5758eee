"""Critical points by numbers: many starts of Newton's method on our own gradient and Hessian, each answer verified.

In one variable the derivative is scanned for changes of sign, so that no simple root in the window is missed by its grid; in
several a damped Newton iteration (Nocedal and Wright, Numerical Optimization, 2006, chapter 11) runs from quasi-random starts.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .function import Function

GRID = 1601
STARTS = 2000
QUIET = 60  # starts in a row that find nothing new, after which the search ends
EMPTY = 180  # the same while nothing at all has been found
STEPS = "it is a step function"
KINKS = 100  # variables along which a kink is looked for
MOST = 60  # points, after which the search ends: a reader has no use for more


@dataclass
class CriticalPoint:
    """A place where the gradient is zero (or, at a kink, changes sign without being defined).

    `place` flat coordinates, `value` f there, `kind` one of minimum, maximum, saddle, inflection, flat, `exact` exact coordinates
    where algebra has them, `eigenvalues` of the Hessian, `degenerate` whether the Hessian alone could not decide, `is_global` True,
    False, or None where it is not known, `kink` whether the derivative jumps there, `strict` whether it is alone, with no value
    around it the same, `residual` ‖∇f‖ at the place.
    """

    place: np.ndarray
    value: float
    kind: str
    exact: list[str | None] = field(default_factory=list)
    exact_value: str | None = None
    eigenvalues: np.ndarray = field(default_factory=lambda: np.empty(0))
    degenerate: bool = False
    is_global: bool | None = None
    kink: bool = False
    strict: bool = False
    residual: float = 0.0


@dataclass
class FlatSet:
    """A whole line, plane or curve of critical points: its equations, one of its points, the value on it.

    An interval has its ends in `interval`; `cut` says where the search saw no end of it, as it reaches the edge of the window.
    """

    equations: list[str]
    latex: list[str]
    coefficients: list[list[float]]
    dimension: int
    affine: bool
    place: np.ndarray | None
    value: float
    kind: str
    is_global: bool | None = None
    cut: str = ""
    interval: tuple[float, float] | None = None

    @property
    def word(self) -> str:
        """interval, line, plane, …"""
        if self.interval is not None:
            return "interval"
        if not self.affine:
            return "curve" if self.dimension == 1 else "surface"
        return {1: "line", 2: "plane"}.get(self.dimension, f"{self.dimension}-dimensional plane")


def classify(f: Function, x: np.ndarray) -> CriticalPoint:
    """What kind of critical point stands at x: by the Hessian, and where that is singular by values around."""
    value = f.value(x)
    g, h = f.gradient_and_hessian(x)
    eigenvalues = np.linalg.eigvalsh(h) if np.isfinite(h).all() else np.full(f.size, math.nan)
    tiny = 1e-7 * np.abs(eigenvalues).max(initial=0.0)
    found = CriticalPoint(x, value, "", eigenvalues=eigenvalues, residual=float(np.linalg.norm(g)))
    if (eigenvalues > tiny).all():
        found.kind = "minimum"
    elif (eigenvalues < -tiny).all():
        found.kind = "maximum"
    elif (eigenvalues > tiny).any() and (eigenvalues < -tiny).any():
        found.kind = "saddle"
    else:
        found.degenerate = True
        found.kind = _by_values(f, x, value)
        found.kink = f.size <= KINKS and any(f.kink(x, i) for i in range(f.size))
    found.strict = not found.degenerate or found.kink and f.size > 1 and _alone(f, x, value)
    return found


def _directions(n: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    directions = np.array([[1.0], [-1.0]]) if n == 1 else np.concatenate([np.eye(n), -np.eye(n), rng.standard_normal((64, n))])
    return directions / np.linalg.norm(directions, axis=1, keepdims=True)


def _alone(f: Function, x: np.ndarray, value: float) -> bool:
    """Whether the values around a minimum at a kink are all larger, as they are not on a flat."""
    return all(f.value(x + 1e-2 * (1 + float(np.abs(x).max())) * d) > value + 1e-12 * abs(value) for d in _directions(f.size))


def _by_values(f: Function, x: np.ndarray, value: float) -> str:
    """The kind of a point by the values on small spheres around it, where second derivatives do not decide."""
    n, directions = f.size, _directions(f.size)
    above = below = False
    for radius in (1e-2, 1e-1):
        around = np.array([f.value(x + radius * max(1.0, float(np.abs(x).max(initial=0.0))) * d) for d in directions])
        noise = 1e-13 * max(float(np.abs(around).max()), abs(value))
        above, below = above or bool((around - value > noise).any()), below or bool((around - value < -noise).any())
        if above and below:
            return "inflection" if n == 1 else "saddle"
    return "minimum" if above else "maximum" if below else "flat"


def kind_of_set(f: Function, places: Sequence[np.ndarray]) -> str:
    """The kind that all of a set's points have, judged at some of them; "mixed" where they differ."""
    kinds = {classify(f, p).kind for p in places}
    return kinds.pop() if len(kinds) == 1 else "mixed"


@dataclass
class Search:
    """What a search found: points, flat sets, the box that it looked in, how many starts it made, what it noticed.

    `complete` whether these are all, and `how` that is known, or else how they were sought.
    """

    points: list[CriticalPoint]
    flat: list[FlatSet]
    low: np.ndarray
    high: np.ndarray
    starts: int = 0
    notes: list[str] = field(default_factory=list)
    complete: bool = False
    how: str = ""


def box_around(points: Sequence[np.ndarray], reach: float) -> tuple[np.ndarray, np.ndarray]:
    """The box that holds the points and the origin with `reach` to spare."""
    stack = np.array(points)
    return np.minimum(stack.min(0), 0) - reach, np.maximum(stack.max(0), 0) + reach


def search(
    f: Function, points: Sequence[np.ndarray], reach: float = 10.0, seconds: float = 10.0, hints: Sequence[np.ndarray] = ()
) -> Search:
    """The critical points in the box around the points; where it holds none, in one ten times as wide. No start after `seconds`.

    `hints` are places near which there may be one: they are tried first.
    """
    until = time.monotonic() + seconds
    found = _search_box(f, points, hints, *box_around(points, reach), until)
    steps = [n for n in found.notes if n.startswith(STEPS)]
    if steps and not found.points:
        found.notes, found.how = [], f"not sought: {steps[0]}"
        return found
    if not (found.points or found.flat or time.monotonic() > until):
        wide = _search_box(f, points, hints, *box_around(points, 10 * reach), min(until, time.monotonic() + seconds / 5))
        found = wide if wide.points or wide.flat else Search([], [], wide.low, wide.high, found.starts + wide.starts, found.notes)
    found.how = _how(f, found, points[0])
    return found


def _how(f: Function, found: Search, first: np.ndarray) -> str:
    """How the points were sought, to stand after "found by"."""
    if f.size == 1:
        return f"scanning the derivative at {found.starts:,} points of [{found.low[0]:g}, {found.high[0]:g}]"
    box = " × ".join(f"[{a:g}, {b:g}]" for a, b in zip(found.low, found.high))
    if f.size > 3:
        box = f"the box within {np.max(found.high - first):g} of the point"
    return f"Newton's method from {found.starts:,} starts in {box}"


def quadratic(f: Function, low: np.ndarray, high: np.ndarray) -> Search:
    """The critical points of a function whose Hessian is known to be constant: H·x = H·0 - ∇f(0), by linear algebra to rounding."""
    origin = np.zeros(f.size)
    g, h = f.gradient_and_hessian(origin)
    w, v = np.linalg.eigh(h)
    null = np.abs(w) <= 1e-10 * np.abs(w).max()
    why = "its Hessian is constant, so its gradient is zero where a system of linear equations holds, which was solved to rounding"
    if np.linalg.norm(v[:, null].T @ g) > 1e-9 * max(1.0, float(np.linalg.norm(g))):
        return Search([], [], low, high, complete=True, how=why)
    x = -v[:, ~null] @ ((v[:, ~null].T @ g) / w[~null])
    point = classify(f, _rounded(f, x))
    if not null.any():
        return Search([point], [], low, high, complete=True, how=why)
    kind = "minimum" if (w[~null] > 0).all() else "maximum" if (w[~null] < 0).all() else "saddle"
    rows = _tidied(v[:, ~null].T, x)
    plane = FlatSet([_equation(r, f.symbols) for r in rows], [], rows, int(null.sum()), True, x, point.value, kind)
    return Search([], [plane], low, high, complete=True, how=why)


def _search_box(
    f: Function, points: Sequence[np.ndarray], hints: Sequence[np.ndarray], low: np.ndarray, high: np.ndarray, until: float
) -> Search:
    if f.size == 1:
        points_found, intervals, count, notes = _scan(f, float(low[0]), float(high[0]), until)
        return Search(points_found, intervals, low, high, count, notes)
    found: list[CriticalPoint] = []
    used = quiet = 0
    cut: list[str] = []
    near = [np.array([*hints, *points]), _spread(QUIET, points[0] - (high - low) / 8, points[0] + (high - low) / 8)]
    close = sum(map(len, near))
    for start in np.concatenate([*near, _spread(STARTS, low, high)]):
        many = sum(bool((c.place >= low).all() and (c.place <= high).all()) for c in found) >= MOST
        if time.monotonic() > until or many:
            cut = [f"the search for critical points was stopped when {f'{MOST} were found' if many else 'its time was over'}"]
            break
        quiet = 0 if used == close else quiet
        if used > close and quiet >= (QUIET if found else EMPTY) or sum(c.degenerate for c in found) > 24:  # (a continuum: more of it says nothing new)
            break
        used, quiet = used + 1, quiet + 1
        x = newton(f, start, low, high, until)
        if x is None:
            continue
        c = classify(f, _rounded(f, x))
        same = next((i for i, o in enumerate(found) if _same(o, c)), None)
        if same is None:
            found.append(c)
            quiet = 0
        elif c.residual < found[same].residual:
            found[same] = c
    flat, kept, notes = flat_sets(f, found, low, high)
    kept = [c for c in kept if (c.place >= low).all() and (c.place <= high).all()]
    centre = points[0]
    return Search(sorted(kept, key=lambda c: (float(np.linalg.norm(c.place - centre)), c.value)), flat, low, high, used, notes + cut)


def _same(a: CriticalPoint, b: CriticalPoint) -> bool:
    near = 1e-3 if a.degenerate and b.degenerate else 1e-6
    return bool(np.linalg.norm(a.place - b.place) < near * (1 + np.linalg.norm(a.place)))


def _rounded(f: Function, x: np.ndarray) -> np.ndarray:
    """x with its coordinates rounded to six places, where the gradient is no larger there."""
    near = np.round(x, 6) + 0.0
    return near if np.linalg.norm(f.gradient(near)) <= np.linalg.norm(f.gradient(x)) else x


def _spread(n: int, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """n points spread evenly over a box, without randomness: Roberts' additive recurrence on the generalised golden ratio."""
    dims = low.size
    ratio = 2.0
    for _ in range(40):
        ratio = (1 + ratio) ** (1 / (dims + 1))
    steps = (1 / ratio) ** np.arange(1, dims + 1)
    unit = (0.5 + np.outer(np.arange(1, n + 1), steps)) % 1
    return low + unit * (high - low)


def newton(f: Function, start: np.ndarray, low: np.ndarray, high: np.ndarray, until: float = math.inf, steps: int = 60) -> np.ndarray | None:
    """A zero of the gradient near `start`, or None: Newton steps, halved until ‖∇f‖ falls.

    Where it creeps, as it does toward a zero of higher order, steps of two to four times the length are tried.
    """
    x = np.array(start, float)
    width = high - low
    g, h = f.gradient_and_hessian(x)
    size = float(np.linalg.norm(g))
    for _ in range(steps):
        if not (np.isfinite(g).all() and np.isfinite(h).all()):
            return None
        if size == 0 or time.monotonic() > until:
            break
        step = -np.linalg.lstsq(h, g, rcond=1e-12)[0]
        length = float(np.linalg.norm(step))
        step *= min(1.0, float(np.linalg.norm(width)) / 4 / length) if length else 1.0
        t, y, after = _shortened(f, x, step, size)
        if y is None:
            break
        if t == 1.0 and after > 0.05 * size:
            for longer in (2.0, 3.0, 4.0):
                z = x + longer * step
                further = float(np.linalg.norm(f.gradient(z)))
                if further < after:
                    y, after = z, further
        moved = float(np.linalg.norm(y - x))
        x = y
        if (x < low - width / 2).any() or (x > high + width / 2).any():
            return None
        g, h = f.gradient_and_hessian(x)
        size = float(np.linalg.norm(g))
        if moved < 1e-15 * (1 + np.linalg.norm(x)):
            break
    return x if verified(x, g, h) and _stands_out(f, x, size, h) else None


def _stands_out(f: Function, x: np.ndarray, size: float, h: np.ndarray) -> bool:
    """Whether the gradient at x is far smaller than around it; at a kink, where the Hessian is huge, Newton's step does not tell."""
    if size == 0:
        return True
    directions = [np.linalg.eigh(h)[1][:, -1], np.linalg.eigh(h)[1][:, 0]]
    d = 1e-2 * (1 + float(np.abs(x).max()))
    around = [np.linalg.norm(f.gradient(x + s * d * v)) for v in directions for s in (1, -1)]
    return bool(size <= 1e-3 * max(around))


def _shortened(f: Function, x: np.ndarray, step: np.ndarray, size: float) -> tuple[float, np.ndarray | None, float]:
    """The first of t = 1, ½, ¼, … at which ‖∇f(x + t·step)‖ is smaller than it was."""
    t = 1.0
    while t > 1e-6:
        y = x + t * step
        after = float(np.linalg.norm(f.gradient(y)))
        if after < (1 - 1e-4 * t) * size:
            return t, y, after
        t /= 2
    return t, None, size


def verified(x: np.ndarray, g: np.ndarray, h: np.ndarray) -> bool:
    """Whether x is a zero of the gradient, and not merely a place where it is small, as far out on e^-x.

    In each direction that the Hessian knows, the zero is at most 1e-4 away by Newton's step, or the gradient is zero to rounding.
    """
    if not (np.isfinite(g).all() and np.isfinite(h).all()):
        return False
    w, v = np.linalg.eigh(h)
    along = np.abs(v.T @ g)
    reach = 1 + float(np.abs(x).max(initial=0.0))
    rounding = 1e-14 * float(np.abs(w).max(initial=0.0)) * reach
    return bool(((along <= 1e-4 * np.abs(w) * reach) | (along <= rounding)).all())


# ------------------------------------------------------------------------------------------------ one variable
def _scan(f: Function, low: float, high: float, until: float) -> tuple[list[CriticalPoint], list[FlatSet], int, list[str]]:
    """One variable: every change of sign of f' on a grid, narrowed by bisection; touching roots by Newton. Also the grid's size, and notes.

    The grid is as fine as the time allows.
    """
    start = time.monotonic()
    f.gradient(np.array([low]))
    each = time.monotonic() - start
    count = min(GRID, max(65, int((until - start) / 3 / max(each, 1e-9))))
    grid = np.linspace(low, high, count)
    slopes = f.slopes(grid)
    found: list[CriticalPoint] = []

    def add(x: float) -> None:
        kind = _jump(f, x)
        hole = not math.isfinite(f.value(np.round([x], 6)))
        if hole or kind == "pole" or any(abs(x - c.place[0]) < 1e-6 * (1 + abs(x)) for c in found):
            return
        place = _rounded(f, np.array([x]))
        if kind is None:
            found.append(classify(f, place))
        elif kind:
            found.append(CriticalPoint(place, f.value(place), kind, eigenvalues=np.array([math.nan]), kink=True, strict=True, residual=math.nan))

    flats, inside, notes = _flat_intervals(f, grid, slopes)
    def over() -> bool:
        return len(found) >= 2 * MOST or time.monotonic() > until

    for i in range(count - 1):
        if over():
            break
        a, b, sa, sb = grid[i], grid[i + 1], slopes[i], slopes[i + 1]
        if not (np.isfinite(sa) and np.isfinite(sb)):
            continue
        if sa == 0 and not inside[i]:
            add(float(a))
        elif sa * sb < 0:
            add(_bisect(f, float(a), float(b), float(sa)))
    size = np.abs(slopes)
    for i in range(1, count - 1):  # roots where f' touches zero without changing sign
        near, far = sorted((size[i - 1], size[i + 1]))
        if not over() and np.isfinite(far) and 0 < size[i] <= near and size[i] < far:
            x = newton(f, grid[i : i + 1], np.array([grid[i - 1]]), np.array([grid[i + 1]]))
            if x is not None and grid[i - 1] <= x[0] <= grid[i + 1]:
                add(float(x[0]))
    if over():
        last = max((float(c.place[0]) for c in found), default=low)
        notes.append(f"the search for critical points was stopped after {len(found)}, at {f.symbols[0]} = {last:.6g}")
    return sorted(found, key=lambda c: float(c.place[0])), flats, count, notes


def _flat_intervals(f: Function, grid: np.ndarray, slopes: np.ndarray) -> tuple[list[FlatSet], np.ndarray, list[str]]:
    """Stretches of at least three grid points on which f' is zero, for each grid point whether it lies in one, and notes.

    Where f' comes out of zero as slowly as e^-x does, it is zero to rounding only: that is a plateau, not a stretch.
    """
    flats, inside = [], np.zeros(len(grid), bool)
    notes: list[str] = []
    edges = np.flatnonzero(np.diff(np.concatenate([[0], (slopes == 0).astype(int), [0]])))
    name = f.symbols[0]
    steep = float(np.abs(slopes[np.isfinite(slopes)]).max(initial=0.0))
    margin = (grid[-1] - grid[0]) / 100
    for start, stop in zip(edges[::2], edges[1::2]):
        if stop - start < 3:
            continue
        inside[start:stop] = True
        left, right = start == 0, stop == len(grid)
        a = float(grid[start]) if left else _edge(f, float(grid[start]), float(grid[start - 1]))
        b = float(grid[stop - 1]) if right else _edge(f, float(grid[stop - 1]), float(grid[stop]))
        beyond = [abs(f.gradient(np.array([x]))[0]) for x, shut in ((a - margin, left), (b + margin, right)) if not shut]
        if any(slope <= 1e-9 * steep for slope in beyond):
            notes.append(f"for {_range(name, a, b, left, right)} the slope is zero to rounding: a plateau, not listed among the critical points")
            continue
        if np.ptp(f.values(grid[start:stop, None])) > 0:
            notes.append(f"{STEPS} for {_range(name, a, b, left, right)}, of slope zero between its jumps")
            continue
        before, after = (0.0 if left else slopes[start - 1]), (0.0 if right else slopes[stop])
        kind = "flat" if before == after == 0 else "minimum" if before <= 0 <= after else "maximum" if before >= 0 >= after else "flat"
        text = _range(name, a, b, left, right)
        cut = f" (at least as far as {name} = {grid[0 if left else -1]:g})" if left != right else " (at least)" if left else ""
        middle = np.array([(a + b) / 2])
        flats.append(FlatSet([text], [], [], 1, False, middle, f.value(middle), kind, cut=cut, interval=(-math.inf if left else a, math.inf if right else b)))
    return flats, inside, notes


def _range(name: str, a: float, b: float, left: bool, right: bool) -> str:
    return f"{name} ≤ {b:.6g}" if left and not right else f"{name} ≥ {a:.6g}" if right and not left else f"{a:.6g} ≤ {name} ≤ {b:.6g}"


def _edge(f: Function, flat: float, steep: float) -> float:
    """Where a flat stretch ends, between a point in it and one beyond."""
    for _ in range(60):
        m = (flat + steep) / 2
        if f.gradient(np.array([m]))[0] == 0:
            flat = m
        else:
            steep = m
    return round(flat, 9) + 0.0


def _bisect(f: Function, a: float, b: float, slope_a: float) -> float:
    while True:
        m = (a + b) / 2
        if not a < m < b:
            return a if abs(f.gradient(np.array([a]))[0]) <= abs(f.gradient(np.array([b]))[0]) else b
        s = f.gradient(np.array([m]))[0]
        if s == 0:
            return m
        if (s < 0) == (slope_a < 0):
            a = m
        else:
            b = m


def _jump(f: Function, x: float) -> str | None:
    """None where f' goes through zero at x; where it jumps, "minimum", "maximum" or "" (no extremum); "pole" where f does."""
    h = 1e-7 * (1 + abs(x))
    left, right, nearer = (f.gradient(np.array([x + d]))[0] for d in (-h, h, -h / 100))
    if not (np.isfinite(left) and np.isfinite(right)):
        return "pole"
    if abs(nearer) < 0.5 * abs(left) or abs(right - left) < 1e-5 * max(abs(left), abs(right), 1e-300):
        return None
    values = [f.value(np.array([v])) for v in (x - h, x, x + h)]
    steepest = max(abs(left), abs(right))
    if not np.isfinite(values).all() or abs(values[2] - values[0]) > 1e3 * h * steepest or steepest > 1e6:
        return "pole"
    return "minimum" if left < 0 < right else "maximum" if left > 0 > right else ""


def _stands_still(f: Function, x: np.ndarray) -> bool:
    """Whether the gradient is zero to the last digit all around x: there is no point to single out."""
    radius = 1e-3 * max(1.0, float(np.abs(x).max(initial=0.0)))
    return all(not f.gradient(x + radius * d).any() for d in _directions(f.size)[: 2 * f.size + 8])


# ------------------------------------------------------------------------------------------------ lines and planes
def flat_sets(
    f: Function, found: list[CriticalPoint], low: np.ndarray, high: np.ndarray
) -> tuple[list[FlatSet], list[CriticalPoint], list[str]]:
    """Lines and planes of critical points, the points that are on none, and notes on plateaus.

    From a degenerate point the gradient is followed along the null space of the Hessian to the edge of the box: it is a line or
    plane where it stays zero all the way, a plateau (the function flat to rounding) where it does so only near by.
    """
    sets: list[FlatSet] = []
    kept: list[CriticalPoint] = []
    plateau = 0
    span = float(np.linalg.norm(high - low))
    for c in found:
        if not c.degenerate:
            kept.append(c)
            continue
        _, h = f.gradient_and_hessian(c.place)
        w, v = np.linalg.eigh(h)
        flat = np.abs(w) <= 1e-7 * np.abs(w).max()
        null, normals = v[:, flat], v[:, ~flat].T
        ways = [*null.T, *((null @ np.ones(null.shape[1]))[None] if null.shape[1] > 1 else [])]
        slopes = {t: max(float(np.linalg.norm(f.gradient(c.place + t * d))) for d in ways) for t in (-span / 2, -2.0, -0.5, 0.5, 2.0, span / 2)}
        zero = 1e-9 * (1 + float(np.abs(w).max())) * (1 + span)
        if flat.all() and (max(slopes[-0.5], slopes[0.5]) <= zero or _stands_still(f, c.place)):
            plateau += 1
        elif all(s <= zero for s in slopes.values()):
            rows = _tidied(normals, c.place)
            if not any(len(rows) == len(s.coefficients) and np.allclose(rows, s.coefficients, atol=1e-5) for s in sets):
                kind = kind_of_set(f, [c.place + t * d for t in (-2.0, -0.5, 0.0, 0.5, 2.0) for d in ways])
                sets.append(FlatSet([_equation(r, f.symbols) for r in rows], [], rows, null.shape[1], True, c.place, c.value, kind))
        elif min(slopes[-0.5], slopes[0.5]) <= zero:
            plateau += 1
        else:
            kept.append(c)
    notes = [f"{plateau} of the starts ended on a plateau, where the function is flat, at least to rounding: not listed"] if plateau else []
    if sum(c.degenerate for c in kept) > 12:
        notes.append("the degenerate critical points are so many that they seem to lie on a curve; the first 12 are listed")
        few = [c for c in kept if c.degenerate][:12]
        kept = [c for c in kept if not c.degenerate] + few
    return sets, kept, notes


def _tidied(normals: np.ndarray, place: np.ndarray) -> list[list[float]]:
    """The equations normal · x = normal · place in reduced form: each leading 1 alone in its column, what is zero to rounding 0."""
    rows = np.column_stack([normals, normals @ place])
    pivot = 0
    for column in range(normals.shape[1]):
        if pivot == len(rows):
            break
        best = pivot + int(np.argmax(np.abs(rows[pivot:, column])))
        if abs(rows[best, column]) < 1e-7:
            continue
        rows[[pivot, best]] = rows[[best, pivot]]
        rows[pivot] /= rows[pivot, column]
        for other in range(len(rows)):
            if other != pivot:
                rows[other] -= rows[other, column] * rows[pivot]
        pivot += 1
    return [[float(round(v, 7)) + 0.0 for v in row] for row in rows]


def _equation(row: list[float], symbols: Sequence[str]) -> str:
    terms = [s if a == 1 else f"{a:.6g}*{s}" for a, s in zip(row, symbols) if a]
    return " + ".join(terms).replace("+ -", "- ").replace("- 1*", "- ") + f" = {row[-1]:.6g}"


def at_a_kink(f: Function, x: np.ndarray) -> CriticalPoint | None:
    """The minimum at a kink that x is near, if there is one whose coordinates are short numbers: judged by values around it."""
    near = min((np.round(x, digits) + 0.0 for digits in range(7)), key=f.value)
    value = f.value(near)
    if not value <= f.value(x) or _by_values(f, near, value) != "minimum":
        return None
    if not any(f.kink(near, i) for i in range(f.size)) or not _alone(f, near, value):
        return None
    return CriticalPoint(near, value, "minimum", eigenvalues=np.full(f.size, math.nan), kink=True, strict=True, residual=math.nan)


def sample(
    f: Function, points: Sequence[np.ndarray], low: np.ndarray, high: np.ndarray, seconds: float = 2.0, n: int = 120
) -> dict[str, Any]:
    """Curvatures and values at points, and at others spread over a box, as many as `seconds` allow.

    "down" and "up" are points with negative and positive curvature (or None): such a witness proves that a function is not convex
    (not concave), while many points without one do not prove that it is. "count" points were looked at; "lowest" and "highest" are
    the extreme values, "typical" is the median size of one.
    """
    until = time.monotonic() + seconds
    seen: dict[str, Any] = {"down": None, "up": None}
    values: list[float] = []
    for x in np.concatenate([np.array(points), _spread(n, low, high)]):
        if values and time.monotonic() > until:
            break
        value, (_, h) = f.value(x), f.gradient_and_hessian(x)
        if not (np.isfinite(h).all() and math.isfinite(value)):
            continue
        values.append(value)
        w = np.linalg.eigvalsh(h)
        slack = 1e-9 * float(np.abs(w).max())
        if w[0] < -slack and seen["down"] is None:
            seen["down"] = x
        if w[-1] > slack and seen["up"] is None:
            seen["up"] = x
    return seen | {
        "count": len(values), "lowest": min(values, default=None), "highest": max(values, default=None),
        "typical": float(np.median(np.abs(values))) if values else 1.0,
    }  # fmt: skip
