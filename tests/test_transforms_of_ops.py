"""Every row of the table through the transforms: a batch at once as example by example, forward mode as the double vjp and PyTorch's."""

import numpy as np
import pytest

import glassgrad as gg
from glassgrad import func
from oracle import agree
from table import ROWS
from test_ops import listed, tensors

DYNAMIC = {"mask", "masked_select"}  # how many elements come out depends on the values: a batch of them is no array
rows = pytest.mark.parametrize("row", [r for r in ROWS if r.name not in DYNAMIC], ids=lambda r: r.name.replace(" ", "_"))
SIZE = 3


def batches(row, sample):
    """The inputs of a sample, each as a batch of different values in the row's domain."""
    low, high = row.domain
    rng = np.random.default_rng(len(row.name) + sample)
    return [rng.uniform(low, high, (SIZE, *a.shape)) for a in row.inputs(sample)]


def stacked(results):
    return [gg.stack(list(parts)) for parts in zip(*results)]


def same(ours, expected):
    assert len(ours) == len(expected)
    for a, b in zip(ours, expected):
        assert (a.dtype, a.shape) == (b.dtype, b.shape)
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-9, atol=1e-10)


@rows
def test_a_batch_is_its_examples(row):
    for sample in range(len(row.shapes)):
        xs = tensors(gg, batches(row, sample))
        f = lambda *x: tuple(listed(row.call(gg, *x)))  # noqa: E731
        same(func.vmap(f)(*xs), stacked([f(*[x[i] for x in xs]) for i in range(SIZE)]))
        if len(xs) > 1 and row.name != "fill_ with a tensor":  # that writes into the first input
            for k in range(len(xs)):
                dims = tuple(None if i == k else 0 for i in range(len(xs)))
                given = [x[0] if d is None else x for x, d in zip(xs, dims)]
                expected = stacked([f(*[x if d is None else x[i] for x, d in zip(given, dims)]) for i in range(SIZE)])
                same(func.vmap(f, in_dims=dims)(*given), expected)


def slopes(row, *xs):
    """The gradient of a number made of all outputs, by each input."""
    def value(*x):
        return weighted_all(listed(row.call(gg, *x)))

    return func.grad(value, argnums=tuple(range(len(xs))))(*xs)


def weighted_all(outputs):
    total = 0 * outputs[0].sum().to(gg.float64)
    for k, out in enumerate(o for o in outputs if o.is_floating_point()):
        w = gg.linspace(0.5, 1.5 + k, max(out.numel(), 1), dtype=gg.float64)[: out.numel()].reshape(out.shape)
        total = total + (out * w).sum()
    return total


@rows
def test_gradients_of_a_batch_are_those_of_its_examples(row):
    for sample in range(len(row.shapes)):
        xs = tensors(gg, batches(row, sample))
        expected = stacked([slopes(row, *[x[i] for x in xs]) for i in range(SIZE)])
        same(func.vmap(lambda *x: slopes(row, *x))(*xs), expected)
        leaves = [x.detach().requires_grad_() for x in xs]
        value = func.vmap(lambda *x: weighted_all(listed(row.call(gg, *x))))(*leaves).sum()
        same(gg.autograd.grad(value, leaves, materialize_grads=True), expected)


def directions(row, sample):
    rng = np.random.default_rng(7 + sample)
    return [rng.normal(size=a.shape) for a in row.inputs(sample)]


# PyTorch has no forward mode for the first, nor for grid_sample; what it gives for the others is not what differences give (test_linalg.py, test_later_ops.py)
NOT_FORWARD = ("embedding_bag", "scatter_reduce prod", "scatter_reduce prod without self", "triangular_solve", "cholesky_inverse")
FORWARD = [r for r in ROWS if r.name not in NOT_FORWARD and not r.name.startswith("grid_sample")]


@pytest.mark.parametrize("row", FORWARD, ids=lambda r: r.name.replace(" ", "_"))
def test_forward_mode(row):
    """J·t: as PyTorch's, as the double vjp, and (forward over reverse) of the gradient as its double vjp."""
    for sample in range(len(row.shapes)):
        arrays, moves = row.inputs(sample), directions(row, sample)

        def program(T, arrays=arrays, moves=moves):
            _, t = T.func.jvp(lambda *x: tuple(listed(row.call(T, *x))), tuple(tensors(T, arrays)), tuple(tensors(T, moves)))
            return [x.detach() for x in t if x.is_floating_point()]

        agree(program, str(sample), rtol=1e-6 if row.name == "to" else 1e-9, atol=1e-10, raises=False)
        xs, ts = tuple(tensors(gg, arrays)), tuple(tensors(gg, moves))
        found = func.jvp(lambda *x: slopes(row, *x), xs, ts)[1]
        same(found, gg.autograd.functional.jvp(lambda *x: tuple(slopes(row, *x)), xs, ts)[1])
