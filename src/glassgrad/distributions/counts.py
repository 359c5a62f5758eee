"""Distributions of counts: Poisson, binomial, negative binomial, multinomial.

Samples of the first two follow the stream of the seed by published methods of rejection; see `sampling`.
"""

from __future__ import annotations

import math
from typing import Any

from ..graph.modes import no_grad
from ..ops.activations import logsigmoid
from ..ops.creation import arange, full_like, ones_like, tensor
from ..ops.elementwise import where
from ..ops.special import lgamma, xlogy
from ..placement import Size
from ..tensor import Tensor
from . import constraints
from .discrete import BINARY, OverCategories
from .distribution import ExponentialFamily, Probable, broadcast_all
from .gamma import Gamma
from .sampling import binomial, poisson


class Poisson(ExponentialFamily):
    """The Poisson distribution: log P(k) = k log λ - λ - log k!, with rate λ.

    >>> import glassgrad as gg
    >>> gg.distributions.Poisson(2.0).log_prob(gg.tensor(0.0))
    tensor(-2.)
    """

    rate: Tensor
    arg_constraints = {"rate": constraints.nonnegative}
    support = constraints.nonnegative_integer

    def __init__(self, rate: Any, validate_args: bool | None = None):
        self._take(validate_args, rate=rate)

    @property
    def mean(self) -> Tensor:
        return self.rate

    @property
    def mode(self) -> Tensor:
        return self.rate.floor()

    @property
    def variance(self) -> Tensor:
        return self.rate

    def sample(self, sample_shape: Any = Size()) -> Tensor:
        with no_grad():
            return poisson(self.rate.expand(self._extended_shape(sample_shape)))

    def _log_prob(self, value: Tensor) -> Tensor:
        rate, value = broadcast_all(self.rate, value)
        return xlogy(value, rate) - rate - lgamma(value + 1)


def _more_than(x: Tensor) -> Tensor:
    """The part of x above 0, its derivative ½ at 0."""
    return (x.clamp(min=0) + x - x.clamp(max=0)) / 2


class Binomial(Probable):
    """The number of successes in n = total_count trials: log P(k) = log C(n, k) + k log p + (n - k) log(1 - p).

    >>> import glassgrad as gg
    >>> gg.distributions.Binomial(4, gg.tensor(0.5)).log_prob(gg.tensor(2.0)).exp()
    tensor(0.3750)
    """

    total_count: Tensor
    arg_constraints = {"total_count": constraints.nonnegative_integer, **BINARY}
    has_enumerate_support = True

    def __init__(self, total_count: Any = 1, probs: Any = None, logits: Any = None, validate_args: bool | None = None):
        name, value = self._one_of(probs, logits)
        count, value = broadcast_all(total_count, value)
        self._take(validate_args, total_count=count.type_as(value), **{name: value})

    @constraints.dependent_property(is_discrete=True, event_dim=0)
    def support(self) -> Any:
        return constraints.integer_interval(0, self.total_count)

    @property
    def mean(self) -> Tensor:
        return self.total_count * self.probs

    @property
    def mode(self) -> Tensor:
        return ((self.total_count + 1) * self.probs).floor().clamp(max=self.total_count)

    @property
    def variance(self) -> Tensor:
        return self.total_count * self.probs * (1 - self.probs)

    def sample(self, sample_shape: Any = Size()) -> Tensor:
        with no_grad():
            shape = self._extended_shape(sample_shape)
            return binomial(self.total_count.expand(shape), self.probs.expand(shape))

    def _log_prob(self, value: Tensor) -> Tensor:
        n = self.total_count
        # log(1 - p) = -(the part of the logit above 0) - log(1 + e^-|logit|)
        normalizer = n * _more_than(self.logits) + n * (-self.logits.abs()).exp().log1p() - lgamma(n + 1)
        return value * self.logits - lgamma(value + 1) - lgamma(n - value + 1) - normalizer

    def entropy(self) -> Tensor:
        total = int(self.total_count.max())
        if not self.total_count.min() == total:
            raise NotImplementedError("Inhomogeneous total count not supported by `entropy`.")
        log_prob = self.log_prob(self.enumerate_support(False))
        return -(log_prob.exp() * log_prob).sum(0)

    def enumerate_support(self, expand: bool = True) -> Tensor:
        total = int(self.total_count.max())
        if not self.total_count.min() == total:
            raise NotImplementedError("Inhomogeneous total count not supported by `enumerate_support`.")
        return self._enumerated(arange(1 + total, dtype=self._param.dtype), expand)


