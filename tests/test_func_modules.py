"""Modules as functions: functional_call, stack_module_state, functionalize."""

import pytest

from oracle import agree
from said import Said, programs


def tied(T):
    nn = T.nn

    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Linear(2, 2), nn.Linear(2, 2)
            self.b.weight = self.a.weight
            self.register_buffer("calls", T.ones(2))

        def forward(self, x, scale=1.0):
            self.calls = self.calls + 1
            return self.b(self.a(x)) * scale + self.calls

    T.manual_seed(0)
    return Tied(), T.ones(1, 2)


def t_functional_call(T):
    (m, x), said, call = tied(T), Said(), T.func.functional_call
    zeros = {k: T.zeros_like(v) for k, v in m.named_parameters()}
    said.each(
        zeros=lambda: call(m, zeros, x), own_buffer=lambda: m.calls, several=lambda: call(m, (zeros, {"calls": T.zeros(2)}), (x,), {"scale": 2.0}),
        given_buffer=lambda: m.calls, twice=lambda: call(m, (zeros, zeros), x), unknown=lambda: call(m, {**zeros, "z": x}, x),
        nowhere=lambda: call(m, {**zeros, "q.z": x}, x), missing=lambda: call(m, {"a.weight": zeros["a.weight"]}, x, strict=True),
        unexpected=lambda: call(m, {**zeros, "z": x}, x, strict=True), conflict=lambda: call(m, {**zeros, "b.weight": T.ones(2, 2)}, x),
        untied=lambda: call(m, {**zeros, "b.weight": T.ones(2, 2)}, x, tie_weights=False), number=lambda: call(m, 3, x), numbers=lambda: call(m, (3,), x),
        no_tensor=lambda: call(m, {**zeros, "a.bias": 3}, x), as_before=lambda: (m.a.weight is m.b.weight, isinstance(m.a.weight, T.nn.Parameter), hasattr(m, "z")),
    )  # fmt: skip
    return said


def t_gradients_by_sample(T):
    T.manual_seed(0)
    m, x = T.nn.Linear(2, 1), T.randn(3, 2)
    params = {k: v.detach() for k, v in m.named_parameters()}
    loss = lambda p, x: T.func.functional_call(m, p, x).square().sum()
    return T.vmap(T.func.grad(loss), (None, 0))(params, x), T.func.hessian(loss)(params, x[0])["weight"]["weight"]


def t_ensemble(T):
    T.manual_seed(0)
    nn, said = T.nn, Said()
    models = [nn.Linear(2, 1) for _ in range(3)]
    params, buffers = T.func.stack_module_state(models)
    said.add({k: (v.shape, v.requires_grad, v.is_leaf) for k, v in params.items()}, buffers)
    out = T.vmap(lambda p, b: T.func.functional_call(models[0], (p, b), T.ones(4, 2)))(params, buffers)
    said.each(none=lambda: T.func.stack_module_state([]), classes=lambda: T.func.stack_module_state([nn.Linear(2, 1), nn.Identity()]))
    models[1].eval()
    said.attempt("modes", lambda: T.func.stack_module_state(models))
    models[1].train()
    models[0].weight.requires_grad_(False)
    said.attempt("frozen", lambda: T.func.stack_module_state(models))
    return said, out


def t_functionalize(T):
    def f(a):
        b = a + 1
        b.view(-1).add_(1)
        a.mul_(2)
        return b

    a = T.ones(2, 2)
    first = T.func.functionalize(f)(a)
    second = T.func.functionalize(f, remove="mutations_and_views")(a)
    return first, a, second, T.func.grad(lambda x: T.func.functionalize(lambda y: (y * 1).mul_(y).sum())(x))(T.ones(2))


def t_functionalize_refuses(T):
    return T.func.functionalize(lambda x: x, remove="x")


PROGRAMS = programs(globals())


@pytest.mark.parametrize("name", PROGRAMS)
def test_as_pytorch(name):
    agree(PROGRAMS[name])
