"""Elementwise operations: arithmetic, powers, exponentials, trigonometry, rounding, comparisons.

Each line is an op: its name, its value, its derivative by each input.
"""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from .. import errors
from ..dtypes import NUMBERS, result_dtype
from ..tensor import Tensor
from . import arrays
from .declare import elementwise, opaque, selects, vjp
from .runtime import into, is_complex, number_as, saved_tensor, tensors_only

# ------------------------------------------------------------------------------------------------ arithmetic
NO_BOOL_MINUS = RuntimeError("Subtraction, the `-` operator, with a bool tensor is not supported. If you are trying to invert a mask, "
                             "use the `~` or `logical_not()` operator instead.")  # fmt: skip
_add = elementwise("add", operator.add, 1, 1, ufunc=np.add, floats=False, shows={"alpha": 1})
_sub = elementwise("sub", operator.sub, 1, -1, ufunc=np.subtract, floats=False, refuses={"*b": NO_BOOL_MINUS}, shows={"alpha": 1})
mul = elementwise("mul", operator.mul, lambda other: other, lambda self: self, ufunc=np.multiply, floats=False)
def _inverse(other: Any) -> Any:
    """1 / other; a Python 0, too, has an infinite one."""
    try:
        return 1 / other
    except ZeroDivisionError:
        return math.copysign(math.inf, other)


_div = elementwise("div", operator.truediv, lambda other: _inverse(other), lambda self, other: -((self / other) / other),
                   ufunc=np.true_divide)  # fmt: skip
rsub_number = elementwise("_rsub", lambda self, other: other - self, -1, node="RsubBackward1", floats=False,
                          refuses={"*b": NO_BOOL_MINUS}, shows={"alpha": 1})  # fmt: skip
neg = elementwise("neg", operator.neg, -1, ufunc=np.negative, floats=False)
reciprocal = elementwise("reciprocal", lambda self: 1 / self, lambda result: -result * result, ufunc=np.reciprocal)
def _direction(self: Any) -> Any:
    """The conjugate of z / |z|, with the value and the derivative 0 at 0."""
    zero = self == 0
    return np.conj(self * np.where(zero, 0, 1 / np.sqrt(np.where(zero, 1 + self, self * np.conj(self)))))


abs = elementwise("abs", np.absolute, lambda self: _direction(self) if is_complex(self) else arrays.sign(self), floats=False,
                  refuses={"b": "abs_cpu"})  # fmt: skip
def _mod(self: Any, other: Any) -> Any:
    """The remainder with the sign of other; where it is 0, with the sign of self, as C's fmod leaves it."""
    if self.dtype.kind in "iu":
        return np.remainder(self, other)
    left = np.fmod(self, other)
    return arrays.where(np.logical_and(left != 0, (left < 0) != (other < 0)), left + other, left)


_remainder_number = elementwise("_remainder_number", lambda self, other: _mod(self, other), 1, node="RemainderBackward0", floats=False)
_remainder = elementwise("remainder", _mod, 1, lambda self, other: -np.floor_divide(self, other), node="RemainderBackward1", floats=False, ufunc=np.remainder,
                         refuses={"b": "remainder_cpu", "c": "remainder_cpu"})  # fmt: skip
_fmod_number = elementwise("_fmod_number", lambda self, other: np.fmod(self, other), 1, node="FmodBackward0", floats=False)
_fmod = elementwise("fmod", np.fmod, 1, lambda self, other: -np.trunc(self / other), node="FmodBackward1", floats=False,
                    refuses={"b": "fmod_cpu", "c": "fmod_cpu"})  # fmt: skip


def _nonzero(*operands: Any) -> None:
    """Integers are not divided by zero."""
    datas = [getattr(v, "_data", v) for v in operands]
    if all(type(d) in NUMBERS or isinstance(d, (np.ndarray, np.generic)) for d in datas) and not np.all(datas[1]):
        if result_dtype(datas).kind in "iu":
            raise RuntimeError("ZeroDivisionError")


