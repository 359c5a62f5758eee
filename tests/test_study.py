"""A function studied: every sentence is true, has its reason, and claims no more than is known."""

import functools
import importlib
import math

import numpy as np
import pytest

import glassgrad as gg
from glassgrad.study import StudyError, parse, parse_point, study

sympy = pytest.importorskip("sympy", reason="formulas need the extra [see]")


@functools.cache
def of(text, *points):
    f = parse(text)
    return study(f, [parse_point(p, f.names) for p in points])


def said(s):
    return "\n".join(s.findings)


def kinds(s):
    return sorted(c.kind for c in s.critical)


# ------------------------------------------------------------------------------------------------ the chapter's examples
def test_a_line():
    s = of("2*x + 3", "x=1")
    assert s.points[0].ours.tolist() == [2] and s.character.family == "affine" and not s.critical and s.complete
    assert "it is 2 everywhere" in said(s) and "goes to ±∞ and has no minimum: descent never converges" in said(s)


def test_a_parabola():
    s = of("3*x**2 - 2*x + 5", "x=3", "x=0")
    (bottom,) = s.critical
    assert [p.ours[0] for p in s.points] == [16, -2] and bottom.exact == ["1/3"] and bottom.exact_value == "14/3"
    assert "An absolute minimum at x = 1/3 ≈ 0.333333, value 14/3 ≈ 4.66667" in said(s) and "strictly convex" in said(s)
    assert "From x=3 descent goes left (slope 16) toward the minimum at x = 1/3" in said(s)
    assert (s.formula.text, s.gradient[0].text, s.hessian[0][0].text) == ("3*x^2 - 2*x + 5", "6*x - 2", "6") and s.engine_agrees


def test_squared_distance():
    s = study(lambda W: ((W - gg.tensor([2.0, 3.0], dtype=gg.float64)) ** 2).sum(), at=[1.0, 2.0])
    p = s.points[0]
    np.testing.assert_allclose(p.ours, [-2, -2])
    np.testing.assert_allclose(p.sympy, [-2, -2])
    np.testing.assert_allclose(p.finite_difference, [-2, -2], rtol=1e-9)
    np.testing.assert_allclose(p.direction, [-math.sqrt(0.5)] * 2)
    assert p.magnitude == pytest.approx(math.sqrt(8)) and s.symbols == ("W_0", "W_1")
    assert s.critical[0].place.tolist() == [2, 3] and s.critical[0].is_global and "goes to +∞ in every direction" in said(s)


def test_a_neurons_loss_has_a_valley():
    s = of("(w1*2 + w2*3 - 10)**2", "w1=1,w2=2")
    (line,) = s.flat
    assert s.points[0].ours.tolist() == [-8, -12] and s.points[0].magnitude == pytest.approx(math.sqrt(208))
    assert line.equations == ["2*w1 + 3*w2 = 10"] and line.is_global and not s.critical and s.complete
    assert "The whole line 2*w1 + 3*w2 = 10 is an absolute minimum, value 0" in said(s) and "on the line 2*w1 + 3*w2 = 10" in said(s)


# ------------------------------------------------------------------------------------------------ critical points
def test_all_points_of_a_polynomial():
    s = of("x**6 - x**5 + x - 1", "x=1")
    (c,) = s.critical
    root = max(np.roots([6, -5, 0, 0, 0, 1]), key=lambda r: -abs(r.imag))
    assert c.place[0] == pytest.approx(root.real) and c.is_global and s.complete and "the only critical point" in said(s)


def test_himmelblau():
    s = of("(x**2 + y - 11)**2 + (x + y**2 - 7)**2", "x=0,y=0")
    assert kinds(s) == ["maximum"] + ["minimum"] * 4 + ["saddle"] * 4 and s.complete
    assert all(c.is_global for c in s.critical if c.kind == "minimum") and not any(c.is_global for c in s.critical if c.kind == "maximum")
    assert "4 minima, 1 maximum and 4 saddle points" in said(s)
    for c in s.critical:
        assert np.linalg.norm(s.function.gradient(c.place)) < 1e-9


