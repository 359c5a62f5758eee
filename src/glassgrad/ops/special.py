"""Functions beyond the elementary ones: of errors, of gamma, of logarithms at their edges."""

from __future__ import annotations

import functools
import math
from statistics import NormalDist
from typing import Any

import numpy as np

from ..dtypes import defaults
from ..tensor import Tensor
from . import arrays
from .declare import elementwise
from .elementwise import where
from .numpy_protocol import FUNCTIONS
from .runtime import into


def _in_double(function: Any) -> Any:
    """A function whose float32 and float16 values are computed in double precision."""

    @arrays.array_function
    def wide(x: Any, *more: Any) -> Any:
        return np.asarray(function(np.asarray(x, np.float64), *more)).astype(x.dtype)[()] if x.dtype.kind == "f" and x.dtype.itemsize < 8 else function(x,
        *more)

    return wide


# ------------------------------------------------------------------------------------------------ of errors
@arrays.array_function
def erfc_of(x: Any) -> Any:
    """2/√π ∫ₓ^∞ e^{-t²} dt: 1 - erf(x), without losing what is left of it for large x."""
    if x.ndim == 0 or x.size < 32:
        return np.array([math.erfc(v) for v in np.ravel(x).tolist()], x.dtype).reshape(x.shape)[()]
    _, far = arrays._erf_coefficients(False)
    wide = np.asarray(x, np.float64)
    v = np.abs(wide)
    outer = np.clip(v, 1.0, arrays._TAIL)
    u = 2 * (1 / (outer + 0.5) - arrays._LOW) / (arrays._HIGH - arrays._LOW) - 1
    tail = np.exp(-outer * outer) * arrays._series(far, u)
    found = np.where(wide < 0, 2 - tail, tail)
    inner = v <= 1
    found[inner] = 1 - arrays.erf(wide[inner])
    beyond = v > arrays._TAIL
    found[beyond] = [math.erfc(t) for t in wide[beyond].tolist()]
    return np.where(np.isnan(wide), wide, found).astype(x.dtype)


@functools.lru_cache(1)
def _normal() -> NormalDist:
    return NormalDist()


@arrays.array_function
def erfinv_of(y: Any) -> Any:
    """The inverse of erf, by Wichura's approximation of the normal distribution's (algorithm AS 241, 1988), from the standard library.

    One Newton step on erfc where y is near ±1: there (1 + y) / 2 has lost digits.
    """
    flat = np.ravel(np.asarray(y, np.float64))
    out = np.empty_like(flat)
    for i, v in enumerate(flat.tolist()):
        if -1 < v < 1:
            # Φ⁻¹((1 + v) / 2) / √2, taken in the half where the probability is small, so that it keeps its digits
            p = (1 - abs(v)) / 2
            out[i] = math.copysign(-_normal().inv_cdf(p) / math.sqrt(2) if p < 0.5 else 0.0, v) if v else v
        else:
            out[i] = math.copysign(math.inf, v) if abs(v) == 1 else math.nan
    with np.errstate(all="ignore"):
        exact = np.array([math.erf(t) for t in out.tolist()])
        step = (exact - flat) / (2 / math.sqrt(math.pi) * np.exp(-out * out))
    out = np.where((np.abs(flat) < 0.9) & np.isfinite(step), out - step, out)
    return out.reshape(np.shape(y)).astype(y.dtype)[()]


erfc = elementwise("erfc", erfc_of, lambda self: -2 / math.sqrt(math.pi) * np.exp(-self * self), refuses={"c": "erfc_vml_cpu"},
                   doc="1 - erf(input), without losing digits for large inputs.")  # fmt: skip
erfinv = elementwise("erfinv", erfinv_of, lambda result: math.sqrt(math.pi) / 2 * np.exp(result * result), refuses={"c": "erfinv_vml_cpu"},
                     doc="The inverse of erf, on (-1, 1).")  # fmt: skip


