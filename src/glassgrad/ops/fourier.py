"""Discrete Fourier transforms, of complex and of real signals, along any dims."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import errors
from ..dtypes import FROM_NUMPY, defaults
from ..tensor import Tensor
from . import arrays
from .creation import made
from .declare import linear
from .numpy_protocol import FUNCTIONS
from .padding import pad
from .pointwise import conj_physical
from .runtime import into
from .shapes import conj, roll, to, wrap_dim


# ------------------------------------------------------------------------------------------------ the three kinds; dims are counted from the last
def _scaled(x: Any, count: int, normalization: int) -> Any:
    """Times 1, 1/√count or 1/count."""
    return x if not normalization else x * x.real.dtype.type(1 / (math.sqrt(count) if normalization == 1 else count))


def _count(shape: Any, dim: Sequence[int]) -> int:
    return math.prod(shape[d] for d in dim)


@arrays.stacked
def _complex(x: Any, dim: Any, normalization: int, forward: bool) -> Any:
    found = np.fft.fftn(x, axes=dim) if forward else np.fft.ifftn(x, axes=dim, norm="forward")
    return _scaled(found, _count(x.shape, dim), normalization)


@arrays.stacked
def _half(x: Any, dim: Any, normalization: int, onesided: bool) -> Any:
    found = np.fft.rfftn(x, axes=dim) if onesided else np.fft.fftn(x, axes=dim)
    return _scaled(found, _count(x.shape, dim), normalization)


@arrays.stacked
def _real(x: Any, dim: Any, normalization: int, last: int) -> Any:
    sizes = [*(x.shape[d] for d in dim[:-1]), last]
    return _scaled(np.fft.irfftn(x, s=sizes, axes=dim, norm="forward"), math.prod(sizes), normalization)


def _from_last(dim: Any, ndim: int) -> tuple[int, ...]:
    return tuple(d - ndim for d in dim)


def _real_back(grad: Any, self_shape: Any, dim: Any, normalization: int, onesided: bool) -> Any:
    """Re Fᴴ·grad; where half of the frequencies were left out, their gradient is 0."""
    dims = _from_last(dim, len(self_shape))
    missing = self_shape[dim[-1]] - grad.shape[dim[-1]]
    if onesided and missing:
        rest = np.zeros_like(grad[_slice(dims[-1], grad.ndim, 0, missing)])
        grad = np.concatenate([grad, rest], dims[-1])
    return _complex(grad, dims, normalization, False).real


def _half_back(grad: Any, dim: Any, normalization: int, last_dim_size: int) -> Any:
    """Fᴴ·grad by its first half; what stands for two frequencies, itself and its mirror image, counts twice."""
    dims = _from_last(dim, grad.ndim)
    kept = last_dim_size // 2 + 1
    twice = np.ones((kept,) + (1,) * (-1 - dims[-1]), np.float32)  # 1 and 2: exact, and no other dtype comes of it
    twice[1 : 1 + last_dim_size - kept] = 2
    return _half(grad, dims, normalization, True) * twice


def _slice(dim: int, ndim: int, start: int, stop: int) -> tuple[slice, ...]:
    return tuple(slice(start, stop) if d - ndim == dim else slice(None) for d in range(ndim))


_c2c = linear("_fft_c2c", lambda self, dim, normalization, forward: _complex(self, _from_last(dim, self.ndim), normalization, forward),
              lambda grad, dim, normalization, forward: _complex(grad, _from_last(dim, grad.ndim), normalization, not forward),
              node="FftC2CBackward0")  # fmt: skip
_r2c = linear("_fft_r2c", lambda self, dim, normalization, onesided: _half(self, _from_last(dim, self.ndim), normalization, onesided),
              _real_back, node="FftR2CBackward0")  # fmt: skip
_c2r = linear("_fft_c2r", lambda self, dim, normalization, last_dim_size: _real(self, _from_last(dim, self.ndim), normalization, last_dim_size),
              _half_back, node="FftC2RBackward0")  # fmt: skip
FUNCTIONS |= {
    _complex: lambda x, dim, normalization, forward: _c2c(x, tuple(d + x.ndim for d in dim), normalization, forward),
    _half: lambda x, dim, normalization, onesided: _r2c(x, tuple(d + x.ndim for d in dim), normalization, onesided),
    _real: lambda x, dim, normalization, last: _c2r(x, tuple(d + x.ndim for d in dim), normalization, last),
}


# ------------------------------------------------------------------------------------------------ what is given
def _norm(norm: str | None, forward: bool) -> int:
    """0 for no factor, 1 for 1/√n, 2 for 1/n."""
    if norm not in (None, "backward", "forward", "ortho"):
        raise RuntimeError(f'Invalid normalization mode: "{norm}"')
    return 1 if norm == "ortho" else 2 if (norm == "forward") == forward else 0


def _signal(name: str, input: Any, real: bool = False, complex: bool = False) -> Tensor:
    """The input in a floating dtype, complex or real as asked."""
    if not isinstance(input, Tensor):
        raise errors.argument(f"fft_{name}", "input", 1, "Tensor", input)
    if real and input.is_complex():
        found = input.dtype.type_name
        if name in ("ihfft2", "ihfftn"):
            raise RuntimeError(f"Only supports floating-point dtypes, but found: {found}")
        raise RuntimeError(f"{name.replace('2', 'n')} expects a {'real-valued' if name[-1] in '2n' else 'real'} input tensor, but got {found}")
    dtype = input._data.dtype if input._data.dtype.kind in "fc" else defaults.numpy
    if dtype.itemsize == 2:
        raise RuntimeError(f"Unsupported dtype {FROM_NUMPY[dtype].type_name}")
    if complex and dtype.kind == "f":
        dtype = np.result_type(dtype, np.complex64)
    return input if input._data.dtype == dtype else to(input, FROM_NUMPY[np.dtype(dtype)])


def _points(n: int) -> int:
    if n < 1:
        raise RuntimeError(f"Invalid number of data points ({n}) specified")
    return n


def _resized(x: Tensor, dims: Sequence[int], sizes: Sequence[int]) -> Tensor:
    """Each dim cut or filled up with zeros to its size; -1 leaves it."""
    for d, size in zip(dims, sizes):
        have = x.shape[d]
        if size != -1 and size < have:
            x = x.narrow(d, 0, size)
    more = [0] * (2 * x.ndim)
    for d, size in zip(dims, sizes):
        if size != -1 and size > x.shape[d]:
            more[2 * (x.ndim - d) - 1] = size - x.shape[d]
    return pad(x, more) if any(more) else x


def _one(name: str, n: Any, dim: int, x: Tensor) -> tuple[int, int]:
    """The dim of a transform along one dim, and its length."""
    if n is not None and not isinstance(n, (int, np.integer)):
        raise errors.argument(f"fft_{name}", "n", 2, "int", n)
    if not x.ndim:
        raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
    d = wrap_dim(dim, x.ndim)
    return d, x.shape[d] if n is None else int(n)


def _many(x: Tensor, s: Any, dim: Any) -> tuple[list[int], list[int]]:
    """The dims and sizes of a transform along several."""
    if dim is not None:
        dims = [wrap_dim(d, x.ndim) for d in ((dim,) if isinstance(dim, int) else dim)]
        if len(set(dims)) < len(dims):
            raise RuntimeError("FFT dims must be unique")
    if s is None:
        dims = dims if dim is not None else list(range(x.ndim))
        return dims, [_points(x.shape[d]) for d in dims]
    sizes = [int(v) for v in ((s,) if isinstance(s, int) else s)]
    if dim is None:
        if len(sizes) > x.ndim:
            raise RuntimeError(f"Got shape with {len(sizes)} values but input tensor only has {x.ndim} dimensions.")
        dims = list(range(x.ndim - len(sizes), x.ndim))
    elif len(dims) != len(sizes):
        raise RuntimeError("When given, dim and shape arguments must have the same length")
    return dims, [_points(x.shape[d] if size == -1 else size) for d, size in zip(dims, sizes)]


def _given(result: Tensor, out: Tensor | None, name: str) -> Tensor:
    if out is None:
        return result
    if result.is_complex() and not out.is_complex():
        raise RuntimeError(f"{name} expects a complex output tensor, but got {out.dtype.type_name}")
    if out.is_complex() and not result.is_complex():
        raise RuntimeError(f"{name} expects a floating point output tensor, but got {out.dtype.type_name}")
    return into(out, result)


# ------------------------------------------------------------------------------------------------ one dim
def _to_complex(name: str, input: Any, n: Any, dim: int, norm: str | None, out: Any, forward: bool, onesided: bool = False) -> Tensor:
    x = _signal(name, input, real=onesided)
    d, size = _one(name, n, dim, x)
    x = _resized(x, [d], [_points(size)])
    factor = _norm(norm, forward)
    if x.is_complex():
        return _given(_c2c(x, (d,), factor, forward), out, name)
    found = _r2c(x, (d,), factor, onesided)
    return _given(found if forward else conj(found), out, name)


def _to_real(name: str, input: Any, n: Any, dim: int, norm: str | None, out: Any, forward: bool) -> Tensor:
    x = _signal(name, input, complex=True)
    d, size = _one(name, n, dim, x)
    size = _points(2 * (x.shape[d] - 1) if n is None else size)
    x = _resized(x, [d], [size // 2 + 1])
    return _given(_c2r(conj(x) if forward else x, (d,), _norm(norm, forward), size), out, name)


def fft(input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None, *, out: Tensor | None = None) -> Tensor:
    """X[k] = Σⱼ x[j] · e^(−2πi·jk/n), along a dim that is first cut or filled up with zeros to n; complex.

    `norm`: "backward" (no factor), "ortho" (1/√n), "forward" (1/n); the inverse has the other. Raises RuntimeError for n < 1 or another norm.

    >>> import glassgrad as gg
    >>> gg.fft.fft(gg.tensor([1.0, 2.0, 3.0, 4.0]))
    tensor([10.+0.j, -2.+2.j, -2.+0.j, -2.-2.j])
    """
    return _to_complex("fft", input, n, dim, norm, out, True)


def ifft(input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None, *, out: Tensor | None = None) -> Tensor:
    """The inverse of `fft`: x[j] = 1/n · Σₖ X[k] · e^(2πi·jk/n)."""
    return _to_complex("ifft", input, n, dim, norm, out, False)


def rfft(input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None, *, out: Tensor | None = None) -> Tensor:
    """`fft` of a real signal, its first n // 2 + 1 values: the others are their conjugates."""
    return _to_complex("rfft", input, n, dim, norm, out, True, True)


