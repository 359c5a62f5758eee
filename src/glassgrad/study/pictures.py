"""Pictures of a study: a curve with its tangent; a surface and contours with gradient, valley and descent; slices.

Colours are Okabe and Ito's (2008), told apart by the colour-blind; every mark also differs in shape.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from typing import Any

import numpy as np

CURVE, TANGENT, MINIMUM, MAXIMUM, SADDLE, PATH, POINT = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#E69F00", "#D55E00"
MARKS = {"minimum": ("v", MINIMUM), "maximum": ("^", MAXIMUM), "saddle": ("X", SADDLE), "inflection": ("s", SADDLE), "flat": ("s", SADDLE)}
DARK = {"figure.facecolor": "#15191e", "axes.facecolor": "#15191e", "savefig.facecolor": "#15191e", "text.color": "#e6e6e6",
        "axes.labelcolor": "#e6e6e6", "axes.edgecolor": "#8a8f98", "xtick.color": "#c8ccd2", "ytick.color": "#c8ccd2",
        "grid.color": "#3a4049", "legend.facecolor": "#1d232a", "legend.edgecolor": "#3a4049"}  # fmt: skip
DARK_COLOURS = {CURVE: "#56B4E9"}


def pyplot() -> Any:
    """matplotlib's pyplot, or a line that says which extra to install."""
    try:
        import matplotlib.pyplot as plt
    except ImportError:
        raise ImportError('pictures need matplotlib: pip install "glassgrad[see]"') from None
    return plt


@contextlib.contextmanager
def theme(dark: bool) -> Iterator[None]:
    """matplotlib's settings for a light or a dark page."""
    import matplotlib

    settings: Any = DARK if dark else {}
    with matplotlib.rc_context(settings):
        yield


def plot_study(study: Any, ax: Any = None) -> Any:
    """Draws the study's main picture on `ax` (a new figure's, if none is given) and returns the axes."""
    n = study.function.size
    if ax is None:
        _, ax = pyplot().subplots(figsize=(6.4, 4.4), layout="constrained")
    if n == 1:
        return curve(study, ax)
    if n == 2:
        return contours(study, ax)
    return slices(study, ax)


def figures(study: Any, dark: bool) -> dict[str, str]:
    """The study's pictures as SVG, by name."""
    import matplotlib
    from matplotlib.figure import Figure

    out: dict[str, str] = {}
    with theme(dark), matplotlib.rc_context({"svg.hashsalt": "glassgrad", "svg.fonttype": "path", "font.size": 10}):
        n = study.function.size
        figure = Figure(figsize=(6.8, 4.4), layout="constrained")
        if n == 2:
            contours(study, figure.add_subplot())
            out["contours"] = _svg(figure)
            figure = Figure(figsize=(6.8, 4.8), layout="constrained")
            surface(study, figure.add_subplot(projection="3d"))
            out["surface"] = _svg(figure)
        elif n == 1:
            curve(study, figure.add_subplot())
            out["curve"] = _svg(figure)
        else:
            slices(study, figure.add_subplot())
            out["slices"] = _svg(figure)
        if study.descent is not None and study.descent.steps:
            figure = Figure(figsize=(6.8, 3.2), layout="constrained")
            study.descent.plot(figure.add_subplot())
            out["descent"] = _svg(figure)
    return out


def _svg(figure: Any) -> str:
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    buffer = io.StringIO()
    FigureCanvasSVG(figure).print_svg(buffer, metadata={"Date": None, "Creator": "glassgrad"})
    text = buffer.getvalue()
    return text[text.index("<svg") :]


def _is_dark() -> bool:
    import matplotlib

    return str(matplotlib.rcParams["axes.facecolor"]) == DARK["axes.facecolor"]


def _colour(c: str) -> str:
    return DARK_COLOURS.get(c, c) if _is_dark() else c


def _window(study: Any, dim: int) -> tuple[float, float]:
    """A range that shows the points, the path and the nearest critical points, with a margin."""
    here = [p.place[dim] for p in study.points]
    marks = [c.place[dim] for c in study.critical if study.box[0][dim] <= c.place[dim] <= study.box[1][dim]]
    centre = here[0]
    marks = sorted(marks, key=lambda v: abs(v - centre))[:9 if study.function.size > 1 else 5]
    run = study.descent
    path = run.path[:, dim] if run is not None and run.stopped == "converged" else []
    shown = [*here, *marks, *path]
    low, high = min(shown), max(shown)
    span = max(high - low, 2.0)
    return low - 0.35 * span, high + 0.35 * span


