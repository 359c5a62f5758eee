"""Hooks: which run, in what order, on which gradients, and what they may do; each program run on both engines."""

import pytest

from functions import stops
from oracle import agree


def log():
    seen = []

    def at(name, new=None):

        def hook(*a):
            seen.append(
                name
                + " "
                + str([float(t.sum()) if hasattr(t, "sum") else [float(u.sum()) if u is not None else None for u in t] if t is not None else None for t in a])
            )
            return new(*a) if new else None

        return hook

    return (seen, at)


def t_order(T):
    seen, at = log()
    x = T.tensor(2.0, requires_grad=True)
    w = T.tensor(5.0, requires_grad=True)
    y = x * 3
    z = y * w
    x.register_hook(at("x"))
    w.register_hook(at("w"))
    y.register_hook(at("y"))
    z.register_hook(at("z"))
    y.grad_fn.register_prehook(at("ypre"))
    y.grad_fn.register_hook(at("ypost"))
    z.grad_fn.register_prehook(at("zpre"))
    z.grad_fn.register_hook(at("zpost"))
    w.register_post_accumulate_grad_hook(at("wacc"))
    x.register_post_accumulate_grad_hook(at("xacc"))
    acc = y.grad_fn.next_functions[0][0]
    acc.register_hook(at("accpost"))
    acc.register_prehook(at("accpre"))
    del acc
    z.backward()
    return seen


def t_capture_needed(T):
    seen, at = log()
    x = T.tensor(2.0, requires_grad=True)
    y = x * 3
    z = y * y
    y.register_hook(lambda g: g * 10)
    x.register_hook(lambda g: g * 100)
    y.grad_fn.register_prehook(lambda g: (g[0] * 7,))
    return T.autograd.grad(z, [y, x])


def t_capture_only(T):
    x = T.tensor(2.0, requires_grad=True)
    y = x * 3
    z = y * y
    y.register_hook(lambda g: g * 10)
    y.grad_fn.register_prehook(lambda g: (g[0] * 7,))
    y.retain_grad()
    return (T.autograd.grad(z, [y]), y.grad)


def t_capture_leaf_acc(T):
    seen, at = log()
    x = T.tensor(2.0, requires_grad=True)
    y = x * 3
    x.register_hook(at("x", lambda g: g * 2))
    x.register_post_accumulate_grad_hook(at("acc"))
    acc = y.grad_fn.next_functions[0][0]
    acc.register_prehook(at("pre"))
    acc.register_hook(at("post"))
    r = T.autograd.grad(y, x)
    return (r, x.grad, seen)


def t_inputs_hooks(T):
    seen, at = log()
    x = T.tensor(2.0, requires_grad=True)
    w = T.tensor(3.0, requires_grad=True)
    y = x * w
    x.register_hook(at("x"))
    w.register_hook(at("w"))
    y.register_hook(at("y"))
    y.grad_fn.register_hook(at("ypost"))
    x.register_post_accumulate_grad_hook(at("xa"))
    w.register_post_accumulate_grad_hook(at("wa"))
    (y * 2).backward(inputs=[x])
    return (seen, x.grad, w.grad)


def t_inputs_nonleaf(T):
    seen, at = log()
    x = T.tensor(2.0, requires_grad=True)
    y = x * 3
    z = y * y
    y.register_hook(at("y", lambda g: g * 2))
    x.register_hook(at("x"))
    z.backward(inputs=[y])
    return (seen, y.grad, x.grad)


def t_inputs_nonleaf_both(T):
    seen, at = log()
    x = T.tensor(2.0, requires_grad=True)
    y = x * 3
    z = y * y
    y.register_hook(at("y", lambda g: g * 2))
    x.register_hook(at("x"))
    z.backward(inputs=[y, x])
    return (seen, y.grad, x.grad)


def t_inputs_nonleaf_retain(T):
    x = T.tensor(2.0, requires_grad=True)
    y = x * 3
    y.retain_grad()
    z = y * y
    z.backward(inputs=[y, x])
    return (y.grad, x.grad)


