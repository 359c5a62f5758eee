"""Pictures of a study: a curve with its tangent; a surface and contours with gradient, valley and descent; slices.

Every mark differs from the others in shape as well as in colour.
"""

from __future__ import annotations

import io
from typing import Any

import numpy as np

from ..descent.palette import BLUE, GREEN, ORANGE, PINK, VERMILION, is_dark, pyplot, series, theme
from ..tensor import Tensor
from .expression import parse

MARKS = {"minimum": ("v", GREEN), "maximum": ("^", PINK), "saddle": ("X", ORANGE), "inflection": ("s", ORANGE), "flat": ("s", ORANGE)}
CURVE, TANGENT, POINT = BLUE, VERMILION, VERMILION
FINE = 91  # points along each side of a grid


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
            figure = Figure(figsize=(6.8, 5.8), layout="constrained")
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


def _ink(ax: Any) -> str:
    return "#e6e6e6" if is_dark(ax) else "#222222"


def _window(study: Any, dim: int) -> tuple[float, float]:
    """A range that shows the points, the path, the nearest critical points and the ends of flat stretches, with a margin."""
    here = [p.place[dim] for p in study.points]
    marks = [c.place[dim] for c in study.critical if study.box[0][dim] <= c.place[dim] <= study.box[1][dim]]
    marks += _extent(study, dim)
    marks += [end for s in study.flat if s.interval for end in s.interval if np.isfinite(end)]
    centre = here[0]
    marks = sorted(marks, key=lambda v: abs(v - centre))[:9 if study.function.size > 1 else 5]
    run = study.descent
    path = run.path[:, dim] if run is not None and run.stopped == "converged" else []
    shown = [*here, *marks, *path]
    low, high = min(shown), max(shown)
    span = max(high - low, 2.0)
    return low - 0.35 * span, high + 0.35 * span


def _extent(study: Any, dim: int) -> list[float]:
    """How far a closed curve of critical points reaches; nothing for one that leaves the box."""
    low, high = study.box
    if len(low) != 2:
        return []
    found: list[float] = []
    for s in study.flat:
        if not s.affine:
            for line in _lines(s, np.linspace(low[0], high[0], FINE), np.linspace(low[1], high[1], FINE), study.symbols):
                if (line[0] == line[-1]).all():
                    found += [float(line[:, dim].min()), float(line[:, dim].max())]
    return found


def _square(study: Any) -> list[tuple[float, float]]:
    """The windows of two variables, of one length unless that hides the shape: then a gradient stands at right angles on a contour."""
    windows = [_window(study, 0), _window(study, 1)]
    lengths = [b - a for a, b in windows]
    longest = max(lengths)
    if longest > 5 * min(lengths):
        return windows
    return [(a - (longest - n) / 2, b + (longest - n) / 2) for (a, b), n in zip(windows, lengths)]


def _place_text(c: Any) -> str:
    values = [e if e else f"{v:.4g}" for e, v in zip([*c.exact, *[None] * len(c.place)], c.place)]
    return values[0] if len(values) == 1 else f"({', '.join(values)})"


def _visible(ys: np.ndarray, marks: list[float]) -> tuple[float, float]:
    """The range of values to show: all of them, or without the few at either end that would flatten the rest."""
    seen = np.concatenate([ys[np.isfinite(ys)], marks])
    middle = np.percentile(seen, 90) - np.percentile(seen, 10)
    bottom, top = np.percentile(seen, [3, 97]) if np.ptp(seen) > 20 * middle else (seen.min(), seen.max())
    bottom, top = min(bottom, *marks), max(top, *marks)
    return (bottom, top) if top > bottom else (bottom - 1 - abs(bottom) / 10, top + 1 + abs(top) / 10)


