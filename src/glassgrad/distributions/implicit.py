"""How a sample moves with the parameters, where no formula gives the quantile: implicit reparametrisation.

A sample x of distribution function F(x; α) stays at its share F when α changes: dx/dα = -(∂F/∂α) / (∂F/∂x). Sources: M. Figurnov, S. Mohamed and
A. Mnih, "Implicit reparameterization gradients", 2018; M. Jankowiak and F. Obermeyer, "Pathwise derivatives beyond the reparameterization trick", 2018.

∂F/∂α is the integral of the density times its score log t - E log t, over what lies below x, or with the sign changed over what lies above: the
two have the sum 0. The side is taken on which the score keeps its sign, so that nothing cancels, and integrated in the variable that runs over all
numbers (log t, or the logit), in which the integrand is log-concave, by Gauss and Legendre's rule.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ops.incomplete import side_integral
from ..ops.special import polygamma_of


def gamma_slope(a: np.ndarray, x: np.ndarray) -> np.ndarray:
    """dx/da of a sample x of the gamma distribution with concentration a and rate 1."""
    dtype = x.dtype
    a, x = np.broadcast_arrays(np.asarray(a, np.float64), np.asarray(x, np.float64))
    with np.errstate(all="ignore"):
        distance = np.log(x) - polygamma_of(a, 0)  # the score at x
        side = np.where(distance < 0, -1.0, 1.0)
        moved = side_integral(lambda s: a * s - x * np.expm1(s), lambda s: distance + s, side)
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

        moved = side_integral(lambda s: a * s - (a + b) * grown(s), lambda s: distance + s - grown(s), side)
        return (side * x * (1 - x) * moved).astype(dtype)