def t_replace(T):
    x = T.tensor([2.0, 3.0], requires_grad=True)
    y = x * 3
    y.register_hook(lambda g: g + 1)
    y.register_hook(lambda g: g * 2)
    y.sum().backward()
    return x.grad


def t_wrong_type(T):
    x = T.tensor([2.0, 3.0], requires_grad=True)
    y = x * 3
    y.register_hook(lambda g: 3.0)
    y.sum().backward()
    return x.grad


def t_wrong_size(T):
    x = T.tensor([2.0, 3.0], requires_grad=True)
    y = x * 3
    y.register_hook(lambda g: g[:1])
    y.sum().backward()
    return x.grad


def t_wrong_size_leaf(T):
    x = T.tensor([2.0, 3.0], requires_grad=True)

    def hk(g):
        return g[:1]

    y = x * 3
    x.register_hook(hk)
    y.sum().backward()
    return x.grad


def t_wrong_dtype(T):
    x = T.tensor([2.0, 3.0], requires_grad=True)
    y = x * 3
    y.register_hook(lambda g: g.double())
    y.sum().backward()
    return x.grad


def t_pre_wrong_type(T):
    x = T.tensor([2.0, 3.0], requires_grad=True)
    y = x * 3
    y.grad_fn.register_prehook(lambda g: 3)
    y.sum().backward()
    return x.grad


def t_pre_single(T):
    x = T.tensor([2.0, 3.0], requires_grad=True)
    y = x * 3
    y.grad_fn.register_prehook(lambda g: g[0] * 2)
    y.sum().backward()
    return x.grad


def t_pre_count(T):
    x = T.tensor([2.0, 3.0], requires_grad=True)
    y = x * 3
    y.grad_fn.register_prehook(lambda g: (g[0], g[0]))
    y.sum().backward()
    return x.grad


def t_post_count(T):
    x = T.tensor([2.0, 3.0], requires_grad=True)
    y = x * 3
    y.grad_fn.register_hook(lambda gi, go: (gi[0],))
    y.sum().backward()
    return x.grad


def t_post_replace(T):
    x = T.tensor([2.0, 3.0], requires_grad=True)
    y = x * 3
    y.grad_fn.register_hook(lambda gi, go: (gi[0] * 2,) + gi[1:])
    y.sum().backward()
    return x.grad


def t_post_len(T):
    seen = []
    x = T.tensor([2.0, 3.0], requires_grad=True)
    y = x * 3
    y.grad_fn.register_hook(lambda gi, go: seen.append((len(gi), gi[-1] is None, len(go))))
    z = y * T.ones(2)
    z.grad_fn.register_hook(lambda gi, go: seen.append((len(gi), gi[-1] is None, len(go))))
    w = z.sum()
    w.grad_fn.register_hook(lambda gi, go: seen.append((len(gi), gi[-1] is None, len(go))))
    w.backward()
    return seen


def t_post_to_none(T):
    x = T.tensor([2.0, 3.0], requires_grad=True)
    y = x * 3
    y.grad_fn.register_hook(lambda gi, go: (None, None))
    y.sum().backward()
    return x.grad


def t_remove_while_running(T):
    seen = []
    x = T.tensor(2.0, requires_grad=True)
    y = x * 3
    hs = []

    def a(g):
        seen.append("a")
        hs[1].remove()

    def b(g):
        seen.append("b")

    hs.append(y.register_hook(a))
    hs.append(y.register_hook(b))
    y.backward(retain_graph=True)
    y.backward()
    return (seen, x.grad)


def t_add_while_running(T):
    seen = []
    x = T.tensor(2.0, requires_grad=True)
    y = x * 3

    def b(g):
        seen.append("b")

    def a(g):
        seen.append("a")
        y.register_hook(b)

    y.register_hook(a)
    y.backward(retain_graph=True)
    seen.append("|")
    y.backward()
    return seen


