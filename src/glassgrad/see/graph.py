"""The graph under a tensor, read through PyTorch's protocol; and the gradients that go through it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from typing import Any

from . import engines
from .calls import Pass
from .knowledge import is_user_function
from .record import Recording


class Graph:
    """The nodes that a backward from `roots` would run: each before those that it sends gradients to.

    `edges[node]` are its next functions; `users[node]` those that send to it, as (node, slot).
    """

    def __init__(self, roots: Sequence[Any]):
        self.roots = list(roots)
        self.engine = engines.engine_of(self.roots[0])
        self.starts = [engines.edge(t) for t in self.roots]
        self.edges: dict[Any, tuple[tuple[Any, int], ...]] = {}
        self.users: dict[Any, list[tuple[Any, int]]] = {}
        stack = [start[0] for start in self.starts if start is not None]
        while stack:
            node = stack.pop()
            if node in self.edges:
                continue
            self.edges[node] = tuple(node.next_functions)
            self.users.setdefault(node, [])
            for slot, (below, _) in enumerate(self.edges[node]):
                if below is not None:
                    self.users.setdefault(below, []).append((node, slot))
                    stack.append(below)
        self.nodes = self._ordered()
        self.position = {node: i for i, node in enumerate(self.nodes)}

    def _ordered(self) -> list[Any]:
        """The nodes in the order of a backward: among those that are ready, the one made last."""
        import heapq

        waits = {node: len(users) for node, users in self.users.items()}
        heap = [(-_number(node), i, node) for i, (node, n) in enumerate(waits.items()) if n == 0]
        heapq.heapify(heap)
        order, made = [], len(waits)
        while heap:
            _, _, node = heapq.heappop(heap)
            order.append(node)
            for below, _ in self.edges[node]:
                if below is not None:
                    waits[below] -= 1
                    if waits[below] == 0:
                        made += 1
                        heapq.heappush(heap, (-_number(below), made, below))
        return order

    def leaves(self) -> list[Any]:
        """The leaves that a backward would bring gradients to."""
        return [v for v in map(engines.variable, self.nodes) if v is not None]

    def node_of(self, tensor: Any) -> tuple[Any, int] | None:
        """Where the gradient of a tensor arrives, if it is in this graph."""
        place = engines.edge(tensor)
        return place if place is not None and place[0] in self.edges else None

    def reaching(self, target: Any) -> set[Any]:
        """The nodes from which a gradient comes to `target`, itself among them."""
        found, stack = {target}, [target]
        while stack:
            for user, _ in self.users.get(stack.pop(), ()):
                if user not in found:
                    found.add(user)
                    stack.append(user)
        return found

    def __contains__(self, node: Any) -> bool:
        return node in self.edges


def _number(node: Any) -> int:
    try:
        return node._sequence_nr()
    except (AttributeError, RuntimeError):
        return -1


def saved(node: Any) -> dict[str, Any]:
    """What a node kept, by PyTorch's names without `_saved_`; an exception where it cannot be read any more."""
    found: dict[str, Any] = {}
    with engines.aside():
        for attribute in dir(type(node)):
            if attribute.startswith("_saved_"):
                try:
                    found[attribute[7:]] = getattr(node, attribute)
                except RuntimeError as error:
                    found[attribute[7:]] = error
                except (TypeError, AttributeError, NotImplementedError, IndexError, ValueError):
                    continue
        if is_user_function(node):
            try:
                found.update({str(i): t for i, t in enumerate(node.saved_tensors or ())})
            except RuntimeError as error:
                found["saved_tensors"] = error
    return found


def is_freed(error: Any) -> bool:
    """Whether an error says that a backward has freed what is asked for."""
    return isinstance(error, RuntimeError) and "a second time" in str(error)


def is_modified(error: Any) -> bool:
    """Whether an error says that a saved tensor was overwritten."""
    return isinstance(error, RuntimeError) and "modified by an inplace operation" in str(error)


class Flows:
    """The gradients in a graph: `arriving[node]` at its outputs, `along[node, slot]` what it sends to its inputs.

    `failed[node]` is why a node could not say; `source` is "backward" for a recorded one, "asked" for one that was walked to
    answer a question.
    """

    def __init__(self, graph: Graph, source: str):
        self.graph, self.source = graph, source
        self.arriving: dict[Any, list[Any]] = {}
        self.along: dict[tuple[Any, int], Any] = {}
        self.failed: dict[Any, Exception] = {}
        self.unknown: set[Any] = set()  # nodes below a failed one, of whose gradient only a part is known

    def at(self, node: Any, nr: int = 0) -> Any:
        """The gradient that arrives at an output of a node; None where none does."""
        got = self.arriving.get(node)
        return None if got is None or nr >= len(got) else got[nr]


