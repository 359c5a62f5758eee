"""How things look: what a box says and how large it is, the colour and width of a gradient, and the colours of light and dark pages.

The sign of a gradient is its colour (blue negative, orange positive, purple mixed), its magnitude the width of the line, by powers of ten.
"""

from __future__ import annotations

import dataclasses
import importlib.resources
import math
import re
from collections.abc import Sequence

from ...descent.palette import BLUE, GREEN, INK, ORANGE, PAGE, SKY, VERMILION
from .groups import View, carrying, ends
from .layout import Layout
from .picture import Cell, Flow, Link, Picture

SHADES = 9  # of the sign, from s0 (negative) to s8 (positive)
FONTS = {
    "sans": "system-ui, 'Segoe UI', Roboto, 'Helvetica Neue', 'DejaVu Sans', sans-serif",
    "mono": "ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace",
}
LIGHT = {
    "page": "#ffffff", "lane": "#f3f5f8", "frame": "#e9edf2", "group": "#e1e8f0", "card": "#ffffff", "ink": "#1b1f24", "soft": "#56606b", "line": "#c9d1d9",
    "wire": "#6d7883", "leaf": GREEN, "alarm": "#b00020", "none": "#a3abb4", "accent": "#0b63a5",
}  # fmt: skip
DARK = {
    "page": PAGE, "lane": "#1a1f25", "frame": "#20272f", "group": "#27323d", "card": "#2a323b", "ink": INK, "soft": "#a9b2bc", "line": "#4a535e",
    "wire": "#8e98a3", "leaf": "#2cc295", "alarm": "#ff6b7d", "none": "#6f7883", "accent": "#6bb7f0",
}  # fmt: skip
THEMES = {"light": (LIGHT, BLUE, "#8a7fa0", VERMILION), "dark": (DARK, SKY, "#a79fba", ORANGE)}
PADDING, TITLE, ROW = 8.0, 20.0, 15.0  # of a box: its border, its first line, each other line
NARROW, USUAL, WIDE = 84.0, 124.0, 190.0
SLOT, CLOSE = 32.0, 9.0  # between the ends of links at a box, with and without labels
CURVE, SUM = 30.0, 28.0  # room in which links bend; room for the circle where gradients are added
BOLD = 14.4  # a title of 12.5 pixels is about as wide as this size of plain text
SUM_AT, RADIUS = 20.0, 8.0  # the circle: how far behind its box, and how large
STUB = 28.0  # height of the place to which a cut line goes
MANY = 16  # inputs of an operation that still have labels
LONGEST = 14  # characters of a label

_VARIABLE = re.compile(r"var\(--([a-z0-9]+)\)")
Row = tuple[str, ...]  # ("title", text, aside), ("row", name, value), ("formula", text), ("flow", look, text), ("warning", text)


def colours(theme: str) -> dict[str, str]:
    """Every colour of a theme by its name: s0 to s8 for the sign, zero, none, pending and nonfinite for the states."""
    base, negative, mixed, positive = THEMES[theme]
    named = dict(base)
    half = SHADES // 2
    for k in range(SHADES):
        named[f"s{k}"] = _between(mixed, negative if k < half else positive, abs(k - half) / half)
    return {**named, "zero": base["none"], "pending": base["soft"], "nonfinite": base["alarm"]}


def _between(a: str, b: str, part: float) -> str:
    """The colour at a part of the way from one to another.

    >>> _between("#000000", "#ff8800", 0.5)
    '#804400'
    """
    channels = [(int(a[i : i + 2], 16), int(b[i : i + 2], 16)) for i in (1, 3, 5)]
    return "#" + "".join(f"{round(x + (y - x) * part):02x}" for x, y in channels)


def file(name: str) -> str:
    """The text of a file beside this one."""
    return importlib.resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


def rules() -> list[str]:
    """The rules of style of every drawing, colours as variables."""
    states = [*(f"s{k}" for k in range(SHADES)), "zero", "none", "pending", "nonfinite"]
    coloured = [f".flow.{s} {{ stroke: var(--{s}); }}" for s in states] + [f".dot.{s} {{ fill: var(--{s}); }}" for s in states]
    return file("drawing.css").splitlines() + coloured


def sheet(theme: str, root: str) -> str:
    """The style of a drawing that stands alone: colours written out, because not every viewer of SVG knows variables."""

    def filled(name: str) -> list[str]:
        values = {**colours(name), **FONTS}
        return [f"{root} {_VARIABLE.sub(lambda m: values[m[1]], rule)}" for rule in rules()]

    if theme != "auto":
        return "\n".join(filled(theme))
    light, dark = filled("light"), filled("dark")
    return "\n".join([*light, "@media (prefers-color-scheme: dark) {", *(d for d, l in zip(dark, light) if d != l), "}"])


