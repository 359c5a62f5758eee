"""Bessel functions, by quadrature of their integrals and, for large arguments, by Hankel's series. Relative errors of some 1e-15 (near zeros: absolute).

Sources: NIST Digital Library of Mathematical Functions, 10.9 and 10.32 (integrals), 10.17 and 10.40 (series); Trefethen and Weideman, The
exponentially convergent trapezoidal rule, SIAM Review 56 (2014).
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import errors
from ..dtypes import defaults
from ..tensor import Tensor
from . import arrays
from .declare import elementwise
from .numpy_protocol import FUNCTIONS
from .runtime import into

FAR = 30.0  # from here on the series are as exact as float64
TERMS = 24
PIECE = 4096  # elements whose integrands are held at once


def _wide(name: str, function: Callable[[np.ndarray], np.ndarray]) -> Any:
    """A function of flat float64 arrays, for arrays of any shape and floating dtype, some elements at a time; the name is that in formulas."""

    def call(x: Any) -> Any:
        flat = np.ravel(np.asarray(x, np.float64))
        with np.errstate(all="ignore"):
            pieces = [function(flat[i : i + PIECE]) for i in range(0, flat.size, PIECE)]
        found = np.concatenate(pieces) if pieces else flat
        return found.reshape(np.shape(x)).astype(x.dtype)[()]

    call.__name__ = name
    return arrays.array_function(call)


@functools.cache
def _circle() -> np.ndarray:
    """The midpoints of 48 arcs of half a circle: for periodic functions their mean is exact to rounding."""
    return np.asarray((np.arange(48) + 0.5) * (math.pi / 48))


@functools.cache
def _legendre(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Gauss's nodes and weights on [0, 1]."""
    nodes, weights = np.polynomial.legendre.leggauss(n)
    return (nodes + 1) / 2, weights / 2


def _coefficients(n: int) -> list[float]:
    """aₖ(n) = (4n² − 1²)(4n² − 3²) … (4n² − (2k − 1)²) / (k! 8ᵏ)."""
    found = [1.0]
    for k in range(1, TERMS):
        found.append(found[-1] * (4 * n * n - (2 * k - 1) ** 2) / (8 * k))
    return found