@pytest.mark.parametrize("text, at, kind, is_global", [
    ("(1-x)**2 + 100*(y-x**2)**2", "x=-1,y=1", "minimum", True), ("x**3 - 3*x*y**2", "x=1,y=1", "saddle", None), ("x*y", "x=1,y=2", "saddle", None),
    ("x**3", "x=1", "inflection", None), ("exp(-x**2)", "x=1", "maximum", True), ("x*log(x)", "x=1", "minimum", True),
])  # fmt: skip
def test_the_only_point(text, at, kind, is_global):
    s = of(text, at)
    (c,) = s.critical
    assert (c.kind, c.is_global, s.complete) == (kind, is_global, True)


def test_a_lower_end_makes_a_minimum_local():
    s = of("x + 1/x", "x=2")
    assert [(c.kind, c.place[0], c.is_global) for c in s.critical] == [("maximum", -1, False), ("minimum", 1, False)] and "x ≠ 0" in said(s)


def test_infinitely_many_points():
    s = of("sin(x)*exp(-x/5)", "x=1")
    assert len(s.critical) == 7 and not s.complete and "infinitely many" in said(s) and "Those in [-10, 11] are listed" in said(s)
    lowest = min(s.critical, key=lambda c: c.value)
    assert lowest.is_global is None and "the lowest found" in said(s)  # far to the left it goes lower
    assert of("sin(x)", "x=1").critical[0].is_global  # here the formula bounds the values


def test_a_hole_in_the_domain_is_no_critical_point():
    s = of("sin(x)/x", "x=1")
    assert all(abs(c.place[0]) > 4 for c in s.critical) and "x ≠ 0" in said(s)


def test_a_search_has_an_end():
    s = study("+".join(f"sin({i}*x)" for i in range(1, 60)), at={"x": 0.3}, timeout=2)
    assert 0 < len(s.critical) <= 120 and any("search for critical points was stopped" in n for n in s.notes) and not s.complete


def test_the_way_down_does_not_stall():
    for text, at in (("log(x**2 + 1)", "x=2"), ("x**5 - 5*x", "x=0")):
        run = of(text, at).descent  # a rate that the start bears is too long at the bottom
        assert run.stopped == "converged" and (np.diff(run.losses) <= 1e-12).all()


def test_what_the_numbers_found_is_not_claimed_to_be_all():
    s = of("x*sin(x)", "x=1")
    assert kinds(s) == ["maximum"] * 4 + ["minimum"] * 3 and not s.complete and "there may be more" in said(s)


def test_crossing_lines_and_a_circle():
    s = of("x**2*y**2", "x=1,y=1")
    assert sorted(f.equations[0] for f in s.flat) == ["x = 0", "y = 0"] and all(f.is_global for f in s.flat)
    s = of("(x**2 + y**2 - 1)**2", "x=1,y=1")
    assert s.flat[0].equations == ["x^2 + y^2 = 1"] and s.flat[0].word == "curve" and kinds(s) == ["maximum"]
    assert s.character.convexity == "neither"  # the maximum in the middle is the witness


def test_a_plateau_is_no_plane_of_critical_points():
    s = study("(sigmoid(2*w + b) - 1)**2", at={"w": 0, "b": 0}, timeout=2)
    assert not s.critical and not s.flat and "does not prove that there is none" in said(s)
    assert not of("erf(x)", "x=0").flat


def test_singular_to_rounding():
    rng = np.random.default_rng(0)
    b = rng.standard_normal((6, 2))
    matrix = gg.tensor(b @ b.T)
    s = study(lambda w: w @ (matrix @ w), at=np.ones(6))
    (plane,) = s.flat
    assert plane.dimension == 4 and plane.is_global and s.complete and not s.critical
    assert "4-dimensional plane" in said(s) and max(map(len, s.findings)) < 500


def test_a_tilted_valley_has_no_floor():
    s = of("x**2 + 2*x*y + y**2 + x", "x=0,y=0")
    assert not s.critical and not s.flat and s.complete and s.character.grows_down and "unbounded both above and below" in said(s)


# ------------------------------------------------------------------------------------------------ convexity, ends, kinks
@pytest.mark.parametrize("text, at, convexity", [
    ("log(exp(x) + exp(y)) + x**2 + y**2", "x=0,y=1", "convex"), ("softplus(x)", "x=0", "convex"), ("sqrt(x)", "x=2", "concave"),
    ("x**2*y**2", "x=1,y=1", "neither"), ("x**x", "x=1.5", "unknown"),
])  # fmt: skip
def test_convexity_is_proved_or_not_claimed(text, at, convexity):
    s = of(text, at)
    assert s.character.convexity == convexity
    if convexity == "unknown":
        assert "not proved" in said(s)


