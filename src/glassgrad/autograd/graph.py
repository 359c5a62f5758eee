"""The parts of the graph that PyTorch shows under `autograd.graph`: its nodes and edges, hooks on saved tensors, hooks on several gradients."""

from __future__ import annotations

import contextlib
import functools
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from ..graph.hooks import RemovableHandle
from ..graph.memory import memory_of
from ..graph.modes import mode as modes
from ..graph.modes import packing
from ..graph.node import GradientEdge, Node, public_edge
from ..tensor import Tensor

__all__ = [
    "GradientEdge", "Node", "allow_mutation_on_saved_tensors", "disable_saved_tensors_hooks", "get_gradient_edge", "increment_version",
    "register_multi_grad_hook", "save_on_cpu", "saved_tensors_hooks",
]  # fmt: skip


def get_gradient_edge(tensor: Tensor) -> Any:
    """The place in the graph where the gradient of a tensor arrives, to be named as an input of `grad`.

    >>> import glassgrad as gg
    >>> x = gg.tensor(2.0, requires_grad=True); y = x * x; edge = gg.autograd.graph.get_gradient_edge(y)
    >>> gg.autograd.grad(3 * y, edge)
    (tensor(3.),)
    """
    if not tensor.requires_grad:
        raise RuntimeError("It is not possible to get the gradient edge for a Tensor that does not require gradients")
    edge = GradientEdge(*public_edge(tensor._fn or tensor))
    edge.like = tensor._data.shape, tensor._data.dtype
    return edge


def increment_version(tensor: Tensor | Iterable[Tensor]) -> None:
    """Counts a write that this package could not see, so that nodes which saved the tensor notice it.

    >>> import glassgrad as gg
    >>> x = gg.ones(2); gg.autograd.graph.increment_version(x); x._version
    1
    """
    tensors = [tensor] if isinstance(tensor, Tensor) else tensor
    if not isinstance(tensors, Iterable):
        raise RuntimeError("increment_version expect a Iterable[Tensor] as input")
    for t in tensors:
        memory_of(t).version += 1


class saved_tensors_hooks:
    """A context in which operations keep `pack_hook(tensor)` in place of each tensor that they save; backward reads `unpack_hook` of that.

    The pack hook may return anything, the unpack hook must return a tensor of the same values. Of nested contexts the inner one counts.
    Raises RuntimeError where such hooks are disabled, or when a pack hook writes into its tensor.

    >>> import glassgrad as gg
    >>> x = gg.tensor([1.0, 2.0], requires_grad=True)
    >>> with gg.autograd.graph.saved_tensors_hooks(lambda t: t.numpy(force=True).astype("float16"), lambda a: gg.tensor(a).float()):
    ...     y = (x * x).sum()
    >>> y.backward(); x.grad
    tensor([2., 4.])
    """

    def __init__(self, pack_hook: Callable[[Tensor], Any], unpack_hook: Callable[[Any], Tensor]) -> None:
        self.pack_hook, self.unpack_hook = pack_hook, unpack_hook

    def __enter__(self) -> None:
        if not callable(self.pack_hook) or not callable(self.unpack_hook):
            raise TypeError(
                "_push_saved_tensors_default_hooks(): incompatible function arguments. The following argument types are supported:\n"
                "    1. (pack_hook: Callable, unpack_hook: Callable) -> None"
            )
        if modes.saved_hooks_refused is not None:
            raise RuntimeError(modes.saved_hooks_refused)
        modes.saved_hooks = (*modes.saved_hooks, (self.pack_hook, self.unpack_hook))
        packing.append(True)

    def __exit__(self, *exc: Any) -> None:
        modes.saved_hooks = modes.saved_hooks[:-1]
        packing.pop()


class save_on_cpu(saved_tensors_hooks):
    """A context in which saved tensors are kept in the CPU's memory: where they are here in any case; `pin_memory` changes nothing.

    >>> import glassgrad as gg
    >>> x = gg.tensor(3.0, requires_grad=True)
    >>> with gg.autograd.graph.save_on_cpu():
    ...     y = x * x
    >>> y.backward(); x.grad
    tensor(6.)
    """

    def __init__(self, pin_memory: bool = False, device_type: str = "cuda") -> None:
        super().__init__(lambda tensor: (tensor.device, tensor.cpu()), lambda packed: packed[1].to(packed[0]))


