"""Tensors nested in tuples, lists and dicts, taken out and put back."""

from __future__ import annotations

from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable
from typing import Any


class Structure:
    """How a value was nested: the kind of each container, what it needs to be made again, and what was in it."""

    __slots__ = ("kind", "context", "children")

    def __init__(self, kind: Any, context: Any = None, children: tuple[Structure, ...] = ()):
        self.kind, self.context, self.children = kind, context, children

    leaves = property(lambda self: 1 if self.kind is None else sum(c.leaves for c in self.children))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Structure) and (self.kind, self.context, self.children) == (other.kind, other.context, other.children)

    def __hash__(self) -> int:
        return hash((self.kind, self.children))

    def __repr__(self) -> str:
        if self.kind is None:
            return "*"
        children = ",\n".join(map(repr, self.children)).replace("\n", "\n  ")
        return f"TreeSpec({self.kind.__name__}, {self.context and self.context[0]}, [{children}])"

    def drawn(self) -> str:
        """The structure as a value with a star in each leaf's place."""
        return repr(self.build([LEAF] * self.leaves))

    def build(self, leaves: Any) -> Any:
        """The value again, with other leaves."""
        return _build(self, iter(leaves))


LEAF = Structure(None)


def _open(value: Any) -> tuple[list[Any], Any] | None:
    """What a container holds, and what else it needs to be made again."""
    kind = type(value)
    if kind in (tuple, list):
        return list(value), None
    if kind is deque:
        return list(value), value.maxlen
    if kind in (dict, OrderedDict, defaultdict):
        return list(value.values()), (list(value), value.default_factory if kind is defaultdict else None)
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return list(value), kind
    return None


def flatten(tree: Any) -> tuple[list[Any], Structure]:
    """The leaves from left to right, and the structure."""
    found = _open(tree)
    if found is None:
        return [tree], LEAF
    leaves: list[Any] = []
    children = []
    for item in found[0]:
        more, child = flatten(item)
        leaves += more
        children.append(child)
    return leaves, Structure(type(tree), found[1], tuple(children))


def _build(structure: Structure, leaves: Any) -> Any:
    kind: Any = structure.kind
    if kind is None:
        return next(leaves)
    items = [_build(c, leaves) for c in structure.children]
    if kind in (tuple, list):
        return kind(items)
    if kind is deque:
        return deque(items, structure.context)
    if kind in (dict, OrderedDict, defaultdict):
        pairs = zip(structure.context[0], items)
        return defaultdict(structure.context[1], pairs) if kind is defaultdict else kind(pairs)
    return kind(*items)


def apply(function: Callable[[Any], Any], tree: Any) -> Any:
    """The function of each leaf, nested as they were."""
    leaves, structure = flatten(tree)
    return structure.build([function(leaf) for leaf in leaves])


def spread(prefix: Any, structure: Structure) -> list[Any] | None:
    """A value for each leaf from a tree that may stop earlier, where one value stands for all below; None where they do not fit."""
    found = _open(prefix)
    if found is None:
        return [prefix] * structure.leaves
    items, context = found
    if structure.kind is not type(prefix) or context != structure.context or len(items) != len(structure.children):
        return None
    out: list[Any] = []
    for item, child in zip(items, structure.children):
        more = spread(item, child)
        if more is None:
            return None
        out += more
    return out
