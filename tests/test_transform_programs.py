"""Random nestings of transforms: the same program on glassgrad and on PyTorch, its value and the gradient of its value.

A program is a function of a vector of 3 that captures a matrix and vectors; a transform of it is one again.
"""

import random

import numpy as np
import pytest

from oracle import agree

STEPS = [
    lambda T, c, x: T.sin(x), lambda T, c, x: T.tanh(x) * x, lambda T, c, x: x * c["v"], lambda T, c, x: c["w"] @ x, lambda T, c, x: x @ c["w"],
    lambda T, c, x: T.softmax(x, 0), lambda T, c, x: x / (1 + x * x), lambda T, c, x: T.exp(-x * x), lambda T, c, x: x.flip(0) * x,
    lambda T, c, x: T.cat([x[1:], x[:1] * c["v"][0]]), lambda T, c, x: T.stack([x, c["v"]]).prod(0), lambda T, c, x: T.logsumexp(x, 0) * x,
    lambda T, c, x: x[T.tensor([2, 0, 0])], lambda T, c, x: x.cumsum(0), lambda T, c, x: T.sigmoid(x) + c["s"], lambda T, c, x: x * x.sum(),
    lambda T, c, x: x.max() * x, lambda T, c, x: T.where(x > 0.1, x * x, T.sin(x)), lambda T, c, x: (x.reshape(3, 1) * x).sum(1),
    lambda T, c, x: x.norm() * x, lambda T, c, x: (x * x + 2.5).sqrt() * x.sum(), lambda T, c, x: T.relu(x) + x**3,
    lambda T, c, x: T.einsum("ij,j->i", c["w"], x), lambda T, c, x: T.einsum("i,j->ij", x, x).sum(0) * c["v"], lambda T, c, x: x.var() * x,
    lambda T, c, x: x.log_softmax(0), lambda T, c, x: x.prod() * c["v"], lambda T, c, x: T.outer(x, c["v"]).diagonal().sum() * x,
    lambda T, c, x: (x[:, None] @ x[None, :]) @ c["v"], lambda T, c, x: x.clamp(-0.5, 0.5) * x, lambda T, c, x: x.roll(1) * c["s"],
    lambda T, c, x: T.nn.functional.softplus(x), lambda T, c, x: x.sort()[0] * c["v"], lambda T, c, x: x.std() + x, lambda T, c, x: T.atan2(x, c["v"]),
    lambda T, c, x: T.maximum(x, c["v"]), lambda T, c, x: x.gather(0, T.tensor([1, 1, 2])) * x, lambda T, c, x: x.expand(2, 3).sum(0) * x.mean(),
    lambda T, c, x: (c["w"] * x).tril().sum(1), lambda T, c, x: (x * x + 2) ** c["v"], lambda T, c, x: x.clone().mul_(x),
    lambda T, c, x: x.index_select(0, T.tensor([0, 2, 1])), lambda T, c, x: T.cumprod(x, 0),
]  # fmt: skip
KINDS = ["grad", "value", "jvp", "jacrev", "jacfwd", "vmap", "vjp", "captured", "composed", "composed"]


def build(rng, depth):
    """A random program: (T, what it captures) -> function of a vector."""
    kind = rng.choice(["step", "step", *KINDS]) if depth else "step"
    if kind == "step":
        step = rng.choice(STEPS)
        return lambda T, c: lambda x: step(T, c, x)
    f = build(rng, depth - 1)
    if kind == "composed":
        g = build(rng, depth - 1)
        return lambda T, c: lambda x: g(T, c)(f(T, c)(x))
    dims = rng.choice([0, 1]), rng.choice([0, 1])
    return {
        "grad": lambda T, c: T.func.grad(lambda x: T.sin(f(T, c)(x)).sum()),
        "value": lambda T, c: lambda x: product(*T.func.grad_and_value(lambda x: (f(T, c)(x) * c["v"]).sum())(x)),
        "jvp": lambda T, c: lambda x: total(*T.func.jvp(f(T, c), (x,), (T.cos(x) * c["v"],))),
        "jacrev": lambda T, c: lambda x: T.func.jacrev(f(T, c))(x) @ c["v"],
        "jacfwd": lambda T, c: lambda x: T.func.jacfwd(f(T, c))(x).sum(0),
        "vmap": lambda T, c: lambda x: T.func.vmap(f(T, c), *dims)(T.outer(x, c["v"]) + c["w"]).sum(0) * 0.3,
        "vjp": lambda T, c: lambda x: pulled(T, *T.func.vjp(f(T, c), x), x),
        "captured": lambda T, c: lambda x: T.func.grad(lambda v: (f(T, {**c, "v": v, "s": v.sum()})(x) * v).sum())(c["v"] * x.mean()),
    }[kind]  # fmt: skip


def product(gradient, value):
    return gradient * value


def total(value, tangent):
    return value * 0.5 + tangent


def pulled(T, value, vjp_fn, x):
    return value + vjp_fn(T.sin(x))[0]


@pytest.mark.parametrize("seed", range(240))
def test_random_programs(seed):
    rng, numbers = random.Random(seed), np.random.default_rng(seed)
    f = build(rng, rng.choice([1, 2, 2, 3, 3]))
    captured = {"w": numbers.normal(size=(3, 3)) * 0.6, "v": numbers.uniform(0.3, 1.2, 3), "s": numbers.normal()}
    start = numbers.normal(size=3) * 0.7

    def program(T):
        c = {name: T.tensor(np.asarray(value).tolist(), dtype=T.float64) for name, value in captured.items()}
        x = T.tensor(start.tolist(), dtype=T.float64)
        if seed % 3 == 1:
            return T.func.vmap(f(T, c))(T.outer(x, c["v"]) + 0.1)
        leaves = [x] if seed % 3 else [c["w"], c["v"]]
        for leaf in leaves:
            leaf.requires_grad_()
        y = f(T, c)(x)
        if not y.requires_grad:  # a gradient that is 0 whatever moves: one of the two may know it
            return [y, *(T.zeros_like(leaf) for leaf in leaves)]
        return [y.detach(), *T.autograd.grad(T.sin(y).sum(), leaves, materialize_grads=True)]

    agree(program, str(seed), rtol=1e-6, atol=1e-8, raises=False)