class NegativeBinomial(Probable):
    """The number of successes (each of probability p) before r = total_count failures: log P(k) = log C(k + r - 1, k) + r log(1 - p) + k log p.

    r need not be whole.

    >>> import glassgrad as gg
    >>> gg.distributions.NegativeBinomial(2, gg.tensor(0.5)).mean
    tensor(2.)
    """

    total_count: Tensor
    arg_constraints = {"total_count": constraints.greater_than_eq(0), "probs": constraints.half_open_interval(0.0, 1.0), "logits": constraints.real}
    support = constraints.nonnegative_integer

    def __init__(self, total_count: Any, probs: Any = None, logits: Any = None, validate_args: bool | None = None):
        name, value = self._one_of(probs, logits)
        count, value = broadcast_all(total_count, value)
        self._take(validate_args, total_count=count.type_as(value), **{name: value})

    @property
    def mean(self) -> Tensor:
        return self.total_count * self.logits.exp()

    @property
    def mode(self) -> Tensor:
        return ((self.total_count - 1) * self.logits.exp()).floor().clamp(min=0.0)

    @property
    def variance(self) -> Tensor:
        return self.mean / (-self.logits).sigmoid()

    def sample(self, sample_shape: Any = Size()) -> Tensor:
        with no_grad():  # a Poisson count of a gamma rate
            return poisson(Gamma(self.total_count, (-self.logits).exp(), validate_args=False).sample(sample_shape))

    def _log_prob(self, value: Tensor) -> Tensor:
        r = self.total_count
        unnormalized = r * logsigmoid(-self.logits) + value * logsigmoid(self.logits)
        normalizer = -lgamma(r + value) + lgamma(1.0 + value) + lgamma(r)
        return unnormalized - where(r + value == 0.0, full_like(normalizer, 0.0), normalizer)


class Multinomial(OverCategories):
    """How often each category comes in n = total_count draws: log P(x) = log n! - Σ log xᵢ! + Σ xᵢ log pᵢ.

    >>> import glassgrad as gg
    >>> gg.distributions.Multinomial(4, gg.tensor([0.25, 0.75])).mean
    tensor([1., 3.])
    """

    def __init__(self, total_count: int = 1, probs: Any = None, logits: Any = None, validate_args: bool | None = None):
        if not isinstance(total_count, int):
            raise NotImplementedError("inhomogeneous total_count is not supported")
        self.total_count = total_count
        self._take_categories(probs, logits, validate_args)

    def _expand_parts(self, new: Any, batch_shape: Size) -> None:
        super()._expand_parts(new, batch_shape)
        new.total_count = self.total_count

    @constraints.dependent_property(is_discrete=True, event_dim=1)
    def support(self) -> Any:
        return constraints.multinomial(self.total_count)

    @property
    def mean(self) -> Tensor:
        return self.probs * self.total_count

    @property
    def variance(self) -> Tensor:
        return self.total_count * self.probs * (1 - self.probs)

    def sample(self, sample_shape: Any = Size()) -> Tensor:
        shape = Size(sample_shape)
        drawn = self._categorical.sample(Size((self.total_count,)) + shape)
        drawn = drawn.permute(*range(1, drawn.dim()), 0)
        counts = full_like(self.probs, 0.0).detach().new_zeros(self._extended_shape(shape))
        return counts.scatter_add(-1, drawn, ones_like(drawn).type_as(counts)).type_as(self.probs)

    def _log_prob(self, value: Tensor) -> Tensor:
        logits, value = broadcast_all(self.logits, value)
        powers = logits.masked_fill((value == 0) & (logits == -math.inf), 0.0) * value
        return lgamma(value.sum(-1) + 1) - lgamma(value + 1).sum(-1) + powers.sum(-1)

    def entropy(self) -> Tensor:
        n = tensor(float(self.total_count), dtype=self.probs.dtype)
        binomial_probs = Binomial(self.total_count, probs=self.probs, validate_args=False)
        support = binomial_probs.enumerate_support(expand=False)[1:]
        weights = binomial_probs.log_prob(support).exp()
        terms = (weights * lgamma(support + 1)).sum([0, -1])
        return self.total_count * self._categorical.entropy() - lgamma(n + 1) + terms
