"""Distributions: each made on both engines from the same parameters, and all that it says compared; what it draws, too, for the same seed."""

import re

import numpy as np
import pytest

import glassgrad as gg
from oracle import agree
from said import programs

R = [-1.2, 0.0, 0.7]  # real numbers, positive ones, shares
P = [0.4, 1.0, 2.5]
S = [0.15, 0.5, 0.85]
W = [[0.2, 0.3, 0.5], [0.6, 0.3, 0.1]]
MATRIX = [[1.5, 0.0], [0.4, 0.8]]
COVARIANCE = [[1.5, 0.4], [0.4, 0.9]]


def case(kind, values, *params, **named):
    return (kind, values if isinstance(values, list) else [values], params, named)


CASES = {
    "Normal": case("Normal", R, R, P), "Laplace": case("Laplace", R, R[::-1], P), "Cauchy": case("Cauchy", R, R[::-1], P), "Uniform": case("Uniform", [0.1, 0.5, 0.9], [-1.0, 0.0, -0.5], [1.0, 1.0, 2.0]),
    "Exponential": case("Exponential", P, P[::-1]), "Bernoulli": case("Bernoulli", [0.0, 1.0, 1.0], probs=S), "Bernoulli logits": case("Bernoulli", [0.0, 1.0, 1.0], logits=R),
    "Geometric": case("Geometric", [0.0, 1.0, 4.0], probs=S), "Geometric logits": case("Geometric", [0.0, 1.0, 4.0], logits=R), "Categorical": case("Categorical", [0, 2], probs=W), "Categorical logits": case("Categorical", [0, 2], logits=W),
    "OneHotCategorical": case("OneHotCategorical", [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]], probs=W), "OneHotCategorical logits": case("OneHotCategorical", [0.0, 0.0, 1.0], logits=W),
    "OneHotCategoricalStraightThrough": case("OneHotCategoricalStraightThrough", [0.0, 0.0, 1.0], probs=W), "OneHotCategoricalStraightThrough logits": case("OneHotCategoricalStraightThrough", [0.0, 0.0, 1.0], logits=W),
    "Gamma": case("Gamma", P, [0.3, 1.5, 30.0], P), "Chi2": case("Chi2", P, [0.7, 2.0, 5.0]), "Beta": case("Beta", S, [0.3, 2.0, 5.0], [0.6, 1.0, 3.0]), "Dirichlet": case("Dirichlet", [[0.2, 0.3, 0.5]], [[0.4, 1.0, 2.5], [5.0, 2.0, 3.0], [0.3, 0.5, 0.2]]),
    "StudentT": case("StudentT", R, [0.9, 1.7, 6.0], R[::-1], P), "FisherSnedecor": case("FisherSnedecor", P, [1.5, 3.0, 6.0], [1.5, 3.5, 7.0]), "Poisson": case("Poisson", [0.0, 2.0, 40.0], [0.5, 3.0, 33.0]),
    "Binomial": case("Binomial", [0.0, 3.0, 5.0], 5, probs=S), "Binomial logits": case("Binomial", [0.0, 3.0, 50.0], [4.0, 4.0, 90.0], logits=R), "NegativeBinomial": case("NegativeBinomial", [0.0, 1.0, 4.0], [1.0, 2.5, 4.0], probs=S), "NegativeBinomial logits": case("NegativeBinomial", [0.0, 1.0, 4.0], 3, logits=R),
    "LogNormal": case("LogNormal", P, R, P), "HalfNormal": case("HalfNormal", P, P[::-1]), "HalfCauchy": case("HalfCauchy", P, P[::-1]), "Gumbel": case("Gumbel", R, R[::-1], P), "Weibull": case("Weibull", P, P[::-1], [0.7, 1.5, 3.0]),
    "Pareto": case("Pareto", [1.5, 1.2, 3.0], [0.5, 1.0, 2.5], [0.7, 1.5, 3.0]), "Kumaraswamy": case("Kumaraswamy", S, [0.5, 2.0, 3.0], [0.6, 1.5, 3.0]), "InverseGamma": case("InverseGamma", P, [0.5, 1.5, 6.0], P),
    "LogisticNormal": case("LogisticNormal", [0.2, 0.5, 0.3], [0.1, -0.4], [0.5, 1.0]), "RelaxedBernoulli": case("RelaxedBernoulli", S, 0.7, probs=S), "RelaxedBernoulli logits": case("RelaxedBernoulli", S, [0.7], logits=R),
    "RelaxedOneHotCategorical": case("RelaxedOneHotCategorical", [0.2, 0.5, 0.3], 0.7, probs=W), "RelaxedOneHotCategorical logits": case("RelaxedOneHotCategorical", [0.2, 0.5, 0.3], 0.7, logits=W),
    "ContinuousBernoulli": case("ContinuousBernoulli", S, probs=[0.1, 0.5, 0.9]), "ContinuousBernoulli logits": case("ContinuousBernoulli", S, logits=[-3.0, 1e-4, 0.7]),
    "MultivariateNormal": case("MultivariateNormal", [0.3, -1.0], [0.5, 1.0], COVARIANCE), "MultivariateNormal precision": case("MultivariateNormal", [0.3, -1.0], [0.5, 1.0], precision_matrix=COVARIANCE),
    "MultivariateNormal factor": case("MultivariateNormal", [[0.3, -1.0], [0.0, 0.0]], [[0.5, 1.0], [-1.0, 2.0]], scale_tril=MATRIX), "LowRankMultivariateNormal": case("LowRankMultivariateNormal", [0.3, -1.0, 0.5], R, [[0.5, 1.0], [0.2, -0.7], [1.0, 0.3]], P),
    "Independent": case(lambda T, a, b: T.distributions.Independent(T.distributions.Normal(a, b), 1), [R, P], [R, P], P), "Independent of none": case(lambda T, p: T.distributions.Independent(T.distributions.Bernoulli(p), 0), [1.0, 0.0, 1.0], S),
    "Independent of counts": case(lambda T, p: T.distributions.Independent(T.distributions.Categorical(p), 1), [1, 2], W),
    "MixtureSameFamily": case(lambda T, w, a, b: T.distributions.MixtureSameFamily(T.distributions.Categorical(w), T.distributions.Normal(a, b)), 0.3, [0.2, 0.3, 0.5], R, P),
    "MixtureSameFamily of vectors": case(lambda T, w, a, b: T.distributions.MixtureSameFamily(T.distributions.Categorical(w), T.distributions.Independent(T.distributions.Laplace(a, b), 1)), [[0.3, 1.0, -0.5], [0.0, 0.0, 0.0]], W, [[R, P, S], [P, S, R]], 0.5),
    "MixtureSameFamily of counts": case(lambda T, w, p: T.distributions.MixtureSameFamily(T.distributions.Categorical(logits=w), T.distributions.Poisson(p)), [0.0, 4.0], [R, P], [P, P]),
    "TransformedDistribution": case(lambda T, a, b: T.distributions.TransformedDistribution(T.distributions.Normal(a, b), [T.distributions.TanhTransform(), T.distributions.AffineTransform(1.0, -2.0)]), [1.3, 0.5, 2.0], R, P),
    "TransformedDistribution of vectors": case(lambda T, a, b: T.distributions.TransformedDistribution(T.distributions.Laplace(a, b), [T.distributions.AffineTransform(b, 0.5), T.distributions.StickBreakingTransform()]), [0.2, 0.1, 0.3, 0.4], R, P),
    "TransformedDistribution widened": case(lambda T, a, b: T.distributions.TransformedDistribution(T.distributions.Exponential(a), T.distributions.AffineTransform(0.0, b)), [0.2, 0.1, 0.3], 2.0, P),
    "TransformedDistribution by nothing": case(lambda T, a: T.distributions.TransformedDistribution(T.distributions.Exponential(a), []), P, P),
    "TransformedDistribution twice": case(lambda T, a: T.distributions.TransformedDistribution(T.distributions.LogNormal(a, 1.0), [T.distributions.PowerTransform(T.tensor(-2.0)), T.distributions.ExpTransform().inv]), R, R),
    "GeneralizedPareto": case(lambda T, a, b, c: T.distributions.GeneralizedPareto(a.float(), b.float(), c.float()), [0.5, 2.0, 0.8], R, P, [0.2, -0.3, 0.0]), "VonMises": case("VonMises", R, [0.0, 1.0, -2.0], [0.5, 3.0, 30.0]),
    "LKJCholesky": case("LKJCholesky", [[1.0, 0.0], [0.6, 0.8]], 2, [0.5, 1.0, 2.0]), "Wishart": case("Wishart", COVARIANCE, [3.0, 4.5], COVARIANCE), "Wishart precision": case("Wishart", COVARIANCE, 3, precision_matrix=COVARIANCE),
    "Multinomial": case("Multinomial", [[1.0, 2.0, 1.0]], 4, probs=W), "Multinomial logits": case("Multinomial", [[4.0, 0.0, 0.0]], 4, logits=W),
}  # fmt: skip

