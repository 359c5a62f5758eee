"""Hooks: the sets that they are registered in, and how a backward runs them.

At a node the order is: those on the tensors that it made, in the order of their registration; what keeps the gradients of non-leaves; those
before the node; the node; those after it. A hook may return what replaces the gradient; it may be removed while it runs.
"""

from __future__ import annotations

import itertools
import threading
import weakref
from typing import Any

from ..dtypes import FROM_NUMPY
from .modes import mode

live: set[int] = set()  # the sets that hold hooks: while it is empty, a backward need not care about the order in which leaves are reached
number = itertools.count().__next__


class HookSet(dict[int, Any]):
    """Hooks by number, in order of registration."""

    __slots__ = ("__weakref__",)

    def __del__(self, forget: Any = live.discard) -> None:  # a default: the module's names go before the last hooks when Python ends
        forget(id(self))


class RemovableHandle:
    """Undoes a registration: `remove()`, or leaving it as a context."""

    __slots__ = ("_hooks", "id")

    def __init__(self, hooks: HookSet):
        self._hooks, self.id = weakref.ref(hooks), number()

    def remove(self) -> None:
        hooks = self._hooks()
        if hooks is not None:
            hooks.pop(self.id, None)
            if not hooks:
                live.discard(id(hooks))

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *exc: Any) -> None:
        self.remove()


def added(hooks: HookSet, hook: Any, prepend: bool = False) -> RemovableHandle:
    """Puts a hook behind the others of a set, or before them."""
    handle = RemovableHandle(hooks)
    rest = dict(hooks) if prepend else {}
    if prepend:
        hooks.clear()
    hooks[handle.id] = hook
    hooks.update(rest)
    return handle


class Hooks:
    """The hooks of a node: on the tensors that it made (each with the number of the output), before it, after it.

    `retains` holds the tensors that keep their gradient: they get it when the hooks on all tensors have run.
    """

    __slots__ = ("tensor", "pre", "post", "retains")

    def __init__(self) -> None:
        self.tensor, self.pre, self.post = HookSet(), HookSet(), HookSet()
        self.retains: dict[int, tuple[int, weakref.ref[Any]]] = {}


def register(hooks: HookSet, hook: Any) -> RemovableHandle:
    """Adds `hook` to an ordered set of hooks."""
    handle = RemovableHandle(hooks)
    hooks[handle.id] = hook
    live.add(id(hooks))
    return handle


def without_graph(function: Any, graph: bool, *args: Any) -> Any:
    """Calls a user's function as backward does: recorded only when the gradient itself is to be differentiated."""
    before, mode.grad = mode.grad, graph
    try:
        return function(*args)
    finally:
        mode.grad = before


DEPTH = 40  # backwards within each other that one thread runs: an interpreter's stack holds some hundred


def deeper(function: Any, *args: Any) -> Any:
    """Calls a user's backward, which may run a backward of its own, and so on: at some depth on the fresh stack of another thread."""
    mode.depth += 1
    try:
        return function(*args) if mode.depth % DEPTH else elsewhere(function, *args)
    finally:
        mode.depth -= 1


def elsewhere(function: Any, *args: Any) -> Any:
    """Calls a function in a new thread, under the modes of this one, and waits for it."""
    state = dict(mode.__dict__)
    outcome: list[Any] = []

    def work() -> None:
        mode.__dict__.update(state)
        try:
            outcome.extend((function(*args), None))
        except BaseException as error:  # noqa: BLE001 - raised where the call was made
            outcome.extend((None, error))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    result, error = outcome
    outcome.clear()
    try:
        if error is not None:
            raise error
        return result
    finally:
        del error  # else the traceback would hold the frame that holds the error


def named(hook: Any) -> Any:
    """What to call a hook in an error."""
    return getattr(hook, "__name__", hook)


def replaced(hook: Any, grad: Any, new: Any) -> Any:
    """The gradient after a hook: what the hook returned, checked, or the gradient that it was given."""
    if new is None:
        return grad
    if not hasattr(new, "_data"):
        raise TypeError(f"expected Variable, but hook returned '{type(new).__name__}'")
    if grad is None:
        raise RuntimeError("can't replace a None gradient with a non-None value")
    if new._data.dtype != grad._data.dtype:
        was, got = (FROM_NUMPY[t._data.dtype].type_name for t in (grad, new))
        raise RuntimeError(f"hook '{named(hook)}' has changed the type of value (was torch.{was}Tensor got torch.{got}Tensor)")
    if new._data.shape != grad._data.shape:
        raise RuntimeError(f"hook '{named(hook)}' has changed the size of value")
    return new


def all_replaced(hook: Any, grads: tuple[Any, ...], new: Any) -> tuple[Any, ...]:
    """The gradients after a hook on a node; it may also take some of them away."""
    if new is None:
        return grads
    if not isinstance(new, tuple):
        raise TypeError(f"expected tuple, but hook returned '{type(new).__name__}'")
    if len(new) != len(grads):
        raise RuntimeError(f"hook '{named(hook)}' has returned an incorrect number of values (got {len(new)}, but expected {len(grads)})")
    return tuple(None if n is None else replaced(hook, g, n) for g, n in zip(grads, new))


def at_tensor(hooks: HookSet, grad: Any, graph: bool) -> Any:
    """A gradient (a tensor or None) after the hooks of a leaf."""
    for _, hook in list(hooks.values()):
        grad = replaced(hook, grad, without_graph(hook, graph, grad))
    return grad


def at_tensors(hooks: Hooks, grads: list[Any], graph: bool) -> None:
    """Runs the hooks on a node's tensors: `grads` holds their gradients, tensors or None."""
    for nr, hook in list(hooks.tensor.values()):
        grads[nr] = replaced(hook, grads[nr], without_graph(hook, graph, grads[nr]))
    for nr, reference in list(hooks.retains.values()):
        tensor, grad = reference(), grads[nr]
        if tensor is not None and grad is not None:
            tensor._grad = grad if tensor._grad is None else without_graph(tensor._grad.add, graph, grad)


def before_node(hooks: Hooks, grads: tuple[Any, ...], graph: bool) -> tuple[Any, ...]:
    """The gradients of a node's outputs after the hooks before it."""
    for hook in list(hooks.pre.values()):
        grads = all_replaced(hook, grads, without_graph(hook, graph, grads))
    return grads


def after_node(hooks: Hooks, grads: tuple[Any, ...], into: tuple[Any, ...], graph: bool) -> tuple[Any, ...]:
    """The gradients of a node's edges after the hooks after it; `into` are those of its outputs."""
    for hook in list(hooks.post.values()):
        grads = all_replaced(hook, grads, without_graph(hook, graph, grads, into))
    return grads


def retain(tensor: Any, node: Any, nr: int) -> None:
    """Makes a tensor, output `nr` of `node`, keep its gradient."""
    node._hooks().retains[id(tensor)] = nr, weakref.ref(tensor)
