"""Which boxes are drawn: the groups of a picture as a tree, what is closed at first, and the picture with groups closed.

A group is a module, as the dots of `Cell.group` nest; where a group has too many parts to be looked at, runs of them are groups too.
A group that is left and entered again (a module called twice) is drawn once for each visit, so that everything goes left to right.
"""

from __future__ import annotations

import dataclasses
import heapq
import math
from collections.abc import Iterable, Sequence

from .picture import Flow, Picture

LIMIT = 60  # boxes that can be looked at together
FEW = 30  # cells that are seen at once when their group is opened
RUNS = (10, 20, 50)  # parts of a run, where there are more than LIMIT beside each other
WORSE = ("flows", "pending", "zero", "none", "nonfinite")  # the later ones tell of the whole


@dataclasses.dataclass
class Group:
    """A frame: its units are cells (by index, from 0) and groups (the group with index g is -g), in the order of computation."""

    key: str
    path: str  # the module, empty for a run
    label: str
    parent: int
    units: list[int] = dataclasses.field(default_factory=list)
    count: int = 0  # cells in it, at any depth


@dataclasses.dataclass
class Tree:
    """The groups, parents before children, the whole picture as the first; and the group in which each cell stands."""

    groups: list[Group]
    home: list[int]
    order: list[int]  # the cells as they are computed, a leaf just before its first use

    def parent(self, unit: int) -> int:
        """The group in which a unit stands; -1 for the whole picture."""
        return self.home[unit] if unit >= 0 else self.groups[-unit].parent

    def shown(self, closed: Iterable[str]) -> list[int]:
        """For each cell the unit that shows it: itself, or the outermost closed group around it."""
        names = set(closed)
        inside = [0] * len(self.groups)  # the outermost closed group around a group or itself; 0 for none
        for g, group in enumerate(self.groups):
            if g:
                inside[g] = inside[group.parent] or (g if group.key in names or (group.path and group.path in names) else 0)
        return [-inside[g] if inside[g] else i for i, g in enumerate(self.home)]


def ends(picture: Picture) -> list[tuple[int, int]]:
    """Source and target of each link, as indices of cells."""
    index = {cell.key: i for i, cell in enumerate(picture.cells)}
    return [(index[link.source], index[link.target]) for link in picture.links]


def in_order(count: int, arrows: Iterable[tuple[int, int]]) -> list[int]:
    """The numbers below `count`, each after those that point to it, otherwise as they are; those on a cycle are left out.

    >>> in_order(3, [(2, 0)])
    [1, 2, 0]
    """
    after: list[list[int]] = [[] for _ in range(count)]
    waiting = [0] * count
    for a, b in arrows:
        after[a].append(b)
        waiting[b] += 1
    ready = [i for i in range(count) if not waiting[i]]
    order = []
    while ready:
        i = heapq.heappop(ready)
        order.append(i)
        for j in after[i]:
            waiting[j] -= 1
            if not waiting[j]:
                heapq.heappush(ready, j)
    return order


def _computed(count: int, arrows: list[tuple[int, int]]) -> list[int]:
    """The cells in an order of computation in which what has no inputs stands before its first use."""
    order = in_order(count, arrows)
    if len(order) < count:
        raise ValueError(f"{count - len(order)} of the {count} cells of this picture stand on a cycle: no order of computation")
    place = {i: p for p, i in enumerate(order)}
    has_inputs = [False] * count
    first = [count] * count
    for a, b in arrows:
        has_inputs[b] = True
        first[a] = min(first[a], place[b])
    return sorted(range(count), key=lambda i: (place[i], 1, 0) if has_inputs[i] or first[i] == count else (first[i], 0, place[i]))


def tree(picture: Picture, limit: int = LIMIT) -> Tree:
    """The groups of a picture, so that none has more than `limit` parts."""
    arrows = ends(picture)
    order = _computed(len(picture.cells), arrows)
    paths = [cell.group.split(".") if cell.group else [] for cell in picture.cells]
    found = Tree([Group("", "", "", -1, order, len(order))], [0] * len(order), order)
    inner: dict[int, list[tuple[int, int]]] = {0: arrows}
    depth = {0: 0}
    g = 0
    while g < len(found.groups):  # the list grows as groups are found
        group = found.groups[g]
        if g in inner:  # otherwise a run, whose units are known
            _divide(found, g, depth, inner, paths)
        if len(group.units) > limit:
            _cut_into_runs(found, g, limit)
        g += 1
    return _renumbered(found)


def _renumbered(found: Tree) -> Tree:
    """The same tree with its groups numbered level by level: runs are found after the groups in them."""
    queue = [0]
    for g in queue:  # the list grows
        queue.extend(-u for u in found.groups[g].units if u < 0)
    new = {g: n for n, g in enumerate(queue)}
    groups = [found.groups[g] for g in queue]
    for group in groups:
        group.parent = new.get(group.parent, -1)
        group.units = [u if u >= 0 else -new[-u] for u in group.units]
    return Tree(groups, [new[g] for g in found.home], found.order)


