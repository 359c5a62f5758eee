"""Distributions of counts, of yes and no, of categories."""

from __future__ import annotations

import math
from typing import Any

from ..dtypes import finfo
from ..graph.modes import no_grad
from ..ops.classification import binary_cross_entropy_with_logits
from ..ops.creation import arange, eye, full, zeros_like
from ..ops.embeddings import one_hot
from ..ops.random import bernoulli, multinomial
from ..ops.shapes import broadcast_tensors
from ..placement import Size
from ..tensor import Tensor
from . import constraints
from .distribution import Distribution, ExponentialFamily, Probable, broadcast_all, like

BINARY = {"probs": constraints.unit_interval, "logits": constraints.real}
CATEGORIES = {"probs": constraints.simplex, "logits": constraints.real_vector}


def surprise(logits: Tensor, value: Tensor) -> Tensor:
    """-log of the probability that sigmoid(logits) gives to 1 (value 1) or 0, each element."""
    return binary_cross_entropy_with_logits(logits, value, reduction="none")


class Bernoulli(ExponentialFamily, Probable):
    """1 with probability p, else 0: log p = x · log p + (1 - x) · log(1 - p), given by probs or logits.

    >>> import glassgrad as gg
    >>> gg.distributions.Bernoulli(0.3).mean
    tensor(0.3000)
    """

    arg_constraints = BINARY
    support = constraints.boolean
    has_enumerate_support = True

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: bool | None = None):
        name, value = self._one_of(probs, logits)
        self._take(validate_args, **{name: value})

    @property
    def mean(self) -> Tensor:
        return self.probs

    @property
    def mode(self) -> Tensor:
        mode = (self.probs >= 0.5).to(self.probs)
        mode[self.probs == 0.5] = math.nan
        return mode

    @property
    def variance(self) -> Tensor:
        return self.probs * (1 - self.probs)

    def sample(self, sample_shape: Any = Size()) -> Tensor:
        with no_grad():
            return bernoulli(self.probs.expand(self._extended_shape(sample_shape)).contiguous())

    def _log_prob(self, value: Tensor) -> Tensor:
        return -surprise(*broadcast_all(self.logits, value))

    def entropy(self) -> Tensor:
        return surprise(self.logits, self.probs)

    def enumerate_support(self, expand: bool = True) -> Tensor:
        return self._enumerated(arange(2, dtype=self._param.dtype), expand)


class Geometric(Probable):
    """The number of failures before the first success: log P(k) = k · log(1 - p) + log p.

    >>> import glassgrad as gg
    >>> gg.distributions.Geometric(0.25).mean
    tensor(3.)
    """

    arg_constraints = BINARY
    support = constraints.nonnegative_integer

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: bool | None = None):
        name, given = self._one_of(probs, logits)
        self._take(validate_args, **{name: given})
        if self._validate_args and probs is not None:
            value = self.probs
            if not (value > 0).all():
                raise ValueError(
                    f"Expected parameter probs ({type(value).__name__} of shape {tuple(value.shape)}) of distribution {self!r} "
                    f"to be positive but found invalid values:\n{value[value <= 0]}"
                )

    @property
    def mean(self) -> Tensor:
        return 1 / self.probs - 1

    @property
    def mode(self) -> Tensor:
        return zeros_like(self.probs)

    @property
    def variance(self) -> Tensor:
        return (1 / self.probs - 1) / self.probs

    def sample(self, sample_shape: Any = Size()) -> Tensor:
        with no_grad():
            u = like(self.probs, self._extended_shape(sample_shape)).uniform_(finfo(self.probs.dtype).tiny, 1)
            return (u.log() / (-self.probs).log1p()).floor()

    def _log_prob(self, value: Tensor) -> Tensor:
        value, probs = broadcast_all(value, self.probs)
        other = (-probs).log1p()
        return value * other.masked_fill((probs == 1) & (value == 0), 0.0) + self.probs.log()

    def entropy(self) -> Tensor:
        return surprise(self.logits, self.probs) / self.probs