INCOMPLETE = ("Gamma", "Chi2", "InverseGamma")  # their cdf is the incomplete gamma function, which PyTorch differentiates by the value only


def made(T, kind, params, named, dtype=None):
    """The distribution, and its parameters as leaves, in double precision if not said otherwise."""
    leaf = lambda v: T.tensor(v, dtype=dtype or T.float64, requires_grad=True) if isinstance(v, (list, float)) else v
    params, named = [leaf(p) for p in params], {k: leaf(v) for k, v in named.items()}
    d = (kind if callable(kind) else lambda T, *a, **k: getattr(T.distributions, kind)(*a, **k))(T, *params, **named)
    return d, [p for p in [*params, *named.values()] if isinstance(p, T.Tensor)]


def attempt(act):
    """What it gives, or the type and the first line of what it raises."""
    try:
        return act()
    except Exception as error:  # noqa: BLE001 - whatever is raised is compared
        return f"{type(error).__name__}: " + re.sub(r"<class '.*\.", "<class '", str(error).split("\n")[0])


def with_gradient(T, found, leaves):
    """A tensor, and the gradient of its sum (weighted, so that no sum vanishes) by each leaf."""
    if isinstance(found, str) or not found.requires_grad:
        return found
    weights = 1 + T.arange(found.numel(), dtype=found.dtype).reshape(found.shape) / 8
    finite = T.where(found.isfinite(), found, T.zeros_like(found))
    return found.detach(), [None if g is None else g for g in T.autograd.grad((finite * weights).sum(), leaves, allow_unused=True, retain_graph=True)]


