"""What algebra says of a function: formula and derivatives, exact critical points, range, convexity, behaviour at the ends.

Each question is a generator of named answers; the worker asks them in order of importance, each under a limit of its own, so
that one on which SymPy hangs costs only itself. This module runs where SymPy is, in the process of its own.
"""

from __future__ import annotations

import itertools
import math
import re
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import sympy as sp
from sympy.calculus.util import continuous_domain

from .bounds import AFFINE, CONCAVE, CONVEX, bounds, curvature
from .translate import as_number, constant, table
from .varieties import critical_sets

Answers = Iterator[tuple[str, Any]]
KINKED = (sp.Abs, sp.Max, sp.Min, sp.Piecewise, sp.sign, sp.Heaviside, sp.floor, sp.ceiling, sp.DiracDelta, sp.atan2)

EVERYWHERE = (sp.erf, sp.floor, sp.ceiling, sp.Heaviside, sp.sign)  # defined for all real numbers


class TimeUp(BaseException):
    """A question took longer than it may; not an Exception, so that no library swallows it."""


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Raises TimeUp in its body after `seconds` (or when a surrounding limit is over), where the system has timers."""
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(*_: Any) -> None:
        raise TimeUp

    start = time.monotonic()
    before = signal.signal(signal.SIGALRM, stop)
    outer = signal.setitimer(signal.ITIMER_REAL, seconds)[0]
    if outer and outer < seconds:
        signal.setitimer(signal.ITIMER_REAL, outer)
    try:
        yield
    finally:
        left = max(outer - (time.monotonic() - start), 1e-3) if outer else 0
        signal.setitimer(signal.ITIMER_REAL, left)
        signal.signal(signal.SIGALRM, before)


class Algebra:
    """The function as SymPy sees it: `f`, its `symbols`, first and second derivatives."""

    def __init__(self, sheet: dict[str, Any]):
        self.sheet = sheet
        self.symbols = [sp.Symbol(n, real=True) for n in sheet["symbols"]]
        inputs, start = [], 0
        for shape in sheet["shapes"]:
            n = math.prod(shape)
            part = np.array(self.symbols[start : start + n], dtype=object).reshape(shape)
            inputs.append(part if shape else part[()])
            start += n
        outputs = sheet["program"].run(inputs, table(), constant)
        count = 1 + len(sheet["shapes"]) if sheet["differentiable"] else 1
        self.f = as_number(_scalar(outputs[0]))
        self.conditions = [_scalar(c) for c in outputs[count:]]
        self.ours = [
            _scalar(e) for out, shape in zip(outputs[1:count], sheet["shapes"]) for e in np.broadcast_to(np.asarray(out, dtype=object), shape).ravel()
        ]
        self.slopes = [_tidy(_derivative(self.f, s)) for s in self.symbols]
        self.hessian: list[list[Any]] = []
        self.polynomial = bool(self.f.is_polynomial(*self.symbols))
        self.kinked = self.f.has(*KINKED)

    # -------------------------------------------------------------------------------------------- questions
    def formulas(self) -> Answers:
        """The formula, its gradient, and the gradient's numbers at the studied points."""
        yield "formula", shown(self.f)
        yield "gradient", [shown(d) for d in self.slopes]
        yield "kinked", bool(self.kinked)
        derivative = [_derivative(self.f, s) for s in self.symbols]
        yield "values", [[number(self._at(d, p)) for d in derivative] for p in self.sheet["points"]]
        yield "checks", [number(self._at(self.f, p)) for p in self.sheet["checks"]]
        yield "branches", [str(c).replace("**", "^") if taken else f"not ({c})".replace("**", "^") for c, taken in zip(self.conditions, self.sheet["branches"])]

    def _at(self, e: Any, point: list[float]) -> Any:
        return e.subs({s: sp.Float(v, 30) for s, v in zip(self.symbols, point)})

    def agreement(self) -> Answers:
        """Whether the gradient that backward computed is SymPy's, as a formula or else at sampled points."""
        ours = self.ours or [sp.Integer(0)] * len(self.symbols)
        differences = [sp.expand(a - b) for a, b in zip(ours, self.slopes)]
        differences = [d for d in differences if d != 0 and _tidy(d) != 0]
        if not differences:
            yield "engine_agrees", True
            yield "agreement", "as formulas"
            return
        rng = np.random.default_rng(0)
        compared, agree = 0, True
        for p in [*self.sheet["checks"][:9], *rng.uniform(-3, 3, (8, len(self.symbols))).tolist()]:
            size = 1 + abs(number(self._at(self.f, p))) + sum(abs(number(self._at(d, p))) for d in self.slopes)
            off = [number(self._at(d, p)) for d in differences]
            if math.isfinite(size) and all(map(math.isfinite, off)):  # else the point is outside the domain, or at a kink
                compared += 1
                agree &= all(abs(v) < 1e-9 * size for v in off)
        if compared:
            yield "engine_agrees", agree
            yield "agreement", f"at {compared} sampled points"

    def second_derivatives(self) -> Answers:
        """The Hessian, and what follows from its being constant."""
        self.hessian = [[_tidy(_derivative(d, s)) for s in self.symbols] for d in self.slopes]
        yield "hessian", [[shown(h) for h in row] for row in self.hessian]
        if self.kinked:
            return
        yield "constant_gradient", not any(d.free_symbols for d in self.slopes)
        constant_hessian = not any(h.free_symbols for row in self.hessian for h in row)
        yield "constant_hessian", constant_hessian
        yield "everywhere_flat", all(d == 0 for d in self.slopes)
        if constant_hessian:
            yield "hessian_eigenvalues", [float(v) for v in np.linalg.eigvalsh(np.array(self.hessian, dtype=float))]
        if self.polynomial:
            yield "degree", int(sp.Poly(self.f, *self.symbols).total_degree()) if self.f.free_symbols else 0

    def critical_points(self) -> Answers:
        """Where the gradient is zero, exactly, where algebra can say; `complete` with its reason when it has all of them."""
        if self.kinked or all(d == 0 for d in self.slopes):
            return
        if self._singular_to_rounding():
            return  # exact arithmetic on rounded coefficients would find one point where a whole plane is meant
        if len(self.symbols) > 1:
            if self.polynomial:
                yield from critical_sets(self.f, self.symbols, self.slopes)
            return
        x, slope = self.symbols[0], self.slopes[0]
        top, bottom = sp.fraction(sp.cancel(sp.together(slope)) if slope.is_rational_function(x) else slope)
        if top.is_polynomial(x) and bottom.is_polynomial(x):
            roots = sp.real_roots(sp.Poly(top, x), multiple=False) if top.has(x) else []
            poles = sp.real_roots(sp.Poly(bottom, x), multiple=False) if bottom.has(x) else []
            why = "the function is a polynomial and its equations were solved exactly" if self.polynomial else (
                "the derivative is a quotient of polynomials, and its numerator's zeros were found exactly")  # fmt: skip
            yield "critical", self._one_variable([r for r, _ in roots], [p for p, _ in poles])
            yield "complete", why
            return
        domain = _domain(self.f, x)
        solutions = sp.solveset(slope, x, domain)
        if isinstance(solutions, sp.FiniteSet) and all(s.is_real for s in solutions):
            poles = [e for e in _ends_of(domain) if e.is_finite]
            yield "critical", self._one_variable(list(solutions), poles)
            yield "complete", "f' = 0 was solved exactly over the function's domain"
        elif solutions is sp.S.EmptySet:
            yield "critical", []
            yield "complete", "f' = 0 has no solution in the function's domain"
        elif solutions.has(sp.ImageSet):
            sets = solutions.args if isinstance(solutions, sp.Union) else [solutions]
            image_sets = [s for s in sets if isinstance(s, sp.ImageSet) and all(self._is_zero(slope, s.lamda(n)) for n in (-1, 0, 1))]
            yield "family", [_spoken(f"{x} = {s.lamda.expr}".replace("_", "")) for s in image_sets]

    def _is_zero(self, e: Any, at: Any) -> bool:
        return abs(number(e.subs(self.symbols[0], at).evalf(30, chop=True))) < 1e-12

    def _quadratic(self) -> bool:
        return bool(self.hessian) and not any(h.free_symbols for row in self.hessian for h in row)

    def _singular_to_rounding(self) -> bool:
        if not self._quadratic():
            return False
        sizes = np.abs(np.linalg.eigvalsh(np.array(self.hessian, dtype=float)))
        return bool((sizes <= 1e-10 * sizes.max()).sum() > len(self.symbols) - sp.Matrix(self.hessian).rank())

    def _one_variable(self, roots: list[Any], poles: list[Any]) -> list[dict[str, Any]]:
        """The kind of every root by the exact sign of f' on both sides of it."""
        x, slope = self.symbols[0], self.slopes[0]
        marks = sorted({*roots, *poles}, key=lambda r: r.evalf(30))
        signs = []
        for a, b in itertools.pairwise([None, *marks, None]):
            signs.append(_sign_between(slope, x, a, b))
        found = []
        for i, r in enumerate(marks):
            if r in poles:
                continue
            left, right = signs[i], signs[i + 1]
            kind = {(-1, 1): "minimum", (1, -1): "maximum"}.get((left, right), "inflection") if left and right else None
            value = self.f.subs(x, r)
            if math.isnan(number(value)):
                continue  # outside the function's domain
            found.append({"place": [number(r)], "value": number(value), "kind": kind, "exact": [exact(r)], "exact_value": exact(value, r)})
        return found

    def ranges(self) -> Answers:
        """Bounds on the values, and convexity: by composition, by the sign of f'', by the Hessian's minors."""
        if self.polynomial and len(self.symbols) > 1:
            yield "leading", self._leading()
        if self._quadratic() and not self.kinked:
            return  # the eigenvalues settle it
        low, high = bounds(self.f)
        yield "bounds", [number(low), number(high)]
        yield "bounds_text", [str(low), str(high)]
        kind = curvature(self.f, self.symbols)
        if kind in (CONVEX, CONCAVE):
            yield "convex", kind
            parts = "sums, and rising convex functions, of convex parts" if kind == CONVEX else "sums, and rising concave functions, of concave parts"
            yield "convex_reason", f"it is put together by rules that keep it so ({parts})"
            return
        if kind == AFFINE or self.kinked or not self.hessian:
            return
        if len(self.symbols) == 1:
            yield from self._convex_line()
        elif all(self._minor(rows) for n in range(1, len(self.symbols) + 1) for rows in itertools.combinations(range(len(self.symbols)), n)):
            yield "convex", CONVEX
            yield "convex_reason", "no principal minor of the Hessian can be negative"

    def _minor(self, rows: tuple[int, ...]) -> bool:
        minor = sp.Matrix([[self.hessian[i][j] for j in rows] for i in rows]).det()
        return any(bool(bounds(form)[0] >= 0) for form in (minor, sp.factor(sp.expand(minor))))

    def _convex_line(self) -> Answers:
        x, second = self.symbols[0], self.hessian[0][0]
        domain = sp.S.Reals if self.polynomial else _domain(self.f, x)
        if not isinstance(domain, sp.Interval):
            return
        low, high = bounds(second)
        if low >= 0 or high <= 0:
            yield "convex", CONVEX if low >= 0 else CONCAVE
            yield "convex_reason", f"f'' is never {'negative' if low >= 0 else 'positive'}"
            return
        top, bottom = sp.fraction(sp.together(second))
        if top.is_polynomial(x) and bottom.is_polynomial(x):
            turns = [r for p in (top, bottom) if p.has(x) for r in sp.real_roots(sp.Poly(p, x))]
        else:
            zeros = sp.solveset(second, x, domain)
            if not isinstance(zeros, sp.FiniteSet) and zeros is not sp.S.EmptySet:
                return
            turns = list(zeros)
        inside = [t for t in turns if domain.start < t < domain.end]
        marks = [None if domain.start == -sp.oo else domain.start, *sorted(set(inside), key=lambda r: r.evalf(30)), None if domain.end == sp.oo else domain.end]
        signs = {_sign_between(second, x, a, b) for a, b in itertools.pairwise(marks)}
        if 0 not in signs:
            yield "convex", "neither" if len(signs) > 1 else CONVEX if signs == {1} else CONCAVE
            yield "convex_reason", "f'' changes its sign" if len(signs) > 1 else f"f'' is never {'negative' if signs == {1} else 'positive'}"

    def _leading(self) -> dict[str, Any]:
        """What the highest-degree form says of the ends: whether the function grows up or down without bound, and whether everywhere."""
        poly = sp.Poly(self.f, *self.symbols)
        top = poly.total_degree()
        form = sum(c * sp.prod([s**k for s, k in zip(self.symbols, m)]) for m, c in poly.terms() if sum(m) == top)
        if top % 2 or top == 2 and self.hessian and self._tilted():
            return {"up": True, "down": True, "everywhere": False}
        rng = np.random.default_rng(0)
        directions = rng.standard_normal((len(self.symbols), 4000))
        values = np.broadcast_to(sp.lambdify(self.symbols, form, "numpy")(*directions), 4000)
        scale = 1e-9 * float(np.abs(values).max())
        up, down = bool((values > scale).any()), bool((values < -scale).any())
        return {"up": up, "down": down, "everywhere": up != down and self._definite(form if up else -form, top)}

    def _tilted(self) -> bool:
        """Whether a quadratic has a slope in a direction in which it is not curved, so that it goes to ±∞ there."""
        h = sp.Matrix(self.hessian)
        at_zero = sp.Matrix(self.slopes).subs(dict.fromkeys(self.symbols, 0))
        return bool(h.rank() < sp.Matrix.hstack(h, at_zero).rank())

    def _definite(self, form: Any, degree: int) -> bool:
        """Whether a form is positive in every direction but 0, where that can be shown."""
        if degree == 2:
            return bool(np.linalg.eigvalsh(np.array(sp.hessian(form, self.symbols), dtype=float))[0] > 1e-9)
        if len(self.symbols) == 2:
            a, b = self.symbols
            line = sp.Poly(form.subs(b, 1), a)
            return bool(form.subs({a: 1, b: 0}) > 0) and line.eval(0) > 0 and not sp.real_roots(line)
        pure = [form.coeff(s, degree) for s in self.symbols]
        if not all(c.is_positive for c in pure):
            return False
        least = min(pure) / 2
        return bool(bounds(sp.expand(form - least * sum(s**degree for s in self.symbols)))[0] >= 0)

    def ends(self) -> Answers:
        """In one variable: the domain, and where f goes at each end of it."""
        if len(self.symbols) != 1:
            return
        x = self.symbols[0]
        domain = sp.S.Reals if self.polynomial else _domain(self.f, x)
        if domain is not sp.S.Reals:
            yield "domain", _domain_text(domain, x)
        found, whole = [], True
        for piece in domain.args if isinstance(domain, sp.Union) else [domain]:
            if not isinstance(piece, sp.Interval):
                whole = False
                continue
            for end, side in ((piece.start, "+"), (piece.end, "-")):
                try:
                    with within(1.0):
                        limit = sp.limit(self.f, x, end, side)
                except (TimeUp, NotImplementedError, ValueError, TypeError, AttributeError):
                    limit = None
                ok = limit is not None and limit.is_extended_real and limit.is_number
                whole &= bool(ok)
                if ok or limit is not None and isinstance(limit, sp.AccumBounds):
                    sign = "" if end.is_infinite else "⁺" if side == "+" else "⁻"
                    spoken = {sp.oo: "+∞", -sp.oo: "−∞"}
                    found.append({
                        "side": f"{x} → {spoken.get(end, end)}{sign}", "at": float(end), "edge": f"{x} = {end}",
                        "limit": spoken.get(limit, str(limit)) if ok else "no limit", "value": number(limit) if ok else math.nan,
                        "open": bool(end.is_infinite or not piece.contains(end)),
                    })  # fmt: skip
        yield "ends", found
        yield "ends_known", whole


