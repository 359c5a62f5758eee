"""gradcheck and gradgradcheck: what they accept, what they find, and what they say; each program run on both engines."""

import pytest

import glassgrad as gg
from functions import make
from glassgrad.autograd.gradcheck import GradcheckError
from oracle import agree
from table import ROWS
from test_ops import listed, tensors


def D(T, *v, **k):
    return T.tensor(list(v) or [1.0, 2.0], dtype=T.float64, requires_grad=True)


def differentiable_once(T):
    """x³, whose backward takes the saved x without its graph: a second derivative would be wrong."""

    def f(ctx, x):
        ctx.save_for_backward(x)
        return x**3

    return make(T, f, lambda ctx, g: 3 * g * ctx.saved_tensors[0].detach() ** 2).apply


def C(T):
    return T.tensor([1.0 + 2j, -0.5 + 1j], dtype=T.complex128, requires_grad=True)


def both(T, f, x, **k):
    r = []
    for fast in (False, True):
        try:
            r.append(T.autograd.gradcheck(f, x, fast_mode=fast, **k))
        except (RuntimeError, ValueError, TypeError, AssertionError, NotImplementedError) as e:
            r.append((type(e).__name__, str(e).split("\n")[0]))
    return r


def bad(T):
    return make(T, lambda ctx, x: (ctx.save_for_backward(x), x * x)[1], lambda ctx, g: g * ctx.saved_tensors[0] * 3).apply


def t_good(T):
    return both(T, lambda x: (x * x).sin(), (D(T),))


def t_good_single(T):
    return both(T, lambda x: (x * x).sin(), D(T))


def t_good_two(T):
    return both(T, lambda x, y: x @ y, (T.ones(2, 3, dtype=T.float64, requires_grad=True), T.ones(3, 2, dtype=T.float64, requires_grad=True)))


def t_good_outputs(T):
    return both(T, lambda x: (x * x, x.sin(), 3), D(T))


def t_good_int_output(T):
    return both(T, lambda x: (x * x, x.argmax()), D(T))


def t_good_list(T):
    return both(T, lambda x: [x * x, x.exp()], D(T))


def t_mixed_inputs(T):
    return both(T, lambda x, n, y: x**n * y, (D(T), 2, T.tensor([1, 2])))


def t_scalar(T):
    return both(T, lambda x: x.sin(), T.tensor(1.0, dtype=T.float64, requires_grad=True))


def t_float(T):
    return both(T, lambda x: x * 2, T.ones(2, requires_grad=True))


def t_float_tol(T):
    return both(T, lambda x: x * 2, T.ones(2, requires_grad=True), eps=0.01, atol=0.01)


def t_none_require(T):
    return both(T, lambda x: x * 2, T.ones(2, dtype=T.float64))


def t_non_leaf(T):
    return both(T, lambda x: x * 2, D(T) * 1)


def t_bad(T):
    return both(T, bad(T), D(T))


def t_bad_text(T):
    try:
        T.autograd.gradcheck(bad(T), D(T))
    except RuntimeError as e:
        return (type(e).__name__, str(e))


def t_undefined_raises(T):

    def b(ctx, g):
        if g is None:
            raise RuntimeError("no gradient")
        return g

    def f(ctx, x):
        ctx.set_materialize_grads(False)
        return x * 1

    return both(T, make(T, f, b).apply, D(T))


def t_zero_not_multiplied(T):
    return both(T, make(T, lambda ctx, x: x * 0, lambda ctx, g: T.ones_like(g) * 1e-07).apply, D(T))


def t_gradient_missing(T):
    return both(T, make(T, lambda ctx, x: x * 2, lambda ctx, g: None).apply, D(T))


def t_bad_returns(T):
    return both(T, bad(T), D(T), raise_exception=False)


def t_bad_second_input(T):
    F = make(T, lambda ctx, x, y: x + y * 2, lambda ctx, g: (g, g * 3)).apply
    return both(T, F, (D(T), D(T)))


def t_bad_second_output(T):
    F = make(T, lambda ctx, x: (x * 1, x * 2), lambda ctx, g, h: g + h * 3).apply
    return both(T, F, (D(T),))


def t_nondet(T):
    n = [0]

    def b(ctx, g):
        n[0] += 1
        return g * (1 + 1e-07 * (n[0] % 2))

    return both(T, make(T, lambda ctx, x: x * 1, b).apply, D(T))


def t_nondet_tol(T):
    n = [0]

    def b(ctx, g):
        n[0] += 1
        return g * (1 + 1e-07 * (n[0] % 2))

    return both(T, make(T, lambda ctx, x: x * 1, b).apply, D(T), nondet_tol=1e-05)