@contextlib.contextmanager
def disable_saved_tensors_hooks(error_message: str) -> Iterator[None]:
    """A context, or decorator, in which saved-tensor hooks are refused: whoever sets some gets a RuntimeError with this message.

    >>> import glassgrad as gg
    >>> with gg.autograd.graph.disable_saved_tensors_hooks("not here"), gg.autograd.graph.save_on_cpu():
    ...     pass
    Traceback (most recent call last):
    RuntimeError: not here
    """
    before = modes.saved_hooks_refused
    if modes.saved_hooks:
        raise RuntimeError(error_message)
    modes.saved_hooks_refused = error_message
    try:
        yield
    finally:
        modes.saved_hooks_refused = before


class Copies:
    """The copies that a context of `allow_mutation_on_saved_tensors` made; gone when it ends."""

    def __init__(self) -> None:
        self.open = True

    def pack(self, tensor: Tensor) -> Any:
        return tensor.detach().clone()

    def unpack(self, kept: Any) -> Tensor:
        if not self.open:
            raise AssertionError(
                "Trying to backward outside of the 'allow_mutation_on_saved_tensors' contextin which the graph was originally recorded."
            )
        return kept


@contextlib.contextmanager
def allow_mutation_on_saved_tensors() -> Iterator[Copies]:
    """A context in which tensors that a node saved may be written in place: the node keeps a copy, made when it saves.

    The backward must run inside the context as well: outside it raises AssertionError.

    >>> import glassgrad as gg
    >>> with gg.autograd.graph.allow_mutation_on_saved_tensors():
    ...     x = gg.tensor([1.0, 2.0], requires_grad=True); y = x.clone(); z = (y * y).sum()
    ...     y.zero_()
    ...     z.backward()
    tensor([0., 0.], grad_fn=<ZeroBackward0>)
    >>> x.grad
    tensor([2., 4.])
    """
    if any(getattr(pack, "__func__", None) is Copies.pack for pack, _ in modes.saved_hooks):
        raise RuntimeError("allow_mutation_on_saved_tensors contexts cannot be nested")
    copies = Copies()
    try:
        with saved_tensors_hooks(copies.pack, copies.unpack):
            yield copies
    finally:
        copies.open = False


class MultiHandle:
    """Undoes the registration of a hook on several tensors."""

    def __init__(self, handles: Sequence[RemovableHandle]):
        self.handles = tuple(handles)

    def remove(self) -> None:
        for handle in self.handles:
            handle.remove()

    def __enter__(self) -> MultiHandle:
        return self

    def __exit__(self, *exc: Any) -> None:
        self.remove()


def register_multi_grad_hook(tensors: Sequence[Tensor], fn: Callable[[Any], None], *, mode: str = "all") -> MultiHandle:
    """Calls `fn` once in each backward: with the list of gradients when those of all the tensors are in, or with the first that is ("any").

    Tensors that a backward does not reach count as in, and have None in the list.

    >>> import glassgrad as gg
    >>> x, w = gg.tensor(2.0, requires_grad=True), gg.tensor(3.0, requires_grad=True)
    >>> with gg.autograd.graph.register_multi_grad_hook([x, w], print):
    ...     (x * w).backward()
    [tensor(3.), tensor(2.)]
    """
    if mode not in ("all", "any"):
        raise ValueError(f"Expects mode to be one of ('all', 'any') but got {mode}")
    if not all(t.requires_grad for t in tensors):
        raise AssertionError("Expected gradient function to be set")
    places = [weakref.ref(t if t._fn is None else public_edge(t._fn)[0]) for t in tensors]  # weak: the hook hangs on them
    arrived: Any = weakref.WeakKeyDictionary()  # by walk: how many are to come, and the gradients
    lock = threading.Lock()

    def arrives(index: int, grad: Any) -> None:
        walk = modes.walk
        with lock:
            if walk not in arrived:
                reached = [p for p in (place() for place in places) if p is not None and walk.reaches(p)]
                arrived[walk] = [1 if mode == "any" else len(reached), [None] * len(places)]
            state = arrived[walk]
            state[0] -= 1
            state[1][index] = grad
        if state[0] == 0:
            fn(grad if mode == "any" else arrived.pop(walk)[1])

    return MultiHandle([t.register_hook(functools.partial(arrives, i)) for i, t in enumerate(tensors)])
