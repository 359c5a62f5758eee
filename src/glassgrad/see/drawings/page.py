"""A picture as one HTML file to click through: play it step by step, open and close groups, read the arithmetic behind every number."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterable
from typing import Any

from . import layout as grid
from . import marks, svg
from .groups import Tree, default_closed, ends, flows, summed, tree
from .picture import Picture


def to_html(picture: Picture, closed: Iterable[str] | None = None) -> str:
    """The picture as a page that needs nothing else and opens offline; `closed` names the groups that are closed at first."""
    parts = {
        "title": svg.text(picture.title), "style": _style(), "script": marks.file("drawing.js") + marks.file("page.js"),
        "picture": _safe(json.dumps(scene(picture, closed), ensure_ascii=False, separators=(",", ":"), allow_nan=False)),
    }  # fmt: skip
    return re.sub(r"\{\{(\w+)\}\}", lambda m: parts[m[1]], marks.file("page.html"))  # one pass: what is put in is not read again


def _safe(text: str) -> str:
    """JSON that can stand in a script element whatever is in it.

    >>> _safe('"</script>"')
    '"\\\\u003c/script\\\\u003e"'
    """
    return re.sub("[<>&\u2028\u2029\ud800-\udfff]", lambda m: f"\\u{ord(m[0]):04x}", text)


def _style() -> str:
    """The page's style: its own, the drawing's, and the colours of both themes."""

    def variables(theme: str) -> str:
        return " ".join(f"--{name}: {value};" for name, value in {**marks.colours(theme), **marks.FONTS}.items())

    themes = (
        f":root {{ color-scheme: light; {variables('light')} }}\n"
        f"@media (prefers-color-scheme: dark) {{ :root:not([data-theme=light]) {{ color-scheme: dark; {variables('dark')} }} }}\n"
        f":root[data-theme=dark] {{ color-scheme: dark; {variables('dark')} }}\n"
    )
    return themes + "\n".join(f".drawing {rule}" for rule in marks.rules()) + "\n" + marks.file("page.css")


def scene(picture: Picture, closed: Iterable[str] | None = None) -> dict[str, Any]:
    """All that the page has to know: the picture, the look of each part, and the grid of each group."""
    groups = tree(picture)
    found = grid.layout(picture, groups)
    looks = marks.looks(picture, found)
    at_first = default_closed(picture, groups=groups) if closed is None else set(closed)
    pairs = ends(picture)
    place = {cell.key: i for i, cell in enumerate(picture.cells)}
    inside: list[list[int]] = [[] for _ in groups.groups]  # the cells in each group, at any depth
    for i in groups.order:
        g = groups.home[i]
        while g >= 0:
            inside[g].append(i)
            g = groups.groups[g].parent
    links = [
        {**_kept(link), "source": source, "target": target, "gradient": marks.told(flow), "look": _look(flow)}
        for link, (source, target), flow in zip(picture.links, pairs, flows(picture))
    ]
    return {
        "title": picture.title, "notes": picture.notes, "cells": [_kept(cell) for cell in picture.cells], "links": links,
        "steps": [[int(step.phase == "backward"), place[step.cell], step.links, step.text] for step in picture.steps],
        "flows": [_look(cell.gradient) for cell in picture.cells], "faces": [_face(face) for face in looks.faces], "labels": looks.labels,
        "sums": [int(s) for s in looks.sums], "slots": looks.slots, "carries": [int(c) for c in looks.carries], "home": groups.home,
        "routes": [[x for part in route for x in part] for route in found.routes],
        "groups": [_group(picture, groups, found, looks, g, inside[g]) for g in range(len(groups.groups))], "merged": _merged(picture, groups, looks),
        "closed": [g for g, group in enumerate(groups.groups) if g and (group.key in at_first or (group.path and group.path in at_first))],
        "legend": [[name, *marks.look(flow)] for name, flow in svg.LEGEND],
        "size": {
            "gap": grid.GAP, "pad": grid.PAD, "frame": grid.TITLE, "line": grid.LINE, "slot": marks.SLOT, "close": marks.CLOSE, "padding": marks.PADDING,
            "title": marks.TITLE, "row": marks.ROW, "sum": marks.SUM_AT, "radius": marks.RADIUS, "many": marks.MANY,
        },
    }  # fmt: skip


def _kept(part: Any) -> dict[str, Any]:
    """The fields of a cell or link that say something; the gradient in words."""
    fields = {f.name: getattr(part, f.name) for f in dataclasses.fields(part)}
    fields["gradient"] = marks.told(part.gradient)
    return {name: value for name, value in fields.items() if value not in ("", [], None)}


def _look(flow: Any) -> list[Any]:
    """Class and width of a gradient's line, and its mark if it is not finite."""
    return [*marks.look(flow), *([marks.broken(flow)] if flow.state == "nonfinite" else [])]


def _face(face: marks.Face) -> list[Any]:
    return [face.kind, face.upper, face.lower, face.width, *face.heights]


def _group(picture: Picture, groups: Tree, found: grid.Layout, looks: marks.Looks, g: int, cells: list[int]) -> dict[str, Any]:
    group, frame = groups.groups[g], found.frames[g]
    gradients = [picture.cells[i].gradient for i in cells if picture.cells[i].kind != "constant"]
    face = marks.group_face(group.label, len(cells), summed(gradients), sum(bool(picture.cells[i].alarm) for i in cells))
    return {
        "path": group.path, "label": group.label, "parent": group.parent, "count": len(cells), "columns": frame.columns, "rows": frame.rows,
        "at": [[unit, *spot] for unit, spot in frame.at.items()], "edges": [[int(e.source is None), int(e.target is None), e.points] for e in frame.edges],
        "gaps": looks.gaps[g], "leads": looks.leads[g], "face": _face(face),
    }  # fmt: skip


def _merged(picture: Picture, groups: Tree, looks: marks.Looks) -> dict[str, list[Any]]:
    """What a line shows that stands for several links, for every two boxes of which one is a closed group."""
    held: dict[tuple[int, int], list[int]] = {}
    for n, (a, b) in enumerate(ends(picture)):
        sources, targets = [a], [b]
        for chain in (sources, targets):
            while (g := groups.parent(chain[-1])) > 0:
                chain.append(-g)
        common = set(sources) & set(targets)
        for source in sources:
            for target in targets:
                if (source < 0 or target < 0) and source not in common and target not in common:
                    held.setdefault((source, target), []).append(n)
    merged, back = {}, flows(picture)
    for (source, target), links in held.items():
        total = summed([back[n] for n in links if looks.carries[n] or picture.links[n].cut])
        cuts = dict.fromkeys(picture.links[n].cut for n in links if picture.links[n].cut)
        merged[f"{source} {target}"] = [_look(total), marks.told(total), ", ".join(cuts)]
    return merged
