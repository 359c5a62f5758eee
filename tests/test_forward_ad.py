"""autograd.forward_ad: dual tensors as PyTorch's, what they refuse, and gradients of and through them."""

import pytest

import glassgrad as gg
import glassgrad.autograd.forward_ad as fwAD
from oracle import agree


def duals(T, f, *pairs):
    """The unpacked results of f on dual tensors."""
    ad = T.autograd.forward_ad
    with ad.dual_level():
        out = f(*[ad.make_dual(T.tensor(p), T.tensor(t)) for p, t in pairs])
        return tuple(ad.unpack_dual(out))


X, Y = ([1.0, -2.0, 0.5], [0.5, 1.0, 2.0]), ([2.0, 1.0, 3.0], [1.0, 0.0, -1.0])
PROGRAMS = {
    "product": lambda T: duals(T, lambda x, y: x * y, X, Y),
    "chain": lambda T: duals(T, lambda x: T.tanh(x).exp().sum(), X),
    "with a constant": lambda T: duals(T, lambda x: x @ T.tensor([1.0, 2.0, 3.0]), X),
    "kinks": lambda T: duals(T, lambda x: T.relu(x) + x.abs() + T.maximum(x, x * 0), ([0.0, 1.0, -1.0], [1.0, 1.0, 1.0])),
    "a constant result": lambda T: duals(T, lambda x: T.ones(2), X),
    "a comparison": lambda T: duals(T, lambda x: x > 0, X),
    "in place": lambda T: duals(T, lambda x, y: x.clone().mul_(y), X, Y),
    "detached": lambda T: duals(T, lambda x: x.detach(), X),
    "values": lambda T: duals(T, lambda x: T.tensor(float(x[0]) + x.sum().item()), X),
    "control flow": lambda T: duals(T, lambda x: x * 2 if x.sum() > 0 else x * 3, X),
    "unpacked without a level": lambda T: tuple(T.autograd.forward_ad.unpack_dual(T.ones(2))),
    "names": lambda T: T.autograd.forward_ad.unpack_dual(T.ones(2))._fields,
    "other dtype": lambda T: T.autograd.forward_ad.dual_level()(lambda ad: tuple(ad.unpack_dual(ad.make_dual(T.ones(1), T.ones(1).double()) * 3)))(
        T.autograd.forward_ad),
    "entered by hand": lambda T: (lambda ad: [ad.enter_dual_level(), ad.unpack_dual(ad.make_dual(T.ones(1), T.ones(1)) * 3).tangent, ad.exit_dual_level()])(
        T.autograd.forward_ad),
    "after the level": lambda T: after(T),
    "gradient of a tangent": lambda T: reverse_over_forward(T),
    "tangent of a gradient": lambda T: forward_over_reverse(T),
    "tangent of a gradient by what is outside": lambda T: outside(T),
    "decorated": lambda T: T.autograd.forward_ad.dual_level()(
        lambda: T.autograd.forward_ad.unpack_dual(T.autograd.forward_ad.make_dual(T.ones(1), T.ones(1)).sin()).tangent)(),
}  # fmt: skip
REFUSED = {
    "no level": lambda T: T.autograd.forward_ad.make_dual(T.ones(1), T.ones(1)),
    "nested": lambda T: T.autograd.forward_ad.dual_level()(lambda: T.autograd.forward_ad.enter_dual_level())(),
    "left twice": lambda T: T.autograd.forward_ad.exit_dual_level(),
    "left another": lambda T: T.autograd.forward_ad.dual_level()(lambda: T.autograd.forward_ad.exit_dual_level(level=3))(),
    "integers": lambda T: T.autograd.forward_ad.dual_level()(lambda: T.autograd.forward_ad.make_dual(T.tensor([1]), T.ones(1)))(),
    "integer tangent": lambda T: T.autograd.forward_ad.dual_level()(lambda: T.autograd.forward_ad.make_dual(T.ones(1), T.tensor([1])))(),
    "other shape": lambda T: T.autograd.forward_ad.dual_level()(lambda: T.autograd.forward_ad.make_dual(T.ones(1), T.ones(2)))(),
    "twice": lambda T: T.autograd.forward_ad.dual_level()(lambda ad: ad.make_dual(ad.make_dual(T.ones(1), T.ones(1)), T.ones(1)))(T.autograd.forward_ad),
    "dual tangent": lambda T: T.autograd.forward_ad.dual_level()(lambda ad: ad.make_dual(T.ones(1), ad.make_dual(T.ones(1), T.ones(1))))(T.autograd.forward_ad),
}  # fmt: skip


def after(T):
    ad = T.autograd.forward_ad
    with ad.dual_level():
        y = ad.make_dual(T.ones(2), T.ones(2)) * 3
    before = tuple(ad.unpack_dual(y))
    with ad.dual_level():
        return [*before, *ad.unpack_dual(y), *ad.unpack_dual(y * 2), (y + 1).tolist(), repr(y)]


def reverse_over_forward(T):
    ad = T.autograd.forward_ad
    x, v, w = (T.tensor(a, requires_grad=True) for a in ([1.0, 2.0], [3.0, 4.0], [0.5, -1.0]))
    with ad.dual_level():
        t = ad.unpack_dual(T.tanh(ad.make_dual(x, v) * w)).tangent
    return list(T.autograd.grad(t.sum(), [x, v, w]))


def forward_over_reverse(T):
    ad = T.autograd.forward_ad
    with ad.dual_level():
        x = ad.make_dual(T.tensor([1.0, 2.0], requires_grad=True), T.tensor([1.0, 0.5]))
        (g,) = T.autograd.grad((x**3).sum(), x)
        return [p.detach() for p in ad.unpack_dual(g)]


def outside(T):
    ad = T.autograd.forward_ad
    p, w = T.tensor([1.0, 2.0], requires_grad=True), T.tensor([0.5, -1.0], requires_grad=True)
    with ad.dual_level():
        found = T.autograd.grad((T.sin(ad.make_dual(p, T.tensor([1.0, 0.5])) * w)).sum(), [p, w])
        return [q.detach() for g in found for q in ad.unpack_dual(g)]


@pytest.mark.parametrize("name", PROGRAMS)
def test_as_pytorchs(name):
    agree(lambda T: PROGRAMS[name](T), raises=False)


@pytest.mark.parametrize("name", REFUSED)
def test_refused_as_pytorch_refuses(name):
    agree(lambda T: REFUSED[name](T), raises=True)


def test_levels_are_left_when_something_raises():
    with pytest.raises(ZeroDivisionError), fwAD.dual_level():
        _ = 1 // 0
    assert fwAD.unpack_dual(gg.ones(1)).tangent is None
    with fwAD.dual_level():
        assert fwAD.unpack_dual(gg.ones(1)).tangent is None
