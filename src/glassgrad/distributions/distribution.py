"""What is common to distributions: parameters and their constraints, shapes, validation, sampling."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from numbers import Number
from typing import Any

import numpy as np

from .. import errors
from ..autograd.backward import grad
from ..dtypes import finfo
from ..graph.modes import enable_grad, no_grad
from ..ops.creation import full, tensor
from ..ops.levels import raw
from ..ops.shapes import broadcast_tensors
from ..placement import Size
from ..tensor import Tensor
from . import constraints


# ------------------------------------------------------------------------------------------------ parameters
class lazy_property:
    """A value that an object computes when it is first asked for, and keeps; with a graph, whatever mode it is asked in."""

    def __init__(self, wrapped: Callable[[Any], Any]):
        self.wrapped = wrapped
        self.__doc__ = wrapped.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        if instance is None:
            return self
        with enable_grad():
            value = instance.__dict__[self.name] = self.wrapped(instance)
        return value


def broadcast_all(*values: Any) -> tuple[Tensor, ...]:
    """Numbers and tensors as tensors of one shape; a number becomes a tensor of the first tensor's dtype, or of the default one."""
    if not all(isinstance(v, (Tensor, Number)) for v in values):
        raise errors.explain(
            ValueError("Input arguments must all be instances of Number, torch.Tensor or objects implementing __torch_function__."),
            f"the parameters given are {', '.join(type(v).__name__ for v in values)}", errors.line_of(errors.users_place()),
        )  # fmt: skip
    first = next((v for v in values if isinstance(v, Tensor)), None)
    dtype = None if first is None else first.dtype
    made = [v if isinstance(v, Tensor) else tensor(v, dtype=dtype) if dtype is not None else tensor(float(v)) for v in values]  # type: ignore[arg-type]
    shape = made[0].shape
    return tuple(made) if all(v.shape == shape for v in made) else broadcast_tensors(*made)


def all_true(valid: Tensor) -> bool:
    """Whether all of them are, for all examples of a batch in `vmap`, too."""
    return bool(np.all(raw(valid._data)))


def like(values: Tensor, shape: Any) -> Tensor:
    """Room for random numbers of a shape, in the dtype of `values`."""
    return full(tuple(shape), 0.0, dtype=values.dtype)


def inside(probs: Tensor) -> Tensor:
    """Probabilities kept from 0 and 1 by one rounding error, so that their logarithms are finite."""
    eps = finfo(probs.dtype).eps
    return probs.clamp(eps, 1 - eps)


def sum_rightmost(value: Tensor, dims: int) -> Tensor:
    """The sum over the last `dims` dims."""
    return value if dims == 0 else value.reshape((*value.shape[:-dims], -1)).sum(-1)


