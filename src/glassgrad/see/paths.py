"""`paths(loss, wrt=w)`: a gradient as a sum over the paths of the graph, each a product of local derivatives."""

from __future__ import annotations

import dataclasses
import heapq
import math
from typing import Any

import numpy as np

from . import engines
from .calls import Call
from .gradients import Sight
from .graph import Flows, Graph, fitted, step, walk
from .knowledge import is_elementwise, local, parameter
from .names import Names
from .record import Recording, latest
from .stat import Stat, number, values
from .verdict import Printed

MANY = 20_000  # paths that are followed one by one, where tensors are in the way


@dataclasses.dataclass
class Factor:
    """One operation on a path: the local derivative by the input that the path goes on to, as a formula and (if it is one) as a number."""

    op: str
    by: str
    formula: str
    number: str
    line: str

    def __str__(self) -> str:
        shown = f"{self.op} by {self.by}" if self.by not in ("self", "") else self.op
        inner = self.formula if self.number in ("", self.formula) else f"{self.formula} = {self.number}" if self.formula else self.number
        return f"{shown} ({inner})" if inner else shown


@dataclasses.dataclass
class Path:
    """One way from the loss to the tensor: its factors from the loss on, and what it contributes to the gradient (a tensor of its shape)."""

    factors: list[Factor]
    contribution: Any
    norm: float
    share: float  # of the gradient: its component along it

    def __str__(self) -> str:
        shown = list(map(str, self.factors))
        if len(shown) > 10:
            shown[5:-4] = [f"… {len(shown) - 9} more …"]
        return f"{values(self.contribution)} ({self.share:.0%})  " + " · ".join(shown)


@dataclasses.dataclass(repr=False)
class Paths(Printed):
    """The `count` paths to a tensor, the `top` of them, and what the others bring together.

    `exact` says whether the top ones are known to be the largest of all; `checked` whether the sum over all paths equals the
    gradient that backward computes.
    """

    title: str
    total: Any
    top: list[Path]
    rest: Any
    count: int
    exact: bool
    checked: bool

    def __str__(self) -> str:
        rows = [
            f"{self.title} = {values(self.total)}: {self.count} path{'s' if self.count != 1 else ''}"
            + (", their sum equals backward's gradient" if self.checked else ", their sum does NOT equal backward's gradient")
        ]
        for i, path in enumerate(self.top):
            rows.append(f"  {i + 1}. {path}")
            seen = list(dict.fromkeys(f.line for f in path.factors if f.line))
            rows += [f"       {line}" for line in seen[:4]]
        left = self.count - len(self.top)
        if left:
            rows.append(f"  the other {left} path{'s' if left != 1 else ''} together: {values(self.rest)}")
        if not self.exact:
            rows.append(f"  (found among the {MANY} paths with the largest gradient on their way; there may be larger ones)")
        return "\n".join(rows)


def paths(loss: Any, wrt: Any, top: int = 5, *, recording: Recording | None = None, names: dict[str, Any] | None = None) -> Paths:
    """Takes the gradient of `loss` by `wrt` apart: ∂loss/∂w = Σ over paths of Π local derivatives along the path.

    The `top` paths with the largest contribution (in norm) are listed. Their number grows exponentially with the depth of the
    graph; where every value on the way is a single number the largest are found exactly by dynamic programming over the nodes, else
    the paths are followed one by one, up to 20,000 of them. What the others bring is stated as a remainder, and the sum is checked
    against the gradient that backward computes. `loss` is one number; `wrt` any tensor in its graph.

    Raises ValueError where there is no path, and RuntimeError where the graph has been freed.

    >>> import glassgrad as gg
    >>> from glassgrad import see
    >>> x = gg.tensor(3.0, requires_grad=True)
    >>> y = 3 * x**2 - 2 * x + 5
    >>> print(see.paths(y, wrt=x, recording=see.Recording()))
    ∂y/∂x = 16: 2 paths, their sum equals backward's gradient
      1. 18 (112%)  add (1) · sub (1) · mul (other = 3) · pow (2·self = 6)
      2. -2 (-12%)  add (1) · sub by other (-1) · mul (other = 2)
    """
    recording = latest(recording)
    known = Names(recording, given=names)
    with engines.aside():
        if loss.numel() != 1:
            raise ValueError(f"paths() takes a loss of one number; this one has shape {list(loss.shape)}: .sum() it, or choose an element")
        graph = Graph([loss]) if loss.requires_grad else None
        place = graph.node_of(wrt) if graph is not None else None
        if graph is None or place is None:
            raise ValueError("there is no path: " + str(_no_path(wrt, loss, recording, names)))
        flows = walk(graph, recording=recording)
        if flows.failed:
            node, error = next(iter(flows.failed.items()))
            raise RuntimeError(f"the paths cannot be followed: {node.name()}: {str(error).partition('.')[0]}. Use backward(retain_graph=True), or see.record()")
        sight = Sight(graph, flows, recording, known)
        total = flows.at(*place)
        if total is None:
            total = wrt.detach() * 0
        tree = _Tree(graph, flows, place, recording)
        count = tree.count()
        if tree.scalars:
            found, exact = tree.best(top), True
        else:
            found, exact = tree.follow(top)
        size = Stat.of(total).norm
        listed = []
        for contribution, way in found:
            share = float((engines.array(contribution) * engines.array(total)).sum()) / (size * size) if size else 0.0
            listed.append(Path([_factor(sight, node, slot) for node, slot in way], contribution, Stat.of(contribution).norm, share))
        rest = total
        for path in listed:
            rest = rest - path.contribution
        title = f"∂{known.of(loss, 'loss')}/∂{known.of(wrt, 'w')}"
        return Paths(title, total, listed, rest, count, exact, _agrees(loss, wrt, total, tree, count))


