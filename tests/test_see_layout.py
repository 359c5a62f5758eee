"""The layout of a picture: left to right, nothing on top of anything, few crossings, always the same; and groups that open and close."""

import hashlib
import math
import pathlib
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pictures
from glassgrad.see.drawings.groups import LIMIT, carrying, collapsed, default_closed, ends, in_order, summed, tree
from glassgrad.see.drawings.layout import crossings, layout, place
from glassgrad.see.drawings.picture import Cell, Flow, Link, Picture

SMALL = {"neuron": pictures.neuron, "square": pictures.square, "trouble": pictures.trouble, "mlp": pictures.mlp, "fifty": lambda: pictures.random_dag(50)}
LARGE = {"random": lambda: pictures.random_dag(3000), "groups": lambda: pictures.random_dag(3000, groups=20), "network": lambda: pictures.network(3000)}


def graph(arrows, groups=None, count=0):
    """A picture from pairs of numbers."""
    count = count or max(max(a) for a in arrows) + 1
    cells = [Cell(str(i), "result", str(i), (groups or {}).get(i, "")) for i in range(count)]
    return Picture("a graph", cells, [Link(str(a), str(b), n) for n, (a, b) in enumerate(arrows)], [])


def size(unit):
    return 60.0 + 7 * (unit % 5), (30.0 + 5 * (unit % 7), 20.0 + 9 * (unit % 3))


def put(picture, closed=(), groups=None):
    found = layout(picture, groups)
    return found, place(found, closed, size, lambda g, c: 30.0)


def overlaps(spots, lane):
    """Pairs of boxes that lie on one another, by a sweep from left to right."""
    found, near = [], []
    for spot in sorted(spots, key=lambda s: s.x):
        near = [o for o in near if o.x + o.width > spot.x + 1e-6]
        found += [(o, spot) for o in near if o.y[lane] + o.height[lane] > spot.y[lane] + 1e-6 and spot.y[lane] + spot.height[lane] > o.y[lane] + 1e-6]
        near.append(spot)
    return found


def check(picture, closed=()):
    """No overlap, in either lane; what a group holds is within it; every link goes to the right."""
    found, placed = put(picture, closed)
    groups = found.groups
    shown = groups.shown(closed)
    boxes = [placed.spots[u] for u in dict.fromkeys(shown)]
    for lane in (0, 1):
        assert overlaps(boxes, lane) == []
        for unit, spot in placed.spots.items():
            parent = groups.parent(unit)
            around = placed.spots[-parent] if parent > 0 else placed.whole
            assert around.y[lane] <= spot.y[lane] and spot.y[lane] + spot.height[lane] <= around.y[lane] + around.height[lane] + 1e-6
            assert around.x <= spot.x and spot.x + spot.width <= around.x + around.width + 1e-6
        for g in placed.open:
            assert overlaps([placed.spots[u] for u in groups.groups[g].units], lane) == []
    for a, b in ends(picture):
        if shown[a] != shown[b]:
            left, right = placed.spots[shown[a]], placed.spots[shown[b]]
            assert left.x + left.width < right.x
    return found, placed


@pytest.mark.parametrize("name", SMALL)
def test_nothing_overlaps_in_small_graphs(name):
    picture = SMALL[name]()
    check(picture)
    everything = {group.key for group in tree(picture).groups[1:]}
    check(picture, everything)


@pytest.mark.parametrize("name", LARGE)
def test_nothing_overlaps_in_large_graphs(name):
    picture = LARGE[name]()
    check(picture)
    check(picture, default_closed(picture))


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_nothing_overlaps_in_any_graph(data):
    count = data.draw(st.integers(1, 24))
    pairs = st.tuples(st.integers(0, count - 1), st.integers(0, count - 1)).filter(lambda p: p[0] < p[1])
    arrows = data.draw(st.lists(pairs, max_size=40)) if count > 1 else []
    paths = st.sampled_from(["", "a", "b", "a.x", "a.y", "a.x.p", "b.z"])
    groups = {i: data.draw(paths) for i in range(count)}
    picture = graph(arrows, groups, count)
    found = tree(picture)
    keys = [g.key for g in found.groups[1:]]
    check(picture, data.draw(st.sets(st.sampled_from(keys))) if keys else ())
    assert sorted(i for g in found.groups for i in g.units if i >= 0) == list(range(len(picture.cells)))