@arrays.array_function
def erfcx_of(x: Any) -> Any:
    """e^(x²) · erfc(x), where both factors would leave float64's range too."""
    wide = np.asarray(x, np.float64)
    v = np.abs(wide)
    _, far = arrays._erf_coefficients(False)
    outer = np.clip(v, 1.0, arrays._TAIL)
    tail = arrays._series(far, np.asarray(2 * (1 / (outer + 0.5) - arrays._LOW) / (arrays._HIGH - arrays._LOW) - 1))
    inner = np.minimum(v, 1.0)
    beyond = np.maximum(v, arrays._TAIL)
    r = 0.5 / (beyond * beyond)
    asymptotic = (1 - r * (1 - 3 * r * (1 - 5 * r * (1 - 7 * r)))) / (beyond * math.sqrt(math.pi))
    found = np.where(v <= 1, np.exp(inner * inner) * erfc_of(inner), np.where(v > arrays._TAIL, asymptotic, tail))
    return np.where(wide < 0, 2 * np.exp(wide * wide) - found, found).astype(x.dtype)[()]


@arrays.array_function
def log_ndtr_of(x: Any) -> Any:
    """log Φ(x), of the normal distribution function."""
    wide = np.asarray(x, np.float64)
    low = np.minimum(wide, -1.0)
    far = np.log(erfcx_of(-low * math.sqrt(0.5)) / 2) - low * low / 2
    return np.where(wide < -1, far, np.log1p(-erfc_of(np.maximum(wide, -1.0) * math.sqrt(0.5)) / 2)).astype(x.dtype)[()]


erfcx = elementwise("erfcx", erfcx_of, lambda self, result: 2 * self * result - 2 / math.sqrt(math.pi), node="SpecialErfcxBackward0", method=False,
                    refuses={"c": "erfcx_cpu"}, doc="e^(input²) · erfc(input), which does not vanish for large inputs.")  # fmt: skip
log_ndtr = elementwise("log_ndtr", log_ndtr_of, lambda self: math.sqrt(2 / math.pi) / erfcx_of(-self * math.sqrt(0.5)), node="SpecialLogNdtrBackward0",
                       method=False, refuses={"c": "log_ndtr_cpu"}, doc="The logarithm of the normal distribution function.")  # fmt: skip
FUNCTIONS |= {erfcx_of: erfcx, log_ndtr_of: log_ndtr}


# ------------------------------------------------------------------------------------------------ of gamma
LANCZOS = (0.99999999999980993, 676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059, 12.507343278686905, -0.13857109526572012,
           9.9843695780195716e-6, 1.5056327351493116e-7)  # g = 7, n = 9: P. Godfrey's coefficients of C. Lanczos' approximation (1964)  # fmt: skip


@arrays.array_function
def lgamma_of(x: Any) -> Any:
    """log |Γ(x)|."""
    wide = np.asarray(x, np.float64)
    reflect = wide < 0.5
    z = np.where(reflect, 1 - wide, wide) - 1
    series = LANCZOS[0] + sum(c / (z + k) for k, c in enumerate(LANCZOS[1:], 1))
    t = z + 7.5
    value = 0.5 * math.log(2 * math.pi) + (z + 0.5) * np.log(t) - t + np.log(series)
    mirrored = np.log(math.pi / np.abs(np.sin(math.pi * wide))) - value
    found = np.where(reflect, mirrored, value)
    found = np.where((wide == 1) | (wide == 2), 0.0, found)
    found = np.where(np.isposinf(wide) | ((wide <= 0) & (wide == np.floor(wide))), np.inf, found)
    return found.astype(x.dtype)[()]


BERNOULLI = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510)
SHIFT = 12


def _hurwitz(s: Any, z: Any, more: int = 0) -> Any:
    """Σₖ (z + k)^(−s), by Euler and Maclaurin's sum after the first SHIFT (and `more`) terms."""
    far = z + (SHIFT + more)
    total = sum((z + k) ** -s for k in range(SHIFT + more)) + far ** (1 - s) / (s - 1) + 0.5 * far**-s
    rising = s
    for k, b in enumerate(BERNOULLI, 1):
        total = total + b / math.factorial(2 * k) * rising * far ** (-s - 2 * k + 1)
        rising = rising * (s + 2 * k - 1) * (s + 2 * k)
    return total


