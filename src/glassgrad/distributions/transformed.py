"""A distribution seen through transforms, and those that are defined so."""

from __future__ import annotations

import math
from typing import Any

from ..dtypes import finfo
from ..graph.modes import no_grad
from ..ops.creation import full_like, ones_like, tensor
from ..ops.elementwise import where
from ..ops.special import digamma, lgamma
from ..placement import Size
from ..tensor import Tensor
from . import constraints
from .continuous import PLACED, Cauchy, Exponential, Normal, Uniform
from .distribution import Distribution, broadcast_all, sum_rightmost
from .gamma import Gamma
from .independent import Independent
from .transforms import AbsTransform, AffineTransform, ComposeTransform, ExpTransform, PowerTransform, StickBreakingTransform, Transform

EULER = 0.57721566490153286060


class TransformedDistribution(Distribution):
    """The distribution of f(x), x of a base distribution and f a transform or several: log p(y) = log p(x) - log |det ∂y/∂x|, x = f⁻¹(y).

    Source: D. Rezende and S. Mohamed, "Variational inference with normalizing flows", 2015.

    >>> import glassgrad as gg
    >>> from glassgrad.distributions import AffineTransform, Normal, TransformedDistribution
    >>> TransformedDistribution(Normal(0.0, 1.0), AffineTransform(3.0, 2.0)).log_prob(gg.tensor(3.0))
    tensor(-1.6121)
    """

    arg_constraints: Any = {}

    def __init__(self, base_distribution: Distribution, transforms: Any, validate_args: bool | None = None):
        if isinstance(transforms, Transform):
            self.transforms = [transforms]
        elif isinstance(transforms, list):
            if not all(isinstance(t, Transform) for t in transforms):
                raise ValueError("transforms must be a Transform or a list of Transforms")
            self.transforms = transforms
        else:
            raise ValueError(f"transforms must be a Transform or list, but was {transforms}")
        base, whole = base_distribution, ComposeTransform(self.transforms)
        shape = base.batch_shape + base.event_shape
        if len(shape) < whole.domain.event_dim:
            raise ValueError(f"base_distribution needs to have shape with size at least {whole.domain.event_dim}, but got {shape}.")
        forward = whole.forward_shape(shape)
        wider = whole.inverse_shape(forward)
        if tuple(shape) != tuple(wider):
            base = base.expand(wider[: len(wider) - len(base.event_shape)])
        joined = whole.domain.event_dim - len(base.event_shape)
        self.base_dist: Any = Independent(base, joined) if joined > 0 else base
        events = whole.codomain.event_dim + max(len(self.base_dist.event_shape) - whole.domain.event_dim, 0)
        cut = len(forward) - events
        super().__init__(Size(forward[:cut]), Size(forward[cut:]), validate_args=validate_args)

    def _expand_parts(self, new: Any, batch_shape: Size) -> None:
        shape: Any = batch_shape + self._event_shape
        for t in reversed(self.transforms):
            shape = t.inverse_shape(shape)
        new.base_dist = self.base_dist.expand(Size(shape[: len(shape) - len(self.base_dist.event_shape)]))
        new.transforms = self.transforms

    @constraints.dependent_property(is_discrete=False)
    def support(self) -> Any:
        if not self.transforms:
            return self.base_dist.support
        support = self.transforms[-1].codomain
        return constraints.independent(support, len(self._event_shape) - support.event_dim) if len(self._event_shape) > support.event_dim else support

    @property
    def has_rsample(self) -> bool:  # type: ignore[override]
        """Whether the base has."""
        return self.base_dist.has_rsample

    def _forward(self, x: Tensor) -> Tensor:
        for t in self.transforms:
            x = t(x)
        return x

    def sample(self, sample_shape: Any = Size()) -> Tensor:
        with no_grad():
            return self._forward(self.base_dist.sample(sample_shape))

    def rsample(self, sample_shape: Any = Size()) -> Tensor:
        return self._forward(self.base_dist.rsample(sample_shape))

    def _log_prob(self, value: Tensor) -> Tensor:
        dims, found, y = len(self._event_shape), None, value
        for t in reversed(self.transforms):
            x = t.inv(y)
            dims += t.domain.event_dim - t.codomain.event_dim
            term = sum_rightmost(t.log_abs_det_jacobian(x, y), dims - t.domain.event_dim)
            found = -term if found is None else found - term
            y = x
        base = sum_rightmost(self.base_dist.log_prob(y), dims - len(self.base_dist.event_shape))
        return base if found is None else found + base

    def _sign(self) -> Any:
        sign: Any = 1
        for t in self.transforms:
            sign = sign * t.sign
        return sign

    def _rising(self, share: Tensor) -> Tensor:
        """The share below from the share on the base's side: 1 - p where the transforms fall."""
        sign = self._sign()
        return share if isinstance(sign, int) and sign == 1 else sign * (share - 0.5) + 0.5

    def _cdf(self, value: Tensor) -> Tensor:
        for t in reversed(self.transforms):
            value = t.inv(value)
        return self._rising(self.base_dist.cdf(value))

    def icdf(self, value: Tensor) -> Tensor:
        return self._forward(self.base_dist.icdf(self._rising(value)))


