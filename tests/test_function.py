"""autograd.Function: what forward may return, what backward must; each program run on both engines."""

import pytest

from functions import make
from oracle import agree


def doubles_in_place(ctx, x):
    x.mul_(2)
    ctx.mark_dirty(x)
    return x


def leaf(T, *v):
    return T.tensor(v or [1.0, 2.0], requires_grad=True)


def t_not_tensor_returned(T):
    F = make(T, lambda ctx, x: x * 1, lambda ctx, g: 3.0)
    F.apply(leaf(T)).sum().backward()


def t_too_few(T):
    F = make(T, lambda ctx, x, y: x * y, lambda ctx, g: g)
    F.apply(leaf(T), leaf(T)).sum().backward()


def t_too_many(T):
    F = make(T, lambda ctx, x: x * 1, lambda ctx, g: (g, g))
    F.apply(leaf(T)).sum().backward()


def t_too_many_none(T):
    x = leaf(T)
    F = make(T, lambda ctx, x: x * 1, lambda ctx, g: (g, None, None))
    F.apply(x).sum().backward()
    return x.grad


def t_none_all(T):
    x = leaf(T)
    F = make(T, lambda ctx, x, y: x * 1, lambda ctx, g: None)
    F.apply(x, x).sum().backward()
    return x.grad


def t_wrong_shape(T):
    x = leaf(T)
    F = make(T, lambda ctx, x: x * 1, lambda ctx, g: T.ones(3))
    F.apply(x).sum().backward()
    return x.grad


def t_expandable_shape(T):
    x = leaf(T)
    F = make(T, lambda ctx, x: x * 1, lambda ctx, g: T.ones(4, 2))
    F.apply(x).sum().backward()
    return x.grad


def t_smaller_shape(T):
    x = leaf(T)
    F = make(T, lambda ctx, x: x * 1, lambda ctx, g: T.ones(1))
    F.apply(x).sum().backward()
    return x.grad


def t_wrong_dtype(T):
    x = leaf(T)
    F = make(T, lambda ctx, x: x * 1, lambda ctx, g: g.double())
    F.apply(x).sum().backward()
    return x.grad


def t_complex_grad(T):
    x = leaf(T)
    F = make(T, lambda ctx, x: x * 1, lambda ctx, g: g * 1j)
    F.apply(x).sum().backward()
    return x.grad


def t_int_grad(T):
    x = leaf(T)
    F = make(T, lambda ctx, x: x * 1, lambda ctx, g: T.ones(2, dtype=T.int64))
    F.apply(x).sum().backward()
    return x.grad


def t_grad_for_non_tensor(T):
    x = leaf(T)
    F = make(T, lambda ctx, x, n: x * n, lambda ctx, g: (g, g))
    F.apply(x, 3).sum().backward()
    return x.grad


def t_grad_for_no_grad_tensor(T):
    x = leaf(T)
    F = make(T, lambda ctx, x, n: x * n, lambda ctx, g: (g, g))
    F.apply(x, T.ones(2)).sum().backward()
    return x.grad


def t_list_returned(T):
    x = leaf(T)
    F = make(T, lambda ctx, x: x * 1, lambda ctx, g: [g])
    F.apply(x).sum().backward()
    return x.grad


def t_forward_returns_none(T):
    F = make(T, lambda ctx, x: None, lambda ctx, g: g)
    return F.apply(leaf(T))


def t_forward_returns_int(T):
    F = make(T, lambda ctx, x: 3, lambda ctx, g: g)
    return F.apply(leaf(T))


def t_forward_returns_mixed(T):
    F = make(T, lambda ctx, x: (x * 2, 3, None, "a"), lambda ctx, *g: (g[0],))
    x = leaf(T)
    o = F.apply(x)
    o[0].sum().backward()
    return (o[1:], x.grad)


def t_mixed_grads(T):
    seen = []
    F = make(T, lambda ctx, x: (x * 2, 3, x * 3), lambda ctx, *g: (seen.append([None if v is None else v.tolist() for v in g]), g[0])[1])
    x = leaf(T)
    o = F.apply(x)
    o[0].sum().backward()
    return (seen, x.grad)