def t_remove_self(T):
    seen = []
    x = T.tensor(2.0, requires_grad=True)
    y = x * 3
    h = []

    def a(g):
        seen.append("a")
        h[0].remove()

    h.append(x.register_hook(a))
    y.backward(retain_graph=True)
    y.backward()
    return seen


def t_create_graph_hook(T):
    x = T.tensor(2.0, requires_grad=True)
    y = x**3
    x.register_hook(lambda g: g * g)
    (g,) = T.autograd.grad(y, x, create_graph=True)
    return (g.detach(), T.autograd.grad(g, x))


def t_create_graph_acc(T):
    seen = []
    x = T.tensor(2.0, requires_grad=True)
    y = x**3
    x.register_hook(lambda g: seen.append(g.requires_grad))
    y.register_hook(lambda g: seen.append(T.is_grad_enabled()))
    x.register_post_accumulate_grad_hook(lambda p: seen.append((T.is_grad_enabled(), p.grad.requires_grad)))
    y.backward(create_graph=True)
    return (seen, x.grad.detach())


def t_grad_mode_in_hooks(T):
    seen = []
    x = T.tensor(2.0, requires_grad=True)
    y = x**3
    x.register_hook(lambda g: seen.append(T.is_grad_enabled()))
    y.grad_fn.register_hook(lambda *g: seen.append(T.is_grad_enabled()))
    x.register_post_accumulate_grad_hook(lambda p: seen.append(T.is_grad_enabled()))
    y.backward()
    return seen


def t_post_acc_returns(T):
    x = T.tensor(2.0, requires_grad=True)
    y = x**3
    x.register_post_accumulate_grad_hook(lambda p: 3)
    y.backward()
    return x.grad


def t_post_acc_set_none(T):
    x = T.tensor(2.0, requires_grad=True)
    y = x**3

    def h(p):
        p.grad = None

    x.register_post_accumulate_grad_hook(h)
    y.backward()
    return x.grad


def t_post_acc_nonleaf(T):
    x = T.tensor(2.0, requires_grad=True)
    y = x**3
    y.register_post_accumulate_grad_hook(lambda p: None)


def t_post_acc_noreq(T):
    T.tensor(2.0).register_post_accumulate_grad_hook(lambda p: None)


def t_hook_noreq(T):
    T.tensor(2.0).register_hook(lambda p: None)


def t_hook_raise_leaf(T):
    x = T.tensor(2.0, requires_grad=True)
    y = x**3

    def bad(g):
        raise KeyError("q")

    h = x.register_hook(bad)
    r = []
    try:
        y.backward(retain_graph=True)
    except KeyError as e:
        r.append(str(e))
    h.remove()
    y.backward()
    return (r, x.grad, T.is_grad_enabled())


def t_hook_on_view(T):
    seen, at = log()
    x = T.tensor([2.0, 3.0], requires_grad=True)
    y = x * 3
    v = y[0]
    v.register_hook(at("v", lambda g: g * 2))
    (v * 5).backward()
    return (seen, x.grad)


def t_hook_view_of_leaf(T):
    seen, at = log()
    x = T.tensor([2.0, 3.0], requires_grad=True)
    v = x.view(1, 2)
    v.register_hook(at("v", lambda g: g * 2))
    (v * 5).sum().backward()
    return (seen, x.grad)


def t_multi_out(T):
    seen, at = log()
    x = T.tensor([2.0, 3.0], requires_grad=True)
    a, b = x.unbind(0)
    a.register_hook(at("a", lambda g: g * 2))
    b.register_hook(at("b"))
    a.grad_fn.register_hook(at("post"))
    a.grad_fn.register_prehook(at("pre"))
    (a * 5).backward()
    return (seen, x.grad)


def t_multi_retain(T):
    x = T.tensor([2.0, 3.0], requires_grad=True)
    a, b = x.unbind(0)
    a.retain_grad()
    b.retain_grad()
    (a * 5).backward()
    return (a.grad, b.grad, x.grad)


