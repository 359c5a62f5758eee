"""The closed forms of KL(p ‖ q).

Of two of a kind each has its own; of two kinds it is what p's entropy and p's moments give: -H(p) - E_p[log q]. Sources: M. Gil, "On Rényi divergence
measures for continuous alphabet sources", 2011; for Cauchy's: F. Chyzak and F. Nielsen, 2019; for exponential families: F. Nielsen and R. Nock, 2010.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ..autograd.backward import grad
from ..linalg import solve_triangular
from ..ops.creation import full_like
from ..ops.elementwise import softplus, where
from ..ops.shapes import broadcast_shapes
from ..ops.special import digamma, lgamma
from ..tensor import Tensor
from .continuous import Cauchy, Exponential, Laplace, Normal, Uniform
from .counts import Binomial, Poisson
from .discrete import Bernoulli, Categorical, Geometric, OneHotCategorical
from .distribution import Distribution, ExponentialFamily, sum_rightmost
from .gamma import Beta, Dirichlet, Gamma
from .independent import Independent
from .kl import kl_divergence, register_kl
from .multivariate import LowRankMultivariateNormal, MultivariateNormal, half_log_det, mahalanobis
from .relaxed import ContinuousBernoulli
from .transformed import EULER, Gumbel, HalfNormal, Pareto, TransformedDistribution


def infinite_where(outside: Tensor, found: Tensor) -> Tensor:
    """Infinite where p gives probability to what q excludes."""
    return where(outside, full_like(found, math.inf), found)


# ------------------------------------------------------------------------------------------------ of one kind
@register_kl(Normal, Normal)
def _normal(p: Normal, q: Normal) -> Tensor:
    ratio = (p.scale / q.scale).pow(2)
    return 0.5 * (ratio + ((p.loc - q.loc) / q.scale).pow(2) - 1 - ratio.log())


@register_kl(HalfNormal, HalfNormal)
def _half_normal(p: HalfNormal, q: HalfNormal) -> Tensor:
    return _normal(p.base_dist, q.base_dist)


@register_kl(Laplace, Laplace)
def _laplace(p: Laplace, q: Laplace) -> Tensor:
    ratio, away = p.scale / q.scale, (p.loc - q.loc).abs()
    return -ratio.log() + away / q.scale + ratio * (-away / p.scale).exp() - 1


@register_kl(Cauchy, Cauchy)
def _cauchy(p: Cauchy, q: Cauchy) -> Tensor:
    return ((p.scale + q.scale).pow(2) + (p.loc - q.loc).pow(2)).log() - (4 * p.scale * q.scale).log()


@register_kl(Uniform, Uniform)
def _uniform(p: Uniform, q: Uniform) -> Tensor:
    return infinite_where((q.low > p.low) | (q.high < p.high), ((q.high - q.low) / (p.high - p.low)).log())


@register_kl(Exponential, Exponential)
def _exponential(p: Exponential, q: Exponential) -> Tensor:
    ratio = q.rate / p.rate
    return ratio - 1 - ratio.log()


@register_kl(Gumbel, Gumbel)
def _gumbel(p: Gumbel, q: Gumbel) -> Tensor:
    ratio, away = p.scale / q.scale, (p.loc - q.loc) / q.scale
    return -ratio.log() + away + ratio * EULER + (lgamma(1 + ratio) - away).exp() - (1 + EULER)


@register_kl(Pareto, Pareto)
def _pareto(p: Pareto, q: Pareto) -> Tensor:
    ratio = q.alpha / p.alpha
    return infinite_where(p.scale < q.scale, q.alpha * (p.scale / q.scale).log() - ratio.log() + ratio - 1)


@register_kl(Gamma, Gamma)
def _gamma(p: Gamma, q: Gamma) -> Tensor:
    a, b = p.concentration, q.concentration
    return b * (p.rate / q.rate).log() + lgamma(b) - lgamma(a) + (a - b) * digamma(a) + (q.rate - p.rate) * (a / p.rate)


@register_kl(Beta, Beta)
def _beta(p: Beta, q: Beta) -> Tensor:
    return _dirichlet(p._dirichlet, q._dirichlet)


@register_kl(Dirichlet, Dirichlet)
def _dirichlet(p: Dirichlet, q: Dirichlet) -> Tensor:
    a, b = p.concentration, q.concentration
    total = a.sum(-1)
    constant = lgamma(total) - lgamma(b.sum(-1)) + (lgamma(b) - lgamma(a)).sum(-1)
    return constant + ((a - b) * (digamma(a) - digamma(total).unsqueeze(-1))).sum(-1)


@register_kl(Bernoulli, Bernoulli)
def _bernoulli(p: Bernoulli, q: Bernoulli) -> Tensor:
    def part(share: Tensor, other: Tensor, terms: Tensor) -> Tensor:
        return where(share == 0, full_like(terms, 0.0), infinite_where(other == 0, share * terms))

    ones = part(p.probs, q.probs, softplus(-q.logits) - softplus(-p.logits))
    return ones + part(1 - p.probs, 1 - q.probs, softplus(q.logits) - softplus(p.logits))


@register_kl(ContinuousBernoulli, ContinuousBernoulli)
def _continuous_bernoulli(p: ContinuousBernoulli, q: ContinuousBernoulli) -> Tensor:
    own = p._log_norm() + (-p.probs).log1p()
    return p.mean * (p.logits - q.logits) + own - q._log_norm() - (-q.probs).log1p()


@register_kl(Binomial, Binomial)
def _binomial(p: Binomial, q: Binomial) -> Tensor:
    if (p.total_count < q.total_count).any():
        raise NotImplementedError("KL between Binomials where q.total_count > p.total_count is not implemented")
    kl = p.total_count * (p.probs * (p.logits - q.logits) + (-p.probs).log1p() - (-q.probs).log1p())
    return infinite_where(p.total_count > q.total_count, kl)


@register_kl(Geometric, Geometric)
def _geometric(p: Geometric, q: Geometric) -> Tensor:
    return -p.entropy() - (-q.probs).log1p() / p.probs - q.logits


@register_kl(Poisson, Poisson)
def _poisson(p: Poisson, q: Poisson) -> Tensor:
    return p.rate * (p.rate.log() - q.rate.log()) - (p.rate - q.rate)


@register_kl(Categorical, Categorical)
def _categorical(p: Categorical, q: Categorical) -> Tensor:
    terms = infinite_where(q.probs == 0, p.probs * (p.logits - q.logits))
    return where((p.probs == 0).expand(terms.shape), full_like(terms, 0.0), terms).sum(-1)


@register_kl(OneHotCategorical, OneHotCategorical)
def _one_hot(p: OneHotCategorical, q: OneHotCategorical) -> Tensor:
    return _categorical(p._categorical, q._categorical)


# ------------------------------------------------------------------------------------------------ of vectors
def _vectors(p: Any, q: Any) -> Tensor:
    """½ (log det Σq - log det Σp + tr Σq⁻¹Σp + |x|² - n), with x the Mahalanobis distance of the means."""
    if p.event_shape != q.event_shape:
        low = {isinstance(d, LowRankMultivariateNormal) for d in (p, q)}
        rank = "" if low == {False} else "Low Rank " if low == {True} else "(Low Rank) "
        raise ValueError(f"KL-divergence between two {rank}Multivariate Normals with{' ' * 26}different event shapes cannot be computed")
    # the trace is |Lq⁻¹ Lp|², for any factors of the two covariances
    factor, other = q.scale_tril, p.scale_tril
    batch = broadcast_shapes(factor.shape[:-2], other.shape[:-2])
    trace = solve_triangular(factor.expand((*batch, *factor.shape[-2:])), other.expand((*batch, *other.shape[-2:])), upper=False).pow(2).sum((-2, -1))
    return half_log_det(factor) - half_log_det(other) + 0.5 * (trace + mahalanobis(factor, q.loc - p.loc) - p.event_shape[0])


for _a in (MultivariateNormal, LowRankMultivariateNormal):
    for _b in (MultivariateNormal, LowRankMultivariateNormal):
        register_kl(_a, _b)(_vectors)


# ------------------------------------------------------------------------------------------------ of what is made of others
@register_kl(TransformedDistribution, TransformedDistribution)
def _transformed(p: TransformedDistribution, q: TransformedDistribution) -> Tensor:
    if p.transforms != q.transforms or p.base_dist.event_shape != q.base_dist.event_shape:
        raise NotImplementedError
    return kl_divergence(p.base_dist, q.base_dist)  # a bijection changes both densities by the same factor


@register_kl(Independent, Independent)
def _independent(p: Independent, q: Independent) -> Tensor:
    if p.reinterpreted_batch_ndims != q.reinterpreted_batch_ndims:
        raise NotImplementedError
    return sum_rightmost(kl_divergence(p.base_dist, q.base_dist), p.reinterpreted_batch_ndims)


@register_kl(ExponentialFamily, ExponentialFamily)
def _exponential_family(p: ExponentialFamily, q: ExponentialFamily) -> Tensor:
    """The Bregman divergence of the log-normaliser: A(η_q) - A(η_p) - ⟨η_q - η_p, ∇A(η_p)⟩."""
    if type(p) is not type(q):
        gap = " " * 29
        raise NotImplementedError(f"The cross KL-divergence between different exponential families cannot{gap}be computed using Bregman divergences")
    ours, theirs = [n if n.requires_grad else n.detach().requires_grad_() for n in p._natural_params], q._natural_params
    normalizer = p._log_normalizer(*ours)
    result = q._log_normalizer(*theirs) - normalizer
    for a, b, g in zip(ours, theirs, grad(normalizer.sum(), ours, create_graph=True)):
        result = result - sum_rightmost((b - a) * g, len(q.event_shape))
    return result


# ------------------------------------------------------------------------------------------------ of two kinds: -E_p[log q] by p's moments
def _x_log_x(x: Tensor) -> Tensor:
    return where(x > 0, x * x.clamp(min=1e-300 if x.element_size() > 4 else 1e-38).log(), full_like(x, 0.0))


def _mean_log_of_uniform(low: Tensor, high: Tensor) -> Tensor:
    return (_x_log_x(high) - _x_log_x(low)) / (high - low) - 1


MEAN_LOG: dict[type, Callable[[Any], Tensor]] = {
    Beta: lambda p: digamma(p.concentration1) - digamma(p.concentration1 + p.concentration0),
    Pareto: lambda p: p.scale.log() + p.alpha.reciprocal(),
    Uniform: lambda p: _mean_log_of_uniform(p.low, p.high),
    Exponential: lambda p: -EULER - p.rate.log(),
}


def _mean_log(p: Any) -> Tensor:
    """E log x."""
    return next(found for kind, found in MEAN_LOG.items() if isinstance(p, kind))(p)


def _to_normal(p: Any, q: Normal) -> Tensor:
    return q.scale.log() + 0.5 * math.log(2 * math.pi) + 0.5 * (p.variance + (p.mean - q.loc).pow(2)) / q.scale.pow(2)


def _to_exponential(p: Any, q: Exponential) -> Tensor:
    return q.rate * p.mean - q.rate.log()


def _to_gamma(p: Any, q: Gamma) -> Tensor:
    return lgamma(q.concentration) - q.concentration * q.rate.log() - (q.concentration - 1) * _mean_log(p) + q.rate * p.mean


def _to_uniform(p: Any, q: Uniform) -> Tensor:
    return infinite_where((q.low > 0) | (q.high < 1), (q.high - q.low).log() + 0 * p.mean)


def _to_continuous_bernoulli(p: Any, q: ContinuousBernoulli) -> Tensor:
    return -p.mean * q.logits - (-q.probs).log1p() - q._log_norm()


def _to_laplace(p: Normal, q: Laplace) -> Tensor:
    away = (p.loc - q.loc) / p.scale
    folded = p.scale * (math.sqrt(2 / math.pi) * (-0.5 * away.pow(2)).exp() + away * (away / math.sqrt(2)).erf())  # E |x - loc of q|
    return (2 * q.scale).log() + folded / q.scale


def _to_gumbel(p: Any, q: Gumbel) -> Tensor:
    """E e^-x/scale is p's moment-generating function."""
    t = q.scale.reciprocal()
    if isinstance(p, Normal):
        moment = (0.5 * (p.scale * t).pow(2) - p.loc * t).exp()
    elif isinstance(p, Exponential):
        moment = p.rate / (p.rate + t)
    elif isinstance(p, Gamma):
        moment = (1 + t / p.rate).pow(-p.concentration)
    else:
        moment = ((-p.low * t).exp() - (-p.high * t).exp()) / (t * (p.high - p.low))
    return q.scale.log() + (p.mean - q.loc) * t + (q.loc * t).exp() * moment


