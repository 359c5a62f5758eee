"""A study on paper: text, Markdown, LaTeX, a page with MathML and pictures; each works alone where an extra is missing."""

import builtins
import functools
import xml.etree.ElementTree

import numpy as np
import pytest

from glassgrad.study import study

pytest.importorskip("sympy", reason="formulas need the extra [see]")
matplotlib = pytest.importorskip("matplotlib", reason="pictures need the extra [see]")
matplotlib.use("Agg")


@functools.cache
def parabola():
    return study("3*x**2 - 2*x + 5", at=3.0)


@functools.cache
def valley():
    return study("(w1*2 + w2*3 - 10)**2", at={"w1": 1, "w2": 2})


@functools.cache
def bowl():
    return study("x**2 + 2*y**2 + 3*z**2 + x*y", at={"x": 1, "y": 2, "z": 3})


@pytest.fixture
def axes():
    from matplotlib.figure import Figure

    return Figure(layout="constrained").add_subplot()


@pytest.fixture
def without(monkeypatch):
    """Makes imports of the named packages fail."""
    real = builtins.__import__

    def hide(*names):
        def absent(name, *args, **kwargs):
            if name.split(".")[0] in names:
                raise ImportError(f"No module named {name!r}")
            return real(name, *args, **kwargs)

        monkeypatch.setattr(builtins, "__import__", absent)

    return hide


def test_text_and_markdown():
    text = str(parabola())
    for part in ("3*x^2 - 2*x + 5", "6*x - 2", "gradient (SymPy)               16", "- An absolute minimum at x = 1/3"):
        assert part in text
    markdown = parabola().to_markdown()
    assert markdown.startswith("# Study of `3*x^2 - 2*x + 5`") and "$6 x - 2$" in markdown and "|---|---|" in markdown


def test_latex():
    latex = valley().to_latex()
    assert latex.startswith("\\begin{align*}") and latex.endswith("\\end{align*}") and latex.count("{") == latex.count("}")
    assert r"\nabla f" in latex and r"12 w_{1} + 18 w_{2} - 60" in latex


def test_page(tmp_path):
    path = tmp_path / "study.html"
    page = valley().to_html(path)
    assert path.read_text(encoding="utf-8") == page and list(tmp_path.iterdir()) == [path]
    assert page.count("<math>") == len(valley().gradient) + 1 + 3 and "<script" not in page
    assert 'aria-label="contours"' in page and 'aria-label="surface"' in page and "prefers-color-scheme: dark" in page
    ids = [part.split('"')[0] for part in page.split(' id="')[1:]]
    assert len(ids) == len(set(ids))
    for svg in page.split("<svg")[1:]:
        xml.etree.ElementTree.fromstring("<svg" + svg.split("</svg>")[0] + "</svg>")
    assert "slope ∂f" in bowl().to_html() and 'aria-label="slices"' in bowl().to_html()


def test_jupyter():
    fragment = parabola()._repr_html_()
    assert "<svg" in fragment and "<html" not in fragment and ":root" not in fragment  # it styles itself, not the notebook


def test_names_are_escaped():
    s = parabola()
    from dataclasses import replace

    hostile = replace(s, findings=["<script>alert(1)</script>"], notes=["a < b & c"])
    assert "<script>" not in hostile.to_html() and "a &lt; b &amp; c" in hostile.to_html()


def test_curve(axes):
    assert parabola().plot(axes) is axes
    labels = axes.get_legend_handles_labels()[1]
    assert "tangent at x = 3: slope 16" in labels and "minimum at x = 1/3" in labels
    tangent = next(line for line in axes.lines if "tangent" in str(line.get_label()))
    (x0, x1), (y0, y1) = tangent.get_data()
    assert (y1 - y0) / (x1 - x0) == pytest.approx(16)
    assert axes.get_xlabel() == "x" and axes.get_ylabel() == "f(x)" and axes.get_xlim()[0] < 1 / 3 < 3 < axes.get_xlim()[1]


def test_contours_with_the_whole_valley(axes):
    valley().plot(axes)
    line = next(line for line in axes.lines if "2*w1 + 3*w2 = 10" in str(line.get_label()))
    x, y = line.get_data()
    np.testing.assert_allclose(2 * x + 3 * y, 10, atol=1e-9)
    assert axes.get_aspect() == 1 and any("descent" in str(line.get_label()) for line in axes.lines)  # the gradient is seen at right angles
    arrow = axes.texts[0]
    head, tail = np.array(arrow.xy), np.array(arrow.xyann)
    np.testing.assert_allclose((head - tail) / np.linalg.norm(head - tail), valley().points[0].direction, atol=1e-9)


def test_a_curve_of_minima_is_drawn(axes):
    study("(x**2 + y**2 - 1)**2", at=(1.0, 1.0)).plot(axes)
    x, y = next(line for line in axes.lines if "x^2 + y^2 = 1" in str(line.get_label())).get_data()
    np.testing.assert_allclose(x**2 + y**2, 1, atol=1e-2)
    assert np.ptp(x) > 1.9 and axes.get_xlim()[0] < -1 < 1 < axes.get_xlim()[1]


def test_slices(axes):
    bowl().plot(axes)
    assert [label for label in axes.get_legend_handles_labels()[1]] == ["z: slope 18", "y: slope 9", "x: slope 4"]


def test_a_flat_stretch_is_drawn(axes):
    study("relu(x)", at=1.0).plot(axes)
    assert "minimum: x ≤ 0" in axes.get_legend_handles_labels()[1]


def test_dark_and_light_differ_and_are_reproducible():
    from glassgrad.study.pictures import figures

    light, again, dark = figures(parabola(), False), figures(parabola(), False), figures(parabola(), True)
    assert light == again and light.keys() == dark.keys() == {"curve", "descent"} and light["curve"] != dark["curve"]


@pytest.mark.parametrize("text, at", [("1/x", 1.0), ("log(x)", 0.001), ("tan(x)", 1.5), ("5*x", 0.0), ("x - x", 1.0), ("1e300*x", 1.0), ("floor(x)", 1.5)])
def test_every_picture_can_be_drawn(text, at, axes):
    s = study(text, at=at, timeout=5)
    s.plot(axes)
    axes.figure.canvas.draw()
    assert np.isfinite(axes.get_ylim()).all()


# ------------------------------------------------------------------------------------------------ without the extras
def test_without_matplotlib(without):
    s = parabola()
    without("matplotlib")
    page = s.to_html()
    assert "<math>" in page and "<svg" not in page and "matplotlib" in page and "glassgrad[see]" in page
    with pytest.raises(ImportError, match=r"glassgrad\[see\]"):
        s.plot()


def test_without_jinja(without):
    s = parabola()
    without("jinja2", "markupsafe")
    page = s.to_html()
    assert page.startswith("<!doctype html>") and "6*x - 2" in page and "glassgrad[see]" in page


def test_without_rich(without, capsys):
    from glassgrad.cli import show

    s = parabola()
    without("rich")
    show(s)
    assert "An absolute minimum" in capsys.readouterr().out
