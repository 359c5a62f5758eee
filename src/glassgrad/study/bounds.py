"""What a formula proves by its shape alone: a range that it cannot leave, and convexity by the rules of composition.

The range is interval arithmetic over all real numbers: a square is not negative, a sine stays within [-1, 1]. The rules of
composition are those of Grant, Boyd and Ye, Disciplined Convex Programming (2006): a sum of convex parts is convex, a convex
non-decreasing function of a convex part is convex, and so on. Both are sound and neither is complete: "unknown" is an answer.
This module runs where SymPy is, in the process of its own.
"""

from __future__ import annotations

import itertools
from typing import Any

import sympy as sp

Range = tuple[Any, Any]
EVERYTHING: Range = (-sp.oo, sp.oo)
RISING = (sp.exp, sp.tanh, sp.sinh, sp.atan, sp.asinh, sp.erf, sp.sign, sp.floor, sp.ceiling)
FIXED: dict[Any, Range] = {
    sp.sin: (-1, 1), sp.cos: (-1, 1), sp.tanh: (-1, 1), sp.erf: (-1, 1), sp.sign: (-1, 1), sp.cosh: (1, sp.oo), sp.exp: (0, sp.oo),
    sp.Abs: (0, sp.oo), sp.Heaviside: (0, 1), sp.atan: (-sp.pi / 2, sp.pi / 2), sp.asin: (-sp.pi / 2, sp.pi / 2), sp.acos: (0, sp.pi),
    sp.atan2: (-sp.pi, sp.pi), sp.acosh: (0, sp.oo),
}  # fmt: skip


def bounds(e: Any) -> Range:
    """Two numbers (or ±oo) between which every real value of `e` lies.

    >>> x, y = sp.symbols("x y", real=True)
    >>> bounds(sp.sin(x) + (y - 2)**2), bounds(1 / (1 + x**2))
    ((-1, oo), (0, 1))
    """
    known: dict[Any, Range] = {}
    for part in sp.postorder_traversal(e):
        if part not in known and isinstance(part, sp.Expr):
            low, high = _bounds_of(part, [known.get(a, EVERYTHING) for a in part.args])
            known[part] = EVERYTHING if sp.nan in (low, high) else (sp.sympify(low), sp.sympify(high))
    return known.get(e, EVERYTHING)


def _bounds_of(e: Any, inside: list[Range]) -> Range:
    if e.is_number:
        return (e, e) if e.is_extended_real else EVERYTHING
    if e.is_Add:
        return sum(a for a, _ in inside), sum(b for _, b in inside)
    if e.is_Mul:
        return _product(inside)
    if isinstance(e, sp.exp):
        return sp.exp(inside[0][0]), sp.exp(inside[0][1])
    if e.is_Pow:
        return _power(e, inside)
    if isinstance(e, (sp.Max, sp.Min)):
        return e.func(*[a for a, _ in inside]), e.func(*[b for _, b in inside])
    if isinstance(e, sp.Piecewise):
        ranges = [bounds(branch) for branch, _ in e.args]
        return sp.Min(*[a for a, _ in ranges]), sp.Max(*[b for _, b in ranges])
    low, high = FIXED.get(e.func, EVERYTHING)
    if not inside:
        return EVERYTHING
    a, b = inside[0]
    if e.func in RISING:
        return (sp.Max(low, e.func(a)) if a.is_finite else low), (sp.Min(high, e.func(b)) if b.is_finite else high)
    if e.func is sp.log:
        return (sp.log(a) if a.is_extended_positive else -sp.oo), (sp.log(b) if b.is_extended_positive else sp.oo)
    if e.func is sp.Abs:
        return (a, b) if a.is_extended_nonnegative else (-b, -a) if b.is_extended_nonpositive else (0, sp.Max(-a, b))
    return low, high


def _product(factors: list[Range]) -> Range:
    low, high = factors[0]
    for a, b in factors[1:]:
        corners = [sp.Integer(0) if 0 in (p, q) else p * q for p, q in itertools.product((low, high), (a, b))]
        low, high = sp.Min(*corners), sp.Max(*corners)
    return low, high


def _power(e: Any, inside: list[Range]) -> Range:
    base, exponent = e.args
    (a, b), (p, q) = inside
    if exponent.is_integer and exponent.is_number:
        if exponent.is_negative:
            low, high = map(sp.sympify, _power(base ** (-exponent), [inside[0], (-exponent, -exponent)])) if exponent != -1 else (a, b)
            if low.is_extended_positive or high.is_extended_negative:
                return 1 / high, 1 / low
            return (0, sp.oo) if low.is_extended_nonnegative else EVERYTHING
        if exponent.is_even:
            ends = [a**exponent, b**exponent]
            return (0 if a.is_extended_nonpositive and b.is_extended_nonnegative else sp.Min(*ends)), sp.Max(*ends)
        return a**exponent, b**exponent
    if exponent.is_number and exponent.is_real:  # a root: real where the base is not negative
        a = sp.Max(a, 0)
        ends = [a**exponent, b**exponent] if b.is_extended_nonnegative else [sp.nan]
        return (0, sp.oo) if any(end.is_extended_real is not True for end in ends) else (sp.Min(*ends), sp.Max(*ends))
    return (0, sp.oo) if a.is_extended_nonnegative else EVERYTHING


