"""An operation as data: everything that is known of it, and the registry of all."""

from __future__ import annotations

import inspect
from typing import Any


class Op:
    """A declared operation: everything that is known about it."""

    def __init__(self, name: str, kind: str, forward: Any, rules: dict[str, Any], params: list[inspect.Parameter],
                 tensors: tuple[str, ...], node: str, ufunc: Any, floats: bool, broadcast: bool, view: bool,
                 doc: str | None, refuses: dict[str, Any] | None = None,
                 shows: dict[str, Any] | None = None, numbers: bool = True):  # fmt: skip
        self.name, self.kind, self.forward, self.rules, self.params, self.tensors = name, kind, forward, rules, params, tensors
        self.node_name, self.ufunc, self.floats, self.broadcast, self.view, self.doc = node, ufunc, floats, broadcast, view, doc
        self.refuses = refuses or {}  # kinds of dtype that PyTorch has no kernel for: its name, or the exception
        self.shows = shows or {}  # what the node shows as _saved_… where PyTorch shows it otherwise: a value, a function of the node, or ... for nothing
        self.numbers = numbers  # whether a Python number can stand for a tensor
        self.statics = tuple(p.name for p in params if p.name not in tensors)
        self.edges = tuple(t for t in tensors if t in rules)  # masks and indices have none
        self.wants = {t: tuple(inspect.signature(r).parameters) if callable(r) else () for t, r in rules.items()}
        self.kept_statics: tuple[str, ...] = ()
        self.node: Any = None
        self.general_node: Any = None
        self.call: Any = None
        self.operator: Any = None

    def __repr__(self) -> str:
        return f"<{self.kind} op {self.name}>"

    def __reduce__(self) -> Any:
        return find, (self.name,)


OPS: dict[str, Op] = {}
UFUNCS: dict[Any, Any] = {}


def find(name: str) -> Op:
    """The op of that name."""
    return OPS[name]
