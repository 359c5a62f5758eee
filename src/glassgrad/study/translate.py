"""From arrays to algebra: what stands for each NumPy function when a recorded program is played on SymPy symbols.

Arrays of symbols are NumPy's object arrays, so sums, products, shapes and indices work as they are; only functions of single
elements need a counterpart. This module runs where SymPy is, in the process of its own.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import sympy as sp
from sympy.core.relational import Relational
from sympy.logic.boolalg import BooleanAtom, BooleanFunction

from ..ops import arrays
from ..recording import call_method

Rule = Callable[..., Any]
NAMED = {math.pi: sp.pi, math.e: sp.E, math.log(2): sp.log(2), math.log(10): sp.log(10), math.sqrt(2): sp.sqrt(2)}
NAMED |= {2 * math.pi: 2 * sp.pi, math.pi / 2: sp.pi / 2, 2 / math.sqrt(math.pi): 2 / sp.sqrt(sp.pi), math.sqrt(math.pi): sp.sqrt(sp.pi)}
KEPT = (bool, np.bool_, int, str, slice, type(None), type(Ellipsis), np.dtype, type)


def constant(v: Any) -> Any:
    """A recorded number, or array of them, as the simplest exact number that it is: 0.1 is 1/10, 3.141592653589793 is π."""
    if isinstance(v, KEPT):
        return v
    if isinstance(v, np.integer):
        return int(v)
    if isinstance(v, (float, np.floating)):
        return _exactly(v)
    if isinstance(v, np.ndarray) and v.dtype.kind == "f":
        return np.array([_exactly(x) for x in v.ravel()], dtype=object).reshape(v.shape)
    return v


def _exactly(v: Any) -> Any:
    if not np.isfinite(v):
        return {math.inf: sp.oo, -math.inf: -sp.oo}.get(float(v), sp.nan)
    for sign in (1, -1):
        if sign * float(v) in NAMED:
            return sign * NAMED[sign * float(v)]
    small = Fraction(float(v)).limit_denominator(1000)
    if type(v)(small.numerator / small.denominator) == v:
        return sp.Rational(small.numerator, small.denominator)
    return sp.Rational(repr(float(v)) if isinstance(v, float) else str(v))


def as_number(x: Any) -> Any:
    """A condition as 1 or 0, as NumPy's booleans count; anything else as it is."""
    if isinstance(x, (bool, np.bool_)):
        return sp.Integer(int(x))
    if isinstance(x, (Relational, BooleanFunction, BooleanAtom)):
        return sp.Piecewise((1, x), (0, True))
    return sp.sympify(x)


def as_condition(x: Any) -> Any:
    """A number as a condition: whether it is not zero."""
    if isinstance(x, (bool, np.bool_)):
        return sp.true if x else sp.false
    return x if isinstance(x, (Relational, BooleanFunction, BooleanAtom)) else sp.Ne(sp.sympify(x), 0)


def each(function: Rule, inputs: int, lift: Rule = as_number) -> Rule:
    """A function of single elements, for arrays of them."""
    ufunc = np.frompyfunc(lambda *parts: function(*map(lift, parts)), inputs, 1)
    return lambda *args, **_: ufunc(*args[:inputs])


def _where(condition: Any, a: Any, b: Any) -> Any:
    return np.frompyfunc(lambda c, p, q: sp.Piecewise((as_number(p), as_condition(c)), (as_number(q), True)), 3, 1)(condition, a, b)


def _clip(x: Any, low: Any = None, high: Any = None, **_: Any) -> Any:
    if low is not None:
        x = each(sp.Max, 2)(x, low)
    return x if high is None else each(sp.Min, 2)(x, high)


def _folded(function: Rule) -> Rule:
    """A reduction by a function of two elements."""
    ufunc = np.frompyfunc(lambda a, b: function(as_number(a), as_number(b)), 2, 1)

    def reduce(x: Any, axis: Any = None, keepdims: bool = False, **_: Any) -> Any:
        x = np.asarray(x, dtype=object)
        dims = range(x.ndim) if axis is None else [d % x.ndim for d in (axis if isinstance(axis, tuple) else (axis,))]
        for d in sorted(dims, reverse=True):
            x = ufunc.reduce(x, axis=d, keepdims=keepdims)
        return x

    return reduce


def _sum(x: Any, axis: Any = None, keepdims: bool = False, **_: Any) -> Any:
    return np.sum(each(lambda v: v, 1)(np.asarray(x, dtype=object)), axis=axis, keepdims=keepdims)