def t_not_multiplied(T):
    return both(T, make(T, lambda ctx, x: x * 1, lambda ctx, g: T.ones_like(g)).apply, D(T))


def t_undefined(T):

    def f(ctx, x):
        ctx.set_materialize_grads(False)
        return (x * 1, x * 2)

    return both(T, make(T, f, lambda ctx, g, h: g + 2 * h).apply, D(T))


def t_undefined_off(T):

    def f(ctx, x):
        ctx.set_materialize_grads(False)
        return (x * 1, x * 2)

    return both(T, make(T, f, lambda ctx, g, h: (0 if g is None else g) + 2 * (0 if h is None else h)).apply, D(T), check_undefined_grad=False)


def t_undefined_one(T):

    def f(ctx, x):
        ctx.set_materialize_grads(False)
        return x * 1

    return both(T, make(T, f, lambda ctx, g: T.ones(2, dtype=T.float64) if g is None else g).apply, D(T))


def t_no_diff_output(T):
    return both(T, lambda x: x.detach() * 0, D(T))


def t_no_diff_output_moves(T):
    return both(T, lambda x: x.detach() * 2, D(T))


def t_int_only(T):
    return both(T, lambda x: x.argmax(), D(T))


def t_no_output(T):
    return both(T, lambda x: None, D(T))


def t_unused(T):
    return both(T, lambda x, y: x * 2, (D(T), D(T)))


def t_expanded(T):
    return both(T, lambda x: x * 2, (T.ones(1, dtype=T.float64).expand(3).requires_grad_(),))


def t_complex(T):
    return both(T, lambda x: x * x, C(T))


def t_complex_abs(T):
    return both(T, lambda x: x.abs(), C(T))


def t_complex_mixed(T):
    return both(T, lambda x, y: x * y, (C(T), D(T)))


def t_real_to_complex(T):
    return both(T, lambda x: x * (1 + 2j), D(T))


def t_complex_bad(T):
    return both(T, make(T, lambda ctx, x: x * (1 + 2j), lambda ctx, g: g * (1 + 2j)).apply, C(T))


def t_complex_bad_real(T):
    return both(T, make(T, lambda ctx, x: x * (1 + 2j), lambda ctx, g: (g * (1 + 2j)).real).apply, D(T))


def t_complex_conj(T):
    return both(T, lambda x: x.conj() * x.real, C(T))


def t_dtypes(T):
    return both(T, lambda x: x * 2, D(T), check_grad_dtypes=True)


def t_batched(T):
    return both(T, lambda x: (x * x, x.sum()), D(T), check_batched_grad=True)


def t_batched_alone(T):
    return both(T, lambda x: x * x, D(T), check_batched_forward_grad=True)


def t_nothing_checked(T):
    return both(T, lambda x: x * x, D(T), check_backward_ad=False)


def t_masked(T):
    return both(T, lambda x: x * x, D(T), masked=True)


def t_eps(T):
    return T.autograd.gradcheck(lambda x: x**3, D(T), eps=0.1)


def t_atol(T):
    return both(T, lambda x: x**3, D(T), eps=0.1, atol=1.0)


def t_rtol(T):
    return both(T, lambda x: x**3, D(T), eps=0.1, rtol=0.1)


def t_raises(T):

    def f(x):
        raise KeyError("inside")

    T.autograd.gradcheck(f, D(T))


def t_in_place(T):
    return both(T, lambda x: x.clone().mul_(3).exp_(), D(T))


def t_writes_input(T):

    def f(x):
        y = x * 1
        y[0] = x[1] ** 2
        return y

    return both(T, f, D(T))


def t_view_output(T):
    return both(T, lambda x: x.view(2, 1).expand(2, 3), D(T))


def t_relu_kink(T):
    return both(T, lambda x: x.relu(), D(T, 0.0, 1.0))


def t_discontinuous(T):
    return both(T, lambda x: x.abs().sqrt(), D(T, 0.0, 1.0))


def t_empty(T):
    return both(T, lambda x: x * 2, T.ones(0, 3, dtype=T.float64, requires_grad=True))


def t_non_contiguous(T):
    return both(T, lambda x: x * x, T.arange(6.0, dtype=T.float64).reshape(2, 3).t().requires_grad_())


def t_grad_kept(T):
    x = D(T)
    T.autograd.gradcheck(lambda x: x * x, x)
    return (x.grad, x.requires_grad, x)


def gg2(T, f, x, *a, **k):
    try:
        return T.autograd.gradgradcheck(f, x, *a, **k)
    except (RuntimeError, ValueError, TypeError, NotImplementedError) as e:
        return (type(e).__name__, str(e).split("\n")[0])


def t_gg(T):
    return (gg2(T, lambda x: x**3, D(T)), gg2(T, lambda x: x.sin(), (D(T),), fast_mode=True))