def _no_path(wrt: Any, loss: Any, recording: Recording | None, names: Any) -> str:
    from .why import why

    return why(wrt, loss, recording=recording, names=names).headline


def _agrees(loss: Any, wrt: Any, total: Any, tree: _Tree, count: int) -> bool:
    """Whether the sum over the paths is the engine's gradient; asked of the engine where the graph is whole, else of `.grad`."""
    if count <= 2_000 and not tree.scalars:
        total = tree.sum()
    elif tree.scalars:
        total = tree.scalar_sum(total)
    try:
        (own,) = engines.engine_of(loss).autograd.grad(loss, wrt, retain_graph=True)
    except RuntimeError:
        own = wrt.grad
    if own is None:
        return False
    a, b = engines.array(own), engines.array(total)
    scale = max(float(abs(a).max()) if a.size else 0.0, 1e-30)
    eps = 1e-4 if a.dtype.itemsize <= 4 else 1e-9
    return bool((abs(a - b) <= eps * scale).all()) or not (np.isfinite(a).all() and np.isfinite(b).all())


def _factor(sight: Sight, node: Any, slot: int) -> Factor:
    call: Call | None = sight.call(node)
    number_ = ""
    arrived = next((a for a in sight.flows.arriving.get(node, ()) if a is not None), None)
    if arrived is not None and arrived.numel() == 1:
        ones = [None if a is None else engines.engine_of(a).ones_like(a) for a in sight.flows.arriving[node]]
        out = step(node, ones, sight.recording)[slot]
        if out is not None and out.numel() == 1:
            number_ = number(engines.array(out).reshape(-1)[0])
    formula = local(node, slot) if is_elementwise(node) else ""
    return Factor(sight.title(node), parameter(node, slot), formula, number_, call.line if call is not None else "")