def of_base(name: str) -> Any:
    """A parameter that the base distribution holds."""
    return property(lambda self: getattr(self.base_dist, name), doc="A parameter of the base distribution.")


class LogNormal(TransformedDistribution):
    """The distribution of e to the power of a normal value.

    >>> import glassgrad as gg
    >>> gg.distributions.LogNormal(0.0, 1.0).mean
    tensor(1.6487)
    """

    arg_constraints = PLACED
    support = constraints.positive
    has_rsample = True  # type: ignore[assignment]
    loc, scale = of_base("loc"), of_base("scale")

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None):
        super().__init__(Normal(loc, scale, validate_args=validate_args), ExpTransform(), validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        return (self.loc + self.scale.pow(2) / 2).exp()

    @property
    def mode(self) -> Tensor:
        return (self.loc - self.scale.square()).exp()

    @property
    def variance(self) -> Tensor:
        squared = self.scale.pow(2)
        return squared.expm1() * (2 * self.loc + squared).exp()

    def entropy(self) -> Tensor:
        return self.base_dist.entropy() + self.loc


class LogisticNormal(TransformedDistribution):
    """Normal values of n dims, carried to the simplex of n + 1 by breaking a stick.

    >>> import glassgrad as gg
    >>> gg.distributions.LogisticNormal(gg.zeros(2), gg.ones(2)).event_shape
    torch.Size([3])
    """

    arg_constraints = PLACED
    support = constraints.simplex
    has_rsample = True  # type: ignore[assignment]
    loc = property(lambda self: self.base_dist.base_dist.loc, doc="A parameter of the base distribution.")
    scale = property(lambda self: self.base_dist.base_dist.scale, doc="A parameter of the base distribution.")

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None):
        base = Normal(loc, scale, validate_args=validate_args)
        if not base.batch_shape:
            base = base.expand((1,))
        super().__init__(base, StickBreakingTransform(), validate_args=validate_args)


class _Folded(TransformedDistribution):
    """Of |x|, with x of a distribution that is even."""

    arg_constraints = {"scale": constraints.positive}
    support = constraints.nonnegative
    has_rsample = True  # type: ignore[assignment]
    scale = of_base("scale")
    even: type

    def __init__(self, scale: Any, validate_args: bool | None = None):
        super().__init__(self.even(0, scale, validate_args=False), AbsTransform(), validate_args=validate_args)

    @property
    def mode(self) -> Tensor:
        return full_like(self.scale, 0.0)

    def _log_prob(self, value: Tensor) -> Tensor:
        found = self.base_dist.log_prob(value) + math.log(2)
        return where(value >= 0, found, full_like(found, -math.inf))

    def _cdf(self, value: Tensor) -> Tensor:
        return 2 * self.base_dist.cdf(value) - 1

    def icdf(self, value: Tensor) -> Tensor:
        return self.base_dist.icdf((value + 1) / 2)

    def entropy(self) -> Tensor:
        return self.base_dist.entropy() - math.log(2)


class HalfNormal(_Folded):
    """The distribution of |x|, x normal with mean 0.

    >>> import glassgrad as gg
    >>> gg.distributions.HalfNormal(1.0).mean
    tensor(0.7979)
    """

    even = Normal

    @property
    def mean(self) -> Tensor:
        return self.scale * math.sqrt(2 / math.pi)

    @property
    def variance(self) -> Tensor:
        return self.scale.pow(2) * (1 - 2 / math.pi)


