"""A study on paper: text for the terminal, Markdown, LaTeX, and one self-contained HTML page."""

from __future__ import annotations

import html
import os
import tempfile
from typing import Any

from .kind import number, place


def _vector(values: Any) -> str:
    if values is None:
        return "–"
    return number(values[0]) if len(values) == 1 else "[" + ", ".join(number(v) for v in values) + "]"


def point_rows(study: Any, p: Any) -> list[tuple[str, str]]:
    """What is known at a point, as rows of a name and a value."""
    where = ", ".join(f"{s} = {number(v)}" for s, v in zip(study.symbols, p.place))
    rows = [("at", where), ("value", number(p.value)), ("gradient (ours, by backward)", _vector(p.ours)),
            ("gradient (SymPy)", _vector(p.sympy)), ("gradient (finite differences)", _vector(p.finite_difference)),
            ("largest relative difference", f"{p.disagreement:.1e}"), ("magnitude", number(p.magnitude)),
            ("direction", _vector(p.direction) if p.direction is not None else "none: the gradient is zero"), ("behaviour", p.behaviour)]  # fmt: skip
    return rows


def _title(study: Any) -> str:
    return study.formula.text if study.formula else (study.function.text or getattr(study.function.call, "__name__", "f"))


def formulas(study: Any) -> list[tuple[str, str, str]]:
    """Name, text and LaTeX of the function, its gradient, and its Hessian where that is small."""
    out = []
    if study.formula:
        names = ", ".join(study.symbols)
        out.append((f"f({names})", study.formula.text, study.formula.latex))
    for s, g in zip(study.symbols, study.gradient):
        out.append((f"∂f/∂{s}", g.text, g.latex))
    n = len(study.hessian)
    for i in range(n if n <= 3 else 0):
        for j in range(i, n):
            a, b = study.symbols[i], study.symbols[j]
            name = f"∂²f/∂{a}²" if i == j else f"∂²f/∂{a}∂{b}"
            out.append((name, study.hessian[i][j].text, study.hessian[i][j].latex))
    return out


def as_text(study: Any) -> str:
    """The study as plain text."""
    lines = [f"Study of f = {_title(study)}", ""]
    rows = formulas(study)
    width = max((len(n) for n, _, _ in rows), default=0)
    lines += [f"  {n:<{width}} = {t}" for n, t, _ in rows]
    if study.engine_agrees is not None:
        lines += ["", "  The gradient that backward executed " + ("equals SymPy's derivative of the formula." if study.engine_agrees else "DIFFERS from SymPy's derivative.")]
    for p in study.points:
        lines.append("")
        lines += [f"  {n:<30} {v}" for n, v in point_rows(study, p)]
    lines += ["", "What it is"] + [f"  - {s}" for s in study.findings]
    lines += [f"  Note: {n}" for n in study.notes]
    return "\n".join(lines)


def as_markdown(study: Any) -> str:
    """The study as Markdown."""
    lines = [f"# Study of `{_title(study)}`", ""]
    lines += [f"- {n}: ${x}$" for n, _, x in formulas(study)]
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


STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --soft: #5c6670; --page: #ffffff; --card: #f5f7f9; --line: #d9dee3; --accent: #0b63a5; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e6e6; --soft: #a2abb5; --page: #15191e; --card: #1d232a; --line: #343b44; --accent: #6bb7f0; } }
.gg { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--page); max-width: 62rem; margin: 0 auto; padding: 1.5rem; }
.gg h1 { font-size: 1.5rem; } .gg h1 code { color: var(--accent); } .gg h2 { font-size: 1.1rem; margin-top: 2rem; border-bottom: 1px solid var(--line); padding-bottom: .25rem; }
.gg table { border-collapse: collapse; margin: .5rem 0; } .gg td, .gg th { padding: .25rem .9rem .25rem 0; text-align: left; vertical-align: top; border-bottom: 1px solid var(--line); }
.gg td:first-child { color: var(--soft); } .gg .scroll { overflow-x: auto; }
.gg li { margin: .35rem 0; } .gg .note { color: var(--soft); } .gg math { font-size: 1.1em; }
.gg figure { margin: 1rem 0; } .gg figure svg { max-width: 100%; height: auto; } .gg .dark { display: none; }
@media (prefers-color-scheme: dark) { .gg .dark { display: block; } .gg .light { display: none; } }
"""

TEMPLATE = """<div class="gg">
<h1>Study of <code>{{ title }}</code></h1>
{% if formulas %}<h2>Formula and derivatives, from the executed code</h2>
<div class="scroll"><table>{% for name, text in formulas %}<tr><td>{{ name }}</td><td><code>{{ text }}</code></td></tr>{% endfor %}</table></div>
{% if agrees is not none %}<p>The gradient that backward executed {{ "equals SymPy’s derivative of the formula." if agrees else "differs from SymPy’s derivative." }}</p>{% endif %}{% endif %}
{% for rows in points %}<h2>At {{ rows[0][1] }}</h2>
<div class="scroll"><table>{% for name, value in rows[1:] %}<tr><td>{{ name }}</td><td>{{ value }}</td></tr>{% endfor %}</table></div>{% endfor %}
<h2>What it is</h2>
<ul>{% for s in findings %}<li>{{ s }}</li>{% endfor %}</ul>
{% for n in notes %}<p class="note">Note: {{ n }}.</p>{% endfor %}
{% if critical %}<h2>Critical points</h2>
<div class="scroll"><table><tr><th>kind</th><th>place</th><th>value</th><th>‖∇f‖ there</th></tr>
{% for kind, where, value, residual in critical %}<tr><td>{{ kind }}</td><td>{{ where }}</td><td>{{ value }}</td><td>{{ residual }}</td></tr>{% endfor %}</table></div>{% endif %}
{% for name, light, dark in figures %}<figure aria-label="{{ name }}"><div class="light">{{ light|safe }}</div><div class="dark">{{ dark|safe }}</div></figure>{% endfor %}
</div>"""


def as_fragment(study: Any) -> str:
    """The study as an HTML fragment: what Jupyter shows."""
    try:
        from jinja2 import Environment
    except ImportError:
        return f"<pre>{html.escape(as_text(study))}</pre>"
    shown: list[tuple[str, str, str]] = []
    try:
        from .pictures import figures

        light, dark = figures(study, False), figures(study, True)
        shown = [(name, _own_ids(light[name], name + "-light"), _own_ids(dark[name], name + "-dark")) for name in light]
    except ImportError:
        pass
    critical = [(c.kind + (" (kink)" if c.kink else ""), place(study, c), number(c.value), "–" if c.kink else f"{c.residual:.1e}") for c in study.critical]
    template = Environment(autoescape=True).from_string(TEMPLATE)
    body = template.render(
        title=_title(study), formulas=[(n, t) for n, t, _ in formulas(study)], points=[point_rows(study, p) for p in study.points],
        findings=study.findings, notes=study.notes, critical=critical, figures=shown, agrees=study.engine_agrees,
    )  # fmt: skip
    return f"<style>{STYLE}</style>\n{body}"


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


def write_atomically(path: Any, text: str) -> None:
    """Writes a file whole or not at all: into a temporary one beside it, then in its place."""
    path = os.fspath(path)
    folder = os.path.dirname(os.path.abspath(path))
    descriptor, temporary = tempfile.mkstemp(dir=folder, prefix=".glassgrad-", suffix=".tmp")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
