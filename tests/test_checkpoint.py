"""utils.checkpoint: gradients, what is computed again and when, refusals; each program run on both engines."""

import gc
import weakref
from importlib import import_module

import pytest

import glassgrad as gg
from oracle import agree


def ck(T):
    return import_module(T.__name__ + ".utils.checkpoint")


def leaf(T):
    return T.tensor([1.0, 2.0], requires_grad=True)


def tries(f):
    try:
        return f()
    except (RuntimeError, ValueError, TypeError, KeyError, AssertionError, ZeroDivisionError) as e:
        return (type(e).__name__, str(e).split("\n")[0])


def each(T, f):
    return [tries(lambda: f(ck(T).checkpoint, r)) for r in (True, False)]


def t_gradient(T):

    def f(c, r):
        x = leaf(T)
        y = c(lambda x: (x * x).sin(), x, use_reentrant=r)
        y.sum().backward()
        return (x.grad, y.detach())

    return each(T, f)


def t_calls(T):

    def f(c, r):
        seen = []
        x = leaf(T)

        def g(x):
            seen.append((T.is_grad_enabled(), x.requires_grad))
            y = x.sin().cos()
            seen.append("end")
            return y * 3

        y = c(g, x, use_reentrant=r)
        seen.append("backward")
        y.sum().backward()
        return (seen, x.grad)

    return each(T, f)


def t_early_stop(T):
    out = []
    for early in (True, False):
        seen = []
        x = leaf(T)

        def g(x):
            y = x.sin().cos()
            seen.append("end")
            return y

        ck(T).checkpoint(g, x, use_reentrant=False, early_stop=early).sum().backward()
        out.append((seen, x.grad))
    return out


def t_early_stop_context(T):
    seen = []
    x = leaf(T)

    def g(x):
        y = x.sin().cos()
        seen.append("end")
        return y

    with ck(T).set_checkpoint_early_stop(False):
        y = ck(T).checkpoint(g, x, use_reentrant=False)
    y.sum().backward()
    return seen


def t_two_inputs(T):

    def f(c, r):
        x = leaf(T)
        w = T.ones(2)
        u = leaf(T)
        y = c(lambda x, w, n, u: (x * w + n * u * x, x.exp()), x, w, 3, u, use_reentrant=r)
        (y[0].sum() + y[1].prod()).backward()
        return (x.grad, w.grad, u.grad)

    return each(T, f)


def t_closed_over(T):

    def f(c, r):
        x = leaf(T)
        w = leaf(T)
        y = c(lambda x: x * w.exp(), x, use_reentrant=r)
        y.sum().backward()
        return (x.grad, w.grad)

    return each(T, f)


def t_kwargs(T):
    return each(T, lambda c, r: c(lambda x, n=2: x * n, leaf(T), use_reentrant=r, n=3))


def t_tensor_kwargs(T):
    x = leaf(T)
    w = leaf(T)
    y = ck(T).checkpoint(lambda x, w: x * w.exp(), x, use_reentrant=False, w=w)
    y.sum().backward()
    return (x.grad, w.grad)


def t_grad(T):

    def f(c, r):
        x = leaf(T)
        return T.autograd.grad(c(lambda x: (x * x).sin(), x, use_reentrant=r).sum(), x)

    return each(T, f)


def t_inputs(T):

    def f(c, r):
        x = leaf(T)
        c(lambda x: (x * x).sin(), x, use_reentrant=r).sum().backward(inputs=[x])
        return x.grad

    return each(T, f)


def t_second(T):

    def f(c, r):
        x = leaf(T)
        s = c(lambda x: (x * x).sin(), x, use_reentrant=r).sum()
        s.backward()
        s.backward()

    return each(T, f)


def t_retained(T):

    def f(c, r):
        x = leaf(T)
        s = c(lambda x: (x * x).sin(), x, use_reentrant=r).sum()
        s.backward(retain_graph=True)
        s.backward()
        return x.grad

    return each(T, f)


def t_double(T):

    def f(c, r):
        x = leaf(T)
        y = c(lambda x: (x * x).sin(), x, use_reentrant=r)
        (g,) = T.autograd.grad(y.sum(), x, create_graph=True)
        return (g.detach(), T.autograd.grad(g.sum(), x))

    return each(T, f)


def t_no_input_requires(T):

    def f(c, r):
        w = leaf(T)
        y = c(lambda x: x * w, T.ones(2), use_reentrant=r)
        return y.requires_grad

    return each(T, f)


def t_no_output_requires(T):

    def f(c, r):
        x = leaf(T)
        c(lambda x: x.detach(), x, use_reentrant=r).sum().backward()

    return each(T, f)


def t_other_outputs(T):
    return each(T, lambda c, r: c(lambda x: (x.sin().detach(), None, 3), leaf(T), use_reentrant=r))


def t_structure(T):
    return ck(T).checkpoint(lambda x: {"a": x.sin().detach(), "b": [1]}, leaf(T), use_reentrant=False)


