"""A user's Function inside the transforms: its own jvp, its own vmap, generated rules, and what PyTorch refuses."""

import inspect

import pytest

import glassgrad as gg
from oracle import agree


def product(T, generate=None, vmap=None, log=None, **own):
    """x·y·n, with every derivative; `own` replaces its parts."""

    class Product(T.autograd.Function):
        @staticmethod
        def forward(x, y, n):
            return x * y * n

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.save_for_backward(*inputs[:2])
            ctx.save_for_forward(*inputs[:2])
            ctx.n = inputs[2]

        @staticmethod
        def jvp(ctx, a, b, n):
            x, y = ctx.saved_tensors
            return (a * y + b * x) * ctx.n

        @staticmethod
        def backward(ctx, grad):
            if log is not None:
                log.append(grad.shape)
            x, y = ctx.saved_tensors
            return grad * y * ctx.n, grad * x * ctx.n, None

    if generate is not None:
        Product.generate_vmap_rule = generate
    if vmap is not None:
        Product.vmap = staticmethod(vmap)
    for name, function in own.items():
        setattr(Product, name, staticmethod(function))
    return Product


def batched(T, log):
    """A Product with a vmap of its own, which notes what it is given."""

    def vmap(info, in_dims, x, y, n):
        log.append((tuple(info), in_dims, x.shape, y.shape, n))
        x, y = [v if d is None else v.movedim(d, 0) for v, d in zip((x, y), in_dims)]
        return P.apply(x, y, n), 0

    P = product(T, vmap=vmap, log=log)
    return P


def t_own_vmap(T):
    X, w = T.arange(6.0).reshape(2, 3), T.tensor([1.0, 2.0, 3.0])
    log = []
    P = batched(T, log)
    one = lambda x: P.apply(x, w, 2.0)
    return [
        T.vmap(one)(X), T.vmap(one, in_dims=1)(X.T.contiguous()), T.vmap(lambda x: P.apply(w, w, 2.0) + x)(X),
        T.vmap(T.vmap(lambda x: P.apply(x, x, 2.0)))(X), T.vmap(T.func.grad(lambda x: one(x).sum()))(X),
        T.func.grad(lambda x: T.vmap(one)(x).sum())(X), T.func.jvp(lambda x: T.vmap(one)(x).sum(), (X,), (X,)),
        T.vmap(lambda x: T.func.jvp(one, (x,), (x,)))(X), T.func.jacrev(one)(w), T.func.jacfwd(one)(w),
        T.func.hessian(lambda x: P.apply(x, x, 2.0).sum())(w), log,
    ]  # fmt: skip


def t_own_vmap_in_a_plain_graph(T):
    log = []
    P = batched(T, log)
    x = T.arange(6.0).reshape(2, 3).requires_grad_()
    return T.autograd.grad(T.vmap(lambda x: P.apply(x, T.ones(3), 2.0))(x).sum(), x), log


def t_generated(T):
    X, w, log = T.arange(6.0).reshape(2, 3), T.tensor([1.0, 2.0, 3.0]), []
    P = product(T, True, log=log)
    one = lambda x: P.apply(x, w, 2.0)
    return T.vmap(one)(X), T.vmap(T.func.grad(lambda x: one(x).sum()))(X), T.func.grad(lambda x: T.vmap(one)(x).sum())(X), log


def refused(**parts):
    def t(T):
        P = product(T, **parts)
        return T.vmap(lambda x: P.apply(x, T.ones(3), 2.0))(T.ones(2, 3))

    return t


t_no_rule = refused()
t_both_rules = refused(generate=True, vmap=lambda info, dims, x, y, n: (x * y, 0))
t_three_returns = refused(vmap=lambda info, dims, x, y, n: (x, y, n))
t_dims_of_two = refused(vmap=lambda info, dims, x, y, n: (x * y, (0, 0)))
t_output_without_batch = refused(vmap=lambda info, dims, x, y, n: (y, None))
t_two_outputs_one_dim = refused(vmap=lambda info, dims, x, y, n: ((x, x * y), 0))
t_no_tensor = refused(vmap=lambda info, dims, x, y, n: (3, 0))


