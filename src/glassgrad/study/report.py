"""A study on paper: text for the terminal, Markdown, LaTeX, and one self-contained HTML page."""

from __future__ import annotations

import html
from typing import Any

import numpy as np

from .kind import listed, noise, number, place

NO_DIRECTION = {False: "none: the gradient is zero", True: "none: the gradient is not finite"}


def _vector(values: Any, scale: float = 0.0) -> str:
    if values is None:
        return "–"
    return number(values[0], scale) if len(values) == 1 else "[" + listed([number(v, scale) for v in values[:12]], len(values), 12) + "]"


def point_rows(study: Any, p: Any) -> list[tuple[str, str]]:
    """What is known at a point, as rows of a name and a value."""
    where = listed([f"{s} = {number(v)}" for s, v in zip(study.symbols[:12], p.place)], len(p.place), 12)
    size = max(abs(p.value), float(np.abs(p.ours).max(initial=0.0)))  # beside it differences of values are zero to rounding
    return [
        ("at", where), ("value", number(p.value)), ("gradient (ours, by backward)", _vector(p.ours)), ("gradient (SymPy)", _vector(p.sympy)),
        ("gradient (finite differences)", _vector(p.finite_difference, size)), ("largest relative difference", f"{p.disagreement:.1e}"),
        ("magnitude", number(p.magnitude)), ("direction", NO_DIRECTION[bool(p.magnitude)] if p.direction is None else _vector(p.direction)),
        ("behaviour", p.behaviour),
    ]  # fmt: skip


def variable_rows(study: Any, p: Any) -> list[tuple[str, str, str]]:
    """For three variables or more, each with its place and its slope at a point, the steepest twelve first."""
    if len(p.place) < 3:
        return []
    order = np.argsort(-np.abs(p.ours), kind="stable")[:12]
    return [(study.symbols[i], number(p.place[i]), number(p.ours[i])) for i in order]


def _title(study: Any) -> str:
    return study.formula.text if study.formula else (study.function.text or getattr(study.function.call, "__name__", "f"))


def formulas(study: Any) -> list[tuple[str, Any]]:
    """Names and formulas of the function, its gradient, and its Hessian where that is small."""
    out = []
    if study.formula:
        names = ", ".join(study.symbols)
        out.append((f"f({names})", study.formula))
    for s, g in zip(study.symbols, study.gradient):
        out.append((f"∂f/∂{s}", g))
    n = len(study.hessian)
    for i in range(n if n <= 3 else 0):
        for j in range(i, n):
            a, b = study.symbols[i], study.symbols[j]
            name = f"∂²f/∂{a}²" if i == j else f"∂²f/∂{a}∂{b}"
            out.append((name, study.hessian[i][j]))
    return out


def as_text(study: Any) -> str:
    """The study as plain text."""
    lines = [f"Study of f = {_title(study)}", ""]
    rows = formulas(study)
    width = max((len(n) for n, _ in rows), default=0)
    lines += [f"  {n:<{width}} = {f.text}" for n, f in rows]
    if study.engine_agrees is not None:
        verdict = "equals SymPy's derivative of the formula" if study.engine_agrees else "DIFFERS from SymPy's derivative"
        lines += ["", f"  The gradient that backward executed {verdict}."]
    for p in study.points:
        lines.append("")
        lines += [f"  {n:<30} {v}" for n, v in point_rows(study, p)]
    lines += ["", "What it is"] + [f"  - {s}" for s in study.findings]
    lines += [f"  Note: {n}" for n in study.notes]
    return "\n".join(lines)


def as_markdown(study: Any) -> str:
    """The study as Markdown."""
    lines = [f"# Study of `{_title(study)}`", ""]
    lines += [f"- {n}: ${f.latex}$" for n, f in formulas(study)]
    for p in study.points:
        lines += ["", "| | |", "|---|---|"] + [f"| {n} | {v} |" for n, v in point_rows(study, p)]
    lines += ["", "## What it is", ""] + [f"- {s}" for s in study.findings] + [f"- Note: {n}" for n in study.notes]
    return "\n".join(lines) + "\n"


def as_latex(study: Any) -> str:
    """Formula, gradient and Hessian as a LaTeX align environment."""
    if study.formula is None:
        return "% no formula: " + "; ".join(study.notes)
    names = ", ".join(study.symbols)
    gradient = r" \\ ".join(g.latex for g in study.gradient)
    rows = r" \\ ".join(" & ".join(h.latex for h in row) for row in study.hessian)
    body = rf"f({names}) &= {study.formula.latex} \\" + "\n" + rf"\nabla f &= \begin{{bmatrix}} {gradient} \end{{bmatrix}}"
    if study.hessian:
        body += r" \\" + "\n" + rf"H &= \begin{{bmatrix}} {rows} \end{{bmatrix}}"
    return "\\begin{align*}\n" + body + "\n\\end{align*}"


def as_fragment(study: Any) -> str:
    """The study as an HTML fragment: what Jupyter shows."""
    try:
        from jinja2 import Environment, PackageLoader
        from markupsafe import Markup
    except ImportError:
        return f'<pre>{html.escape(as_text(study))}\n\nThe page needs jinja2: pip install "glassgrad[see]"</pre>'
    shown: list[tuple[str, str, str]] = []
    missing: list[str] = []
    try:
        from .pictures import figures

        light, dark = figures(study, False), figures(study, True)
        shown = [(name, _own_ids(light[name], name + "-light"), _own_ids(dark[name], name + "-dark")) for name in light]
    except ImportError:
        missing = ['the pictures need matplotlib: pip install "glassgrad[see]"']
    critical = [
        (c.kind + (" (kink)" if c.kink else ""), place(study, c), c.exact_value or number(c.value, noise(study, c)), "–" if c.kink else f"{c.residual:.1g}")
        for c in study.critical
    ]
    page = Environment(loader=PackageLoader("glassgrad.study", ""), autoescape=True, trim_blocks=True).get_template("fragment.html")
    return page.render(
        title=_title(study), formulas=[(n, Markup(f.mathml) if f.mathml else f.text) for n, f in formulas(study)], agrees=study.engine_agrees,
        points=[(point_rows(study, p), variable_rows(study, p)) for p in study.points], findings=study.findings, critical=critical, figures=shown,
        notes=[*study.notes, *missing],
    )  # fmt: skip


def _own_ids(svg: str, name: str) -> str:
    """An SVG whose ids do not clash with another's on the same page."""
    import re

    ids = set(re.findall(r'\bid="([^"]+)"', svg))
    if not ids:
        return svg
    return re.sub(r'(\bid="|href="#|url\(#)([^")]+)', lambda m: f"{m[1]}{name}-{m[2]}" if m[2] in ids else m[0], svg)


def as_html(study: Any) -> str:
    """The study as one HTML page that opens offline, in light and dark."""
    title = html.escape(_title(study))
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>Study of {title}</title><style>html {{ background: #fff; }} @media (prefers-color-scheme: dark) {{ html {{ background: "
        f"#15191e; }} }} body {{ margin: 0; }}</style></head><body>\n{as_fragment(study)}\n</body></html>\n"
    )