def test_convexity_settles_that_a_minimum_is_the_only_one():
    s = of("log(exp(x) + exp(y)) + x**2 + y**2", "x=0,y=1")
    assert s.complete and s.critical[0].is_global and "no other" in said(s)


def test_ends():
    assert "No value is below 0, and none reaches it: there is no minimum" in said(of("softplus(x)", "x=0"))
    assert "reached at the edge of its domain, x = 0" in said(of("sqrt(x)", "x=2"))
    assert "x → 0⁺ and f → 0" in said(of("sqrt(x)", "x=2"))
    s = of("x**(1/3)", "x=1")
    assert "x ≥ 0 only" in said(s)  # no real cube root of a negative number, in floating point


def test_kinks():
    s = of("abs(x)", "x=0", "x=1")
    (c,) = s.critical
    assert c.kink and c.is_global and s.complete and s.points[0].kinks == {"x": pytest.approx((-1, 1))} and "a kink" in s.points[0].behaviour
    s = of("relu(x)", "x=1", "x=0")
    assert s.flat[0].equations == ["x ≤ 0"] and s.flat[0].cut == "" and s.flat[0].is_global and s.complete and s.engine_agrees and not s.mistrusted
    assert "there is no minimum" not in said(s) and "toward the interval x ≤ 0" in said(s)
    s = of("abs(x) + abs(y)", "x=1,y=1")
    assert s.critical[0].kink and s.critical[0].place.tolist() == [0, 0] and s.critical[0].is_global
    s = of("floor(x)", "x=2")
    assert "jumps" in s.points[0].behaviour and "step function" in said(s) and not s.flat


def test_a_corner_of_a_flat_is_not_the_only_minimum():
    s = of("relu(x) + relu(y)", "x=1,y=1")
    assert s.character.convexity == "convex" and not s.complete and "no other" not in said(s)
    s = study(lambda w: w.norm(), at=[3.0, 4.0])
    assert s.critical[0].kink and s.critical[0].is_global and s.complete


def test_a_cone_has_a_tip_and_no_valley():
    s = of("sqrt(x**2 + y**2)", "x=1,y=1")
    assert not s.flat and [c.kink for c in s.critical] == [True] and s.critical[0].place.tolist() == [0, 0]


def test_scale_does_not_matter():
    s = of("1e-15*x**2", "x=1")
    assert "slope 2e-15" in said(s) and s.critical[0].kind == "minimum" and s.descent.stopped == "converged"
    assert float(s.descent.final[0]) == pytest.approx(0, abs=1e-5)


# ------------------------------------------------------------------------------------------------ any Python function
def test_arguments_and_points():
    s = study(lambda a, b: (a - 1) ** 2 + (a * b) ** 2, at=[(1.0, 2.0), (0.0, 0.0)])
    assert [p.ours.tolist() for p in s.points] == [[8, 4], [-2, 0]] and s.critical[0].place.tolist() == [1, 0]
    t = study(lambda W, b, k=3.0: ((W * k).sum() + b - 6) ** 2, at={"W": gg.tensor([1.0, 2.0], requires_grad=True), "b": 0})
    assert t.symbols == ("W_0", "W_1", "b") and t.flat[0].equations == ["3*W_0 + 3*W_1 + b = 6"] and t.flat[0].word == "plane"


def test_loops_numpy_and_branches():
    def tower(x):
        for _ in range(3):
            x = x * x - 1
        return x

    s = study(tower, at=0.5)
    assert kinds(s) == ["maximum"] * 2 + ["minimum"] * 3 and s.complete and s.critical[0].exact == ["-sqrt(2)"]
    assert study(lambda x: np.sin(x) + np.exp(x) * 0.1, at=0.5).formula.text == "exp(x)/10 + sin(x)"
    s = study(lambda x: x**2 if x > 0 else -x, at=1.0)
    assert s.unfounded and any("holds where x > 0" in n for n in s.notes) and [c.kink for c in s.critical] == [True]
    assert not s.complete and s.character.degree is None  # the formula is one branch only, and proves nothing of the whole


