"""Large arrays: computed piece by piece they are what they are computed at once, for every elementwise rule."""

import numpy as np
import pytest

import glassgrad as gg
from glassgrad.ops import blocks
from glassgrad.ops.blocks import in_blocks, plan
from table import ROWS

SIZE = 2 * blocks.PIECE + 77  # the last piece is a short one
ELEMENTWISE = [r for r in ROWS if r.elementwise]


def large(row, dtype):
    rng = np.random.default_rng(1)
    return [rng.uniform(*row.domain, SIZE).astype(dtype) for _ in row.shapes[0]]


@pytest.mark.parametrize("row", ELEMENTWISE, ids=lambda r: r.name)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_pieces_change_nothing(row, dtype, monkeypatch):
    def both_ways():
        xs = [gg.from_numpy(a).requires_grad_() for a in large(row, dtype)]
        out = row.call(gg, *xs)
        out.backward(gg.linspace(0.5, 2, SIZE, dtype=out.dtype))
        return [out.detach().numpy(), *(x.grad.numpy() for x in xs)]

    monkeypatch.setattr(blocks, "plan", lambda *a: None)
    at_once = both_ways()
    monkeypatch.undo()
    for a, b in zip(both_ways(), at_once):
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)


def test_plans_exist_for_the_rules_that_matter():
    grad = np.dtype("float32")
    planned = []
    for name in ("tanh", "sigmoid", "exp", "log", "sqrt", "sin", "atan", "asin", "tan", "reciprocal"):
        op = getattr(gg, name).op
        chain = getattr(gg, name).__globals__["chain_self"]
        planned.append(plan(chain, (grad,) * (1 + len(op.wants["self"])), (True,) * (1 + len(op.wants["self"]))) is not None)
    assert all(planned)


def test_one_buffer_is_enough_for_tanh():
    found = plan(lambda grad, result: grad * (1 - result * result), (np.dtype("float32"),) * 2, (True, True))
    assert found.buffers == [] and found.dtype == np.float32


def test_what_has_no_plan_runs_in_pieces_too():
    x = np.arange(float(SIZE)) - 1000
    pieces = []

    def formula(a, low):
        pieces.append(getattr(a, "size", None))
        return np.where(a > low, a, low)

    np.testing.assert_array_equal(in_blocks(formula, x, 3), np.maximum(x, 3))
    assert pieces[-3:] == [blocks.PIECE, blocks.PIECE, 77]
    strided = np.ones((SIZE, 2))[:, 0]
    assert in_blocks(formula, strided, 3).sum() == 3 * SIZE and pieces[-1] == SIZE


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
@pytest.mark.parametrize("shape, dim", [((700, 130), 1), ((700, 130), 0), ((7, 100, 130), -1), ((1, 70000), 1)])
def test_rows(name, shape, dim):
    x = np.random.default_rng(2).normal(size=shape)
    t = gg.from_numpy(x).requires_grad_()
    y = getattr(gg, name)(t, dim)
    shifted = np.exp(x - x.max(axis=dim, keepdims=True))
    expected = shifted / shifted.sum(axis=dim, keepdims=True)
    np.testing.assert_allclose(y.detach().numpy(), expected if name == "softmax" else np.log(expected), rtol=1e-10)
    w = np.cos(np.arange(x.size)).reshape(shape)
    y.backward(gg.from_numpy(w))
    inner = (w * expected).sum(axis=dim, keepdims=True)
    slope = expected * (w - inner) if name == "softmax" else w - expected * w.sum(axis=dim, keepdims=True)
    np.testing.assert_allclose(t.grad.numpy(), slope, rtol=1e-9, atol=1e-14)
