"""autograd.Function in the graph: what it saves, its node, backward within backward, higher order; each program run on both engines."""

import pytest

from functions import make, saves_input, times_saved
from oracle import agree


def leaf(T, *v):
    return T.tensor(v or [1.0, 2.0], requires_grad=True)


def t_save_not_tensor(T):

    def f(ctx, x):
        ctx.save_for_backward(3)
        return x * 1

    F = make(T, f, lambda ctx, g: g)
    F.apply(leaf(T))


def t_save_twice(T):

    def f(ctx, x):
        ctx.save_for_backward(x)
        ctx.save_for_backward(x * 2, x)
        return x * 1

    F = make(T, f, lambda ctx, g: g * len(ctx.saved_tensors))
    x = leaf(T)
    F.apply(x).sum().backward()
    return x.grad


def t_saved_written(T):
    F = make(T, saves_input, times_saved)
    x = leaf(T) * 1
    y = F.apply(x)
    x.add_(1)
    y.sum().backward()


def t_saved_output_written(T):

    def f(ctx, x):
        y = x * 1
        ctx.save_for_backward(y)
        return y

    F = make(T, f, times_saved)
    x = leaf(T) * 1
    y = F.apply(x)
    y.add_(1)
    y.sum().backward()


def t_twice(T):
    F = make(T, saves_input, times_saved)
    x = leaf(T) * 1
    y = F.apply(x).sum()
    y.backward()
    y.backward()


def t_twice_nothing_saved(T):
    F = make(T, lambda ctx, x: x * 1, lambda ctx, g: g)
    x = leaf(T)
    y = F.apply(x)
    s = y.sum()
    s.backward()
    s.backward()
    return x.grad


def t_saved_after(T):
    F = make(T, saves_input, times_saved)
    x = leaf(T)
    y = F.apply(x)
    a = y.grad_fn.saved_tensors
    y.sum().backward()
    try:
        y.grad_fn.saved_tensors
    except RuntimeError as e:
        return (a[0] is x, str(e).split("\n")[0])


def t_attributes(T):

    def f(ctx, x):
        ctx.n = 3
        return x * 1

    F = make(T, f, lambda ctx, g: g * ctx.n)
    x = leaf(T)
    y = F.apply(x)
    n = y.grad_fn.n
    y.grad_fn.n = 5
    y.sum().backward()
    return (n, x.grad, y.grad_fn.needs_input_grad)


def t_ctx_is_node(T):
    seen = []
    F = make(
        T, lambda ctx, x: (seen.append(ctx.name()), x * 1)[1], lambda ctx, g: (seen.append((type(ctx).__name__, ctx.name(), len(ctx.next_functions))), g)[1]
    )
    x = leaf(T)
    y = F.apply(x)
    y.sum().backward()
    return seen


def t_setup(T):

    def s(ctx, inputs, output):
        ctx.k = (len(inputs), output.shape[0])
        ctx.save_for_backward(inputs[0], output)

    F = make(T, lambda x, n: x * n, lambda ctx, g: (g * ctx.saved_tensors[1] * ctx.k[0], None), s)
    x = leaf(T)
    F.apply(x, 3).sum().backward()
    return x.grad


def t_setup_default_arguments(T):
    seen = []

    def s(ctx, inputs, output):
        seen.append(len(inputs))

    F = make(T, lambda x, n=3: x * n, lambda ctx, g: (g, None), s)
    x = leaf(T)
    y = F.apply(x)
    y.sum().backward()
    return (seen, x.grad)


def t_instance(T):
    F = make(T, lambda ctx, x: x * 1, lambda ctx, g: g)
    F()(leaf(T))


def t_no_forward(T):

    class F(T.autograd.Function):
        pass

    F.apply(leaf(T))