def _mean(x: Any, axis: Any = None, keepdims: bool = False, **_: Any) -> Any:
    total = _sum(x, axis, keepdims)
    return total / sp.Integer(max(1, np.size(x) // max(1, np.size(total))))


def _var(x: Any, axis: Any = None, keepdims: bool = False, ddof: int = 0, **_: Any) -> Any:
    x = np.asarray(x, dtype=object)
    total = _sum((x - _mean(x, axis, True)) ** 2, axis, keepdims)
    return total / sp.Integer(x.size // max(1, np.size(total)) - ddof)


def _softmax(x: Any, dim: int) -> Any:
    e = each(sp.exp, 1)(np.asarray(x, dtype=object))
    return e / _sum(e, dim, True)


def _logsumexp(x: Any, dim: Any = None, keepdim: bool = False) -> Any:
    return each(sp.log, 1)(_sum(each(sp.exp, 1)(np.asarray(x, dtype=object)), dim, keepdim))


def _softplus(x: Any, beta: Any = 1, threshold: Any = 20) -> Any:
    return each(lambda v: sp.log(1 + sp.exp(as_number(beta) * v)) / as_number(beta), 1)(x)


METHODS: dict[str, Rule] = {
    "sum": _sum, "mean": _mean, "var": _var, "max": _folded(sp.Max), "min": _folded(sp.Min), "clip": _clip,
    "copy": lambda x: x, "conj": lambda x: x, "conjugate": lambda x: x, "astype": lambda x, *_, **__: each(lambda v: v, 1)(x),
}  # fmt: skip


def _method(array: Any, name: str, *args: Any, **kwargs: Any) -> Any:
    if name in METHODS:
        return METHODS[name](array, *args, **kwargs)
    return call_method(np.asarray(array, dtype=object), name, *args, **kwargs)


SINGLE: dict[Any, Rule] = {
    np.exp: sp.exp, np.log: sp.log, np.sin: sp.sin, np.cos: sp.cos, np.tan: sp.tan, np.arcsin: sp.asin, np.arccos: sp.acos,
    np.arctan: sp.atan, np.sinh: sp.sinh, np.cosh: sp.cosh, np.tanh: sp.tanh, np.arcsinh: sp.asinh, np.arccosh: sp.acosh,
    np.arctanh: sp.atanh, np.sqrt: sp.sqrt, np.sign: sp.sign, np.floor: sp.floor, np.ceil: sp.ceiling, np.absolute: sp.Abs,
    np.square: lambda v: v**2, np.exp2: lambda v: sp.Integer(2) ** v, np.expm1: lambda v: sp.exp(v) - 1, np.log1p: lambda v: sp.log(1 + v),
    np.log2: lambda v: sp.log(v, 2), np.log10: lambda v: sp.log(v, 10), np.reciprocal: lambda v: 1 / v, np.conjugate: lambda v: v,
    np.trunc: lambda v: sp.sign(v) * sp.floor(sp.Abs(v)), np.real: lambda v: v, np.negative: lambda v: -v, np.positive: lambda v: v,
    arrays.erf: sp.erf, arrays.passed: lambda v: sp.Not(sp.Le(v, 0)),
    arrays.sign: sp.sign, arrays.sigmoid: lambda v: 1 / (1 + sp.exp(-v)), arrays.astype: lambda v: v,
}  # fmt: skip
PAIRS: dict[Any, Rule] = {
    np.add: operator.add, np.subtract: operator.sub, np.multiply: operator.mul, np.true_divide: operator.truediv, np.power: operator.pow,
    np.float_power: operator.pow, np.maximum: sp.Max, np.minimum: sp.Min, np.arctan2: sp.atan2, np.remainder: sp.Mod,
    np.floor_divide: lambda a, b: sp.floor(a / b), np.copysign: lambda a, b: sp.Abs(a) * sp.sign(b),
    np.less: sp.Lt, np.less_equal: sp.Le, np.greater: sp.Gt, np.greater_equal: sp.Ge, np.equal: sp.Eq, np.not_equal: sp.Ne,
}  # fmt: skip
CONDITIONS: dict[Any, tuple[Rule, int]] = {
    np.logical_and: (sp.And, 2), np.logical_or: (sp.Or, 2), np.logical_not: (sp.Not, 1), np.logical_xor: (sp.Xor, 2),
}  # fmt: skip


class Table(dict[Any, Rule]):
    """The counterparts; a function that has none is called itself, on object arrays where it is the engine's own."""

    def get(self, function: Any, default: Any = None) -> Any:
        found = super().get(function)
        if found is None and getattr(function, "__module__", None) == arrays.__name__:
            plain = function.__wrapped__
            return lambda array, *args, **kwargs: plain(np.asarray(array, dtype=object), *args, **kwargs)
        return default if found is None else found


def table() -> Table:
    """The counterpart of every NumPy function that needs one."""
    found = Table()
    found.update({k: each(f, 1) for k, f in SINGLE.items()})
    found.update({k: each(f, 2) for k, f in PAIRS.items()})
    found.update({k: each(f, n, as_condition) for k, (f, n) in CONDITIONS.items()})
    found.update({
        np.where: _where, np.clip: _clip, np.rint: each(lambda v: sp.floor(v + sp.Rational(1, 2)), 1),
        np.max: _folded(sp.Max), np.min: _folded(sp.Min), np.sum: _sum, np.mean: _mean, np.var: _var, np.add.reduce: _sum,
        np.std: lambda *args, **kwargs: each(sp.sqrt, 1)(_var(*args, **kwargs)),
        np.astype: lambda x, *_, **__: each(lambda v: v, 1)(x), np.copy: lambda x, **_: x,
        np.isnan: lambda x: np.zeros(np.shape(x), bool), np.isfinite: lambda x: np.ones(np.shape(x), bool),
        np.zeros_like: lambda x, **_: np.asarray(x, dtype=object) * 0, np.ones_like: lambda x, **_: np.asarray(x, dtype=object) * 0 + 1,
        arrays.softplus: _softplus, arrays.logsumexp: _logsumexp, arrays.softmax: _softmax,
        arrays.log_softmax: lambda x, dim: x - _logsumexp(x, dim, True),
        call_method: _method, operator.getitem: lambda array, index: np.asarray(array, dtype=object)[index],
    })  # fmt: skip
    return found
