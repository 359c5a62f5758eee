"""Data types: PyTorch's names, NumPy's storage, and PyTorch's rules for mixing them."""

from __future__ import annotations

import builtins
from typing import Any

import numpy as np


class dtype:
    """The type of a tensor's elements, printed as PyTorch prints it.

    >>> import glassgrad as gg
    >>> gg.tensor([1.0]).dtype, gg.float64.itemsize, gg.int64.is_floating_point
    (torch.float32, 8, False)
    """

    __slots__ = ("name", "numpy", "itemsize", "is_floating_point", "is_complex", "is_signed", "type_name", "c_name")

    def __init__(self, name: str, type_name: str, c_name: str):
        self.name = name
        self.numpy = np.dtype(name)
        self.itemsize = self.numpy.itemsize
        self.is_floating_point = self.numpy.kind == "f"
        self.is_complex = self.numpy.kind == "c"
        self.is_signed = self.numpy.kind in "ifc"
        self.type_name = type_name  # as in torch.FloatTensor and "same dtype, but got Double and Float"
        self.c_name = c_name  # as in "but got: float != double"

    def __repr__(self) -> str:
        return f"torch.{self.name}"

    def __reduce__(self) -> Any:
        return _by_name, (self.name,)

    def to_complex(self) -> dtype:
        """The complex type with this precision."""
        return TO_COMPLEX.get(self, complex64)

    def to_real(self) -> dtype:
        """The real type with this precision."""
        return TO_REAL.get(self, self)


float16 = half = dtype("float16", "Half", "c10::Half")
float32 = dtype("float32", "Float", "float")
float64 = double = dtype("float64", "Double", "double")
complex64 = cfloat = dtype("complex64", "ComplexFloat", "c10::complex<float>")
complex128 = cdouble = dtype("complex128", "ComplexDouble", "c10::complex<double>")
uint8 = dtype("uint8", "Byte", "unsigned char")
int8 = dtype("int8", "Char", "signed char")
int16 = short = dtype("int16", "Short", "short")
int32 = dtype("int32", "Int", "int")
int64 = long = dtype("int64", "Long", "long")
bool = dtype("bool", "Bool", "bool")

ALL = (float16, float32, float64, complex64, complex128, uint8, int8, int16, int32, int64, bool)
BY_NAME = {d.name: d for d in ALL}
FROM_NUMPY = {d.numpy: d for d in ALL}
TO_COMPLEX = {float16: complex64, float32: complex64, float64: complex128, complex64: complex64, complex128: complex128}
TO_REAL = {complex64: float32, complex128: float64}


def _by_name(name: str) -> dtype:
    return BY_NAME[name]


class Defaults:
    """The dtype of a new floating tensor: PyTorch's one global choice, kept in one place."""

    __slots__ = ("real", "complex", "numpy")

    def __init__(self) -> None:
        self.set(float32)

    def set(self, real: dtype) -> None:
        self.real, self.complex, self.numpy = real, real.to_complex(), real.numpy


defaults = Defaults()


def get_default_dtype() -> dtype:
    """The dtype that floating-point tensors get when none is named.

    >>> import glassgrad as gg
    >>> gg.get_default_dtype()
    torch.float32
    """
    return defaults.real


def set_default_dtype(d: dtype, /) -> None:
    """Makes `d` the dtype that floating-point tensors get when none is named.

    Raises TypeError when `d` is not a floating dtype.

    >>> import glassgrad as gg
    >>> gg.set_default_dtype(gg.float64); gg.tensor(1.5).dtype
    torch.float64
    >>> gg.set_default_dtype(gg.float32)
    """
    if not isinstance(d, dtype) or not d.is_floating_point:
        prefix = "" if isinstance(d, dtype) else "invalid dtype object: "
        raise TypeError(prefix + "only floating-point types are supported as the default type")
    defaults.set(d)


def as_dtype(value: Any) -> dtype:
    """`value` as one of our dtypes: ours, NumPy's, or Python's `float`, `int`, `bool`, `complex`."""
    if isinstance(value, dtype):
        return value
    if value is float:
        return float64
    if value is int:
        return int64
    try:
        if isinstance(value, str):
            raise TypeError
        return FROM_NUMPY[np.dtype(value)]
    except (KeyError, TypeError):
        raise TypeError(f"argument 'dtype' must be torch.dtype, not {type(value).__name__}") from None


_RANK = {"b": 0, "u": 1, "i": 1, "f": 2, "c": 3}


def promote(a: np.dtype, b: np.dtype) -> np.dtype:
    """The type that holds both, by PyTorch's rule: the higher category wins, whatever its width."""
    if a is b:
        return a
    rank_a, rank_b = _RANK[a.kind], _RANK[b.kind]
    if rank_a == rank_b:
        return np.promote_types(a, b)
    high, low = (a, b) if rank_a > rank_b else (b, a)
    if high.kind == "c" and low.kind == "f":
        return np.promote_types(high, low)
    return high


