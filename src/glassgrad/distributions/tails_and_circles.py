"""The generalised Pareto distribution, of what exceeds a high threshold, and von Mises', of angles."""

from __future__ import annotations

import math
from typing import Any

from ..graph.modes import no_grad
from ..ops.bessel import i0e, i1e
from ..ops.creation import full_like, zeros
from ..ops.elementwise import where
from ..ops.random import rand
from ..placement import Size
from ..tensor import Tensor
from . import constraints
from .continuous import PLACED
from .distribution import Centred, Distribution


class GeneralizedPareto(Distribution):
    """The generalised Pareto distribution: P(x > μ + σz) = (1 + ξz)^(-1/ξ), e^-z where ξ = 0; loc μ, scale σ, concentration ξ.

    Source: J. Pickands, "Statistical inference using extreme order statistics", 1975.

    >>> import glassgrad as gg
    >>> gg.distributions.GeneralizedPareto(0.0, 1.0, 0.5).mean
    tensor(2.)
    """

    loc: Tensor
    scale: Tensor
    concentration: Tensor
    arg_constraints = {**PLACED, "concentration": constraints.real}
    has_rsample = True

    def __init__(self, loc: Any, scale: Any, concentration: Any, validate_args: bool | None = None):
        self._take(validate_args, loc=loc, scale=scale, concentration=concentration)

    @constraints.dependent_property(is_discrete=False, event_dim=0)
    def support(self) -> Any:
        bounded = self.concentration < 0
        end = self.loc - self.scale / where(bounded, self.concentration, full_like(self.concentration, -1.0))
        return constraints.interval(self.loc, where(bounded, end, full_like(end, math.inf)))

    def _shaped(self, exponential: Tensor, other: Any) -> Tensor:
        """`other` of a ξ that is not 0, and where ξ is 0 the limit, the exponential distribution's."""
        plain = self.concentration.abs() <= 1e-8
        return where(plain, exponential, other(where(plain, full_like(self.concentration, 1.0), self.concentration)))

    def log_survival_function(self, value: Tensor) -> Tensor:
        """log P(x > value)."""
        z = (value - self.loc) / self.scale
        return self._shaped(-z, lambda xi: -(xi * z).log1p() / xi)

    def log_cdf(self, value: Tensor) -> Tensor:
        """log P(x ≤ value)."""
        return (-self.log_survival_function(value).exp()).log1p()

    def _log_prob(self, value: Tensor) -> Tensor:
        z = (value - self.loc) / self.scale
        return self._shaped(-z, lambda xi: -(1 + 1 / xi) * (xi * z).log1p()) - self.scale.log()

    def _cdf(self, value: Tensor) -> Tensor:
        return 1 - self.log_survival_function(value).exp()

    def icdf(self, value: Tensor) -> Tensor:
        log_rest = (-value).log1p()
        return self.loc + self.scale * self._shaped(-log_rest, lambda xi: (-xi * log_rest).expm1() / xi)

    def rsample(self, sample_shape: Any = Size()) -> Tensor:
        return self.icdf(rand(self._extended_shape(sample_shape), dtype=self.loc.dtype))

    @property
    def mean(self) -> Tensor:
        xi = where(self.concentration < 1, self.concentration, full_like(self.concentration, math.nan))
        return self.loc + self.scale / (1 - xi)

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        xi = where(self.concentration < 0.5, self.concentration, full_like(self.concentration, math.nan))
        return self.scale.pow(2) / ((1 - xi).pow(2) * (1 - 2 * xi))

    def entropy(self) -> Tensor:
        return self.scale.log() + self.concentration + 1


class VonMises(Centred):
    """Von Mises' distribution of angles: log p = κ cos(x - μ) - log 2π I₀(κ), with loc μ and concentration κ.

    Samples by rejection, in double precision; source: D. Best and N. Fisher, "Efficient simulation of the von Mises distribution", 1979. `variance` is
    the circular one, 1 - I₁(κ) / I₀(κ).

    >>> import glassgrad as gg
    >>> gg.distributions.VonMises(gg.tensor(0.0), gg.tensor(1.0)).log_prob(gg.tensor(0.0))
    tensor(-1.0738)
    """

    loc: Tensor
    concentration: Tensor
    arg_constraints = {"loc": constraints.real, "concentration": constraints.positive}
    support = constraints.real

    def __init__(self, loc: Any, concentration: Any, validate_args: bool | None = None):
        self._take(validate_args, loc=loc, concentration=concentration)

    @property
    def variance(self) -> Tensor:
        return 1 - i1e(self.concentration) / i0e(self.concentration)

    def _log_prob(self, value: Tensor) -> Tensor:
        return self.concentration * ((value - self.loc).cos() - 1) - math.log(2 * math.pi) - i0e(self.concentration).log()

    def sample(self, sample_shape: Any = Size()) -> Tensor:
        with no_grad():
            kappa, shape = self.concentration.double(), self._extended_shape(sample_shape)
            tau = 1 + (1 + 4 * kappa**2).sqrt()
            rho = (tau - (2 * tau).sqrt()) / (2 * kappa)
            r = where(kappa < 1e-5, 1 / kappa + kappa, (1 + rho**2) / (2 * rho))  # of the wrapped Cauchy distribution that is proposed
            x, missing = zeros(tuple(shape), dtype=kappa.dtype), True
            done = x != 0
            while missing:
                u1, u2, u3 = rand((3, *shape), dtype=kappa.dtype).unbind()
                z = (math.pi * u1).cos()
                f = (1 + r * z) / (r + z)
                c = kappa * (r - f)
                accepted = (c * (2 - c) - u2 > 0) | ((c / u2).log() + 1 - c >= 0)
                x = where(accepted, (u3 - 0.5).sign() * f.acos(), x)
                done = done | accepted
                missing = not bool(done.all())
            return ((x + math.pi + self.loc.double()) % (2 * math.pi) - math.pi).to(self.loc.dtype)