def _to_poisson(p: Bernoulli, q: Poisson) -> Tensor:
    return q.rate - p.probs * q.rate.log()


def _to_beta(p: Uniform, q: Beta) -> Tensor:
    a, b = q.concentration1, q.concentration0
    logs = (a - 1) * _mean_log_of_uniform(p.low, p.high) + (b - 1) * _mean_log_of_uniform(1 - p.high, 1 - p.low)
    return lgamma(a) + lgamma(b) - lgamma(a + b) - logs


def _to_pareto(p: Uniform, q: Pareto) -> Tensor:
    return (q.alpha + 1) * _mean_log_of_uniform(p.low, p.high) - q.alpha.log() - q.alpha * q.scale.log()


UNIT: Any = lambda p, q: (p.high > 1) | (p.low < 0)
POSITIVE: Any = lambda p, q: p.low < 0
CROSS: list[tuple[Any, tuple[type, ...], type]] = [
    (_to_normal, (Beta, ContinuousBernoulli, Exponential, Gamma, Gumbel, Laplace, Pareto, Uniform), Normal),
    (_to_exponential, (Beta, ContinuousBernoulli, Gamma, Pareto, Uniform), Exponential), (_to_gamma, (Beta, Exponential, Pareto, Uniform), Gamma),
    (_to_uniform, (Beta, ContinuousBernoulli), Uniform), (_to_continuous_bernoulli, (Beta, Uniform), ContinuousBernoulli), (_to_laplace, (Normal,), Laplace),
    (_to_gumbel, (Normal, Exponential, Gamma, Uniform), Gumbel), (_to_poisson, (Bernoulli,), Poisson), (_to_beta, (Uniform,), Beta),
    (_to_pareto, (Uniform,), Pareto),
]  # fmt: skip
OUTSIDE: dict[type, Any] = {Beta: UNIT, ContinuousBernoulli: UNIT, Exponential: POSITIVE, Gamma: POSITIVE, Pareto: lambda p, q: p.low < q.scale}