def promote_types(type1: dtype, type2: dtype) -> dtype:
    """The smallest dtype that holds values of both.

    >>> import glassgrad as gg
    >>> gg.promote_types(gg.int32, gg.float16)
    torch.float16
    """
    for position, given in enumerate((type1, type2), 1):
        if not isinstance(given, dtype):
            raise TypeError(f"promote_types(): argument 'type{position}' (position {position}) must be torch.dtype, not {type(given).__name__}")
    return FROM_NUMPY[promote(type1.numpy, type2.numpy)]


def can_cast(from_: dtype, to: dtype) -> builtins.bool:
    """Whether PyTorch's rules allow the cast: never from complex to real, from floating to integer, or from a number to bool.

    >>> import glassgrad as gg
    >>> gg.can_cast(gg.float64, gg.float32), gg.can_cast(gg.float32, gg.int64)
    (True, False)
    """
    return _RANK[from_.numpy.kind] <= _RANK[to.numpy.kind]


def _over(higher: np.dtype | None, lower: np.dtype | None) -> np.dtype | None:
    """What operands of a higher priority (with dimensions) make of those of a lower one (0-d, then numbers)."""
    if higher is None or lower is None:
        return higher if lower is None else lower
    if higher.kind == "c":
        return higher
    if higher.kind == "f":
        return FROM_NUMPY[higher].to_complex().numpy if lower.kind == "c" else higher
    if higher.kind == "b" or lower.kind in "fc":
        return promote(higher, lower)
    return higher


def number_dtype(value: Any) -> np.dtype:
    """The dtype that a bare Python number stands for."""
    if isinstance(value, (builtin_bool, np.bool_)):
        return bool.numpy
    if isinstance(value, (int, np.integer)):
        return int64.numpy
    if isinstance(value, (complex, np.complexfloating)) and not isinstance(value, float):
        return defaults.complex.numpy
    return defaults.numpy


builtin_bool = type(1 == 1)


def result_dtype(operands: Any) -> np.dtype:
    """PyTorch's result type of arrays (ndarrays or NumPy scalars: 0-d) and Python numbers.

    Source: pytorch.org/docs/stable/tensor_attributes.html#type-promotion-doc
    """
    with_dims = zero_dim = number = None
    for x in operands:
        if type(x) in NUMBERS:
            number = number_dtype(x) if number is None else promote(number, number_dtype(x))
        elif x.ndim:
            with_dims = x.dtype if with_dims is None else promote(with_dims, x.dtype)
        else:
            zero_dim = x.dtype if zero_dim is None else promote(zero_dim, x.dtype)
    found = _over(with_dims, _over(zero_dim, number))
    assert found is not None  # at least one operand
    return found


NUMBERS = frozenset({int, float, builtin_bool, complex})


class finfo:
    """Limits of a floating dtype: `eps`, `max`, `min`, `tiny`, `bits`, `resolution`.

    >>> import glassgrad as gg
    >>> gg.finfo(gg.float64).eps
    2.220446049250313e-16
    """

    def __init__(self, type: Any = None):
        d = defaults.real if type is None else as_dtype(type)
        if not (d.is_floating_point or d.is_complex):
            raise TypeError("torch.finfo() requires a floating point input type. Use torch.iinfo to handle 'torch.finfo'")
        info: Any = np.finfo(d.to_real().numpy)
        self.dtype, self.bits = d.to_real().name, info.bits
        self.eps, self.max, self.min = float(info.eps), float(info.max), float(info.min)
        self.tiny = self.smallest_normal = float(info.tiny)
        self.resolution = float(f"1e-{info.precision}")

    def __repr__(self) -> str:
        return (f"finfo(resolution={self.resolution:g}, min={self.min:g}, max={self.max:g}, eps={self.eps:g}, "
                f"smallest_normal={self.tiny:g}, tiny={self.tiny:g}, dtype={self.dtype})")  # fmt: skip


class iinfo:
    """Limits of an integer dtype: `max`, `min`, `bits`.

    >>> import glassgrad as gg
    >>> gg.iinfo(gg.int8).max
    127
    """

    def __init__(self, type: Any):
        d = as_dtype(type)
        if d is bool:
            raise TypeError("torch.bool is not supported by torch.iinfo")
        if d.numpy.kind not in "iu":
            raise TypeError("torch.iinfo() requires an integer input type. Use torch.finfo to handle 'torch.iinfo'")
        info: Any = np.iinfo(d.numpy)
        self.dtype, self.bits, self.max, self.min = d.name, info.bits, int(info.max), int(info.min)

    def __repr__(self) -> str:
        return f"iinfo(min={self.min:g}, max={self.max:g}, dtype={self.dtype})"