def _place_text(c: Any) -> str:
    values = [e if e else f"{v:.4g}" for e, v in zip([*c.exact, *[None] * len(c.place)], c.place)]
    return values[0] if len(values) == 1 else f"({', '.join(values)})"


def curve(study: Any, ax: Any) -> Any:
    """One variable: the curve, its tangent at the points, its critical points."""
    f, name = study.function, study.symbols[0]
    low, high = _window(study, 0)
    xs = np.linspace(low, high, 601)
    ys = np.array([f.value(np.array([x])) for x in xs])
    seen = ys[np.isfinite(ys)]
    for p in study.points[:6]:
        half = 0.22 * (high - low)
        tx = np.array([p.place[0] - half, p.place[0] + half])
        ax.plot(tx, p.value + p.ours[0] * (tx - p.place[0]), color=TANGENT, linewidth=1.4, linestyle="--", zorder=2,
                label=f"tangent at {name} = {p.place[0]:g}: slope {p.ours[0]:.4g}")  # fmt: skip
        ax.plot(p.place[0], p.value, "o", color=POINT, markersize=7, zorder=4)
    ax.plot(xs, ys, color=_colour(CURVE), linewidth=2, zorder=3, label=_title(study))
    drawn: set[str] = set()
    for c in study.critical:
        if low <= c.place[0] <= high:
            mark, colour = MARKS.get(c.kind, ("s", SADDLE))
            label = f"{c.kind} at {name} = {_place_text(c)}" if len(drawn) < 4 else None
            ax.plot(c.place[0], c.value, mark, color=colour, markersize=9, zorder=5, label=label, markeredgecolor="white", markeredgewidth=0.6)
            drawn.add(c.kind + str(c.place))
    if seen.size:
        middle = np.percentile(seen, 90) - np.percentile(seen, 10)
        bottom, top = np.percentile(seen, [0, 97]) if np.ptp(seen) > 50 * (middle + 1e-9) else (seen.min(), seen.max())
        marks = [p.value for p in study.points]
        bottom, top = min(bottom, *marks), max(top, *marks)
        margin = 0.08 * (top - bottom or 1.0)
        ax.set_ylim(bottom - margin, top + margin)
    ax.set_xlim(low, high)
    ax.set_xlabel(name)
    ax.set_ylabel(f"f({name})")
    ax.grid(True, alpha=0.3)
    ax.legend(fontsize=8, loc="best")
    return ax


def _title(study: Any, limit: int = 46) -> str:
    text = study.formula.text if study.formula else (study.function.text or "f")
    return "f = " + (text if len(text) <= limit else text[: limit - 1] + "…")


def _grid(study: Any, n: int) -> Any:
    f = study.function
    (a, b), (c, d) = _window(study, 0), _window(study, 1)
    xs, ys = np.linspace(a, b, n), np.linspace(c, d, n)
    z = np.array([[f.value(np.array([x, y])) for x in xs] for y in ys])
    return xs, ys, np.where(np.isfinite(z), z, np.nan)


def _levels(z: np.ndarray) -> np.ndarray:
    """Levels denser near the bottom, so that valleys show."""
    low, high = float(np.nanmin(z)), float(np.nanpercentile(z, 96))
    return low + (high - low or 1.0) * np.linspace(0, 1, 22) ** 2


