"""Critical points by numbers: many starts of Newton's method on our own gradient and Hessian, each answer verified.

In one variable the derivative is scanned for changes of sign, so that no simple root in the window is missed by its grid; in
several a damped Newton iteration (Nocedal and Wright, Numerical Optimization, 2006, chapter 11) runs from quasi-random starts.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .function import Function

GRID = 1601
STARTS = 160


@dataclass
class CriticalPoint:
    """A place where the gradient is zero (or, at a kink, changes sign without being defined).

    `place` flat coordinates, `value` f there, `kind` one of minimum, maximum, saddle, inflection, flat, `exact` exact coordinates
    where algebra has them, `eigenvalues` of the Hessian, `degenerate` whether the Hessian alone could not decide, `is_global` True,
    False, or None where it is not known, `kink` whether the derivative jumps there, `residual` ‖∇f‖ at the place.
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
    residual: float = 0.0


@dataclass
class FlatSet:
    """A whole line, plane or curve of critical points: its equations, one of its points, the value on it."""

    equations: list[str]
    latex: list[str]
    coefficients: list[list[float]]
    dimension: int
    affine: bool
    place: np.ndarray | None
    value: float
    kind: str
    is_global: bool | None = None

    @property
    def word(self) -> str:
        """interval, line, plane, …"""
        if len(self.coefficients) == 0 and self.place is not None and self.place.size == 1:
            return "interval"
        if not self.affine:
            return "curve" if self.dimension == 1 else "surface"
        return {1: "line", 2: "plane"}.get(self.dimension, f"{self.dimension}-dimensional plane")


def classify(f: Function, x: np.ndarray) -> CriticalPoint:
    """What kind of critical point stands at x: by the Hessian, and where that is singular by values around."""
    value, _ = f.value_and_gradient(x)
    g, h = f.gradient_and_hessian(x)
    eigenvalues = np.linalg.eigvalsh(h) if np.isfinite(h).all() else np.full(f.size, math.nan)
    largest = np.abs(eigenvalues).max(initial=0.0)
    tiny = 1e-7 * max(largest, 1e-3)
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
    return found


def _by_values(f: Function, x: np.ndarray, value: float) -> str:
    """The kind of a point by the values on small spheres around it, where second derivatives do not decide."""
    rng = np.random.default_rng(0)
    n = f.size
    directions = np.array([[1.0], [-1.0]]) if n == 1 else np.concatenate([np.eye(n), -np.eye(n), rng.standard_normal((64, n))])
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    noise = 4e-16 * max(1.0, abs(value))
    above = below = False
    for radius in (1e-2, 1e-1):
        rise = np.array([f.value(x + radius * max(1.0, float(np.abs(x).max(initial=0.0))) * d) - value for d in directions])
        above, below = above or bool((rise > 16 * noise).any()), below or bool((rise < -16 * noise).any())
        if n == 1 and above and below:
            return "inflection"
    if above and below:
        return "saddle"
    return "minimum" if above else "maximum" if below else "flat"


def search(
    f: Function, points: Sequence[np.ndarray], reach: float = 10.0
) -> tuple[list[CriticalPoint], list[FlatSet], tuple[np.ndarray, np.ndarray], int]:
    """What was found in the box around the points: critical points, flat sets, the box, and the number of starts."""
    stack = np.array(points)
    low, high = np.minimum(stack.min(0), 0) - reach, np.maximum(stack.max(0), 0) + reach
    if f.size == 1:
        return *_scan(f, float(low[0]), float(high[0])), (low, high), GRID
    found: list[CriticalPoint] = []
    starts = np.concatenate([stack, _spread(STARTS, low, high)])
    for start in starts:
        x = newton(f, start, low - reach, high + reach)
        if x is None or any(np.linalg.norm(x - c.place) < 1e-5 * (1 + np.linalg.norm(x)) for c in found):
            continue
        found.append(classify(f, x))
        if sum(c.degenerate for c in found) > 12:  # a continuum: more of it would say nothing new
            break
    return sorted(found, key=lambda c: c.value), flat_sets(f, found, f.symbols), (low, high), len(starts)


