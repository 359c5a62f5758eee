"""The critical points of a polynomial in several variables: its gradient's common zeros, taken apart by Gröbner bases.

The system is split along the factors of its basis until each part is a finite set of points or one irreducible set (a line, a
plane, a curve). Points come from one elimination polynomial a variable, whose real roots are isolated exactly, so that none
is lost; a candidate counts where the whole basis vanishes to 40 digits. See Cox, Little and O'Shea, Ideals, Varieties, and
Algorithms (4th ed., 2015), chapters 3 and 4. This module runs where SymPy is, in the process of its own.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import sympy as sp

DIGITS = 60
PLACES = 6  # how many points of a set are looked at
Part = tuple[str, Any]


def critical_sets(f: Any, symbols: list[Any], slopes: list[Any]) -> Iterator[tuple[str, Any]]:
    """Answers about where the gradient is zero: "critical" points, "flat_sets", and "complete" with its reason."""
    system = [sp.expand(s) for s in slopes if s != 0]
    if all(sp.total_degree(s, *symbols) == 1 for s in system):
        system = _eliminated(system, symbols)
    parts, whole = split(system, symbols)
    sets = []
    for kind, basis in parts:
        if kind == "set":
            described = _described(f, basis, symbols)
            if described is None:
                whole = False
            else:
                sets.append(described | {"_basis": [p.as_expr() for p in basis.polys]})
    points: list[dict[str, Any]] = []
    for kind, basis in parts:
        if kind == "points":
            for place in real_points(basis, symbols):
                at = dict(zip(symbols, place))
                on_set = any(all(_vanishes(p, at) for p in s["_basis"]) for s in sets)
                if not on_set and not any(_close(place, p["_place"]) for p in points):
                    points.append(_point(f, symbols, place) | {"_place": place})
    yield "flat_sets", [{k: v for k, v in s.items() if k != "_basis"} for s in sets]
    yield "critical", [{k: v for k, v in p.items() if k != "_place"} for p in points]
    if whole:
        yield "complete", "the function is a polynomial and its equations were solved exactly"


def split(system: list[Any], symbols: list[Any]) -> tuple[list[Part], bool]:
    """The system's parts, ("points", basis) or ("set", basis), and whether nothing was left out."""
    parts: list[Part] = []
    todo = [system]
    seen = set()
    while todo:
        equations = todo.pop()
        basis = sp.groebner(equations, *symbols, order="grevlex", field=True)
        key = frozenset(basis.exprs)
        if key in seen or basis.exprs == [1]:
            continue
        seen.add(key)
        if len(seen) > 60:
            return parts, False
        bases = [[b for b, _ in sp.factor_list(p, *symbols)[1]] for p in basis.exprs]
        several = next((i for i, factors in enumerate(bases) if len(factors) > 1), None)
        if several is not None:
            todo += [basis.exprs + [factor] for factor in bases[several]]
            continue
        square_free = [factors[0] for factors in bases]
        if any(sp.expand(p - q) != 0 and sp.total_degree(q) < sp.total_degree(p) for p, q in zip(basis.exprs, square_free)):
            todo.append(square_free)
            continue
        if basis.is_zero_dimensional:
            parts.append(("points", basis))
        elif len(basis.exprs) == 1 and sp.total_degree(basis.exprs[0]) > 1 and not _changes_sign(basis.exprs[0], symbols):
            p = basis.exprs[0]  # of one sign, so that its real zeros are among its own critical points
            todo.append([p, *[d for s in symbols if (d := sp.diff(p, s)) != 0]])
        else:
            parts.append(("set", basis))
    return parts, True


def _eliminated(system: list[Any], symbols: list[Any]) -> list[Any]:
    """A linear system after Gauss-Jordan elimination, so that its basis is found at once."""
    matrix, right = sp.linear_eq_to_matrix(system, *symbols)
    reduced, pivots = sp.Matrix.hstack(matrix, right).rref()
    return [sum(a * s for a, s in zip(reduced.row(i), symbols)) - reduced[i, -1] for i in range(len(pivots))]


def _changes_sign(p: Any, symbols: list[Any]) -> bool:
    rng = np.random.default_rng(0)
    value = sp.lambdify(symbols, p, "numpy")
    samples = np.concatenate([np.broadcast_to(value(*(scale * rng.standard_normal((len(symbols), 2000)))), 2000) for scale in (0.3, 1, 3, 30)])
    return bool((samples > 0).any() and (samples < 0).any())


# ------------------------------------------------------------------------------------------------ points
def real_points(basis: Any, symbols: list[Any]) -> list[list[Any]]:
    """The real zeros of a zero-dimensional basis, each coordinate an exact real root of its elimination polynomial."""
    roots = [_real_roots(_elimination(basis, symbols, s), s) for s in symbols]
    polys = [p.as_expr() for p in basis.polys]
    found: list[list[Any]] = []
    partial: list[list[Any]] = [[]]
    order = sorted(range(len(symbols)), key=lambda i: len(roots[i]))
    for depth, i in enumerate(order):
        partial = [[*p, r] for p in partial for r in roots[i]]
        known = [symbols[j] for j in order[: depth + 1]]
        ready = [p for p in polys if p.free_symbols <= set(known)]
        partial = [p for p in partial if all(_vanishes(q, dict(zip(known, p))) for q in ready)]
    for p in partial:
        place = [sp.Integer(0)] * len(symbols)
        for i, r in zip(order, p):
            place[i] = r
        found.append(place)
    return found


def _real_roots(p: Any, s: Any) -> list[Any]:
    poly = sp.Poly(p, s)
    return list(dict.fromkeys(sp.real_roots(sp.Poly(sp.sqf_part(poly.as_expr()), s)))) if poly.degree() > 0 else []