@pytest.mark.parametrize("name", CASES)
def test_what_it_says(name):
    kind, values, params, named = CASES[name]

    def program(T):
        d, leaves = made(T, kind, params, named)
        said = {"repr": repr(d), "shapes": (d.batch_shape, d.event_shape), "has": (d.has_rsample, d.has_enumerate_support), "support": attempt(lambda: repr(d.support)),
                "constraints": attempt(lambda: sorted(d.arg_constraints))}  # fmt: skip
        for what in ("mean", "mode", "variance", "stddev"):
            said[what] = with_gradient(T, attempt(lambda: getattr(d, what)), leaves)
        for what in ("entropy", "perplexity", "enumerate_support"):
            said[what] = with_gradient(T, attempt(lambda: getattr(d, what)()), leaves)
        at = T.tensor(values) if isinstance(values[0], int) else T.tensor(values, dtype=T.float64, requires_grad=True)
        said["log_prob"] = with_gradient(T, attempt(lambda: d.log_prob(at)), [*leaves, at] if at.requires_grad else leaves)
        below = leaves if not at.requires_grad else [at] if kind in INCOMPLETE else [*leaves, at]
        said["cdf"] = with_gradient(T, attempt(lambda: d.cdf(at)), below)
        shares = T.full(d.batch_shape + d.event_shape, 0.3, dtype=T.float64)
        said["icdf"] = with_gradient(T, attempt(lambda: d.icdf(shares)), leaves)
        wider = d.expand((2, *d.batch_shape))
        said["expanded"] = (repr(wider), wider.batch_shape, wider.event_shape, with_gradient(T, attempt(lambda: wider.log_prob(at)), leaves), attempt(lambda: wider.mean.shape))
        said["afterwards"] = repr(d)
        said["unexpanded"] = attempt(lambda: d.enumerate_support(expand=False))
        return said

    agree(program, **(dict(rtol=2e-6, atol=2e-6) if name in SHORTER else dict(rtol=1e-7, atol=1e-9)))


SHORTER = ("GeneralizedPareto", "VonMises")  # PyTorch computes them in single precision, or by approximations of that precision
IMPLICIT = ("Gamma", "InverseGamma", "Chi2", "Beta", "Dirichlet", "StudentT", "FisherSnedecor")  # PyTorch approximates their gradients, to three digits


@pytest.mark.parametrize("name", [n for n in CASES if n.split()[0] != "Wishart"])
def test_what_it_draws(name):
    """Wishart's values are held by their moments: PyTorch draws some of them a second time, and adds to the diagonal."""
    kind, _, params, named = CASES[name]

    def program(T):
        d, leaves = made(T, kind, params, named)
        found = []
        for shape in ((), (3, 2)):
            T.manual_seed(3)
            found += [d.sample(shape), d.expand((2, *d.batch_shape)).sample(shape)]
            if d.has_rsample:
                found.append(with_gradient(T, d.rsample(shape), leaves))
        return found

    agree(program, **(dict(rtol=2e-3, atol=2e-3) if name in IMPLICIT else dict(rtol=2e-6, atol=2e-6) if name in SHORTER else dict(rtol=1e-7, atol=1e-9)))


def test_the_room_is_loaded_when_it_is_asked_for():
    import subprocess
    import sys

    code = "import sys, glassgrad; print([m for m in sys.modules if 'distributions' in m]); glassgrad.distributions.Normal"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
    assert set(gg.distributions.__all__) <= set(dir(gg.distributions))