def curve(study: Any, ax: Any) -> Any:
    """One variable: the curve, its tangent at the points, its critical points."""
    f, name = study.function, study.symbols[0]
    low, high = _window(study, 0)
    xs = np.linspace(low, high, 601)
    ys = f.values(xs[:, None])
    bottom, top = _visible(ys, [p.value for p in study.points])
    ys[:-1][np.abs(np.diff(ys)) > 0.9 * (top - bottom)] = np.nan  # no line across a pole
    for p in study.points[:6]:
        half = 0.22 * (high - low)
        tx = np.array([p.place[0] - half, p.place[0] + half])
        ax.plot(tx, p.value + p.ours[0] * (tx - p.place[0]), color=TANGENT, linewidth=1.4, linestyle="--", zorder=2,
                label=f"tangent at {name} = {p.place[0]:g}: slope {p.ours[0]:.4g}")  # fmt: skip
        ax.plot(p.place[0], p.value, "o", color=POINT, markersize=7, zorder=4)
    ax.plot(xs, ys, color=series(ax)[0], linewidth=2, zorder=3, label=_title(study))
    for s in study.flat:
        if s.interval:
            colour = MARKS.get(s.kind, ("s", ORANGE))[1]
            ax.plot(np.clip(s.interval, low, high), [s.value] * 2, color=colour, linewidth=4.5, alpha=0.8, zorder=4, label=f"{s.kind}: {s.equations[0]}")
    run = study.descent
    if run is not None and 1 < len(run.path) and run.stopped != "diverged":
        ax.plot(run.path[:, 0], run.losses, ".", color=_ink(ax), markersize=4, zorder=4, label=f"descent, lr {run.lr:.3g}")
    drawn: set[str] = set()
    for c in study.critical:
        if low <= c.place[0] <= high:
            mark, colour = MARKS.get(c.kind, ("s", ORANGE))
            label = f"{c.kind} at {name} = {_place_text(c)}" if len(drawn) < 4 else None
            ax.plot(c.place[0], c.value, mark, color=colour, markersize=9, zorder=5, label=label, markeredgecolor="white", markeredgewidth=0.6)
            drawn.add(c.kind + str(c.place))
    margin = 0.08 * (top - bottom)
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


def _grid(study: Any) -> Any:
    """The values on a grid over the windows: computed once, drawn four times."""
    xs, ys = (np.linspace(a, b, FINE) for a, b in _square(study))
    if "grid" not in study.drawn:
        z = study.function.values(np.stack(np.meshgrid(xs, ys), -1))
        study.drawn["grid"] = np.where(np.isfinite(z), z, np.nan)
    return xs, ys, study.drawn["grid"]


def _levels(z: np.ndarray) -> np.ndarray:
    """Levels denser near the bottom, so that valleys show."""
    low, high = float(np.nanmin(z)), float(np.nanpercentile(z, 96))
    return low + (high - low or 1.0) * np.linspace(0, 1, 22) ** 2


def contours(study: Any, ax: Any) -> Any:
    """Two variables from above: contours, the gradient's arrow, minima or the valley, the way down."""
    xs, ys, z = _grid(study)
    levels = _levels(z)
    filled = ax.contourf(xs, ys, z, levels=levels, cmap="viridis", alpha=0.85, extend="max")
    filled.set_rasterized(True)
    ax.contour(xs, ys, z, levels=levels[::2], colors="white", linewidths=0.4, alpha=0.5)
    ax.figure.colorbar(filled, ax=ax, label="f", shrink=0.9)
    for s in study.flat:
        for i, line in enumerate(_lines(s, xs, ys, study.symbols)):
            ax.plot(*line.T, color=TANGENT, linewidth=2.4, zorder=3, label=None if i else f"{s.kind}: {s.equations[0]}")
    run = study.descent
    if run is not None and run.steps and run.stopped != "diverged":
        ax.plot(*run.path.T, color="#222222" if is_dark(ax) else "white", linewidth=3.2, zorder=4)
        ax.plot(*run.path.T, "-o", color=_ink(ax), linewidth=1.4, markersize=2.5, zorder=5, label=f"descent, lr {run.lr:.3g}")
    for p in study.points[:6]:
        if p.direction is not None:
            length = 0.16 * min(xs[-1] - xs[0], ys[-1] - ys[0])
            ax.annotate("", p.place + length * p.direction, p.place, zorder=7,
                        arrowprops={"arrowstyle": "-|>", "color": TANGENT, "linewidth": 2.2, "mutation_scale": 16})  # fmt: skip
        ax.plot(*p.place, "o", color=POINT, markeredgecolor="white", markersize=8, zorder=8, label=f"∇f = ({p.ours[0]:.4g}, {p.ours[1]:.4g})")
    labelled = set()
    for c in study.critical:
        if xs[0] <= c.place[0] <= xs[-1] and ys[0] <= c.place[1] <= ys[-1]:
            mark, colour = MARKS.get(c.kind, ("s", ORANGE))
            label = None if c.kind in labelled else (f"{c.kind} {_place_text(c)}" if sum(q.kind == c.kind for q in study.critical) == 1 else c.kind)
            labelled.add(c.kind)
            ax.plot(*c.place, mark, color=colour, markeredgecolor="white", markersize=10, zorder=6, label=label, linestyle="none")
    ax.set_xlim(xs[0], xs[-1])
    ax.set_ylim(ys[0], ys[-1])
    ax.set_xlabel(study.symbols[0])
    ax.set_ylabel(study.symbols[1])
    ax.set_title(_title(study), fontsize=10)
    if not abs(np.log(ax.get_data_ratio())) > 0.01:
        ax.set_aspect("equal")
    _legend_below(ax)
    return ax


