"""The gamma distribution and what is made of it: chi-squared, beta, Dirichlet, Student's t, F, Wishart.

Samples follow the stream of the seed, by the method of Marsaglia and Tsang; rsample's gradient is the implicit one (see `implicit`), to about seven
digits where the concentrations are not extreme.
"""

from __future__ import annotations

import math
from typing import Any

from ..dtypes import finfo
from ..ops.creation import full_like, zeros_like
from ..ops.elementwise import where
from ..ops.joins import stack
from ..ops.random import randn
from ..ops.special import digamma, lgamma, xlogy
from ..placement import Size
from ..tensor import Tensor
from . import constraints
from .distribution import Distribution, ExponentialFamily, broadcast_all
from .sampling import dirichlet, share, standard_gamma


class Gamma(ExponentialFamily):
    """The gamma distribution: log p = α log β + (α - 1) log x - βx - log Γ(α) for x > 0, with concentration α and rate β.

    >>> import glassgrad as gg
    >>> gg.distributions.Gamma(2.0, 0.5).mean
    tensor(4.)
    """

    concentration: Tensor
    rate: Tensor
    arg_constraints: Any = {"concentration": constraints.positive, "rate": constraints.positive}
    support = constraints.nonnegative
    has_rsample = True

    def __init__(self, concentration: Any, rate: Any, validate_args: bool | None = None):
        self._take(validate_args, concentration=concentration, rate=rate)

    @property
    def mean(self) -> Tensor:
        return self.concentration / self.rate

    @property
    def mode(self) -> Tensor:
        return ((self.concentration - 1) / self.rate).clamp(min=0)

    @property
    def variance(self) -> Tensor:
        return self.concentration / self.rate.pow(2)

    def rsample(self, sample_shape: Any = Size()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        value = standard_gamma(self.concentration.expand(shape)) / self.rate.expand(shape)
        value.detach().clamp_(min=finfo(value.dtype).tiny)  # the value is kept from 0, and its gradient as it is
        return value

    def _log_prob(self, value: Tensor) -> Tensor:
        a, b = self.concentration, self.rate
        return xlogy(a, b) + xlogy(a - 1, value) - b * value - lgamma(a)

    def _cdf(self, value: Tensor) -> Tensor:
        return share(self.concentration, self.rate * value)

    def entropy(self) -> Tensor:
        a = self.concentration
        return a - self.rate.log() + lgamma(a) + (1 - a) * digamma(a)


class Chi2(Gamma):
    """The distribution of the sum of `df` squared standard normal values: Gamma(df / 2, ½).

    >>> import glassgrad as gg
    >>> gg.distributions.Chi2(3.0).mean
    tensor(3.)
    """

    arg_constraints = {"df": constraints.positive}

    def __init__(self, df: Any, validate_args: bool | None = None):
        super().__init__(0.5 * df, 0.5, validate_args=validate_args)

    @property
    def df(self) -> Tensor:
        """The degrees of freedom."""
        return self.concentration * 2

    def _expand_parts(self, new: Any, batch_shape: Size) -> None:
        new.concentration, new.rate = self.concentration.expand(batch_shape), self.rate.expand(batch_shape)


class Dirichlet(ExponentialFamily):
    """Dirichlet's distribution on the simplex: log p = Σ (αᵢ - 1) log xᵢ + log Γ(Σα) - Σ log Γ(αᵢ).

    rsample's gradient is the pathwise one of M. Jankowiak and F. Obermeyer (2018).

    >>> import glassgrad as gg
    >>> gg.distributions.Dirichlet(gg.tensor([1.0, 3.0])).mean
    tensor([0.2500, 0.7500])
    """

    arg_constraints = {"concentration": constraints.independent(constraints.positive, 1)}
    support = constraints.simplex
    has_rsample = True

    def __init__(self, concentration: Tensor, validate_args: bool | None = None):
        if concentration.dim() < 1:
            raise ValueError("`concentration` parameter must be at least one-dimensional.")
        self.concentration = concentration
        super().__init__(concentration.shape[:-1], concentration.shape[-1:], validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return self.concentration / self.concentration.sum(-1, True)

    @property
    def mode(self) -> Tensor:
        above = (self.concentration - 1).clamp(min=0.0)
        mode = above / above.sum(-1, True)
        flat = (self.concentration < 1).all(-1)  # the density is infinite at every corner: PyTorch names the first
        if flat.any():
            corner = zeros_like(mode)
            corner[..., 0] = 1.0
            mode = where(flat.unsqueeze(-1), corner, mode)
        return mode

    @property
    def variance(self) -> Tensor:
        total = self.concentration.sum(-1, True)
        return self.concentration * (total - self.concentration) / (total.pow(2) * (total + 1))

    def rsample(self, sample_shape: Any = Size()) -> Tensor:
        return dirichlet(self.concentration.expand(self._extended_shape(sample_shape)))

    def _log_prob(self, value: Tensor) -> Tensor:
        a = self.concentration
        return xlogy(a - 1.0, value).sum(-1) + lgamma(a.sum(-1)) - lgamma(a).sum(-1)

    def entropy(self) -> Tensor:
        a, total = self.concentration, self.concentration.sum(-1)
        return lgamma(a).sum(-1) - lgamma(total) - (a.size(-1) - total) * digamma(total) - ((a - 1.0) * digamma(a)).sum(-1)


class Beta(ExponentialFamily):
    """The beta distribution on [0, 1]: log p = (α - 1) log x + (β - 1) log(1 - x) - log B(α, β), concentration1 α and concentration0 β.

    >>> import glassgrad as gg
    >>> gg.distributions.Beta(1.0, 3.0).mean
    tensor(0.2500)
    """

    arg_constraints = {"concentration1": constraints.positive, "concentration0": constraints.positive}
    support = constraints.unit_interval
    has_rsample = True

    def __init__(self, concentration1: Any, concentration0: Any, validate_args: bool | None = None):
        self._dirichlet = Dirichlet(stack(broadcast_all(concentration1, concentration0), -1), validate_args=False)
        super().__init__(self._dirichlet.batch_shape, validate_args=validate_args)

    def _expand_parts(self, new: Any, batch_shape: Size) -> None:
        new._dirichlet = self._dirichlet.expand(batch_shape)

    @property
    def concentration1(self) -> Tensor:
        """α, the concentration at 1."""
        return self._dirichlet.concentration[..., 0]

    @property
    def concentration0(self) -> Tensor:
        """β, the concentration at 0."""
        return self._dirichlet.concentration[..., 1]

    @property
    def mean(self) -> Tensor:
        return self.concentration1 / (self.concentration1 + self.concentration0)

    @property
    def mode(self) -> Tensor:
        return self._dirichlet.mode[..., 0]

    @property
    def variance(self) -> Tensor:
        total = self.concentration1 + self.concentration0
        return self.concentration1 * self.concentration0 / (total.pow(2) * (total + 1))

    def rsample(self, sample_shape: Any = Size()) -> Tensor:
        return self._dirichlet.rsample(sample_shape).select(-1, 0)

    def _log_prob(self, value: Tensor) -> Tensor:
        return self._dirichlet.log_prob(stack([value, 1.0 - value], -1))

    def entropy(self) -> Tensor:
        return self._dirichlet.entropy()


class StudentT(Distribution):
    """Student's t: the distribution of loc + scale · ε · √(ν / χ²(ν)), with ν = df degrees of freedom.

    log p = -½ (ν + 1) log(1 + y² / ν) - log σ - ½ log νπ - log Γ(ν/2) + log Γ((ν + 1)/2), y = (x - μ) / σ.

    >>> import glassgrad as gg
    >>> gg.distributions.StudentT(3.0).variance
    tensor(3.)
    """

    df: Tensor
    loc: Tensor
    scale: Tensor
    arg_constraints = {"df": constraints.positive, "loc": constraints.real, "scale": constraints.positive}
    support = constraints.real
    has_rsample = True

    def __init__(self, df: Any, loc: Any = 0.0, scale: Any = 1.0, validate_args: bool | None = None):
        self._take(validate_args, df=df, loc=loc, scale=scale)
        self._chi2 = Chi2(self.df, validate_args=False)

    def _expand_parts(self, new: Any, batch_shape: Size) -> None:
        new._chi2 = self._chi2.expand(batch_shape)

    @property
    def mean(self) -> Tensor:
        return where(self.df <= 1, full_like(self.loc, math.nan), self.loc)

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        df = self.df
        found = where(df > 2, self.scale.pow(2) * df / where(df > 2, df - 2, full_like(df, 1.0)), full_like(df, math.inf))
        return where(df <= 1, full_like(df, math.nan), found)

    def rsample(self, sample_shape: Any = Size()) -> Tensor:
        normal = randn(self._extended_shape(sample_shape), dtype=self.df.dtype)
        return self.loc + self.scale * (normal * (self._chi2.rsample(sample_shape) / self.df).rsqrt())

    def _log_prob(self, value: Tensor) -> Tensor:
        y, df = (value - self.loc) / self.scale, self.df
        constant = self.scale.log() + 0.5 * df.log() + 0.5 * math.log(math.pi) + lgamma(0.5 * df) - lgamma(0.5 * (df + 1.0))
        return -0.5 * (df + 1.0) * (y**2.0 / df).log1p() - constant

    def entropy(self) -> Tensor:
        df = self.df
        log_beta = lgamma(0.5 * df) + math.lgamma(0.5) - lgamma(0.5 * (df + 1))
        return self.scale.log() + 0.5 * (df + 1) * (digamma(0.5 * (df + 1)) - digamma(0.5 * df)) + 0.5 * df.log() + log_beta


class FisherSnedecor(Distribution):
    """The F distribution: of (χ²(d₁) / d₁) / (χ²(d₂) / d₂), with df1 = d₁ and df2 = d₂.

    >>> import glassgrad as gg
    >>> gg.distributions.FisherSnedecor(2.0, 4.0).mean
    tensor(2.)
    """

    df1: Tensor
    df2: Tensor
    arg_constraints = {"df1": constraints.positive, "df2": constraints.positive}
    support = constraints.positive
    has_rsample = True

    def __init__(self, df1: Any, df2: Any, validate_args: bool | None = None):
        self._take(validate_args, df1=df1, df2=df2)
        self._gammas = [Gamma(df * 0.5, df, validate_args=False) for df in (self.df1, self.df2)]

    def _expand_parts(self, new: Any, batch_shape: Size) -> None:
        new._gammas = [g.expand(batch_shape) for g in self._gammas]

    @property
    def mean(self) -> Tensor:
        df2 = where(self.df2 <= 2, full_like(self.df2, math.nan), self.df2)
        return df2 / (df2 - 2)

    @property
    def mode(self) -> Tensor:
        mode = (self.df1 - 2) / self.df1 * self.df2 / (self.df2 + 2)
        return where(self.df1 <= 2, full_like(mode, math.nan), mode)

    @property
    def variance(self) -> Tensor:
        df2 = where(self.df2 <= 4, full_like(self.df2, math.nan), self.df2)
        return 2 * df2.pow(2) * (self.df1 + df2 - 2) / (self.df1 * (df2 - 2).pow(2) * (df2 - 4))

    def rsample(self, sample_shape: Any = Size()) -> Tensor:
        above, below = (g.rsample(sample_shape) for g in self._gammas)
        tiny = finfo(above.dtype).tiny
        below.detach().clamp_(min=tiny)
        ratio = above / below
        return ratio.clamp(min=tiny)

    def _log_prob(self, value: Tensor) -> Tensor:
        half1, half2, ratio = self.df1 * 0.5, self.df2 * 0.5, self.df1 / self.df2
        constant = lgamma(half1 + half2) - lgamma(half1) - lgamma(half2)
        return constant + half1 * ratio.log() + (half1 - 1) * value.log() - (half1 + half2) * (ratio * value).log1p()
