"""Where everything stands: layers from left to right, few crossings, straight lines, no overlap (Sugiyama, Tagawa and Toda, 1981).

Each group is laid out for itself on a grid: a column for each layer, and rows in which long links have places of their own. Opening a
group only makes its place larger, so that coordinates are sums of widths and heights: this is all that a page has to do again.
"""

from __future__ import annotations

import bisect
import dataclasses
import math
from collections.abc import Callable, Iterable, Sequence

from .groups import Tree, collapsed, default_closed, ends, in_order, tree
from .picture import Picture

__all__ = ["Edge", "Frame", "Layout", "Placed", "Spot", "arrange", "collapsed", "crossings", "default_closed", "layout", "place"]

SWEEPS = 12
PATIENCE = 3  # sweeps without a better order
SWAPS = 400  # neighbours are swapped one by one only in groups with fewer places than this
DUMMIES = 40  # points of long links for each place of a group; links beyond that go straight
GAP, PAD, TITLE, LINE = 14.0, 14.0, 22.0, 12.0  # between rows; inside a frame; its title; a row that only lines pass


@dataclasses.dataclass
class Edge:
    """Links that go from unit to unit in a group, or from or to its border (None), and the places (column, row) that are kept for them."""

    source: int | None
    target: int | None
    links: list[int]
    points: list[tuple[int, int]]


@dataclasses.dataclass
class Frame:
    """A group's grid."""

    columns: int
    rows: int
    at: dict[int, tuple[int, int]]  # column and row of each unit
    edges: list[Edge]


@dataclasses.dataclass
class Layout:
    """The grid of every group, and for each link the edges that it follows, as (group, index), from its source to its target."""

    groups: Tree
    frames: list[Frame]
    routes: list[list[tuple[int, int]]]


def layout(picture: Picture, groups: Tree | None = None) -> Layout:
    """Lays a picture out, whatever will be open or closed."""
    found = groups or tree(picture)
    edges: list[dict[tuple[object, object], Edge]] = [{} for _ in found.groups]
    routes = []
    depth = [0] * len(found.groups)
    for g, group in enumerate(found.groups[1:], 1):
        depth[g] = depth[group.parent] + 1
    numbers: list[dict[tuple[object, object], int]] = [{} for _ in found.groups]

    def through(g: int, a: object, b: object, link: int) -> tuple[int, int]:
        source, target = (x if isinstance(x, int) else None for x in (a, b))
        edges[g].setdefault((a, b), Edge(source, target, [], [])).links.append(link)
        return g, numbers[g].setdefault((a, b), len(numbers[g]))

    for n, (s, t) in enumerate(ends(picture)):
        a, b, out, into = s, t, [], []
        g, h = found.home[s], found.home[t]
        while g != h:
            if depth[g] >= depth[h]:
                out.append(through(g, a, ("out", s), n))
                a, g = -g, found.groups[g].parent
            else:
                into.append(through(h, ("in", s), b, n))
                b, h = -h, found.groups[h].parent
        routes.append([*out, through(g, a, b, n), *reversed(into)])
    return Layout(found, [arrange(group.units, held) for group, held in zip(found.groups, edges)], routes)


