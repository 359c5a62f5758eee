"""Functions of plain arrays that NumPy lacks, for forwards and rules.

Each takes part in NumPy's own dispatch (NEP 18): given a tensor it becomes the tensor's op, given a recording array one step
of the tape, given an array of another library that library's function where it has one.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from .blocks import LARGE, by_rows, empty, in_blocks

F = TypeVar("F", bound=Callable[..., Any])
PLAIN = frozenset({np.ndarray, np.float32, np.float64, np.float16, np.complex64, np.complex128, np.int64, np.int32, np.bool_})


def array_function(function: F) -> F:
    """Lets `function` be overridden by the type of its first argument, as NumPy's own functions are."""

    @functools.wraps(function)
    def dispatch(array: Any, *args: Any, **kwargs: Any) -> Any:
        kind = type(array)
        if kind in PLAIN:
            return function(array, *args, **kwargs)
        override = getattr(kind, "__array_function__", None)
        if override is None:
            return function(array, *args, **kwargs)
        return override(array, dispatch, (kind,), (array, *args), kwargs)

    return dispatch  # type: ignore[return-value]


def constant(function: F) -> F:
    """An array function whose result is a matter of places and counts: it does not move with its input."""
    found: Any = array_function(function)
    found.constant = True
    return found


def stacked(function: F) -> F:
    """An array function of matrices whose leading dims are batches: a batch of a transform is one more of them."""
    found: Any = array_function(function)
    found.stacked = True
    return found


def overriding(values: Any) -> Any:
    """The first of the arguments that are not in front, and so were not asked, whose type overrides functions; None where none does."""
    for v in values:
        if type(v) not in PLAIN and hasattr(type(v), "__array_function__"):
            return v
    return None


def copied(x: Any) -> Any:
    """A copy laid out in memory as x is, where x is transposed and no element is shown twice; else in order."""
    return x.copy("C" if x.flags.c_contiguous or 0 in x.strides else "K")


def where(condition: Any, self: Any, other: Any) -> Any:
    """NumPy's `where`, with a NumPy scalar for a result of no dimension."""
    chosen: Any = np.where(condition, self, other)
    return chosen[()]


def chosen(grad: Any, local: Any) -> Any:
    """grad · local, where a local derivative of 0 says that the element was not chosen: even an infinite gradient is 0 there."""
    kind = type(local)
    if kind is np.ndarray:
        if local.dtype != np.bool_:
            return np.where(local, grad * local, 0)
        if type(grad) is not np.ndarray or grad.shape != local.shape:
            return np.where(local, grad, 0)
        out = np.zeros(grad.shape, grad.dtype)
        np.copyto(out, grad, where=local)
        return out
    if kind is np.bool_ or kind is bool:
        return grad if local else np.zeros_like(grad)[()]
    if getattr(local, "dtype", None) == np.bool_:
        return where(local, grad, 0)
    return where(local != 0, grad * local, 0)


@array_function
def passed(x: Any) -> Any:
    """Whether x is not 0 or below: the local derivative of relu, which is 0 at 0 and passes NaN on."""
    return np.logical_not(x <= 0)


@array_function
def astype(x: Any, dtype: Any) -> Any:
    """x in another type; also for NumPy scalars."""
    return x.astype(dtype)


def rounded_once(function: np.ufunc, double: Callable[[float], float]) -> Callable[[Any], Any]:
    """A NumPy function that computes single float32 values in double precision and rounds once.

    NumPy's float32 functions are off by up to 2 ulps; this is off by half of one, so that single values print with all the
    digits that PyTorch prints (its own are within one ulp, and agree with the rounded value in 95 to 99.9 % of cases).
    """

    def compute(self: Any) -> Any:
        if type(self) is np.float32:
            try:
                return np.float32(double(float(self)))
            except (OverflowError, ValueError):
                pass
        elif type(self) is np.ndarray and self.size > LARGE and self.dtype.kind == "f" and self.flags.c_contiguous:
            return function(self, empty(self))
        return function(self)

    return compute


exp = rounded_once(np.exp, math.exp)


@array_function
def sigmoid(x: Any) -> Any:
    """1 / (1 + e^-x)."""
    return in_blocks(_sigmoid, x) if type(x) is np.ndarray and x.size > LARGE else _sigmoid(x)


def _sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


@array_function
def sign(x: Any) -> Any:
    """-1, 0 or 1; 0 for NaN."""
    if x.dtype.kind == "f":
        return np.subtract(x > 0, x < 0, dtype=x.dtype) if type(x) is np.ndarray else np.sign(x) if x == x else x.dtype.type(0)
    return x if x.dtype.kind == "b" else np.sign(x)


