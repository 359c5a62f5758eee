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


def copied(x: Any) -> Any:
    """A copy laid out in memory as x is, where x is transposed and no element is shown twice; else in order."""
    return x.copy("C" if x.flags.c_contiguous or 0 in x.strides else "K")


def where(condition: Any, self: Any, other: Any) -> Any:
    """NumPy's `where`, with a NumPy scalar for a result of no dimension."""
    chosen: Any = np.where(condition, self, other)
    return chosen[()]


LARGE = 1 << 16  # elements: from here on the pieces of a computation are kept within the processor's cache
BLOCK = 1 << 15


def empty(like: np.ndarray) -> np.ndarray:
    """An uninitialised array of the shape and type of another; a large one starts at a cache line, where vector stores are fastest."""
    if like.size <= LARGE:
        return np.empty_like(like)
    raw = np.empty(like.size * like.itemsize + 64, np.uint8)
    start = -raw.__array_interface__["data"][0] % 64
    return raw[start : start + like.size * like.itemsize].view(like.dtype).reshape(like.shape)


def in_blocks(rule: Callable[..., Any], grad: np.ndarray, values: tuple[Any, ...]) -> Any:
    """grad · rule(values), piece by piece, so that what the rule computes on the way stays in the cache."""
    size = grad.size
    for v in values:
        if type(v) is np.ndarray and (v.shape != grad.shape or not v.flags.c_contiguous):
            return grad * rule(*values)
    if not grad.flags.c_contiguous:
        return grad * rule(*values)
    out = empty(grad)
    flat_out, flat_grad = out.reshape(-1), grad.reshape(-1)
    flat = [v.reshape(-1) if type(v) is np.ndarray else v for v in values]
    for start in range(0, size, BLOCK):
        piece = slice(start, start + BLOCK)
        local = rule(*[v[piece] if type(v) is np.ndarray else v for v in flat])
        if type(local) is not np.ndarray or local.base is not None:  # a number, or what was given: nothing to keep in the cache
            return np.multiply(grad, rule(*values), out=out)
        np.multiply(flat_grad[piece], local, out=flat_out[piece])
    return out


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
    """1 / (1 + e^-x), with one temporary."""
    if type(x) is not np.ndarray or x.dtype.kind != "f" or x.ndim == 0:
        return 1 / (1 + exp(-x))
    if x.size <= LARGE or not x.flags.c_contiguous:
        return _sigmoid_into(x, np.empty_like(x))
    out = empty(x)
    flat, into = x.reshape(-1), out.reshape(-1)
    for start in range(0, x.size, BLOCK):
        _sigmoid_into(flat[start : start + BLOCK], into[start : start + BLOCK])
    return out


def _sigmoid_into(x: np.ndarray, out: np.ndarray) -> np.ndarray:
    np.negative(x, out)
    np.exp(out, out)
    out += 1
    return np.reciprocal(out, out)


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


@array_function
def softmax(x: Any, dim: int) -> Any:
    """e^x / Σ e^x along a dim."""
    if x.size == 0:
        return np.array(x)
    t = np.exp(x - x.max(axis=dim, keepdims=True))
    t /= t.sum(axis=dim, keepdims=True)
    return t


