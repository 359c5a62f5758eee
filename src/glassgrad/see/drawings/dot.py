"""A picture in Graphviz' language, for those who have its tools: groups are clusters, the colour and width of a link are its gradient's."""

from __future__ import annotations

from . import marks
from .groups import carrying, flows
from .picture import Cell, Picture

SHAPES = {"leaf": ("box", "filled,rounded", "#e3f4ee"), "constant": ("box", "filled", "#eceff2"), "ghost": ("box", "dashed,rounded", "#ffffff")}


def quoted(text: str) -> str:
    """A text as a string of DOT, in which backslashes and quotes stand for themselves and lines begin at the left.

    >>> print(quoted("one\\ntwo"))
    "one\\ltwo\\l"
    """
    lines = "".join(c if c.isprintable() or c == "\n" else "\ufffd" for c in text).split("\n")
    return '"' + "\\l".join(line.replace("\\", "\\\\").replace('"', '\\"') for line in lines) + ("\\l" if len(lines) > 1 else "") + '"'


def to_dot(picture: Picture) -> str:
    """The picture as a DOT digraph, values from left to right, with each gradient on its link."""
    out = [
        f"digraph {quoted(picture.title)} {{", f"  label={quoted(picture.title)}; labelloc=t; rankdir=LR;",
        '  node [fontname="Helvetica", fontsize=11, color="#56606b"]; edge [fontname="Helvetica", fontsize=9];',
    ]  # fmt: skip
    names = {cell.key: f"n{i}" for i, cell in enumerate(picture.cells)}
    inside: list[str] = []  # the clusters that are open
    clusters = 0
    for path, cell in sorted(((cell.group.split(".") if cell.group else [], cell) for cell in picture.cells), key=lambda pair: pair[0]):
        shared = next((k for k, (a, b) in enumerate(zip(inside, path)) if a != b), min(len(inside), len(path)))
        while len(inside) > shared:
            inside.pop()
            out.append("  " * (len(inside) + 1) + "}")
        for part in path[shared:]:
            out.append("  " * (len(inside) + 1) + f'subgraph cluster_{clusters} {{ label={quoted(part)}; style=rounded; color="#c9d1d9"; fontname="Helvetica";')
            inside.append(part)
            clusters += 1
        out.append("  " * (len(inside) + 1) + _node(names[cell.key], cell))
    while inside:
        inside.pop()
        out.append("  " * (len(inside) + 1) + "}")
    colours = marks.colours("light")
    for link, flow, goes in zip(picture.links, flows(picture), carrying(picture)):
        look, width = marks.look(flow)
        style = {"zero": "dashed", "pending": "dotted"}.get(look, "solid")
        local = f"{link.local} = {link.number}" if link.local and link.number and link.local != link.number else link.local or link.number
        label = f"✂ {link.cut}" if link.cut else "\n".join(x for x in (local, marks.told(link.gradient)) if x) if goes else ""
        out.append(f'  {names[link.source]} -> {names[link.target]} [label={quoted(label)}, color="{colours[look]}", penwidth={width}, style={style}];')
    return "\n".join([*out, "}"]) + "\n"


def _node(name: str, cell: Cell) -> str:
    title = " ".join(x for x in (cell.name, f"({cell.op})" if cell.name and cell.op else cell.op) if x) or cell.key
    lines = [title, *(f"{name} {value}" for name, value in cell.rows), *([f"{cell.node}: {marks.told(cell.gradient)}"] if cell.node else [])]
    if cell.alarm:
        lines.append(f"! {cell.alarm}")
    shape, style, fill = SHAPES.get(cell.kind, ("box", "filled,rounded", "#ffffff"))
    border = f', color="{marks.colours("light")["alarm"]}", penwidth=2' if cell.alarm else ""
    return f'{name} [shape={shape}, style="{style}", fillcolor="{fill}", label={quoted(chr(10).join(lines))}{border}];'