# ------------------------------------------------------------------------------------------------ composition
AFFINE, CONVEX, CONCAVE, UNKNOWN = "affine", "convex", "concave", "unknown"
OPPOSITE = {AFFINE: AFFINE, CONVEX: CONCAVE, CONCAVE: CONVEX, UNKNOWN: UNKNOWN}


def curvature(e: Any, symbols: list[Any]) -> str:
    """Whether `e` is "affine", "convex" or "concave" in the symbols by the rules of composition, else "unknown".

    >>> x, y = sp.symbols("x y", real=True)
    >>> curvature(sp.exp(x) + sp.Abs(x - y), [x, y]), curvature(x * y, [x, y])
    ('convex', 'unknown')
    """
    variables = set(symbols)
    known: dict[Any, str] = {}
    for part in sp.postorder_traversal(e):
        if part in known or not isinstance(part, sp.Expr):
            continue
        if not part.free_symbols & variables or part in variables:
            known[part] = AFFINE
        else:
            known[part] = _composed(part, [known.get(a, UNKNOWN) for a in part.args], variables)
    return known.get(e, UNKNOWN)


def _joined(kinds: list[str]) -> str:
    kinds = [k for k in kinds if k != AFFINE]
    if not kinds:
        return AFFINE
    return kinds[0] if len(set(kinds)) == 1 else UNKNOWN


def _composed(e: Any, kinds: list[str], variables: set[Any]) -> str:
    if e.is_Add:
        return _joined(kinds)
    if e.is_Mul:
        moving = [(a, k) for a, k in zip(e.args, kinds) if a.free_symbols & variables]
        factor = sp.Mul(*[a for a in e.args if not a.free_symbols & variables])
        if len(moving) != 1 or not factor.is_real:
            return UNKNOWN
        return moving[0][1] if factor.is_nonnegative else OPPOSITE[moving[0][1]]
    if isinstance(e, sp.Max):
        return _joined([*kinds, CONVEX]) if CONCAVE not in kinds else UNKNOWN
    if isinstance(e, sp.Min):
        return _joined([*kinds, CONCAVE]) if CONVEX not in kinds else UNKNOWN
    if isinstance(e, sp.exp) or (e.is_Pow and not e.base.free_symbols & variables and (e.base - 1).is_positive):
        return CONVEX if kinds[-1] in (AFFINE, CONVEX) else UNKNOWN
    if e.is_Pow and e.exp.is_number:
        return _power_of(e, kinds[0])
    if e.func in (sp.Abs, sp.cosh):
        return CONVEX if kinds[0] == AFFINE or (kinds[0] == CONVEX and bounds(e.args[0])[0].is_extended_nonnegative) else UNKNOWN
    if e.func is sp.log:
        return CONCAVE if kinds[0] in (AFFINE, CONCAVE) else _log_sum_exp(e.args[0], variables)
    return UNKNOWN


def _power_of(e: Any, kind: str) -> str:
    low, high = bounds(e.base)
    if e.exp.is_even and e.exp.is_positive:
        if kind == AFFINE or (kind == CONVEX and low.is_extended_nonnegative) or (kind == CONCAVE and high.is_extended_nonpositive):
            return CONVEX
    elif (e.exp - 1).is_positive and kind in (AFFINE, CONVEX) and low.is_extended_nonnegative:
        return CONVEX
    elif e.exp.is_positive and (1 - e.exp).is_positive and kind in (AFFINE, CONCAVE):
        return CONCAVE  # on the domain, where the base is not negative
    elif e.exp.is_negative and kind in (AFFINE, CONCAVE) and low.is_extended_positive:
        return CONVEX
    return UNKNOWN


def _log_sum_exp(inner: Any, variables: set[Any]) -> str:
    """log(Σ cᵢ·e^(affine)) with cᵢ ≥ 0 is convex (Boyd and Vandenberghe, Convex Optimization, 2004, 3.1.5)."""
    for term in sp.Add.make_args(inner):
        factor, rest = term.as_independent(*variables)
        whole = sp.powsimp(rest)
        if not factor.is_nonnegative or not (isinstance(whole, sp.exp) or not rest.free_symbols):
            return UNKNOWN
        if isinstance(whole, sp.exp) and curvature(whole.args[0], list(variables)) != AFFINE:
            return UNKNOWN
    return CONVEX
