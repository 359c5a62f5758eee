"""Answers on a page: verdicts, and the drawing of the graph they are about, in one file that opens offline."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any

from .verdict import Verdict

STYLE = """
:root {
  color-scheme: light dark; --ink: #1b1f24; --soft: #5c6670; --page: #ffffff; --card: #f5f7f9; --line: #d9dee3;
  --good: #00785a; --bad: #b4310a; --mild: #0b63a5;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ink: #e6e6e6; --soft: #a2abb5; --page: #15191e; --card: #1d232a; --line: #343b44; --good: #4cc9a0; --bad: #ff9466; --mild: #6bb7f0;
  }
}
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--page); max-width: 62rem; margin: 0 auto; padding: 1.5rem; }
h1 { font-size: 1.4rem; margin-top: 0; overflow-wrap: anywhere; }
article { background: var(--card); border: 1px solid var(--line); border-left: .3rem solid var(--bad); border-radius: .5rem; }
article { padding: .2rem 1.1rem; margin: 1rem 0; }
article.good { border-left-color: var(--good); } article.mild { border-left-color: var(--mild); }
h2 { font-size: 1.05rem; overflow-wrap: anywhere; } dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1rem; }
dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; } dd.code { font-family: ui-monospace, monospace; font-size: .92em; }
iframe { width: 100%; height: 36rem; border: 1px solid var(--line); border-radius: .5rem; }
pre { overflow-x: auto; background: var(--card); border: 1px solid var(--line); border-radius: .5rem; padding: .8rem; }
"""
GOOD, MILD = ("fine", "root", "retained"), ("accumulated", "intermediate", "hint", "frozen", "none")


def to_html(title: str, verdicts: Sequence[Verdict], drawing: Any = None, traceback: str = "") -> str:
    """One page: the title, what a traceback says, each verdict, the drawing."""
    cards = []
    for v in verdicts:
        rows = "".join(f"<dt>{html.escape(label)}</dt><dd{' class=code' if label == 'where' else ''}>{html.escape(text)}</dd>" for label, text in v.rows())
        look = "good" if v.kind in GOOD else "mild" if v.kind in MILD else ""
        cards.append(f'<article class="{look}"><h2>{html.escape(v.headline)}</h2><dl>{rows}</dl></article>')
    said = f"<pre>{html.escape(traceback)}</pre>" if traceback else ""
    drawn = ""
    if drawing is not None:
        drawn = f'<iframe srcdoc="{html.escape(drawing.html, quote=True)}" title="{html.escape(drawing.picture.title, quote=True)}"></iframe>'
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{html.escape(title)}</title><style>{STYLE}</style></head><body><h1>{html.escape(title)}</h1>{said}{''.join(cards)}{drawn}</body></html>\n"
    )