@pytest.mark.parametrize("name", [n for n in CASES if n.split()[0] != "Wishart"])
def test_what_it_draws_in_single_precision(name):
    kind, _, params, named = CASES[name]

    def program(T):
        d, _ = made(T, kind, params, named, T.float32)
        T.manual_seed(11)
        return d.sample((7,))

    agree(program, rtol=2e-5, atol=2e-6)


# ------------------------------------------------------------------------------------------------ divergences
MADE = {
    "Normal": lambda D, a, b, c: D.Normal(a, b), "Laplace": lambda D, a, b, c: D.Laplace(a, b), "Cauchy": lambda D, a, b, c: D.Cauchy(a, b), "Uniform": lambda D, a, b, c: D.Uniform(a, a + b), "Uniform wide": lambda D, a, b, c: D.Uniform(a - 9, b + 9),
    "Uniform unit": lambda D, a, b, c: D.Uniform(c * 0.1 + 0.2, c * 0.1 + 0.4), "Exponential": lambda D, a, b, c: D.Exponential(b), "Gamma": lambda D, a, b, c: D.Gamma(b, c), "Beta": lambda D, a, b, c: D.Beta(b, c),
    "Dirichlet": lambda D, a, b, c: D.Dirichlet(b), "Gumbel": lambda D, a, b, c: D.Gumbel(a, b), "Pareto": lambda D, a, b, c: D.Pareto(b, c + 1.5), "Pareto low": lambda D, a, b, c: D.Pareto(c * 0.01 + 0.1, b), "HalfNormal": lambda D, a, b, c: D.HalfNormal(b), "Bernoulli": lambda D, a, b, c: D.Bernoulli(logits=a),
    "Bernoulli sure": lambda D, a, b, c: D.Bernoulli((a > 0).double()), "ContinuousBernoulli": lambda D, a, b, c: D.ContinuousBernoulli(logits=a), "Geometric": lambda D, a, b, c: D.Geometric(logits=a), "Poisson": lambda D, a, b, c: D.Poisson(b),
    "Binomial": lambda D, a, b, c: D.Binomial(5, logits=a), "Binomial more": lambda D, a, b, c: D.Binomial(6, logits=a), "Categorical": lambda D, a, b, c: D.Categorical(b), "Categorical sure": lambda D, a, b, c: D.Categorical((a > 0).double()), "OneHotCategorical": lambda D, a, b, c: D.OneHotCategorical(logits=a),
    "LogNormal": lambda D, a, b, c: D.LogNormal(a, b), "Independent": lambda D, a, b, c: D.Independent(D.Normal(a, b), 1), "MultivariateNormal": lambda D, a, b, c: D.MultivariateNormal(a, scale_tril=b.diag_embed() + c.diag_embed(-1)[:3, :3]),
    "LowRankMultivariateNormal": lambda D, a, b, c: D.LowRankMultivariateNormal(a, c.unsqueeze(-1), b), "Chi2": lambda D, a, b, c: D.Chi2(b), "StudentT": lambda D, a, b, c: D.StudentT(b), "Weibull": lambda D, a, b, c: D.Weibull(b, c),
}  # fmt: skip


def two(T, p, q, requires_grad=True):
    leaves = [T.tensor(v, dtype=T.float64, requires_grad=requires_grad) for v in ([-1.2, 0.1, 0.7], [0.4, 1.0, 2.5], [1.5, 0.8, 2.0], [0.3, -0.5, 1.1], [0.9, 2.0, 1.4], [1.0, 0.7, 2.2])]
    return MADE[p](T.distributions, *leaves[:3]), MADE[q](T.distributions, *leaves[3:]), leaves