def irfft(input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None, *, out: Tensor | None = None) -> Tensor:
    """The inverse of `rfft`: a real signal of n values, 2 · (size − 1) unless given."""
    return _to_real("irfft", input, n, dim, norm, out, False)


def hfft(input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None, *, out: Tensor | None = None) -> Tensor:
    """`fft` of a signal that is its own mirrored conjugate, of which the first half is given: real."""
    return _to_real("hfft", input, n, dim, norm, out, True)


def ihfft(input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None, *, out: Tensor | None = None) -> Tensor:
    """The inverse of `hfft`: n // 2 + 1 values."""
    return _to_complex("ihfft", input, n, dim, norm, out, False, True)


# ------------------------------------------------------------------------------------------------ several dims
def _over_complex(name: str, input: Any, s: Any, dim: Any, norm: str | None, out: Any, forward: bool) -> Tensor:
    x = _signal(name, input)
    dims, sizes = _many(x, s, dim)
    x = _resized(_signal(name, x, complex=True), dims, sizes)
    factor = _norm(norm, forward)
    return _given(_c2c(x, tuple(dims), factor, forward) if dims else x, out, name)


def _over_real(name: str, input: Any, s: Any, dim: Any, norm: str | None, out: Any, forward: bool) -> Tensor:
    x = _signal(name, input, real=True)
    dims, sizes = _many(x, s, dim)
    if not dims:
        raise RuntimeError(f"{name} must transform at least one axis")
    x, factor = _resized(x, dims, sizes), _norm(norm, forward)
    if forward:
        return _given(_r2c(x, tuple(dims), factor, True), out, name)
    found = conj_physical(_r2c(x, (dims[-1],), factor, True))
    return _given(_c2c(found, tuple(dims[:-1]), factor, False) if dims[:-1] else found, out, name)


