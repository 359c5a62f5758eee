"""Elementwise operations beyond the everyday ones: mixtures of three tensors, other choices, signs, the parts of a number."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided

from .. import errors
from ..dtypes import NUMBERS, result_dtype
from ..tensor import Tensor
from . import arrays
from .declare import elementwise, linear, opaque, selects, vjp
from .elementwise import pow
from .extremes import max_result
from .numpy_protocol import FUNCTIONS, _tensor
from .reductions import axes, spread, sum
from .runtime import conj, into, is_complex, number_as, tensors_only
from .shapes import to

# ------------------------------------------------------------------------------------------------ three tensors
_addcmul = vjp("_addcmul", lambda self, tensor1, tensor2, value: self + value * tensor1 * tensor2 if value != 1 else self + tensor1 * tensor2,
               node="AddcmulBackward0", broadcast=True, self=lambda grad: grad, tensor1=lambda grad, tensor2, value: grad * conj(tensor2 * value),
               tensor2=lambda grad, tensor1, value: grad * conj(tensor1 * value))  # fmt: skip
_addcdiv = vjp("_addcdiv", lambda self, tensor1, tensor2, value: self + value * (tensor1 / tensor2), node="AddcdivBackward0", broadcast=True,
               self=lambda grad: grad, tensor1=lambda grad, tensor2, value: grad * conj(value / tensor2),
               tensor2=lambda grad, tensor1, tensor2, value: -grad * conj((value * tensor1 / tensor2) / tensor2))  # fmt: skip
_lerp_number = elementwise("_lerp_number", lambda self, end, weight: _mixed(self, end, weight), lambda weight: 1 - weight, lambda weight: weight,
                           node="LerpBackward0", floats=False, refuses={"i": "lerp_kernel_scalar", "b": "lerp_kernel_scalar"})  # fmt: skip
_lerp_tensor = vjp("_lerp_tensor", lambda self, end, weight: _mixed(self, end, weight), node="LerpBackward1", broadcast=True,
                   self=lambda grad, weight: grad * conj(1 - weight), end=lambda grad, weight: grad * conj(weight),
                   weight=lambda grad, self, end: grad * conj(end - self))  # fmt: skip


def _mixed(start: Any, end: Any, weight: Any) -> Any:
    """start + weight · (end - start), counted from the nearer of the two."""
    near: Any = abs(weight) < 0.5
    if type(weight) in NUMBERS:
        return start + weight * (end - start) if near else end - (end - start) * (1 - weight)
    return arrays.where(near, start + weight * (end - start), end - (end - start) * (1 - weight))


def _together(input: Tensor, a: Tensor, b: Tensor, value: Any) -> tuple[list[Tensor], Any]:
    """Three tensors of one dtype, and the factor as a number of its kind."""
    dtype = result_dtype([t._data for t in (input, a, b)])
    given = [t if t._data.dtype == dtype else to(t, dtype) for t in (input, a, b)]
    return given, number_as(value, dtype).item() if dtype.kind in "iu" else value


def addcmul(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: Any = 1, out: Tensor | None = None) -> Tensor:
    """input + value · tensor1 · tensor2."""
    given, value = _together(input, tensor1, tensor2, value)
    result = _addcmul(*given, value)
    return result if out is None else into(out, result)


def addcdiv(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: Any = 1, out: Tensor | None = None) -> Tensor:
    """input + value · tensor1 / tensor2."""
    if not any(t._data.dtype.kind in "fc" for t in (tensor1, tensor2)):
        raise RuntimeError(
            "Integer division with addcdiv is no longer supported, and in a future  release addcdiv will perform a true division of tensor1 and tensor2. "
            "The historic addcdiv behavior can be implemented as (input + value * torch.trunc(tensor1 / tensor2)).to(input.dtype) for integer inputs and as "
            "(input + value * tensor1 / tensor2) for float inputs. The future addcdiv behavior is just the latter implementation: (input + value * tensor1 / "
            "tensor2), for all dtypes."
        )
    given, value = _together(input, tensor1, tensor2, value)
    result = _addcdiv(*given, value)
    return result if out is None else into(out, result)


def lerp(input: Tensor, end: Tensor, weight: Any, *, out: Tensor | None = None) -> Tensor:
    """input + weight · (end - input): from `input` at weight 0 to `end` at 1.

    >>> import glassgrad as gg
    >>> gg.lerp(gg.tensor([0.0, 10.0]), gg.tensor([1.0, 20.0]), 0.25)
    tensor([ 0.2500, 12.5000])
    """
    for name, t in (("end", end), ("weight", weight)):
        if isinstance(t, Tensor) and t.dtype is not input.dtype and not (name == "weight" and t.ndim == 0):
            raise RuntimeError(f"expected dtype {input.dtype.c_name} for `{name}` but got dtype {t.dtype.c_name}")
    if isinstance(weight, Tensor):
        result = _lerp_tensor(input, end, weight if weight.dtype is input.dtype else to(weight, input._data.dtype))
    else:
        result = _lerp_number(input, end, weight)
    return result if out is None else into(out, result)


# ------------------------------------------------------------------------------------------------ choices and steps
fmax = elementwise("fmax", np.fmax, selects(lambda self, other: (self >= other) | np.isnan(other)), selects(lambda self,
other: ~((self >= other) | np.isnan(other))),
                   floats=False, doc="The larger of the two; where one is NaN, the other.",
                   refuses={"c": RuntimeError("fmax not implemented for complex tensors.")}, numbers=False)  # fmt: skip
fmin = elementwise("fmin", np.fmin, selects(lambda self, other: (self <= other) | np.isnan(other)), selects(lambda self,
other: ~((self <= other) | np.isnan(other))),
                   floats=False, doc="The smaller of the two; where one is NaN, the other.",
                   refuses={"c": RuntimeError("fmin not implemented for complex tensors.")}, numbers=False)  # fmt: skip
copysign = elementwise("copysign", np.copysign, lambda self, result: _turn(self, result), 0, refuses={"c": "copysign_cpu"},
                       doc="The size of the first with the sign of the second.")  # fmt: skip
logaddexp2 = elementwise("logaddexp2", np.logaddexp2, lambda self, result: np.exp2(self - result), lambda other, result: np.exp2(other - result),
                         node="Logaddexp2Backward0", floats=False, doc="log₂(2^input + 2^other), without overflow.",
                         refuses={"i": "logaddexp2_cpu", "b": "logaddexp2_cpu", "c": "logaddexp2_cpu"}, numbers=False)  # fmt: skip
nextafter = opaque("nextafter", np.nextafter, np.nextafter, "The next number after `input` towards `other`.",
                   {"i": "nextafter_cpu", "b": "nextafter_cpu"}, numbers=False)  # fmt: skip
gcd = opaque("gcd", np.gcd, np.gcd, "The greatest common divisor.", {"f": "gcd_cpu", "b": "gcd_cpu", "c": "gcd_cpu"}, numbers=False)
lcm = opaque("lcm", np.lcm, np.lcm, "The least common multiple.", {"f": "lcm_cpu", "b": "lcm_cpu", "c": "lcm_cpu"}, numbers=False)


def _turn(self: Any, result: Any) -> Any:
    """1 where the sign was kept, -1 where it was turned, 0 at 0."""
    return arrays.where(self == 0, 0 * self, arrays.sign(self) * arrays.sign(result))


def heaviside(input: Tensor, values: Tensor, *, out: Tensor | None = None) -> Tensor:
    """0 below 0, 1 above, and `values` at 0."""
    tensors_only("heaviside", ("input", "values"), (input, values))
    errors.common_shape(input._data.shape, values._data.shape)
    if input.dtype is not values.dtype:
        raise RuntimeError("heaviside is not yet implemented for tensors with different dtypes.")
    if input.is_complex():
        raise RuntimeError("heaviside is not yet implemented for complex tensors.")
    zero = input._data == 0
    result = Tensor._wrap(np.where(zero, values._data, np.asarray(input._data > 0, input._data.dtype))[()])
    return result if out is None else into(out, result)


ldexp = elementwise("ldexp", lambda self, other: self * np.exp2(other), lambda other: np.exp2(other), lambda result: math.log(2) * result,
                    doc="input · 2^other.")  # fmt: skip
@arrays.array_function
def mantissas(x: Any, exponent: Any) -> Any:
    """x / 2^exponent."""
    return np.ldexp(x, -exponent)


_mantissa = vjp("_mantissa", lambda self, exponent: mantissas(self, exponent), node="FrexpBackward0", tensors=("self", "exponent"),
                self=lambda grad, exponent: mantissas(grad, exponent))  # fmt: skip


@arrays.array_function
def exponents(x: Any) -> Any:
    """The exponent of each number written as mantissa · 2^exponent."""
    return np.frexp(x)[1]


class frexp_result(NamedTuple):
    """A number as mantissa · 2^exponent, the mantissa between 1/2 and 1."""

    mantissa: Tensor
    exponent: Tensor

    def __repr__(self) -> str:
        return max_result.__repr__(self)  # type: ignore[arg-type]


def frexp(input: Tensor, *, out: Any = None) -> frexp_result:
    """Each number as mantissa · 2^exponent, with a mantissa between 1/2 and 1."""
    if not input.is_floating_point():
        raise RuntimeError("torch.frexp() only supports floating-point dtypes")
    exponent = Tensor._wrap(exponents(input._data))
    found = frexp_result(_mantissa(input, exponent), exponent)
    return found if out is None else frexp_result(into(out[0], found[0]), into(out[1], found[1]))


def float_power(input: Any, exponent: Any, *, out: Tensor | None = None) -> Tensor:
    """input to the power of exponent, in double precision."""
    kinds = [v._data.dtype.kind if isinstance(v, Tensor) else "c" if type(v) is complex else "f" for v in (input, exponent)]
    dtype = np.dtype(np.complex128 if "c" in kinds else np.float64)
    a, b = (to(v, dtype) if isinstance(v, Tensor) else v for v in (input, exponent))
    return pow(a, b, out=out)


def _told(name: str, test: Any, complex_too: bool = False) -> Any:
    def told(input: Tensor, *, out: Tensor | None = None) -> Tensor:
        if input.is_complex() and not complex_too:
            raise RuntimeError(f"{name} does not support complex inputs.")
        result = Tensor._wrap(np.asarray(test(input._data), bool)[()])
        return result if out is None else into(out, result)

    told.__name__ = told.__qualname__ = name
    told.__doc__ = f"Where the value is {dict(isposinf='∞', isneginf='-∞', isreal='real')[name]}."
    return told


isposinf, isneginf = _told("isposinf", np.isposinf), _told("isneginf", np.isneginf)
isreal = _told("isreal", np.isreal, True)

# ------------------------------------------------------------------------------------------------ complex numbers
@arrays.array_function
def angle_of(x: Any) -> Any:
    """The angle of a complex number; of a real one 0, π or NaN."""
    return np.angle(x)


_angle = vjp("_angle", lambda self: angle_of(self), node="AngleBackward0", self=lambda grad, self: _angle_back(grad, self))


def _angle_back(grad: Any, self: Any) -> Any:
    if not is_complex(self):
        return np.zeros_like(grad)
    size = np.real(self) * np.real(self) + np.imag(self) * np.imag(self)
    safe = arrays.where(size == 0, 1 + 0 * size, size)
    return arrays.where(size == 0, 0 * self, grad * (-np.imag(self) / safe + 1j * (np.real(self) / safe)))


def angle(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The angle of a complex number, in (-π, π]; of a real one 0, or π where it is negative."""
    if input._data.dtype.kind in "iub":
        input = to(input, result_dtype([input._data, 1.0]))
    result = _angle(input)
    return result if out is None else into(out, result)