def _divide(found: Tree, g: int, depth: dict[int, int], inner: dict[int, list[tuple[int, int]]], paths: list[list[str]]) -> None:
    """Puts the cells of a group that belong into its subgroups there, one subgroup for each visit."""
    group, level, arrows = found.groups[g], depth[g], inner.pop(g)
    members = group.units
    place = {i: p for p, i in enumerate(members)}
    local = [(place[a], place[b]) for a, b in arrows]
    names = [paths[i][level] if len(paths[i]) > level else "" for i in members]
    pieces, count, order = _visits(names, local)
    cells: list[list[int]] = [[] for _ in range(count)]
    for p, i in enumerate(members):
        cells[pieces[p]].append(i)
    own: list[list[tuple[int, int]]] = [[] for _ in range(count)]
    for (a, b), (p, q) in zip(arrows, local):
        if pieces[p] == pieces[q]:
            own[pieces[p]].append((a, b))
    visits: dict[str, int] = {}
    group.units = []
    for piece in order:
        first = cells[piece][0]
        name = names[place[first]]
        if not name:
            group.units.append(first)
            found.home[first] = g
            continue
        visits[name] = visits.get(name, 0) + 1
        path = f"{group.path}.{name}" if group.path else name
        label = name if visits[name] == 1 else f"{name} (visit {visits[name]})"
        key = f"{group.key}.{label}" if group.key else label
        new = len(found.groups)
        found.groups.append(Group(key, path, label, g, cells[piece], len(cells[piece])))
        depth[new], inner[new] = level + 1, own[piece]
        group.units.append(-new)


def _visits(names: list[str], arrows: list[tuple[int, int]]) -> tuple[list[int], int, list[int]]:
    """The piece of each cell, the number of pieces, and the pieces in order.

    A name is one piece if it can be. Names that stand on a cycle are cut wherever a way leaves them, and if that is not enough, all names are
    cut into runs of cells that follow each other, which never make a cycle.
    """
    split: dict[str, str] = {}
    while True:
        labels = _pieces(names, arrows, split)
        ids: dict[tuple[str, int], int] = {}
        pieces = [ids.setdefault(label, len(ids)) for label in labels]
        order = in_order(len(ids), dict.fromkeys((pieces[a], pieces[b]) for a, b in arrows if pieces[a] != pieces[b]))
        if len(order) == len(ids):
            return pieces, len(ids), order
        done = set(order)
        stuck = dict.fromkeys(names[p] for p, piece in enumerate(pieces) if piece not in done and names[p])
        if not split and len(stuck) <= LIMIT:
            split = dict.fromkeys(stuck, "visits")
        else:
            split = dict.fromkeys(filter(None, names), "runs")


def _pieces(names: list[str], arrows: list[tuple[int, int]], split: dict[str, str]) -> list[tuple[str, int]]:
    """A label for each cell: its name and the number of its piece."""
    labels = [(name, 0) if name else ("", p + 1) for p, name in enumerate(names)]
    before: list[list[int]] = [[] for _ in names]
    for a, b in arrows:
        before[b].append(a)
    for name in [n for n, way in split.items() if way == "visits"]:
        visit = [0] * len(names)  # how often a way to this cell has left the group
        for b, inputs in enumerate(before):
            for a in inputs:
                visit[b] = max(visit[b], visit[a] + (names[a] == name != names[b]))
            if names[b] == name:
                labels[b] = (name, visit[b])
    run, last = 0, ""
    for p, name in enumerate(names):
        if split.get(name) == "runs":
            run += name != last
            labels[p] = (name, run)
        last = name
    return labels


def _cut_into_runs(found: Tree, g: int, limit: int) -> None:
    """Makes groups of consecutive units, and groups of those, until the group has at most `limit` parts."""
    group = found.groups[g]
    place = {i: p + 1 for p, i in enumerate(found.order)}
    parts: list[tuple[list[int], int, int]] = []  # the units of a run, and its first and last place in the computation
    for unit in group.units:
        cells = [unit] if unit >= 0 else found.groups[-unit].units  # not divided yet
        parts.append(([unit], place[cells[0]], place[cells[-1]]))
    levels: list[int] = []  # how many parts the runs of each level have, the largest runs first
    many = len(parts)
    while many > limit:
        size = next((n for n in RUNS if math.ceil(many / n) <= limit), RUNS[-1])
        levels.insert(0, size * (levels[0] if levels else 1))
        many = math.ceil(many / size)
    holders = [(g, parts)]
    for size in levels:  # the largest runs first, so that parents stand before their children
        following = []
        for holder, held in holders:
            found.groups[holder].units = []
            for start in range(0, len(held), size):
                piece = held[start : start + size]
                new = len(found.groups)
                names = [found.groups[-u].label for units, _, _ in piece for u in units if u < 0]
                label = f"{names[0]} … {names[-1]}" if len(names) > 1 else f"ops {piece[0][1]}–{piece[-1][2]}"
                units = [u for us, _, _ in piece for u in us]
                count = sum(1 if u >= 0 else found.groups[-u].count for u in units)
                found.groups.append(Group(f"{group.key}/{label}#{new}", "", label, holder, units, count))
                found.groups[holder].units.append(-new)
                following.append((new, piece))
        holders = following
    for holder, held in holders:
        for unit in (u for us, _, _ in held for u in us):
            if unit >= 0:
                found.home[unit] = holder
            else:
                found.groups[-unit].parent = holder


