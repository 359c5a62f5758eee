"""The operators and methods of Tensor: which op stands behind `+`, `x[...]`, `.sum()`, `add_`."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from .. import queries
from ..graph.modes import mode
from ..graph.views import check_writable, wrote
from ..tensor import Tensor
from . import copies, extremes, formats, gathers, indexing, joins, numpy_protocol, products, random, reductions, shapes
from . import elementwise as e
from .creation import new_full, new_tensor
from .declare import in_place
from .runtime import number_as

FUNCTIONS = dict(
    add=e.add, sub=e.sub, subtract=e.sub, multiply=e.mul, div=e.div, divide=e.div, true_divide=e.div, pow=e.pow, square=e.square,
    negative=e.neg, absolute=e.abs, floor_divide=e.floor_divide, round=e.round, clamp=e.clamp, clip=e.clamp, arcsin=e.asin,
    arccos=e.acos, arctan=e.atan, arctan2=e.atan2, arcsinh=e.asinh, arccosh=e.acosh, arctanh=e.atanh, fix=e.trunc,
    isclose=e.isclose, allclose=e.allclose, equal=e.equal, less=e.lt, less_equal=e.le, greater=e.gt, greater_equal=e.ge,
    not_equal=e.ne, clamp_min=e.clamp_min, clamp_max=e.clamp_max, positive=e.positive, nonzero=e.nonzero,
    argwhere=e.nonzero, remainder=e.remainder, fmod=e.fmod,
)  # fmt: skip
METHODS: dict[str, Any] = {
    **FUNCTIONS, **reductions.METHODS, **extremes.METHODS, **shapes.METHODS, **formats.METHODS, **joins.METHODS, **gathers.METHODS,
    **indexing.METHODS, **products.METHODS, **copies.METHODS,
    "where": lambda self, condition, other: e.where(condition, self, other),
    "is_nonzero": queries.is_nonzero, "is_same_size": queries.is_same_size, "new_full": new_full, "new_tensor": new_tensor, "uniform_": random.uniform_,
    "normal_": random.normal_, "random_": random.random_,
    "bernoulli": random.bernoulli, "bernoulli_": random.bernoulli_, "exponential_": random.exponential_, "geometric_": random.geometric_,
    "cauchy_": random.cauchy_,
    "log_normal_": random.log_normal_, "multinomial": random.multinomial,
}  # fmt: skip


def _guarded(op: Any) -> Any:
    """An operator that leaves an operand of another kind to that operand."""

    def operator(self: Tensor, other: Any) -> Any:
        return NotImplemented if numpy_protocol.as_operand(other) is None else op(self, other)

    return operator


def _reversed(op: Any) -> Any:
    def operator(self: Tensor, other: Any) -> Any:
        other = numpy_protocol.as_operand(other)
        if other is None:
            return NotImplemented
        return op(other if isinstance(other, Tensor) else Tensor._wrap(number_as(other, numpy_protocol._weak(other, self))), self)

    return operator


def _power_of(self: Tensor, base: Any) -> Any:
    return e.pow(base, self)


def _power(self: Tensor, exponent: Any) -> Any:
    if type(exponent) is int and self._data.dtype.kind == "f" or type(exponent) is float and self._data.dtype.kind == "f":
        return e.pow_number(self, exponent)
    return NotImplemented if numpy_protocol.as_operand(exponent) is None else e.pow(self, exponent)


def _matmul(self: Tensor, other: Any) -> Any:
    if isinstance(other, Tensor):
        return products._matmul(self, other)
    return products.matmul(self, numpy_protocol._tensor(other)) if isinstance(other, np.ndarray) else NotImplemented


def _invert(self: Tensor) -> Any:
    if self._data.dtype.kind in "fc":
        raise TypeError("~ (operator.invert) is only implemented on integer and Boolean-type tensors")
    return e.bitwise_not(self)


OPERATORS = dict(
    add=e._add.op.operator, radd=e._add.op.operator, sub=e._sub.op.operator, rsub=_guarded(e.rsub), mul=e.mul.op.operator, rmul=e.mul.op.operator,
    truediv=e._div.op.operator, rtruediv=_guarded(e.rdiv), pow=_power, rpow=_guarded(_power_of), neg=e.neg, abs=e.abs,
    mod=_guarded(e.remainder), rmod=_reversed(e.remainder), floordiv=_guarded(e.floor_divide), rfloordiv=_reversed(e.floor_divide),
    matmul=_matmul, rmatmul=lambda self, other: products.matmul(numpy_protocol._tensor(other), self),
    lt=e.lt.operator, le=e.le.operator, gt=e.gt.operator, ge=e.ge.operator, eq=e.eq.operator, ne=e.ne.operator, invert=_invert,
    lshift=e.bitwise_left_shift.operator, rshift=e.bitwise_right_shift.operator, rlshift=_reversed(e.bitwise_left_shift),
    rrshift=_reversed(e.bitwise_right_shift), getitem=indexing.getitem, setitem=indexing.setitem, pos=e.positive,
)  # fmt: skip
for _name, _op in (("and", e.bitwise_and), ("or", e.bitwise_or), ("xor", e.bitwise_xor)):
    OPERATORS |= {_name: _op.operator, "r" + _name: _op.operator}

IN_PLACE = {
    name: in_place(op, ufunc, name + "_")
    for name, op, ufunc in (
        ("add", e.add, np.add), ("sub", e.sub, np.subtract), ("mul", e.mul, np.multiply), ("div", e.div, np.true_divide), ("pow", e.pow, None),
        ("neg", e.neg, None), ("abs", e.abs, None), ("reciprocal", e.reciprocal, None), ("square", e.square, None), ("sqrt", e.sqrt, None),
        ("rsqrt", e.rsqrt, None), ("exp", e.exp, None), ("exp2", e.exp2, None), ("expm1", e.expm1, None), ("log", e.log, None),
        ("log1p", e.log1p, None), ("log2", e.log2, None), ("log10", e.log10, None), ("sin", e.sin, None), ("cos", e.cos, None),
        ("tan", e.tan, None), ("asin", e.asin, None), ("acos", e.acos, None), ("atan", e.atan, None), ("atan2", e.atan2, None),
        ("sinh", e.sinh, None), ("cosh", e.cosh, None), ("tanh", e.tanh, None), ("asinh", e.asinh, None), ("acosh", e.acosh, None),
        ("atanh", e.atanh, None), ("sigmoid", e.sigmoid, None), ("relu", e.relu, None), ("erf", e.erf, None), ("sign", e.sign, None), ("sgn", e.sgn, None),
        ("floor", e.floor, None), ("ceil", e.ceil, None), ("trunc", e.trunc, None), ("round", e.round, None), ("clamp", e.clamp, None),
        ("remainder", e.remainder, None), ("fmod", e.fmod, None), ("floor_divide", e.floor_divide, None),
        ("logical_and", e.logical_and, None), ("logical_or", e.logical_or, None), ("logical_not", e.logical_not, None),
        ("bitwise_and", e.bitwise_and, None), ("bitwise_or", e.bitwise_or, None), ("bitwise_xor", e.bitwise_xor, None),
        ("frac", e.frac, None), ("hypot", e.hypot, None), ("deg2rad", e.deg2rad, None), ("rad2deg", e.rad2deg, None),
        ("cumsum", reductions.cumsum, None), ("cumprod", reductions.cumprod, None), ("logical_xor", e.logical_xor, None),
        ("bitwise_not", e.bitwise_not, None), ("bitwise_left_shift", e.bitwise_left_shift, None), ("bitwise_right_shift", e.bitwise_right_shift, None),
        ("clamp_min", e.clamp_min, None), ("clamp_max", e.clamp_max, None), ("lt", e.lt, None), ("le", e.le, None), ("gt", e.gt, None),
        ("ge", e.ge, None), ("eq", e.eq, None), ("ne", e.ne, None), ("tril", shapes.tril, None), ("triu", shapes.triu, None),
    )
}  # fmt: skip
ALIASES = {"subtract_": "sub_", "multiply_": "mul_", "divide_": "div_", "true_divide_": "div_", "clip_": "clamp_", "negative_": "neg_",
           "absolute_": "abs_", "fix_": "trunc_", "less_": "lt_", "less_equal_": "le_", "greater_": "gt_", "greater_equal_": "ge_",
           "not_equal_": "ne_", **{f"arc{n}_": f"a{n}_" for n in ("sin", "cos", "tan", "tan2", "sinh", "cosh", "tanh")}}  # fmt: skip
IN_PLACE_OPERATORS = dict(iadd="add", isub="sub", imul="mul", itruediv="div", imod="remainder", ifloordiv="floor_divide", ipow="pow",
                          iand="bitwise_and", ior="bitwise_or", ixor="bitwise_xor", ilshift="bitwise_left_shift",
                          irshift="bitwise_right_shift")  # fmt: skip


def _in_place_shape(view: Any) -> Any:
    """A view's shape taken on by the tensor itself: `squeeze_`, `unsqueeze_`, `transpose_`, `t_`."""

    def method(self: Tensor, *args: Any, **named: Any) -> Tensor:
        if self._needs and mode.grad:
            check_writable(self)
        out = view(self, *args, **named)
        self._data, self._fn = out._data, (out._fn if mode.grad else self._fn)
        wrote(self._memory.root)
        return self

    return method


