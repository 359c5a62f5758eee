"""How a sample moves with the parameters, where no formula gives the quantile: implicit reparametrisation.

A sample x of distribution function F(x; α) stays at its share F when α changes: dx/dα = -(∂F/∂α) / (∂F/∂x). Sources: M. Figurnov, S. Mohamed and
A. Mnih, "Implicit reparameterization gradients", 2018; M. Jankowiak and F. Obermeyer, "Pathwise derivatives beyond the reparameterization trick", 2018.

∂F/∂α is the integral of the density times its score log t - E log t, over what lies below x, or with the sign changed over what lies above: the
two have the sum 0. The side is taken on which the score keeps its sign, so that nothing cancels, and integrated in the variable that runs over all
numbers (log t, or the logit), in which the integrand is log-concave, by Gauss and Legendre's rule.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from ..ops.special import lgamma_of, polygamma_of

NODES, CUT, STEPS = 64, 42.0, 14  # nodes of the rule; integrand below e^-CUT of its value at x is left out; halvings that find where


@functools.lru_cache(1)
def _rule() -> tuple[np.ndarray, np.ndarray]:
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    return (nodes + 1) / 2, weights / 2


def _side(exponent: Callable[[Any], Any], score: Callable[[Any], Any], side: np.ndarray) -> np.ndarray:
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


def gamma_slope(a: np.ndarray, x: np.ndarray) -> np.ndarray:
    """dx/da of a sample x of the gamma distribution with concentration a and rate 1."""
    dtype = x.dtype
    a, x = np.broadcast_arrays(np.asarray(a, np.float64), np.asarray(x, np.float64))
    with np.errstate(all="ignore"):
        distance = np.log(x) - polygamma_of(a, 0)  # the score at x
        side = np.where(distance < 0, -1.0, 1.0)
        moved = _side(lambda s: a * s - x * np.expm1(s), lambda s: distance + s, side)
        return (side * x * moved).astype(dtype)


def beta_slope(a: np.ndarray, b: np.ndarray, x: np.ndarray) -> np.ndarray:
    """dx/da of a sample x of the beta distribution with concentrations a (of x) and b (of 1 - x)."""
    dtype = x.dtype
    a, b, x = np.broadcast_arrays(*(np.asarray(v, np.float64) for v in (a, b, x)))
    with np.errstate(all="ignore"):
        distance = np.log(x) - polygamma_of(a, 0) + polygamma_of(a + b, 0)
        side = np.where(distance < 0, -1.0, 1.0)

        def grown(s: Any) -> Any:  # log(1 - x + x · e^s): t = x · e^s / (1 - x + x · e^s) runs over (0, 1)
            return np.where(s > 0, s + np.log1p((1 - x) * np.expm1(-s)), np.log1p(x * np.expm1(s)))

        moved = _side(lambda s: a * s - (a + b) * grown(s), lambda s: distance + s - grown(s), side)
        return (side * x * (1 - x) * moved).astype(dtype)


def gamma_share(a: np.ndarray, x: np.ndarray) -> np.ndarray:
    """The gamma distribution's function at x, the regularised incomplete gamma function P(a, x), by the same rule."""
    dtype = x.dtype
    a, x = np.broadcast_arrays(np.asarray(a, np.float64), np.asarray(x, np.float64))
    with np.errstate(all="ignore"):
        side = np.where(x < a, -1.0, 1.0)
        part = _side(lambda s: a * s - x * np.expm1(s), np.ones_like, side) * np.exp(a * np.log(x) - x - lgamma_of(a))
        found = np.where(x == 0, 0.0, np.where(np.isposinf(x), 1.0, np.where(side < 0, part, 1 - part)))
        return np.where(x < 0, np.nan, found).astype(dtype)