def _joined(x: np.ndarray, near: Callable[[np.ndarray], np.ndarray], far: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    small = x < FAR
    return np.where(small, near(np.where(small, x, 1.0)), far(np.where(small, FAR, x)))


def _i_scaled(n: int) -> Callable[[np.ndarray], np.ndarray]:
    """e^(−|x|) Iₙ(x)."""

    def call(x: np.ndarray) -> np.ndarray:
        v, a = np.abs(x), _coefficients(n)
        if n:  # π I₁ = x ∫ e^(x cos θ) sin² θ, which keeps its digits near 0
            near = lambda v: v * np.mean(np.exp(v[:, None] * (np.cos(_circle()) - 1)) * np.sin(_circle()) ** 2, axis=1)
        else:
            near = lambda v: np.mean(np.exp(v[:, None] * (np.cos(_circle()) - 1)), axis=1)
        far = lambda v: sum((-1) ** k * c / v**k for k, c in enumerate(a)) / np.sqrt(2 * math.pi * v)
        found = np.where(np.isinf(v), 0.0, _joined(v, near, far))
        return np.where(np.isnan(x), x, found * (np.sign(x) if n else 1))

    return call


def _k_scaled(n: int) -> Callable[[np.ndarray], np.ndarray]:
    """e^x Kₙ(x) = ∫₀^∞ e^(−x(cosh t − 1)) cosh nt dt."""

    def near(x: np.ndarray) -> np.ndarray:
        end = np.arccosh(1 + 40 / np.maximum(x, 1e-300))
        t = end[:, None] * np.linspace(0, 1, 257)
        each = np.exp(-x[:, None] * (np.cosh(t) - 1) + (np.log(np.cosh(t)) if n else 0))
        each[:, 0] /= 2
        return end / 256 * each.sum(axis=1)

    def far(x: np.ndarray) -> np.ndarray:
        return np.asarray(sum(c / x**k for k, c in enumerate(_coefficients(n))) * np.sqrt(math.pi / (2 * x)))

    def call(x: np.ndarray) -> np.ndarray:
        found = _joined(np.where(x > 0, x, 1.0), near, far)
        return np.where(x > 0, np.where(np.isinf(x), 0.0, found), np.where(x == 0, np.inf, np.nan))

    return call


def _hankel(x: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """The amplitudes of cosine and sine in Jₙ and Yₙ of a large x, and with them cos and sin of x − nπ/2 − π/4."""
    a = _coefficients(n)
    p = sum((-1) ** k * a[2 * k] / x ** (2 * k) for k in range(TERMS // 2))
    q = sum((-1) ** k * a[2 * k + 1] / x ** (2 * k + 1) for k in range(TERMS // 2))
    c, s = np.cos(x), np.sin(x)
    c, s = ((c + s), (s - c)) if n == 0 else ((s - c), -(c + s))  # times √½
    scale = np.sqrt(1 / (math.pi * x))
    return scale * (p * c - q * s), scale * (p * s + q * c)


def _j(n: int) -> Callable[[np.ndarray], np.ndarray]:
    """Jₙ(x) = 1/π ∫₀^π cos(x sin θ − nθ) dθ."""

    def call(x: np.ndarray) -> np.ndarray:
        v = np.abs(x)
        if n:  # J₁ = x/π ∫ cos(x cos θ) sin² θ dθ
            near = lambda v: v * np.mean(np.cos(v[:, None] * np.cos(_circle())) * np.sin(_circle()) ** 2, axis=1)
        else:
            near = lambda v: np.mean(np.cos(v[:, None] * np.sin(_circle())), axis=1)
        found = _joined(v, near, lambda v: _hankel(v, n)[0])
        return np.where(np.isfinite(x), found * (np.sign(x) if n else 1), np.nan)

    return call


def _y(n: int) -> Callable[[np.ndarray], np.ndarray]:
    """Yₙ(x) = 1/π ∫₀^π sin(x sin θ − nθ) dθ − 1/π ∫₀^∞ (e^(nt) + (−1)ⁿ e^(−nt)) e^(−x sinh t) dt."""

    def near(x: np.ndarray) -> np.ndarray:
        nodes, weights = _legendre(64)
        angles = nodes * math.pi
        first = np.sin(x[:, None] * np.sin(angles) - n * angles) @ weights
        nodes, weights = _legendre(200)
        end = np.arcsinh(45 / np.maximum(x, 1e-300))
        t = end[:, None] * nodes
        each = np.exp(-x[:, None] * np.sinh(t)) * (2 * np.sinh(t) if n else 2.0)
        return first - end / math.pi * (each @ weights)

    def call(x: np.ndarray) -> np.ndarray:
        found = _joined(np.where(x > 0, x, 1.0), near, lambda v: _hankel(v, n)[1])
        return np.where((x > 0) & np.isfinite(x), found, np.where(x == 0, -np.inf, np.nan))

    return call


i0e_of, i1e_of = _wide("i0e", _i_scaled(0)), _wide("i1e", _i_scaled(1))
i0_of = _wide("i0", lambda x: _i_scaled(0)(x) * np.exp(np.abs(x)))
i1_of = _wide("i1", lambda x: _i_scaled(1)(x) * np.exp(np.abs(x)))
i0 = elementwise("i0", lambda self: i0_of(self), lambda self: i1_of(self), refuses={"c": "i0_vml_cpu"}, doc="I₀(input), Bessel's modified function.")
i0e = elementwise("i0e", lambda self: i0e_of(self), lambda self, result: i1e_of(self) - np.sign(self) * result, node="SpecialI0EBackward0",
                  refuses={"c": "i0e_cpu"}, method=False, doc="e^(−|input|) I₀(input).")  # fmt: skip


def _over(result: Any, x: Any) -> Any:
    """I₁(x)/x, ½ at 0 (scaled alike)."""
    return arrays.where(x == 0, 0.5, result / arrays.where(x == 0, np.ones_like(x), x))


i1 = elementwise("i1", lambda self: i1_of(self), lambda self, result: i0_of(self) - _over(result, self), node="SpecialI1Backward0",
                 refuses={"c": "i1_cpu"}, method=False, doc="I₁(input).")  # fmt: skip
i1e = elementwise("i1e", lambda self: i1e_of(self), lambda self, result: i0e_of(self) - np.sign(self) * result - _over(result, self),
                  node="SpecialI1EBackward0", refuses={"c": "i1e_cpu"}, method=False, doc="e^(−|input|) I₁(input).")  # fmt: skip
FUNCTIONS |= {i0_of: i0, i0e_of: i0e, i1_of: i1, i1e_of: i1e}


def _plain(name: str, function: Callable[[np.ndarray], np.ndarray], says: str) -> Any:
    """A function that has no derivative here, as in PyTorch."""
    wide = _wide(name, function)

    def call(input: Tensor, *, out: Tensor | None = None) -> Tensor:
        if not isinstance(input, Tensor):
            raise errors.argument(f"special_{name}", "input", 1, "Tensor", input)
        data = input._data
        if data.dtype.kind == "c" or data.dtype == np.float16:
            raise errors.no_kernel(f"{name}_cpu", data.dtype)
        result = Tensor._wrap(wide(data if data.dtype.kind == "f" else data.astype(defaults.numpy)))
        return result if out is None else into(out, result)

    call.__name__ = call.__qualname__ = name
    call.__doc__ = says
    return call


bessel_j0 = _plain("bessel_j0", _j(0), "J₀(input), Bessel's function of the first kind; without a derivative, as in PyTorch.")
bessel_j1 = _plain("bessel_j1", _j(1), "J₁(input); without a derivative, as in PyTorch.")
bessel_y0 = _plain("bessel_y0", _y(0), "Y₀(input), Bessel's function of the second kind; without a derivative, as in PyTorch.")
bessel_y1 = _plain("bessel_y1", _y(1), "Y₁(input); without a derivative, as in PyTorch.")
modified_bessel_i0 = _plain("modified_bessel_i0", lambda x: _i_scaled(0)(x) * np.exp(np.abs(x)), "I₀(input); without a derivative, as in PyTorch: i0 has one.")
modified_bessel_i1 = _plain("modified_bessel_i1", lambda x: _i_scaled(1)(x) * np.exp(np.abs(x)), "I₁(input); without a derivative, as in PyTorch: i1 has one.")
modified_bessel_k0 = _plain("modified_bessel_k0", lambda x: _k_scaled(0)(x) * np.exp(-x), "K₀(input); without a derivative, as in PyTorch.")
modified_bessel_k1 = _plain("modified_bessel_k1", lambda x: _k_scaled(1)(x) * np.exp(-x), "K₁(input); without a derivative, as in PyTorch.")
scaled_modified_bessel_k0 = _plain("scaled_modified_bessel_k0", _k_scaled(0), "e^input K₀(input); without a derivative, as in PyTorch.")
scaled_modified_bessel_k1 = _plain("scaled_modified_bessel_k1", _k_scaled(1), "e^input K₁(input); without a derivative, as in PyTorch.")
spherical_bessel_j0 = _plain(
    "spherical_bessel_j0", lambda x: np.where(np.isinf(x), 0.0, np.sinc(x / math.pi)), "sin(input) / input; without a derivative, as in PyTorch."
)