def attach() -> None:
    """Hangs everything onto Tensor."""
    cls: Any = Tensor
    for name, function in METHODS.items():
        setattr(Tensor, name, function)
    for name, function in OPERATORS.items():
        setattr(Tensor, f"__{name}__", function)
    for name, target in IN_PLACE_OPERATORS.items():
        setattr(Tensor, f"__{name}__", IN_PLACE[target])
    for name, target in ALIASES.items():
        setattr(Tensor, name, getattr(Tensor, target))
    for name, kind in formats.CASTS.items():
        setattr(Tensor, name, formats.caster(kind))
    for name in ("squeeze", "unsqueeze", "transpose", "t", "swapaxes", "swapdims"):
        setattr(Tensor, name + "_", _in_place_shape(getattr(shapes, name)))
    cls.T = property(_reversed_dims)
    cls.mT = property(lambda self: _matrix(self))
    cls.mH = property(lambda self: shapes.conj(_matrix(self, "mH", "Consider using x.conj().")))
    cls.H = property(_hermitian)
    cls.real = property(shapes.real)
    cls.imag = property(shapes.imag)
    cls.is_cpu = True
    cls.get_device = lambda self: -1
    cls.is_pinned = cls.is_shared = lambda self: False
    cls.pin_memory = _no_pinning
    cls.apply_ = lambda self, callable: _each_element(self, "apply_", callable, self._data)
    cls.map_ = lambda self, tensor, callable: _each_element(self, "map_", callable, self._data, tensor._data)
    cls.cpu = lambda self, memory_format=None: self
    cls.cuda = lambda self, device=None, **_: shapes.to(self, "cuda")


