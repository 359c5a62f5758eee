"""A fit on paper: text for the terminal, and one HTML page with pictures, in light and dark."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Sequence
from typing import Any

import numpy as np

from .learn import Fit

FORMULAS = {
    "lstsq": "the smallest mean of (y - prediction)², by QR", "adaline": "gradient descent on the mean of (y - prediction)²",
    "sigmoid": "gradient descent on the mean cross-entropy",
}  # fmt: skip
MOST = 40  # coefficients that are listed: the largest


def _number(value: float) -> str:
    return f"{value:.6g}"


def _class(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else repr(value)


def facts(found: Fit) -> list[tuple[str, str]]:
    """What is known of a fit, as rows of a name and a value."""
    rows = [
        ("target", found.target), ("method", f"{found.method}: {FORMULAS[found.method]}"), ("rows", f"{found.rows:,}"),
        ("cross-entropy" if found.method == "sigmoid" else "mean squared error", _number(found.loss)),
    ]  # fmt: skip
    if found.classes is not None:
        rows.append(("probability of", f"{found.target} = {_class(found.classes[1])}, rather than {_class(found.classes[0])}"))
    if found.accuracy is not None:
        rows.append(("accuracy", f"{found.accuracy:.2%}"))
    if found.r2 is not None:
        rows.append(("R²", _number(found.r2)))
    if found.condition is not None and np.isfinite(found.condition):
        rows.append(("condition of the columns", f"{found.condition:.3g}"))
    if found.epochs:
        rows.append(("epochs", f"{found.epochs} at a learning rate of {_number(found.lr or 0)}"))
    memory = f", {found.peak_memory / 1e6:.0f} MB of memory at most" if found.peak_memory else ""
    return [*rows, ("took", f"{found.seconds:.3g} s in {found.where}{memory}")]


def weights(found: Fit) -> list[tuple[str, float, float]]:
    """Features with their coefficient, and with it for the feature's standard deviation; the largest of these first."""
    spread = np.ones(len(found.coef)) if found.deviations is None else found.deviations
    order = np.argsort(-np.abs(found.coef * spread), kind="stable")[:MOST]
    return [(found.features[i], float(found.coef[i]), float(found.coef[i] * spread[i])) for i in order]


def comparison(found: Fit) -> list[tuple[str, ...]]:
    """A table of the models of method "all": a head and a row for each."""
    if not found.compared:
        return []
    head: tuple[str, ...] = ("method", "squared error", "R²", "accuracy", "epochs", "saved")
    return [head, *(
        (f.method, _number(f.squared_error or 0.0), "–" if f.r2 is None else _number(f.r2), "–" if f.accuracy is None else f"{f.accuracy:.2%}",
         str(f.epochs or "–"), "✓" if f.method == found.method else "")
        for f in found.compared
    )]  # fmt: skip


def _aligned(rows: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(len(r[i]) for r in rows) for i in range(len(rows[0]))]
    return ["  " + "  ".join(f"{cell:<{w}}" for cell, w in zip(row, widths)).rstrip() for row in rows]


def as_text(found: Fit) -> str:
    """The fit as plain text."""
    table = [("", "coefficient", "for one standard deviation"), *((n, _number(c), _number(s)) for n, c, s in weights(found))]
    lines = [*_aligned(facts(found)), "", *_aligned([*table, ("intercept", _number(found.intercept), "")])]
    if len(found.coef) > MOST:
        lines.append(f"  … and {len(found.coef) - MOST} more, in the model")
    if found.compared:
        lines += ["", *_aligned(comparison(found))]
    return "\n".join(lines + [f"  Note: {n}" for n in _all_notes(found)])


def _all_notes(found: Fit) -> list[str]:
    """The notes of all models, those of one among several with its name."""
    if not found.compared:
        return list(found.notes)
    shared = [n for n in found.notes if all(n in f.notes for f in found.compared)]
    return shared + [f"{f.method}: {n}" for f in found.compared for n in f.notes if n not in shared]


STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --soft: #5c6670; --page: #ffffff; --line: #d9dee3; --accent: #0b63a5; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e6e6; --soft: #a2abb5; --page: #15191e; --line: #343b44; --accent: #6bb7f0; } }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--page); max-width: 62rem; margin: 0 auto; padding: 1.5rem; }
h1 { font-size: 1.5rem; margin-top: 0; overflow-wrap: anywhere; } h1 code { color: var(--accent); }
h2 { font-size: 1.1rem; margin-top: 2rem; border-bottom: 1px solid var(--line); padding-bottom: .25rem; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; }
td, th { padding: .25rem 1.2rem .25rem 0; text-align: left; vertical-align: top; border-bottom: 1px solid var(--line); }
td:first-child { color: var(--soft); overflow-wrap: anywhere; } figure { margin: 1rem 0; } img { max-width: 100%; height: auto; } .note { color: var(--soft); }
"""


def _table(rows: Sequence[tuple[str, ...]], head: tuple[str, ...] = ()) -> str:
    top = "<tr>" + "".join(f'<th scope="col">{html.escape(h)}</th>' for h in head) + "</tr>" if head else ""
    body = "".join("<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f'<div class="scroll"><table>{top}{body}</table></div>'


def to_html(found: Fit) -> str:
    """The fit as one page that opens offline."""
    notes = _all_notes(found)
    try:
        pictures = "".join(
            f'<figure><picture><source media="(prefers-color-scheme: dark)" srcset="{dark}"><img src="{light}" alt="{html.escape(name)}"></picture></figure>'
            for (name, light), dark in zip(_pictures(found, False).items(), _pictures(found, True).values())
        )
    except ImportError:
        pictures, notes = "", [*notes, 'the pictures need matplotlib: pip install "glassgrad[see]"']
    table = _table([(n, _number(c), _number(s)) for n, c, s in weights(found)] + [("intercept", _number(found.intercept), "")],
                   ("feature", "coefficient", "for one standard deviation"))  # fmt: skip
    more = f'<p class="note">The {MOST} largest of {len(found.coef)}; the model has all.</p>' if len(found.coef) > MOST else ""
    compared = comparison(found)
    methods = f"<h2>Methods</h2>{_table(compared[1:], compared[0])}" if compared else ""
    said = "".join(f'<p class="note">Note: {html.escape(n)}.</p>' for n in notes)
    title = html.escape(found.target)
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Fit of {title}</title>'
        f"<style>{STYLE}</style></head><body><h1>Fit of <code>{title}</code></h1>{_table(facts(found))}{said}{methods}<h2>Pictures</h2>{pictures}"
        f"<h2>Coefficients</h2>{table}{more}</body></html>\n"
    )


def _pictures(found: Fit, dark: bool) -> dict[str, str]:
    """The fit's pictures by name, as data URLs of SVG."""
    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    from ..descent.palette import theme

    kinds: dict[str, Any] = {"weights": _draw_weights, "predictions": _draw_classes if found.classes else _draw_predictions, "descent": _draw_descent}
    if found.sample is None or not len(found.sample):
        del kinds["predictions"]
    if not any(len(f.losses) > 1 for f in (found, *found.compared)):
        del kinds["descent"]
    out = {}
    with theme(dark), matplotlib.rc_context({"svg.hashsalt": "glassgrad", "svg.fonttype": "path", "font.size": 10}):
        for name, draw in kinds.items():
            height = 1.4 + 0.26 * min(len(found.coef), 20) if name == "weights" else 3.8
            figure = Figure(figsize=(7.2, height), layout="constrained")
            draw(found, figure.add_subplot())
            file = io.StringIO()
            FigureCanvasSVG(figure).print_svg(file, metadata={"Date": None, "Creator": "glassgrad"})
            out[name] = "data:image/svg+xml;base64," + base64.b64encode(file.getvalue().encode()).decode()
    return out


def _draw_weights(found: Fit, ax: Any) -> None:
    from ..descent.palette import series

    rows = weights(found)[:20][::-1]
    blue, red = series(ax)[:2]
    values = [s for _, _, s in rows]
    bars = ax.barh([n if len(n) < 28 else n[:27] + "…" for n, _, _ in rows], values, color=[blue if v >= 0 else red for v in values])
    for bar, value in zip(bars, values):
        bar.set_hatch("" if value >= 0 else "///")
    ax.axvline(0, color=ax.xaxis.label.get_color(), linewidth=0.8)
    what = "log-odds" if found.method == "sigmoid" else found.target
    ax.set(xlabel=f"change of {what} for one standard deviation of the feature", title="What the neuron weighs")


def _draw_predictions(found: Fit, ax: Any) -> None:
    from ..descent.palette import series

    assert found.sample is not None
    blue, red = series(ax)[:2]
    actual, predicted = found.sample.T
    ends = [float(found.sample.min()), float(found.sample.max())]
    ax.plot(ends, ends, color=red, linewidth=1.4, linestyle="--", label="prediction = actual")
    ax.scatter(predicted, actual, s=9, alpha=0.45, color=blue, linewidths=0, label=f"{len(actual):,} of {found.rows:,} rows")
    ax.set(xlabel=f"predicted {found.target}", ylabel=f"actual {found.target}", title="Prediction and truth")
    ax.legend(frameon=False)


def _draw_classes(found: Fit, ax: Any) -> None:
    from ..descent.palette import series

    assert found.sample is not None and found.classes is not None
    actual, predicted = found.sample.T
    low, high = float(actual.min()), float(actual.max())
    probability = (predicted - low) / (high - low) if high > low else predicted
    blue, red = series(ax)[:2]
    bins = np.linspace(0, 1, 26)
    for value, label, colour, hatch in ((low, found.classes[0], blue, ""), (high, found.classes[1], red, "///")):
        ax.hist(probability[actual == value], bins, alpha=0.55, color=colour, hatch=hatch, label=f"{found.target} = {_class(label)}")
    ax.set(xlabel=f"predicted probability of {found.target} = {_class(found.classes[1])}", ylabel="rows of the sample", title="How sure the neuron is")
    ax.legend(frameon=False)


def _draw_descent(found: Fit, ax: Any) -> None:
    from ..descent.palette import series

    shown = [f for f in (found.compared or (found,)) if len(f.losses) > 1]
    for f, colour, style in zip(shown, series(ax), ("-", "--", ":")):
        ax.plot(range(len(f.losses)), f.losses, style, color=colour, label=f"{f.method}, {'cross-entropy' if f.method == 'sigmoid' else 'squared error'}")
    every = [loss for f in shown for loss in f.losses]
    if 0 < 20 * min(every) < max(every):
        ax.set_yscale("log")
    ax.set(xlabel="epoch", ylabel="mean loss", title="The way down")
    ax.legend(frameon=False)