def t_ctx_in_forward(T):
    class Old(T.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

    return T.func.grad(lambda x: Old.apply(x).sum())(T.ones(2))


def moved(**own):
    def by_func(T):
        P = product(T, **own)
        return T.func.jvp(lambda x: P.apply(x, T.tensor([3.0, 4.0]), 1.0), (T.tensor([1.0, 2.0]),), (T.ones(2),))

    def by_hand(T):
        P = product(T, **own)
        fwAD = T.autograd.forward_ad
        with fwAD.dual_level():
            return tuple(fwAD.unpack_dual(P.apply(fwAD.make_dual(T.tensor([1.0, 2.0]), T.ones(2)), T.tensor([3.0, 4.0]), 1.0)))

    return by_func, by_hand


def dirty(ctx, inputs, output):
    ctx.mark_dirty(inputs[0])


t_jvp, t_jvp_by_hand = moved()
t_jvp_of_two, t_jvp_of_two_by_hand = moved(jvp=lambda ctx, a, b, n: (a, b))
t_jvp_of_a_shape, t_jvp_of_a_shape_by_hand = moved(jvp=lambda ctx, a, b, n: a.sum() * a[:1])
t_jvp_number, t_jvp_number_by_hand = moved(jvp=lambda ctx, a, b, n: 3.0)
t_jvp_view, _ = moved(forward=lambda x, y, n: x.view(-1), jvp=lambda ctx, a, b, n: a)
_, t_jvp_no_view_by_hand = moved(forward=lambda x, y, n: x.view(-1), jvp=lambda ctx, a, b, n: a)
_, t_jvp_view_by_hand = moved(forward=lambda x, y, n: x.view(-1), jvp=lambda ctx, a, b, n: a.view(-1))
t_jvp_returned, t_jvp_returned_by_hand = moved(forward=lambda x, y, n: x, jvp=lambda ctx, a, b, n: a.view_as(a))
_, t_jvp_dirty_by_hand = moved(forward=lambda x, y, n: x.mul_(y), setup_context=dirty, jvp=lambda ctx, a, b, n: a.mul_(2))
_, t_jvp_not_in_place_by_hand = moved(forward=lambda x, y, n: x.mul_(y), setup_context=dirty, jvp=lambda ctx, a, b, n: a * 2)
t_jvp_not_differentiable, t_jvp_not_differentiable_by_hand = moved(setup_context=lambda ctx, i, o: ctx.mark_non_differentiable(o), jvp=lambda ctx, *t: t[0])


def not_materialized(ctx, inputs, output):
    ctx.set_materialize_grads(False)


t_jvp_without_zeros, t_jvp_without_zeros_by_hand = moved(setup_context=not_materialized, jvp=lambda ctx, a, b, n: a if b is None and n is None else a * 100)


def t_no_jvp(T):
    class Old(T.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

    fwAD = T.autograd.forward_ad
    with fwAD.dual_level():
        return Old.apply(fwAD.make_dual(T.ones(2), T.ones(2)))


def t_saved_by_ctx(T):
    """A forward that takes the ctx: jvp sees what was saved for it, and backward runs on what moves."""

    class Cube(T.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            ctx.save_for_forward(x)
            ctx.k = 3
            return x**3

        @staticmethod
        def jvp(ctx, t):
            (x,) = ctx.saved_tensors
            return t * ctx.k * x**2

        @staticmethod
        def backward(ctx, grad):
            (x,) = ctx.saved_tensors
            return grad * ctx.k * x**2

    fwAD = T.autograd.forward_ad
    w = T.tensor([1.0, 2.0], requires_grad=True)
    with fwAD.dual_level():
        x = fwAD.make_dual(w, T.tensor([1.0, 3.0]))
        y = Cube.apply(x)
        (g,) = T.autograd.grad(y.sum(), x, create_graph=True)
        of_gradient = fwAD.unpack_dual(g).tangent
        return fwAD.unpack_dual(y).tangent, of_gradient, T.autograd.grad(fwAD.unpack_dual(y).tangent.sum(), w, retain_graph=True), T.autograd.grad(of_gradient.sum(), w)


def cube(T, own):
    class Cube(T.autograd.Function):
        generate_vmap_rule = not own

        @staticmethod
        def forward(x):
            return x**3

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.save_for_backward(*inputs)
            ctx.save_for_forward(*inputs)

        @staticmethod
        def backward(ctx, grad):
            (x,) = ctx.saved_tensors
            return grad * 3 * x**2

        @staticmethod
        def jvp(ctx, t):
            (x,) = ctx.saved_tensors
            return t * 3 * x**2

    if own:
        Cube.vmap = staticmethod(lambda info, in_dims, x: (Cube.apply(x), in_dims[0]))
    return Cube


NESTED = {
    "hessian": lambda F, f, C, x, X: F.hessian(f)(x),
    "jacrev jacrev": lambda F, f, C, x, X: F.jacrev(F.jacrev(f))(x),
    "jacrev jacfwd": lambda F, f, C, x, X: F.jacrev(F.jacfwd(f))(x),
    "vmap hessian": lambda F, f, C, x, X: F.vmap(F.hessian(f))(X),
    "jvp grad": lambda F, f, C, x, X: F.jvp(F.grad(f), (x,), (x,)),
    "grad jvp": lambda F, f, C, x, X: F.grad(lambda x: F.jvp(f, (x,), (X[0],))[1])(x),
    "vmap jvp": lambda F, f, C, x, X: F.vmap(lambda x, t: F.jvp(f, (x,), (t,)), (None, 0))(x, X),
    "jvp vmap": lambda F, f, C, x, X: F.jvp(lambda X: F.vmap(C.apply)(X), (X,), (X,)),
    "vmap dims": lambda F, f, C, x, X: F.vmap(C.apply, in_dims=1, out_dims=1)(X),
    "grad vmap grad": lambda F, f, C, x, X: F.grad(lambda X: F.vmap(F.grad(f))(X).sum())(X),
    "linearize": lambda F, f, C, x, X: F.linearize(f, x)[1](x),
}


@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize("name", NESTED)
def test_nested(name, own):
    def program(T):
        C = cube(T, own)
        return NESTED[name](T.func, lambda x: C.apply(x).sum(), C, T.tensor([1.0, 2.0, 3.0]), T.arange(6.0).reshape(2, 3))

    agree(program)


@pytest.mark.parametrize("own", [False, True])
def test_jvp_of_jvp(own):
    """PyTorch 2.13.0 says 0 here: what a Function saved for forward mode does not move in the outer level."""
    x = gg.tensor([1.0, 2.0, 3.0])
    f = lambda x: cube(gg, own).apply(x).sum()
    assert gg.func.jacfwd(gg.func.jacfwd(f))(x).tolist() == [[6, 0, 0], [0, 12, 0], [0, 0, 18]]


PROGRAMS = [v for k, v in list(globals().items()) if k.startswith("t_") and inspect.isfunction(v)]
NAMES = [k for k, v in list(globals().items()) if k.startswith("t_") and inspect.isfunction(v)]


@pytest.mark.parametrize("program", PROGRAMS, ids=NAMES)
def test_program(program):
    agree(program)
