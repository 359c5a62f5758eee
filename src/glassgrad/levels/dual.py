"""Dual numbers: what a tensor holds in forward mode, a value and how fast it moves.

An elementwise op multiplies the tangent with its declared derivative, a linear function is applied to the tangent, a bilinear one to
each in turn. What is left goes through the op's own vjp, which is linear in its cotangent: differentiated by that it gives J·t.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..dtypes import NUMBERS
from ..graph.engine import run
from ..graph.modes import enable_grad
from ..graph.node import edge_of
from ..ops import arrays, indexing, numpy_protocol, windows
from ..ops.levels import Layer, Level, layers_in, levels_of, of_levels, told_apart
from ..ops.op import OPS, UFUNCS, Op
from ..tensor import Tensor


class DualLevel(Level):
    """A running forward mode."""

    __slots__ = ("closed", "transform")

    def __init__(self, transform: bool = True) -> None:
        super().__init__()
        self.transform = transform
        self.closed = False  # left for good: tangents of this level are not asked for any more

    def dropped(self, grad: Any) -> Any:
        """The cotangent of a constant: see `Exchanged`."""
        return grad.tangent if isinstance(grad, Exchanged) and grad.level is self else grad

    def constant(self, data: Any) -> Any:
        return Dual(data, np.zeros_like(data)[()], self)

    def restored(self, grad: Any) -> Any:
        return Exchanged(grad, np.zeros_like(grad)[()], self)


class Dual(Layer):
    """A value (`primal`) and its `tangent`, of one shape."""

    __slots__ = ("primal", "tangent")
    level: DualLevel

    def __init__(self, primal: Any, tangent: Any, level: DualLevel):
        self.primal, self.tangent, self.level = primal, tangent, level

    shape = property(lambda self: self.primal.shape)

    def parts(self) -> tuple[Any, ...]:
        return self.primal, self.tangent

    def with_parts(self, *parts: Any) -> Dual:
        primal, tangent = parts
        return type(self)(primal, tangent, self.level)

    told_apart = property(lambda self: told_apart(self.primal))

    def become(self, other: Any) -> None:
        self[...] = other

    def _result(self, primal: Any, tangent: Any) -> Any:
        if tangent is None or primal.dtype.kind not in "fc":
            return primal
        if tangent.shape != primal.shape:
            tangent = np.broadcast_to(tangent, primal.shape)
        return type(self)(primal, tangent, self.level)

    def _split(self, value: Any) -> tuple[Any, Any]:
        """The primals and the tangents (None for constants) of arguments."""
        if isinstance(value, Dual) and value.level is self.level:
            return value.primal, value.tangent
        if isinstance(value, (tuple, list)):
            pairs = [self._split(v) for v in value]
            return type(value)(p for p, _ in pairs), type(value)(t for _, t in pairs)
        return value, None

    def _ufunc(self, ufunc: np.ufunc, inputs: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        primals, tangents = self._split(tuple(inputs))
        if ufunc in BILINEAR:
            return self._bilinear(ufunc, primals, tangents, kwargs)
        primal = ufunc(*primals, **kwargs)
        if ufunc in ALONE:
            return self._result(primal, ALONE[ufunc](primals[0], tangents[0]))
        if ufunc is np.power and tangents[1] is None and type(primals[1]) in NUMBERS:
            op: Any = OPS["_pow_number"]
            primals, statics = primals[:1], {"exponent": primals[1]}
        elif ufunc is np.maximum and type(primals[1]) is int and primals[1] == 0:
            op, primals, statics = OPS["relu"], primals[:1], {}
        else:
            op, statics = OPS["_pow_tensor"] if ufunc is np.power else getattr(UFUNCS.get(ufunc), "op", None), {}
        if op is None or op.kind != "elementwise" or primal.dtype.kind not in "fc":
            return primal  # a comparison, a step
        return self._result(primal, chained(op, primals, tangents, primal, statics))

    def _function(self, function: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        primals, tangents = self._split(tuple(args))
        named = {k: self._split(v) for k, v in kwargs.items()}
        plain = {k: p for k, (p, _) in named.items()}
        if function in LINEAR:
            return self._linear(function, primals, tangents, plain)
        if function in BILINEAR:
            return self._bilinear(function, primals, tangents, plain)
        if function in JOINS:
            zeros = type(primals[0])(np.zeros_like(p) if t is None else t for p, t in zip(primals[0], tangents[0]))
            return self._result(function(*primals, **plain), function(zeros, *primals[1:], **plain))
        if function is windows.pad_with:
            return self._result(function(*primals, **plain), function(tangents[0], primals[1]))
        if function is np.where:
            return self._result(np.where(*primals), np.where(primals[0], *[0 if t is None else t for t in tangents[1:]]))
        if function is indexing._placed:
            zero = lambda p, t: np.zeros_like(p) if t is None else t  # noqa: E731
            x, values = zero(primals[0], tangents[0]), 0 if tangents[1] is None else tangents[1]
            return self._result(function(*primals, **plain), function(x, values, *primals[2:], **plain))
        op = getattr(numpy_protocol.FUNCTIONS.get(function), "op", None)
        if op is not None and op.kind == "elementwise":
            primal = function(*primals, **plain)
            statics = dict(zip([p.name for p in op.params[1:]], primals[1:])) | plain
            defaults = {p.name: p.default for p in op.params[1:]}
            return self._result(primal, chained(op, primals, tangents, primal, defaults | statics))
        if function in numpy_protocol.FUNCTIONS and function not in CONSTANT:
            return by_vjp(self, numpy_protocol.FUNCTIONS[function], args, kwargs)
        found = function(*primals, **plain)
        if function not in CONSTANT and not hasattr(function, "constant") and getattr(getattr(found, "dtype", None), "kind", "i") in "fc":
            raise NotImplementedError(f"{function.__name__} has no rule for forward mode: its tensor form is missing in numpy_protocol.FUNCTIONS")
        return found

    def _linear(self, function: Any, primals: Any, tangents: Any, named: Any) -> Any:
        tangent = None if tangents[0] is None else function(tangents[0], *primals[1:], **named)
        return self._result(function(*primals, **named), tangent)

    def _bilinear(self, function: Any, primals: Any, tangents: Any, named: Any) -> Any:
        tangent = None
        for i in range(2):
            if tangents[i] is not None:
                part = function(*[tangents[k] if k == i else primals[k] for k in range(2)], **named)
                tangent = part if tangent is None else tangent + part
        return self._result(function(*primals, **named), tangent)

    def __setitem__(self, index: Any, value: Any) -> None:
        p, t = self._split(value)
        primal: Any = of_levels(self.primal, levels_of(p))
        tangent: Any = of_levels(self.tangent, levels_of(t))
        self.primal, self.tangent = [x if isinstance(x, Layer) or isinstance(x, np.ndarray) and x.flags.writeable else np.array(x) for x in (primal, tangent)]
        self.primal[index] = p
        self.tangent[index] = 0 if t is None else t

    def __bool__(self) -> bool:
        return bool(self.primal)

    def item(self, *args: Any) -> Any:
        return self.primal.item(*args)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return np.asarray(self.primal, dtype)

    def detached(self) -> Any:
        return self.primal.detached() if isinstance(self.primal, Layer) else self.primal

    def shown(self) -> str:
        if self.level.closed:
            return repr(Tensor._wrap(self.primal))
        return f"{repr(Tensor._wrap(self.primal))[:-1]}, tangent={Tensor._wrap(self.tangent)!r})"

    def tolist(self) -> Any:
        return self.primal.tolist()

    __float__ = lambda self: float(self.primal)  # noqa: E731
    __int__ = lambda self: int(self.primal)  # noqa: E731
    __complex__ = lambda self: complex(self.primal)  # noqa: E731


class Exchanged(Dual):
    """A cotangent that came into forward mode from outside: what belongs to the tangent in front; see `borders`."""

    __slots__ = ()
    rank = 1


def chained(op: Op, primals: Sequence[Any], tangents: Sequence[Any], result: Any, statics: dict[str, Any]) -> Any:
    """Σ derivative · tangent of an elementwise op, from its declaration."""
    values = dict(zip(op.tensors, primals)) | {"result": result} | statics
    total = None
    for name, tangent in zip(op.tensors, tangents):
        if tangent is None:
            continue
        rule = op.rules[name]
        local = rule(*[values[w] for w in op.wants[name]]) if callable(rule) else rule
        if getattr(rule, "selects", False):
            part = arrays.chosen(tangent, local)
        elif not callable(rule) and rule in (1, -1):
            part = tangent if rule == 1 else -tangent
        else:
            part = tangent * local
        total = part if total is None else total + part
    if total is not None and total.dtype.kind == "c" and result.dtype.kind != "c":
        return np.real(total)
    return total


def by_vjp(dual: Dual, function: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    """J·t of any function of tensors, by differentiating its vjp, which is linear in the cotangent, by the cotangent."""
    levels = frozenset().union(*[x.levels for x in layers_in((args, kwargs))]) - dual.level.alone
    leaves: list[Tensor] = []
    tangents: list[Any] = []

    def leaf(x: Any) -> Any:
        if isinstance(x, Dual) and x.level is dual.level:
            t = Tensor._wrap(of_levels(x.primal, levels))
            t._needs = True
            leaves.append(t)
            tangents.append(x.tangent)
            return t
        if isinstance(x, (tuple, list)):
            return type(x)(leaf(v) for v in x)
        return x

    with enable_grad():
        out = function(*leaf(tuple(args)), **{k: leaf(v) for k, v in kwargs.items()})
        if not isinstance(out, Tensor) or not out._needs:
            return getattr(out, "_data", out)
        weight = Tensor._wrap(of_levels(np.zeros_like(out._data)[()], levels))
        weight._needs = True
        found = run([(edge_of(out), weight)], True, True, dict.fromkeys(leaves), accumulate=False)
        roots = [(edge_of(found[x]), t) for x, t in zip(leaves, tangents) if x in found and found[x]._needs]
        moved = run(roots, True, False, {weight: None}, accumulate=False).get(weight) if roots else None
    return dual._result(out._data, np.zeros_like(out._data) if moved is None else moved)


ALONE: dict[Any, Callable[[Any, Any], Any]] = {  # ufuncs that stand for no op of their own
    np.square: lambda p, t: 2 * p * t, np.conjugate: lambda p, t: np.conj(t), np.positive: lambda p, t: t,
}  # fmt: skip
LINEAR = frozenset({
    np.sum, np.mean, np.reshape, np.ravel, np.transpose, np.swapaxes, np.moveaxis, np.expand_dims, np.squeeze, np.broadcast_to, np.flip, np.roll,
    np.tile, np.repeat, np.tril, np.triu, np.rot90, np.trace, np.diagonal, np.real, np.imag, np.copy, np.cumsum, np.astype, np.take, np.take_along_axis,
    operator.getitem, arrays.astype, arrays.embed, arrays.embed_add, arrays.diagonal, arrays.embed_diagonal, arrays.take, arrays.pick, arrays.put_back,
    windows.columns, windows.add_back, windows.window_sums, windows.spread_sums,
})  # fmt: skip
BILINEAR = frozenset({np.matmul, np.multiply, np.dot, np.inner, np.outer})
JOINS = frozenset({np.concatenate, np.stack})
CONSTANT = frozenset({windows.window_argmax, np.zeros_like, np.ones_like, np.full_like, np.argmax, np.argmin, np.argsort, np.round, np.around, np.fix,
                      np.all, np.any,
                      arrays.sign, arrays.passed, np.shape, np.ndim, np.size, np.isclose, np.allclose, np.array_equal})  # fmt: skip