def t_gg_two(T):
    return gg2(T, lambda x, y: (x * y, x.exp() * y), (D(T), D(T)))


def t_gg_outputs(T):
    return (gg2(T, lambda x: x**3, D(T), T.ones(2, dtype=T.float64, requires_grad=True)), gg2(T, lambda x: x**3, D(T), T.ones(2, dtype=T.float64)))


def t_gg_noncontig(T):
    return gg2(T, lambda x: x**3, D(T), gen_non_contig_grad_outputs=True)


def t_gg_complex(T):
    return gg2(T, lambda x: x * x, C(T))


def t_gg_once(T):
    return gg2(T, differentiable_once(T), D(T))


def t_gg_once_false(T):
    return gg2(T, differentiable_once(T), D(T), raise_exception=False)


def t_gg_linear(T):
    return gg2(T, lambda x: x * 2, D(T))


def t_gg_none(T):
    return gg2(T, lambda x: x * 2, T.ones(2, dtype=T.float64))


def t_gg_nothing(T):
    return gg2(T, lambda x: x**2, D(T), check_rev_over_rev=False)


def t_gg_batched(T):
    return gg2(T, lambda x: x**3, D(T), check_batched_grad=True)


def t_is_error(T):
    from importlib import import_module

    E = import_module(T.__name__ + ".autograd.gradcheck").GradcheckError
    return (issubclass(E, RuntimeError), E.__mro__[1].__name__, E.__name__)


def t_signature(T):
    import inspect

    return (
        str(inspect.signature(T.autograd.gradcheck)).split("->")[0].count(","),
        sorted(inspect.signature(T.autograd.gradcheck).parameters),
        sorted(inspect.signature(T.autograd.gradgradcheck).parameters),
        [str(p.default) for p in inspect.signature(T.autograd.gradcheck).parameters.values()],
        [str(p.default) for p in inspect.signature(T.autograd.gradgradcheck).parameters.values()],
    )


def t_shape_depends(T):
    return both2(T, lambda x: T.cat([x, x]) if bool((x >= 1).all()) else x)


def t_dtype_depends(T):
    return both2(T, lambda x: x.float() if bool((x >= 1).all()) else x)


def both2(T, f):
    return both(T, f, T.ones(1, dtype=T.float64, requires_grad=True))


PROGRAMS = {name[2:]: program for name, program in list(globals().items()) if name.startswith("t_")}


@pytest.mark.parametrize("name", PROGRAMS)
def test_as_pytorch(name):
    agree(PROGRAMS[name], rtol=1e-5, atol=1e-6)


