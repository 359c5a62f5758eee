"""Checkpoints within checkpoints and around gradients; each program run on both engines."""

from importlib import import_module

import pytest

from oracle import agree


def ck(T):
    return import_module(T.__name__ + ".utils.checkpoint")


def leaf(T):
    return T.tensor([0.5, 1.2], requires_grad=True)


def tools(T, early=True):

    def c(fn, **k):

        def run(*a, **kw):
            with ck(T).set_checkpoint_early_stop(early):
                return ck(T).checkpoint(fn, *a, use_reentrant=False, **k, **kw)

        return run

    def grad(fn):

        def run(x):
            with T.enable_grad():
                out = fn(x)
                (g,) = T.autograd.grad(out.sum(), x, create_graph=True)
            return g

        return run

    def sum_(fn):
        return lambda x: fn(x).sum()

    return (c, grad)


def f(x):
    return x.sin().exp().sin()


def compositions(T):
    for early in (True, False):
        c, g = tools(T, early)
        for name, fn in (
            ("c", c(f)),
            ("cc", c(c(f))),
            ("gc", g(c(f))),
            ("cg", c(g(f))),
            ("cgc", c(g(c(f)))),
            ("gcgc", g(c(g(c(f))))),
            ("ggc", g(g(c(f)))),
            ("cgcgc", c(g(c(g(c(f)))))),
            ("ccgg", c(c(g(g(f))))),
            ("gcc", g(c(c(f)))),
            ("cgg", c(g(g(f)))),
        ):
            x = leaf(T)
            y = fn(x)
            y.sum().backward()
            yield (name, y.detach(), x.grad)


def t_compositions(T):
    return [list(v) for v in compositions(T)]


def t_same_graph(T):
    c, g = tools(T)
    counter = [0]

    def fn(x):
        counter[0] += 1
        return x.sin().exp().sin()

    x = leaf(T)
    y = c(fn)(x)
    for _ in range(3):
        y.sum().backward(retain_graph=True)
    return (counter[0], x.grad)


def t_reentrant_backwards(T):
    c, g = tools(T)

    def fn(a):
        x = a.sin().cos()
        out = x.sin()
        return (x, out)

    def hook(*_):
        x.sum().backward(retain_graph=True)

    a = leaf(T)
    x, out = c(fn)(a)
    out.grad_fn.register_hook(hook)
    out.sum().backward()
    return a.grad


def t_kwargs(T):
    c, g = tools(T)

    def fn(x, blah=None):
        return x.sin().exp().sin() if blah is None else x * blah

    a = leaf(T)
    b = leaf(T)
    out = c(c(fn))(a, blah=b)
    out.sum().backward()
    return (a.grad, b.grad)


def t_non_tensor(T):
    c, g = tools(T)

    def fn(k, a, b, f):
        return (f(k * a * b.exp()), 1, "abcd")

    a = leaf(T)
    b = leaf(T)
    out, n, s = c(c(fn))(3, a, b, lambda x: x.sin())
    out.sum().backward()
    return (n, s, a.grad, b.grad)


def t_two_children(T):
    r = []
    for early in (True, False):
        c, g = tools(T, early)
        counter = [0, 0, 0]

        def grandchild(x):
            counter[0] += 1
            return x.sin().sin().sin()

        def child(x):
            counter[1] += 1
            return c(grandchild)(x).sin()

        def parent(x):
            counter[2] += 1
            return c(child)(x).sin() + c(child)(x).cos()

        x = leaf(T)
        y = c(parent)(x)
        y.sum().backward()
        r.append((x.grad, list(counter)))
    return r


def t_parent_unsaved(T):
    c, g = tools(T)
    counter = [0]

    def fn(x):
        counter[0] += 1
        return c(lambda x: x.sin())(x.cos()) * 2

    x = leaf(T)
    c(fn)(x).sum().backward()
    return (x.grad, counter)


def t_one_of_two(T):
    c, g = tools(T)
    x = leaf(T)
    y = c(lambda x: (x.sin().exp(), x.cos().exp()))(x)
    y[0].sum().backward()
    return x.grad


def t_second_of_two(T):
    c, g = tools(T)
    x = leaf(T)
    y = c(lambda x: (x.sin().exp(), x.cos().exp()))(x)
    y[1].sum().backward(retain_graph=True)
    y[0].sum().backward()
    return x.grad


def t_view_inputs(T):
    c, g = tools(T)
    x = leaf(T)
    y = x * 2
    z = c(lambda v: v.sin() * v)(y[0:1])
    z.sum().backward()
    return x.grad


def t_in_place_on_output(T):
    c, g = tools(T)
    x = leaf(T)
    y = c(lambda v: v.sin())(x)
    y.mul_(3)
    y.sum().backward()
    return x.grad


def t_function_inside(T):

    class F(T.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            y = x.exp()
            ctx.save_for_backward(x, y)
            return y * x

        @staticmethod
        def backward(ctx, g):
            x, y = ctx.saved_tensors
            return g * (y * x + y)

    c, g = tools(T)
    x = leaf(T)
    c(lambda v: F.apply(v.sin()) * v)(x).sum().backward()
    return x.grad


def t_peek_counts(T):
    n = [0]

    def foo(a):
        n[0] += 1
        b = a * a
        (a * b).sum()
        d = a.exp()
        return d

    c, g = tools(T)
    x = leaf(T)
    d = c(foo)(x)
    r = [n[0]]
    d.grad_fn._saved_result
    r.append(n[0])
    d.grad_fn._saved_result
    r.append(n[0])
    d.sum().backward()
    r.append(n[0])
    try:
        d.grad_fn._saved_result
    except RuntimeError as e:
        return (r, str(e)[:30], x.grad)


def t_exception_in_recompute(T):
    n = [0]

    def foo(a):
        n[0] += 1
        if n[0] == 2:
            raise ValueError("second time")
        return a.sin()

    c, g = tools(T)
    x = leaf(T)
    y = c(foo)(x).sum()
    try:
        y.backward(retain_graph=True)
    except ValueError as e:
        r = str(e)
    y.backward()
    return (r, x.grad, n, T.is_grad_enabled())


def t_valid_reset_on_error(T):
    a = leaf(T)
    b = ck(T).checkpoint(lambda x: x.exp(), a, use_reentrant=True).sum()
    try:
        T.autograd.grad(b, a)
    except RuntimeError as e:
        r = str(e)[:60]
    c = ck(T).checkpoint(lambda x: x.exp(), a, use_reentrant=True).sum()
    c.backward()
    return (r, a.grad)


def t_long_chain(T):
    x = leaf(T)
    y = x
    for _ in range(300):
        y = ck(T).checkpoint(lambda v: v.sin() + v * 0.1, y, use_reentrant=True)
    y.sum().backward()
    return x.grad


def t_long_chain_plain(T):
    x = leaf(T)
    y = x
    for _ in range(300):
        y = ck(T).checkpoint(lambda v: v.sin() + v * 0.1, y, use_reentrant=False)
    y.sum().backward()
    return x.grad


PROGRAMS = {name[2:]: program for name, program in list(globals().items()) if name.startswith("t_")}


@pytest.mark.parametrize("name", PROGRAMS)
def test_as_pytorch(name):
    agree(PROGRAMS[name], rtol=1e-5, atol=1e-6)
