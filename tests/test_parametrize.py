"""Weights computed from others: programs that say, on both engines, what they see."""

import copy
import pickle
import warnings

import pytest

from oracle import agree
from said import Said, programs


def scaled(T):
    class Scaled(T.nn.Module):
        def forward(self, x):
            return x * 2

        def right_inverse(self, y):
            return y / 2

    return Scaled()


def half(T):
    class Half(T.nn.Module):
        def forward(self, x):
            return x[:1]

    return Half()


def trained(T, layer, said, *shape):
    """A step of training, and what it leaves."""
    opt = T.optim.SGD(layer.parameters(), lr=0.1)
    out = layer(T.ones(*shape))
    out.pow(2).sum().backward()
    opt.step()
    said.add(out.detach().round(decimals=3), [(n, p.grad is not None) for n, p in layer.named_parameters()], list(layer.state_dict()), layer(T.ones(*shape)).detach().round(decimals=3))


def t_weight_norm(T, said):
    for dim in (0, 1, None):
        T.manual_seed(1)
        layer = T.nn.utils.parametrizations.weight_norm(T.nn.Conv1d(2, 3, 2), dim=dim)
        trained(T, layer, said, 1, 2, 4)
        T.manual_seed(1)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            older = T.nn.utils.weight_norm(T.nn.Conv1d(2, 3, 2), dim=dim)
        trained(T, older, said, 1, 2, 4)
        layer.load_state_dict(older.state_dict())  # the older names are understood
        said.add(layer(T.ones(1, 2, 4)).detach(), T.nn.utils.remove_weight_norm(older), list(older.state_dict()))


def t_spectral_norm(T, said):
    for make, shape in ((lambda: T.nn.Linear(3, 2), (2, 3)), (lambda: T.nn.ConvTranspose1d(2, 3, 2), (1, 2, 4))):
        T.manual_seed(2)
        layer = T.nn.utils.parametrizations.spectral_norm(make(), n_power_iterations=2)
        trained(T, layer, said, *shape)
        layer.eval()
        said.add(T.equal(layer.weight, layer.weight), layer)
        T.manual_seed(2)
        older = T.nn.utils.spectral_norm(make())
        trained(T, older, said, *shape)
        said.add(T.nn.utils.remove_spectral_norm(older), [n for n, _ in older.named_parameters()], older(T.ones(*shape)).detach())


def t_parametrize(T, said):
    P = T.nn.utils.parametrize
    T.manual_seed(3)
    layer = T.nn.Linear(2, 2)
    before = layer.weight.detach().clone()
    P.register_parametrization(layer, "weight", scaled(T))
    said.add(layer, T.equal(layer.weight, before), P.is_parametrized(layer), P.is_parametrized(layer, "bias"), type(layer).__name__)
    layer.weight = T.ones(2, 2)
    said.add(layer.weight, layer.parametrizations.weight.original)
    P.register_parametrization(layer, "weight", scaled(T))
    said.add(layer, layer.weight.detach(), list(layer.state_dict()))
    with P.cached():
        said.add(layer.weight is layer.weight)
    twin = copy.deepcopy(layer)
    said.add(layer.weight is layer.weight, T.equal(twin.weight, layer.weight), P.type_before_parametrizations(layer) is T.nn.Linear)
    P.remove_parametrizations(layer, "weight")
    said.add(layer, layer.weight, [n for n, _ in layer.named_parameters()])
    P.remove_parametrizations(twin, "weight", leave_parametrized=False)
    said.add(twin.weight)


def t_refusals(T, said):
    P, Z, U, L = T.nn.utils.parametrize, T.nn.utils.parametrizations, T.nn.utils, T.nn.Linear(2, 2)
    said.each(
        shape=lambda: P.register_parametrization(T.nn.Linear(2, 2), "weight", half(T)),
        name=lambda: P.register_parametrization(L, "foo", scaled(T)), none=lambda: P.remove_parametrizations(L, "weight"),
        iterations=lambda: Z.spectral_norm(L, n_power_iterations=0), what=lambda: Z.spectral_norm(L, "foo"), missing=lambda: Z.weight_norm(L, "foo"),
        not_weight=lambda: U.remove_weight_norm(L), not_spectral=lambda: U.remove_spectral_norm(L), older=lambda: U.spectral_norm(L, n_power_iterations=0),
        twice=lambda: U.spectral_norm(U.spectral_norm(T.nn.Linear(2, 2))), parameter=lambda: setattr(Z.weight_norm(T.nn.Linear(2, 2)), "weight", T.nn.Parameter(T.ones(2, 2))),
        pickle=lambda: pickle.dumps(Z.weight_norm(T.nn.Linear(2, 2))), sequence=lambda: P.remove_parametrizations(Z.weight_norm(T.nn.Linear(2, 2)), "weight", False),
    )  # fmt: skip


@pytest.mark.parametrize("name", programs(globals()))
def test_as_pytorch(name):
    def program(T):
        said = Said()
        programs(globals())[name](T, said)
        return list(said)

    agree(program)