def t_forward_list(T):
    F = make(T, lambda ctx, x: [x * 2, x * 3], lambda ctx, *g: g[0])
    x = leaf(T)
    o = F.apply(x)
    return (type(o).__name__, [v.requires_grad for v in o])


def t_forward_dict(T):
    F = make(T, lambda ctx, x: {"a": x * 2}, lambda ctx, *g: g[0])
    x = leaf(T)
    o = F.apply(x)
    return type(o).__name__


def t_nested_tuple(T):
    F = make(T, lambda ctx, x: (x * 2, (x * 3,)), lambda ctx, *g: g[0])
    x = leaf(T)
    o = F.apply(x)
    return (o[0].requires_grad, type(o[1]).__name__, o[1][0].requires_grad)


def t_list_argument(T):
    F = make(T, lambda ctx, xs: xs[0] * 2, lambda ctx, *g: g[0])
    x = leaf(T)
    return F.apply([x]).requires_grad


def t_kwargs(T):
    F = make(T, lambda ctx, x, n=2: x * n, lambda ctx, g: g * 5)
    x = leaf(T)
    return F.apply(x, n=3)


def t_needs(T):
    seen = []
    F = make(T, lambda ctx, x, y, n: (seen.append(ctx.needs_input_grad), x * y)[1], lambda ctx, g: (seen.append(ctx.needs_input_grad), g, None, None)[1:])
    x = leaf(T)
    F.apply(x, T.ones(2), 3).sum().backward()
    return seen


def t_needs_no_grad(T):
    seen = []
    F = make(T, lambda ctx, x: (seen.append(ctx.needs_input_grad), x * 1)[1], lambda ctx, g: g)
    x = leaf(T)
    with T.no_grad():
        y = F.apply(x)
    return (seen, y.requires_grad)


def t_grad_enabled(T):
    seen = []

    def f(ctx, x):
        seen.append((T.is_grad_enabled(), (x * 2).requires_grad, x.requires_grad))
        return x * 2

    def b(ctx, g):
        seen.append(T.is_grad_enabled())
        return g

    F = make(T, f, b)
    x = leaf(T)
    y = F.apply(x).sum()
    y.backward(retain_graph=True)
    T.autograd.grad(y, x, create_graph=True)
    return seen


def t_identity(T):
    F = make(T, lambda ctx, x: x, lambda ctx, g: g * 3)
    x = leaf(T)
    y = F.apply(x)
    y.sum().backward()
    return (y is x, y._is_view(), x.grad, y.grad_fn.name())


def t_identity_nograd(T):
    F = make(T, lambda ctx, x: x, lambda ctx, g: g * 3)
    x = T.ones(2)
    y = F.apply(x)
    return y is x


def t_view_returned(T):
    F = make(T, lambda ctx, x: x.view(2, 1), lambda ctx, g: g.view(2) * 3)
    x = leaf(T)
    y = F.apply(x)
    y.sum().backward()
    return (y._is_view(), x.grad, y.grad_fn.name())


def t_view_written(T):
    F = make(T, lambda ctx, x: x.view(2, 1), lambda ctx, g: g.view(2) * 3)
    x = leaf(T) * 1
    y = F.apply(x)
    y.mul_(2)


def t_identity_written(T):
    F = make(T, lambda ctx, x: x, lambda ctx, g: g * 3)
    x = leaf(T) * 1
    y = F.apply(x)
    y.mul_(2)


def t_two_views(T):
    F = make(T, lambda ctx, x: (x[:1], x[1:]), lambda ctx, a, b: T.cat([a, b]))
    x = leaf(T)
    a, b = F.apply(x * 1)
    (a * 2 + b).sum().backward()
    return x.grad


def t_two_views_written(T):
    F = make(T, lambda ctx, x: (x[:1], x[1:]), lambda ctx, a, b: T.cat([a, b]))
    x = leaf(T)
    a, b = F.apply(x * 1)
    a.mul_(2)


def t_dirty(T):
    F = make(T, doubles_in_place, lambda ctx, g: g * 2)
    x = leaf(T)
    y = x * 1
    z = F.apply(y)
    z.sum().backward()
    return (z is y, x.grad, y.grad_fn.name(), y._version)


def t_dirty_leaf(T):
    F = make(T, doubles_in_place, lambda ctx, g: g * 2)
    F.apply(leaf(T))