QUESTIONS: tuple[Callable[[Algebra], Answers], ...] = (
    Algebra.formulas, Algebra.second_derivatives, Algebra.critical_points, Algebra.agreement, Algebra.ranges, Algebra.ends,
)  # fmt: skip


# ------------------------------------------------------------------------------------------------ small things
def _scalar(e: Any) -> Any:
    return sp.sympify(e.item() if isinstance(e, np.ndarray) else e)


def _derivative(e: Any, s: Any) -> Any:
    """The derivative where there is one: that of a step function is 0 between its steps."""
    d = sp.diff(e, s)
    steps = (sp.Derivative, sp.Subs, sp.DiracDelta)
    return d.replace(lambda part: isinstance(part, steps), lambda _: sp.Integer(0)) if d.has(*steps) else d


def _domain(f: Any, x: Any) -> Any:
    """The real numbers for which f is real and finite."""
    same = f.replace(lambda e: isinstance(e, EVERYWHERE), lambda e: sp.sin(e.args[0]))  # as far as the domain goes
    domain = continuous_domain(same, x, sp.S.Reals)
    for root in f.atoms(sp.Pow):
        if root.exp.is_Rational and not root.exp.is_integer and root.base.has(x):  # SymPy takes an odd root of a negative number for real
            domain &= sp.solveset(root.base > 0 if root.exp < 0 else root.base >= 0, x, sp.S.Reals)
    return domain