class HalfCauchy(_Folded):
    """The distribution of |x|, x of Cauchy's with place 0.

    >>> import glassgrad as gg
    >>> gg.distributions.HalfCauchy(1.0).cdf(gg.tensor(1.0))
    tensor(0.5000)
    """

    even = Cauchy

    @property
    def mean(self) -> Tensor:
        return full_like(self.scale, math.inf)

    @property
    def variance(self) -> Tensor:
        return self.base_dist.variance


class Gumbel(TransformedDistribution):
    """Gumbel's distribution, of the largest of many: log p = y - e^y - log β, y = (μ - x) / β, with loc μ and scale β.

    >>> import glassgrad as gg
    >>> gg.distributions.Gumbel(0.0, 1.0).mean
    tensor(0.5772)
    """

    loc: Tensor
    scale: Tensor
    arg_constraints = PLACED
    support = constraints.real

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None):
        self.loc, self.scale = broadcast_all(loc, scale)
        limits = finfo(self.loc.dtype)
        base = Uniform(full_like(self.loc, limits.tiny), full_like(self.loc, 1 - limits.eps), validate_args=validate_args)
        minus_log = [ExpTransform().inv, AffineTransform(0, -ones_like(self.scale))]
        super().__init__(base, [*minus_log, ExpTransform().inv, AffineTransform(self.loc, -self.scale)], validate_args=validate_args)

    def _log_prob(self, value: Tensor) -> Tensor:
        y = (self.loc - value) / self.scale
        return (y - y.exp()) - self.scale.log()

    @property
    def mean(self) -> Tensor:
        return self.loc + self.scale * EULER

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def stddev(self) -> Tensor:
        return math.pi / math.sqrt(6) * self.scale

    @property
    def variance(self) -> Tensor:
        return self.stddev.pow(2)

    def entropy(self) -> Tensor:
        return self.scale.log() + (1 + EULER)


class Weibull(TransformedDistribution):
    """Weibull's distribution: of λ · E^(1/k), E exponential of rate 1, with scale λ and concentration k.

    >>> import glassgrad as gg
    >>> gg.distributions.Weibull(1.0, 1.0).mean
    tensor(1.)
    """

    scale: Tensor
    concentration: Tensor
    arg_constraints = {"scale": constraints.positive, "concentration": constraints.positive}
    support = constraints.positive

    def __init__(self, scale: Any, concentration: Any, validate_args: bool | None = None):
        self.scale, self.concentration = broadcast_all(scale, concentration)
        base = Exponential(ones_like(self.scale), validate_args=validate_args)
        transforms = [PowerTransform(self.concentration.reciprocal()), AffineTransform(0, self.scale)]
        super().__init__(base, transforms, validate_args=validate_args)

    @property
    def concentration_reciprocal(self) -> Tensor:
        """1 / k."""
        return self.concentration.reciprocal()

    @property
    def mean(self) -> Tensor:
        return self.scale * lgamma(1 + self.concentration_reciprocal).exp()

    @property
    def mode(self) -> Tensor:
        k = self.concentration
        return self.scale * ((k - 1) / k) ** k.reciprocal()

    @property
    def variance(self) -> Tensor:
        k = self.concentration_reciprocal
        return self.scale.pow(2) * (lgamma(1 + 2 * k).exp() - (2 * lgamma(1 + k)).exp())

    def entropy(self) -> Tensor:
        k = self.concentration_reciprocal
        return EULER * (1 - k) + (self.scale * k).log() + 1