@array_function
def log_softmax(x: Any, dim: int) -> Any:
    """x - log Σ e^x along a dim."""
    if x.size == 0:
        return np.array(x)
    if x.size > LARGE and x.ndim == 2 and dim in (1, -1) and x.flags.c_contiguous and x.shape[0] > 1:
        out, rows = empty(x), max(1, BLOCK // x.shape[1])
        for start in range(0, x.shape[0], rows):
            _log_softmax_into(x[start : start + rows], out[start : start + rows], 1)
        return out
    return _log_softmax_into(x, np.empty_like(x), dim)


def _log_softmax_into(x: np.ndarray, out: np.ndarray, dim: int) -> np.ndarray:
    np.subtract(x, x.max(axis=dim, keepdims=True), out)
    out -= np.log(np.exp(out).sum(axis=dim, keepdims=True))
    return out


@array_function
def embed(grad: Any, index: Any, shape: tuple[int, ...]) -> Any:
    """Zeros of `shape` with `grad` at a basic index: the transpose of `x[index]`."""
    out = np.zeros(shape, grad.dtype)
    out[index] = grad
    return out


@array_function
def embed_add(grad: Any, index: Any, shape: tuple[int, ...]) -> Any:
    """Zeros of `shape` with `grad` added at an index that may name an element more than once."""
    out = np.zeros(shape, grad.dtype)
    if any(isinstance(i, np.ndarray) and i.dtype.kind != "b" for i in index):
        np.add.at(out, index, grad)
    else:
        out[index] = grad
    return out


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
    return np.array(x[index])[()]


def _grid(index: Any, dim: int) -> tuple[Any, ...]:
    """An index along one dim as a full index: the other dims count through."""
    places: list[Any] = list(np.ogrid[tuple(slice(n) for n in index.shape)])
    places[dim] = index
    return tuple(places)


def _by_index(function: Any, values: Any, index: Any, *rest: Any) -> Any:
    """The same function where only the index is recorded: a constant picked by recorded places."""
    kind = type(index)
    return kind.__array_function__(index, function, (kind,), (values, index, *rest), {})


@array_function
def pick(x: Any, index: Any, dim: int) -> Any:
    """The elements of x that `index` names along a dim: out[i][j] = x[index[i][j]][j]."""
    if type(index) not in PLAIN:
        return _by_index(pick, x, index, dim)
    return x[_grid(index, dim) if x.ndim else ()]


@array_function
def put_back(grad: Any, index: Any, shape: tuple[int, ...], dim: int) -> Any:
    """Zeros of `shape` with `grad` added where each element was picked: the transpose of `pick`."""
    if not shape:
        return grad
    if type(index) not in PLAIN:
        return _by_index(put_back, grad, index, shape, dim)
    out = np.zeros(shape, grad.dtype)
    np.add.at(out, _grid(index, dim), grad)
    return out


_TAIL = 6.0  # erfc(6) is below 2^-54: in float64 erf is 1 from here on
_LOW, _HIGH = 1 / (_TAIL + 0.5), 1 / 1.5


def _fit_erf() -> tuple[np.ndarray, np.ndarray]:
    """Chebyshev coefficients of erf(x)/x in x² on [0, 1], and of e^{x²}·erfc(x) in a mapped variable on [1, 6].

    Interpolated at Chebyshev nodes from the standard library's erf and erfc, once, on first use; see Trefethen,
    Approximation Theory and Approximation Practice (2013), chapters 4 and 8.
    """
    cheb = np.polynomial.chebyshev
    near: Any = cheb.chebinterpolate(  # type: ignore[type-var]
        lambda u: np.array([math.erf(math.sqrt(v)) / math.sqrt(v) for v in (u + 1) / 2]), 17)
    far: Any = cheb.chebinterpolate(  # type: ignore[type-var]
        lambda u: np.array([math.exp(x * x) * math.erfc(x) for x in (_unmap(v) for v in u)]), 40
    )
    return near, far


def _unmap(u: float) -> float:
    """x in [1, 6] of the mapped variable in [-1, 1]: affine in 1 / (x + 1/2)."""
    s = _LOW + (u + 1) / 2 * (_HIGH - _LOW)
    return 1 / s - 0.5


@functools.cache
def _erf_coefficients() -> tuple[np.ndarray, np.ndarray]:
    return _fit_erf()


@array_function
def erf(x: Any) -> Any:
    """2/√π ∫₀ˣ e^{-t²} dt."""
    if not isinstance(x, np.ndarray) or x.size < 32:
        if x.ndim == 0:
            return x.dtype.type(math.erf(x))
        return np.array([math.erf(v) for v in x.ravel().tolist()], x.dtype).reshape(x.shape)
    near, far = _erf_coefficients()
    cheb = np.polynomial.chebyshev
    v = np.abs(x.astype(np.float64))
    inner = np.minimum(v, 1.0)
    small = inner * cheb.chebval(2 * inner * inner - 1, near)
    outer = np.clip(v, 1.0, _TAIL)
    u = 2 * (1 / (outer + 0.5) - _LOW) / (_HIGH - _LOW) - 1
    large = 1 - np.exp(-outer * outer) * cheb.chebval(u, far)
    return np.copysign(np.where(v <= 1, small, np.where(np.isnan(v), v, large)), x).astype(x.dtype)