def _over_half(name: str, input: Any, s: Any, dim: Any, norm: str | None, out: Any, forward: bool) -> Tensor:
    x = _signal(name, input, complex=True)
    dims, sizes = _many(x, s, dim)
    if not dims:
        raise RuntimeError(f"{name} must transform at least one axis")
    given = None if s is None else (s,) if isinstance(s, int) else tuple(s)
    last = _points(2 * (x.shape[dims[-1]] - 1) if given is None or given[-1] == -1 else sizes[-1])
    x = _resized(x, dims, [*sizes[:-1], last // 2 + 1])
    factor = _norm(norm, forward)
    if not forward:
        return _given(_c2r(x, tuple(dims), factor, last), out, name)
    x = _c2c(x, tuple(dims[:-1]), factor, True) if dims[:-1] else x
    return _given(_c2r(conj(x), (dims[-1],), factor, last), out, name)


def fftn(input: Tensor, s: Any = None, dim: Any = None, norm: str | None = None, *, out: Tensor | None = None) -> Tensor:
    """`fft` along several dims (all, or the last as many as `s` names sizes, unless given), each cut or filled up to its size."""
    return _over_complex("fftn", input, s, dim, norm, out, True)


def ifftn(input: Tensor, s: Any = None, dim: Any = None, norm: str | None = None, *, out: Tensor | None = None) -> Tensor:
    """The inverse of `fftn`."""
    return _over_complex("ifftn", input, s, dim, norm, out, False)


def rfftn(input: Tensor, s: Any = None, dim: Any = None, norm: str | None = None, *, out: Tensor | None = None) -> Tensor:
    """`fftn` of a real signal; of the last dim the first half."""
    return _over_real("rfftn", input, s, dim, norm, out, True)


def irfftn(input: Tensor, s: Any = None, dim: Any = None, norm: str | None = None, *, out: Tensor | None = None) -> Tensor:
    """The inverse of `rfftn`: real."""
    return _over_half("irfftn", input, s, dim, norm, out, False)


def hfftn(input: Tensor, s: Any = None, dim: Any = None, norm: str | None = None, *, out: Tensor | None = None) -> Tensor:
    """`fftn` of a signal that is its own mirrored conjugate, of which half of the last dim is given: real."""
    return _over_half("hfftn", input, s, dim, norm, out, True)


def ihfftn(input: Tensor, s: Any = None, dim: Any = None, norm: str | None = None, *, out: Tensor | None = None) -> Tensor:
    """The inverse of `hfftn`."""
    return _over_real("ihfftn", input, s, dim, norm, out, False)


def _plane(name: str, over: Any, forward: bool, of: str) -> Any:
    def call(input: Tensor, s: Any = None, dim: Any = (-2, -1), norm: str | None = None, *, out: Tensor | None = None) -> Tensor:
        return over(name, input, s, dim, norm, out, forward)

    call.__name__ = call.__qualname__ = name
    call.__doc__ = f"`{of}` along two dims, the last unless given."
    return call


fft2, ifft2 = _plane("fft2", _over_complex, True, "fftn"), _plane("ifft2", _over_complex, False, "ifftn")
rfft2, irfft2 = _plane("rfft2", _over_real, True, "rfftn"), _plane("irfft2", _over_half, False, "irfftn")
hfft2, ihfft2 = _plane("hfft2", _over_half, True, "hfftn"), _plane("ihfft2", _over_real, False, "ihfftn")


# ------------------------------------------------------------------------------------------------ frequencies
def _frequencies(values: np.ndarray, n: int, d: float, dtype: Any, requires_grad: bool, device: Any, out: Tensor | None) -> Tensor:
    found = made((values / (n * d) if n else values).astype((dtype or defaults.real).numpy), requires_grad, device)
    return found if out is None else into(out, found)


def fftfreq(
    n: int, d: float = 1.0, *, out: Tensor | None = None, dtype: Any = None, layout: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """The frequencies of `fft`'s values, in cycles per unit of the sampling distance d: 0, 1, …, −2, −1, over n · d."""
    at = np.arange(n)
    return _frequencies(np.where(at < (n + 1) // 2, at, at - n), n, d, dtype, requires_grad, device, out)


def rfftfreq(
    n: int, d: float = 1.0, *, out: Tensor | None = None, dtype: Any = None, layout: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """The frequencies of `rfft`'s values: 0, 1, …, n // 2, over n · d."""
    return _frequencies(np.arange(n // 2 + 1), n, d, dtype, requires_grad, device, out)


def _shift(input: Tensor, dim: Any, back: bool) -> Tensor:
    dims = tuple(range(input.ndim)) if dim is None else (dim,) if isinstance(dim, int) else tuple(dim)
    dims = tuple(wrap_dim(d, input.ndim) for d in dims)
    return roll(input, tuple((input.shape[d] + back) // 2 for d in dims), dims) if dims else input


def fftshift(input: Tensor, dim: Any = None) -> Tensor:
    """The values in the order of their frequencies, from the lowest, 0 in the middle."""
    return _shift(input, dim, False)


def ifftshift(input: Tensor, dim: Any = None) -> Tensor:
    """The inverse of `fftshift`."""
    return _shift(input, dim, True)