def look(flow: Flow) -> tuple[str, float]:
    """The class and the width of a gradient's line.

    >>> look(Flow("flows", "-0.01", -1.0, 0.01)), look(Flow())
    (('s0', 2.0), ('pending', 1.2))
    """
    if flow.state == "flows":
        size = math.log10(flow.norm) if flow.norm and math.isfinite(flow.norm) else 0.0
        return f"s{round((min(1.0, max(-1.0, flow.sign)) + 1) * (SHADES // 2))}", round(min(8.0, max(0.8, 3.0 + 0.5 * size)), 2)
    return flow.state, {"nonfinite": 3.0, "zero": 1.6, "none": 1.4}.get(flow.state, 1.2)


def told(flow: Flow) -> str:
    """A gradient in words."""
    return {"pending": "not run yet", "none": "None"}.get(flow.state, "") or flow.text or flow.state


def broken(flow: Flow) -> str:
    """The mark of a gradient that is not finite."""
    if flow.state != "nonfinite":
        return ""
    return "NaN" if "nan" in flow.text.lower() or (flow.norm is not None and math.isnan(flow.norm)) else "∞"


_NARROW, _BROAD = set("fijlrtI.,:;'|()[]!-·/ \""), set("mwMW@%∞—…")


def measure(text: str, size: float = 11.0, mono: bool = False) -> float:
    """About how wide a text is, on the safe side: fonts differ from machine to machine."""
    if mono:
        return sum(1.0 if ord(c) < 0x1100 else 1.7 for c in text) * size * 0.61
    return size * sum(0.36 if c in _NARROW else 0.95 if c in _BROAD or ord(c) >= 0x1100 else 0.7 if c.isupper() else 0.61 for c in text)


def cut(text: str, width: float, size: float = 11.0, mono: bool = False) -> str:
    """As much of a text as fits."""
    if measure(text, size, mono) <= width:
        return text
    while text and measure(text + "…", size, mono) > width:
        text = text[: min(len(text) - 1, int(width / size * 3))]
    return text.rstrip() + "…"


def end_of(name: str, width: float, size: float) -> str:
    """As much of a name as fits, of a dotted one its last parts."""
    while "." in name.removeprefix("….") and measure(name, size) > width:
        name = "…." + name.removeprefix("….").partition(".")[2]
    return cut(name.replace("….", "…"), width, size)


def wrapped(text: str, width: float, lines: int) -> list[str]:
    """A sentence in at most so many lines."""
    out: list[str] = []
    for word in text.split():
        if out and measure(f"{out[-1]} {word}") <= width:
            out[-1] += " " + word
        else:
            out.append(word)
    if len(out) > lines:
        out[lines - 1 :] = [" ".join(out[lines - 1 :])]
    return [cut(line, width) for line in out]


@dataclasses.dataclass
class Face:
    """What a box says in the lane of values and in the lane of gradients (empty: it has no box there), and how large it is."""

    kind: str
    upper: list[Row]
    lower: list[Row]
    width: float
    heights: tuple[float, float]
    alarm: bool = False


def _height(rows: Sequence[Row], slots: int, labelled: bool) -> float:
    if not rows:
        return 0.0
    text = PADDING + TITLE + ROW * (len(rows) - 1) + PADDING - 4
    return max(text, (slots if slots <= MANY else 0) * (SLOT if labelled else 2 * CLOSE) + PADDING)


def _fitted(kind: str, upper: list[Row], lower: list[Row], slots: int, alarm: str = "") -> Face:
    """A face whose texts are cut to its width, and whose long rows stand on two lines."""
    upper, lower = ([tuple(" ".join(text.split()) for text in row) for row in rows] for rows in (upper, lower))  # a value may be printed over lines
    inner = NARROW
    for row in (*upper, *lower):
        if row[0] == "title":
            inner = max(inner, min(WIDE, measure(row[1], BOLD) + (10 + measure(row[2]) if row[2] else 0)))
        else:
            wanted = sum(measure(t, 10.5 if row[0] == "formula" else 11.0, row[0] == "formula") for t in row[1 if row[0] != "flow" else 2 :])
            inner = max(inner, min(USUAL if row[0] == "row" else WIDE, wanted + (10 if row[0] == "row" else 16 if row[0] == "flow" else 0)))

    def fit(row: Row) -> list[Row]:
        if row[0] == "row":
            if measure(row[1]) + 10 + measure(row[2]) <= inner:
                return [row]
            return [("row", cut(row[1], inner), ""), ("row", "", cut(row[2], inner))]
        if row[0] == "title":
            name = end_of(row[1], inner, BOLD)
            left = inner - 10 - measure(name, BOLD)
            return [("title", name, cut(row[2], left) if left > 24 else "")]
        if row[0] == "flow":
            return [("flow", row[1], cut(row[2], inner - 16))]
        return [(row[0], cut(row[1], inner, 10.5, True))]

    upper, lower = [line for r in upper for line in fit(r)], [line for r in lower for line in fit(r)]
    if alarm:
        lines: list[Row] = [("warning", line) for line in wrapped(alarm, inner * 0.93, 6)]
        (lower if lower else upper).extend(lines)
    return Face(kind, upper, lower, round(inner + 2 * PADDING, 1), (_height(upper, slots, False), _height(lower, slots, True)), bool(alarm))