@arrays.array_function
def zeta_of(x: Any, q: Any) -> Any:
    """Hurwitz's zeta function Σₖ (k + q)^(−x), for x > 1; for negative q where x is whole."""
    if arrays.overriding((q,)) is not None:
        return q.__array_function__(zeta_of, (type(q),), (x, q), {})
    s, z = np.broadcast_arrays(np.asarray(x, np.float64), np.asarray(q, np.float64))
    whole = z == np.floor(z)
    safe, base = np.where(s > 1, s, 2.0), np.where((z <= 0) & whole, 1.0, z)
    lowest = float(base.min(initial=0.0, where=np.isfinite(base)))
    found = _hurwitz(safe, base, math.ceil(min(-lowest, 1e5)) if lowest < 0 else 0)
    found = np.where((z <= 0) & (whole | (s != np.floor(s))), np.where(whole, np.inf, np.nan), found)
    return np.where(s > 1, found, np.where(s == 1, np.inf, np.nan)).astype(x.dtype)[()]


@arrays.array_function
def polygamma_of(x: Any, n: int) -> Any:
    """The n-th derivative of the digamma function, by Euler and Maclaurin's sum; reflected for n = 0 and 1 where x is negative."""
    wide = np.asarray(x, np.float64)
    if n == 0:
        reflect = wide < 0
        z = np.where(reflect, 1 - wide, wide)
        far = z + SHIFT
        value = np.log(far) - 0.5 / far - sum(b / (2 * k * far ** (2 * k)) for k, b in enumerate(BERNOULLI, 1)) - sum(1 / (z + k) for k in range(SHIFT))
        found = np.where(reflect, value - math.pi / np.tan(math.pi * wide), value)
        found = np.where((wide < 0) & (wide == np.floor(wide)), np.nan, found)
        return np.where(wide == 0, np.copysign(np.inf, -wide), found).astype(x.dtype)[()]
    reflect = (wide < 0) & (n == 1)
    found = (-1) ** (n + 1) * math.factorial(n) * _hurwitz(n + 1.0, np.where(reflect, 1 - wide, wide))
    return np.where(reflect, (math.pi / np.sin(math.pi * wide)) ** 2 - found, found).astype(x.dtype)[()]


_polygamma = elementwise("_polygamma", lambda self, order: polygamma_of(self, order), lambda self, order: polygamma_of(self, order + 1),
                         node="PolygammaBackward0", refuses={"c": "polygamma"})  # fmt: skip
lgamma = elementwise("lgamma", lgamma_of, lambda self: polygamma_of(self, 0), refuses={"c": "lgamma_vml_cpu"}, doc="log |Γ(input)|.")
digamma = elementwise("digamma", lambda self: polygamma_of(self, 0), lambda self: polygamma_of(self, 1), refuses={"c": "digamma"},
                      doc="Γ'(input) / Γ(input).")
FUNCTIONS |= {erfc_of: erfc, erfinv_of: erfinv, lgamma_of: lgamma, polygamma_of: lambda x, n: digamma(x) if n == 0 else _polygamma(x, n)}


def _no_zeta_slope() -> Any:
    raise NotImplementedError("the derivative for 'zeta' is not implemented.")


_zeta = elementwise("_zeta", lambda self, other: zeta_of(self, other), lambda: _no_zeta_slope(), lambda self, other: -self * zeta_of(self + 1, other),
                    node="SpecialZetaBackward0", method=False)  # fmt: skip
FUNCTIONS[zeta_of] = _zeta


def zeta(input: Any, other: Any, *, out: Tensor | None = None) -> Tensor:
    """Hurwitz's zeta function Σₖ (k + other)^(−input), k from 0; with a derivative by `other`."""
    data = (input if isinstance(input, Tensor) else other)._data
    dtype = data.dtype if data.dtype.kind == "f" else defaults.numpy
    input, other = (v if isinstance(v, Tensor) else Tensor._wrap(dtype.type(v)) for v in (input, other))
    return _zeta(input, other, out=out)