def t_no_grad(T):

    def f(c, r):
        with T.no_grad():
            return c(lambda x: x * 2, leaf(T), use_reentrant=r).requires_grad

    return each(T, f)


def t_raises(T):

    def bad(x):
        raise KeyError("inside")

    return each(T, lambda c, r: c(bad, leaf(T), use_reentrant=r))


def t_bad_keyword(T):
    return each(T, lambda c, r: c(lambda x: x, leaf(T), use_reentrant=r, zz=1))[0]


def t_context_reentrant(T):
    return each(T, lambda c, r: c(lambda x: x.detach(), leaf(T), use_reentrant=r, debug=True))


def t_determinism_name(T):
    return tries(lambda: ck(T).checkpoint(lambda x: x, leaf(T), use_reentrant=False, determinism_check="x"))


def changing(*fs):
    n = [0]

    def f(x):
        n[0] += 1
        return fs[min(n[0], len(fs)) - 1](x)

    return f


def t_fewer(T):
    return tries(lambda: ck(T).checkpoint(changing(lambda x: x.sin().exp(), lambda x: x.sin()), leaf(T), use_reentrant=False).sum().backward())


def t_more(T):
    return tries(lambda: ck(T).checkpoint(changing(lambda x: x.sin(), lambda x: x.sin().exp()), leaf(T), use_reentrant=False).sum().backward())


def t_more_late(T):
    return tries(
        lambda: ck(T).checkpoint(changing(lambda x: x.sin(), lambda x: x.sin().exp()), leaf(T), use_reentrant=False, early_stop=False).sum().backward()
    )


def t_other_shape(T):
    return tries(lambda: ck(T).checkpoint(changing(lambda x: x.sin(), lambda x: x[:1].sin()), leaf(T), use_reentrant=False).sum().backward())


def t_other_shape_allowed(T):
    return tries(
        lambda: ck(T).checkpoint(changing(lambda x: x.sin(), lambda x: x[:1].sin()), leaf(T), use_reentrant=False, determinism_check="none").sum().backward()
    )


def t_contexts(T):
    import contextlib

    seen = []

    @contextlib.contextmanager
    def at(name):
        seen.append("in " + name)
        try:
            yield
        finally:
            seen.append("out " + name)

    x = leaf(T)
    y = ck(T).checkpoint(lambda x: x.sin(), x, use_reentrant=False, context_fn=lambda: (at("forward"), at("again")))
    y.sum().backward()
    return (seen, x.grad)


def t_nested(T):
    out = []
    for r in (True, False):
        seen = []
        x = leaf(T)
        c = ck(T).checkpoint

        def inner(x):
            seen.append("inner")
            return x.sin().exp()

        def outer(x):
            seen.append("outer")
            return c(inner, x.cos(), use_reentrant=r) * x

        c(outer, x, use_reentrant=r).sum().backward()
        out.append((x.grad, seen if r else len(seen) >= 4))
    return out


def t_nested_three(T):
    x = leaf(T)
    c = lambda f, x: ck(T).checkpoint(f, x, use_reentrant=False)
    y = c(lambda x: c(lambda x: c(lambda x: x.sin().exp(), x * 2).tanh(), x.cos()) * x, x * x)
    y.sum().backward()
    return x.grad


def t_nested_double(T):
    x = leaf(T)
    c = lambda f, x: ck(T).checkpoint(f, x, use_reentrant=False)
    y = c(lambda x: c(lambda x: x.sin().exp(), x.cos()) * x, x * x)
    (g,) = T.autograd.grad(y.sum(), x, create_graph=True)
    return (g.detach(), T.autograd.grad(g.sum(), x))


def t_chain(T):

    def f(c, r):
        x = leaf(T)
        y = x
        for _ in range(5):
            y = c(lambda x: x.sin() * x, y, use_reentrant=r)
        y.sum().backward()
        return x.grad

    return each(T, f)


def t_random(T):

    def f(c, r):
        x = leaf(T)
        kept = []

        def g(x):
            n = T.rand(2)
            kept.append(n)
            return (x * n).exp()

        T.manual_seed(3)
        y = c(g, x, use_reentrant=r)
        T.rand(5)
        y.sum().backward()
        return (x.grad, bool((kept[0] == kept[1]).all()), T.rand(1))

    return each(T, f)


def t_random_not_kept(T):

    def f(c, r):
        x = leaf(T)
        kept = []

        def g(x):
            n = T.rand(2)
            kept.append(n)
            return (x * n).exp()

        T.manual_seed(3)
        y = c(g, x, use_reentrant=r, preserve_rng_state=False)
        y.sum().backward()
        return bool((kept[0] == kept[1]).all())

    return each(T, f)


def t_written_argument(T):

    def f(c, r):
        x = leaf(T) * 1
        y = c(lambda x: x.sin(), x, use_reentrant=r)
        x.add_(1)
        y.sum().backward()

    return each(T, f)


