"""Orthogonal polynomials, by their recurrences; without derivatives, as in PyTorch. Source: NIST Digital Library of Mathematical Functions, 18.9."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import errors
from ..dtypes import defaults
from ..tensor import Tensor
from .runtime import into

Recurrence = Callable[[int, np.ndarray, np.ndarray, np.ndarray], np.ndarray]


def _named(name: str, first: Callable[[np.ndarray], np.ndarray], following: Recurrence, says: str, shift: bool = False) -> Any:
    """The polynomials p₀ = 1, p₁ = `first`(x), pₖ₊₁ = `following`(k, x, pₖ, pₖ₋₁); with `shift` of 2x − 1."""

    def call(input: Any, n: Any, *, out: Tensor | None = None) -> Tensor:
        if not isinstance(input, Tensor) and not isinstance(n, Tensor):
            raise errors.argument(f"special_{name}", "input", 1, "Tensor", input)
        data = [v._data if isinstance(v, Tensor) else v for v in (input, n)]
        floating = [d.dtype for d in data if getattr(getattr(d, "dtype", None), "kind", "") == "f"]
        dtype = np.result_type(*floating) if floating else defaults.numpy
        if any(getattr(getattr(d, "dtype", None), "kind", "") == "c" for d in data) or dtype == np.float16:
            raise errors.no_kernel(f"{name}_cpu", np.dtype(dtype) if dtype == np.float16 else np.dtype(np.complex64))
        x, degree = np.broadcast_arrays(np.asarray(data[0], np.float64), np.trunc(np.asarray(data[1], np.float64)))
        x = 2 * x - 1 if shift else x
        found, before, last = np.where(degree < 0, 0.0, 1.0), np.ones_like(x), first(x)
        for k in range(1, int(degree.max(initial=0)) + 1):
            found = np.where(degree == k, last, found)
            before, last = last, following(k, x, last, before)
        result = Tensor._wrap(found.astype(dtype)[()])
        return result if out is None else into(out, result)

    call.__name__ = call.__qualname__ = name
    call.__doc__ = f"{says} of degree n; 0 for negative n."
    return call


def _chebyshev(k: int, x: np.ndarray, last: np.ndarray, before: np.ndarray) -> np.ndarray:
    return 2 * x * last - before


KINDS = {"t": lambda x: x, "u": lambda x: 2 * x, "v": lambda x: 2 * x - 1, "w": lambda x: 2 * x + 1}
(chebyshev_polynomial_t, chebyshev_polynomial_u, chebyshev_polynomial_v, chebyshev_polynomial_w,
 shifted_chebyshev_polynomial_t, shifted_chebyshev_polynomial_u, shifted_chebyshev_polynomial_v, shifted_chebyshev_polynomial_w) = (
    _named(f"{'shifted_' * shift}chebyshev_polynomial_{kind}", first, _chebyshev, f"Chebyshev's polynomial {kind.upper()}{', at 2x − 1,' * shift}", shift)
    for shift in (False, True) for kind, first in KINDS.items()
)  # fmt: skip
hermite_polynomial_h = _named("hermite_polynomial_h", lambda x: 2 * x, lambda k, x, last, before: 2 * x * last - 2 * k * before, "Hermite's polynomial H")
hermite_polynomial_he = _named("hermite_polynomial_he", lambda x: x, lambda k, x, last, before: x * last - k * before, "Hermite's polynomial He")
laguerre_polynomial_l = _named(
    "laguerre_polynomial_l", lambda x: 1 - x, lambda k, x, last, before: ((2 * k + 1 - x) * last - k * before) / (k + 1), "Laguerre's polynomial L"
)
legendre_polynomial_p = _named(
    "legendre_polynomial_p", lambda x: x, lambda k, x, last, before: ((2 * k + 1) * x * last - k * before) / (k + 1), "Legendre's polynomial P"
)