def contours(study: Any, ax: Any) -> Any:
    """Two variables from above: contours, the gradient's arrow, minima or the valley, the way down."""
    xs, ys, z = _grid(study, 90)
    levels = _levels(z)
    filled = ax.contourf(xs, ys, z, levels=levels, cmap="viridis", alpha=0.85, extend="max")
    ax.contour(xs, ys, z, levels=levels[::2], colors="white", linewidths=0.4, alpha=0.5)
    ax.figure.colorbar(filled, ax=ax, label="f", shrink=0.9)
    for s in study.flat:
        _valley(s, ax, xs, ys, study)
    run = study.descent
    if run is not None and run.steps and run.stopped != "diverged":
        ax.plot(*run.path.T, color="white", linewidth=2.6, zorder=4)
        ax.plot(*run.path.T, "-o", color="#222222", linewidth=1.2, markersize=2.5, zorder=5, label=f"descent, lr {run.lr:.3g}")
    for p in study.points[:6]:
        if p.direction is not None:
            length = 0.16 * min(xs[-1] - xs[0], ys[-1] - ys[0])
            ax.annotate("", p.place + length * p.direction, p.place, zorder=7,
                        arrowprops={"arrowstyle": "-|>", "color": TANGENT, "linewidth": 2.2, "mutation_scale": 16})  # fmt: skip
        ax.plot(*p.place, "o", color=POINT, markeredgecolor="white", markersize=8, zorder=8, label=f"∇f = ({p.ours[0]:.4g}, {p.ours[1]:.4g})")
    labelled = set()
    for c in study.critical:
        if xs[0] <= c.place[0] <= xs[-1] and ys[0] <= c.place[1] <= ys[-1]:
            mark, colour = MARKS.get(c.kind, ("s", SADDLE))
            label = None if c.kind in labelled else (f"{c.kind} {_place_text(c)}" if sum(q.kind == c.kind for q in study.critical) == 1 else c.kind)
            labelled.add(c.kind)
            ax.plot(*c.place, mark, color=colour, markeredgecolor="white", markersize=10, zorder=6, label=label, linestyle="none")
    ax.set_xlim(xs[0], xs[-1])
    ax.set_ylim(ys[0], ys[-1])
    ax.set_xlabel(study.symbols[0])
    ax.set_ylabel(study.symbols[1])
    ax.set_title(_title(study), fontsize=10)
    ax.legend(fontsize=8, loc="upper left", framealpha=0.9)
    return ax


def _valley(s: Any, ax: Any, xs: np.ndarray, ys: np.ndarray, study: Any) -> None:
    """The line (or curve) of critical points."""
    if s.affine and s.coefficients:
        a, b, c = s.coefficients[0]
        if abs(b) > abs(a):
            px, py = xs, (c - a * xs) / b
        else:
            px, py = (c - b * ys) / a, ys
        ax.plot(px, py, color=TANGENT, linewidth=2.4, zorder=3, label=f"{s.kind}: {s.equations[0]}")


def surface(study: Any, ax: Any) -> Any:
    """Two variables from the side."""
    xs, ys, z = _grid(study, 60)
    top = float(np.nanpercentile(z, 96))
    clipped = np.where(z > top, np.nan, z)
    ax.plot_surface(*np.meshgrid(xs, ys), clipped, cmap="viridis", linewidth=0, antialiased=True, alpha=0.9, rcount=60, ccount=60, rasterized=True)
    for p in study.points[:6]:
        ax.scatter(*p.place, p.value, color=POINT, s=40, depthshade=False, zorder=10)
    for c in study.critical:
        if xs[0] <= c.place[0] <= xs[-1] and ys[0] <= c.place[1] <= ys[-1] and c.value <= top:
            mark, colour = MARKS.get(c.kind, ("s", SADDLE))
            ax.scatter(*c.place, c.value, color=colour, marker=mark, s=50, depthshade=False, zorder=10)
    ax.set_xlabel(study.symbols[0])
    ax.set_ylabel(study.symbols[1])
    ax.set_zlabel("f")
    ax.set_box_aspect(None, zoom=0.88)
    ax.set_title(_title(study), fontsize=10)
    return ax


def slices(study: Any, ax: Any) -> Any:
    """Three variables or more: the function along each coordinate through the first point, the steepest six."""
    f, p = study.function, study.points[0]
    order = np.argsort(-np.abs(p.ours))[:6]
    styles = ["-", "--", "-.", ":", (0, (5, 1)), (0, (1, 1))]
    for i, style in zip(order, styles):
        ts = np.linspace(-2, 2, 121)
        ys = [f.value(p.place + t * np.eye(f.size)[i]) for t in ts]
        ax.plot(ts, ys, linestyle=style, linewidth=1.6, label=f"{study.symbols[i]}: slope {p.ours[i]:.4g}")
    ax.plot(0, p.value, "o", color=POINT, markersize=7)
    ax.set_xlabel("distance from the point along one coordinate")
    ax.set_ylabel("f")
    ax.set_title(_title(study), fontsize=10)
    ax.grid(True, alpha=0.3)
    ax.legend(fontsize=8)
    return ax