def remainder(input: Any, other: Any, *, out: Tensor | None = None) -> Tensor:
    """input - other · ⌊input / other⌋: the remainder with the sign of other."""
    _nonzero(input, other)
    if type(other) in NUMBERS and isinstance(input, Tensor) and input._data.dtype.kind == "f":
        return _remainder_number(input, other, out=out)
    return _remainder(input, other, out=out)


def fmod(input: Any, other: Any, *, out: Tensor | None = None) -> Tensor:
    """The remainder with the sign of input."""
    _nonzero(input, other)
    if type(other) in NUMBERS and isinstance(input, Tensor) and input._data.dtype.kind == "f":
        return _fmod_number(input, other, out=out)
    return _fmod(input, other, out=out)


def _scaled(input: Any, other: Any, alpha: Any) -> Any:
    """alpha · other; alpha is a number of the result's category or a lower one."""
    kind = result_dtype([getattr(v, "_data", v) for v in (input, other)]).kind
    if kind in "iub" and isinstance(alpha, (float, complex)):
        raise RuntimeError("For integral input tensors, argument alpha must not be a floating point number.")
    if kind == "b":
        return other if alpha else logical_xor(other, other)
    return mul(other, alpha) if isinstance(other, Tensor) else other * alpha


def add(input: Any, other: Any, *, alpha: Any = 1, out: Tensor | None = None) -> Tensor:
    """input + alpha · other."""
    return _add(input, other if alpha == 1 else _scaled(input, other, alpha), out=out)


def sub(input: Any, other: Any, *, alpha: Any = 1, out: Tensor | None = None) -> Tensor:
    """input - alpha · other."""
    return _sub(input, other if alpha == 1 else _scaled(input, other, alpha), out=out)


def rsub(input: Any, other: Any, *, alpha: Any = 1) -> Tensor:
    """other - alpha · input."""
    if isinstance(other, Tensor):
        return sub(other, input, alpha=alpha)
    if type(other) not in NUMBERS:
        if isinstance(other, (np.generic, int, float)):
            other = other.item() if isinstance(other, np.generic) else other
        else:
            return NotImplemented
    if input._data.dtype.kind in "iub" or type(other) is complex and input._data.dtype.kind == "f":
        dtype = result_dtype([input._data, other])
        return sub(_typed(other, dtype) if dtype.kind in "fc" else Tensor._wrap(number_as(other, dtype)), input, alpha=alpha)
    return rsub_number(input if alpha == 1 else mul(input, alpha), other)


def div(input: Any, other: Any, *, rounding_mode: str | None = None, out: Tensor | None = None) -> Tensor:
    """input / other, rounded down ("floor") or towards zero ("trunc") where asked."""
    if rounding_mode is None:
        return _div(input, other, out=out)
    if rounding_mode not in ("floor", "trunc"):
        raise RuntimeError(
            f"div expected rounding_mode to be one of None, 'trunc', or 'floor' but found '{rounding_mode}'"
        )
    _nonzero(input, other)
    result = (_div_floor if rounding_mode == "floor" else _div_trunc)(input, other)
    return result if out is None else into(out, result)


def _truncated(self: Any, other: Any) -> Any:
    if self.dtype.kind not in "iu":
        return np.trunc(self / other)
    down = np.floor_divide(self, other)
    return down + ((down < 0) & (down * other != self)).astype(down.dtype)


_div_floor = elementwise("_div_floor", np.floor_divide, 0, 0, node="DivBackward2", floats=False,
                         refuses={"b": "div_floor_cpu", "c": "div_floor_cpu"})  # fmt: skip
_div_trunc = elementwise("_div_trunc", _truncated, 0, 0, node="DivBackward2", floats=False,
                         refuses={"b": "div_trunc_cpu", "c": "div_trunc_cpu"})  # fmt: skip