def t_no_backward(T):

    class F(T.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 1

    F.apply(leaf(T)).sum().backward()


def t_both(T):

    class F(T.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 1

        @staticmethod
        def backward(ctx, g):
            return g

        @staticmethod
        def vjp(ctx, g):
            return g

    F.apply(leaf(T)).sum().backward()


def t_legacy_instance_method(T):

    class F(T.autograd.Function):
        def forward(self, x):
            return x * 1

        def backward(self, g):
            return g

    return F.apply(leaf(T))


def t_raises(T):

    def b(ctx, g):
        raise ValueError("in backward")

    F = make(T, lambda ctx, x: x * 1, b)
    F.apply(leaf(T)).sum().backward()


def t_forward_raises(T):

    def f(ctx, x):
        raise ValueError("in forward")

    F = make(T, f, lambda ctx, g: g)
    try:
        F.apply(leaf(T))
    except ValueError as e:
        return (str(e), T.is_grad_enabled())


def t_reentrant(T):

    def f(ctx, x):
        with T.enable_grad():
            ctx.x = x.detach().requires_grad_()
            ctx.y = (ctx.x**3).sum()
        return ctx.y.detach()

    def b(ctx, g):
        ctx.y.backward()
        return g * ctx.x.grad

    F = make(T, f, b)
    x = leaf(T)
    F.apply(x).backward()
    return (x.grad, T.is_grad_enabled())


def t_reentrant_grad(T):

    def f(ctx, x):
        ctx.save_for_backward(x)
        return (x**3).sum()

    def b(ctx, g):
        (x,) = ctx.saved_tensors
        with T.enable_grad():
            x = x.detach().requires_grad_()
            (h,) = T.autograd.grad((x**3).sum(), x)
        return g * h

    F = make(T, f, b)
    x = leaf(T)
    (F.apply(x) * 2 + x.sum()).backward()
    return x.grad


def t_reentrant_hook(T):
    x = leaf(T)
    w = leaf(T)
    y = x * 2

    def h(g):
        (w * w).sum().backward()
        return g * w.grad

    y.register_hook(h)
    y.sum().backward()
    return (x.grad, w.grad)


def t_reentrant_deep(T):

    def f(ctx, x, n):
        ctx.n = n
        return x * 1

    def b(ctx, g):
        if ctx.n:
            with T.enable_grad():
                x = g.detach().requires_grad_()
                F.apply(x, ctx.n - 1).sum().backward()
        return (g * 2, None)

    F = make(T, f, b)
    x = leaf(T)
    F.apply(x, 50).sum().backward()
    return x.grad


def t_reentrant_same_leaf(T):
    x = leaf(T)

    def b(ctx, g):
        with T.enable_grad():
            (x * x).sum().backward()
        return g

    F = make(T, lambda ctx, x: x * 1, b)
    F.apply(x).sum().backward()
    return x.grad


def t_reentrant_raises(T):

    def b(ctx, g):
        with T.enable_grad():
            z = T.ones(2, requires_grad=True)
            y = (z * z).sum()
            y.backward()
            y.backward()
        return g

    F = make(T, lambda ctx, x: x * 1, b)
    x = leaf(T)
    s = F.apply(x).sum()
    try:
        s.backward()
    except RuntimeError as e:
        return (str(e)[:40], T.is_grad_enabled())


def t_undefined_reaches(T):
    seen = []
    G = make(T, lambda ctx, x: x * 1, lambda ctx, g: (seen.append(g), g)[1])
    F = make(T, lambda ctx, x: x * 1, lambda ctx, g: None)
    x = leaf(T)
    F.apply(G.apply(x)).sum().backward()
    return (seen, x.grad)


def t_double(T):

    def f(ctx, x):
        ctx.save_for_backward(x)
        return x**3

    def b(ctx, g):
        (x,) = ctx.saved_tensors
        return 3 * g * x * x

    F = make(T, f, b)
    x = leaf(T)
    y = F.apply(x).sum()
    (g,) = T.autograd.grad(y, x, create_graph=True)
    (h,) = T.autograd.grad(g.sum(), x, create_graph=True)
    return (g.detach(), h.detach(), T.autograd.grad(h.sum(), x))


def t_double_output(T):

    def f(ctx, x):
        y = x.exp()
        ctx.save_for_backward(y)
        return y

    def b(ctx, g):
        (y,) = ctx.saved_tensors
        return g * y

    F = make(T, f, b)
    x = leaf(T)
    (g,) = T.autograd.grad(F.apply(x).sum(), x, create_graph=True)
    return T.autograd.grad(g.sum(), x)


def t_double_intermediate(T):

    def f(ctx, x):
        y = x.exp()
        ctx.save_for_backward(y, x)
        return y * x

    def b(ctx, g):
        y, x = ctx.saved_tensors
        return g * (y * x + y)

    F = make(T, f, b)
    x = leaf(T)
    (g,) = T.autograd.grad(F.apply(x).sum(), x, create_graph=True)
    return T.autograd.grad(g.sum(), x)


def t_inplace_on_gradient(T):
    F = make(T, lambda ctx, x: x * 1, lambda ctx, g: g.mul_(3))
    x = leaf(T)
    (F.apply(x) + x).sum().backward()
    return x.grad


def t_same_input_twice(T):
    F = make(T, lambda ctx, x, y: x * y, lambda ctx, g: (g * 2, g * 3))
    x = leaf(T)
    F.apply(x, x).sum().backward()
    return x.grad


def t_next_functions(T):
    F = make(T, lambda ctx, x, n, y: x * 1, lambda ctx, g: (g, None, None))
    f = F.apply(leaf(T), 3, T.ones(2)).grad_fn
    return ([(None if a is None else a.name(), n) for a, n in f.next_functions], len(f.next_functions))


def t_hook_on_function_node(T):
    seen = []
    F = make(T, lambda ctx, x, n, y: x * 1, lambda ctx, g: (g, None, None))
    y = F.apply(leaf(T), 3, T.ones(2))
    y.grad_fn.register_hook(lambda gi, go: seen.append((len(gi), len(go))))
    y.sum().backward()
    return seen


def t_output_same_twice(T):

    def f(ctx, x):
        y = x * 2
        return (y, y)

    F = make(T, f, lambda ctx, a, b: a + b)
    x = leaf(T)
    a, b = F.apply(x)
    (a + b * 3).sum().backward()
    return (x.grad, a is b)


def t_reuse_class_names(T):
    F = make(T, lambda ctx, x: x * 1, lambda ctx, g: g)
    return (F.apply(leaf(T)).grad_fn.name(), F._backward_cls.__name__)


def t_backward_extra_attr(T):
    F = make(T, lambda ctx, x: x * 1, lambda ctx, g: g * ctx.scale, scale=4)
    x = leaf(T)
    y = F.apply(x)
    y.sum().backward()


def t_in_graph_input_requires(T):

    def f(ctx, x):
        return x.detach() * 2

    F = make(T, f, lambda ctx, g: g * 2)
    x = leaf(T)
    return F.apply(x).requires_grad


def t_unrelated_output(T):
    c = T.ones(2)
    F = make(T, lambda ctx, x: c, lambda ctx, g: g * 2)
    x = leaf(T)
    y = F.apply(x)
    return (y is c, c.requires_grad, y.requires_grad)


def t_unrelated_leaf_output(T):
    c = T.ones(2, requires_grad=True)
    F = make(T, lambda ctx, x: c, lambda ctx, g: g * 2)
    x = leaf(T)
    y = F.apply(x)
    return (y is c, c.is_leaf, y.grad_fn.name())


def t_saved_variables(T):
    import warnings

    F = make(T, saves_input, lambda ctx, g: g * ctx.saved_variables[0])
    x = leaf(T)
    with warnings.catch_warnings(record=True) as w:
        warnings.simplefilter("always")
        F.apply(x).sum().backward()
    return ([str(m.message) for m in w], x.grad)


def t_two_thousand_deep(T):

    def f(ctx, x):
        with T.enable_grad():
            ctx.x = x.detach().requires_grad_() - 1
        return ctx.x.detach()

    def b(ctx, g):
        if ctx.x < 0:
            return g
        with T.enable_grad():
            F.apply(ctx.x).sum().backward()
        return g

    F = make(T, f, b)
    x = T.tensor(2000.0, requires_grad=True)
    F.apply(x).sum().backward()
    return x.grad


def t_deep_and_raises(T):

    def f(ctx, x):
        with T.enable_grad():
            ctx.x = x.detach().requires_grad_() - 1
        return ctx.x.detach()

    def b(ctx, g):
        if ctx.x < 0:
            raise ValueError("at the bottom")
        with T.enable_grad():
            F.apply(ctx.x).sum().backward()
        return g

    F = make(T, f, b)
    x = T.tensor(100.0, requires_grad=True)
    F.apply(x).sum().backward()


PROGRAMS = {name[2:]: program for name, program in list(globals().items()) if name.startswith("t_")}


@pytest.mark.parametrize("name", PROGRAMS)
def test_as_pytorch(name):
    agree(PROGRAMS[name], rtol=1e-5, atol=1e-6)
