"""A graph as text: the tree of `next_functions`, and a compact listing with a line for each tensor."""

from __future__ import annotations

from typing import Any

from .picture import Picture

LIMIT = 2_000  # lines of a tree: what is shared is repeated, so that there can be very many


def tree(tensor: Any) -> str:
    """Every node from `grad_fn` on, indented by its distance from it: what a recursive print of `next_functions` shows.

    >>> import glassgrad as gg
    >>> print(tree((gg.tensor(2.0, requires_grad=True) * 3).sin()).split(" object")[0])
     <SinBackward0
    """
    rows: list[str] = []
    stack = [(tensor.grad_fn, 0)]
    while stack:
        node, level = stack.pop()
        if node is None:
            continue
        if len(rows) == LIMIT:
            rows.append(f"… the tree goes on: it repeats what is shared; the compact form does not ({LIMIT} lines shown)")
            break
        rows.append(" " * level + f" {node}")
        stack += [(below, level + 4) for below, _ in reversed(node.next_functions)]
    return "\n".join(rows)


def compact(picture: Picture) -> str:
    """One line for each tensor, in the order in which they were computed: what made it, its value, its gradient, its line."""
    names: dict[str, str] = {}
    taken: set[str] = set()
    for i, cell in enumerate(picture.cells):
        name = cell.name if cell.name and cell.name not in taken else f"%{i}"
        taken.add(name)
        names[cell.key] = name
    inputs: dict[str, list[str]] = {}
    for link in picture.links:
        inputs.setdefault(link.target, []).append(("✂ " + link.cut + " " if link.cut else "") + names[link.source])
    rows = []
    for cell in picture.cells:
        shown = dict(cell.rows)
        what = {"leaf": "leaf", "constant": "constant"}.get(cell.kind) or f"{cell.op}({', '.join(inputs.get(cell.key, []))})"
        if cell.kind == "constant" and cell.key in inputs:
            what = f"{cell.op}({', '.join(inputs[cell.key])})"
        grad = {"pending": "∂ ?", "none": "∂ None"}.get(cell.gradient.state, f"∂ {cell.gradient.text}") if cell.kind in ("leaf", "result") else "no gradient"
        rows.append((names[cell.key], what, shown.get("value", shown.get("shape", "")), grad, cell.line.partition(": ")[0], cell.alarm))
    widths = [min(46, max((len(r[k]) for r in rows), default=0)) for k in range(4)]
    said = [picture.title]
    for row in rows:
        said.append("  ".join(f"{text:<{w}}" for text, w in zip(row, widths)).rstrip() + (f"  {row[4]}" if row[4] else ""))
        if row[5]:
            said.append(f"    ! {row[5]}")
    return "\n".join([*said, *(f"({n})" for n in picture.notes)])