def arrange(units: Sequence[int], edges: dict[tuple[object, object], Edge]) -> Frame:
    """One group's grid: its units, and the edges between them and the border's places ("in", cell) and ("out", cell)."""
    nodes: dict[object, int] = {unit: i for i, unit in enumerate(units)}
    for a, b in edges:
        for end in (a, b):
            nodes.setdefault(end, len(nodes))
    names = list(nodes)
    arrows = [(nodes[a], nodes[b]) for a, b in edges]
    layer = _layers(names, arrows)
    chains = _chains(layer, arrows)
    count = len(names)
    for chain in chains:
        layer.extend(x for _, x in chain)
        count += len(chain)
    before: list[list[int]] = [[] for _ in range(count)]
    after: list[list[int]] = [[] for _ in range(count)]
    for (a, b), chain in zip(arrows, chains):
        if not chain and layer[b] - layer[a] > 1:
            continue
        way = [a, *(i for i, _ in chain), b]
        for p, q in zip(way, way[1:]):
            after[p].append(q)
            before[q].append(p)
    columns = max(layer, default=-1) + 1
    layers = _first_order(layer, columns, before)
    layers = _fewer_crossings(layers, before, after)
    row = _rows(layers, before, after, len(names))
    used = {r: i for i, r in enumerate(sorted(dict.fromkeys(row)))}
    places = [(x, used[r]) for x, r in zip(layer, row)]
    for ((a, b), edge), chain in zip(edges.items(), chains):
        way = [*([nodes[a]] if edge.source is None else []), *(i for i, _ in chain), *([nodes[b]] if edge.target is None else [])]
        edge.points = [places[i] for i in way]
    return Frame(columns, len(used), {unit: places[i] for i, unit in enumerate(units)}, list(edges.values()))


def _layers(names: Sequence[object], arrows: list[tuple[int, int]]) -> list[int]:
    """The longest way to each node, then what only gives pulled to the right, next to its first use."""
    before: list[list[int]] = [[] for _ in names]
    after: list[list[int]] = [[] for _ in names]
    for a, b in arrows:
        before[b].append(a)
        after[a].append(b)
    order = in_order(len(names), arrows)
    enters = [isinstance(name, tuple) and name[0] == "in" for name in names]
    leaves = [isinstance(name, tuple) and name[0] == "out" for name in names]
    start = int(any(enters))
    layer = [0 if e else start for e in enters]
    for i in order:
        for j in after[i]:
            layer[j] = max(layer[j], layer[i] + 1)
    for i in reversed(order):
        uses = [layer[j] for j in after[i] if not leaves[j]]
        inputs = sum(not enters[j] for j in before[i])
        if uses and not enters[i] and inputs < len(after[i]) and not (inputs and any(leaves[j] for j in after[i])):
            layer[i] = max(layer[i], min(uses) - 1)
    last = max((x for x, out in zip(layer, leaves) if not out), default=0) + 1
    return [last if out else x for x, out in zip(layer, leaves)]


def _chains(layer: list[int], arrows: list[tuple[int, int]]) -> list[list[tuple[int, int]]]:
    """For each arrow the points between its ends, as (node, layer), while there is room for points."""
    left = DUMMIES * (len(layer) + 50)
    chains: list[list[tuple[int, int]]] = [[] for _ in arrows]
    following = len(layer)
    spans = sorted(range(len(arrows)), key=lambda n: layer[arrows[n][1]] - layer[arrows[n][0]])
    short = set()
    for n in spans:
        left -= layer[arrows[n][1]] - layer[arrows[n][0]] - 1
        if left >= 0:
            short.add(n)
    for n, (a, b) in enumerate(arrows):
        if n in short:
            chains[n] = [(following + k, x) for k, x in enumerate(range(layer[a] + 1, layer[b]))]
            following += len(chains[n])
    return chains


def _first_order(layer: list[int], columns: int, before: list[list[int]]) -> list[list[int]]:
    """The layers in the order in which a walk from the results back to the inputs meets them: trees are without crossings at once."""
    layers: list[list[int]] = [[] for _ in range(columns)]
    seen = [False] * len(layer)
    for root in sorted(range(len(layer)), key=lambda i: -layer[i]):
        stack = [root]
        while stack:
            i = stack.pop()
            if not seen[i]:
                seen[i] = True
                layers[layer[i]].append(i)
                stack.extend(reversed(before[i]))
    return layers


def crossings(layers: Sequence[Sequence[int]], after: Sequence[Sequence[int]]) -> int:
    """How many pairs of links between neighbouring layers cross.

    >>> crossings([[0, 1], [2, 3]], [[3], [2], [], []])
    1
    """
    total = 0
    for left, right in zip(layers, layers[1:]):
        at = {i: p for p, i in enumerate(right)}
        met: list[int] = []
        for i in left:
            places = sorted(at[j] for j in after[i])
            for p in places:
                total += len(met) - bisect.bisect_right(met, p)
            for p in places:
                bisect.insort(met, p)
    return total