def polar(abs: Tensor, angle: Tensor, *, out: Tensor | None = None) -> Tensor:
    """abs · (cos angle + i sin angle)."""
    if abs.dtype is not angle.dtype:
        raise RuntimeError(f"Expected object of scalar type {abs.dtype.type_name} but got scalar type {angle.dtype.type_name} for second argument")
    from .creation import complex_

    result = complex_(abs * angle.cos(), abs * angle.sin())
    return result if out is None else into(out, result)


_as_real = linear("_as_real", lambda self: _reals(self), lambda grad: grad[..., 0] + 1j * grad[..., 1], node="ViewAsRealBackward0", view=True)
_as_complex = linear("_as_complex", lambda self: _complexes(self), lambda grad: np.stack([np.real(grad), np.imag(grad)], -1),
node="ViewAsComplexBackward0", view=True)


def _reals(x: Any) -> Any:
    if not isinstance(x, (np.ndarray, np.generic)):
        return np.stack([np.real(x), np.imag(x)], -1)
    x = np.asarray(x)
    return as_strided(x.real, (*x.shape, 2), (*x.strides, x.itemsize // 2))


def _complexes(x: Any) -> Any:
    if not isinstance(x, np.ndarray):
        return x[..., 0] + 1j * x[..., 1]
    if x.strides[-1] != x.itemsize:
        raise RuntimeError("Tensor must have a last dimension with stride 1")
    return x.view(np.result_type(x.dtype, np.complex64))[..., 0]


def view_as_real(input: Tensor) -> Tensor:
    """Complex numbers (…) as their real and imaginary parts (…, 2)."""
    if not input.is_complex():
        raise RuntimeError("view_as_real is only supported for complex tensors")
    return _as_real(input)


def view_as_complex(input: Tensor) -> Tensor:
    """Pairs of numbers (…, 2) as complex ones (…)."""
    if not input.is_floating_point():
        raise RuntimeError(f"view_as_complex is only supported for half, float and double tensors, but got a tensor of scalar type: {input.dtype.type_name}")
    if not input.ndim:
        raise RuntimeError("Input tensor must have one or more dimensions")
    if input.shape[-1] != 2:
        raise RuntimeError("Tensor must have a last dimension of size 2")
    return _as_complex(input)


_conj_physical = linear("_conj_physical", np.conj, lambda grad: np.conj(grad), node="ConjPhysicalBackward0")


def conj_physical(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The complex conjugate."""
    result = _conj_physical(input) if input.is_complex() else input
    return result if out is None else into(out, result)


def resolve_conj(input: Tensor) -> Tensor:
    """The tensor itself: a conjugate is computed at once here."""
    return input


resolve_neg = resolve_conj


def adjoint(input: Tensor) -> Tensor:
    """The conjugate transpose of the last two dims."""
    if input.ndim == 1:
        raise RuntimeError("tensor.adjoint() is only supported on matrices or batches of matrices. Got 1-D tensor.")
    return input.mH


# ------------------------------------------------------------------------------------------------ without NaN
_nansum = vjp("_nansum", lambda self, dim, keepdim: np.sum(arrays.where(np.isnan(self), 0, self), axis=dim, keepdims=keepdim), node="NansumBackward0",
              self=lambda grad, self, dim, keepdim: arrays.where(np.isnan(self), 0, spread(grad, self.shape, dim, keepdim)))  # fmt: skip


def nansum(input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None, out: Tensor | None = None) -> Tensor:
    """The sum of what is not NaN."""
    if input.is_complex():
        raise RuntimeError("nansum on CPU does not support complex inputs")
    x = input if dtype is None else to(input, dtype)
    if not x.is_floating_point():
        return sum(x, dim, keepdim, out=out) if dim is not None else sum(x, out=out)
    result = _nansum(x, axes(dim, x.ndim), keepdim)
    return result if out is None else into(out, result)


def nanmean(input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None, out: Tensor | None = None) -> Tensor:
    """The mean of what is not NaN.

    >>> import glassgrad as gg
    >>> gg.nanmean(gg.tensor([1.0, float("nan"), 3.0]))
    tensor(2.)
    """
    if not (input.is_floating_point() or input.is_complex()):
        raise RuntimeError(f"nanmean(): expected input to have floating point or complex dtype but got {input.dtype.type_name}")
    there = to(~input.isnan().detach(), input._data.dtype)
    result = nansum(input, dim, keepdim, dtype=dtype) / (sum(there, dim, keepdim) if dim is not None else sum(there))
    return result if out is None else into(out, result)


FUNCTIONS |= {angle_of: _angle, mantissas: lambda x, exponent: _mantissa(_tensor(x), _tensor(exponent))}