def _tidy(e: Any) -> Any:
    """A shorter form of `e`, where one is found in a moment."""
    if sp.count_ops(e) > 200:
        return e
    try:
        with within(0.7):
            return sp.simplify(e)
    except TimeUp:
        return e


def shown(e: Any) -> dict[str, str]:
    """A formula as text, LaTeX and MathML; long numbers are shortened for reading."""
    short = e.xreplace({r: sp.Float(r, 10) for r in e.atoms(sp.Rational) if r.q > 10**6 or abs(r) > 10**15}) if hasattr(e, "xreplace") else e
    mathml = f"<math>{sp.mathml(short, printer='presentation')}</math>" if isinstance(short, sp.Basic) else ""
    return {"text": _spoken(str(short)), "latex": sp.latex(short), "mathml": mathml}


def _spoken(text: str) -> str:
    """SymPy's text as a reader writes it: ^ for powers, e for Euler's number."""
    return re.sub(r"\bE\b", "e", text.replace("**", "^"))


def number(e: Any) -> float:
    """The value of an expression without symbols; nan where it is not real."""
    try:
        v = complex(sp.sympify(e).evalf(17))
    except (TypeError, ValueError):
        return math.nan
    return v.real if abs(v.imag) < 1e-12 * max(1.0, abs(v.real)) else math.nan


