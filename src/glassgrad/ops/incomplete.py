"""Incomplete gamma functions, by Gauss and Legendre's rule on the side of x where the integrand falls from the start."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from . import arrays
from .declare import elementwise
from .numpy_protocol import FUNCTIONS
from .special import lgamma_of

NODES, CUT, STEPS = 64, 42.0, 14  # nodes of the rule; integrand below e^-CUT of its value at the start is left out; halvings that find where


@functools.lru_cache(1)
def _rule() -> tuple[np.ndarray, np.ndarray]:
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    return (nodes + 1) / 2, weights / 2


def side_integral(exponent: Callable[[Any], Any], score: Callable[[Any], Any], side: np.ndarray) -> np.ndarray:
    """∫ e^exponent(s) · score(s) ds over s from 0 to side · ∞, for a concave exponent with exponent(0) = 0."""
    low, high = np.full(side.shape, -30.0), np.full(side.shape, 30.0)  # of the logarithm of the length
    for _ in range(STEPS):
        middle = (low + high) / 2
        beyond = ~(exponent(side * np.exp(middle)) > -CUT)
        low, high = np.where(beyond, low, middle), np.where(beyond, middle, high)
    length = side * np.exp(high)
    nodes, weights = _rule()
    total = np.zeros(side.shape)
    for node, weight in zip(nodes, weights):
        s = length * node
        total += weight * np.exp(exponent(s)) * score(s)
    return total * np.abs(length)


def _shares(a: Any, x: Any) -> tuple[np.ndarray, np.ndarray]:
    """The regularised incomplete gamma functions P(a, x) and Q(a, x) = 1 − P; source: NIST Digital Library of Mathematical Functions, 8.2."""
    a, x = np.broadcast_arrays(np.asarray(a, np.float64), np.asarray(x, np.float64))
    with np.errstate(all="ignore"):
        side = np.where(x < a, -1.0, 1.0)
        part = side_integral(lambda s: a * s - x * np.expm1(s), np.ones_like, side) * np.exp(a * np.log(x) - x - lgamma_of(a))
        lower = np.where(side < 0, part, 1 - part)
        lower = np.where((x == 0) | np.isposinf(a), 0.0, np.where(np.isposinf(x) | (a == 0), 1.0, lower))
        none = (x < 0) | (a < 0) | ((x == 0) & (a == 0)) | (np.isposinf(x) & np.isposinf(a)) | np.isnan(x) | np.isnan(a)
        upper = np.where((side > 0) & (x > 0) & np.isfinite(x) & (a > 0), part, 1 - lower)
        return np.where(none, np.nan, lower), np.where(none, np.nan, upper)


def _share(which: int) -> Any:
    @arrays.array_function
    def call(a: Any, x: Any) -> Any:
        if arrays.overriding((x,)) is not None:
            return x.__array_function__(call, (type(x),), (a, x), {})
        return _shares(a, x)[which].astype(x.dtype)[()]

    return call


gamma_share, gamma_rest = _share(0), _share(1)


def _refused(name: str) -> Any:
    raise NotImplementedError(f"the derivative for '{name}: input' is not implemented.")


def _density(self: Any, other: Any) -> Any:
    return np.exp((self - 1) * np.log(other) - other - lgamma_of(self))


igamma = elementwise("igamma", lambda self, other: gamma_share(self, other), lambda: _refused("igamma"), lambda self, other: _density(self, other),
                     refuses={"c": "igamma_cpu"}, doc="P(input, other) = 1/Γ(a) ∫₀ˣ tᵃ⁻¹e⁻ᵗ dt: the gamma distribution function.")  # fmt: skip
igammac = elementwise("igammac", lambda self, other: gamma_rest(self, other), lambda: _refused("igammac"), lambda self, other: -_density(self, other),
                      refuses={"c": "igammac_cpu"}, doc="Q(input, other) = 1 − P, with its own digits where it is small.")  # fmt: skip
FUNCTIONS |= {gamma_share: igamma, gamma_rest: igammac}
