"""Transforms, constraints and the registry between them, on both engines; determinants against the Jacobian."""

import copy
import pickle

import pytest

import glassgrad as gg
from oracle import agree
from said import Said, programs
from test_distributions import attempt, with_gradient

X = [[-1.2, 0.3, 0.7], [0.4, -0.1, 2.5]]
POSITIVE = [[0.4, 1.0, 2.5], [0.7, 0.2, 3.0]]
TRANSFORMS = {
    "Exp": (lambda D, T: D.ExpTransform(), X), "Power": (lambda D, T: D.PowerTransform(T.tensor(2.0, dtype=T.float64)), POSITIVE), "Power falling": (lambda D, T: D.PowerTransform(T.tensor([-1.0, -0.5, -2.0], dtype=T.float64)), POSITIVE),
    "Sigmoid": (lambda D, T: D.SigmoidTransform(), X), "Softplus": (lambda D, T: D.SoftplusTransform(), X), "Tanh": (lambda D, T: D.TanhTransform(), X), "Abs": (lambda D, T: D.AbsTransform(), X),
    "Affine": (lambda D, T: D.AffineTransform(1.0, -2.0), X), "Affine of tensors": (lambda D, T: D.AffineTransform(T.tensor([1.0, 0.0, 2.0]), T.tensor([[0.5], [-2.0]]).double()), X), "Affine of vectors": (lambda D, T: D.AffineTransform(0.5, T.tensor([0.5, -2.0, 1.0]).double(), event_dim=1), X),
    "Softmax": (lambda D, T: D.SoftmaxTransform(), X), "StickBreaking": (lambda D, T: D.StickBreakingTransform(), X), "Reshape": (lambda D, T: D.ReshapeTransform((2, 3), (3, 2)), X), "identity": (lambda D, T: D.identity_transform, X),
    "Compose": (lambda D, T: D.ComposeTransform([D.AffineTransform(1.0, -0.5), D.TanhTransform(), D.ExpTransform().inv.inv]), X), "Compose of vectors": (lambda D, T: D.ComposeTransform([D.ExpTransform(), D.AffineTransform(0.0, 0.3), D.StickBreakingTransform(), D.ExpTransform().inv]), X),
    "Independent": (lambda D, T: D.IndependentTransform(D.ExpTransform(), 1), X), "inverse": (lambda D, T: D.SoftplusTransform().inv, POSITIVE), "inverse of vectors": (lambda D, T: D.StickBreakingTransform().inv, [[0.2, 0.5, 0.3], [0.1, 0.2, 0.7]]),
    "Stack": (lambda D, T: D.StackTransform([D.ExpTransform(), D.identity_transform, D.AffineTransform(1.0, 3.0)], dim=1), X), "Cat": (lambda D, T: D.CatTransform([D.ExpTransform(), D.TanhTransform()], dim=-1, lengths=[2, 1]), X),
    "Cumulative": (lambda D, T: D.CumulativeDistributionTransform(D.Normal(0.0, 1.0)), X), "Cumulative falling": (lambda D, T: D.CumulativeDistributionTransform(D.Exponential(1.0)), POSITIVE),
    "LowerCholesky": (lambda D, T: D.LowerCholeskyTransform(), [[0.3, 5.0], [-1.0, 0.2]]), "PositiveDefinite": (lambda D, T: D.PositiveDefiniteTransform(), [[0.3, 5.0], [-1.0, 0.2]]), "CorrCholesky": (lambda D, T: D.CorrCholeskyTransform(), X),
}  # fmt: skip