def rdiv(input: Tensor, other: Any) -> Tensor:
    """other / input, as other times the reciprocal."""
    return mul(reciprocal(input), other)


def square(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """input²."""
    return pow(input, 2, out=out)


# ------------------------------------------------------------------------------------------------ powers
def _power(self: Any, exponent: Any) -> Any:
    """self to the power of a number; the powers that people use are products and roots, as PyTorch computes them."""
    if exponent == 2:
        return self * self
    easy = None if isinstance(self, (Tensor, np.generic)) else EASY_POWERS.get(exponent)
    return self**exponent if easy is None else easy(self)


EASY_POWERS: dict[Any, Any] = {
    1: np.positive, 3: lambda x: x * x * x, 0.5: np.sqrt, -0.5: lambda x: 1 / np.sqrt(x), -1: lambda x: 1 / x, -2: lambda x: 1 / (x * x),
}  # fmt: skip
pow_number = elementwise(
    "_pow_number", _power, lambda self, exponent: np.zeros_like(self) if exponent == 0 else exponent * _power(self, exponent - 1),
    node="PowBackward0", floats=False,
)  # fmt: skip


def _slope_by_exponent(self: Any, exponent: Any, result: Any) -> Any:
    flat = np.logical_and(self == 0, np.real(exponent) >= 0)
    return np.where(flat, 0 * result, result * np.log(np.where(flat, 1 + 0 * result, self)))


def _power_of_tensors(self: Any, exponent: Any) -> Any:
    if self.dtype.kind in "iu" and (np.asarray(exponent) < 0).any():  # whole numbers: only 1 and -1 have an inverse
        inverse = np.where(np.abs(self) == 1, self ** (exponent % 2), 0)
        return np.where(exponent < 0, inverse, self ** np.maximum(exponent, 0)).astype(self.dtype)[()]
    return self**exponent


pow_tensor = elementwise(
    "_pow_tensor", _power_of_tensors,
    lambda self, exponent: np.where(exponent == 0, np.zeros_like(self), exponent * self ** np.where(exponent == 0, 1 + 0 * exponent, exponent - 1)),
    _slope_by_exponent, node="PowBackward1", floats=False, ufunc=np.power, refuses={"b": "pow"},
)  # fmt: skip
def _power_of_number(base: Any, exponent: Any) -> Any:
    if exponent.dtype.kind in "iu":
        return _power_of_tensors(np.full(exponent.shape, base, exponent.dtype)[()], exponent)
    return np.power(base, exponent, dtype=exponent.dtype)


def _slope_by_base(self: Any, result: Any, base: Any) -> Any:
    if base == 0:
        return np.where(self >= 0, 0 * result, -math.inf * result)
    return result * (np.log(base) if type(base) is complex else math.log(base) if base > 0 else math.nan)


pow_base = elementwise("_pow_base", lambda exponent, base: _power_of_number(base, exponent), _slope_by_base,
                       node="PowBackward2", floats=False, shows={
                           "self": lambda node: node.base, "exponent": lambda node: saved_tensor(node, "self"), "base": ...})  # fmt: skip


def pow(input: Any, exponent: Any, *, out: Tensor | None = None) -> Tensor:
    """input to the power of exponent; each may be a tensor or a number."""
    if type(exponent) in NUMBERS:
        if not isinstance(input, Tensor):
            raise errors.argument("pow", "input", 1, "Tensor", input)
        data = input._data
        if data.dtype.kind == "b" and type(exponent) is bool:
            return logical_or(input, Tensor._wrap(np.bool_(not exponent)), out=out)
        if data.dtype.kind in "iub" and type(exponent) is int and exponent < 0:
            raise RuntimeError("Integers to negative integer powers are not allowed.")
        if data.dtype.kind in "iu" and type(exponent) in (float, complex) or data.dtype.kind == "b" and exponent is not True and exponent is not False:
            input = input.to(result_dtype([data, exponent]))
        if type(exponent) is complex:
            return pow_tensor(input, Tensor._wrap(np.complex64(exponent)), out=out)
        return pow_number(input, exponent, out=out)
    if not isinstance(input, Tensor):
        if not isinstance(exponent, Tensor):
            return NotImplemented
        if type(input) not in NUMBERS:
            return pow_tensor(input, exponent, out=out)
        dtype = result_dtype([exponent._data, input])
        return pow_base(exponent if exponent._data.dtype == dtype else exponent.to(dtype), input, out=out)
    if isinstance(exponent, np.generic):
        return pow(input, exponent.item(), out=out)
    return pow_tensor(input, exponent, out=out)


# ------------------------------------------------------------------------------------------------ exponentials, roots, logarithms
def smooth(name: str, function: np.ufunc, double: Any, derivative: Any, **more: Any) -> Any:
    """An op whose single float32 values are computed in double precision; see `arrays.rounded_once`."""
    return elementwise(name, arrays.rounded_once(function, double), derivative, ufunc=function, **more)


sqrt = elementwise("sqrt", np.sqrt, lambda result: 1 / (2 * result))
rsqrt = elementwise("rsqrt", lambda self: 1 / np.sqrt(self), lambda result: -0.5 * result * result * result)
exp = smooth("exp", np.exp, math.exp, lambda result: result)
exp2 = elementwise("exp2", np.exp2, lambda result: math.log(2) * result)
expm1 = smooth("expm1", np.expm1, math.expm1, lambda result: result + 1)
log = smooth("log", np.log, math.log, lambda self: 1 / self)
log1p = smooth("log1p", np.log1p, math.log1p, lambda self: 1 / (1 + self), node="Log1PBackward0")
log2 = smooth("log2", np.log2, math.log2, lambda self: 1 / (math.log(2) * self))
logaddexp = elementwise("logaddexp", lambda self, other: np.log(np.exp(self) + np.exp(other)) if is_complex(self) else np.logaddexp(self, other),
                        lambda self, result: np.exp(self - result), lambda other, result: np.exp(other - result),
                        ufunc=np.logaddexp, floats=False, doc="log(e^input + e^other), without overflow.",
                        refuses={"i": "logaddexp_cpu", "b": "logaddexp_cpu"}, numbers=False)  # fmt: skip
log10 = smooth("log10", np.log10, math.log10, lambda self: 1 / (math.log(10) * self))
def _sigmoid(self: Any) -> Any:
    if type(self) is np.float32 and self > -80:
        return 1 / (1 + np.float32(math.exp(-self)))
    return arrays.sigmoid(self)


sigmoid = elementwise("sigmoid", _sigmoid, lambda result: result * (1 - result))
softplus = elementwise(
    "softplus", lambda self, beta=1.0, threshold=20.0: arrays.softplus(self, beta, threshold),
    lambda self, beta, threshold: arrays.where(self * beta > threshold, 1, arrays.sigmoid(self * beta)), method=False, floats=False,
    refuses={"i": "softplus_cpu", "b": "softplus_cpu", "c": "softplus_cpu"},
)  # fmt: skip
relu = elementwise("relu", lambda self: np.maximum(self, 0), selects(lambda result: arrays.passed(result)), floats=False, refuses={
    "b": RuntimeError("Boolean inputs not supported for relu"), "c": NotImplementedError("clamp is not supported for complex types")})  # fmt: skip
erf = elementwise("erf", arrays.erf, lambda self: 2 / math.sqrt(math.pi) * np.exp(-self * self), refuses={"c": "erf_vml_cpu"})

# ------------------------------------------------------------------------------------------------ circles and hyperbolas
sin = smooth("sin", np.sin, math.sin, lambda self: np.cos(self))
cos = smooth("cos", np.cos, math.cos, lambda self: -np.sin(self))
tan = smooth("tan", np.tan, math.tan, lambda result: 1 + result * result)
asin = smooth("asin", np.arcsin, math.asin, lambda self: 1 / np.sqrt(1 - self * self))
acos = smooth("acos", np.arccos, math.acos, lambda self: -1 / np.sqrt(1 - self * self))
atan = smooth("atan", np.arctan, math.atan, lambda self: 1 / (1 + self * self))
_step = elementwise("_step", lambda self: arrays.astype(arrays.passed(self), self.dtype), 0, node="ThresholdBackwardBackward0", floats=False)


def _radius2(x: Any, y: Any) -> Any:
    """x² + y², and 1 where that is 0: at the origin the angle's derivative counts as 0."""
    square = x * x + y * y
    return arrays.where(square == 0, 1, square)


atan2 = elementwise("atan2", np.arctan2, lambda self, other: other / _radius2(self, other),
                    lambda self, other: -self / _radius2(self, other), refuses={"c": "atan2_cpu"}, numbers=False)  # fmt: skip
hypot = elementwise("hypot", np.hypot, lambda self, result: self / result, lambda other, result: other / result,
                    floats=False, doc="√(input² + other²), without overflow.",
                    refuses={"i": "hypot_cpu", "b": "hypot_cpu", "c": "hypot_cpu"}, numbers=False)  # fmt: skip
deg2rad = elementwise("deg2rad", np.deg2rad, math.pi / 180, node="Deg2RadBackward0", doc="π/180 · input: degrees as radians.",
                      refuses={"c": RuntimeError("deg2rad is not supported for complex tensors.")})  # fmt: skip
rad2deg = elementwise("rad2deg", np.rad2deg, 180 / math.pi, node="Rad2DegBackward0", doc="180/π · input: radians as degrees.",
                      refuses={"c": RuntimeError("rad2deg is not supported for complex tensors.")})  # fmt: skip
sinh = smooth("sinh", np.sinh, math.sinh, lambda self: np.cosh(self))
cosh = smooth("cosh", np.cosh, math.cosh, lambda self: np.sinh(self))
tanh = smooth("tanh", np.tanh, math.tanh, lambda result: 1 - result * result)
asinh = smooth("asinh", np.arcsinh, math.asinh, lambda self: 1 / np.sqrt(1 + self * self))
acosh = smooth("acosh", np.arccosh, math.acosh, lambda self: 1 / (np.sqrt(self - 1) * np.sqrt(self + 1) if is_complex(self) else np.sqrt(self * self - 1)))
atanh = smooth("atanh", np.arctanh, math.atanh, lambda self: 1 / (1 - self * self))

def _turned(grad: Any, self: Any, result: Any) -> Any:
    """The vjp of z / |z|: what of the gradient turns z, over its size; 0 at 0."""
    across = grad - result * np.real(np.conj(result) * grad)
    return across * (self != 0) / np.where(self == 0, 1 + 0 * self, np.abs(self))


# ------------------------------------------------------------------------------------------------ steps: connected, derivative 0
sign = elementwise("sign", arrays.sign, 0, floats=False, ufunc=np.sign, refuses={"c": NotImplementedError(
    "Unlike NumPy, torch.sign is not intended to support complex numbers. Please use torch.sgn instead.")})  # fmt: skip
sgn = vjp("sgn", lambda self: arrays.sign(self), doc="input / |input|: the sign of real values, the direction of complex ones.",
          self=lambda grad, self, result: _turned(grad, self, result) if is_complex(self) else np.zeros_like(grad))  # fmt: skip
floor = elementwise("floor", np.floor, 0, floats=False, refuses={
    "b": "floor_vml_cpu", "c": NotImplementedError("floor is not supported for complex inputs")})  # fmt: skip
ceil = elementwise("ceil", np.ceil, 0, floats=False, refuses={
    "b": "ceil_vml_cpu", "c": NotImplementedError("ceil is not supported for complex inputs")})  # fmt: skip
frac = elementwise("frac", lambda self: self - np.trunc(self), 1, floats=False, doc="input - trunc(input): what is behind the point.",
                   refuses={"i": "frac_cpu", "b": "frac_cpu", "c": "frac_cpu"})  # fmt: skip
trunc = elementwise("trunc", np.trunc, 0, floats=False, refuses={
    "b": "trunc_vml_cpu", "c": NotImplementedError("trunc is not supported for complex inputs")})  # fmt: skip
_round = elementwise("_round", lambda self: self if self.dtype.kind in "iub" else np.rint(self), 0, node="RoundBackward0", floats=False,
                     ufunc=np.rint, refuses={"b": "round_vml_cpu", "c": "round_vml_cpu"})  # fmt: skip


_round_decimals = elementwise("_round_decimals", lambda self, decimals: np.round(self, decimals), 0, node="RoundBackward1", floats=False)


def round(input: Tensor, *, decimals: int = 0, out: Tensor | None = None) -> Tensor:
    """To the nearest integer (or decimal place), halves to even."""
    return _round(input, out=out) if decimals == 0 else _round_decimals(input, decimals, out=out)


# ------------------------------------------------------------------------------------------------ choices
maximum = elementwise("maximum", np.maximum, selects(lambda self, other: 1 - _half(self < other, self) - _half(self <= other, self)),
                      selects(lambda self, other: 1 - _half(other < self, self) - _half(other <= self, self)), floats=False,
                      refuses={"c": RuntimeError("maximum not implemented for complex tensors.")}, numbers=False)  # fmt: skip
minimum = elementwise("minimum", np.minimum, selects(lambda self, other: 1 - _half(self > other, self) - _half(self >= other, self)),
                      selects(lambda self, other: 1 - _half(other > self, self) - _half(other >= self, self)), floats=False,
                      refuses={"c": RuntimeError("minimum not implemented for complex tensors.")}, numbers=False)  # fmt: skip


def _half(condition: Any, like: Any) -> Any:
    return arrays.astype(condition, like.dtype) / 2


def _between(self: Any, min: Any, max: Any) -> Any:
    low = True if min is None else self >= min
    return low if max is None else low * (self <= max)


_clamp_numbers = elementwise("_clamp_numbers", lambda self, min, max: np.clip(self, min, max),
                             selects(lambda self, min, max: _between(self, min, max)), node="ClampBackward1", floats=False)  # fmt: skip


def clamp(input: Tensor, min: Any = None, max: Any = None, *, out: Tensor | None = None) -> Tensor:
    """Each value held between min and max (numbers or tensors); the gradient passes within, edges included."""
    if min is None and max is None:
        raise RuntimeError("torch.clamp: At least one of 'min' or 'max' must not be None")
    if input._data.dtype.kind == "c":
        raise NotImplementedError("clamp is not supported for complex types")
    if isinstance(min, Tensor) or isinstance(max, Tensor):
        dtype = result_dtype([getattr(v, "_data", v) for v in (input, min, max) if v is not None])
        limits = np.iinfo(dtype) if dtype.kind in "iu" else None
        low, high = (-math.inf, math.inf) if limits is None else (limits.min, limits.max)
        bounds = [b.to(dtype) if isinstance(b, Tensor) else _typed(limit if b is None else b, dtype) for b, limit in ((min, low), (max, high))]
        result = _clamp_tensors(input if input._data.dtype == dtype else input.to(dtype), *bounds)
        return result if out is None else into(out, result)
    if input._data.dtype.kind in "iub" and (isinstance(min, float) or isinstance(max, float)):
        input = input.to(result_dtype([input._data, 1.0]))
    if input._data.dtype.kind in "iu" and not input._needs:
        limits = np.iinfo(input._data.dtype)
        if min is not None and min < limits.min:
            min = None if max is not None else int(limits.min)
        if max is not None and max > limits.max:
            max = None if min is not None else int(limits.max)
    return _clamp_numbers(input, min, max, out=out)


_clamp_tensors = vjp("_clamp_tensors", lambda self, min, max: np.minimum(np.maximum(self, min), max), node="ClampBackward0", broadcast=True,
                     self=lambda grad, self, min, max: arrays.where(_between(self, min, max), grad, 0),
                     min=lambda grad, self, min, max: arrays.where(np.logical_and(self < min, min < max), grad, 0),
                     max=lambda grad, self, min, max: arrays.where(np.logical_or(self > max, max < min), grad, 0))  # fmt: skip
clip = clamp


def clamp_min(input: Tensor, min: Any, *, out: Tensor | None = None) -> Tensor:
    """Each value, or min where it is smaller."""
    return clamp(input, min, out=out)


def clamp_max(input: Tensor, max: Any, *, out: Tensor | None = None) -> Tensor:
    """Each value, or max where it is larger."""
    return clamp(input, None, max, out=out)


def positive(input: Tensor) -> Tensor:
    """The tensor itself."""
    if input._data.dtype.kind == "b":
        raise RuntimeError("The `+` operator, on a bool tensor is not supported.")
    return input


def relu_(input: Tensor) -> Tensor:
    """`relu`, written into the tensor itself."""
    return input.relu_()



_where = vjp("_where", arrays.where, node="WhereBackward0", broadcast=True,
             tensors=("condition", "self", "other"), self=lambda grad, condition: arrays.where(condition, grad, 0),
             other=lambda grad, condition: arrays.where(condition, 0, grad))  # fmt: skip


def where(condition: Tensor, input: Any = None, other: Any = None, *, out: Tensor | None = None) -> Any:
    """input where the condition holds, other elsewhere; with the condition alone, the indices where it holds."""
    if input is None and other is None:
        return nonzero(condition, as_tuple=True)
    if not isinstance(condition, Tensor):
        raise errors.argument("where", "condition", 1, "Tensor", condition)
    if condition._data.dtype.kind not in "bu":
        raise RuntimeError(
            f"where expected condition to be a boolean tensor, but got a tensor with dtype {condition.dtype.type_name}"
        )
    a = input if isinstance(input, Tensor) else None
    b = other if isinstance(other, Tensor) else None
    dtype = result_dtype([getattr(input, "_data", input), getattr(other, "_data", other)])
    a = _typed(input, dtype) if a is None else a if a._data.dtype == dtype else a.to(dtype)
    b = _typed(other, dtype) if b is None else b if b._data.dtype == dtype else b.to(dtype)
    result = _where(condition, a, b)
    return result if out is None else into(out, result)


def nonzero(input: Tensor, *, out: Tensor | None = None, as_tuple: bool = False) -> Any:
    """The indices of the elements that are not zero: a row each, or (`as_tuple`) a tensor for each dim."""
    if as_tuple:
        return tuple(Tensor._wrap(i) for i in np.nonzero(np.atleast_1d(input._data)))
    result = Tensor._wrap(np.argwhere(input._data))
    return result if out is None else into(out, result)


argwhere = nonzero


def _typed(number: Any, dtype: np.dtype) -> Tensor:
    return Tensor._wrap(dtype.type(number))


# ------------------------------------------------------------------------------------------------ comparisons and logic
lt = opaque("lt", np.less, np.less, "input < other, element by element.", {"c": "lt_cpu"})
le = opaque("le", np.less_equal, np.less_equal, "input ≤ other, element by element.", {"c": "le_cpu"})
gt = opaque("gt", np.greater, np.greater, "input > other, element by element.", {"c": "gt_cpu"})
ge = opaque("ge", np.greater_equal, np.greater_equal, "input ≥ other, element by element.", {"c": "ge_cpu"})
eq = opaque("eq", np.equal, np.equal, "input = other, element by element.")
ne = opaque("ne", np.not_equal, np.not_equal, "input ≠ other, element by element.")
logical_and = opaque("logical_and", np.logical_and, np.logical_and, "Whether both are nonzero.", numbers=False)
logical_or = opaque("logical_or", np.logical_or, np.logical_or, "Whether either is nonzero.", numbers=False)
logical_xor = opaque("logical_xor", np.logical_xor, np.logical_xor, "Whether exactly one is nonzero.", numbers=False)
logical_not = opaque("logical_not", np.logical_not, np.logical_not, "Whether it is zero.")
bitwise_and = opaque("bitwise_and", np.bitwise_and, np.bitwise_and, "Bits set in both.", {"f": "bitwise_and_cpu", "c": "bitwise_and_cpu"})
bitwise_or = opaque("bitwise_or", np.bitwise_or, np.bitwise_or, "Bits set in either.", {"f": "bitwise_or_cpu", "c": "bitwise_or_cpu"})
bitwise_xor = opaque("bitwise_xor", np.bitwise_xor, np.bitwise_xor, "Bits set in exactly one.", {"f": "bitwise_xor_cpu", "c": "bitwise_xor_cpu"})
bitwise_not = opaque("bitwise_not", np.bitwise_not, np.bitwise_not, "All bits turned over.", {"f": "bitwise_not_cpu", "c": "bitwise_not_cpu"})
isnan = opaque("isnan", np.isnan, np.isnan, "Whether it is not a number.")
isinf = opaque("isinf", np.isinf, np.isinf, "Whether it is infinite.")
isfinite = opaque("isfinite", np.isfinite, np.isfinite, "Whether it is neither infinite nor NaN.")
signbit = opaque("signbit", np.signbit, np.signbit, "Whether its sign bit is set.",
                 {"c": NotImplementedError("signbit is not implemented for complex tensors.")})  # fmt: skip
bitwise_left_shift = opaque("bitwise_left_shift", np.left_shift, np.left_shift, "input · 2^other.", {"f": "lshift_cpu", "c": "lshift_cpu"})
bitwise_right_shift = opaque("bitwise_right_shift", np.right_shift, np.right_shift, "⌊input / 2^other⌋.", {"f": "rshift_cpu", "c": "rshift_cpu"})


def floor_divide(input: Any, other: Any, *, out: Tensor | None = None) -> Tensor:
    """input / other rounded down: a step function, without a derivative (`div` with `rounding_mode` has one, 0)."""
    _nonzero(input, other)
    return _floor_divide(input, other, out=out)


def _no_rule() -> Any:
    raise RuntimeError("derivative for aten::floor_divide is not implemented")


_floor_divide = elementwise("_floor_divide", np.floor_divide, _no_rule, _no_rule, node="torch::autograd::NotImplemented", floats=False,
                            refuses={"b": "div_floor_cpu", "c": "div_floor_cpu"})  # fmt: skip


def isclose(input: Tensor, other: Tensor, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> Tensor:
    """|input - other| ≤ atol + rtol · |other|, element by element."""
    tensors_only("isclose", ("input", "other"), (input, other))
    if input._data.dtype != other._data.dtype:
        raise RuntimeError(f"{input.dtype.type_name} did not match {other.dtype.type_name}")
    for name, value in (("rtol", rtol), ("atol", atol)):
        if value < 0:
            raise RuntimeError(f"{name} must be greater than or equal to zero, but got {value:g}")
    try:
        np.broadcast_shapes(input._data.shape, other._data.shape)
    except ValueError as error:
        raise errors.refused("isclose", error, [input._data, other._data]) from None
    return Tensor._wrap(np.isclose(input._data, other._data, rtol, atol, equal_nan))


def allclose(input: Tensor, other: Tensor, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> bool:
    """Whether all elements are close; see `isclose`."""
    tensors_only("allclose", ("input", "other"), (input, other))
    return bool(isclose(input, other, rtol, atol, equal_nan)._data.all())


def equal(input: Tensor, other: Tensor) -> bool:
    """Whether both have the same shape and the same elements."""
    tensors_only("equal", ("input", "other"), (input, other))
    return bool(np.array_equal(input._data, other._data))