class _Tree:
    """The paths between the loss and a tensor."""

    def __init__(self, graph: Graph, flows: Flows, place: tuple[Any, int], recording: Recording | None):
        self.graph, self.flows, self.place, self.recording = graph, flows, place, recording
        self.reach = graph.reaching(place[0])
        self.order = [n for n in graph.nodes if n in self.reach and n is not place[0]]
        start = graph.starts[0]
        assert start is not None
        self.start = start
        shown = [a for n in self.order for a in flows.arriving.get(n, ()) if a is not None]
        target = flows.at(*place)
        self.scalars = all(a.numel() == 1 for a in shown) and (target is None or target.numel() == 1)

    def steps(self, node: Any) -> list[tuple[int, tuple[Any, int]]]:
        """The edges of a node that lead on to the tensor."""
        found = []
        for slot, edge in enumerate(self.graph.edges[node]):
            if edge[0] in self.reach and (edge[0] is not self.place[0] or edge[1] == self.place[1]):
                found.append((slot, edge))
        return found

    def count(self) -> int:
        """How many paths there are."""
        ways = {self.start: 1}
        total = 0
        if self.start == self.place:
            return 1
        for node in self.order:
            for nr in range(engines.outputs(node)):
                n = ways.pop((node, nr), 0)
                for _, edge in self.steps(node) if n else ():
                    if edge == self.place:
                        total += n
                    else:
                        ways[edge] = ways.get(edge, 0) + n
        return total

    def _vjp(self, node: Any, nr: int, g: Any) -> tuple[Any, ...]:
        grads: list[Any] = [None] * max(engines.outputs(node), nr + 1)
        grads[nr] = g
        outs = step(node, grads, self.recording)
        return tuple(None if o is None or e[0] is None else fitted(o, e) for o, e in zip(outs, self.graph.edges[node]))

    def factors(self, node: Any, nr: int) -> tuple[Any, ...]:
        """The local derivatives of a node of single numbers."""
        like = self.flows.at(node, nr)
        return self._vjp(node, nr, engines.engine_of(like).ones_like(like)) if like is not None else ()

    def best(self, top: int) -> list[tuple[Any, list[tuple[Any, int]]]]:
        """The paths with the largest products, exactly: at each node only the `top` largest products so far can lead to one of them."""
        one = self.flows.at(*self.start)
        here: dict[Any, list[tuple[float, Any, Any]]] = {self.start: [(1.0, one, None)]}
        if self.start == self.place:
            return [(one, [])]
        for node in self.order:
            for nr in range(engines.outputs(node)):
                kept = here.pop((node, nr), None)
                if not kept:
                    continue
                outs = self.factors(node, nr)
                for slot, edge in self.steps(node):
                    f = outs[slot] if slot < len(outs) else None
                    if f is None:
                        continue
                    f = f.reshape(())
                    made = [(_size(p.reshape(()) * f), p.reshape(()) * f, (node, slot, back)) for _, p, back in kept]
                    here[edge] = heapq.nlargest(top, here.get(edge, []) + made, key=lambda c: c[0])
        like = self.flows.at(*self.place)
        return [(p.reshape(like.shape), _way(back)) for _, p, back in here.get(self.place, [])]

    def scalar_sum(self, total: Any) -> Any:
        """The sum of the products of all paths, by the same walk."""
        sums = {self.start: self.flows.at(*self.start).reshape(())}
        if self.start == self.place:
            return total
        for node in self.order:
            for nr in range(engines.outputs(node)):
                p = sums.pop((node, nr), None)
                if p is None:
                    continue
                outs = self.factors(node, nr)
                for slot, edge in self.steps(node):
                    if slot < len(outs) and outs[slot] is not None:
                        c = p * outs[slot].reshape(())
                        sums[edge] = c if edge not in sums else sums[edge] + c
        return sums.get(self.place, total * 0).reshape(total.shape)

    def follow(self, top: int) -> tuple[list[tuple[Any, list[tuple[Any, int]]]], bool]:
        """The paths one by one, those with the largest gradient on their way first."""
        one = self.flows.at(*self.start)
        heap: list[tuple[float, int, Any, Any, Any]] = [(-Stat.of(one).norm, 0, self.start, one, None)]
        ended: list[tuple[float, int, Any, Any]] = []
        made = followed = 0
        if self.start == self.place:
            return [(one, [])], True
        while heap and followed < MANY:
            _, _, (node, nr), g, back = heapq.heappop(heap)
            followed += 1
            outs = self._vjp(node, nr, g)
            for slot, edge in self.steps(node):
                if outs[slot] is None:
                    continue
                made += 1
                step = (node, slot, back)
                size = Stat.of(outs[slot]).norm
                if edge == self.place:
                    ended.append((size, -made, outs[slot], step))
                else:
                    heapq.heappush(heap, (-size, made, edge, outs[slot], step))
        self.ended = ended
        best = heapq.nlargest(top, ended, key=lambda c: (c[0], c[1]))
        return [(g, _way(back)) for _, _, g, back in best], not heap

    def sum(self) -> Any:
        """The sum of what the followed paths bring."""
        total = None
        for _, _, g, _ in getattr(self, "ended", []):
            total = g if total is None else total + g
        return total if total is not None else self.flows.at(*self.place)


def _size(x: Any) -> float:
    value = float(abs(engines.array(x)))
    return math.inf if math.isnan(value) else value


def _way(back: Any) -> list[tuple[Any, int]]:
    way = []
    while back is not None:
        node, slot, back = back
        way.append((node, slot))
    return way[::-1]