def t_in_place_inside(T):

    def f(c, r):
        x = leaf(T)
        y = c(lambda x: (x * 2).exp_().mul_(3), x, use_reentrant=r)
        y.sum().backward()
        return x.grad

    return each(T, f)


def t_hooks(T):

    def f(c, r):
        seen = []
        x = leaf(T)
        x.register_hook(lambda g: seen.append(g))
        y = c(lambda x: x.sin(), x, use_reentrant=r)
        y.register_hook(lambda g: g * 2)
        y.sum().backward()
        return (seen, x.grad)

    return each(T, f)


def t_peek(T):
    x = leaf(T)
    y = ck(T).checkpoint(lambda x: x.sin().cos(), x, use_reentrant=False)
    a = y.grad_fn._saved_self.detach()
    b = y.grad_fn._saved_self.detach()
    y.sum().backward()
    return (a, b, x.grad)


def t_sequential(T):

    def f(c, r):
        x = leaf(T)
        y = ck(T).checkpoint_sequential([T.sin, T.cos, T.exp, T.tanh, T.sin], 2, x, use_reentrant=r)
        y.sum().backward()
        return (y.detach(), x.grad)

    return each(T, f)


def t_sequential_bad(T):
    s = ck(T).checkpoint_sequential
    return [
        tries(lambda: s([T.sin, T.cos], 3, leaf(T), use_reentrant=False)),
        tries(lambda: s([T.sin], 0, leaf(T), use_reentrant=False)),
        tries(lambda: s(3, 1, leaf(T), use_reentrant=False)),
        tries(lambda: s([T.sin], 1, leaf(T), use_reentrant=False, foo=3)),
        s([T.sin, T.cos, T.exp], 3, leaf(T), use_reentrant=False).detach(),
    ]


def t_node(T):
    y = ck(T).checkpoint(lambda x: x.sin(), leaf(T), use_reentrant=True)
    return (y.grad_fn.name(), issubclass(ck(T).CheckpointError, RuntimeError))


def t_with_saved_hooks(T):
    seen = []
    x = leaf(T)
    with T.autograd.graph.saved_tensors_hooks(lambda t: (seen.append(1), t)[1], lambda t: t):
        y = ck(T).checkpoint(lambda x: x.sin().cos(), x, use_reentrant=False) * x
    y.sum().backward()
    return (len(seen) >= 2, x.grad)


PROGRAMS = {name[2:]: program for name, program in list(globals().items()) if name.startswith("t_")}


@pytest.mark.parametrize("name", PROGRAMS)
def test_as_pytorch(name):
    agree(PROGRAMS[name], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("reentrant", [True, False])
def test_intermediates_are_freed_after_forward(reentrant):
    """Only the input of the part and its output stay, with the garbage collector off."""
    inside = []

    def part(x):
        for _ in range(5):
            x = x.sin()
            inside.append(weakref.ref(x._data))
        return x * 2

    x = gg.ones(1000, requires_grad=True)
    gc.disable()
    try:
        y = gg.utils.checkpoint.checkpoint(part, x, use_reentrant=reentrant)
        assert [r() for r in inside] == [None] * 5
        y.sum().backward()
        assert len(inside) == (10 if reentrant else 9)  # the last sine's result is not saved: without reentry, nobody computes it again
        assert not any(r() is not None for r in inside)
    finally:
        gc.enable()


def test_a_nested_checkpoint_keeps_nothing_of_its_own():
    inside = []

    def inner(x):
        inside.append(weakref.ref(x._data))
        return x.sin()

    def outer(x):
        x = x.cos()
        return gg.utils.checkpoint.checkpoint(inner, x, use_reentrant=False).exp()

    x = gg.ones(1000, requires_grad=True)
    y = gg.utils.checkpoint.checkpoint(outer, x, use_reentrant=False)
    assert inside[0]() is None
    y.sum().backward()
    assert x.grad is not None


def test_debug_lists_where_tensors_were_saved():
    turns = iter([True, False])

    def part(x):
        y = x.sin()
        return y.exp() if next(turns) else y

    y = gg.utils.checkpoint.checkpoint(part, gg.ones(2, requires_grad=True), use_reentrant=False, debug=True)
    with pytest.raises(gg.utils.checkpoint.CheckpointError) as caught:
        y.sum().backward()
    notes = "\n".join(caught.value.__notes__)
    assert "saved in the forward: 0 at" in notes and notes.count("test_checkpoint.py:") == 3


def test_reentry_is_to_be_chosen():
    with pytest.warns(UserWarning, match="use_reentrant parameter should be passed"):
        gg.utils.checkpoint.checkpoint(gg.sin, gg.ones(2, requires_grad=True))
    with pytest.warns(UserWarning, match="None of the inputs have requires_grad"):
        gg.utils.checkpoint.checkpoint(gg.sin, gg.ones(2), use_reentrant=True)