@pytest.mark.parametrize("p", MADE)
def test_divergences(p):
    def program(T):
        found = {}
        for q in MADE:
            a, b, leaves = two(T, p, q)
            kl = attempt(lambda: T.distributions.kl_divergence(a, b))
            found[q] = kl if isinstance(kl, str) else with_gradient(T, kl, leaves) if kl.isfinite().all() else kl.detach()
        return found

    agree(program, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("p", MADE)
def test_divergences_are_the_mean_of_the_difference(p):
    """By 20 000 samples, to five standard errors of their mean."""
    met = 0
    for q in MADE:
        a, b, _ = two(gg, p, q, False)
        try:
            kl = gg.distributions.kl_divergence(a, b)
        except (NotImplementedError, ValueError):
            continue
        if not kl.isfinite().any():
            continue
        gg.manual_seed(1)
        x = a.sample((20_000,))
        b._validate_args = getattr(b, "base_dist", b)._validate_args = False  # the batch has some of infinite divergence, too
        difference = a.log_prob(x) - b.log_prob(x)
        finite = kl.isfinite()
        kl, difference = kl[finite], difference[..., finite]
        error = difference.std(0) / 20_000**0.5
        assert ((difference.mean(0) - kl).abs() <= 5 * error + 1e-9).all() or (error > 1).any(), (q, kl, difference.mean(0), error)
        met += 1
    assert met or p in ("StudentT", "Weibull")


# ------------------------------------------------------------------------------------------------ what is refused, and what else is said
REFUSED = """
D.Normal(0.0, -1.0)
D.Normal(t([0.0, 1.0]), t([1.0, -1.0]))
D.Normal("a", 1.0)
D.Normal(t([0.0, 1.0]), t([1.0, 2.0, 3.0]))
D.Normal(0.0, float("nan"))
D.Normal(0.0, 1.0).log_prob(3.0)
D.Normal(0.0, 1.0).log_prob(t(float("nan")))
D.Normal(0.0, 1.0, validate_args=False).log_prob(t(float("nan")))
D.Normal(t([0.0, 1.0]), 1.0).log_prob(t([1.0, 2.0, 3.0]))
D.Normal(t([0.0, 1.0]), t([1.0, 1.0])).expand((3, 3))
D.Normal(0.0, 1.0).sample(2)
D.Normal(0.0, 1.0).sample([2]).shape
D.Normal(0.0, 1.0).sample_n(2).shape
D.Normal(0.0, 1.0).icdf(t(1.5))
D.Normal(0, 1).loc.dtype
D.Normal(t([[1.0]], dtype=T.float64), 1.0).scale.dtype
D.Normal(t([0.0]), 1.0)
D.Normal(0.0, 1.0).enumerate_support()
D.Uniform(1.0, 0.0)
D.Uniform(0.0, 1.0).log_prob(t(2.0))
D.Uniform(0.0, 1.0, validate_args=False).log_prob(t(2.0))
D.Categorical()
D.Categorical(t([0.5, 0.5]), t([0.5, 0.5]))
D.Categorical(t([-0.5, 0.8]))
D.Categorical(t(0.5))
D.Categorical(logits=t(0.5))
D.Categorical([0.5, 0.8])
D.Categorical(t([[0.2, 0.8]])).log_prob(t([1, 2]))
D.Bernoulli()
D.Bernoulli(1.5)
D.Bernoulli(0.5)
D.Bernoulli(logits=0.5)
D.Bernoulli(0.5).log_prob(t(0.5))
D.Bernoulli(0.5).rsample()
D.Bernoulli(t([0.0, 1.0, 0.5])).log_prob(t([0.0, 1.0, 1.0]))
D.Bernoulli(t([0.0, 1.0, 0.5])).mode
D.Geometric(0.0)
D.Geometric(t([0.0, 0.2]))
D.Dirichlet(t(1.0))
D.Dirichlet(t([-1.0, 2.0]))
D.Dirichlet(t([1.0, 2.0])).log_prob(t([0.2, 0.9]))
D.Dirichlet(t([1.0, 2.0])).log_prob(t([0.2, 0.2, 0.6]))
D.Dirichlet(t([1.0, 2.0])).mode
D.Gamma(-1.0, 1.0)
D.Gamma(1.0, 1.0).log_prob(t(0.0))
D.Beta(1, 2)
D.Poisson(t([2.0, 3.0])).log_prob(t([0.5, 2.0]))
D.Poisson(0.0).log_prob(t(0.0))
D.Binomial(3, t(0.2)).log_prob(t(4.0))
D.Binomial(t([3.0, 4.0]), t(0.2)).enumerate_support()
D.Binomial(t([3.0, 4.0]), t(0.2)).entropy()
D.Binomial(3, 0.2)
D.Binomial(3)
D.NegativeBinomial(0, t(0.2)).log_prob(t(0.0))
D.Multinomial(t(3), t([0.2, 0.8]))
D.Multinomial(3, t([0.2, 0.8])).log_prob(t([1.0, 1.0]))
D.OneHotCategorical(t([0.2, 0.8])).log_prob(t([1.0, 1.0]))
D.HalfNormal(1.0).log_prob(t(-1.0))
D.HalfNormal(1.0, validate_args=False).log_prob(t([-1.0, 0.0]))
D.RelaxedBernoulli(t(0.5))
D.RelaxedBernoulli(t(0.5), t(0.2)).base_dist
D.RelaxedOneHotCategorical(t(0.5), t([0.2, 0.8])).base_dist
D.MultivariateNormal(T.zeros(2), -T.eye(2))
D.MultivariateNormal(T.zeros(2), t([[1.0, 2.0], [3.0, 4.0]]))
D.MultivariateNormal(t(0.0), T.eye(1))
D.MultivariateNormal(T.zeros(2), T.ones(2))
D.MultivariateNormal(T.zeros(2), scale_tril=T.ones(2))
D.MultivariateNormal(T.zeros(2), scale_tril=T.ones(2, 2))
D.MultivariateNormal(T.zeros(2), precision_matrix=T.ones(2))
D.MultivariateNormal(T.zeros(2))
D.MultivariateNormal(T.zeros(2), T.eye(2), T.eye(2))
D.MultivariateNormal(T.zeros(2), T.eye(2)).log_prob(t([1.0, 2.0, 3.0]))
D.MultivariateNormal(T.zeros(5, 2), T.eye(2))
D.LowRankMultivariateNormal(t(0.0), T.ones(2, 1), T.ones(2))
D.LowRankMultivariateNormal(T.zeros(2), T.ones(2), T.ones(2))
D.LowRankMultivariateNormal(T.zeros(2), T.ones(3, 1), T.ones(2))
D.LowRankMultivariateNormal(T.zeros(2), T.ones(2, 1), T.ones(3))
D.Independent(D.Normal(T.zeros(2), 1.0), 2)
D.Independent(D.Bernoulli(T.zeros(2)), 1).enumerate_support()
D.MixtureSameFamily(D.Normal(0.0, 1.0), D.Normal(T.zeros(3), 1.0))
D.MixtureSameFamily(D.Categorical(T.ones(3)), 3)
D.MixtureSameFamily(D.Categorical(T.ones(3)), D.Normal(T.zeros(2), 1.0))
D.MixtureSameFamily(D.Categorical(T.ones(4, 3)), D.Normal(T.zeros(2, 3), 1.0))
D.MixtureSameFamily(D.Categorical(T.ones(3)), D.Uniform(T.zeros(3), T.ones(3))).log_prob(t(2.0))
D.MixtureSameFamily(D.Categorical(T.ones(3)), D.Normal(T.zeros(3), 1.0)).rsample()
D.VonMises(t(0.0), t(-1.0))
D.LKJCholesky(1)
D.Wishart(t(1.0), T.eye(3))
D.Wishart(t(3.0), T.ones(3))
D.Wishart(t(3.0))
D.Distribution(validate_args=False).sample()
D.Distribution(validate_args=False).mode
D.Distribution(validate_args=False).stddev
D.Distribution(validate_args=False).expand((2,))
D.Distribution()
D.Distribution.set_default_validate_args(3)
D.kl_divergence(D.Normal(0.0, 1.0), D.Bernoulli(0.5))
D.kl_divergence(D.Normal(0.0, 1.0), D.StudentT(1.0))
D.kl_divergence(D.Binomial(3, t(0.5)), D.Binomial(4, t(0.5)))
D.kl_divergence(D.MultivariateNormal(T.zeros(2), T.eye(2)), D.MultivariateNormal(T.zeros(3), T.eye(3)))
D.kl_divergence(D.Independent(D.Normal(T.zeros(2), 1.0), 1), D.Independent(D.Normal(T.zeros(2), 1.0), 0))
D.kl_divergence(D.Categorical(t([0.0, 1.0])), D.Categorical(t([1.0, 1.0])))
D.Categorical(t([0.0, 1.0])).entropy()
D.Categorical(logits=t([float("-inf"), 1.0])).entropy()
D.Categorical(t([0.2, 0.3])).log_prob(t([[0, 1], [1, 1]]))
D.Normal(0.0, 1.0).perplexity()
"""


@pytest.mark.parametrize("source", REFUSED.strip().split("\n"))
def test_what_is_refused_and_said(source):
    def program(T):
        T.manual_seed(0)
        found = eval(source, {"T": T, "D": T.distributions, "t": T.tensor})
        return found if isinstance(found, (T.Tensor, tuple, str)) else repr(found)

    def told(T):
        try:
            return program(T)
        except Exception as error:  # noqa: BLE001 - whatever is raised is compared, all lines of it
            return [type(error).__name__, re.sub(r"<class '.*\.", "<class '", str(error))]

    agree(told, rtol=1e-5, atol=1e-6)


def t_policy_gradient(T):
    """REINFORCE on a bandit with two arms."""
    D = T.distributions
    T.manual_seed(0)
    logits = T.zeros(2, requires_grad=True)
    optimizer = T.optim.SGD([logits], lr=0.5)
    for _ in range(20):
        policy = D.Categorical(logits=logits)
        action = policy.sample((16,))
        loss = -(policy.log_prob(action) * (action == 1).float()).mean() - 0.01 * policy.entropy()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return logits


def t_variational_autoencoder(T):
    D, nn = T.distributions, T.nn
    T.manual_seed(0)
    encoder, decoder = nn.Linear(6, 4), nn.Linear(2, 6)
    x = (T.rand(32, 6) < 0.3).float()
    optimizer = T.optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=0.05)
    for _ in range(10):
        loc, log_scale = encoder(x).chunk(2, -1)
        q = D.Independent(D.Normal(loc, log_scale.exp()), 1)
        z = q.rsample()
        like = D.Independent(D.Bernoulli(logits=decoder(z)), 1).log_prob(x)
        loss = (D.kl_divergence(q, D.Independent(D.Normal(T.zeros(2), T.ones(2)), 1)) - like).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return [loss.detach(), decoder.bias]