def _fewer_crossings(layers: list[list[int]], before: list[list[int]], after: list[list[int]]) -> list[list[int]]:
    """Sweeps forth and back: each layer is sorted by the mean place of its neighbours, and the best order met is kept."""
    best, least, patience = [list(x) for x in layers], crossings(layers, after), PATIENCE
    at = [0] * len(before)
    for nodes in layers:
        for p, i in enumerate(nodes):
            at[i] = p
    for sweep in range(SWEEPS):
        if not least or not patience:
            break
        near, turn = (before, layers[1:]) if sweep % 2 == 0 else (after, layers[-2::-1])
        for nodes in turn:
            wish = {i: sum(at[j] for j in near[i]) / len(near[i]) if near[i] else float(at[i]) for i in nodes}
            nodes.sort(key=wish.__getitem__)  # sorting is stable
            for p, i in enumerate(nodes):
                at[i] = p
        if len(before) < SWAPS:
            _swap(layers, before, after, at)
        now = crossings(layers, after)
        patience -= 1
        if now < least:
            best, least, patience = [list(x) for x in layers], now, PATIENCE
    return best


def _swap(layers: list[list[int]], before: list[list[int]], after: list[list[int]], at: list[int]) -> None:
    """Swaps neighbours in a layer where that takes crossings away."""
    for nodes in layers:
        for p in range(len(nodes) - 1):
            a, b = nodes[p], nodes[p + 1]
            gain = 0
            for near in (before, after):
                for i in near[a]:
                    for j in near[b]:
                        gain += (at[i] > at[j]) - (at[i] < at[j])
            if gain > 0:
                nodes[p], nodes[p + 1] = b, a
                at[a], at[b] = p + 1, p