def test_a_failure_names_the_worst_element():
    class Wrong(gg.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * gg.tensor([1.0, 5.0, 1.0], dtype=gg.float64)

        @staticmethod
        def backward(ctx, g):
            return g

    for fast in (False, True):
        with pytest.raises(GradcheckError, match="Jacobian mismatch") as caught:
            gg.autograd.gradcheck(Wrong.apply, gg.ones(3, dtype=gg.float64, requires_grad=True), fast_mode=fast)
        assert "output 0[1] by input 0[1]: finite differences say 5, backward 1" in caught.value.__notes__[0]


def product(T, jvp=None, backward=None, materialize=True):
    class Product(T.autograd.Function):
        @staticmethod
        def forward(ctx, x, y):
            ctx.save_for_backward(x, y)
            ctx.save_for_forward(x, y)
            ctx.set_materialize_grads(materialize)
            return x * y

        @staticmethod
        def backward(ctx, g):
            x, y = ctx.saved_tensors
            return backward(g, x, y) if backward else (g * y, g * x)

        @staticmethod
        def jvp(ctx, a, b):
            x, y = ctx.saved_tensors
            return jvp(a, b, x, y) if jvp else a * y + b * x

    return Product.apply


def twice(a, b, x, y):
    return a * y + 2 * b * x


FORWARD = {
    "right": lambda T, x, y, z: gradcheck(T, product(T), x, y),
    "wrong": lambda T, x, y, z: gradcheck(T, product(T, twice), x, y),
    "wrong, one input": lambda T, x, y, z: gradcheck(T, product(T, twice), x.detach(), y),
    "not backward": lambda T, x, y, z: gradcheck(T, product(T, None, lambda g, x, y: (g, g)), x, y, check_backward_ad=False),
    "batched": lambda T, x, y, z: gradcheck(T, lambda x, y: x * y, x, y, check_batched_forward_grad=True),
    "batched, of a Function": lambda T, x, y, z: gradcheck(T, product(T), x, y, check_batched_forward_grad=True),
    "batched gradients need backward": lambda T, x, y, z: gradcheck(T, lambda x: x, x, check_batched_grad=True, check_backward_ad=False),
    "without a graph": lambda T, x, y, z: gradcheck(T, lambda x: x.detach(), x),
    "several outputs": lambda T, x, y, z: gradcheck(T, lambda x, y: (x * y, x.sum(), y.detach()), x, y),
    "complex": lambda T, x, y, z: gradcheck(T, lambda z: z * z.conj() * z, z),
    "complex, fast": lambda T, x, y, z: gradcheck(T, lambda z: z * z.conj() * z, z, fast_mode=True),
    "complex to real": lambda T, x, y, z: gradcheck(T, lambda z: z.abs(), z),
    "real to complex": lambda T, x, y, z: gradcheck(T, lambda x: x * (1 + 2j), x),
    "forward over reverse": lambda T, x, y, z: T.autograd.gradgradcheck(lambda x, y: x**3 * y, (x, y), check_fwd_over_rev=True),
    "forward over reverse only": lambda T, x, y, z: T.autograd.gradgradcheck(
        lambda x, y: x**3 * y, (x, y), check_fwd_over_rev=True, check_rev_over_rev=False, check_undefined_grad=False),
    "undefined needs reverse": lambda T, x, y, z: T.autograd.gradgradcheck(lambda x: x**3, (x,), check_fwd_over_rev=True, check_rev_over_rev=False),
}  # fmt: skip


def gradcheck(T, f, *inputs, **options):
    return T.autograd.gradcheck(f, inputs, check_forward_ad=True, **options)


@pytest.mark.parametrize("name", FORWARD)
def test_forward_mode(name):
    def program(T):
        x = T.tensor([1.0, 2.0], dtype=T.float64, requires_grad=True)
        y = T.tensor([3.0, 4.0], dtype=T.float64, requires_grad=True)
        z = T.tensor([1 + 2j, 2 - 1j], dtype=T.complex128, requires_grad=True)
        return FORWARD[name](T, x, y, z)

    agree(program)


@pytest.mark.parametrize("fast", [False, True])
def test_a_wrong_tangent_is_found(fast):
    x, y = (gg.ones(2, dtype=gg.float64, requires_grad=True) for _ in range(2))
    with pytest.raises(GradcheckError, match="Jacobian computed with forward mode mismatch") as caught:
        gg.autograd.gradcheck(product(gg, twice), (x, y), check_forward_ad=True, fast_mode=fast)
    assert "by input 1[0]: finite differences say 1, jvp 2" in caught.value.__notes__[0]
    assert gg.autograd.gradcheck(product(gg, twice), (x, y))


def test_an_undefined_tangent_counts_as_zeros():
    x, y = (gg.ones(2, dtype=gg.float64, requires_grad=True) for _ in range(2))
    ones_for_none = lambda a, b, x, y: 0 * x + 1 if a is None or b is None else a * y + b * x
    f = product(gg, ones_for_none, materialize=False, backward=lambda g, x, y: (None if g is None else g * y, None if g is None else g * x))
    with pytest.raises(GradcheckError, match="Mismatch in tangent values for output with index"):
        gg.autograd.gradcheck(f, (x, y), check_forward_ad=True)
    assert gg.autograd.gradcheck(f, (x, y), check_forward_ad=True, check_undefined_grad=False)


@pytest.mark.parametrize("name", ["sin", "exp", "tanh", "sigmoid", "log", "sqrt", "cumsum", "prod", "logsumexp", "softmax", "norm", "var"])
@pytest.mark.parametrize("fast", [False, True])
def test_the_engines_own_ops_pass(name, fast):
    x = gg.tensor([[0.3, 1.2, 2.0], [0.7, 0.9, 1.5]], dtype=gg.float64, requires_grad=True)
    op = getattr(gg, name)
    f = (lambda x: op(x, 1)) if name in ("cumsum", "logsumexp", "softmax") else op
    assert gg.autograd.gradcheck(f, x, fast_mode=fast, check_batched_grad=True, check_forward_ad=True, check_batched_forward_grad=True)
    assert gg.autograd.gradgradcheck(f, x, fast_mode=fast, check_fwd_over_rev=True)


@pytest.mark.parametrize("row", [r for r in ROWS if r.smooth and r.name != "to"], ids=lambda r: r.name.replace(" ", "_"))
def test_every_op_of_the_table_passes(row):
    xs = tensors(gg, row.inputs(0), True)
    call = lambda *xs: [o for o in listed(row.call(gg, *xs)) if isinstance(o, gg.Tensor)]  # noqa: E731
    assert gg.autograd.gradcheck(call, xs, fast_mode=True, check_forward_ad=True, check_batched_forward_grad=True)
    assert gg.autograd.gradgradcheck(call, xs, fast_mode=True, check_fwd_over_rev=True)