def t_subclasses(T):
    D = T.distributions

    class Mine(D.Normal):
        def __init__(self, a):
            super().__init__(a, 1.0)

    class Plain(D.Normal):
        pass

    class Family(D.ExponentialFamily):
        """The exponential distribution, by its natural parameter."""

        arg_constraints = {"rate": D.constraints.positive}
        support = D.constraints.nonnegative
        _mean_carrier_measure = 0

        def __init__(self, rate):
            self.rate = rate
            super().__init__(rate.shape)

        @property
        def _natural_params(self):
            return (-self.rate,)

        def _log_normalizer(self, x):
            return -T.log(-x)

    class Quiet(D.Distribution):
        def log_prob(self, value):
            return value * 2

    a, b = Family(T.tensor([1.0, 2.0])), Family(T.tensor([3.0, 0.5]))
    return [attempt(lambda: Mine(0.0).expand((2,))), repr(Plain(0.0, 1.0).expand((2,))), a.entropy().detach(), D.kl_divergence(a, b).detach(), Quiet(validate_args=False).log_prob(3),
            D.kl_divergence(Plain(0.0, 1.0), D.Normal(1.0, 1.0)), attempt(lambda: D.kl_divergence(a, D.Exponential(1.0)))]  # fmt: skip


def t_inside_transforms(T):
    D, F, t = T.distributions, T.func, T.tensor
    batch = t([0.5, 1.0, 3.0], dtype=T.float64)
    one = t(1.0, dtype=T.float64)
    found = [
        F.vmap(lambda a: D.Normal(a, one).log_prob(one))(batch), F.vmap(F.grad(lambda a: D.Gamma(a, one).log_prob(one)))(batch), F.vmap(lambda a: D.Gamma(a, one).cdf(one))(batch),
        F.vmap(lambda a: D.kl_divergence(D.Gamma(a, one), D.Gamma(one, a)))(batch), F.hessian(lambda a: D.kl_divergence(D.Normal(a, one), D.Normal(one, one)))(one),
        F.vmap(lambda a: D.Categorical(logits=a).log_prob(t(1)))(batch.reshape(3, 1) * t([1.0, 2.0]).double()), F.jvp(lambda a: D.Beta(a, one).entropy(), (one,), (one,)),
    ]  # fmt: skip
    different = lambda f: F.vmap(f, randomness="different")
    for act, at in (
        (different(lambda a: D.Gamma(a, one).rsample((2,))), batch), (F.grad(lambda a: D.Gamma(a, one).rsample((3,)).sum()), one), (different(lambda a: D.Poisson(a).sample((2,))), batch),
        (different(F.grad(lambda a: D.Gamma(a, one).rsample() ** 2)), batch),
    ):  # fmt: skip
        T.manual_seed(2)
        found.append(act(at))
    return found + [attempt(lambda: F.vmap(lambda a: D.Gamma(a, one).sample())(batch)), attempt(lambda: F.vmap(lambda a: D.Normal(a, -one).loc)(batch))]