class Pareto(TransformedDistribution):
    """Pareto's distribution: p = α mᵅ / x^(α + 1) for x ≥ m, with scale m.

    >>> import glassgrad as gg
    >>> gg.distributions.Pareto(1.0, 2.0).mean
    tensor(2.)
    """

    scale: Tensor
    alpha: Tensor
    arg_constraints = {"alpha": constraints.positive, "scale": constraints.positive}

    def __init__(self, scale: Any, alpha: Any, validate_args: bool | None = None):
        self.scale, self.alpha = broadcast_all(scale, alpha)
        base = Exponential(self.alpha, validate_args=validate_args)
        super().__init__(base, [ExpTransform(), AffineTransform(0, self.scale)], validate_args=validate_args)

    @constraints.dependent_property(is_discrete=False, event_dim=0)
    def support(self) -> Any:
        return constraints.greater_than_eq(self.scale)

    @property
    def mean(self) -> Tensor:
        a = self.alpha.clamp(min=1)  # infinite where α ≤ 1
        return a * self.scale / (a - 1)

    @property
    def mode(self) -> Tensor:
        return self.scale

    @property
    def variance(self) -> Tensor:
        a = self.alpha.clamp(min=2)
        return self.scale.pow(2) * a / ((a - 1).pow(2) * (a - 2))

    def entropy(self) -> Tensor:
        return (self.scale / self.alpha).log() + (1 + self.alpha.reciprocal())


class Kumaraswamy(TransformedDistribution):
    """Kumaraswamy's distribution on (0, 1): p = a b x^(a - 1) (1 - xᵃ)^(b - 1), with concentration1 a and concentration0 b.

    >>> import glassgrad as gg
    >>> gg.distributions.Kumaraswamy(1.0, 1.0).mean
    tensor(0.5000)
    """

    concentration1: Tensor
    concentration0: Tensor
    arg_constraints = {"concentration1": constraints.positive, "concentration0": constraints.positive}
    support = constraints.unit_interval
    has_rsample = True  # type: ignore[assignment]

    def __init__(self, concentration1: Any, concentration0: Any, validate_args: bool | None = None):
        self.concentration1, self.concentration0 = broadcast_all(concentration1, concentration0)
        b = self.concentration0
        base = Uniform(full_like(b, 0), full_like(b, 1), validate_args=validate_args)
        transforms = [PowerTransform(b.reciprocal()), AffineTransform(1.0, -1.0), PowerTransform(self.concentration1.reciprocal())]
        super().__init__(base, transforms, validate_args=validate_args)

    def _moment(self, n: int) -> Tensor:
        """E xⁿ = b · B(1 + n/a, b)."""
        first = 1 + n / self.concentration1
        return (self.concentration0.log() + lgamma(first) + lgamma(self.concentration0) - lgamma(first + self.concentration0)).exp()

    @property
    def mean(self) -> Tensor:
        return self._moment(1)

    @property
    def mode(self) -> Tensor:
        a, b = self.concentration1, self.concentration0
        log_mode = a.reciprocal() * (-b).log1p() - (-a * b).log1p()
        return where((a < 1) | (b < 1), full_like(log_mode, math.nan), log_mode.exp())

    @property
    def variance(self) -> Tensor:
        return self._moment(2) - self.mean.pow(2)

    def entropy(self) -> Tensor:
        a, b = self.concentration1, self.concentration0
        harmonic = digamma(b + 1) + EULER
        return (1 - b.reciprocal()) + (1 - a.reciprocal()) * harmonic - a.log() - b.log()


class InverseGamma(TransformedDistribution):
    """The distribution of 1 / x, x of the gamma distribution.

    >>> import glassgrad as gg
    >>> gg.distributions.InverseGamma(2.0, 3.0).mean
    tensor(3.)
    """

    arg_constraints = {"concentration": constraints.positive, "rate": constraints.positive}
    support = constraints.positive
    has_rsample = True  # type: ignore[assignment]
    concentration, rate = of_base("concentration"), of_base("rate")

    def __init__(self, concentration: Any, rate: Any, validate_args: bool | None = None):
        base = Gamma(concentration, rate, validate_args=validate_args)
        super().__init__(base, PowerTransform(tensor(-1.0, dtype=base.rate.dtype)), validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        found = self.rate / (self.concentration - 1)
        return where(self.concentration > 1, found, full_like(found, math.inf))

    @property
    def mode(self) -> Tensor:
        return self.rate / (self.concentration + 1)

    @property
    def variance(self) -> Tensor:
        a = self.concentration
        found = self.rate.square() / ((a - 1).square() * (a - 2))
        return where(a > 2, found, full_like(found, math.inf))

    def entropy(self) -> Tensor:
        a = self.concentration
        return a + self.rate.log() + lgamma(a) - (1 + a) * digamma(a)