ASIDES = {"leaf": "leaf", "constant": "constant", "ghost": "cut off"}


def face(cell: Cell, slots: int = 0) -> Face:
    """What a cell's boxes say; `slots` links end at it."""
    aside = (cell.op if cell.name else "") if cell.kind == "result" else ASIDES.get(cell.kind, cell.kind)
    name = cell.name.removeprefix(cell.group + ".") if cell.group else cell.name  # the frame around it says the rest
    upper: list[Row] = [("title", name or cell.op or cell.key, aside)]
    upper += [("row", name, value) for name, value in cell.rows[:7]]
    lower: list[Row] = []
    if cell.node and cell.kind != "constant":
        lower.append(("title", cell.node, ""))
        if cell.formula:
            lower.append(("formula", cell.formula.removeprefix("result ")))
        lower += [("row", "saved " + name.removeprefix("_saved_"), value) for name, value in cell.saved[:4]]
        lower.append(("flow", look(cell.gradient)[0], told(cell.gradient)))
    elif cell.kind == "ghost":
        lower = [("title", cell.name or cell.op, ""), ("flow", "none", "no gradient comes here")]
    return _fitted(cell.kind, upper, lower, slots, cell.alarm)


def group_face(label: str, count: int, gradient: Flow, alarms: int) -> Face:
    """What a closed group says."""
    some = f"{count} operations" if count != 1 else "1 operation"
    lower: list[Row] = [("title", label, ""), ("flow", look(gradient)[0], told(gradient))]
    warning = f"{alarms} alarm{'s' if alarms > 1 else ''} inside" if alarms else ""
    return _fitted("group", [("title", label, ""), ("row", some, "")], lower, 0, warning)


def labels(link: Link) -> tuple[str, str]:
    """What stands over and under a link's line in the lane of gradients: the local derivative as a formula, and its number."""
    if link.cut:
        return cut(link.cut, LONGEST * 6.4, 10.5, True), ""
    over = cut(link.local, LONGEST * 6.4, 10.5, True)
    number = link.number if link.number != link.local else ""
    return over, cut(f"= {number}", LONGEST * 6.4, 10.5, True) if number else ""


@dataclasses.dataclass
class Looks:
    """The faces of cells, the labels of links, and the room that they need before each column of each group."""

    faces: list[Face]
    labels: list[tuple[str, str]]
    gaps: list[list[float]]
    leads: list[list[float]]  # the part of a gap in which links are straight, so that labels have room
    carries: list[bool]
    sums: list[bool]  # where gradients of several uses are added
    slots: list[int]  # links that end at each cell


def looks(picture: Picture, found: Layout) -> Looks:
    """Everything about the look of a picture that does not depend on what is open."""
    pairs, carries = ends(picture), carrying(picture)
    slots, uses = [0] * len(picture.cells), [0] * len(picture.cells)
    for (source, target), goes in zip(pairs, carries):
        slots[target] += 1
        uses[source] += goes
    faces = [face(cell, n) for cell, n in zip(picture.cells, slots)]
    for link, (_, target) in zip(picture.links, pairs):
        if link.cut and not faces[target].lower:
            faces[target].heights = faces[target].heights[0], STUB
    texts = [labels(link) if slots[target] <= MANY else ("", "") for link, (_, target) in zip(picture.links, pairs)]
    sums = [n > 1 for n in uses]
    gaps, leads = [], []
    for frame in found.frames:
        lead, bend = [0.0] * frame.columns, [CURVE if c else 0.0 for c in range(frame.columns)]
        for edge in frame.edges:
            if edge.target is not None and edge.target < 0:
                c = frame.at[edge.target][0]
                lead[c] = max(lead[c], measure(f"{len(edge.links)} links", 10.5) + 16 if len(edge.links) > 1 else 14.0)
            elif edge.target is not None:
                c = frame.at[edge.target][0]
                widest = max(measure(t, 10.5, True) for n in edge.links for t in texts[n])
                names = max(measure(picture.links[n].name, 10.5) for n in edge.links) if slots[edge.target] > 1 else 0.0
                lead[c] = max(lead[c], 14.0, widest + 16, names + 16, 36.0 if any(picture.links[n].cut for n in edge.links) else 0.0)
            if edge.source is not None and edge.source >= 0 and sums[edge.source] and frame.at[edge.source][0] + 1 < frame.columns:
                bend[frame.at[edge.source][0] + 1] = CURVE + SUM
        leads.append([round(x, 1) for x in lead])
        gaps.append([round(x + y, 1) if c else 0.0 for c, (x, y) in enumerate(zip(lead, bend))])
    return Looks(faces, texts, gaps, leads, carries, sums, slots)


def sizes(look_of: Looks, view: View, picture: Picture) -> dict[int, Face]:
    """The faces of the boxes of a picture with groups closed."""
    return {box.unit: look_of.faces[box.unit] if box.unit >= 0 else group_face(box.label, len(box.cells), box.gradient, box.alarms) for box in view.boxes}