def _rows(layers: list[list[int]], before: list[list[int]], after: list[list[int]], real: int) -> list[int]:
    """A row for each node, in the order of its layer and as straight as that allows: nodes from `real` on are points of long links."""
    row = [0.0] * len(before)
    for nodes in layers:
        for p, i in enumerate(nodes):
            row[i] = float(p)

    def weight(i: int) -> float:
        return 8.0 if i >= real else 1.0 + len(before[i])

    def straighten(turn: Iterable[list[int]], wish: Callable[[int], float]) -> None:
        for nodes in turn:
            for i, r in zip(nodes, _settled([wish(i) for i in nodes], [weight(i) for i in nodes])):
                row[i] = r

    def mean(near: list[list[int]]) -> Callable[[int], float]:
        return lambda i: sum(row[j] for j in near[i]) / len(near[i]) if near[i] else row[i]

    def middle(near: list[list[int]], other: list[list[int]]) -> Callable[[int], float]:
        def wish(i: int) -> float:
            beside = near[i] or other[i]
            rows = sorted(row[j] for j in [j for j in beside if j >= real] or beside)  # long links stay straight through what they meet
            return rows[(len(rows) - 1) // 2] if rows else row[i]

        return wish

    for _ in range(2):
        straighten(layers[1:], mean(before))
        straighten(layers[-2::-1], mean(after))
    straighten(layers, middle(before, after))
    straighten(layers[::-1], middle(after, before))
    straighten(layers, middle(before, after))
    return [round(r) for r in row]


def _settled(wishes: list[float], weights: list[float]) -> list[int]:
    """Whole rows, each at least one after the last, as near to the wishes as can be (pool adjacent violators).

    >>> _settled([0.0, 0.0, 5.0], [3.0, 1.0, 1.0])
    [0, 1, 5]
    """
    blocks: list[tuple[float, float, int]] = []  # mean, weight, how many
    for p, (wish, weight) in enumerate(zip(wishes, weights)):
        mean, many = wish - p, 1
        while blocks and blocks[-1][0] > mean:
            other, w, k = blocks.pop()
            mean, weight, many = (mean * weight + other * w) / (weight + w), weight + w, many + k
        blocks.append((mean, weight, many))
    rows: list[int] = []
    for mean, _, many in blocks:
        first = math.ceil(mean - 0.5)  # a half goes downward
        for _ in range(many):
            rows.append(first + len(rows))
    return rows


Span = tuple[float, float]
Points = list[tuple[float, float, float]]  # of a long link: left, right, y


@dataclasses.dataclass
class Spot:
    """A box in both lanes: x and width are the same, y and height are for values and for gradients; and the borders of its column."""

    x: float
    width: float
    y: Span
    height: Span
    left: float
    right: float


@dataclasses.dataclass
class Placed:
    """Coordinates of what is in sight: a spot for each unit, open groups included, and for each edge its points in each lane."""

    spots: dict[int, Spot]
    open: list[int]  # the groups that are frames, the whole picture first
    points: dict[tuple[int, int], tuple[Points, Points]]
    whole: Spot


def place(found: Layout, closed: Iterable[str], size: Callable[[int], tuple[float, Span]], gap: Callable[[int, int], float]) -> Placed:
    """Adds up widths and heights: `size` gives width and heights of a cell or closed group, `gap` the room before a column of a group."""
    groups, frames = found.groups, found.frames
    visible = set(groups.shown(closed))
    opened = [0]
    for g in opened:  # the list grows
        opened.extend(-u for u in groups.groups[g].units if u < 0 and u not in visible)
    sizes: dict[int, tuple[float, Span]] = {}
    grids: dict[int, tuple[list[float], list[float], list[list[float]]]] = {}  # left and width of each column; middle of each row in both lanes
    for g in reversed(opened):
        frame = frames[g]
        border, title = (PAD, TITLE) if g else (0, 0)
        widths, heights = [0.0] * frame.columns, ([0.0] * frame.rows, [0.0] * frame.rows)
        for edge in frame.edges:
            for _, r in edge.points:
                for lane in heights:
                    lane[r] = max(lane[r], LINE)
        for unit, (c, r) in frame.at.items():
            w, tall = sizes.setdefault(unit, size(unit)) if unit in visible else sizes[unit]
            widths[c] = max(widths[c], w)
            for lane, h in zip(heights, tall):
                lane[r] = max(lane[r], h)
        lefts, x = [], float(border)
        for c, w in enumerate(widths):
            x += gap(g, c)
            lefts.append(x)
            x += w
        middles, tall_ = [], []
        for lane in heights:
            y, middle = float(border + title), []
            for h in lane:
                middle.append(y + h / 2)
                y += h + GAP if h else 0
            middles.append(middle)
            tall_.append(y - (GAP if any(lane) else 0) + border)
        grids[g] = lefts, widths, middles
        total = x + border, (tall_[0], tall_[1])
        if g:
            sizes[-g] = total
    spots: dict[int, Spot] = {}
    points = {}
    whole = Spot(0.0, total[0], (0.0, 0.0), total[1], 0.0, total[0])
    for g in opened:
        around = spots[-g] if g else whole
        lefts, widths, middles = grids[g]
        for unit, (c, r) in frames[g].at.items():
            w, tall = sizes[unit]
            u, v = (y + middle[r] - h / 2 for y, middle, h in zip(around.y, middles, tall))
            left = around.x + lefts[c]
            spots[unit] = Spot(left + (widths[c] - w) / 2, w, (u, v), tall, left, left + widths[c])
        for e, edge in enumerate(frames[g].edges):
            sides = [(around.x + lefts[c], around.x + lefts[c] + widths[c], r) for c, r in edge.points]
            if edge.source is None:  # from the border: already from the border of the column around
                sides[0] = around.left, *sides[0][1:]
            if edge.target is None:
                sides[-1] = sides[-1][0], around.right, sides[-1][2]
            upper, lower = ([(left, right, y + middle[r]) for left, right, r in sides] for y, middle in zip(around.y, middles))
            points[g, e] = upper, lower
    return Placed(spots, opened, points, whole)