@pytest.mark.parametrize("f, backward, slope", [
    (lambda x: x * x.item(), 2, 4), (lambda x: x.detach() * 2, 0, 2), (lambda x: math.sin(x), 0, math.cos(2)),
    (lambda x: x**2 + gg.no_grad()(lambda: x * 3)(), 4, 7),
])  # fmt: skip
def test_a_gradient_that_is_not_the_slope(f, backward, slope):
    s = study(f, at=2.0)
    assert s.points[0].ours[0] == backward and s.points[0].finite_difference[0] == pytest.approx(slope)
    assert len(s.mistrusted) == 1 and "hidden from the graph" in said(s) and not s.critical and not s.flat and s.descent is None


def test_constants():
    for f in (lambda x: 3.0, lambda x: x * 0 + 3):
        s = study(f, at=2.0)
        assert s.character.everywhere_flat and "Every point is critical" in said(s)


@pytest.mark.parametrize("f, at, words", [
    (lambda x: gg.stack([x, x]), 1.0, r"shape \[2\].*one number"), (lambda x: None, 1.0, "NoneType"), (lambda x: x * 1j, 1.0, "complex"), (gg.sqrt, -1.0, "nan at input=-1"),
    (lambda *xs: xs[0], (1.0,), r"\*xs"), (lambda x, *, k: x * k, 1.0, "by name only"), (lambda: 3.0, 1.0, "0 arguments"), (lambda x: x, "a", "not a number"),
    (lambda x: x, 1j, "not a number"), (lambda x: x, math.inf, "not finite"), (lambda x: x, [], "no point"), (lambda x: x, None, "needs a point"),
    (lambda x, y: x * y, {"x": 1.0}, "takes x, y"), (lambda x: x * gg.rand(()), 1.0, "not the same twice"), (lambda x: x, [{"x": 1.0}, {"x": [1.0]}], "shapes"),
    (lambda x, y: x, 1.0, "2 arguments"),
])  # fmt: skip
def test_what_cannot_be_studied(f, at, words):
    with pytest.raises(StudyError, match=words):
        study(f, at=at)


def test_options_are_checked():
    for options in (dict(timeout=0), dict(timeout=math.nan), dict(reach=-1), dict(reach="far")):
        with pytest.raises(StudyError, match="positive number"):
            study("x", at=1.0, **options)


def test_many_variables():
    s = study(lambda w: ((w - 1) ** 2).sum() + (w[:-1] * w[1:]).sum() * 0.1, at=np.zeros(20))
    assert kinds(s) == ["minimum"] and not s.complete and "not proved" in said(s) and max(map(len, s.findings)) < 500
    s = study(lambda w: (w**4).sum(), at=np.ones(2000))
    assert "not sought" in said(s) and len(str(s)) < 5000 and s.points[0].ours.shape == (2000,)


def test_when_sympy_is_cut_off_the_numbers_stand():
    s = study("(x-1)**2 + exp(sin(x*y)) + y**2", at={"x": 0.3, "y": 0.2}, timeout=0.05)
    assert s.formula is None and any("SymPy" in n and "stand" in n for n in s.notes)
    assert np.isfinite(s.points[0].ours).all() and s.points[0].sympy is None and str(s) and s.to_markdown() and "% no formula" in s.to_latex()


# ------------------------------------------------------------------------------------------------ grids in one call
def test_a_grid_in_one_call_is_the_same_as_one_by_one():
    from glassgrad.study.function import as_function

    def mixes(x):
        return x.sum() * x  # of one number the square; of many something else

    for call, at in ((lambda x, y: gg.sin(x) * y, (0.0, 0.0)), (mixes, 1.0), (lambda x: x**2 if x > 0 else -x, 1.0), (lambda x: 3.0, 1.0)):
        f, _ = as_function(call, at)
        points = np.random.default_rng(0).uniform(-2, 2, (40, f.size))
        np.testing.assert_allclose(f.values(points), [f.value(p) for p in points])
        if f.size == 1:
            np.testing.assert_allclose(f.slopes(points[:, 0]), [f.gradient(p)[0] for p in points])


# ------------------------------------------------------------------------------------------------ without the extras
def test_without_sympy(monkeypatch):
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *a: None if name == "sympy" else real(name, *a))
    s = study("x**2 - 2*x", at=3.0)
    assert s.formula is None and any('glassgrad[see]' in n for n in s.notes) and s.critical[0].place[0] == pytest.approx(1) and not s.complete
