"""The walk backwards: nodes in the order opposite to their making, gradients added where edges meet. No recursion."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from operator import attrgetter
from typing import Any

import numpy as np

from .hooks import after_node, at_tensors, before_node, live
from .modes import mode
from .node import Freed, Node, Output

by_creation = attrgetter("seq")


def reachable(roots: Iterable[Any]) -> list[Any]:
    """Every node under the roots, newest first. Leaves count as made before everything (`seq` -1) and are left out."""
    found = [r for r in roots if r.seq >= 0]
    seen = set(found)
    add = seen.add
    for node in found:  # grows while it is walked
        for e in node.edges:
            if e is not None and e not in seen and e.seq >= 0:
                add(e)
                found.append(e)
    found.sort(key=by_creation, reverse=True)
    return found


def run(
    roots: list[tuple[Any, Any]], keep: bool, graph: bool, targets: Any = None, accumulate: bool = True, place: Any = None
) -> dict[Any, Any]:
    """Sends the gradients of `roots` (edge, gradient) down the graph.

    Without `targets` every leaf accumulates; with them only those do (or, without `accumulate`, none), and the gradients
    that arrived at the targets are returned. `place` is the user's line, for whoever asks later for what this backward freed.
    """
    grads: dict[Any, Any] = {}
    for edge, g in roots:
        before = grads.get(edge)
        grads[edge] = g if before is None else before + g
    g = before = None
    order = reachable(grads)
    freed = None
    if not keep:
        if place is None:  # two calls up, on the hot path
            frame: Any = sys._getframe(2)
            place = frame.f_code, frame.f_lasti
        freed = Freed(place)
    if not graph and targets is None and not live and mode.watch is None and mode.walk is None:
        descend(order, grads, freed)
        for leaf in list(grads):
            leaf._accumulate(grads.pop(leaf))
        return grads
    walk = Walk(order, grads, targets, accumulate, graph)
    before_mode, before_walk = mode.grad, mode.walk
    mode.grad, mode.walk = graph, walk
    try:
        walk.down(grads, freed)
    finally:
        mode.grad, mode.walk = before_mode, before_walk
    return walk.found


def descend(order: list[Any], grads: dict[Any, Any], freed: Any) -> None:
    """The walk of a plain backward, on arrays and without hooks: what is left in `grads` belongs to the leaves. The hot path."""
    take, look = grads.pop, grads.get
    for n in order:
        g = take(n, None)
        if g is None:
            if n.lone:
                continue
            g = [None] * n.outputs
        if n.hooks is not None:
            if n.__class__ is Output:
                gather(n, g, grads)
                continue
            g = at_node(n, g, False)
        outs = n.backward(g, freed)
        edges = n.edges
        if len(edges) == 1:
            (e,), (gi,) = edges, outs
            if e is not None and gi is not None:
                p = look(e)
                grads[e] = gi if p is None else p + gi
            continue
        for e, gi in zip(edges, outs):
            if e is not None and gi is not None:
                p = look(e)
                grads[e] = gi if p is None else p + gi


def gather(output: Output, grad: Any, grads: dict[Any, Any]) -> None:
    """Puts the gradient of one output among those of its node."""
    slots = grads.get(output.node)
    if slots is None:
        slots = grads[output.node] = [None] * output.node.outputs
    slots[output.nr] = grad if slots[output.nr] is None else slots[output.nr] + grad


def at_node(node: Any, grad: Any, graph: bool) -> Any:
    """The gradient at a node after the hooks on the tensors that it made."""
    several = type(grad) is list
    grads = wrapped(grad if several else [grad], graph)
    at_tensors(node.hooks, grads, graph)
    grads = bare(grads, graph)
    return grads if several else grads[0]


def wrapped(grads: Any, graph: bool) -> list[Any]:
    """Gradients as the tensors that hooks see."""
    return list(grads) if graph else [None if g is None else Node.wrap(g) for g in grads]


def bare(grads: Any, graph: bool) -> list[Any]:
    """The opposite: gradients as the walk holds them."""
    return list(grads) if graph else [None if t is None else t._data for t in grads]


class Walk:
    """A backward that is more than plain: with hooks, with targets, or leaving a graph itself.

    Each leaf is settled as soon as its last gradient is in, and a target's gradient is taken where it arrives: before the hooks on it
    if the gradient goes on below it, after them if not.
    """

    __slots__ = ("order", "useful", "captures", "leaves", "waits", "accumulate", "graph", "found", "__weakref__")

    def __init__(self, order: list[Any], roots: Any, targets: Any, accumulate: bool, graph: bool):
        self.order, self.accumulate, self.graph = order, accumulate, graph
        self.found: dict[Any, Any] = {}  # the gradients of the targets
        self.captures: dict[Any, list[tuple[Any, int]]] = {}  # by node, the targets that are outputs of it
        self.useful: set[Any] | None = None  # with targets, the nodes that run
        self.leaves = targets  # with targets, the leaves among them
        if targets is not None:
            for t in targets:
                if t.seq >= 0:
                    node, nr = (t.node, t.nr) if type(t) is Output else (t, 0)
                    self.captures.setdefault(node, []).append((t, nr))
            self._prune()
        self.waits: dict[Any, int] = {r: 0 for r in roots if r.seq < 0}  # how many gradients of each leaf are still to come
        for n in self.order:
            if self.useful is None or n in self.useful:
                for e in n.edges:
                    if e is not None and e.seq < 0:
                        self.waits[e] = self.waits.get(e, 0) + 1

    def _prune(self) -> None:
        """Leaves out the nodes from which no gradient reaches a target."""
        useful: set[Any] = set()
        for n in reversed(self.order):
            for e in n.edges:
                if e in useful or e in self.captures or e in self.leaves:
                    useful.add(n)
                    break
        if self.accumulate:  # then the targets run too, although nothing goes on from them
            useful.update(self.captures)
        self.useful = useful
        self.order = [n for n in self.order if n in useful or n in self.captures]

    def reaches(self, edge: Any) -> bool:
        """Whether this walk brings a gradient to a node or leaf."""
        if edge.seq < 0:
            return edge in self.waits and (self.leaves is None or edge in self.leaves)
        return edge in self.useful or edge in self.captures if self.useful is not None else edge in self.order

    def goes_to(self, edge: Any) -> bool:
        return self.useful is None or edge in self.useful or edge in self.captures or edge in self.leaves

    def down(self, grads: dict[Any, Any], freed: Any) -> None:
        """Runs the nodes; `grads` holds the gradients that the roots start with."""
        graph, captures, useful, watch, waits = self.graph, self.captures, self.useful, mode.watch, self.waits
        ready = [leaf for leaf, n in waits.items() if n == 0]
        self._settle(ready, grads)
        for n in self.order:
            g = grads.pop(n, None)
            if n.__class__ is Output:
                if g is not None:
                    gather(n, g, grads)
                continue
            hooks = n.hooks
            if g is None and (hooks is not None or not n.lone) and n.outputs != 1:
                g = [None] * n.outputs
            runs = useful is None or n in useful
            if captures and runs:
                self._take(n, g)
            if hooks is not None and (hooks.tensor or hooks.retains):
                g = at_node(n, g, graph)
            if not runs:
                self._take(n, g)
                continue
            if hooks is not None and hooks.pre:
                several = type(g) is list
                g = bare(before_node(hooks, tuple(wrapped(g if several else (g,), graph)), graph), graph)
                g = g if several else g[0]
            edges = n.edges
            if g is None and n.lone:
                outs: Any = (None,) * len(edges)
            elif watch is None:
                outs = n.backward_graph(g) if graph else n.backward(g, freed)
            else:
                outs = watch(n, lambda n=n, g=g: n.backward_graph(g) if graph else n.backward(g, freed))
            if hooks is not None and hooks.post:
                outs = [gi if e is not None and self.goes_to(e) else None for e, gi in zip(edges, outs)]
                outs = bare(after_node(hooks, tuple(wrapped(outs, graph)), tuple(wrapped(g if type(g) is list else (g,), graph)), graph), graph)
            for e, gi in zip(edges, outs):
                if e is not None:
                    if gi is not None:
                        p = grads.get(e)
                        grads[e] = gi if p is None else p + gi
                    if e.seq < 0:
                        waits[e] -= 1
                        if not waits[e]:
                            ready.append(e)
            if ready:
                g = gi = outs = p = None
                self._settle(ready, grads)

    def _take(self, node: Any, grad: Any) -> None:
        for target, nr in self.captures.get(node, ()):
            self.found[target] = grad[nr] if type(grad) is list else grad

    def _settle(self, ready: list[Any], grads: dict[Any, Any]) -> None:
        """Hands leaves their gradients: all of them are in."""
        for leaf in ready:
            if self.leaves is None or (self.accumulate and leaf in self.leaves):
                leaf._accumulate(grads.pop(leaf, None), self.graph)
            elif leaf in self.leaves:
                self.found[leaf] = leaf._hooked(grads.pop(leaf, None), self.graph)
            else:
                grads.pop(leaf, None)
        ready.clear()


def ones_like(data: Any) -> Any:
    """The gradient that a scalar starts with."""
    kind = type(data)
    if kind is np.float32 or kind is np.float64:
        return kind(1)
    return data.dtype.type(1) if data.ndim == 0 else np.ones_like(data)