# ------------------------------------------------------------------------------------------------ the base
class Distribution:
    """What a distribution has: log_prob, sample, rsample, mean, variance, entropy, cdf, icdf.

    One object holds a batch of distributions: `batch_shape` is the shape of its parameters, `event_shape` the shape of one value (empty for numbers).
    A sample of shape S is a tensor of shape S + batch_shape + event_shape, a log_prob has the shape batch_shape, broadcast with the value's. `rsample`
    is differentiable in the parameters, where `has_rsample` says so; `sample` is a constant. Values and parameters are checked against
    `arg_constraints` and `support` unless validate_args is False. Source: J. Dillon et al., "TensorFlow Distributions", 2017.

    >>> import glassgrad as gg
    >>> d = gg.distributions.Normal(gg.zeros(3), gg.ones(3))
    >>> d.batch_shape, d.event_shape, d.sample((2,)).shape
    (torch.Size([3]), torch.Size([]), torch.Size([2, 3]))
    """

    has_rsample: Any = False
    has_enumerate_support: Any = False
    _validate_args: bool = __debug__

    @staticmethod
    def set_default_validate_args(value: bool) -> None:
        """Whether distributions made from now on check what they are given."""
        if value not in (True, False):
            raise ValueError
        Distribution._validate_args = value

    def __init__(self, batch_shape: Any = Size(), event_shape: Any = Size(), validate_args: bool | None = None):
        self._batch_shape, self._event_shape = batch_shape, event_shape
        if validate_args is not None:
            self._validate_args = validate_args
        if self._validate_args:
            self._validate_parameters()

    def _take(self, validate_args: bool | None, **parameters: Any) -> None:
        """Takes parameters of one number each, broadcast to the batch's shape."""
        values = broadcast_all(*parameters.values())
        self.__dict__.update(zip(parameters, values))
        Distribution.__init__(self, values[0].shape, validate_args=validate_args)

    def _validate_parameters(self) -> None:
        try:
            named = self.arg_constraints
        except NotImplementedError:
            warnings.warn(
                f"{type(self)} does not define `arg_constraints`. Please set `arg_constraints = {{}}` or initialize the distribution with "
                "`validate_args=False` to turn off validation.", stacklevel=4,
            )  # fmt: skip
            return
        for name, constraint in named.items():
            if constraints.is_dependent(constraint) or name not in self.__dict__ and isinstance(getattr(type(self), name, None), lazy_property):
                continue
            value = getattr(self, name)
            if not all_true(constraint.check(value)):
                raise errors.explain(
                    ValueError(
                        f"Expected parameter {name} ({type(value).__name__} of shape {tuple(value.shape)}) of distribution {self!r} to satisfy the constraint "
                        f"{constraint!r}, but found invalid values:\n{value}"
                    ),
                    where=errors.line_of(errors.users_place()),
                    fix=f"compute {name} so that it stays inside, as by exp, softplus, sigmoid or softmax (distributions.transform_to gives the function); "
                    "a NaN here has come from further up",
                )  # fmt: skip

    # -------------------------------------------------------------------------------------------- shapes
    @property
    def batch_shape(self) -> Size:
        """The shape of the batch: one distribution for each of its elements."""
        return self._batch_shape

    @property
    def event_shape(self) -> Size:
        """The shape of one value, without the batch's."""
        return self._event_shape

    def _extended_shape(self, sample_shape: Any = Size()) -> Size:
        return Size(sample_shape) + self._batch_shape + self._event_shape

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        """The same distributions, as a batch of a larger shape; the parameters' memory is not copied."""
        batch_shape = Size(batch_shape)
        new = self._get_checked_instance(_owner(type(self)), _instance)
        for name, constraint in self.arg_constraints.items():
            if name in self.__dict__:
                value = self.__dict__[name]
                kept = value.shape[value.dim() - constraint.event_dim :]
                new.__dict__[name] = value.expand(batch_shape + kept)
        self._expand_parts(new, batch_shape)
        Distribution.__init__(new, batch_shape, self._event_shape, validate_args=False)
        new._validate_args = self._validate_args
        return new

    def _expand_parts(self, new: Any, batch_shape: Size) -> None:
        """What a distribution holds beside its parameters, for the expanded one."""

    def _get_checked_instance(self, cls: type, _instance: Any = None) -> Any:
        if type(self) is Distribution:
            raise NotImplementedError
        if _instance is None and type(self).__init__ is not cls.__init__:  # type: ignore[misc]
            raise NotImplementedError(
                f"Subclass {type(self).__name__} of {cls.__name__} that defines a custom __init__ method must also define a custom .expand() method."
            )
        return type(self).__new__(type(self)) if _instance is None else _instance

    # -------------------------------------------------------------------------------------------- what it is
    @property
    def arg_constraints(self) -> dict[str, Any]:
        """The constraints of the parameters, by name."""
        raise NotImplementedError

    @property
    def support(self) -> Any:
        """The constraint that its values satisfy."""
        raise NotImplementedError

    @property
    def mean(self) -> Tensor:
        """The expected value."""
        raise NotImplementedError

    @property
    def mode(self) -> Tensor:
        """The likeliest value."""
        raise NotImplementedError(f"{str(type(self)).replace('glassgrad', 'torch')} does not implement mode")

    @property
    def variance(self) -> Tensor:
        """The expected square of the distance from the mean."""
        raise NotImplementedError

    @property
    def stddev(self) -> Tensor:
        """The square root of the variance."""
        return self.variance.sqrt()

    # -------------------------------------------------------------------------------------------- sampling
    def sample(self, sample_shape: Any = Size()) -> Tensor:
        """Values drawn, as constants."""
        with no_grad():
            return self.rsample(sample_shape)

    def rsample(self, sample_shape: Any = Size()) -> Tensor:
        """Values drawn as a function of the parameters, in which they are differentiable."""
        raise NotImplementedError

    def sample_n(self, n: int) -> Tensor:
        """n values; deprecated: sample((n,))."""
        warnings.warn("sample_n will be deprecated. Use .sample((n,)) instead", UserWarning, stacklevel=2)
        return self.sample(Size((n,)))

    # -------------------------------------------------------------------------------------------- probabilities
    def log_prob(self, value: Any) -> Tensor:
        """The logarithm of the probability (density) at a value."""
        if self._validate_args:
            self._validate_sample(value)
        return self._log_prob(value)

    def _log_prob(self, value: Tensor) -> Tensor:
        raise NotImplementedError

    def cdf(self, value: Any) -> Tensor:
        """The probability of a value not larger than the one given."""
        if self._validate_args and type(self)._cdf is not Distribution._cdf:
            self._validate_sample(value)
        return self._cdf(value)

    def _cdf(self, value: Tensor) -> Tensor:
        raise NotImplementedError

    def icdf(self, value: Tensor) -> Tensor:
        """The inverse of the cdf: the value below which lies a given share of the probability."""
        raise NotImplementedError

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """All values of a discrete distribution, along the first dim; expanded over the batch, or with dims of 1 in its place."""
        raise NotImplementedError

    def _enumerated(self, values: Tensor, expand: bool) -> Tensor:
        values = values.reshape((-1,) + (1,) * len(self._batch_shape))
        return values.expand((-1, *self._batch_shape)) if expand else values

    def entropy(self) -> Tensor:
        """The expected -log_prob, in nats."""
        raise NotImplementedError

    def perplexity(self) -> Tensor:
        """e to the power of the entropy."""
        return self.entropy().exp()

    def _validate_sample(self, value: Any) -> None:
        if not isinstance(value, Tensor):
            raise ValueError("The value argument to log_prob must be a Tensor")
        events = value.dim() - len(self._event_shape)
        if value.shape[max(events, 0) :] != self._event_shape:
            raise ValueError(f"The right-most size of value must match event_shape: {value.shape} vs {self._event_shape}.")
        expected = self._batch_shape + self._event_shape
        for i, j in zip(reversed(value.shape), reversed(expected)):
            if i != 1 and j != 1 and i != j:
                raise ValueError(f"Value is not broadcastable with batch_shape+event_shape: {value.shape} vs {expected}.")
        try:
            support = self.support
        except NotImplementedError:
            warnings.warn(
                f"{type(self)} does not define `support` to enable sample validation. Please initialize the distribution with "
                "`validate_args=False` to turn off validation.", stacklevel=4,
            )  # fmt: skip
            return
        if not all_true(support.check(value)):
            raise errors.explain(
                ValueError(
                    f"Expected value argument ({type(value).__name__} of shape {tuple(value.shape)}) to be within the support ({support!r}) "
                    f"of the distribution {self!r}, but found invalid values:\n{value}"
                ),
                where=errors.line_of(errors.users_place()), fix="validate_args=False, where values outside the support are meant",
            )  # fmt: skip

    def __repr__(self) -> str:
        shown = [(name, self.__dict__[name]) for name in self.arg_constraints if name in self.__dict__]
        return f"{type(self).__name__}({', '.join(f'{name}: {value if value.numel() == 1 else value.size()}' for name, value in shown)})"


