"""Discrete distributions made continuous, so that samples have gradients: the concrete distributions, and the continuous Bernoulli's.

Sources: C. Maddison, A. Mnih and Y. Teh, "The concrete distribution", 2017; E. Jang, S. Gu and B. Poole, "Categorical reparameterization with
Gumbel-softmax", 2017; G. Loaiza-Ganem and J. Cunningham, "The continuous Bernoulli", 2019.
"""

from __future__ import annotations

import math
from typing import Any

from ..ops.creation import ones_like
from ..ops.elementwise import where
from ..ops.random import rand
from ..placement import Size
from ..tensor import Tensor
from . import constraints
from .discrete import BINARY, CATEGORIES, OverCategories, surprise
from .distribution import ExponentialFamily, Probable, broadcast_all, inside
from .transformed import TransformedDistribution, of_base
from .transforms import ExpTransform, SigmoidTransform


class LogitRelaxedBernoulli(Probable):
    """The logit of a relaxed Bernoulli value: (logit u + logit p) / temperature, u uniform.

    >>> import glassgrad as gg
    >>> from glassgrad.distributions.relaxed import LogitRelaxedBernoulli
    >>> LogitRelaxedBernoulli(gg.tensor(1.0), 0.5).log_prob(gg.tensor(0.0))
    tensor(-1.3863)
    """

    arg_constraints = BINARY
    support = constraints.real
    has_rsample = True

    def __init__(self, temperature: Any, probs: Any = None, logits: Any = None, validate_args: bool | None = None):
        self.temperature = temperature
        name, value = self._one_of(probs, logits)
        self._take(validate_args, **{name: value})

    def _expand_parts(self, new: Any, batch_shape: Size) -> None:
        new.temperature = self.temperature

    def rsample(self, sample_shape: Any = Size()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        probs = inside(self.probs.expand(shape))
        u = inside(rand(shape, dtype=probs.dtype))
        return (u.log() - (-u).log1p() + probs.log() - (-probs).log1p()) / self.temperature

    def _log_prob(self, value: Tensor) -> Tensor:
        logits, value = broadcast_all(self.logits, value)
        away = logits - value * self.temperature
        return away + _log(self.temperature) - 2 * away.exp().log1p()


def _log(x: Any) -> Any:
    return x.log() if isinstance(x, Tensor) else math.log(x)


class RelaxedBernoulli(TransformedDistribution):
    """A Bernoulli value made continuous on (0, 1): the colder (temperature → 0) the nearer to 0 or 1.

    >>> import glassgrad as gg
    >>> gg.distributions.RelaxedBernoulli(gg.tensor(0.5), 0.3).has_rsample
    True
    """

    arg_constraints = BINARY
    support = constraints.unit_interval
    has_rsample = True  # type: ignore[assignment]
    temperature, probs, logits = of_base("temperature"), of_base("probs"), of_base("logits")

    def __init__(self, temperature: Any, probs: Any = None, logits: Any = None, validate_args: bool | None = None):
        super().__init__(LogitRelaxedBernoulli(temperature, probs, logits), SigmoidTransform(), validate_args=validate_args)


class ExpRelaxedCategorical(OverCategories):
    """The logarithm of a relaxed one-hot value: log_softmax((logits + Gumbel noise) / temperature).

    >>> import glassgrad as gg
    >>> from glassgrad.distributions.relaxed import ExpRelaxedCategorical
    >>> ExpRelaxedCategorical(gg.tensor(1.0), gg.ones(3)).event_shape
    torch.Size([3])
    """

    support = constraints.real_vector
    has_rsample = True

    def __init__(self, temperature: Any, probs: Any = None, logits: Any = None, validate_args: bool | None = None):
        self.temperature = temperature
        self._take_categories(probs, logits, validate_args)

    def _expand_parts(self, new: Any, batch_shape: Size) -> None:
        super()._expand_parts(new, batch_shape)
        new.temperature = self.temperature

    def rsample(self, sample_shape: Any = Size()) -> Tensor:
        u = inside(rand(self._extended_shape(sample_shape), dtype=self.logits.dtype))
        scores = (self.logits - (-u.log()).log()) / self.temperature
        return scores - scores.logsumexp(-1, keepdim=True)

    def _log_prob(self, value: Tensor) -> Tensor:
        n = self._categorical._num_events
        logits, value = broadcast_all(self.logits, value)
        scale = math.lgamma(n) - (-(n - 1) * _log(self.temperature))
        score = logits - value * self.temperature
        return (score - score.logsumexp(-1, keepdim=True)).sum(-1) + scale


class RelaxedOneHotCategorical(TransformedDistribution):
    """A one-hot vector made continuous on the simplex: softmax((logits + Gumbel noise) / temperature).

    >>> import glassgrad as gg
    >>> gg.distributions.RelaxedOneHotCategorical(gg.tensor(0.5), gg.ones(3)).event_shape
    torch.Size([3])
    """

    arg_constraints = CATEGORIES
    support = constraints.simplex
    has_rsample = True  # type: ignore[assignment]
    temperature, probs, logits = of_base("temperature"), of_base("probs"), of_base("logits")

    def __init__(self, temperature: Any, probs: Any = None, logits: Any = None, validate_args: bool | None = None):
        super().__init__(ExpRelaxedCategorical(temperature, probs, logits, validate_args=validate_args), ExpTransform(), validate_args=validate_args)


class ContinuousBernoulli(ExponentialFamily, Probable):
    """The density on [0, 1] in proportion to λˣ (1 - λ)^(1 - x): what the cross-entropy of a VAE of pictures takes for one.

    Near λ = ½, between `lims`, where the formulas divide 0 by 0, their expansions at ½ are used.

    >>> import glassgrad as gg
    >>> gg.distributions.ContinuousBernoulli(0.5).mean
    tensor(0.5000)
    """

    arg_constraints = BINARY
    support = constraints.unit_interval
    has_rsample = True

    def __init__(self, probs: Any = None, logits: Any = None, lims: tuple[float, float] = (0.499, 0.501), validate_args: bool | None = None):
        name, value = self._one_of(probs, logits)
        (value,) = broadcast_all(value)
        if name == "probs":
            if validate_args is not None and not self.arg_constraints["probs"].check(value).all():
                raise ValueError("The parameter probs has invalid values")
            value = inside(value)
        self._lims = lims
        self._take(validate_args, **{name: value})

    def _expand_parts(self, new: Any, batch_shape: Size) -> None:
        new._lims = self._lims

    def _stable(self) -> Tensor:
        return (self.probs <= self._lims[0]) | (self.probs > self._lims[1])

    def _cut(self) -> Tensor:
        """The probabilities, those near ½ moved to where the formulas hold."""
        return where(self._stable(), self.probs, self._lims[0] * ones_like(self.probs))

    def _log_norm(self) -> Tensor:
        """The logarithm of the constant 2 · artanh(1 - 2λ) / (1 - 2λ)."""
        cut = self._cut()
        below = where(cut <= 0.5, cut, cut * 0)
        above = where(cut >= 0.5, cut, ones_like(cut))
        ends = where(cut <= 0.5, (-2.0 * below).log1p(), (2.0 * above - 1.0).log())
        far = ((-cut).log1p() - cut.log()).abs().log() - ends
        x = (self.probs - 0.5).pow(2)
        return where(self._stable(), far, math.log(2.0) + (4.0 / 3.0 + 104.0 / 45.0 * x) * x)

    @property
    def mean(self) -> Tensor:
        cut = self._cut()
        far = cut / (2.0 * cut - 1.0) + 1.0 / ((-cut).log1p() - cut.log())
        x = self.probs - 0.5
        return where(self._stable(), far, 0.5 + (1.0 / 3.0 + 16.0 / 45.0 * x.pow(2)) * x)

    @property
    def stddev(self) -> Tensor:
        return self.variance.sqrt()

    @property
    def variance(self) -> Tensor:
        cut = self._cut()
        far = cut * (cut - 1.0) / (1.0 - 2.0 * cut).pow(2) + 1.0 / ((-cut).log1p() - cut.log()).pow(2)
        x = (self.probs - 0.5).pow(2)
        return where(self._stable(), far, 1.0 / 12.0 - (1.0 / 15.0 - 128.0 / 945.0 * x) * x)

    def rsample(self, sample_shape: Any = Size()) -> Tensor:
        return self.icdf(rand(self._extended_shape(sample_shape), dtype=self.probs.dtype))

    def _log_prob(self, value: Tensor) -> Tensor:
        return -surprise(*broadcast_all(self.logits, value)) + self._log_norm()

    def _cdf(self, value: Tensor) -> Tensor:
        cut = self._cut()
        far = (cut.pow(value) * (1.0 - cut).pow(1.0 - value) + cut - 1.0) / (2.0 * cut - 1.0)
        found = where(self._stable(), far, value)
        return where(value <= 0.0, found * 0, where(value >= 1.0, ones_like(found), found))

    def icdf(self, value: Tensor) -> Tensor:
        cut = self._cut()
        far = ((-cut + value * (2.0 * cut - 1.0)).log1p() - (-cut).log1p()) / (cut.log() - (-cut).log1p())
        return where(self._stable(), far, value)

    def entropy(self) -> Tensor:
        return self.mean * ((-self.probs).log1p() - self.probs.log()) - self._log_norm() - (-self.probs).log1p()
