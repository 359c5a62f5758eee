"""A picture as one SVG that stands alone: the lane of values above, the lane of gradients below it, and what the marks mean."""

from __future__ import annotations

import html
from collections.abc import Iterable

from . import marks
from .groups import View, Wire, collapsed, default_closed, tree
from .layout import Layout, Placed, layout, place
from .marks import CLOSE, RADIUS, SLOT, SUM_AT, Face, Looks, measure
from .picture import Flow, Picture

MARGIN, HEAD, LANE, LEAST = 20.0, 34.0, 30.0, 560.0  # around everything; the title; a lane's name; the least width
LEGEND = (
    ("negative", Flow("flows", "", -1.0, 1.0)), ("mixed signs", Flow("flows", "", 0.0, 1.0)), ("positive", Flow("flows", "", 1.0, 1.0)),
    ("norm 10⁻⁴", Flow("flows", "", 1.0, 1e-4)), ("norm 10⁴", Flow("flows", "", 1.0, 1e4)), ("zero", Flow("zero")), ("no gradient", Flow("none")),
    ("∞ or NaN", Flow("nonfinite")), ("not run yet", Flow("pending")),
)  # fmt: skip


def text(value: str) -> str:
    """A text as XML may hold it.

    >>> text("a<b & \\x00")
    'a&lt;b &amp; \ufffd'
    """
    return html.escape("".join(c if c.isprintable() else " " if c.isspace() else "\ufffd" for c in value))


def said(name: str, x: float, y: float, value: str) -> str:
    """A line of text."""
    return f'<text class="{name}" x="{x:.1f}" y="{y:.1f}">{text(value)}</text>' if value else ""


def to_svg(picture: Picture, closed: Iterable[str] | None = None, theme: str = "auto") -> str:
    """The picture as an SVG.

    `closed` names the groups that are drawn as one box each (by default those that make a large graph readable), `theme` is "light",
    "dark", or "auto": as the page or system around it is.
    """
    if theme not in ("auto", "light", "dark"):
        raise ValueError(f'theme is "auto", "light" or "dark", not {theme!r}')
    groups = tree(picture)
    closed = default_closed(picture, groups=groups) if closed is None else set(closed)
    found = layout(picture, groups)
    looks = marks.looks(picture, found)
    view = collapsed(picture, closed, groups)
    faces = marks.sizes(looks, view, picture)
    placed = place(found, closed, lambda u: (faces[u].width, faces[u].heights), lambda g, c: looks.gaps[g][c])
    return _Drawing(picture, found, looks, view, faces, placed).svg(theme)