def exact(e: Any, at: Any = 0) -> str | None:
    """An exact form worth reading, or None where the number says more."""
    if sp.sympify(at).has(sp.CRootOf) or sp.sympify(e).has(sp.CRootOf, sp.Float):
        return None
    e = _tidy(e)
    text = _spoken(str(e))
    return text if len(text) <= 24 and not e.has(sp.CRootOf) else None


def _sign_between(e: Any, x: Any, a: Any, b: Any) -> int:
    """The sign of `e` at a point between two neighbouring zeros or poles (None: at infinity); 0 where it is not known."""
    if a is None:
        at = sp.Integer(0) if b is None else sp.floor(b) - 1
    else:
        at = sp.floor(a) + 2 if b is None else sp.Rational(str(((a + b) / 2).evalf(30)))
    v = number(e.subs(x, at))
    return 0 if math.isnan(v) or v == 0 else 1 if v > 0 else -1


def _ends_of(domain: Any) -> list[Any]:
    pieces = domain.args if isinstance(domain, sp.Union) else [domain]
    return [e for p in pieces if isinstance(p, sp.Interval) for e in (p.start, p.end)]


def _domain_text(domain: Any, x: Any) -> str | None:
    """x > 0, x ≠ 1, …"""
    pieces = list(domain.args) if isinstance(domain, sp.Union) else [domain]
    if not all(isinstance(p, sp.Interval) for p in pieces) or len(pieces) > 6:
        return None
    holes = [p.end for p, q in itertools.pairwise(pieces) if p.end == q.start and p.right_open and q.left_open]
    if len(holes) == len(pieces) - 1 and pieces[0].start == -sp.oo and pieces[-1].end == sp.oo:
        return " and ".join(f"{x} ≠ {h}" for h in holes)
    return " or ".join(_interval_text(p, x) for p in pieces)


def _interval_text(p: Any, x: Any) -> str:
    low, high = ("<" if p.left_open else "≤"), ("<" if p.right_open else "≤")
    if p.end == sp.oo:
        return f"{x} {'>' if p.left_open else '≥'} {p.start}"
    if p.start == -sp.oo:
        return f"{x} {high} {p.end}"
    return f"{p.start} {low} {x} {high} {p.end}"