def _no_pinning(self: Tensor, device: Any = None) -> Tensor:
    raise RuntimeError("Cannot access accelerator device when none is available.")


def _each_element(self: Tensor, name: str, callable: Any, *datas: Any) -> Tensor:
    """A Python function of each element (with those of another tensor) written into the tensor: slow, as it is in PyTorch."""
    if self._needs:
        raise RuntimeError(f"Can't call {name}() on Variable that requires grad. Use var.detach().{name}() instead.")
    values = [callable(*args) for args in zip(*(d.ravel().tolist() for d in np.broadcast_arrays(*datas)))]
    return self.copy_(Tensor._wrap(np.array(values, self._data.dtype).reshape(self._data.shape)[()]))


def _hermitian(self: Tensor) -> Tensor:
    n = self._data.ndim
    if n not in (0, 2):
        more = " For batches of matrices, consider using tensor.mH" if n > 2 else ""
        raise RuntimeError(f"tensor.H is only supported on matrices (2-D tensors). Got {n}-D tensor.{more}")
    if n == 0:
        warnings.warn("Tensor.H is deprecated on 0-D tensors. Consider using x.conj().", UserWarning, stacklevel=2)
    return shapes.conj(shapes.transpose(self, 0, 1) if n else self)


def _reversed_dims(self: Tensor) -> Tensor:
    n = self._data.ndim
    if n == 0:
        warnings.warn("Tensor.T is deprecated on 0-D tensors. This function is the identity in these cases.", UserWarning, stacklevel=2)
    elif n not in (1, 2):
        warnings.warn(
            "The use of `x.T` on tensors of dimension other than 2 to reverse their shape is deprecated and it will throw an error in a "
            "future release. Consider `x.mT` to transpose batches of matrices or `x.permute(*torch.arange(x.ndim - 1, -1, -1))` to "
            "reverse the dimensions of a tensor.", UserWarning, stacklevel=2,
        )  # fmt: skip
    return shapes._permute(self, tuple(range(n))[::-1])


def _matrix(self: Tensor, name: str = "mT", instead: str = "This function is the identity in these cases.") -> Tensor:
    if self._data.ndim == 0:
        warnings.warn(f"Tensor.{name} is deprecated on 0-D tensors. {instead}", UserWarning, stacklevel=3)
        return self
    if self._data.ndim == 1:
        raise RuntimeError(f"tensor.{name} is only supported on matrices or batches of matrices. Got 1-D tensor.")
    return shapes.transpose(self, -2, -1)


attach()
