"""Hooks and kept gradients when the tensors that they are on are written in place; each program run on both engines."""

import pytest

from oracle import agree
from test_hooks import log


def t_hook_then_inplace(T):
    seen, at = log()
    x = T.tensor([2.0, 3.0], requires_grad=True)
    y = x * 3
    y.register_hook(at("before"))
    y.mul_(2)
    y.register_hook(at("after"))
    y.sum().backward()
    return (seen, x.grad)


def t_retain_inplace(T):
    x = T.tensor([2.0, 3.0], requires_grad=True)
    y = x * 3
    y.retain_grad()
    y.mul_(2)
    y.sum().backward()
    return (y.grad, x.grad, y.retains_grad)


def t_retain_inplace_twice(T):
    x = T.tensor([2.0, 3.0], requires_grad=True)
    y = x * 3
    y.retain_grad()
    y.mul_(2)
    y.retain_grad()
    y.mul_(5)
    y.sum().backward()
    return (y.grad, x.grad)


def t_retain_view_inplace(T):
    x = T.tensor([2.0, 3.0], requires_grad=True)
    y = x * 3
    v = y[0]
    v.retain_grad()
    y.retain_grad()
    y.mul_(2)
    (y.sum() + v).backward()
    return (y.grad, v.grad, x.grad)


def t_retain_view_inplace2(T):
    seen, at = log()
    x = T.tensor([2.0, 3.0], requires_grad=True)
    y = x * 3
    v = y[0:1]
    v.retain_grad()
    y.retain_grad()
    v.register_hook(at("v"))
    y.register_hook(at("y"))
    v.mul_(2)
    v.register_hook(at("v2"))
    y.register_hook(at("y2"))
    (y.sum() + v.sum()).backward()
    return (seen, y.grad, v.grad, x.grad)


def t_retain_hook_order(T):
    x = T.tensor([2.0, 3.0], requires_grad=True)
    y = x * 3
    y.retain_grad()
    y.register_hook(lambda g: g * 2)
    y.sum().backward()
    return (y.grad, x.grad)


def t_retain_hook_order_remove(T):
    x = T.tensor([2.0, 3.0], requires_grad=True)
    y = x * 3
    y.register_hook(lambda g: g * 2)
    y.retain_grad()
    y.register_hook(lambda g: g * 5)
    y.sum().backward()
    return (y.grad, x.grad)


def t_leaf_hook_then_inplace(T):
    seen, at = log()
    x = T.tensor([2.0, 3.0], requires_grad=True)
    x.register_hook(at("x"))
    with T.no_grad():
        x.mul_(2)
    (x * x).sum().backward()
    return (seen, x.grad)


def t_leaf_becomes_nonleaf(T):
    seen, at = log()
    y = T.zeros(2)
    x = T.ones(2, requires_grad=True)
    y.add_(x)
    y.register_hook(at("y"))
    y.sum().backward()
    return seen


PROGRAMS = {name[2:]: program for name, program in list(globals().items()) if name.startswith("t_")}


@pytest.mark.parametrize("name", PROGRAMS)
def test_as_pytorch(name):
    agree(PROGRAMS[name], rtol=1e-5, atol=1e-6)