@pytest.mark.parametrize("name", TRANSFORMS)
def test_transforms(name):
    make, values = TRANSFORMS[name]

    def program(T):
        t = make(T.distributions, T)
        x = T.tensor(values, dtype=T.float64, requires_grad=True)
        y = t(x)
        found = {"repr": repr(t), "domain": repr(t.domain), "codomain": repr(t.codomain), "bijective": t.bijective, "sign": attempt(lambda: t.sign), "event_dim": attempt(lambda: t.event_dim),
                 "dims": (t.domain.event_dim, t.codomain.event_dim), "shapes": (t.forward_shape(x.shape), t.inverse_shape(y.shape)), "there": with_gradient(T, y, [x]), "back": t.inv(y.detach()),
                 "det": with_gradient(T, attempt(lambda: t.log_abs_det_jacobian(x, y)), [x]), "inside": (t.domain.check(x.detach()), t.codomain.check(y.detach())), "inverse": repr(t.inv), "again": t.inv.inv is t,
                 "det back": attempt(lambda: t.inv.log_abs_det_jacobian(y, x).detach()), "equal": (t == make(T.distributions, T), t != make(T.distributions, T), t == T.distributions.AbsTransform(), t == 3)}  # fmt: skip
        if name == "CorrCholesky":
            del found["equal"]  # here two of them are equal, as two of any other that has no parameters are
        cached = t.with_cache()
        a = x.detach()
        b = cached(a)
        found["cached"] = (cached.inv(b) is a, cached(a) is b, cached.with_cache() is cached, repr(cached))
        return found

    agree(program, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("name", [n for n in TRANSFORMS if n not in ("Abs", "Softmax", "LowerCholesky", "PositiveDefinite")])
def test_determinants_are_the_jacobians(name):
    make, values = TRANSFORMS[name]
    t = make(gg.distributions, gg)
    x = gg.tensor(values, dtype=gg.float64)
    y = t(x)
    assert gg.allclose(t.inv(y), x.double(), atol=1e-9)
    det = t.log_abs_det_jacobian(x, y)
    assert det.shape == x.shape[: x.dim() - t.domain.event_dim]
    flat = x.reshape((-1, *x.shape[x.dim() - t.domain.event_dim :]))
    total = 0.0
    if name == "CorrCholesky":  # the numbers below the diagonal are the free ones
        rows, columns = gg.tril_indices(3, 3, -1)
        act = lambda v: t(v)[rows, columns]
    elif t.codomain.event_dim and "StickBreaking" in repr(t) and "inverse" not in name.lower():
        act = lambda v: t(v)[..., :-1]
    else:
        act = t
    if "Compose of vectors" in name or "inverse of vectors" in name:
        return  # the last step acts on numbers that are not free; held by PyTorch's values
    if not t.domain.event_dim:
        jacobian = gg.autograd.functional.jacobian(act, x).reshape(x.numel(), x.numel())
        total = gg.linalg.slogdet(jacobian)[1]
    else:
        pieces = [gg.autograd.functional.jacobian(act, v) for v in flat] if name != "Reshape" else [gg.autograd.functional.jacobian(act, x)]
        total = sum(gg.linalg.slogdet(p.reshape(v.numel(), v.numel()))[1] for p, v in zip(pieces, flat if name != "Reshape" else [x]))
    assert gg.allclose(det.sum(), total, atol=1e-8)


CONSTRAINTS = {
    "real": [0.0, float("nan"), 1.0], "positive": [0.0, 1.0, -1.0], "nonnegative": [0.0, 1.0, -1.0], "unit_interval": [0.0, 1.0, 1.5], "boolean": [0.0, 1.0, 0.5], "nonnegative_integer": [0.0, 1.5, -1.0], "positive_integer": [0.0, 1.0, 3.5],
    "simplex": [[0.5, 0.5], [0.5, 0.6], [-0.5, 1.5]], "one_hot": [[0.0, 1.0], [1.0, 1.0], [0.5, 0.5]], "real_vector": [[0.0, 1.0], [float("nan"), 1.0]], "square": [[[1.0, 2.0]]], "lower_triangular": [[[1.0, 0.0], [2.0, -1.0]], [[1.0, 1.0], [0.0, 1.0]]],
    "lower_cholesky": [[[1.0, 0.0], [2.0, -1.0]], [[1.0, 0.0], [2.0, 1.0]]], "corr_cholesky": [[[1.0, 0.0], [0.6, 0.8]], [[1.0, 0.0], [2.0, 1.0]]], "symmetric": [[[1.0, 0.3], [0.3, -1.0]], [[1.0, 0.3], [0.2, 1.0]]],
    "positive_definite": [[[1.0, 0.3], [0.3, 1.0]], [[1.0, 3.0], [3.0, 1.0]]], "positive_semidefinite": [[[1.0, 0.0], [0.0, 0.0]], [[1.0, 3.0], [3.0, 1.0]]],
}  # fmt: skip


@pytest.mark.parametrize("name", CONSTRAINTS)
def test_constraints(name):
    def program(T):
        c = getattr(T.distributions.constraints, name)
        found = {"repr": repr(c), "check": c.check(T.tensor(CONSTRAINTS[name])), "kind": (c.is_discrete, c.event_dim)}
        for to in ("biject_to", "transform_to"):
            found[to] = attempt(lambda: repr(getattr(T.distributions, to)(c)))
        return found

    agree(program)


def t_constraints_with_arguments(T):
    c, said = T.distributions.constraints, Said()
    made = (c.interval(0.0, 2.0), c.half_open_interval(0.0, 2.0), c.integer_interval(0, 2), c.greater_than(1.0), c.greater_than_eq(1.0), c.less_than(1.0), c.greater_than(T.tensor(1.0)))
    for one in made:
        said.add(one, one.check(T.tensor([-1.0, 0.0, 0.5, 1.0, 2.0])))
    said.add(c.multinomial(3), c.multinomial(3).check(T.tensor([[1.0, 2.0], [3.0, 1.0]])))
    said.add(c.independent(c.positive, 1), c.independent(c.positive, 1).check(T.tensor([[1.0, 2.0], [3.0, -1.0]])), c.independent(c.independent(c.boolean, 1), 2).event_dim)
    said.add(c.cat([c.positive, c.real], 0, [1, 2]).check(T.tensor([-1.0, -1.0, 2.0])), c.stack([c.positive, c.real], 0).check(T.tensor([-1.0, -1.0])))
    said.add(c.stack([c.positive, c.real], -1).event_dim, c.cat([c.positive, c.boolean]).is_discrete)
    said.add([c.is_dependent(x) for x in (c.dependent, c.real, T.distributions.Uniform.support, T.distributions.Uniform(0.0, 1.0).support)])
    said.each(
        few=lambda: c.independent(c.positive, 1).check(T.tensor(1.0)), dependent=lambda: c.dependent.check(T.tensor(1.0)), kind=lambda: c.dependent.is_discrete, dims=lambda: c.dependent.event_dim,
        told=lambda: c.dependent(event_dim=2).event_dim, base=lambda: c.Constraint().check(T.tensor(1.0)), mixture=lambda: c.MixtureSameFamilyConstraint(3), of_class=lambda: T.distributions.Categorical.support.event_dim,
    )  # fmt: skip
    return said


def t_registry(T):
    D, said = T.distributions, Said()
    c = D.constraints
    for one in (c.interval(1.0, 3.0), c.less_than(2.0), c.greater_than(T.tensor(2.0)), c.independent(c.positive, 1), c.cat([c.positive, c.unit_interval], 0, [2, 1]), c.stack([c.positive, c.unit_interval, c.real])):
        for to in (D.biject_to, D.transform_to):
            t = to(one)
            y = t(T.tensor([0.3, -0.2, 1.0]))
            said.add(t, y, one.check(y), t.inv(y))
    said.each(
        boolean=lambda: D.biject_to(c.boolean), cholesky=lambda: D.biject_to(c.lower_cholesky), number=lambda: D.biject_to(3), register=lambda: D.biject_to.register(3, lambda c: None),
    )  # fmt: skip

    class Mine(c.Constraint):
        pass

    registry = D.constraint_registry.ConstraintRegistry()
    registry.register(Mine)(lambda c: D.ExpTransform())
    registry.register(c.real, lambda c: D.AbsTransform())
    said.add(registry(Mine()), registry(c.real))
    return said


def t_refused(T):
    D, said = T.distributions, Said()
    said.each(
        cache=lambda: D.ExpTransform(cache_size=2), reshape=lambda: D.ReshapeTransform((2, 3), (5,)), shape=lambda: D.ReshapeTransform((2, 3), (6,)).forward_shape((2,)), mismatch=lambda: D.ReshapeTransform((2, 3), (6,)).forward_shape((3, 2)),
        stick=lambda: D.StickBreakingTransform().forward_shape(()), dims=lambda: D.StickBreakingTransform().event_dim, corr=lambda: D.CorrCholeskyTransform().forward_shape((4,)), square=lambda: D.CorrCholeskyTransform().inverse_shape((4, 3)),
        softmax=lambda: D.SoftmaxTransform().log_abs_det_jacobian(1, 2), abs=lambda: D.AbsTransform().log_abs_det_jacobian(1, 2), sign=lambda: D.AbsTransform().sign, nothing=lambda: D.Transform()(T.ones(1)), independent=lambda: D.IndependentTransform(D.ExpTransform(), 2)(T.ones(1)),
        base=lambda: D.TransformedDistribution(D.Normal(0.0, 1.0), [D.SoftmaxTransform()]), number=lambda: D.TransformedDistribution(D.Normal(0.0, 1.0), 3), numbers=lambda: D.TransformedDistribution(D.Normal(0.0, 1.0), [3]),
        cdf=lambda: D.TransformedDistribution(D.Normal(T.zeros(3), 1.0), [D.StickBreakingTransform()]).cdf(T.tensor([0.25] * 4)), det=lambda: D.TransformedDistribution(D.Normal(0.0, 1.0), [D.AbsTransform()]).log_prob(T.tensor(1.0)),
    )  # fmt: skip
    return said


def t_a_flow_learns(T):
    """A normalising flow fitted to samples by its log-likelihood."""
    D = T.distributions
    T.manual_seed(0)
    data = D.LogNormal(1.0, 0.5).sample((64,)).double()
    loc, scale = T.zeros((), dtype=T.float64, requires_grad=True), T.zeros((), dtype=T.float64, requires_grad=True)
    optimizer = T.optim.Adam([loc, scale], lr=0.1)
    for _ in range(30):
        flow = D.TransformedDistribution(D.Normal(T.zeros((), dtype=T.float64), 1.0), [D.AffineTransform(loc, D.transform_to(D.constraints.positive)(scale)), D.ExpTransform()])
        loss = -flow.log_prob(data).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return [loss.detach(), loc, scale]


PROGRAMS = programs(globals())


@pytest.mark.parametrize("name", PROGRAMS)
def test_as_pytorch(name):
    agree(PROGRAMS[name], rtol=1e-5, atol=1e-7)


def test_transforms_are_copied_and_pickled():
    t = gg.distributions.ComposeTransform([gg.distributions.AffineTransform(1.0, 2.0), gg.distributions.ExpTransform()], cache_size=1)
    x = gg.tensor(0.5)
    kept = t.inv
    for other in (copy.deepcopy(t), pickle.loads(pickle.dumps(t))):
        assert gg.equal(other(x), t(x)) and gg.allclose(other.inv(other(x)), x) and other.inv.inv is other
    assert kept is t.inv
