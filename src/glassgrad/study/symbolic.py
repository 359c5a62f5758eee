"""Algebra: the recorded program played on SymPy symbols, its derivatives, exact critical points, limits."""

from __future__ import annotations

import itertools
import os
import pickle
import selectors
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..ops import arrays as engine_arrays
from ..recording import Program, call_method
from .function import Function

MEMORY = 4 * 2**30
COMPONENTS = 12  # above this many variables formulas are no help to a reader


def ask(function: Function, program: Program, points: list[np.ndarray], timeout: float) -> dict[str, Any]:
    """SymPy's answers about a program, as many as came within `timeout` seconds; "cut" says what stopped it, if anything."""
    sheet = dict(program=program, symbols=function.symbols, shapes=function.shapes, points=[p.tolist() for p in points], memory=MEMORY)
    try:
        question = pickle.dumps(sheet)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        return {"cut": f"the recorded program cannot be handed to SymPy ({error})"}
    path = os.pathsep.join(p for p in sys.path if p)
    process = subprocess.Popen(
        [sys.executable, "-c", "from glassgrad.study.worker import main; main()"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, env={**os.environ, "PYTHONPATH": path},
    )  # fmt: skip
    assert process.stdin and process.stdout
    answers: dict[str, Any] = {}
    deadline = time.monotonic() + timeout
    buffer = b""
    try:
        process.stdin.write(question)
        process.stdin.close()
        fd = process.stdout.fileno()
        with selectors.DefaultSelector() as selector:
            selector.register(fd, selectors.EVENT_READ)
            while "end" not in answers:
                left = deadline - time.monotonic()
                if left <= 0 or not selector.select(left):
                    answers["cut"] = f"SymPy was stopped after {timeout:g} s"
                    break
                chunk = os.read(fd, 1 << 16)
                if not chunk:
                    answers["cut"] = "SymPy's process ended early (out of memory, or killed)"
                    break
                buffer = _read(buffer + chunk, answers)
    except BrokenPipeError:
        answers["cut"] = "SymPy's process could not be started"
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
    if "missing" in answers:
        answers["cut"] = 'SymPy is not installed: pip install "glassgrad[see]" adds formulas and exact points'
    elif "failed" in answers:
        answers["cut"] = f"SymPy gave up ({answers['failed']})"
    return answers


def _read(buffer: bytes, answers: dict[str, Any]) -> bytes:
    """Takes the whole answers off the front of a buffer."""
    import io

    stream = io.BytesIO(buffer)
    done = 0
    while done < len(buffer):
        try:
            name, value = pickle.load(stream)
        except (EOFError, pickle.UnpicklingError):
            break
        answers[name] = value
        done = stream.tell()
    return buffer[done:]


# ------------------------------------------------------------------------------------------------ in the other process
def answers(sheet: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Everything that algebra can say, the most wanted first."""
    import sympy as sp

    symbols = [sp.Symbol(n, real=True) for n in sheet["symbols"]]
    inputs, start = [], 0
    for shape in sheet["shapes"]:
        n = int(np.prod(shape))
        part = np.array(symbols[start : start + n], dtype=object).reshape(shape)
        inputs.append(part if shape else part[()])
        start += n
    outputs = sheet["program"].run(inputs, table(sp), constant)
    f = _scalar(outputs[0])
    ours = [_scalar(e) for out, s in zip(outputs[1:], sheet["shapes"]) for e in (np.broadcast_to(np.asarray(out, dtype=object), s).ravel() if s else [out])]
    yield "formula", _shown(sp, f)
    derivative = [sp.diff(f, s) for s in symbols]
    tidy = [sp.simplify(d) if sp.count_ops(d) < 200 else d for d in derivative]
    yield "gradient", [_shown(sp, d) for d in tidy]
    yield "values", [[_number(d.subs(dict(zip(symbols, p)))) for d in derivative] for p in sheet["points"]]
    ours = ours or [sp.Integer(0)] * len(symbols)
    same = all(sp.simplify(a - b) == 0 for a, b in zip(ours, derivative))
    yield "engine_agrees", True if same else _agree_at(ours, derivative, symbols, sheet["points"])
    yield "lower_bound", _lower_bound(sp, f)
    hessian = [[sp.simplify(sp.diff(d, s)) for s in symbols] for d in tidy]
    yield "hessian", [[_shown(sp, h) for h in row] for row in hessian]
    yield "constant_gradient", all(d.is_constant() for d in tidy)
    constant_hessian = all(not h.free_symbols for row in hessian for h in row)
    yield "constant_hessian", constant_hessian
    polynomial = f.is_polynomial(*symbols)
    yield "degree", int(sp.Poly(f, *symbols).total_degree()) if polynomial and f.free_symbols else (0 if polynomial else None)
    if constant_hessian:
        yield "hessian_eigenvalues", [float(v) for v in np.linalg.eigvalsh(np.array(hessian, dtype=float))] if symbols else []
    if polynomial and len(symbols) == 1:
        yield from _one_variable(sp, f, symbols[0], tidy[0], hessian[0][0])
    elif polynomial:
        yield from _several(sp, f, symbols, tidy)
    if len(symbols) == 1:
        for name, end in (("limit_plus", sp.oo), ("limit_minus", -sp.oo)):
            far = f.subs(symbols[0], sp.sign(end) * 10**6)
            limit = sp.limit(f, symbols[0], end) if sp.im(sp.N(far)) == 0 else sp.nan
            yield name, str(limit) if limit.is_extended_real and limit is not sp.nan else None
        if not polynomial:
            yield "convex", _convex(sp, f, symbols[0])
    elif polynomial:
        yield "leading", _leading(sp, f, symbols)


def _agree_at(ours: list[Any], derivative: list[Any], symbols: list[Any], points: list[list[float]]) -> bool | None:
    """Where algebra cannot show two gradients equal (kinks, conventions): False if they differ at a point, None otherwise."""
    for p in points:
        at = dict(zip(symbols, p))
        for a, b in zip(ours, derivative):
            x, y = _number(a.subs(at)), _number(b.subs(at))
            if not abs(x - y) <= 1e-9 * max(1.0, abs(x)):
                return False
    return None


def _lower_bound(sp: Any, f: Any) -> float | None:
    """A constant that a sum of squares, even powers, absolute values and exponentials cannot fall below."""
    total = 0.0
    for term in sp.Add.make_args(f):
        if term.is_number:
            total += _number(term)
        elif not term.is_nonnegative:
            return None
    return total


def _scalar(e: Any) -> Any:
    import sympy as sp

    return sp.sympify(e.item() if isinstance(e, np.ndarray) else e)


def constant(v: Any) -> Any:
    """A recorded number or array with exact rationals in it: 0.1 is 1/10."""
    import sympy as sp

    if isinstance(v, (bool, np.bool_, int, str, slice, type(None), type(Ellipsis), np.dtype)) or callable(v) and not isinstance(v, np.generic):
        return v
    if isinstance(v, np.integer):
        return int(v)
    if isinstance(v, (float, np.floating)):
        return sp.Rational(repr(float(v)) if isinstance(v, (float, np.float64)) else str(v)) if np.isfinite(v) else sp.Float(v)
    if isinstance(v, np.ndarray) and v.dtype.kind == "f":
        return np.array([constant(x) for x in v.ravel()], dtype=object).reshape(v.shape)
    return v


def table(sp: Any) -> dict[Any, Any]:
    """What stands for a NumPy function when its arguments are symbols."""

    def each(function: Any) -> Any:
        ufunc = np.frompyfunc(function, function.__code__.co_argcount, 1)
        return lambda *args, **kwargs: ufunc(*args)

    def piece(condition: Any, a: Any, b: Any) -> Any:
        return sp.Piecewise((sp.sympify(a), sp.sympify(bool(condition)) if isinstance(condition, (bool, np.bool_)) else condition), (sp.sympify(b), True))

    def method(array: Any, name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "astype":
            return _lifted(np.frompyfunc(lambda v: _as_number(sp, v), 1, 1))(array)
        if name in ("copy", "conj"):
            return array
        return call_method(np.asarray(array, dtype=object), name, *args, **kwargs)

    def getitem(array: Any, index: Any) -> Any:
        got = np.asarray(array, dtype=object)[index]
        return got

    def relational(kind: Any) -> Any:
        return each(lambda a, b: kind(sp.sympify(a), sp.sympify(b)))

    import operator

    one = {np.exp: sp.exp, np.log: sp.log, np.sin: sp.sin, np.cos: sp.cos, np.tan: sp.tan, np.arcsin: sp.asin, np.arccos: sp.acos,
           np.arctan: sp.atan, np.sinh: sp.sinh, np.cosh: sp.cosh, np.tanh: sp.tanh, np.arcsinh: sp.asinh, np.arccosh: sp.acosh,
           np.arctanh: sp.atanh, np.sqrt: sp.sqrt, np.sign: sp.sign, np.floor: sp.floor, np.ceil: sp.ceiling, np.absolute: sp.Abs,
           engine_arrays.erf: sp.erf}  # fmt: skip
    mapped: dict[Any, Any] = {k: each(lambda x, g=g: g(sp.sympify(x))) for k, g in one.items()}
    for k, g in one.items():
        mapped[k] = _lifted(np.frompyfunc(lambda x, g=g: g(sp.sympify(x)), 1, 1))
    mapped |= {
        np.square: each(lambda x: x**2),
        np.exp2: each(lambda x: sp.Integer(2) ** x),
        np.expm1: each(lambda x: sp.exp(x) - 1),
        np.log1p: each(lambda x: sp.log(1 + x)),
        np.log2: each(lambda x: sp.log(x, 2)),
        np.log10: each(lambda x: sp.log(x, 10)),
        np.rint: each(lambda x: sp.floor(x + sp.Rational(1, 2))),
        np.arctan2: each(lambda y, x: sp.atan2(y, x)),
        np.maximum: each(lambda a, b: sp.Max(a, b)),
        np.minimum: each(lambda a, b: sp.Min(a, b)),
        np.clip: lambda x, a, b: _lifted(np.frompyfunc(lambda v: sp.Min(sp.Max(v, a) if a is not None else v, b) if b is not None else sp.Max(v, a), 1, 1))(x),
        np.where: each(piece),
        np.less: relational(sp.Lt), np.less_equal: relational(sp.Le), np.greater: relational(sp.Gt), np.greater_equal: relational(sp.Ge),
        np.equal: relational(sp.Eq), np.not_equal: relational(sp.Ne),
        np.logical_and: each(lambda a, b: sp.And(a, b)), np.logical_or: each(lambda a, b: sp.Or(a, b)),
        np.zeros_like: lambda x, **_: np.asarray(x, dtype=object) * 0, np.ones_like: lambda x, **_: np.asarray(x, dtype=object) * 0 + 1,
        np.mean: lambda x, axis=None, keepdims=False: np.sum(np.asarray(x, dtype=object), axis=axis, keepdims=keepdims)
        / sp.Integer(np.asarray(x, dtype=object).size // max(1, np.sum(np.asarray(x, dtype=object) * 0 + 1, axis=axis).size if axis is not None else 1)),
        np.sum: lambda x, axis=None, keepdims=False: np.sum(np.asarray(x, dtype=object), axis=axis, keepdims=keepdims),
        np.conjugate: lambda x: x, np.real: lambda x: x,
        engine_arrays.sigmoid: each(lambda x: 1 / (1 + sp.exp(-x))),
        engine_arrays.softplus: lambda x, beta, threshold: _lifted(np.frompyfunc(lambda v: sp.log(1 + sp.exp(beta * v)) / beta, 1, 1))(x),
        engine_arrays.astype: lambda x, d: _lifted(np.frompyfunc(lambda v: _as_number(sp, v), 1, 1))(x),
        call_method: method,
        operator.getitem: getitem,
        np.multiply: _times(sp),
    }  # fmt: skip
    return mapped


def _lifted(ufunc: Any) -> Any:
    return lambda *args, **kwargs: ufunc(*args)


def _times(sp: Any) -> Any:
    """Products in which a condition counts as 1 or 0, as NumPy's booleans do."""

    def number(x: Any) -> Any:
        return _as_number(sp, x)

    ufunc = np.frompyfunc(lambda a, b: number(a) * number(b), 2, 1)
    return lambda a, b: ufunc(a, b)


def _as_number(sp: Any, x: Any) -> Any:
    """A condition as 1 or 0; anything else as it is. (A SymPy symbol counts as a Boolean too: it is a number here.)"""
    if isinstance(x, (bool, np.bool_)):
        return int(x)
    condition = isinstance(x, (sp.core.relational.Relational, sp.logic.boolalg.BooleanFunction, sp.logic.boolalg.BooleanAtom))
    return sp.Piecewise((1, x), (0, True)) if condition else x


def _shown(sp: Any, e: Any) -> dict[str, str]:
    return {"text": str(e).replace("**", "^"), "latex": sp.latex(e)}


def _number(e: Any) -> float:
    try:
        v = complex(e.evalf(17))
    except (TypeError, ValueError):
        return float("nan")
    return v.real if abs(v.imag) < 1e-12 * max(1.0, abs(v.real)) else float("nan")


def _exact(sp: Any, e: Any) -> str | None:
    """An exact form worth reading, or None where only the number helps."""
    e = sp.nsimplify(e) if e.is_Rational else e
    text = str(e)
    return text.replace("**", "^") if len(text) <= 24 and "CRootOf" not in text else None


def _one_variable(sp: Any, f: Any, x: Any, slope: Any, curvature: Any) -> Iterator[tuple[str, Any]]:
    """All real critical points of a polynomial, exactly, and where it is convex."""
    if not slope.free_symbols:
        yield "critical", []
    else:
        roots = sorted(set(sp.real_roots(sp.Poly(slope, x))), key=lambda r: float(r))
        points = []
        for r in roots:
            order, d = 1, slope
            while True:
                d = sp.diff(d, x)
                order += 1
                at = d.subs(x, r)
                if _number(at) and abs(_number(at)) > 1e-9 or order > 40:
                    break
            kind = "inflection" if order % 2 else ("minimum" if _number(at) > 0 else "maximum")
            value = f.subs(x, r)
            points.append({"place": [_number(r)], "value": _number(value), "kind": kind, "exact": [_exact(sp, r)],
                           "exact_value": _exact(sp, sp.simplify(value)) if r.is_Rational else None, "order": order})  # fmt: skip
        yield "critical", points
    yield "complete", True
    if curvature.free_symbols:
        turns = sorted({float(r) for r in sp.real_roots(sp.Poly(curvature, x))})
        tests = [turns[0] - 1, *[(a + b) / 2 for a, b in itertools.pairwise(turns)], turns[-1] + 1] if turns else [0.0]
        signs = [_number(curvature.subs(x, sp.Rational(repr(t)))) for t in tests]
        yield "convex", "convex" if all(s >= 0 for s in signs) else "concave" if all(s <= 0 for s in signs) else "neither"


def _several(sp: Any, f: Any, symbols: list[Any], slopes: list[Any]) -> Iterator[tuple[str, Any]]:
    """Critical points of a polynomial in several variables: a linear system, or Gröbner bases."""
    if all(not s.free_symbols for s in slopes):
        zero = all(s == 0 for s in slopes)
        yield "critical", []
        yield "complete", True
        if zero:
            yield "everywhere_flat", True
        return
    common = sp.gcd_list([sp.expand(s) for s in slopes if s != 0])
    linear = all(sp.total_degree(s, *symbols) <= 1 for s in slopes)
    shared = sp.total_degree(common, *symbols) > 0
    if shared and not linear:
        yield "flat_sets", [
            _flat_set(sp, f, base, symbols, int(sp.total_degree(base, *symbols))) for base, _ in sp.factor_list(common)[1]
        ]
    if linear:
        solution = sp.linsolve(slopes, *symbols)
        if solution == sp.EmptySet:
            yield "critical", []
            yield "complete", True
            return
        (where,) = solution
        free = set().union(*[w.free_symbols for w in where])
        if free:
            equations = [sp.Eq(*_balanced(sp, s, symbols)) for s in _independent(sp, slopes, symbols)]
            yield "flat_sets", [{"equations": [_shown(sp, e) | {"text": f"{e.lhs} = {e.rhs}"} for e in equations],
                               "coefficients": _linear_coefficients(sp, slopes, symbols), "dimension": len(free), "affine": True,
                               "value": _number(f.subs(dict(zip(symbols, where))).subs({v: 0 for v in free})), "place": [_number(w.subs({v: 0 for v in free})) for w in where]}]  # fmt: skip
            yield "complete", True
            return
        yield "critical", [_critical(sp, f, symbols, where)]
        yield "complete", True
        return
    system = [sp.cancel(s / common) for s in slopes] if shared else slopes
    system = [s for s in system if s != 0]
    if any(not s.free_symbols for s in system):
        yield "critical", []
        yield "complete", True
        return
    basis = sp.groebner(system, *symbols, order="lex")
    if not basis.is_zero_dimensional:
        yield "critical", []
        return
    places = _real_solutions(sp, basis, symbols)
    if places is not None:
        yield "critical", [{"place": p, "kind": None, "value": _number(f.subs(dict(zip(symbols, p)))), "exact": [_nice(sp, v, system, symbols, i) for i, v in enumerate(p)], "exact_value": None} for p in places]
        yield "complete", True


def _nice(sp: Any, value: float, system: list[Any], symbols: list[Any], i: int) -> str | None:
    near = sp.nsimplify(value, rational=True, tolerance=1e-12)
    return str(near) if near.q <= 1000 and abs(float(near) - value) < 1e-13 * max(1.0, abs(value)) else None


def _real_solutions(sp: Any, basis: Any, symbols: list[Any]) -> list[list[float]] | None:
    """The real common zeros of a zero-dimensional basis: eliminate, isolate the last variable's real roots, go back up."""
    polys = [p.as_expr() for p in basis.polys]
    partial: list[dict[Any, Any]] = [{}]
    for k in reversed(range(len(symbols))):
        x = symbols[k]
        later = set(symbols[k + 1 :])
        mine = [p for p in polys if x in p.free_symbols and p.free_symbols <= later | {x}]
        if not mine:
            return None
        grown = []
        for known in partial:
            candidates: list[Any] | None = None
            reduced = [sp.Poly(sp.expand(p.subs(known)), x) for p in mine]
            reduced = [q for q in reduced if q.degree() > 0 and any(abs(c) > 1e-25 for c in q.all_coeffs()[:-1])]
            if not reduced:
                return None
            lowest = min(reduced, key=lambda q: q.degree())
            roots = sp.real_roots(lowest) if not known else [r for r in lowest.nroots(n=40, maxsteps=500) if abs(sp.im(r)) < sp.Float("1e-15")]
            candidates = [sp.re(sp.N(r, 40)) for r in roots]
            for r in candidates:
                grown.append({**known, x: r})
        partial = grown
    out: list[list[float]] = []
    for known in partial:
        residual = max(abs(sp.N(p.subs(known), 30)) for p in polys)
        scale = max(1, *[abs(v) for v in known.values()])
        if residual > sp.Float("1e-10") * scale**6:
            continue
        p = [float(known[s]) for s in symbols]
        if all(np.linalg.norm(np.subtract(p, q)) > 1e-9 for q in out):
            out.append(p)
    return out


def _balanced(sp: Any, slope: Any, symbols: list[Any]) -> tuple[Any, Any]:
    """A linear equation as Σ aᵢxᵢ = c, with whole coefficients and a positive first one."""
    poly = sp.Poly(sp.primitive(sp.expand(slope))[1], *symbols)
    c = poly.coeff_monomial(1)
    left = sp.expand(poly.as_expr() - c)
    if poly.coeffs() and sp.Poly(left, *symbols).coeffs()[0] < 0:
        return -left, c
    return left, -c


def _independent(sp: Any, slopes: list[Any], symbols: list[Any]) -> list[Any]:
    matrix, rhs = sp.linear_eq_to_matrix(slopes, symbols)
    rows = matrix.row_join(rhs).rref()[0]
    out = []
    for i in range(rows.rows):
        if any(rows[i, j] != 0 for j in range(len(symbols))):
            e = sum(rows[i, j] * s for j, s in enumerate(symbols)) - rows[i, len(symbols)]
            denominators = [sp.fraction(rows[i, j])[1] for j in range(rows.cols)]
            out.append(sp.expand(e * sp.ilcm(*denominators)))
    return out


def _linear_coefficients(sp: Any, slopes: list[Any], symbols: list[Any]) -> list[list[float]]:
    out = []
    for s in _independent(sp, slopes, symbols):
        left, right = _balanced(sp, s, symbols)
        out.append([_number(sp.diff(left, v)) for v in symbols] + [_number(right)])
    return out


def _flat_set(sp: Any, f: Any, base: Any, symbols: list[Any], degree: int) -> dict[str, Any]:
    if degree == 1:
        left, right = _balanced(sp, base, symbols)
        text, coefficients = f"{left} = {right}", [[_number(sp.diff(left, v)) for v in symbols] + [_number(right)]]
        latex = f"{sp.latex(left)} = {sp.latex(right)}"
    else:
        text, latex, coefficients = f"{base} = 0", f"{sp.latex(base)} = 0", []
    place, value = None, None
    for s in symbols:  # one point of the set: the others 0 (or 1), solved for this one
        for rest in (0, 1, 2):
            fixed = base.subs({v: rest for v in symbols if v != s})
            if s in fixed.free_symbols:
                real = sp.real_roots(sp.Poly(fixed, s))
                if real:
                    at = {v: (real[0] if v == s else rest) for v in symbols}
                    place, value = [_number(sp.sympify(at[v])) for v in symbols], _number(f.subs(at))
                    break
        if place:
            break
    return {"equations": [{"text": text.replace("**", "^"), "latex": latex}], "coefficients": coefficients,
            "dimension": len(symbols) - 1, "affine": degree == 1, "value": value, "place": place}  # fmt: skip


def _critical(sp: Any, f: Any, symbols: list[Any], where: Any) -> dict[str, Any]:
    value = f.subs(dict(zip(symbols, where)))
    return {"place": [_number(w) for w in where], "value": _number(value), "kind": None, "exact": [_exact(sp, w) for w in where],
            "exact_value": _exact(sp, sp.simplify(value))}  # fmt: skip


def _convex(sp: Any, f: Any, x: Any) -> str | None:
    try:
        if sp.is_convex(f, x, domain=sp.S.Reals):
            return "convex"
        if sp.is_convex(-f, x, domain=sp.S.Reals):
            return "concave"
    except (NotImplementedError, ValueError, TypeError):
        return None
    return None


def _leading(sp: Any, f: Any, symbols: list[Any]) -> dict[str, bool]:
    """Along which ends a polynomial grows: the signs of its highest form over directions."""
    poly = sp.Poly(f, *symbols)
    top = poly.total_degree()
    form = sum(c * sp.prod([s**k for s, k in zip(symbols, m)]) for m, c in poly.terms() if sum(m) == top)
    g = sp.lambdify(symbols, form, "numpy")
    rng = np.random.default_rng(0)
    d = rng.standard_normal((len(symbols), 4000))
    values = np.broadcast_to(g(*d), 4000)
    top_size = float(np.abs(values).max())
    return {"up": bool((values > 1e-12).any()), "down": bool((values < -1e-12).any()),
            "coercive": bool(values.min() > 1e-3 * top_size), "capped": bool(values.max() < -1e-3 * top_size)}  # fmt: skip