def t_dirty_not_returned(T):

    def f(ctx, x):
        x.mul_(2)
        ctx.mark_dirty(x)
        return x * 1

    F = make(T, f, lambda ctx, g: g * 2)
    F.apply(leaf(T) * 1)


def t_dirty_not_input(T):

    def f(ctx, x):
        y = x * 2
        ctx.mark_dirty(y)
        return y

    F = make(T, f, lambda ctx, g: g * 2)
    y = F.apply(leaf(T) * 1)
    return y.grad_fn.name()


def t_dirty_view(T):
    F = make(T, doubles_in_place, lambda ctx, g: g * 2)
    x = leaf(T)
    b = x * 1
    v = b[0:1]
    F.apply(v)
    b.sum().backward()
    return (x.grad, b.grad_fn.name(), v.grad_fn.name())


def t_dirty_two(T):

    def f(ctx, x, y):
        x.mul_(2)
        y.mul_(3)
        ctx.mark_dirty(x, y)
        return (x, y)

    F = make(T, f, lambda ctx, g, h: (g * 2, h * 3))
    a = leaf(T)
    x = a * 1
    y = a * 1
    p, q = F.apply(x, y)
    (p + q).sum().backward()
    return (a.grad, p is x)


def t_once(T):
    from_ = T.autograd.function.once_differentiable

    def f(ctx, x):
        ctx.save_for_backward(x)
        return x * x

    def b(ctx, g):
        (x,) = ctx.saved_tensors
        return 2 * g * x

    F = make(T, f, from_(b))
    x = leaf(T)
    (g,) = T.autograd.grad(F.apply(x).sum(), x, create_graph=True)
    r = (g.requires_grad, g.grad_fn.name())
    try:
        g.sum().backward()
    except RuntimeError as e:
        return (r, str(e))


def t_once_plain(T):

    def b(ctx, g):
        return 2 * g

    F = make(T, lambda ctx, x: x * 2, T.autograd.function.once_differentiable(b))
    x = leaf(T)
    F.apply(x).sum().backward()
    return x.grad


def t_non_diff(T):

    def f(ctx, x):
        a = x * 2
        b = x * 3
        ctx.mark_non_differentiable(a)
        return (a, b)

    seen = []
    F = make(T, f, lambda ctx, g, h: (seen.append((None if g is None else g.tolist(), h.tolist())), h * 3)[1])
    x = leaf(T)
    a, b = F.apply(x)
    b.sum().backward()
    return (a.requires_grad, a.grad_fn is None, x.grad, seen)


def t_non_diff_not_output(T):

    def f(ctx, x):
        ctx.mark_non_differentiable(x)
        return x * 2

    F = make(T, f, lambda ctx, g: g)
    return F.apply(leaf(T)).requires_grad


def t_non_diff_only(T):

    def f(ctx, x):
        a = x * 2
        ctx.mark_non_differentiable(a)
        return a

    F = make(T, f, lambda ctx, g: g)
    y = F.apply(leaf(T))
    return (y.requires_grad, y.grad_fn is None)


def t_int_output(T):
    F = make(T, lambda ctx, x: (x * 2, x.argmax()), lambda ctx, g, h: g)
    y, i = F.apply(leaf(T))
    return (y.requires_grad, i.requires_grad)


def t_materialize(T):
    seen = []

    def f(ctx, x):
        ctx.set_materialize_grads(False)
        return (x * 1, x * 2)

    F = make(T, f, lambda ctx, g, h: (seen.append((g is None, h is None)), g)[1])
    x = leaf(T)
    a, b = F.apply(x)
    a.sum().backward()
    return (seen, x.grad)


def t_materialized(T):
    seen = []
    F = make(T, lambda ctx, x: (x * 1, x.sum()), lambda ctx, g, h: (seen.append((g, h)), g)[1])
    x = leaf(T)
    a, b = F.apply(x)
    a.sum().backward()
    return ([list(map(lambda t: t, s)) for s in seen], x.grad)


PROGRAMS = {name[2:]: program for name, program in list(globals().items()) if name.startswith("t_")}


@pytest.mark.parametrize("name", PROGRAMS)
def test_as_pytorch(name):
    agree(PROGRAMS[name], rtol=1e-5, atol=1e-6)
