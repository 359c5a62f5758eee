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
    assert log.count("W_new") == 10 and log.splitlines()[0] == "epoch      : 0" and log.endswith(run.reason)


def test_progress_bar_only_where_it_is_wanted():
    shown, silent = io.StringIO(), io.StringIO()
    descend(bowl, 3.0, lr=1e-5, steps=200, progress=True, stream=shown)
    descend(bowl, 3.0, lr=1e-5, steps=3000, stream=silent)
    assert "200/200" in shown.getvalue() and silent.getvalue() == ""

    class Terminal(io.StringIO):
        def isatty(self):
            return True

    short, long = Terminal(), Terminal()
    descend(bowl, 3.0, lr=1e-5, steps=2000, stream=short)
    descend(bowl, 3.0, lr=1e-5, steps=2001, stream=long)
    assert short.getvalue() == "" and "loss" in long.getvalue() and long.getvalue().endswith("\n")


def test_several_arguments_as_a_tuple_or_by_name():
    def f(a, b):
        return (a - 1) ** 2 + ((b - 2) ** 2).sum()

    run = descend(f, (0.0, [0.0, 4.0]), lr=0.1, steps=300)
    a, b = run.final
    assert run.path.shape == (run.steps + 1, 3) and float(a) == pytest.approx(1) and b == pytest.approx([2, 2])
    named = descend(f, {"b": [0.0, 4.0], "a": 0.0}, lr=0.1, steps=300)
    assert list(named.final) == ["b", "a"] and float(named.final["a"]) == pytest.approx(1) and named.stopped == "converged"
    vector = descend(lambda w: (w**2).sum(), (1.0, 2.0), lr=0.1, steps=300)  # one argument: the tuple is a vector
    assert vector.final == pytest.approx([0, 0], abs=1e-6)


@pytest.mark.parametrize("f, start, stopped, words", [
    (lambda x: x**2, 0.0, "converged", "zero at the start"), (lambda x: -(x**2), 0.0, "converged", "no minimum: the curvature there is negative"),
    (gg.sqrt, 1.0, "diverged", "nan: a step led out"), (lambda x: -(x**2) * 10, 1.0, "diverged", "no floor"), (lambda x: 3.0, 1.0, "converged", "zero at the start"),
    (abs, 1.05, "out of steps", "no longer falling"), (lambda x: gg.exp(-x), 0.0, "out of steps", "still falling"),
])  # fmt: skip
def test_why_it_stopped(f, start, stopped, words):
    run = descend(f, start, lr=3.0 if f is gg.sqrt else 0.1, steps=100)
    assert run.stopped == stopped and words in run.reason


def test_at_the_limit_it_goes_to_and_fro():
    run = descend(bowl, 3.0, lr=1 / 3, steps=50)
    assert run.stopped == "out of steps" and "no longer falling" in run.reason and run.losses[-1] == pytest.approx(run.losses[0])


@pytest.mark.parametrize("f, start, words", [
    ("x**2", 1.0, "takes a function, not str"), (bowl, "a", "not a number"), (bowl, float("nan"), "not finite"), (gg.log, -1.0, "nan at the start"),
    (lambda x: None, 1.0, "NoneType"), (lambda a, b: a * b, (1.0, "b"), r"start\[1\]"),
])  # fmt: skip
def test_bad_functions_and_starts(f, start, words):
    with pytest.raises(ValueError, match=words):
        descend(f, start)


@pytest.mark.parametrize("options, words", [(dict(lr=0.0), "positive"), (dict(lr=float("nan")), "positive"), (dict(lr="fast"), "positive"), (dict(steps=-1), "negative"), (dict(steps=1.5), "whole")])
def test_bad_options(options, words):
    with pytest.raises(ValueError, match=words):
        descend(bowl, 1.0, **options)


def test_needs_one_number():
    with pytest.raises(ValueError, match="one number"):
        descend(lambda x: x * 2, [1.0, 2.0])


def test_plot():
    pytest.importorskip("matplotlib", reason="drawing needs the extra [see]").use("Agg")
    import matplotlib.pyplot as plt

    run = descend(bowl, 3.0, lr=0.1, steps=20)
    ax = run.plot()
    assert ax.get_xlabel() == "step" and ax.get_ylabel() == "loss" and len(ax.lines[0].get_xdata()) == 21
    beside = ax.figure.axes[1]
    np.testing.assert_array_equal(beside.lines[1].get_xdata(), run.path)
    two = descend(lambda w: (w**2 * gg.tensor([1.0, 3.0])).sum(), [1.0, 2.0], lr=0.1, steps=5)
    np.testing.assert_array_equal(two.plot().figure.axes[1].lines[0].get_xydata(), two.path)
    mine = plt.figure().add_subplot()
    assert two.plot(mine) is mine and len(mine.figure.axes) == 1
    with pytest.raises(ValueError, match="3 variables"):
        descend(lambda w: (w**2).sum(), [1.0, 2.0, 3.0]).plot_path(mine)
    plt.close("all")
