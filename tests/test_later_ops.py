"""Operations whose rooms load when they are first used: how they load, and what the table cannot hold."""

import subprocess
import sys

import numpy as np
import pytest

import glassgrad as gg
from glassgrad.ops import later


def test_rooms_load_when_asked_for():
    code = """
import sys, glassgrad as gg
rooms = [m for m in sys.modules if m.startswith('glassgrad.ops.') and m.rpartition('.')[2] in gg.ops.later.ROOMS]
assert rooms == [], rooms
assert 'scatter' in dir(gg) and 'scatter_' in dir(gg.Tensor)
print(gg.zeros(2).scatter_(0, gg.tensor([1]), 5.0).tolist(), gg.Tensor.erfc(gg.zeros(())).item(), gg.nan_to_num_(gg.tensor([float('nan')])).tolist())
"""
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "[0.0, 5.0] 1.0 [0.0]"


@pytest.mark.parametrize("room", later.ROOMS)
def test_a_room_has_what_its_line_says(room):
    module, names = later.load(room), later.ROOMS[room]
    for name in f"{names.both} {names.functions}".split():
        assert getattr(gg, name).__module__ in (module.__name__, "glassgrad") and getattr(gg, name).__doc__
    for name in f"{names.both} {names.methods} {names.writing}".split():
        assert callable(getattr(gg.Tensor, name))


def test_trigamma_to_many_digits():
    """ψ₁(x) = Σ 1/(x+k)², its tail by Euler and Maclaurin; PyTorch's own is right to ten digits only."""
    for x in (0.3, 1.0, 2.5, 7.0):
        n = 4000
        exact = sum(1 / (x + k) ** 2 for k in range(n)) + 1 / (x + n) + 0.5 / (x + n) ** 2 + 1 / (6 * (x + n) ** 3)
        assert gg.polygamma(1, gg.tensor(x, dtype=gg.float64)).item() == pytest.approx(exact, rel=1e-13)


@pytest.mark.parametrize("p", [1.0, 1.5, 2.0, 3.0, float("inf")])
def test_cdist_to_the_second_derivative(p):
    rng = np.random.default_rng(3)
    x, y = (gg.tensor(rng.normal(size=s)).requires_grad_() for s in ((3, 2), (4, 2)))
    assert gg.autograd.gradcheck(lambda a, b: gg.cdist(a, b, p), (x, y), check_forward_ad=True, check_batched_grad=True)
    assert gg.autograd.gradgradcheck(lambda a, b: gg.cdist(a, b, p), (x, y))


def test_products_reach_through_a_zero():
    """The gradient of a product by the factor that is 0 is the product of the others."""
    x, s = gg.tensor([2.0, 3.0], dtype=gg.float64, requires_grad=True), gg.tensor([0.0, 5.0, 4.0], dtype=gg.float64, requires_grad=True)
    f = lambda x, s: x.scatter_reduce(0, gg.tensor([0, 0, 1]), s, "prod")  # noqa: E731
    assert [g.tolist() for g in gg.autograd.grad(f(x, s).sum(), (x, s))] == [[0.0, 4.0], [10.0, 0.0, 3.0]]
    assert gg.autograd.gradcheck(f, (x, s), check_forward_ad=True)
    assert gg.autograd.gradgradcheck(f, (x.detach().requires_grad_(), (s.detach() + 1).requires_grad_()))


def test_a_source_larger_than_its_index():
    """Only what the index names is used, and only that has a gradient."""
    x, s = gg.zeros(3, 2, requires_grad=True), gg.ones(4, 3, requires_grad=True)
    x.scatter_add(0, gg.tensor([[0, 1]]), s).sum().backward()
    assert s.grad.sum().item() == 2 and s.grad[0, :2].tolist() == [1, 1]


def test_an_index_written_afterwards_is_noticed():
    for op in (lambda x, i, s: x.scatter(0, i, s), lambda x, i, s: x.index_add(0, i, s), lambda x, i, s: x.scatter_reduce(0, i, s, "amax")):
        x, i = gg.zeros(3, requires_grad=True), gg.tensor([0, 2])
        out = op(x * 1, i, gg.ones(2, requires_grad=True))
        i[0] = 1
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            out.sum().backward()


def test_an_unknown_array_function_is_no_constant_in_forward_mode():
    """What forward mode has no rule for raises; it does not count as independent of its input."""
    from glassgrad.ops import arrays

    @arrays.array_function
    def doubled(x):
        return x * 2

    with pytest.raises(NotImplementedError, match="doubled has no rule for forward mode"):
        gg.func.jvp(lambda x: gg.Tensor._wrap(doubled(x._data)), (gg.ones(2),), (gg.ones(2),))