def default_closed(picture: Picture, limit: int = LIMIT, groups: Tree | None = None) -> set[str]:
    """The keys of the groups that are closed at first: none in a small graph, otherwise all but the outer levels that leave `limit` boxes in sight.

    What is inside a closed group is closed too if there is much of it, so that a large graph is opened step by step.
    """
    found = groups or tree(picture, limit)
    if len(picture.cells) <= limit:
        return set()
    opened = {0}
    level = [0]
    while level:  # one level deeper each time
        level = [-u for g in level for u in found.groups[g].units if u < 0]
        wider = opened.union(level)
        if len(set(found.shown(group.key for g, group in enumerate(found.groups) if g not in wider))) > limit:
            break
        opened = wider
    return {group.key for g, group in enumerate(found.groups) if g not in opened and (group.parent in opened or found.groups[group.parent].count > FEW)}


@dataclasses.dataclass
class Box:
    """One box of a picture with groups closed: a cell (unit from 0), or a closed group (unit below 0) with all of its cells."""

    unit: int
    key: str
    label: str
    cells: list[int]
    gradient: Flow
    alarms: int = 0


@dataclasses.dataclass
class Wire:
    """One link of a picture with groups closed: all links between two boxes where one is a closed group; one link between two cells."""

    source: int
    target: int
    links: list[int]
    gradient: Flow
    cut: str = ""


@dataclasses.dataclass
class View:
    """A picture with groups closed."""

    boxes: list[Box]
    wires: list[Wire]


def summed(gradients: Sequence[Flow]) -> Flow:
    """Many gradients as one: the worst state, the norm of all together, the mean sign.

    >>> summed([Flow("flows", "3", 1.0, 3.0), Flow("zero", "0", 0.0, 0.0), Flow("flows", "4", 1.0, 4.0)])
    Flow(state='zero', text='3 gradients: 1 zero; norm 5', sign=1.0, norm=5.0)
    """
    if len(gradients) == 1:
        return gradients[0]
    if not gradients:
        return Flow("none", "")
    state = max((f.state for f in gradients), key=WORSE.index)
    norms = [(f.norm, f.sign) for f in gradients if f.norm is not None and math.isfinite(f.norm)]
    norm = math.hypot(*(n for n, _ in norms)) if norms else None
    weight = sum(n for n, _ in norms)
    sign = sum(n * s for n, s in norms) / weight if weight else 0.0
    counts = [f"{n} {'not finite' if s == 'nonfinite' else s}" for s in ("nonfinite", "none", "zero") if (n := sum(f.state == s for f in gradients))]
    if state == "pending":
        return Flow(state, "not run yet", sign, norm)
    text = "; ".join([*([", ".join(counts)] if counts else []), *([f"norm {norm:.3g}"] if norm else [])])
    return Flow(state, f"{len(gradients)} gradients: {text}" if text else f"{len(gradients)} gradients", sign, norm)


def collapsed(picture: Picture, closed: Iterable[str], groups: Tree | None = None) -> View:
    """The picture with some groups closed (by their keys, or the paths of modules): each is one box, and its links are merged and summed up."""
    found = groups or tree(picture)
    shown = found.shown(closed)
    held: dict[int, list[int]] = {}
    for i in found.order:
        held.setdefault(shown[i], []).append(i)
    boxes = []
    for unit, cells in held.items():
        cell = picture.cells[cells[0]]
        key, label = (cell.key, cell.name or cell.op) if unit >= 0 else (found.groups[-unit].key, found.groups[-unit].label)
        gradients = [picture.cells[i].gradient for i in cells if picture.cells[i].kind != "constant"]
        boxes.append(Box(unit, key, label, cells, summed(gradients), sum(bool(picture.cells[i].alarm) for i in cells)))
    merged: dict[tuple[int, int, int], list[int]] = {}
    for n, (a, b) in enumerate(ends(picture)):
        source, target = shown[a], shown[b]
        if source != target:
            merged.setdefault((source, target, -1 if source < 0 or target < 0 else n), []).append(n)
    wires, carries, back = [], carrying(picture), flows(picture)
    for (source, target, _), links in merged.items():
        cuts = dict.fromkeys(picture.links[n].cut for n in links if picture.links[n].cut)
        counted = [back[n] for n in links if picture.links[n].cut or carries[n]]
        wires.append(Wire(source, target, links, summed(counted), ", ".join(cuts)))
    return View(boxes, wires)


def flows(picture: Picture) -> list[Flow]:
    """What comes back along each link: nothing where no gradient can go, whether backward has run or not."""
    return [link.gradient if goes else Flow("none", "None") for link, goes in zip(picture.links, carrying(picture))]


def carrying(picture: Picture) -> list[bool]:
    """For each link whether a gradient can go along it: neither end is a constant, and nothing cuts it."""
    constants = {cell.key for cell in picture.cells if cell.kind == "constant"}
    return [not link.cut and link.source not in constants and link.target not in constants for link in picture.links]