def test_links_pass_no_box():
    """The places kept for a long link are in rows of their own."""
    for picture in (pictures.random_dag(50), pictures.random_dag(200, seed=3, reach=30)):
        found, placed = put(picture)
        boxes = [placed.spots[u] for u in range(len(picture.cells))]
        for points in placed.points.values():
            for left, right, y in points[0]:
                assert not any(b.x < right and left < b.x + b.width and b.y[0] < y < b.y[0] + b.height[0] for b in boxes)


TREE = [(30 - i, 30 - (i - 1) // 2) for i in range(1, 31)]  # towards 30
PLANAR = {
    "chain": [(i, i + 1) for i in range(40)], "diamond": [(0, 1), (0, 2), (1, 3), (2, 3)], "tree in": TREE, "tree out": [(30 - b, 30 - a) for a, b in TREE],
    "ladder": [e for i in range(0, 20, 2) for e in ((i, i + 2), (i + 1, i + 3))], "skips": [e for i in range(0, 20, 2) for e in ((i, i + 1), (i, i + 2), (i + 1, i + 2))],
}  # fmt: skip


def crossed(picture):
    """Crossings in the finished layout of a graph without groups, counted from the rows."""
    found = layout(picture)
    (frame,) = found.frames
    columns: dict = {}
    after: dict = {}
    for edge in frame.edges:
        way = [frame.at[edge.source], *map(tuple, edge.points), frame.at[edge.target]]
        for a, b in zip(way, way[1:]):
            assert b[0] == a[0] + 1  # each part of a link goes one layer on
            columns.setdefault(a[0], set()).add(a)
            columns.setdefault(b[0], set()).add(b)
            after.setdefault(a, []).append(b)
    spots = {spot: i for i, spot in enumerate(sorted(s for c in columns.values() for s in c))}
    layers = [sorted(spots[s] for s in columns[c]) for c in sorted(columns)]
    return crossings(layers, [[spots[t] for t in after.get(s, [])] for s in spots])


@pytest.mark.parametrize("name", PLANAR)
def test_planar_graphs_have_no_crossings(name):
    assert crossed(graph(PLANAR[name])) == 0


def test_crossings_are_counted_and_reduced():
    assert crossings([[0, 1, 2], [3, 4, 5]], [[5], [4], [3], [], [], []]) == 3
    assert crossed(graph([(0, 5), (1, 4), (2, 3), (3, 6), (4, 6), (5, 6)])) == 0


def test_a_chain_is_straight():
    found = layout(graph(PLANAR["chain"]))
    assert len({row for _, row in found.frames[0].at.values()}) == 1


def test_a_leaf_stands_beside_its_first_use():
    found = layout(pictures.neuron())
    column = {found.groups.groups[0].units[p]: found.frames[0].at[u][0] for p, u in enumerate(found.groups.groups[0].units)}
    names = {cell.key: i for i, cell in enumerate(pictures.neuron().cells)}
    assert column[names["b"]] == column[names["y"]] - 1 and column[names["t"]] == column[names["d"]] - 1


def fingerprint(picture):
    _, placed = put(picture, default_closed(picture))
    return hashlib.sha256(repr((placed.spots, placed.points, placed.whole)).encode()).hexdigest()


def test_the_same_picture_is_always_laid_out_the_same():
    here = [fingerprint(make()) for make in (pictures.mlp, lambda: pictures.random_dag(300, groups=7))]
    code = "import pictures, test_see_layout as t; print(t.fingerprint(pictures.mlp()), t.fingerprint(pictures.random_dag(300, groups=7)))"
    folder = str(pathlib.Path(__file__).parent)
    env = {"PYTHONHASHSEED": "12345", "PYTHONPATH": folder, "PATH": ""}
    there = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=env, cwd=folder)
    assert there.stdout.split() == here


def test_a_long_chain_needs_no_recursion():
    picture = graph([(i, i + 1) for i in range(20_000)])
    found = tree(picture)
    assert len(found.groups[0].units) <= LIMIT and all(len(g.units) <= LIMIT for g in found.groups)
    assert len(layout(picture, found).routes) == 20_000
    deep = Picture("deep", [Cell(str(i), "leaf", group=".".join("a" * (i + 1))) for i in range(300)], [], [])
    assert len(tree(deep).groups) == 301


def test_a_cycle_is_refused():
    with pytest.raises(ValueError, match="2 of the 2 cells of this picture stand on a cycle"):
        tree(graph([(0, 1), (1, 0)]))
    assert in_order(3, [(0, 1), (1, 0)]) == [2]


# Groups


def test_groups_nest_by_their_dots():
    found = tree(pictures.mlp())
    assert [g.key for g in found.groups] == ["", "model", "model.0", "model.1", "model.2"]
    assert [g.count for g in found.groups] == [17, 15, 5, 5, 5]


def test_a_module_called_twice_is_two_visits():
    """Otherwise its one box would stand both before and after what is between."""
    picture = graph([(0, 1), (1, 2), (2, 3), (3, 4)], {1: "shared", 2: "other", 3: "shared"})
    found = tree(picture)
    assert [g.key for g in found.groups[1:]] == ["shared", "other", "shared (visit 2)"]
    check(picture)
    assert {b.key for b in collapsed(picture, {"shared"}).boxes} == {"0", "4", "shared", "2", "shared (visit 2)"}


def test_groups_that_wait_for_each_other_are_cut():
    picture = graph([(0, 1), (2, 3), (3, 4), (1, 4)], {0: "a", 3: "a", 1: "b", 2: "b"})
    check(picture)
    check(picture, {"a", "b"})


def test_a_recurrent_net_is_a_visit_a_step():
    arrows, groups = [], {}
    for t in range(0, 40, 2):
        groups[t], groups[t + 1] = "cell", "norm"
        arrows += [(t, t + 1), (t + 1, t + 2)]
    found = tree(graph(arrows, groups))
    assert len(found.groups) - 1 == 40
    check(graph(arrows, groups), {"cell", "norm"})


@pytest.mark.parametrize("name", LARGE)
def test_large_graphs_start_closed(name):
    picture = LARGE[name]()
    closed = default_closed(picture)
    view = collapsed(picture, closed)
    assert closed and 5 <= len(view.boxes) <= LIMIT


def test_small_graphs_start_open():
    assert default_closed(pictures.mlp()) == set() == default_closed(pictures.random_dag(60))
    found = tree(pictures.random_dag(61))
    assert [g.label for g in found.groups[1:]] == ["ops 1–10", "ops 11–20", "ops 21–30", "ops 31–40", "ops 41–50", "ops 51–60", "ops 61–61"]
    assert len(collapsed(pictures.random_dag(61), default_closed(pictures.random_dag(61))).boxes) == 7


@pytest.mark.parametrize("closed", [set(), {"model"}, {"model.1"}, {"model.0", "model.2"}])
def test_closing_keeps_the_totals(closed):
    picture = pictures.mlp()
    view = collapsed(picture, closed)
    assert sorted(i for box in view.boxes for i in box.cells) == list(range(len(picture.cells)))
    shown = tree(picture).shown(closed)
    outside = [n for n, (a, b) in enumerate(ends(picture)) if shown[a] != shown[b]]
    assert sorted(n for wire in view.wires for n in wire.links) == outside
    for wire in view.wires:
        carries = carrying(picture)
        norms = [picture.links[n].gradient.norm for n in wire.links if carries[n]]
        assert math.isclose(wire.gradient.norm or 0.0, math.hypot(*norms))


def test_large_totals_too():
    picture = pictures.network(3000)
    view = collapsed(picture, default_closed(picture))
    assert sum(len(box.cells) for box in view.boxes) == len(picture.cells)


def test_the_worst_state_tells_of_the_whole():
    flows, zero, none, broken = Flow("flows", "1", 1.0, 1.0), Flow("zero", "0", 0.0, 0.0), Flow("none", "None"), Flow("nonfinite", "nan", 0.0, math.nan)
    assert summed([flows, zero]).state == "zero" and summed([zero, none]).state == "none" and summed([none, broken, flows]).state == "nonfinite"
    assert summed([flows, broken]).text == "2 gradients: 1 not finite; norm 1"
    assert summed([Flow(), Flow()]) == Flow("pending", "not run yet", 0.0, None)
    assert summed([]).state == "none"
    assert summed([Flow("flows", "", -1.0, 3.0), Flow("flows", "", 1.0, 1.0)]).sign == -0.5


def test_a_closed_group_tells_of_alarms_and_cuts():
    picture = pictures.trouble()
    for cell in picture.cells[:5]:
        cell.group = "net"
    view = collapsed(picture, {"net"})
    assert [box.alarms for box in view.boxes if box.label == "net"] == [1]
    assert [wire.cut for wire in view.wires] == ["", "detach()"]