PROGRAMS = programs(globals())


@pytest.mark.parametrize("name", PROGRAMS)
def test_as_pytorch(name):
    agree(PROGRAMS[name], rtol=2e-3 if name == "inside_transforms" else 2e-4, atol=1e-5)


# ------------------------------------------------------------------------------------------------ held by mathematics
def test_implicit_slopes_keep_the_share():
    """F(x(α); α) does not move: held by the incomplete functions themselves, differenced."""
    from glassgrad.distributions.implicit import beta_slope, gamma_slope
    from glassgrad.ops.incomplete import gamma_share

    special = pytest.importorskip("scipy.special")
    a = np.array([0.05, 0.5, 1.0, 3.0, 40.0, 700.0])[:, None]
    x = special.gammaincinv(a, np.array([0.01, 0.3, 0.9, 0.999]))
    h = 1e-5 * a
    by_difference = (special.gammaincinv(a + h, special.gammainc(a, x)) - special.gammaincinv(a - h, special.gammainc(a, x))) / (2 * h)
    assert np.allclose(gamma_slope(a, x), by_difference, rtol=2e-6)
    assert np.allclose(gamma_share(a, x), special.gammainc(a, x), rtol=1e-9)
    b = np.array([0.3, 2.0, 50.0])[:, None, None]
    x = special.betaincinv(a, b, np.array([0.01, 0.3, 0.9]))
    share = special.betainc(a, b, x)
    kept = (x < 1 - 1e-9) & (x > 1e-12)
    by_difference = (special.betaincinv(a + h, b, share) - special.betaincinv(a - h, b, share)) / (2 * h)
    assert np.allclose(beta_slope(a + 0 * x, b + 0 * x, x)[kept], by_difference[kept], rtol=1e-4)


