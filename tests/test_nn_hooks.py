"""The hooks of modules: their order, what they are given, what they replace; each program run on both engines."""

import pytest

from oracle import agree
from said import Said, programs


def seen(T, g):
    if g is None:
        return None
    if isinstance(g, (tuple, list)):
        return tuple(seen(T, x) for x in g)
    return (tuple(g.shape), round(float(g.detach().sum()), 4)) if isinstance(g, T.Tensor) else g


def scaling(T):
    class Scaling(T.nn.Module):
        def __init__(self):
            super().__init__()
            self.w = T.nn.Parameter(T.tensor([2.0, 3.0]))

        def forward(self, x, y=None, k=1):
            if k == "bad":
                raise ValueError("bad")
            return (x * self.w * k, x.sum()) if y is not None else x * self.w * k

    return Scaling(), T.tensor([1.0, 2.0], requires_grad=True)


def t_forward(T):
    (m, x), said = scaling(T), Said()
    handles = [
        m.register_forward_pre_hook(lambda m, a: said.add("before", seen(T, a))),
        m.register_forward_pre_hook(lambda m, a, k: (said.add("before, with kwargs", seen(T, a), k), (a, {**k, "k": 2}))[1], with_kwargs=True),
        m.register_forward_pre_hook(lambda m, a: said.add("first"), prepend=True),
        m.register_forward_hook(lambda m, a, o: said.add("after", seen(T, a), seen(T, o))),
        m.register_forward_hook(lambda m, a, k, o: (said.add("after, with kwargs", k), o * 10)[1], with_kwargs=True),
        m.register_forward_hook(lambda m, a, o: said.add("always", seen(T, o)), always_call=True),
    ]
    said.add(m(x))
    said.attempt("raises", lambda: m(x, k="bad"))
    handles[1].remove()
    said.attempt("raises", lambda: m(x, k="bad"))
    handles[4].remove()
    said.add(m(x))
    for handle in handles:
        handle.remove()
    said.add(m(x))
    with m.register_forward_pre_hook(lambda m, a: T.ones(2)):
        said.add(m(x))
    m.register_forward_pre_hook(lambda m, a, k: 3, with_kwargs=True)
    said.attempt("not a pair", lambda: m(x))
    return said


def t_backward(T):
    (m, x), said = scaling(T), Said()
    m.register_full_backward_hook(lambda m, gi, go: said.add("after", seen(T, gi), seen(T, go)))
    m.register_full_backward_pre_hook(lambda m, go: said.add("before", seen(T, go)))
    y = m(x)
    said.add(type(y.grad_fn).__name__)
    y.sum().backward()
    said.add(x.grad, m.w.grad)
    m(T.ones(2)).sum().backward()
    a, b = m(x, x)
    (a.sum() + b).backward()
    a, b = m(x, x)
    b.backward()
    with T.no_grad():
        said.add(m(x).requires_grad)
    y = m(x)
    said.attempt("written in place", lambda: y.mul_(2))
    y.sum().backward(retain_graph=True)
    y.sum().backward()
    return said


def t_replaced(T):
    (m, x), said = scaling(T), Said()
    with m.register_full_backward_hook(lambda m, gi, go: (gi[0] * 100,)):
        m(x).sum().backward()
    said.add(x.grad)
    x.grad = m.w.grad = None
    with m.register_full_backward_pre_hook(lambda m, go: (go[0] * 3,)):
        m(x).sum().backward()
    said.add(x.grad, m.w.grad)
    with m.register_full_backward_hook(lambda m, gi, go: (gi[0], gi[0])):
        said.attempt("too many", lambda: m(x).sum().backward())
    with m.register_full_backward_pre_hook(lambda m, go: (go[0], go[0])):
        said.attempt("too many before", lambda: m(x).sum().backward())
    with m.register_full_backward_hook(lambda m, gi, go: (T.ones(2),)):
        said.attempt("no input", lambda: m(T.ones(2)).sum().backward())
    return said


def t_older_kind(T):
    (m, x), said = scaling(T), Said()
    m.register_backward_hook(lambda m, gi, go: said.add("older", seen(T, gi), seen(T, go)))
    m(x).sum().backward()
    said.attempt("both", lambda: m.register_full_backward_hook(lambda *a: None))
    m, x = scaling(T)
    m.register_full_backward_hook(lambda *a: None)
    said.attempt("both", lambda: m.register_backward_hook(lambda *a: None))
    return said


def t_of_every_module(T):
    from importlib import import_module

    M, said = import_module(T.__name__ + ".nn.modules.module"), Said()
    handles = [
        M.register_module_forward_hook(lambda m, a, o: said.add("after", type(m).__name__)),
        M.register_module_forward_pre_hook(lambda m, a: said.add("before", type(m).__name__)),
        M.register_module_full_backward_hook(lambda m, gi, go: said.add("backward", type(m).__name__, seen(T, gi), seen(T, go))),
        M.register_module_full_backward_pre_hook(lambda m, go: said.add("before backward", type(m).__name__)),
        M.register_module_parameter_registration_hook(lambda m, n, p: said.add("parameter", n)),
        M.register_module_buffer_registration_hook(lambda m, n, b: said.add("buffer", n)),
        M.register_module_module_registration_hook(lambda m, n, c: said.add("module", n)),
    ]
    T.manual_seed(0)
    s = T.nn.Sequential(T.nn.Linear(2, 2), T.nn.Identity())
    s.register_buffer("b", T.ones(1))
    s(T.ones(2, requires_grad=True)).sum().backward()
    for handle in handles:
        handle.remove()
    s(T.ones(2))
    return said


def t_of_the_state(T):
    s, said = T.nn.Sequential(T.nn.Linear(2, 2)), Said()
    s.register_state_dict_pre_hook(lambda m, p, k: said.add("before saving", repr(p), k))
    s.register_state_dict_post_hook(lambda m, d, p, about: said.add("saved", list(d), repr(p), about))
    s.register_load_state_dict_pre_hook(lambda m, d, p, about, strict, a, b, c: said.add("before loading", list(d), repr(p), about, strict, a, b, c))
    s.register_load_state_dict_post_hook(lambda m, keys: said.add("loaded", keys))
    s.load_state_dict(s.state_dict())
    s.register_load_state_dict_post_hook(lambda m, keys: 3)
    said.attempt("returns", lambda: s.load_state_dict(s.state_dict()))
    return said


PROGRAMS = programs(globals())


@pytest.mark.parametrize("name", PROGRAMS)
def test_as_pytorch(name):
    agree(PROGRAMS[name])