class _Drawing:
    def __init__(self, picture: Picture, found: Layout, looks: Looks, view: View, faces: dict[int, Face], placed: Placed) -> None:
        self.picture, self.found, self.looks, self.view, self.faces, self.placed = picture, found, looks, view, faces, placed
        self.open = set(placed.open)
        self.spread: dict[tuple[int, int, int], list[int]] = {}
        self.ways = [self.way(n, wire) for n, wire in enumerate(view.wires)]

    def svg(self, theme: str) -> str:
        whole = self.placed.whole
        width = max(LEAST, whole.width + 2.6 * MARGIN)
        tops = HEAD + MARGIN + LANE, HEAD + MARGIN + 2 * LANE + whole.height[0] + 2 * MARGIN
        bottom = tops[1] + whole.height[1] + MARGIN
        x0 = (width - whole.width) / 2
        legend, height = self.legend(width, bottom + 30)
        names = ("VALUES  forward →", "← GRADIENTS  backward")
        title = marks.cut(self.picture.title, width - 2 * MARGIN, 15.5)
        out = [f'<rect class="page" width="{width:.0f}" height="{height:.0f}"/>', said("heading", MARGIN, HEAD - 4, title)]
        for lane, (top, name) in enumerate(zip(tops, names)):
            tall = whole.height[lane] + LANE + MARGIN
            out.append(f'<rect class="lane" x="{MARGIN / 2}" y="{top - LANE:.1f}" width="{width - MARGIN:.1f}" height="{tall:.1f}" rx="10"/>')
            out.append(said("lane-name", MARGIN, top - LANE + 17, name))
            out.append(f'<g transform="translate({x0:.1f} {top:.1f})">')
            out += [self.frame(g, lane) for g in self.placed.open[1:]]
            entries = self.ports(lane)
            out += [self.wire(n, wire, lane, entries[n]) for n, wire in enumerate(self.view.wires) if n in entries]
            out += [self.box(unit, face, lane) for unit, face in self.faces.items()]
            out.append("</g>")
        described = f"{len(self.picture.cells)} tensors and {len(self.picture.links)} links: values go forward above, gradients come back below."
        style = marks.sheet(theme, f".gg-{theme}")
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" class="gg-{theme}" role="img" viewBox="0 0 {width:.0f} {height:.0f}" '
            f'width="{width:.0f}" height="{height:.0f}" style="max-width: 100%; height: auto"><title>{text(self.picture.title)}</title>'
            f"<desc>{text(described)}</desc><style>{style}</style>\n" + "\n".join(x for x in [*out, *legend] if x) + "\n</svg>\n"
        )

    # Where a wire goes

    def way(self, number: int, wire: Wire) -> list[tuple[int, int, int]]:
        """The edge points that a wire passes, as (group, edge, point)."""
        passed = []
        for g, e in self.found.routes[wire.links[0]]:
            if g in self.open:
                for p, place_ in enumerate(self.found.frames[g].edges[e].points):
                    passed.append((g, e, p))
                    self.spread.setdefault((g, *place_), []).append(number)
        return passed

    def middle(self, number: int, lane: int) -> list[tuple[float, float, float]]:
        """The straight parts of a wire over the columns that it passes: left, right, y."""
        out = []
        for g, e, p in self.ways[number]:
            left, right, y = self.placed.points[g, e][lane][p]
            beside = self.spread[g, *self.found.frames[g].edges[e].points[p]]
            out.append((left, right, y + 3.0 * min(4.0, max(-4.0, beside.index(number) - (len(beside) - 1) / 2))))
        return out

    def drawn(self, wire: Wire, lane: int) -> bool:
        return lane == 0 or bool(wire.cut) or any(self.looks.carries[n] for n in wire.links)

    def ports(self, lane: int) -> dict[int, float]:
        """For each wire the height at which it enters its target: ordered so that they do not cross."""
        entering: dict[int, list[tuple[float, int]]] = {}
        for n, wire in enumerate(self.view.wires):
            if self.drawn(wire, lane):
                before, spot = self.middle(n, lane), self.placed.spots[wire.source]
                entering.setdefault(wire.target, []).append((before[-1][2] if before else spot.y[lane] + spot.height[lane] / 2, n))
        out = {}
        for target, wires in entering.items():
            spot = self.placed.spots[target]
            room = SLOT if lane and target >= 0 else 2 * CLOSE
            step = min(room, max(0.0, spot.height[lane] - 12) / len(wires))
            for i, (_, n) in enumerate(sorted(wires)):
                out[n] = spot.y[lane] + spot.height[lane] / 2 + (i - (len(wires) - 1) / 2) * step
        return out

    # What is drawn

    def wire(self, number: int, wire: Wire, lane: int, entry: float) -> str:
        """A link: in the lane of values an arrow to its target; in the lane of gradients one to its source, with the local derivative."""
        source, target = self.placed.spots[wire.source], self.placed.spots[wire.target]
        g = self.found.groups.parent(wire.target)
        lead = self.looks.leads[g][self.found.frames[g].at[wire.target][0]]
        summed = lane == 1 and wire.source >= 0 and self.looks.sums[wire.source]
        look, width = marks.look(wire.gradient) if lane else ("wire", 1.3)
        size = 5.0 + width
        x1, y1 = source.x + source.width + (SUM_AT + RADIUS if summed else 0.0), source.y[lane] + source.height[lane] / 2
        x2, y2 = target.x, entry
        straight = [(source.right, source.right, y1), *self.middle(number, lane), (target.left - lead, x2 - (0 if lane else size - 1), y2)]
        start = x1 + (size - 1 if lane and not wire.cut else 0)
        x, y = start, y1
        if lane and wire.cut and not self.faces[wire.target].lower:  # nothing comes from there: the line ends at the scissors
            straight[-1] = (target.left - lead, target.left - lead, y2)
        elif lane and wire.cut and not self.faces[wire.source].lower:
            x, y, straight = x2 - lead, y2, [(x2 - lead, x2, y2)]
        d = f"M{x:.1f} {y:.1f}"
        for left, right, height in straight:
            if left > x + 0.5:
                half = (left - x) / 2
                d += f"C{x + half:.1f} {y:.1f} {left - half:.1f} {height:.1f} {left:.1f} {height:.1f}"
            if right > max(left, x) + 0.05:
                d += f"H{right:.1f}"
            x, y = max(right, x), height
        link = self.picture.links[wire.links[0]]
        single = len(wire.links) == 1
        out = [f'<g data-links="{" ".join(map(str, wire.links))}"><title>{text(self.about(wire, lane))}</title>']
        if lane:
            out.append(f'<path class="flow {look}" stroke-width="{width}" d="{d}"/>')
            if not wire.cut:
                out.append(tip(x1, y1, -size, look))
            if mark := marks.broken(wire.gradient):
                out.append(said("mark", x1 + 20, y1 - 7, mark))
            if single and wire.target >= 0:
                over, under = self.looks.labels[wire.links[0]]
                out += [said("label", x2 - 7, y2 - 5, over), said("label", x2 - 7, y2 + 13, under)]
        else:
            out += [f'<path class="wire" d="{d}"/>', tip(x2, y2, size, "wire")]
            if single and wire.target >= 0 and 1 < self.looks.slots[wire.target] <= marks.MANY:
                out.append(said("label faint", x2 - 9, y2 - 4, link.name))
        if not single:
            out.append(said("label faint", x2 - 9, y2 - 5, f"{len(wire.links)} links"))
        if wire.cut:
            out.append(said("scissors", x2 - lead - 2, y2 + 6, "✂"))
            if not lane or not single:
                out.append(said("label", x2 - 9, y2 + 14, marks.labels(link)[0]))
        return "".join([*out, "</g>"])

    def about(self, wire: Wire, lane: int) -> str:
        """A link in words."""
        names = [self.faces[u].upper[0][1] for u in (wire.source, wire.target)]
        if wire.cut:
            return f"{names[0]} → {names[1]}: cut by {wire.cut}, no gradient passes"
        if not lane:
            return f"{names[0]} → {names[1]}"
        link = self.picture.links[wire.links[0]]
        local = f"; local derivative {link.local} = {link.number}; {link.arithmetic}" if len(wire.links) == 1 and link.local else ""
        return f"{names[1]} → {names[0]}: {marks.told(wire.gradient)}{local}"

    def frame(self, g: int, lane: int) -> str:
        """An open group."""
        spot, group = self.placed.spots[-g], self.found.groups.groups[g]
        name = marks.cut(group.label, spot.width - 20, 12.5)
        return (
            f'<g><title>{text(group.path or group.label)}</title><rect class="frame" x="{spot.x:.1f}" y="{spot.y[lane]:.1f}" width="{spot.width:.1f}" '
            f'height="{spot.height[lane]:.1f}" rx="9"/>{said("frame-name", spot.x + 10, spot.y[lane] + 17, name)}</g>'
        )

    def box(self, unit: int, face: Face, lane: int) -> str:
        """A cell or a closed group: its card and its lines, and the circle where gradients of several uses are added."""
        rows = face.lower if lane else face.upper
        if not rows:
            return ""
        spot = self.placed.spots[unit]
        w, h, p = spot.width, spot.height[lane], marks.PADDING
        alarmed = face.alarm and any(row[0] == "warning" for row in rows)
        key = self.picture.cells[unit].key if unit >= 0 else self.found.groups.groups[-unit].key
        out = [f'<g class="box {face.kind}{" alarmed" if alarmed else ""}" transform="translate({spot.x:.1f} {spot.y[lane]:.1f})" data-key="{text(key)}">']
        out.append(f"<title>{text(self.tells(unit, lane))}</title>")
        if face.kind == "group":
            out.append(f'<rect class="card" x="4" y="-4" width="{w:.1f}" height="{h:.1f}" rx="7"/>')
        out.append(f'<rect class="card" width="{w:.1f}" height="{h:.1f}" rx="7"/>')
        y = p + 12
        for row in rows:
            kind = row[0]
            if kind == "title":
                out += [said("title", p, y, row[1]), said("aside", w - p, y, row[2])]
            elif kind == "row":
                out += [said("key", p, y, row[1]), said("value", w - p, y, row[2])]
            elif kind == "flow":
                out += [f'<circle class="dot {row[1]}" cx="{p + 5}" cy="{y - 4:.1f}" r="4.5"/>', said("key", p + 16, y, row[2])]
            else:
                out.append(said(kind, p, y, row[1]))
            y += marks.TITLE if kind == "title" else marks.ROW
        if alarmed:
            out.append(f'<circle class="bell-ground" cx="{w:.1f}" cy="0" r="9"/>{said("bell", w, 4.5, "!")}')
        if lane and unit >= 0 and self.looks.sums[unit]:
            look, width = marks.look(self.picture.cells[unit].gradient)
            x, m = w + SUM_AT, h / 2
            out.append(f'<path class="flow {look}" stroke-width="{width}" d="M{x:.1f} {m:.1f}H{w + 4 + width:.1f}"/>{tip(w, m, -5 - width, look)}')
            out.append(f'<circle class="plus" cx="{x:.1f}" cy="{m:.1f}" r="{RADIUS}"/><path class="plus-sign" d="M{x - 4:.1f} {m:.1f}h8m-4 -4v8"/>')
        return "".join([*out, "</g>"])

    def tells(self, unit: int, lane: int) -> str:
        """What a viewer shows under the pointer: all that a box had no room for."""
        if unit < 0:
            return f"{self.found.groups.groups[-unit].path or self.found.groups.groups[-unit].label}: {self.found.groups.groups[-unit].count} operations"
        cell = self.picture.cells[unit]
        lines = [cell.name, cell.node if lane else cell.op, cell.line, "; ".join(cell.backward) if lane else cell.forward, cell.alarm]
        return " — ".join(line for line in lines if line)

    def legend(self, width: float, top: float) -> tuple[list[str], float]:
        """What the marks mean, in as many lines as needed, and the picture's notes; with the height at which that ends."""
        out, x, y = [], MARGIN, top
        items = [(name, flow) for name, flow in LEGEND]
        extra = [("✂", "a cut: no gradient passes"), ("+", "gradients of several uses are added")]
        for sample, flow in items:
            wide = 34 + measure(sample) + 18
            if x + wide > width - MARGIN and x > MARGIN:
                x, y = MARGIN, y + 20
            look, thick = marks.look(flow)
            out.append(f'<path class="flow {look}" stroke-width="{thick}" d="M{x:.1f} {y - 4:.1f}h26"/>{said("legend", x + 34, y, sample)}')
            x += wide
        for sign, sample in extra:
            wide = 22 + measure(sample) + 18
            if x + wide > width - MARGIN and x > MARGIN:
                x, y = MARGIN, y + 20
            if sign == "+":
                out.append(f'<circle class="plus" cx="{x + 8:.1f}" cy="{y - 4:.1f}" r="7"/><path class="plus-sign" d="M{x + 4:.1f} {y - 4:.1f}h8m-4 -4v8"/>')
            else:
                out.append(said("scissors", x + 8, y + 1, sign))
            out.append(said("legend", x + 22, y, sample))
            x += wide
        for note in self.picture.notes:
            for line in marks.wrapped("Note: " + note, width - 2 * MARGIN, 3):
                y += 18
                out.append(said("legend", MARGIN, y, line))
        return out, y + MARGIN


def tip(x: float, y: float, length: float, look: str) -> str:
    """An arrow's head that points at x: to the right, or, with a negative length, to the left."""
    half = abs(length) * 0.55
    return f'<path class="{"tip" if look == "wire" else "dot " + look}" d="M{x:.1f} {y:.1f}l{-length:.1f} {-half:.1f}v{2 * half:.1f}z"/>'
