"""From all numbers onto a constraint: `biject_to(constraint)` gives a bijective transform, `transform_to(constraint)` one that need not be.

A parameter is optimised without a constraint, and transformed: in variational inference and Hamiltonian sampling by `biject_to`, whose determinant is
known, elsewhere by `transform_to`, which may be over-parametrised and better behaved (softmax for a simplex).

>>> import glassgrad as gg
>>> from glassgrad.distributions import constraints, transform_to
>>> transform_to(constraints.interval(0.0, 2.0))(gg.tensor(0.0))
tensor(1.)
"""

from __future__ import annotations

from collections.abc import Callable
from numbers import Number
from typing import Any

from . import constraints
from . import transforms as t

__all__ = ["ConstraintRegistry", "biject_to", "transform_to"]


class ConstraintRegistry:
    """A table of factories of transforms by the class of the constraint."""

    def __init__(self) -> None:
        self._registry: dict[type, Any] = {}

    def register(self, constraint: Any, factory: Callable[[Any], Any] | None = None) -> Any:
        """Enters a factory, which makes the transform from a constraint of that class; without it, a decorator."""
        if factory is None:
            return lambda factory: self.register(constraint, factory)
        kind = type(constraint) if isinstance(constraint, constraints.Constraint) else constraint
        if not isinstance(kind, type) or not issubclass(kind, constraints.Constraint):
            raise TypeError(f"Expected constraint to be either a Constraint subclass or instance, but got {constraint}")
        self._registry[kind] = factory
        return factory

    def __call__(self, constraint: Any) -> Any:
        """The transform from all numbers onto a constraint."""
        try:
            factory = self._registry[type(constraint)]
        except KeyError:
            raise NotImplementedError(f"Cannot transform {type(constraint).__name__} constraints") from None
        return factory(constraint)


biject_to, transform_to = ConstraintRegistry(), ConstraintRegistry()


def _both(*kinds: Any) -> Any:
    def decorator(factory: Any) -> Any:
        for kind in kinds:
            biject_to.register(kind, factory)
            transform_to.register(kind, factory)
        return factory

    return decorator


_both(constraints.real)(lambda c: t.identity_transform)
_both(constraints.greater_than, constraints.greater_than_eq)(lambda c: t.ComposeTransform([t.ExpTransform(), t.AffineTransform(c.lower_bound, 1)]))
_both(constraints.less_than)(lambda c: t.ComposeTransform([t.ExpTransform(), t.AffineTransform(c.upper_bound, -1)]))
_both(constraints.corr_cholesky)(lambda c: t.CorrCholeskyTransform())
biject_to.register(constraints.simplex, lambda c: t.StickBreakingTransform())
transform_to.register(constraints.simplex, lambda c: t.SoftmaxTransform())
transform_to.register(constraints.lower_cholesky, lambda c: t.LowerCholeskyTransform())
transform_to.register(constraints.positive_definite, lambda c: t.PositiveDefiniteTransform())
transform_to.register(constraints.positive_semidefinite, lambda c: t.PositiveDefiniteTransform())


@_both(constraints.interval, constraints.half_open_interval)
def _interval(c: Any) -> Any:
    low, high = c.lower_bound, c.upper_bound
    if isinstance(low, Number) and isinstance(high, Number) and low == 0 and high == 1:
        return t.SigmoidTransform()
    return t.ComposeTransform([t.SigmoidTransform(), t.AffineTransform(low, high - low)])


def _of_parts(to: ConstraintRegistry) -> None:
    to.register(constraints.independent, lambda c: t.IndependentTransform(to(c.base_constraint), c.reinterpreted_batch_ndims))
    to.register(constraints.cat, lambda c: t.CatTransform([to(part) for part in c.cseq], c.dim, c.lengths))
    to.register(constraints.stack, lambda c: t.StackTransform([to(part) for part in c.cseq], c.dim))


_of_parts(biject_to)
_of_parts(transform_to)
