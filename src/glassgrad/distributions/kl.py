"""The Kullback-Leibler divergence KL(p ‖ q) = E_p[log p - log q]: a table of closed forms by the two kinds of distribution (in `divergences`)."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from ..tensor import Tensor
from .distribution import Distribution

TABLE: dict[tuple[type, type], Callable[[Any, Any], Tensor]] = {}
_found: dict[tuple[type, type], Any] = {}


def register_kl(type_p: type, type_q: type) -> Callable[[Any], Any]:
    """A decorator: the function given computes the divergence of a `type_p` from a `type_q`, and of their subclasses.

    >>> import glassgrad as gg
    >>> class Mine(gg.distributions.Normal): ...
    >>> @gg.distributions.register_kl(Mine, gg.distributions.Normal)
    ... def _(p, q): return gg.tensor(7.0)
    >>> gg.distributions.kl_divergence(Mine(0.0, 1.0), gg.distributions.Normal(0.0, 1.0))
    tensor(7.)
    """
    if not isinstance(type_p, type) and issubclass(type_p, Distribution):
        raise TypeError(f"Expected type_p to be a Distribution subclass but got {type_p}")
    if not isinstance(type_q, type) and issubclass(type_q, Distribution):
        raise TypeError(f"Expected type_q to be a Distribution subclass but got {type_q}")

    def decorator(fun: Any) -> Any:
        TABLE[type_p, type_q] = fun
        _found.clear()
        return fun

    return decorator


def _nearest(p: type, q: type) -> Any:
    """The entry for the nearest pair of ancestors: nearest to p first, and to q first; a warning where the two disagree."""
    pairs = [(a, b) for a, b in TABLE if issubclass(p, a) and issubclass(q, b)]
    if not pairs:
        return NotImplemented
    far = [(p.__mro__.index(a), q.__mro__.index(b), (a, b)) for a, b in pairs]
    left = min(far)[2]
    right = min((j, i, pair) for i, j, pair in far)[2]
    if TABLE[left] is not TABLE[right]:
        warnings.warn(
            f"Ambiguous kl_divergence({p.__name__}, {q.__name__}). Please register_kl({left[0].__name__}, {right[1].__name__})", RuntimeWarning, stacklevel=3
        )
    return TABLE[left]


def kl_divergence(p: Distribution, q: Distribution) -> Tensor:
    """KL(p ‖ q) = E_p[log p(x) - log q(x)], one number for each of the batch; NotImplementedError where no formula is known.

    >>> import glassgrad as gg
    >>> from glassgrad.distributions import Normal, kl_divergence
    >>> kl_divergence(Normal(1.0, 1.0), Normal(0.0, 1.0))
    tensor(0.5000)
    """
    kinds = type(p), type(q)
    if kinds not in _found:
        _found[kinds] = _nearest(*kinds)
    fun = _found[kinds]
    if fun is NotImplemented:
        raise NotImplementedError(f"No KL(p || q) is implemented for p type {type(p).__name__} and q type {type(q).__name__}")
    return fun(p, q)