def _legend_below(ax: Any) -> None:
    """A legend under the axes, where it hides nothing."""
    ax.legend(fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.12), ncols=2, frameon=False)


def _lines(s: Any, xs: np.ndarray, ys: np.ndarray, symbols: tuple[str, ...]) -> list[np.ndarray]:
    """A line or curve of critical points as polylines within the window, each (points, 2)."""
    from contourpy import contour_generator

    grid = dict(zip(symbols, np.meshgrid(xs, ys)))
    if s.affine and s.coefficients:
        a, b, c = s.coefficients[0]
        off = a * grid[symbols[0]] + b * grid[symbols[1]] - c
    else:
        left, _, right = s.equations[0].replace("^", "**").partition("=")
        f = parse(left)
        off = np.asarray(f(*[Tensor._wrap(grid[n]) for n in f.names])._data) - float(parse(right)())
    lines: Any = contour_generator(xs, ys, off).lines(0)
    return [line for line in lines if len(line) > 1]


def surface(study: Any, ax: Any) -> Any:
    """Two variables from the side, with the valley, the way down and the critical points on it."""
    from matplotlib.ticker import MaxNLocator

    xs, ys, z = _grid(study)
    top = float(np.nanpercentile(z, 95))
    bottom = float(np.nanmin(z))
    cut = np.nanmax(z) - bottom > 1.8 * (top - bottom)
    top = top if cut else float(np.nanmax(z))
    ax.computed_zorder = False  # what lies on the surface is drawn over it
    ax.plot_surface(*np.meshgrid(xs, ys), np.minimum(z, top), cmap="viridis", linewidth=0, alpha=0.85, rcount=60, ccount=60, rasterized=True, zorder=1)
    for s in study.flat:
        for line in _lines(s, xs, ys, study.symbols):
            ax.plot(*line.T, np.full(len(line), s.value), color=TANGENT, linewidth=2.2, zorder=3)
    run = study.descent
    if run is not None and run.steps and run.stopped != "diverged":
        inside = ((run.path >= [xs[0], ys[0]]) & (run.path <= [xs[-1], ys[-1]])).all(1) & (run.losses <= top)
        ax.plot(*run.path[inside].T, run.losses[inside], color=_ink(ax), linewidth=1.8, zorder=4)
    for p in study.points[:6]:
        if p.value <= top:
            ax.scatter(*p.place, p.value, color=POINT, edgecolor="white", s=45, depthshade=False, zorder=6)
    for c in study.critical:
        if xs[0] <= c.place[0] <= xs[-1] and ys[0] <= c.place[1] <= ys[-1] and c.value <= top:
            mark, colour = MARKS.get(c.kind, ("s", ORANGE))
            ax.scatter(*c.place, c.value, color=colour, edgecolor="white", marker=mark, s=50, depthshade=False, zorder=5)
    for axis in (ax.xaxis, ax.yaxis, ax.zaxis):
        axis.set_major_locator(MaxNLocator(4))
    ax.set_xlabel(study.symbols[0])
    ax.set_ylabel(study.symbols[1])
    ax.set_zlabel(f"f (cut off above {top:.3g})" if cut else "f")
    ax.set_box_aspect(None, zoom=0.88)
    ax.set_title(_title(study), fontsize=10)
    return ax


def slices(study: Any, ax: Any) -> Any:
    """Three variables or more: the function along each coordinate through the first point, the steepest six."""
    f, p = study.function, study.points[0]
    order = np.argsort(-np.abs(p.ours))[:6]
    styles = ["-", "--", "-.", ":", (0, (5, 1)), (0, (1, 1))]
    for i, style, colour in zip(order, styles, series(ax)):
        ts = np.linspace(-2, 2, 121)
        ys = f.values(p.place + ts[:, None] * np.eye(f.size)[i])
        ax.plot(ts, ys, linestyle=style, linewidth=1.8, color=colour, label=f"{study.symbols[i]}: slope {p.ours[i]:.4g}")
    ax.plot(0, p.value, "o", color=POINT, markersize=7)
    ax.set_xlabel("distance from the point along one coordinate")
    ax.set_ylabel("f")
    ax.set_title(_title(study), fontsize=10)
    ax.grid(True, alpha=0.3)
    ax.legend(fontsize=8)
    return ax