def _crossed(cross: Any, outside: Any) -> Any:
    def divergence(p: Any, q: Any) -> Tensor:
        found = cross(p, q) - p.entropy()
        return found if outside is None else infinite_where(outside(p, q), found)

    return divergence


for _cross, _kinds, _q in CROSS:
    for _p in _kinds:
        register_kl(_p, _q)(_crossed(_cross, OUTSIDE.get(_q) if _p is Uniform else None))


def _infinite(p: Distribution, q: Distribution) -> Tensor:
    """Where p gives probability to what q excludes, whatever their parameters."""
    return full_like(p.mean, math.inf)


BOUNDED = (Uniform, Pareto, ContinuousBernoulli, Beta)
EXCLUDED: list[tuple[tuple[type, ...], tuple[type, ...]]] = [
    ((Normal, Laplace, Gumbel), (*BOUNDED, Exponential, Gamma)), ((Exponential, Gamma), BOUNDED), ((Pareto,), (Uniform, ContinuousBernoulli, Beta)),
    ((Beta, ContinuousBernoulli), (Pareto,)), ((Poisson,), (Bernoulli, Binomial)),
]  # fmt: skip
for _ps, _qs in EXCLUDED:
    for _p in _ps:
        for _q in _qs:
            register_kl(_p, _q)(_infinite)