def polygamma(n: int, input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The n-th derivative of the digamma function."""
    if n < 0:
        raise RuntimeError("polygamma(n, x) does not support negative n.")
    return digamma(input, out=out) if n == 0 else _polygamma(input, n, out=out)


# ------------------------------------------------------------------------------------------------ at the edges
_xlogy = elementwise("_xlogy", lambda self, other: arrays.where((self == 0) & ~np.isnan(other), 0, self * np.log(other)),
                     lambda self, other: arrays.where((self == 0) & (other <= 0), 0, np.log(other)), lambda self, other: self / other,
                     node="XlogyBackward0", method=False)  # fmt: skip
_nan_to_num = elementwise("_nan_to_num", lambda self, nan, posinf, neginf: np.nan_to_num(self, copy=True, nan=nan, posinf=posinf, neginf=neginf),
                          lambda self: arrays.astype(np.isfinite(self), self.dtype), node="NanToNumBackward0", floats=False, method=False)  # fmt: skip
logit_of = _in_double(lambda x: np.log(x / (1 - x)))
sinc_of = _in_double(np.sinc)
_logit = elementwise("_logit", lambda self: logit_of(self), lambda self: 1 / (self * (1 - self)), node="LogitBackward0", refuses={"c": "logit_cpu"},
method=False)


def _sinc_slope(self: Any) -> Any:
    x = math.pi * self
    return arrays.where(self == 0, 0, (np.cos(x) * x - np.sin(x)) / (math.pi * arrays.where(self == 0, np.ones_like(self), self * self)))


_sinc = elementwise("_sinc", lambda self: sinc_of(self), _sinc_slope, node="SincBackward0", method=False)
FUNCTIONS |= {logit_of: _logit, sinc_of: _sinc, np.nan_to_num: lambda x, copy, nan, posinf, neginf: _nan_to_num(x, nan, posinf, neginf)}


def xlogy(input: Any, other: Any, *, out: Tensor | None = None) -> Tensor:
    """input · log(other), and 0 where the input is 0."""
    data = (input if isinstance(input, Tensor) else other)._data
    dtype = data.dtype if data.dtype.kind in "fc" else defaults.numpy
    input, other = (v if isinstance(v, Tensor) else Tensor._wrap(dtype.type(v)) for v in (input, other))
    return _xlogy(input, other, out=out)


def xlog1py(input: Any, other: Any, *, out: Tensor | None = None) -> Tensor:
    """input · log(1 + other), and 0 where the input is 0."""
    return xlogy(input, other + 1, out=out)


def nan_to_num(input: Tensor, nan: float | None = None, posinf: float | None = None, neginf: float | None = None, *, out: Tensor | None = None) -> Tensor:
    """The values with numbers in place of NaN (0) and of infinities (the dtype's largest and smallest)."""
    if not (input.is_floating_point() or input.is_complex()):
        return input.clone()
    limits = np.finfo(input._data.dtype)
    return _nan_to_num(input, nan or 0.0, float(limits.max) if posinf is None else posinf, float(limits.min) if neginf is None else neginf, out=out)


def logit(input: Tensor, eps: float | None = None, *, out: Tensor | None = None) -> Tensor:
    """log(x / (1 - x)), the inverse of sigmoid; with `eps`, of x clamped to [eps, 1 - eps]."""
    return _logit(input if eps is None else input.clamp(eps, 1 - eps), out=out)


def sinc(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """sin(πx) / (πx), 1 at 0."""
    return _sinc(input, out=out)


def expit(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """1 / (1 + e^-x): sigmoid."""
    return input.sigmoid(out=out)


def entr(input: Tensor) -> Tensor:
    """-x · log x, 0 at 0, -∞ below."""
    return where(input < 0, -math.inf, -xlogy(input, input))


def ndtr(input: Tensor) -> Tensor:
    """The normal distribution function."""
    return erfc(-input * math.sqrt(0.5)) * 0.5


def ndtri(input: Tensor) -> Tensor:
    """The inverse of the normal distribution function."""
    return erfinv(2 * input - 1) * math.sqrt(2)


def mvlgamma(input: Tensor, p: int, *, out: Tensor | None = None) -> Tensor:
    """log Γ_p(input), of the gamma function of several variables: p(p-1)/4 · log π + Σ_k log Γ(input - k/2)."""
    if p < 1:
        raise RuntimeError("p has to be greater than or equal to 1")
    shifts = Tensor._wrap((np.arange(p) * -0.5).astype(input._data.dtype if input.is_floating_point() else defaults.numpy))
    result = lgamma(input.unsqueeze(-1) + shifts).sum(-1) + p * (p - 1) / 4 * math.log(math.pi)
    return result if out is None else into(out, result)


def _of_tensor(input: Tensor, n: int) -> Tensor:
    return polygamma(n, input)


AS_METHODS = {"polygamma": _of_tensor}
