"""Shapes, dims and indices drawn by Hypothesis: values as NumPy's, gradients as directional differences."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as drawn

import glassgrad as gg

settings.register_profile("suite", max_examples=60, deadline=None, derandomize=True)
settings.load_profile("suite")

SHAPES = drawn.array_shapes(min_dims=0, max_dims=4, min_side=1, max_side=4)


def values(shape, seed, low=-2.0, high=2.0):
    """Numbers that keep a distance from one another, so that an extreme stays where it is under a small step."""
    count = int(np.prod(shape))
    return np.random.default_rng(seed).permutation(np.linspace(low, high, count)).reshape(shape)


def gradients_hold(f, *arrays):
    """⟨∇(w·f), d⟩ equals the central difference of w·f along d, for random weights w and directions d."""
    rng = np.random.default_rng(7)
    xs = [gg.from_numpy(a.copy()).requires_grad_() for a in arrays]
    out = f(*xs)
    w = rng.standard_normal(out.shape)
    found = gg.autograd.grad((out * gg.from_numpy(np.asarray(w))).sum(), xs)
    ways = [rng.standard_normal(a.shape) for a in arrays]
    h = 1e-5
    ahead, behind = (f(*[gg.from_numpy(np.asarray(a + s * h * d)) for a, d in zip(arrays, ways)]).numpy() for s in (1, -1))
    measured = float((w * (ahead - behind)).sum() / (2 * h))
    computed = sum(float((g.numpy() * d).sum()) for g, d in zip(found, ways))
    assert computed == pytest.approx(measured, rel=2e-6, abs=2e-7)


@st.composite
def shape_and_dims(draw):
    shape = draw(SHAPES)
    n = len(shape)
    dims = draw(st.one_of(st.none(), st.lists(st.integers(-n, n - 1), max_size=n, unique_by=lambda d: d % n).map(tuple) if n else st.none()))
    return shape, dims or None, draw(st.booleans())


@pytest.mark.parametrize("name", ["sum", "mean", "amax", "amin", "logsumexp", "var", "norm"])
@given(drawn_case=shape_and_dims())
def test_reductions(name, drawn_case):
    shape, dims, keepdim = drawn_case
    x = values(shape, 1)
    axes = tuple(range(x.ndim)) if dims is None else dims
    if name == "var" and np.prod([x.shape[d] for d in axes], initial=1) < 2:
        return  # the variance of one number is NaN in PyTorch
    expected = {
        "sum": np.sum, "mean": np.mean, "amax": np.max, "amin": np.min, "var": lambda a, axis, keepdims: np.var(a, axis=axis, keepdims=keepdims, ddof=1),
        "logsumexp": lambda a, axis, keepdims: np.log(np.sum(np.exp(a), axis=axis, keepdims=keepdims)),
        "norm": lambda a, axis, keepdims: np.sqrt(np.sum(a * a, axis=axis, keepdims=keepdims)),
    }[name](x, axis=axes, keepdims=keepdim)  # fmt: skip
    f = lambda t: getattr(gg, name)(t, dim=axes, keepdim=keepdim)  # noqa: E731
    got = f(gg.from_numpy(x)).numpy()
    assert got.shape == expected.shape
    np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-12)
    gradients_hold(f, x)


@pytest.mark.parametrize("name", ["add", "sub", "mul", "div", "maximum", "atan2", "hypot"])
@given(shapes=drawn.mutually_broadcastable_shapes(num_shapes=2, max_dims=4, max_side=3))
def test_broadcasting(name, shapes):
    a, b = (values(s, k, 0.5, 2.0 + k) for k, s in enumerate(shapes.input_shapes))
    expected = {"add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide, "maximum": np.maximum, "atan2": np.arctan2, "hypot": np.hypot}[name](a, b)
    got = getattr(gg, name)(gg.from_numpy(a), gg.from_numpy(b)).numpy()
    assert got.shape == shapes.result_shape
    np.testing.assert_allclose(got, expected, rtol=1e-14)
    if name != "maximum" or not np.isclose(a, b).any():
        gradients_hold(getattr(gg, name), a, b)


@given(data=st.data(), shape=drawn.array_shapes(min_dims=1, max_dims=4, max_side=5))
def test_basic_indices(data, shape):
    index = data.draw(drawn.basic_indices(shape, allow_newaxis=True).filter(
        lambda i: all(not isinstance(k, slice) or k.step is None or k.step > 0 for k in (i if isinstance(i, tuple) else (i,)))))  # fmt: skip
    x = values(shape, 2)
    np.testing.assert_array_equal(gg.from_numpy(x.copy())[index].numpy(), x[index])
    gradients_hold(lambda t: t[index] * 1.0, x)
    written, expected = gg.from_numpy(x.copy()), x.copy()
    written[index] = 5.0
    expected[index] = 5.0
    np.testing.assert_array_equal(written.numpy(), expected)


@given(data=st.data(), shape=drawn.array_shapes(min_dims=1, max_dims=3, max_side=4))
def test_index_arrays(data, shape):
    index = data.draw(drawn.integer_array_indices(shape, result_shape=drawn.array_shapes(max_dims=2, max_side=3)))
    x = values(shape, 3)
    tensors = tuple(gg.from_numpy(i.astype(np.int64)) for i in index)
    np.testing.assert_array_equal(gg.from_numpy(x.copy())[tensors].numpy(), x[index])
    gradients_hold(lambda t: t[tensors], x)


@given(data=st.data(), shape=drawn.array_shapes(min_dims=1, max_dims=4, max_side=3))
def test_shapes(data, shape):
    x = values(shape, 4)
    order = data.draw(st.permutations(range(len(shape))))
    stretched = data.draw(st.integers(1, 3))
    f = lambda t: t.permute(*order).reshape(-1).unsqueeze(0).expand(stretched, -1).flip(1).T  # noqa: E731
    expected = np.flip(np.broadcast_to(x.transpose(order).reshape(1, -1), (stretched, x.size)), 1).T
    np.testing.assert_array_equal(f(gg.from_numpy(x)).numpy(), expected)
    gradients_hold(f, x)


@given(batch=drawn.mutually_broadcastable_shapes(num_shapes=2, max_dims=2, max_side=3), sizes=st.tuples(*[st.integers(1, 4)] * 3))
def test_products(batch, sizes):
    n, k, m = sizes
    a, b = values((*batch.input_shapes[0], n, k), 5), values((*batch.input_shapes[1], k, m), 6)
    np.testing.assert_allclose(gg.matmul(gg.from_numpy(a), gg.from_numpy(b)).numpy(), a @ b, rtol=1e-12, atol=1e-12)
    gradients_hold(gg.matmul, a, b)