def _elimination(basis: Any, symbols: list[Any], s: Any) -> Any:
    """The polynomial of lowest degree in `s` alone in the ideal: the first linear relation between the powers of s modulo it."""
    alone = [p for p in basis.exprs if p.free_symbols == {s}]
    if alone:
        return min(alone, key=sp.total_degree)
    rows: list[dict[Any, Any]] = []
    power = sp.Integer(1)
    monomials: list[Any] = []
    while True:
        remainder = sp.Poly(basis.reduce(sp.expand(power))[1], *symbols)
        rows.append(dict(remainder.terms()))
        monomials = list(dict.fromkeys([*monomials, *rows[-1]]))
        matrix = sp.Matrix([[row.get(m, 0) for row in rows] for m in monomials])
        null = matrix.nullspace()
        if null:
            return sum(c * s**i for i, c in enumerate(null[0]))
        power = remainder.as_expr() * s


def _vanishes(p: Any, at: dict[Any, Any]) -> bool:
    """Whether p is zero at exact real numbers: to 40 of 60 digits, measured by the sizes of its terms."""
    numbers = {s: (v if v.is_Rational else v.evalf(DIGITS)) for s, v in at.items()}
    terms = [t.subs(numbers) for t in sp.Add.make_args(sp.expand(p))]
    size = max((abs(t) for t in terms), default=sp.Integer(0))
    return bool(abs(sum(terms)) <= sp.Float("1e-40", DIGITS) * max(size, sp.Integer(1)))


def _close(a: list[Any], b: list[Any]) -> bool:
    return all(abs((x - y).evalf(30)) < sp.Float("1e-20") for x, y in zip(a, b))


def _point(f: Any, symbols: list[Any], place: list[Any]) -> dict[str, Any]:
    from .algebra import exact, number

    exactly = all(p.is_Rational for p in place)
    value = f.subs(dict(zip(symbols, place if exactly else [p.evalf(40) for p in place])))
    if not exactly and abs(value) < sp.Float("1e-30"):
        value = sp.Integer(0)
    return {"place": [number(p) for p in place], "value": number(value), "kind": None, "exact": [exact(p) for p in place],
            "exact_value": exact(value) if exactly else None}  # fmt: skip


# ------------------------------------------------------------------------------------------------ lines, planes, curves
def _described(f: Any, basis: Any, symbols: list[Any]) -> dict[str, Any] | None:
    """A set of critical points: its equations, some of its real points, the value on it; None where no real point is found."""
    from .algebra import number, shown

    polys = basis.exprs
    affine = all(sp.total_degree(p) == 1 for p in polys)
    places = _places_on(polys, symbols, affine)
    if not places:
        return None
    value = basis.reduce(sp.expand(f))[1]
    if not value.is_number:
        value = f.subs(dict(zip(symbols, places[0])))
    equations, coefficients = [], []
    for p in reversed(polys):
        left, right = _balanced(p, symbols)
        equations.append({"text": f"{shown(left)['text']} = {right}", "latex": f"{sp.latex(left)} = {sp.latex(right)}"})
        if affine:
            coefficients.append([number(sp.diff(left, s)) for s in symbols] + [number(right)])
    return {"equations": equations, "coefficients": coefficients, "dimension": _dimension(basis, symbols), "affine": affine,
            "value": number(value), "places": [[number(p) for p in place] for place in places]}  # fmt: skip


def _places_on(polys: list[Any], symbols: list[Any], affine: bool) -> list[list[Any]]:
    """Up to `PLACES` real points of a set: coordinates set to small numbers until the rest has real solutions; none if none is found."""
    if affine:
        (where,) = sp.linsolve(polys, *symbols)
        free = sorted(set().union(*[w.free_symbols for w in where]), key=str)
        shifts = ([(i * k) % 5 - 2 for k in range(1, len(free) + 1)] for i in range(2, PLACES + 1))
        return [[w.subs(dict(zip(free, at))) for w in where] for at in ([0] * len(free), *shifts)]
    found: list[list[Any]] = []
    for count in range(1, len(symbols)):
        for fixed in itertools.combinations(symbols, count):
            for at in itertools.islice(itertools.product((0, 1, -1, 2, sp.Rational(1, 2)), repeat=count), 25):
                given = dict(zip(fixed, at))
                rest = [s for s in symbols if s not in given]
                system = [q for p in polys if (q := sp.expand(p.subs(given))) != 0]
                if not system or any(q.is_number for q in system):
                    continue
                basis = sp.groebner(system, *rest, order="grevlex", field=True)
                if basis.exprs == [1] or not basis.is_zero_dimensional:
                    continue
                for point in real_points(basis, rest):
                    values = given | dict(zip(rest, point))
                    found.append([sp.sympify(values[s]) for s in symbols])
                if len(found) >= PLACES:
                    return found[:PLACES]
    return found


def _dimension(basis: Any, symbols: list[Any]) -> int:
    """The size of the largest set of variables that no leading monomial is made of alone."""
    leading = [{s for s, k in zip(symbols, p.monoms(order="grevlex")[0]) if k} for p in basis.polys]
    sizes = (n for n in range(len(symbols), 0, -1) for free in itertools.combinations(symbols, n) if not any(m <= set(free) for m in leading))
    return next(sizes, 0)


def _balanced(p: Any, symbols: list[Any]) -> tuple[Any, Any]:
    """An equation as (terms with variables) = number, in whole coefficients, the first one positive."""
    poly = sp.Poly(p, *symbols).clear_denoms()[1].primitive()[1]
    if poly.LC() < 0:
        poly = -poly
    c = poly.coeff_monomial(1)
    return sp.expand(poly.as_expr() - c), -c


__all__ = ["critical_sets", "real_points", "split"]
