"""Nodes and edges: what an operation leaves behind so that its gradient can be computed.

A node never refers to the tensor that it made, so a graph is freed as soon as its last tensor goes. An edge is the node
that made an input, or the leaf itself: a leaf's AccumulateGrad object is made when somebody looks at `next_functions`.
"""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Callable
from typing import Any, NamedTuple

from ..errors import modified_in_place, second_backward
from .hooks import Hooks, RemovableHandle, register
from .modes import forward_lines, mode

count = itertools.count().__next__


class Freed:
    """Stands where a saved value was; remembers which backward freed it."""

    __slots__ = ("place",)

    def __init__(self, place: Any):
        self.place = place


class Node:
    """An operation that ran: its edges, what it saved, and how a gradient goes through it."""

    __slots__ = ("edges", "seq", "hooks", "extra", "__weakref__")
    edges: tuple[Any, ...]
    seq: int
    hooks: Any
    extra: dict[str, Any]
    saves: tuple[str, ...] = ()  # the names that it keeps, read as _saved_<name>
    outputs = 1
    lone = True  # nothing happens here without a gradient: only a user's Function may make one of none
    requires_grad = True
    wrap: Any = None  # makes a tensor around an array: set by tensor.py, which stands above this room

    def backward(self, grad: Any, freed: Freed | None) -> tuple[Any, ...]:
        """The gradient of each edge, on arrays; what was saved is dropped when `freed` is given."""
        raise NotImplementedError

    def backward_graph(self, grad: Any) -> tuple[Any, ...]:
        """The same on tensors, leaving a graph: the gradient can be differentiated again."""
        raise NotImplementedError

    def __call__(self, *grads: Any) -> Any:
        """The node's own vjp: what the gradients of its outputs become for its inputs. Nothing is freed."""
        if len(grads) != self.outputs:
            raise TypeError(f"expected {self.outputs} arguments, got {len(grads)} instead")
        if mode.grad:
            outs = self.backward_graph(list(grads) if self.outputs > 1 else grads[0])
        else:
            datas = [None if g is None else g._data for g in grads]
            outs = tuple(None if g is None else self.wrap(g) for g in self.backward(datas if self.outputs > 1 else datas[0], None))
        outs = tuple(None if e is None else g for e, g in zip(self.edges, outs))
        return outs if len(outs) != 1 else outs[0]

    def output(self, nr: int) -> Any:
        """What an edge to its output `nr` holds."""
        return self if self.outputs == 1 else Output(self, nr)

    def name(self) -> str:
        """PyTorch's name of this node."""
        return type(self).__name__

    def __repr__(self) -> str:
        return f"<{type(self).__name__} object at {hex(id(self))}>"

    @property
    def next_functions(self) -> tuple[tuple[Any, int], ...]:
        """The nodes that the gradient goes to, each with the number of its output."""
        return tuple(public_edge(e) for e in self.edges)

    @property
    def metadata(self) -> dict[Any, Any]:
        """A dict for whoever wants to attach something to this node."""
        found = self._extras().setdefault("metadata", {})
        if self.seq in forward_lines:
            found.setdefault("traceback_", forward_lines[self.seq])
        return found

    def _extras(self) -> dict[str, Any]:
        try:
            return self.extra
        except AttributeError:
            self.extra = {}
            return self.extra

    def _hooks(self) -> Hooks:
        if self.hooks is None:
            self.hooks = Hooks()
        return self.hooks

    def register_hook(self, hook: Callable[[Any, Any], Any]) -> RemovableHandle:
        """Calls `hook(grad_inputs, grad_outputs)` after this node; a tuple that it returns replaces `grad_inputs`."""
        return register(self._hooks().post, hook)

    def register_prehook(self, hook: Callable[[Any], Any]) -> RemovableHandle:
        """Calls `hook(grad_outputs)` before this node; a tuple that it returns replaces `grad_outputs`."""
        return register(self._hooks().pre, hook)

    def _sequence_nr(self) -> int:
        return self.seq

    def stale(self, name: str, saved: Any, version: int) -> Any:
        """The error for a saved tensor that was overwritten."""
        memory = saved._memory
        source = saved._fn
        return modified_in_place(
            self, name, saved._data, source.name() if source is not None else None, memory.version, version, memory.writer,
            mode.watch is not None,
        )

    def stale_result(self, name: str, data: Any, kept: Any) -> Any:
        memory, version = kept
        return modified_in_place(self, name, data, self.name(), memory.version, version, memory.writer, mode.watch is not None)

    def freed(self, value: Freed) -> Any:
        """The error for a saved value that an earlier backward dropped."""
        return second_backward(self, value.place)


class Edge(NamedTuple):
    node: Any
    output_nr: int
    ownership_token: Any = None


class GradientEdge(Edge):
    """A place in the graph: a node and the number of its output."""

    like: Any = None  # shape and dtype of the tensor there, where they are known


class Output(Node):
    """One output of a node that has several: the gradients of all meet in the node."""

    __slots__ = ("node", "nr")
    some = Hooks()  # never any: they are the node's; but what is not None makes the walk look twice

    def __init__(self, node: Any, nr: int):
        self.node, self.nr, self.edges, self.hooks, self.seq = node, nr, (node,), self.some, count()

    def name(self) -> str:
        return self.node.name()


class AccumulateGrad(Node):
    """The end of an edge: adds the gradient to the leaf's `.grad`. Made when somebody looks."""

    __slots__ = ("variable",)

    def __init__(self, variable: Any):
        self.variable, self.edges, self.hooks, self.seq = variable, (), None, 2**64 - 1

    def name(self) -> str:
        return "torch::autograd::AccumulateGrad"

    def __call__(self, grad: Any) -> tuple[Any, ...]:
        if grad is not None:
            self.variable._accumulate(grad._data)
        return ()

    def _hooks(self) -> Hooks:
        return self.variable.__dict__.setdefault("_node_hooks", Hooks())  # the leaf's, which outlives this object


def accumulator(leaf: Any) -> AccumulateGrad:
    """The leaf's AccumulateGrad: always the same one while somebody holds it."""
    found = leaf.__dict__.get("_accumulator")
    node = found() if found is not None else None
    if node is None:
        node = AccumulateGrad(leaf)
        leaf.__dict__["_accumulator"] = weakref.ref(node)
    return node


def public_edge(edge: Any) -> tuple[Any, int]:
    """An edge as PyTorch shows it: a node and the number of its output."""
    if edge is None:
        return None, 0
    if type(edge) is Output:
        return edge.node, edge.nr
    if isinstance(edge, Node):
        leaf = getattr(edge, "leaf", None)  # of a Stand
        return (edge, 0) if leaf is None else (accumulator(leaf), 0)
    return accumulator(edge), 0


def edge_of(tensor: Any) -> Any:
    """What an edge to `tensor` holds: its node, itself for a leaf, None where no gradient goes."""
    return tensor._fn or (tensor if tensor._needs else None)