def walk(graph: Graph, gradients: Iterable[Any] | None = None, recording: Recording | None = None) -> Flows:
    """Sends gradients down a graph, node by node, as backward would: nothing is freed, no hook called, no `.grad` written.

    Where a node's saved tensors are gone, its operation is run again from what the recording kept, if it can be.
    """
    flows = Flows(graph, "asked")
    with engines.aside():
        given = list(gradients) if gradients is not None else [graph.engine.ones_like(t) for t in graph.roots]
        for start, g in zip(graph.starts, given):
            if start is not None:
                _add(flows.arriving, start, g)
        for node in graph.nodes:
            got = flows.arriving.get(node)
            if got is None or engines.variable(node) is not None:
                continue
            try:
                outs = tuple(fitted(g, e) if g is not None and e[0] is not None else None for g, e in zip(step(node, got, recording), graph.edges[node]))
            except Exception as error:  # noqa: BLE001 - a node may run the user's code
                flows.failed[node] = error
                _below(graph, node, flows.unknown)
                continue
            for slot, (edge, g) in enumerate(zip(graph.edges[node], outs)):
                if g is not None:
                    flows.along[node, slot] = g
                    _add(flows.arriving, edge, g)
    return flows


def step(node: Any, got: list[Any], recording: Recording | None) -> tuple[Any, ...]:
    """What a node makes of the gradients of its outputs; made again from the recording where what it saved is gone."""
    try:
        return engines.apply_node(node, got)
    except RuntimeError as error:
        if recording is None or not (is_freed(error) or is_modified(error)):
            raise
        again = recording.again(node)
        if again is None:
            raise
        return engines.apply_node(again, got)


def fitted(g: Any, edge: tuple[Any, int]) -> Any:
    """A gradient in the shape of what it is the gradient of: broadcasting undone, which is the engine's part and not the node's."""
    shape = engines.shape_at(*edge)
    return g.sum_to_size(shape) if shape is not None and tuple(g.shape) != shape else g


def _add(arriving: dict[Any, list[Any]], edge: tuple[Any, int], g: Any) -> None:
    node, nr = edge
    slots = arriving.get(node)
    if slots is None:
        slots = arriving[node] = [None] * max(engines.outputs(node), nr + 1)
    slots[nr] = g if slots[nr] is None else slots[nr] + g


def _below(graph: Graph, node: Any, found: set[Any]) -> None:
    stack = [node]
    while stack:
        for below, _ in graph.edges.get(stack.pop(), ()):
            if below is not None and below not in found:
                found.add(below)
                stack.append(below)


def recorded(graph: Graph, recording: Recording | None, which: Pass | None = None) -> Flows | None:
    """The gradients of a backward that was recorded, the last unless told; None if there was none through this graph's root."""
    if recording is None:
        return None
    start = next((s for s in graph.starts if s is not None), None)
    place = recording.place_of(start[0]) if start is not None else None
    passes = [p for p in recording.passes if place is not None and place in p.flows]
    if which is not None:
        passes = [p for p in passes if p is which]
    if not passes:
        return None
    now = passes[-1]
    flows = Flows(graph, "backward")
    for node in graph.nodes:
        leaf = engines.variable(node)
        if leaf is not None:
            part = now.leaves.get(id(leaf))
            if part is not None:
                flows.arriving[node] = [part]
            continue
        at = recording.place_of(node)
        if at is not None and at in now.flows:
            gradients, arrived = now.flows[at]
            flows.arriving[node] = list(arrived)
            for slot, g in enumerate(gradients):
                if g is not None and slot < len(graph.edges[node]) and graph.edges[node][slot][0] is not None:
                    flows.along[node, slot] = g
        else:
            flows.unknown.add(node)
    return flows


def flows_of(graph: Graph, recording: Recording | None) -> Flows:
    """The gradients that a backward really sent, if one was recorded; else those that one would send."""
    return recorded(graph, recording) or walk(graph, recording=recording)


def kept_bytes(graph: Graph) -> tuple[int, int]:
    """How many bytes the nodes of a graph keep alive beside its leaves, and how many tensors: memory counted once."""
    spans: set[tuple[int, int]] = set()
    with contextlib.suppress(RuntimeError):
        own = {engines.memory(leaf) for leaf in graph.leaves()}
        for node in graph.nodes:
            for value in saved(node).values():
                if engines.is_tensor(value):
                    span = engines.memory(value)
                    if span not in own:
                        spans.add(span)
    total, last = 0, 0
    for low, high in sorted(spans):
        total += max(0, high - max(low, last))
        last = max(last, high)
    return total, len(spans)
