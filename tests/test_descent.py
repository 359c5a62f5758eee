"""Gradient descent as a thing to look at: the path, the log, and why it stopped."""

import io

import numpy as np
import pytest

import glassgrad as gg
from glassgrad.descent import descend


def bowl(x):
    return 3 * x**2 - 2 * x + 5


def test_the_path_is_the_rule():
    run = descend(bowl, 3.0, lr=0.05, steps=4)
    x, expected = 3.0, [3.0]
    for _ in range(4):
        x -= 0.05 * (6 * x - 2)
        expected.append(x)
    np.testing.assert_allclose(run.path, expected)
    np.testing.assert_allclose(run.losses, [3 * v * v - 2 * v + 5 for v in expected])
    assert run.steps == 4 and run.stopped == "out of steps"


def test_converges_where_the_gradient_is_zero():
    run = descend(bowl, 3.0, lr=0.1, steps=500)
    assert run.stopped == "converged" and float(run.final) == pytest.approx(1 / 3, abs=1e-7) and run.limit == pytest.approx(1 / 3)


def test_divergence_names_the_limit():
    run = descend(bowl, 3.0, lr=0.8, steps=500)
    assert run.stopped == "diverged" and "lr 0.8 is over 2/λmax = 0.33 here" in run.reason


def test_a_function_without_a_floor():
    run = descend(lambda x: 2 * x + 3, 1.0, lr=1.0, steps=50)
    assert run.stopped == "out of steps" and run.limit is None and run.path[-1] == 1 - 2 * 50


def test_several_dimensions_and_the_chapters_neuron():
    X = gg.tensor([1.0, 2.0, 3.0], dtype=gg.float64)
    run = descend(lambda W: gg.sigmoid(gg.dot(X, W)) ** 2, [0.3, 0.7, 0.5], lr=0.5, steps=10)
    assert [round(v, 4) for v in run.final] == [-0.1098, -0.1196, -0.7293]
    log = run.log()
    assert log.count("W_new") == 10 and log.splitlines()[0] == "step       : 0"


def test_progress_bar_only_where_it_is_wanted():
    shown, silent = io.StringIO(), io.StringIO()
    descend(bowl, 3.0, lr=1e-5, steps=200, progress=True, stream=shown)
    descend(bowl, 3.0, lr=1e-5, steps=3000, stream=silent)
    assert "200/200" in shown.getvalue() and silent.getvalue() == ""


@pytest.mark.parametrize("options, words", [(dict(lr=0.0), "positive"), (dict(lr=float("nan")), "positive"), (dict(steps=-1), "negative")])
def test_bad_options(options, words):
    with pytest.raises(ValueError, match=words):
        descend(bowl, 1.0, **options)


def test_needs_one_number():
    with pytest.raises(ValueError, match="one number"):
        descend(lambda x: x * 2, [1.0, 2.0])


def test_plot():
    pytest.importorskip("matplotlib", reason="drawing needs the extra [see]").use("Agg")
    ax = descend(bowl, 3.0, lr=0.1, steps=20).plot()
    assert ax.get_xlabel() == "step" and ax.get_ylabel() == "loss" and len(ax.lines[0].get_xdata()) == 21