def _spread(n: int, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """n points spread evenly over a box, without randomness: Roberts' additive recurrence on the generalised golden ratio."""
    dims = low.size
    ratio = 2.0
    for _ in range(40):
        ratio = (1 + ratio) ** (1 / (dims + 1))
    steps = (1 / ratio) ** np.arange(1, dims + 1)
    unit = (0.5 + np.outer(np.arange(1, n + 1), steps)) % 1
    return low + unit * (high - low)


def newton(f: Function, start: np.ndarray, low: np.ndarray, high: np.ndarray, steps: int = 60) -> np.ndarray | None:
    """A zero of the gradient near `start`, or None: Newton steps, halved until ‖∇f‖ falls."""
    x = np.array(start, float)
    g, h = f.gradient_and_hessian(x)
    if not (np.isfinite(g).all() and np.isfinite(h).all()):
        return None
    size = float(np.linalg.norm(g))
    first = max(size, 1.0)
    for _ in range(steps):
        if size <= 1e-13 * first:
            break
        try:
            step = -np.linalg.lstsq(h, g, rcond=1e-12)[0]
        except np.linalg.LinAlgError:
            return None
        longest = float(np.linalg.norm(high - low)) / 4
        length = float(np.linalg.norm(step))
        step *= min(1.0, longest / length) if length else 1.0
        t = 1.0
        while t > 1e-6:
            y = x + t * step
            gy, hy = f.gradient_and_hessian(y)
            if np.isfinite(gy).all() and np.isfinite(hy).all() and np.linalg.norm(gy) < (1 - 1e-4 * t) * size:
                break
            t /= 2
        else:
            break
        x, g, h = y, gy, hy
        size = float(np.linalg.norm(g))
        if (x < low).any() or (x > high).any():
            return None
        if length * t < 1e-14 * (1 + np.linalg.norm(x)):
            break
    return x if verified(f, x, g, h) else None


def verified(f: Function, x: np.ndarray, g: np.ndarray, h: np.ndarray) -> bool:
    """Whether x is a zero of the gradient to rounding, and not merely a place where it is small far out."""
    scale = float(np.abs(h).max(initial=0.0)) * (1 + float(np.abs(x).max(initial=0.0)))
    size = float(np.linalg.norm(g))
    if size > 1e-8 * max(scale, 1e-12) and size > 1e-12:
        return False
    if np.abs(h).max(initial=0.0) < 1e-9:  # flat far out, like e^-x, or truly degenerate: does the gradient grow again nearby?
        near = [np.linalg.norm(f.gradient(x + d)) for d in 0.5 * np.concatenate([np.eye(f.size), -np.eye(f.size)])]
        return bool(min(near) > 10 * size) or max(near) == 0
    return True


def _scan(f: Function, low: float, high: float) -> tuple[list[CriticalPoint], list[FlatSet]]:
    """One variable: every change of sign of f' on a grid, narrowed by bisection; touching roots by Newton."""
    grid = np.linspace(low, high, GRID)
    slopes = np.array([f.gradient(np.array([x]))[0] for x in grid])
    found: list[CriticalPoint] = []

    def add(x: float, kink: bool = False, kind: str | None = None) -> None:
        if any(abs(x - c.place[0]) < 1e-6 * (1 + abs(x)) for c in found):
            return
        if kink:
            found.append(CriticalPoint(np.array([x]), f.value(np.array([x])), kind or "", kink=True, residual=math.nan))
            return
        c = classify(f, np.array([x]))
        found.append(c)

    flats = []
    runs = np.flatnonzero(np.diff(np.concatenate([[0], (slopes == 0).astype(int), [0]])))
    for start, stop in zip(runs[::2], runs[1::2]):
        if stop - start >= 3:
            a, b = float(grid[start]), float(grid[stop - 1])
            middle = np.array([(a + b) / 2])
            ends = [slopes[start - 1] if start else 0.0, slopes[stop] if stop < GRID else 0.0]
            kind = "minimum" if ends[0] <= 0 <= ends[1] else "maximum" if ends[0] >= 0 >= ends[1] else "flat"
            name = f.symbols[0]
            flats.append(FlatSet([f"{a:.4g} ≤ {name} ≤ {b:.4g}"], [], [], 1, False, middle, f.value(middle), kind))
    for i in range(GRID - 1):
        a, b, sa, sb = grid[i], grid[i + 1], slopes[i], slopes[i + 1]
        if not (np.isfinite(sa) and np.isfinite(sb)):
            continue
        if sa == 0:
            if (slopes[i - 1] if i else math.nan) != 0 and sb != 0:
                add_kink = _is_kink(f, a)
                add(float(a), add_kink is not None, add_kink)
        elif sa * sb < 0:
            x = _bisect(f, float(a), float(b), float(sa))
            kind = _is_kink(f, x)
            if kind == "pole":
                continue
            add(x, kind is not None, kind)
    size = np.abs(slopes)
    for i in range(1, GRID - 1):  # roots where f' touches zero without changing sign
        if np.isfinite(size[i - 1 : i + 2]).all() and size[i] <= size[i - 1] and size[i] <= size[i + 1] and 0 < size[i]:
            x = newton(f, grid[i : i + 1], np.array([grid[i - 1]]), np.array([grid[i + 1]]))
            if x is not None and grid[i - 1] <= x[0] <= grid[i + 1]:
                add(float(x[0]))
    return sorted(found, key=lambda c: float(c.place[0])), flats


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


def _is_kink(f: Function, x: float) -> str | None:
    """What a change of sign is where f' does not go through zero: a kink ("minimum", "maximum"), a "pole", or None for a root."""
    h = 1e-7 * (1 + abs(x))
    left, right = f.gradient(np.array([x - h]))[0], f.gradient(np.array([x + h]))[0]
    nearer_left = f.gradient(np.array([x - h / 100]))[0]
    if not (np.isfinite(left) and np.isfinite(right)):
        return "pole"
    jump = abs(right - left)
    if abs(nearer_left) < 0.5 * abs(left) or jump < 1e-5:
        return None
    values = [f.value(np.array([v])) for v in (x - h, x, x + h)]
    if not np.isfinite(values).all() or abs(values[2] - values[0]) > 1e3 * h * max(abs(left), abs(right)) or max(abs(left), abs(right)) > 1e6:
        return "pole"
    return "minimum" if left < 0 < right else "maximum" if left > 0 > right else None


def flat_sets(f: Function, found: list[CriticalPoint], symbols: Sequence[str]) -> list[FlatSet]:
    """Lines and planes of critical points, from degenerate ones: the null space of the Hessian along which ∇f stays zero."""
    sets: list[FlatSet] = []
    for c in found:
        if not c.degenerate or f.size < 2:
            continue
        _, h = f.gradient_and_hessian(c.place)
        w, v = np.linalg.eigh(h)
        null = v[:, np.abs(w) <= 1e-7 * max(np.abs(w).max(), 1e-3)]
        if null.shape[1] in (0, f.size):
            continue
        reach = [np.linalg.norm(f.gradient(c.place + t * d)) for d in null.T for t in (-2.0, -0.5, 0.5, 2.0)]
        if max(reach) > 1e-7 * (1 + np.abs(h).max()):
            continue
        normals = v[:, np.abs(w) > 1e-7 * max(np.abs(w).max(), 1e-3)].T
        rows = [[*_tidy(n), 0.0] for n in normals]
        for row in rows:
            row[-1] = float(np.dot(row[:-1], c.place))
        if any(np.allclose(rows, s.coefficients, atol=1e-5) for s in sets if len(s.coefficients) == len(rows)):
            continue
        sets.append(FlatSet([_equation(r, symbols) for r in rows], [], rows, null.shape[1], True, c.place, c.value, c.kind))
    return sets


def _tidy(n: np.ndarray) -> list[float]:
    """A normal vector with a first entry of 1."""
    lead = n[np.argmax(np.abs(n) > 1e-9)]
    return [float(round(v, 12)) for v in n / lead]


def _equation(row: list[float], symbols: Sequence[str]) -> str:
    terms = [f"{a:.6g}*{s}" if a != 1 else s for a, s in zip(row, symbols) if abs(a) > 1e-9]
    return " + ".join(terms).replace("+ -", "- ") + f" = {row[-1]:.6g}"


def negative_curvature(f: Function, points: Sequence[np.ndarray], low: np.ndarray, high: np.ndarray, n: int = 120) -> dict[str, Any]:
    """Signs of curvature at a sample of points: a witness proves that a function is not convex, many do not prove that it is."""
    seen: dict[str, Any] = {"down": None, "up": None, "count": 0}
    for x in np.concatenate([np.array(points), _spread(n, low, high)]):
        _, h = f.gradient_and_hessian(x)
        if not np.isfinite(h).all():
            continue
        w = np.linalg.eigvalsh(h)
        seen["count"] += 1
        slack = 1e-9 * (1 + np.abs(w).max())
        if w[0] < -slack and seen["down"] is None:
            seen["down"] = x
        if w[-1] > slack and seen["up"] is None:
            seen["up"] = x
    return seen