HERE = __name__.rpartition(".")[0]


def _owner(cls: type) -> type:
    """The nearest class of this room: how its objects are made is known, and how a user's are not."""
    return next(c for c in cls.__mro__ if c.__module__.startswith(HERE))


# ------------------------------------------------------------------------------------------------ families
class Centred(Distribution):
    """Symmetric about `loc`, where its mean and its mode are."""

    loc: Tensor

    @property
    def mean(self) -> Tensor:
        return self.loc

    @property
    def mode(self) -> Tensor:
        return self.loc


class ExponentialFamily(Distribution):
    """Densities h(x) · exp(⟨T(x), η⟩ - A(η)), with natural parameters η and log-normaliser A.

    Who gives `_natural_params`, `_log_normalizer` and `_mean_carrier_measure` (the expected log h) gets the entropy, A(η) - ⟨η, ∇A(η)⟩ - E log h, and
    the divergence between two of the kind. Source: F. Nielsen and R. Nock, "Entropies and cross-entropies of exponential families", 2010.
    """

    @property
    def _mean_carrier_measure(self) -> Any:
        raise NotImplementedError

    @property
    def _natural_params(self) -> tuple[Tensor, ...]:
        raise NotImplementedError

    def _log_normalizer(self, *natural_params: Tensor) -> Tensor:
        raise NotImplementedError

    def entropy(self) -> Tensor:
        natural = [p.detach().requires_grad_() for p in self._natural_params]
        normalizer = self._log_normalizer(*natural)
        result = -self._mean_carrier_measure + normalizer
        for p, g in zip(natural, grad(normalizer.sum(), natural, create_graph=True)):
            result = result - sum_rightmost(p * g, p.dim() - len(self._batch_shape))
        return result


class Probable(Distribution):
    """Given by probabilities or by their logits, one of the two; the other is computed when it is asked for.

    A `binary` one has a probability that says both, p and 1 - p; else the last dim holds one for each category.
    """

    binary = True

    @staticmethod
    def _one_of(probs: Any, logits: Any) -> tuple[str, Any]:
        if (probs is None) == (logits is None):
            raise errors.explain(
                ValueError("Either `probs` or `logits` must be specified, but not both."),
                f"{'none' if probs is None else 'both'} of them given", errors.line_of(errors.users_place()),
            )  # fmt: skip
        return ("probs", probs) if logits is None else ("logits", logits)

    @lazy_property
    def logits(self) -> Tensor:
        """log(p / (1 - p)), or of categories log p."""
        probs = inside(self.probs)
        return probs.log() - (-probs).log1p() if self.binary else probs.log()

    @lazy_property
    def probs(self) -> Tensor:
        """The probabilities."""
        return self.logits.sigmoid() if self.binary else self.logits.softmax(-1)

    @property
    def _param(self) -> Tensor:
        return self.__dict__["probs"] if "probs" in self.__dict__ else self.logits

    @property
    def param_shape(self) -> Size:
        """The shape of the probabilities."""
        return self._param.size()