def t_multi_capture(T):
    x = T.tensor([2.0, 3.0], requires_grad=True)
    a, b = x.unbind(0)
    a.register_hook(lambda g: g * 2)
    return T.autograd.grad(a * b, [a, b, x])


def t_root_hooks(T):
    seen, at = log()
    x = T.tensor(2.0, requires_grad=True)
    x.register_hook(at("x"))
    x.register_post_accumulate_grad_hook(at("a"))
    x.backward()
    return (seen, x.grad)


def t_root_grad(T):
    x = T.tensor(2.0, requires_grad=True)
    x.register_hook(lambda g: g * 3)
    return (T.autograd.grad(x, x), x.grad)


def t_hook_inplace_on_grad(T):
    x = T.tensor([2.0, 3.0], requires_grad=True)
    y = x * 3

    def h(g):
        g.mul_(2)

    y.register_hook(h)
    y.sum().backward()
    return x.grad


def t_callable_check(T):
    x = T.tensor([2.0, 3.0], requires_grad=True)
    x.register_hook(3)
    (x * 2).sum().backward()


def t_handle(T):
    x = T.tensor([2.0, 3.0], requires_grad=True)
    h = x.register_hook(lambda g: g)
    h.remove()
    h.remove()
    return (isinstance(h.id, int), type(h).__name__)


def t_acc_node_same(T):
    x = T.tensor([2.0, 3.0], requires_grad=True)
    a = (x * 2).grad_fn.next_functions[0][0]
    b = (x * 3).grad_fn.next_functions[0][0]
    return (a is b, a.next_functions, a.variable is x, a.name())


def t_metadata(T):
    x = T.tensor([2.0, 3.0], requires_grad=True)
    y = x * 2
    y.grad_fn.metadata["a"] = 3
    return (y.grad_fn.metadata, y.grad_fn.metadata is y.grad_fn.metadata, y.grad_fn.requires_grad)


def t_retain_leaf(T):
    x = T.tensor([2.0, 3.0], requires_grad=True)
    x.retain_grad()
    return x.retains_grad


def t_retain_no(T):
    T.tensor([2.0, 3.0]).retain_grad()


def t_retain_twice(T):
    x = T.tensor([2.0, 3.0], requires_grad=True)
    y = x * 2
    y.retain_grad()
    y.retain_grad()
    s = y.sum()
    s.backward(retain_graph=True)
    s.backward()
    return y.grad


def t_none_grad_prehook(T):

    class F(T.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return (x * 1, x * 2)

        @staticmethod
        def backward(ctx, a, b):
            return a + b

    seen, at = log()
    x = T.tensor(2.0, requires_grad=True)
    a, b = F.apply(x)
    a.grad_fn.register_prehook(at("pre"))
    a.grad_fn.register_hook(at("post"))
    b.register_hook(at("b"))
    a.register_hook(at("a"))
    a.backward()
    return (seen, x.grad)


def t_none_returned(T):
    seen, at = log()
    x = T.tensor(2.0, requires_grad=True)
    y = x * 3
    z = stops(T).apply(y)
    y.register_hook(at("y"))
    y.grad_fn.register_hook(at("post"))
    x.register_hook(at("x"))
    x.register_post_accumulate_grad_hook(at("acc"))
    z.backward()
    return (seen, x.grad)


def t_none_returned_retain(T):
    x = T.tensor(2.0, requires_grad=True)
    y = x * 3
    y.retain_grad()
    z = stops(T).apply(y)
    z.backward()
    return (y.grad, x.grad)


PROGRAMS = {name[2:]: program for name, program in list(globals().items()) if name.startswith("t_")}


@pytest.mark.parametrize("name", PROGRAMS)
def test_as_pytorch(name):
    agree(PROGRAMS[name], rtol=1e-5, atol=1e-6)
