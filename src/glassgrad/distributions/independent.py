"""Several distributions as one, and a mixture of several."""

from __future__ import annotations

from typing import Any

from ..graph.modes import no_grad
from ..placement import Size
from ..tensor import Tensor
from . import constraints
from .discrete import Categorical
from .distribution import Distribution, sum_rightmost


class Independent(Distribution):
    """The last batch dims of a distribution as dims of its values: log_prob is the sum over them.

    >>> import glassgrad as gg
    >>> from glassgrad.distributions import Independent, Normal
    >>> d = Independent(Normal(gg.zeros(4, 3), gg.ones(4, 3)), 1)
    >>> d.batch_shape, d.event_shape
    (torch.Size([4]), torch.Size([3]))
    """

    arg_constraints: Any = {}

    def __init__(self, base_distribution: Any, reinterpreted_batch_ndims: int, validate_args: bool | None = None):
        n, shape = reinterpreted_batch_ndims, base_distribution.batch_shape
        if n > len(shape):
            raise ValueError(f"Expected reinterpreted_batch_ndims <= len(base_distribution.batch_shape), actual {n} vs {len(shape)}")
        self.base_dist, self.reinterpreted_batch_ndims = base_distribution, n
        super().__init__(shape[: len(shape) - n], shape[len(shape) - n :] + base_distribution.event_shape, validate_args=validate_args)

    def _expand_parts(self, new: Any, batch_shape: Size) -> None:
        new.base_dist = self.base_dist.expand(batch_shape + self._event_shape[: self.reinterpreted_batch_ndims])
        new.reinterpreted_batch_ndims = self.reinterpreted_batch_ndims

    @property
    def has_rsample(self) -> bool:  # type: ignore[override]
        """Whether the base has."""
        return self.base_dist.has_rsample

    @property
    def has_enumerate_support(self) -> bool:  # type: ignore[override]
        """Only where no dims were taken: there would be too many combinations."""
        return False if self.reinterpreted_batch_ndims > 0 else self.base_dist.has_enumerate_support

    @constraints.dependent_property
    def support(self) -> Any:
        n = self.reinterpreted_batch_ndims
        return constraints.independent(self.base_dist.support, n) if n else self.base_dist.support

    @property
    def mean(self) -> Tensor:
        return self.base_dist.mean

    @property
    def mode(self) -> Tensor:
        return self.base_dist.mode

    @property
    def variance(self) -> Tensor:
        return self.base_dist.variance

    def sample(self, sample_shape: Any = Size()) -> Tensor:
        return self.base_dist.sample(sample_shape)

    def rsample(self, sample_shape: Any = Size()) -> Tensor:
        return self.base_dist.rsample(sample_shape)

    def log_prob(self, value: Any) -> Tensor:
        return sum_rightmost(self.base_dist.log_prob(value), self.reinterpreted_batch_ndims)

    def entropy(self) -> Tensor:
        return sum_rightmost(self.base_dist.entropy(), self.reinterpreted_batch_ndims)

    def enumerate_support(self, expand: bool = True) -> Tensor:
        if self.reinterpreted_batch_ndims > 0:
            raise NotImplementedError("Enumeration over cartesian product is not implemented")
        return self.base_dist.enumerate_support(expand=expand)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.base_dist}, {self.reinterpreted_batch_ndims})"


class MixtureSameFamily(Distribution):
    """A mixture: a component is drawn from a Categorical, the value from that component; components lie along the last batch dim.

    log p(x) = log Σₖ πₖ pₖ(x).

    >>> import glassgrad as gg
    >>> from glassgrad.distributions import Categorical, MixtureSameFamily, Normal
    >>> MixtureSameFamily(Categorical(gg.ones(2)), Normal(gg.tensor([-1.0, 3.0]), 1.0)).mean
    tensor(1.)
    """

    arg_constraints: Any = {}

    def __init__(self, mixture_distribution: Any, component_distribution: Any, validate_args: bool | None = None):
        mixture, component = mixture_distribution, component_distribution
        if not isinstance(mixture, Categorical):
            raise ValueError(" The Mixture distribution needs to be an  instance of torch.distributions.Categorical")
        if not isinstance(component, Distribution):
            raise ValueError("The Component distribution needs to be an instance of torch.distributions.Distribution")
        ours, theirs = mixture.batch_shape, component.batch_shape[:-1]
        for a, b in zip(reversed(ours), reversed(theirs)):
            if a != 1 and b != 1 and a != b:
                raise ValueError(f"`mixture_distribution.batch_shape` ({ours}) is not compatible with `component_distribution.batch_shape`({theirs})")
        k, of = mixture.logits.shape[-1], component.batch_shape[-1]
        if k != of:
            raise ValueError(f"`mixture_distribution component` ({k}) does not equal `component_distribution.batch_shape[-1]` ({of})")
        self._mixture_distribution, self._component_distribution, self._num_component = mixture, component, k
        super().__init__(theirs, component.event_shape, validate_args=validate_args)

    def _expand_parts(self, new: Any, batch_shape: Size) -> None:
        new._num_component = self._num_component
        new._component_distribution = self._component_distribution.expand(batch_shape + Size((self._num_component,)))
        new._mixture_distribution = self._mixture_distribution.expand(batch_shape)

    @constraints.dependent_property
    def support(self) -> Any:
        return constraints.MixtureSameFamilyConstraint(self._component_distribution.support)

    @property
    def mixture_distribution(self) -> Any:
        """The distribution of the component's number."""
        return self._mixture_distribution

    @property
    def component_distribution(self) -> Any:
        """The components, along the last batch dim."""
        return self._component_distribution

    def _weights(self) -> Tensor:
        """The probabilities of the components, with the dims of an event behind."""
        probs = self._mixture_distribution.probs
        return probs.reshape(probs.shape + Size((1,) * len(self._event_shape)))

    @property
    def mean(self) -> Tensor:
        return (self._weights() * self._component_distribution.mean).sum(-1 - len(self._event_shape))

    @property
    def variance(self) -> Tensor:
        dim, component = -1 - len(self._event_shape), self._component_distribution
        within = (self._weights() * component.variance).sum(dim)
        return within + (self._weights() * (component.mean - self.mean.unsqueeze(dim)).pow(2.0)).sum(dim)

    def _pad(self, x: Tensor) -> Tensor:
        return x.unsqueeze(-1 - len(self._event_shape))

    def cdf(self, value: Any) -> Tensor:
        return (self._component_distribution.cdf(self._pad(value)) * self._mixture_distribution.probs).sum(-1)

    def _log_prob(self, value: Tensor) -> Tensor:
        return (self._component_distribution.log_prob(self._pad(value)) + self._mixture_distribution.logits.log_softmax(-1)).logsumexp(-1)

    def sample(self, sample_shape: Any = Size()) -> Tensor:
        with no_grad():
            shape = Size(sample_shape)
            dim = len(shape) + len(self._batch_shape)
            which = self._mixture_distribution.sample(shape)
            values = self._component_distribution.sample(shape)
            which = which.reshape(which.shape + (1,) * (len(self._event_shape) + 1)).expand(values.shape[:dim] + (1,) + values.shape[dim + 1 :])
            return values.gather(dim, which).squeeze(dim)

    def __repr__(self) -> str:
        return f"MixtureSameFamily(\n  {self._mixture_distribution},\n  {self._component_distribution})"