@pytest.mark.parametrize("name", ["Gamma", "Beta", "StudentT", "Normal", "Laplace", "Gumbel", "Weibull", "ContinuousBernoulli", "Kumaraswamy", "LogNormal", "Uniform"])
def test_the_mean_of_rsamples_gradient_is_the_means(name):
    """E[dx/dθ] = d E[x]/dθ, for 40 000 samples and to six standard errors."""
    D = gg.distributions
    a, b = gg.tensor(1.7, dtype=gg.float64, requires_grad=True), gg.tensor(2.6, dtype=gg.float64, requires_grad=True)
    make = {"StudentT": lambda a, b: D.StudentT(b + 2, a), "ContinuousBernoulli": lambda a, b: D.ContinuousBernoulli(logits=a + b - 3)}.get(name, lambda a, b: getattr(D, name)(a, b))
    gg.manual_seed(0)
    wide = [v.detach().expand(40_000).clone().requires_grad_() for v in (a, b)]
    found = gg.autograd.grad(make(*wide).rsample().sum(), wide)
    for mean, each in zip(gg.autograd.grad(make(a, b).mean, (a, b), allow_unused=True, materialize_grads=True), found):
        assert (each.mean() - mean).abs() <= 6 * each.std() / 200 + 1e-12


@pytest.mark.parametrize("name", [n for n, c in CASES.items() if isinstance(c[0], str) and "Relaxed" not in n])
def test_samples_have_the_moments(name):
    """Mean and variance of 20 000 samples, to six standard errors, and the mean of -log_prob against the entropy."""
    kind, _, params, named = CASES[name]
    d, _ = made(gg, kind, params, named)
    gg.manual_seed(0)
    x = d.sample((20_000,)).double()
    for moment, values in (("mean", x), ("variance", (x - x.mean(0)) ** 2)):
        try:
            expected = getattr(d, moment).detach()
        except NotImplementedError:
            continue
        error = values.std(0) / 20_000**0.5
        near = (values.mean(0) - expected).abs() <= 6 * error + 1e-9
        if kind == "VonMises":
            continue  # its moments are of angles
        known = expected.isfinite() & (error < 0.2)
        assert near[known].all(), (moment, expected, values.mean(0))
    try:
        surprise, entropy = -d.log_prob(x if x.dtype == d.sample().dtype else x.long()).detach(), d.entropy().detach()
    except NotImplementedError:
        return
    assert ((surprise.mean(0) - entropy).abs() <= 6 * surprise.std(0) / 20_000**0.5 + 1e-9).all()


def test_a_batch_draws_what_its_parts_draw():
    """Many samples at once are the same stream as few after few, in the rejecting distributions too, and leave the stream where they ended."""
    for d in (gg.distributions.Gamma(gg.tensor([0.5, 3.0]), 1.0), gg.distributions.Poisson(gg.tensor([0.5, 30.0])), gg.distributions.Binomial(40, gg.tensor([0.1, 0.6]))):
        gg.manual_seed(5)
        once = d.sample((300,))
        after = gg.rand(1)
        gg.manual_seed(5)
        assert gg.equal(gg.cat([d.sample((100,)) for _ in range(3)]), once) and gg.equal(gg.rand(1), after)


def test_pytorchs_modules_of_one_distribution_each():
    import importlib

    for module, name in (
        ("normal", "Normal"), ("categorical", "Categorical"), ("multivariate_normal", "MultivariateNormal"), ("one_hot_categorical", "OneHotCategorical"), ("von_mises", "VonMises"),
        ("studentT", "StudentT"), ("chi2", "Chi2"), ("lkj_cholesky", "LKJCholesky"), ("lowrank_multivariate_normal", "LowRankMultivariateNormal"), ("gamma", "Gamma"),
        ("transformed_distribution", "TransformedDistribution"), ("relaxed_categorical", "RelaxedOneHotCategorical"), ("independent", "Independent"), ("utils", "broadcast_all"),
        ("kl", "kl_divergence"), ("exp_family", "ExponentialFamily"), ("negative_binomial", "NegativeBinomial"), ("half_cauchy", "HalfCauchy"), ("log_normal", "LogNormal"),
    ):  # fmt: skip
        found = getattr(importlib.import_module(f"glassgrad.distributions.{module}"), name)
        assert found is getattr(gg.distributions, name, found)