@array_function
def softplus(x: Any, beta: float = 1.0, threshold: float = 20.0) -> Any:
    """log(1 + e^(βx)) / β, and x itself where βx exceeds the threshold."""
    scaled = x * beta
    return where(scaled > threshold, x, np.log1p(np.exp(np.minimum(scaled, threshold))) / beta)


@array_function
def logsumexp(x: Any, dim: Any = None, keepdim: bool = False) -> Any:
    """log Σ e^x along dims, shifted by the maximum so that nothing overflows."""
    if x.size == 0:
        return np.log(np.sum(np.exp(x), axis=dim, keepdims=keepdim))
    top = np.max(x, axis=dim, keepdims=True)
    top = np.where(np.isfinite(top), top, 0).astype(x.dtype)
    out = np.log(np.sum(np.exp(x - top), axis=dim, keepdims=True)) + top
    return out if keepdim else np.squeeze(out, dim)[()] if dim is not None else out.reshape(())[()]


@functools.lru_cache(64)
def _column(n: int, dtype: np.dtype) -> np.ndarray:
    return np.ones((n, 1), dtype)


def row_sums(x: Any, dim: int) -> Any:
    """Sums along a dim, which stays: along a last one of moderate length by BLAS, as a product with ones, which takes a fifth of the time."""
    if type(x) is np.ndarray and x.ndim > 1 and dim in (-1, x.ndim - 1) and 8 <= x.shape[-1] <= 512 and x.dtype.char in "fd" and x.flags.c_contiguous:
        n = x.shape[-1]
        return x.reshape(-1, n).dot(_column(n, x.dtype)).reshape(*x.shape[:-1], 1)
    return np.add.reduce(x, dim, keepdims=True)


@array_function
def softmax(x: Any, dim: int) -> Any:
    """e^x / Σ e^x along a dim."""
    return by_rows(_softmax, dim, x) if x.size else np.array(x)


def _softmax(x: Any, dim: int) -> Any:
    if type(x) is np.ndarray and 4096 <= x.size <= LARGE and x.shape[dim] <= 512 and x.dtype.char in "fd":
        # any bound near a row's largest will do, and one for all is found faster
        t = np.exp(x - np.maximum.reduce(x, None))
        sums = row_sums(t, dim)
        if np.minimum.reduce(sums, None) > 1e-20:
            return np.divide(t, sums, t)
    t = np.exp(x - np.maximum.reduce(x, dim, keepdims=True))
    return t / row_sums(t, dim)


@array_function
def log_softmax(x: Any, dim: int) -> Any:
    """x - log Σ e^x along a dim."""
    return by_rows(_log_softmax, dim, x) if x.size else np.array(x)


def _log_softmax(x: Any, dim: int) -> Any:
    t = x - np.maximum.reduce(x, dim, keepdims=True)
    return t - np.log(row_sums(np.exp(t), dim))


@array_function
def embed(grad: Any, index: Any, shape: tuple[int, ...]) -> Any:
    """Zeros of `shape` with `grad` at a basic index: the transpose of `x[index]`."""
    out = np.zeros(shape, grad.dtype)
    out[index] = grad
    return out


@array_function
def embed_add(grad: Any, index: Any, shape: tuple[int, ...]) -> Any:
    """Zeros of `shape` with `grad` added at an index that may name an element more than once."""
    other = overriding(index)
    if other is not None:
        return other.__array_function__(embed_add, (type(other),), (grad, index, shape), {})
    out = np.zeros(shape, grad.dtype)
    if any(isinstance(i, np.ndarray) and i.dtype.kind != "b" for i in index):
        np.add.at(out, index, grad)
    else:
        out[index] = grad
    return out


@array_function
def diagonal(x: Any, offset: int, dim1: int, dim2: int) -> Any:
    """NumPy's `diagonal`, writable as any other view."""
    view = np.diagonal(x, offset, dim1, dim2)
    view.flags.writeable = x.flags.writeable
    return view


@array_function
def embed_diagonal(grad: Any, shape: tuple[int, ...], offset: int, dim1: int, dim2: int) -> Any:
    """Zeros of `shape` with `grad` on a diagonal: the transpose of taking it."""
    out = np.zeros(shape, grad.dtype)
    view = np.diagonal(out, offset, dim1, dim2)
    view.flags.writeable = True
    view[...] = grad
    return out


@array_function
def take(x: Any, index: Any) -> Any:
    """x[index] as a copy, for any index that NumPy takes."""
    other = overriding(index)
    if other is not None:
        return other.__array_function__(take, (type(other),), (x, index), {})
    return np.array(x[index])[()]


def counted(n: int, after: int = 0) -> np.ndarray:
    """0 … n - 1 along a dim that `after` others follow, as an index: short ones are kept."""
    return _short(n, after) if n <= 1024 else np.arange(n).reshape((n,) + (1,) * after)


