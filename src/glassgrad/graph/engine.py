"""The walk backwards: nodes in the order opposite to their making, gradients added where edges meet. No recursion."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from operator import attrgetter
from typing import Any

import numpy as np

from .modes import mode
from .node import Freed, Output

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


def leading_to(order: list[Any], targets: Any) -> list[Any]:
    """Those nodes of `order` from which a gradient can reach a target."""
    useful = set()
    for n in reversed(order):
        for e in n.edges:
            if e in targets or e in useful:
                useful.add(n)
                break
    return [n for n in order if n in useful or n in targets]


def run(
    roots: list[tuple[Any, Any]], keep: bool, graph: bool, targets: Any = None, accumulate: bool = True
) -> dict[Any, Any]:
    """Sends the gradients of `roots` (edge, gradient) down the graph.

    Without `targets` every leaf accumulates; with them only those do (or, without `accumulate`, none), and the gradients
    that arrived at the targets are returned.
    """
    grads: dict[Any, Any] = {}
    for edge, g in roots:
        before = grads.get(edge)
        grads[edge] = g if before is None else before + g
    g = before = None
    order = reachable(grads)
    if targets is not None:
        order = leading_to(order, targets)
    freed = None
    if not keep:
        frame: Any = sys._getframe(2)
        freed = Freed((frame.f_code, frame.f_lasti))
    watch = mode.watch
    if not graph and targets is None and watch is None:
        descend(order, grads, freed)
        for leaf in list(grads):
            leaf._accumulate(grads.pop(leaf))
        return grads
    found: dict[Any, Any] = {}
    before_mode, mode.grad = mode.grad, graph
    try:
        for n in order:
            g = grads.pop(n, None)
            if g is None:
                continue
            if n.hooks is not None:
                g = at_hooked(n, g, grads, graph)
                if g is None:
                    if targets is not None and n in targets:
                        found[n] = grads[n.node][n.nr]
                    continue
            if targets is not None and n in targets:
                found[n] = g
            if watch is None:
                outs = n.backward_graph(g) if graph else n.backward(g, freed)
            else:
                outs = watch(n, lambda n=n, g=g: n.backward_graph(g) if graph else n.backward(g, freed))  # type: ignore[misc]
            if n.hooks is not None and n.hooks.post:
                outs = after_node(n, outs, g, graph)
            for e, gi in zip(n.edges, outs):
                if e is not None and gi is not None:
                    p = grads.get(e)
                    grads[e] = gi if p is None else p + gi
        g = gi = outs = p = None
        for leaf in list(grads):
            if targets is None or (accumulate and leaf in targets):
                leaf._accumulate(grads.pop(leaf), graph)
            elif leaf in targets:
                g = grads.pop(leaf)
                found[leaf] = leaf._hooked(g, graph) if "_leaf_hooks" in leaf.__dict__ else g
    finally:
        mode.grad = before_mode
    return found


def descend(order: list[Any], grads: dict[Any, Any], freed: Any) -> None:
    """The walk of a plain backward, on arrays: what is left in `grads` belongs to the leaves.

    The loop of `run` once more with nothing in it that a plain backward does not need: it is the hot path.
    """
    take, look = grads.pop, grads.get
    for n in order:
        g = take(n, None)
        if g is None:
            continue
        if n.hooks is not None:
            g = at_hooked(n, g, grads, False)
            if g is None:
                continue
            outs = n.backward(g, freed)
            if n.hooks.post:
                outs = after_node(n, outs, g, False)
        else:
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


def at_hooked(node: Any, grad: Any, grads: dict[Any, Any], graph: bool) -> Any:
    """The gradient at a node that has hooks, after those on its tensor and before it; None when it went on to a node of several outputs."""
    if node.hooks.some:
        grad = before_node(node, grad, graph)
    if node.__class__ is Output:
        slots = grads.get(node.node)
        if slots is None:
            slots = grads[node.node] = [None] * node.node.outputs
        slots[node.nr] = grad if slots[node.nr] is None else slots[node.nr] + grad
        return None
    return grad


def without_graph(function: Any, graph: bool, *args: Any) -> Any:
    """Calls a user's function as backward does: recorded only when the gradient itself is to be differentiated."""
    before, mode.grad = mode.grad, graph
    try:
        return function(*args)
    finally:
        mode.grad = before


def replaced(hook: Any, grad: Any, new: Any) -> Any:
    """The gradient after a hook on a tensor: what the hook returned, checked, or the gradient that it was given."""
    if new is None:
        return grad
    if not hasattr(new, "_data"):
        raise TypeError(f"expected Variable, but hook returned '{type(new).__name__}'")
    if new._data.shape != grad._data.shape:
        raise RuntimeError(f"hook '{getattr(hook, '__name__', hook)}' has changed the size of value")
    return new


def before_node(node: Any, grad: Any, graph: bool) -> Any:
    """The gradient after the hooks on the tensor and those before the node."""
    wrap, unwrap = (lambda g: g), (lambda g: g)
    if not graph:
        wrap, unwrap = node.wrap, lambda t: t._data
    hooks = node.hooks
    if hooks.tensor:
        t = wrap(grad)
        for hook in list(hooks.tensor.values()):
            t = replaced(hook, t, without_graph(hook, graph, t))
        grad = unwrap(t)
    if hooks.pre:
        several = type(grad) is list
        out = tuple(None if g is None else wrap(g) for g in (grad if several else (grad,)))
        for pre in list(hooks.pre.values()):
            new = without_graph(pre, graph, out)
            if new is not None:
                out = new if isinstance(new, tuple) else (new,)
        values = [None if g is None else unwrap(g) for g in out]
        grad = values if several else values[0]
    return grad


def after_node(node: Any, grads: Any, grad: Any, graph: bool) -> Any:
    """The gradients of the edges after the hooks on the node."""
    wrap, unwrap = (lambda g: g), (lambda g: g)
    if not graph:
        wrap, unwrap = node.wrap, lambda t: t._data
    into = tuple(None if g is None else wrap(g) for g in (grad if type(grad) is list else (grad,)))
    outs = tuple(None if g is None or e is None else wrap(g) for e, g in zip(node.edges, grads))
    for hook in list(node.hooks.post.values()):
        new = without_graph(hook, graph, outs, into)
        if new is not None:
            new = new if isinstance(new, tuple) else (new,)
            if len(new) != len(outs):
                raise RuntimeError(
                    f"hook '{getattr(hook, '__name__', hook)}' has returned an incorrect number of values (got {len(new)}, but expected {len(outs)})"
                )
            outs = new
    return tuple(None if g is None else unwrap(g) for g in outs)


def ones_like(data: Any) -> Any:
    """The gradient that a scalar starts with."""
    kind = type(data)
    if kind is np.float32 or kind is np.float64:
        return kind(1)
    return data.dtype.type(1) if data.ndim == 0 else np.ones_like(data)