class Categorical(Probable):
    """One of n categories, 0 to n - 1, along the last dim of probs (which are scaled to the sum 1) or logits.

    log P(k) = log pₖ. In reinforcement learning -log_prob(action) · return is the loss whose gradient is the policy's; R. Williams, "Simple statistical
    gradient-following algorithms", 1992.

    >>> import glassgrad as gg
    >>> gg.distributions.Categorical(gg.tensor([1.0, 3.0])).probs
    tensor([0.2500, 0.7500])
    """

    arg_constraints = CATEGORIES
    has_enumerate_support = True
    binary = False

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: bool | None = None):
        name, value = self._one_of(probs, logits)
        if value.dim() < 1:
            raise ValueError(f"`{name}` parameter must be at least one-dimensional.")
        self.__dict__[name] = value / value.sum(-1, keepdim=True) if name == "probs" else value - value.logsumexp(-1, keepdim=True)
        self._num_events = value.size(-1)
        super().__init__(value.shape[:-1], validate_args=validate_args)

    def _expand_parts(self, new: Any, batch_shape: Size) -> None:
        new._num_events = self._num_events

    @constraints.dependent_property(is_discrete=True, event_dim=0)
    def support(self) -> Any:
        return constraints.integer_interval(0, self._num_events - 1)

    @property
    def mean(self) -> Tensor:
        return full(tuple(self._batch_shape), math.nan, dtype=self.probs.dtype)

    @property
    def mode(self) -> Tensor:
        return self.probs.argmax(-1)

    @property
    def variance(self) -> Tensor:
        return full(tuple(self._batch_shape), math.nan, dtype=self.probs.dtype)

    def sample(self, sample_shape: Any = Size()) -> Tensor:
        with no_grad():
            shape = Size(sample_shape)
            drawn = multinomial(self.probs.reshape(-1, self._num_events), shape.numel(), True).T
            return drawn.reshape(self._extended_shape(shape))

    def _log_prob(self, value: Tensor) -> Tensor:
        index, logits = value.long().unsqueeze(-1), self.logits
        if index.shape[:-1] != logits.shape[:-1]:
            index, logits = broadcast_tensors(index, logits)
            index = index[..., :1]
        return logits.gather(-1, index).squeeze(-1)

    def entropy(self) -> Tensor:
        return -(self.logits.clamp(min=finfo(self.logits.dtype).min) * self.probs).sum(-1)

    def enumerate_support(self, expand: bool = True) -> Tensor:
        return self._enumerated(arange(self._num_events), expand)


class OverCategories(Distribution):
    """Given by the probabilities of categories, with values of one number for each."""

    arg_constraints = CATEGORIES
    _categorical: Categorical

    def _take_categories(self, probs: Any, logits: Any, validate_args: bool | None) -> None:
        self._categorical = Categorical(probs, logits)
        Distribution.__init__(self, self._categorical.batch_shape, self._categorical.param_shape[-1:], validate_args)

    def _expand_parts(self, new: Any, batch_shape: Size) -> None:
        new._categorical = self._categorical.expand(batch_shape)

    @property
    def probs(self) -> Tensor:
        """The probabilities."""
        return self._categorical.probs

    @property
    def logits(self) -> Tensor:
        """Their logarithms."""
        return self._categorical.logits

    @property
    def param_shape(self) -> Size:
        """The shape of the probabilities."""
        return self._categorical.param_shape


class OneHotCategorical(OverCategories):
    """As Categorical, each value a vector of zeros with a one at its category.

    >>> import glassgrad as gg
    >>> gg.distributions.OneHotCategorical(gg.tensor([1.0, 3.0])).mean
    tensor([0.2500, 0.7500])
    """

    support = constraints.one_hot
    has_enumerate_support = True

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: bool | None = None):
        self._take_categories(probs, logits, validate_args)

    @property
    def _param(self) -> Tensor:
        return self._categorical._param

    @property
    def mean(self) -> Tensor:
        return self.probs

    @property
    def mode(self) -> Tensor:
        return one_hot(self.probs.argmax(-1), self._event_shape[0]).to(self.probs)

    @property
    def variance(self) -> Tensor:
        return self.probs * (1 - self.probs)

    def sample(self, sample_shape: Any = Size()) -> Tensor:
        with no_grad():
            return one_hot(self._categorical.sample(Size(sample_shape)), self._event_shape[0]).to(self.probs)

    def _log_prob(self, value: Tensor) -> Tensor:
        return self._categorical.log_prob(value.argmax(-1))

    def entropy(self) -> Tensor:
        return self._categorical.entropy()

    def enumerate_support(self, expand: bool = True) -> Tensor:
        n = self._event_shape[0]
        values = eye(n, dtype=self._param.dtype).reshape((n,) + (1,) * len(self._batch_shape) + (n,))
        return values.expand((n, *self._batch_shape, n)) if expand else values


class OneHotCategoricalStraightThrough(OneHotCategorical):
    """As OneHotCategorical, with an rsample whose gradient is that of the probabilities, as if the sample were they.

    Source: Y. Bengio, N. Léonard and A. Courville, "Estimating or propagating gradients through stochastic neurons", 2013.

    >>> import glassgrad as gg
    >>> p = gg.tensor([0.0, 1.0], requires_grad=True)
    >>> gg.distributions.OneHotCategoricalStraightThrough(p).rsample().detach()
    tensor([0., 1.])
    """

    has_rsample = True

    def rsample(self, sample_shape: Any = Size()) -> Tensor:
        return self.sample(sample_shape) + (self._categorical.probs - self._categorical.probs.detach())