@functools.lru_cache(256)
def _short(n: int, after: int) -> np.ndarray:
    found = np.arange(n).reshape((n,) + (1,) * after)
    found.flags.writeable = False
    return found


def product(a: Any, b: Any) -> Any:
    """The product of two matrices: of arrays by the method, which costs half of what the function does."""
    return a.dot(b) if type(a) is np.ndarray and type(b) is np.ndarray else np.matmul(a, b)


def _grid(index: Any, dim: int) -> tuple[Any, ...]:
    """An index along one dim as a full index: the other dims count through."""
    last = index.ndim - 1
    return tuple([index if k == dim else counted(n, last - k) for k, n in enumerate(index.shape)])


@array_function
def pick(x: Any, index: Any, dim: int) -> Any:
    """The elements of x that `index` names along a dim: out[i][j] = x[index[i][j]][j]."""
    if overriding((index,)) is not None:
        return index.__array_function__(pick, (type(index),), (x, index, dim), {})
    return x[_grid(index, dim) if x.ndim else ()]


@array_function
def put_back(grad: Any, index: Any, shape: tuple[int, ...], dim: int) -> Any:
    """Zeros of `shape` with `grad` added where each element was picked: the transpose of `pick`."""
    if not shape:
        return grad
    if overriding((index,)) is not None:
        return index.__array_function__(put_back, (type(index),), (grad, index, shape, dim), {})
    out = np.zeros(shape, grad.dtype)
    np.add.at(out, _grid(index, dim), grad)
    return out


_TAIL = 6.0  # erfc(6) is below 2^-54: in float64 erf is 1 from here on
_LOW, _HIGH = 1 / (_TAIL + 0.5), 1 / 1.3


def _unmap(u: float) -> float:
    """x in [0.8, 6] of the mapped variable in [-1, 1]: affine in 1 / (x + 1/2)."""
    s = _LOW + (u + 1) / 2 * (_HIGH - _LOW)
    return 1 / s - 0.5


@functools.cache
def _erf_coefficients(single: bool) -> tuple[list[float], list[float]]:
    """Of erf(x)/x on [0, 1] the Taylor series in x²; of e^{x²}·erfc(x) above 1 a Chebyshev series in a mapped variable.

    As many terms as the precision asks for. The second interpolates the standard library's erfc at Chebyshev nodes, once, on
    first use; see Trefethen, Approximation Theory and Approximation Practice (2013), chapters 4 and 8.
    """
    near = [2 / math.sqrt(math.pi) * (-1) ** k / (math.factorial(k) * (2 * k + 1)) for k in range(11 if single else 20)]
    interpolate: Any = np.polynomial.chebyshev.chebinterpolate
    far = interpolate(lambda u: np.array([math.exp(x * x) * math.erfc(x) for x in (_unmap(v) for v in u)]), 14 if single else 40)
    return near, far.tolist()


def _horner(coefficients: list[float], w: np.ndarray) -> np.ndarray:
    """Σ c_k w^k."""
    out = np.full_like(w, coefficients[-1])
    for c in coefficients[-2::-1]:
        out *= w
        out += c
    return out


def _series(coefficients: list[float], u: np.ndarray) -> np.ndarray:
    """Σ c_k T_k(u) by Clenshaw's recurrence, in three buffers."""
    last, before, spare = np.zeros_like(u), np.zeros_like(u), np.empty_like(u)
    twice = 2 * u
    for c in coefficients[:0:-1]:
        np.multiply(twice, last, spare)
        spare -= before
        spare += c
        last, before, spare = spare, last, before
    last *= u
    last -= before
    last += coefficients[0]
    return last


@array_function
def erf(x: Any) -> Any:
    """2/√π ∫₀ˣ e^{-t²} dt."""
    if not isinstance(x, np.ndarray) or x.size < 32:
        if x.ndim == 0:
            return x.dtype.type(math.erf(x))
        return np.array([math.erf(v) for v in x.ravel().tolist()], x.dtype).reshape(x.shape)
    return in_blocks(_erf, x)


def _erf(x: np.ndarray) -> np.ndarray:
    near, far = _erf_coefficients(x.dtype.itemsize <= 4)
    v = np.abs(x if x.dtype.itemsize >= 4 else x.astype(np.float32))
    inner = np.minimum(v, 1.0)
    small = inner * _horner(near, inner * inner)
    outer = np.clip(v, 1.0, _TAIL)
    u = 2 * (1 / (outer + 0.5) - _LOW) / (_HIGH - _LOW) - 1
    large = 1 - np.exp(-outer * outer) * _series(far, u)
    return np.copysign(np.where(v <= 1, small, np.where(np.isnan(v), v, large)), x).astype(x.dtype)
