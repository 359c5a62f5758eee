"""autograd.functional: products with Jacobians and Hessians, the matrices, and what is refused, as PyTorch's."""

import pytest

import glassgrad as gg
from oracle import agree

CALLS = {
    "vjp": lambda T, F, x, y: F.vjp(lambda a: a * 2, x, y),
    "vjp of a number": lambda T, F, x, y: F.vjp(lambda a: (a * a).sum(), x),
    "vjp of several": lambda T, F, x, y: F.vjp(lambda a, b: (a * b, a.sum()), (x, y), (x, T.tensor(1.0))),
    "vjp without v": lambda T, F, x, y: F.vjp(lambda a: a * 2, x),
    "vjp, v too long": lambda T, F, x, y: F.vjp(lambda a: a * 2, x, T.ones(3)),
    "vjp, two v": lambda T, F, x, y: F.vjp(lambda a: a * 2, x, (x, x)),
    "vjp, output no tensor": lambda T, F, x, y: F.vjp(lambda a: 3, x),
    "vjp, input no tensor": lambda T, F, x, y: F.vjp(lambda a: a, 3),
    "vjp, constant": lambda T, F, x, y: F.vjp(lambda a: T.ones(2), x, x),
    "vjp, constant, strict": lambda T, F, x, y: F.vjp(lambda a: T.ones(2), x, x, strict=True),
    "vjp, unused, strict": lambda T, F, x, y: F.vjp(lambda a, b: a * 2, (x, y), x, strict=True),
    "vjp, linear, strict graph": lambda T, F, x, y: F.vjp(lambda a: a * 2, x, x, strict=True, create_graph=True),
    "jvp": lambda T, F, x, y: F.jvp(lambda a: a * a, x, y),
    "jvp of several": lambda T, F, x, y: F.jvp(lambda a, b: (a * b, a.sum()), (x, y), (y, x)),
    "jvp without v": lambda T, F, x, y: F.jvp(lambda a: a * a, x),
    "jvp of a number": lambda T, F, x, y: F.jvp(lambda a: a * a, T.tensor(2.0)),
    "jacobian": lambda T, F, x, y: F.jacobian(lambda a: T.sin(a) * a.sum(), x),
    "jacobian of several": lambda T, F, x, y: F.jacobian(lambda a, b: (a * b, a.sum()), (x, y)),
    "jacobian, forward mode": lambda T, F, x, y: F.jacobian(lambda a: a * a.sum(), x, strategy="forward-mode", vectorize=True),
    "jacobian, forward mode alone": lambda T, F, x, y: F.jacobian(lambda a: a, x, strategy="forward-mode"),
    "jacobian, vectorized": lambda T, F, x, y: F.jacobian(lambda a, b: (a * b.sum(), a.sum()), (x, y), vectorize=True),
    "jacobian, vectorized matrix": lambda T, F, x, y: F.jacobian(lambda a: T.tanh(a @ a.T), T.arange(4.0).reshape(2, 2) / 4, vectorize=True),
    "jacobian, vectorized constant": lambda T, F, x, y: F.jacobian(lambda a: T.ones(2), x, vectorize=True),
    "hessian, vectorized": lambda T, F, x, y: F.hessian(lambda a, b: ((a * b).sum() ** 3 * a[0]), (x, y), vectorize=True),
    "jacobian, forward mode of a matrix": lambda T, F, x, y: F.jacobian(lambda a: T.tanh(a @ a.T), T.arange(4.0).reshape(2, 2) / 4, strategy="forward-mode", vectorize=True),
    "jacobian, matrix": lambda T, F, x, y: F.jacobian(lambda a: a @ a.T, T.arange(4.0).reshape(2, 2)),
    "jacobian, strict": lambda T, F, x, y: F.jacobian(lambda a: T.ones(2), x, strict=True),
    "jacobian, strict and vectorized": lambda T, F, x, y: F.jacobian(lambda a: a, x, strict=True, vectorize=True),
    "jacobian, no such strategy": lambda T, F, x, y: F.jacobian(lambda a: a, x, strategy="sideways"),
    "hessian": lambda T, F, x, y: F.hessian(lambda a: (a**3).sum() * a[0], x),
    "hessian of several": lambda T, F, x, y: F.hessian(lambda a, b: (a * b).sum() ** 2, (x, y)),
    "hessian of a vector": lambda T, F, x, y: F.hessian(lambda a: a, x),
    "hessian of two": lambda T, F, x, y: F.hessian(lambda a: (a.sum(), a.sum()), x),
    "hessian, linear, strict": lambda T, F, x, y: F.hessian(lambda a: a.sum(), x, strict=True),
    "hessian, no such strategy": lambda T, F, x, y: F.hessian(lambda a: a.sum(), x, outer_jacobian_strategy="sideways"),
    "vhp": lambda T, F, x, y: F.vhp(lambda a: (a**3).sum() * a[0], x, y),
    "vhp of several": lambda T, F, x, y: F.vhp(lambda a, b: (a * b).sum() ** 2, (x, y), (y, x)),
    "hvp": lambda T, F, x, y: F.hvp(lambda a: (a**3).sum() * a[0], x, y),
    "hvp without v": lambda T, F, x, y: F.hvp(lambda a: (a**3).sum(), x),
    "hvp, linear, strict": lambda T, F, x, y: F.hvp(lambda a: a.sum(), x, y, strict=True),
}


@pytest.mark.parametrize("name", CALLS)
def test_as_pytorchs(name):
    agree(lambda T: CALLS[name](T, T.autograd.functional, T.tensor([1.0, 2.0]), T.tensor([3.0, 4.0])))


@pytest.mark.parametrize("name", ["vjp", "jvp", "vhp", "hvp", "jacobian", "hessian"])
def test_results_can_be_differentiated_again(name):
    def program(T):
        x = T.tensor([1.0, 2.0], dtype=T.float64, requires_grad=True)
        f = (lambda a: T.sin(a) * a.sum()) if name in ("vjp", "jvp", "jacobian") else lambda a: (a**3).sum() * a[0]
        rest = (T.tensor([3.0, 4.0], dtype=T.float64),) if name not in ("jacobian", "hessian") else ()
        found = getattr(T.autograd.functional, name)(f, x, *rest, create_graph=True)
        result = found[1] if rest else found
        (result * T.arange(1.0, 1 + result.numel(), dtype=T.float64).view(result.shape)).sum().backward()
        return result.detach(), x.grad

    agree(program, raises=False)


def test_nothing_is_left_behind():
    x = gg.tensor([1.0, 2.0], requires_grad=True)
    gg.autograd.functional.hessian(lambda a: (a**3).sum(), x)
    assert x.grad is None
    assert not gg.autograd.functional.jacobian(lambda a: a * a, x).requires_grad
