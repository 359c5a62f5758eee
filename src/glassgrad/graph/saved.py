"""Saved-tensor hooks: what stands in a node where a tensor was saved while hooks were on, and how it is read back.

Nothing of this runs while no hooks are on: an operation that has made a node asks once whether the list `packing` is empty.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .modes import enable_grad, mode, no_grad
from .node import Freed, Node, count, edge_of


class Packed:
    """A saved tensor as a pack hook left it: what the hook returned, the hook that unpacks it, and the tensor's place in the graph.

    For an output of the node that saved it, the place is the output's number: the edge itself would hold the node.
    """

    __slots__ = ("value", "unpack_hook", "edge")

    def __init__(self, tensor: Any, edge: Any, pack: Callable[[Any], Any], unpack: Callable[[Any], Any]):
        self.unpack_hook, self.edge = unpack, edge
        version = tensor._memory and tensor._memory.version or 0
        with no_grad():
            value = pack(tensor)
        if version != (tensor._memory and tensor._memory.version or 0):
            raise RuntimeError(
                "A saved tensor pack hook is modifying its input in place. Tensors provided as input to pack hook cannot be modified by "
                "in-place operations as this can lead to unexpected side-effects. Please open an issue if you need to perform in-place "
                "operations on the input to a pack hook."
            )
        self.value = value.detach() if value is tensor and type(edge) is int else value  # else the node would hold the tensor that it made

    def tensor(self, node: Any) -> Any:
        """What the unpack hook gives, at the place in the graph where the saved tensor was."""
        found = self.unpack_hook(self.value)
        if not hasattr(found, "_data"):
            raise TypeError(f"Output of saved tensor unpack_hook expected to be a Tensor but got result of type {type(found).__name__}")
        edge = node.output(self.edge) if type(self.edge) is int else self.edge
        return standing(found, edge) if edge is not None or found._needs else found


class Stand(Node):
    """The edge to a leaf for a tensor that is not the leaf itself, but what a hook unpacked in its place."""

    __slots__ = ("leaf",)

    def __init__(self, leaf: Any):
        self.leaf, self.edges, self.hooks, self.seq = leaf, (leaf,), None, count()

    def backward(self, grad: Any, freed: Any) -> tuple[Any, ...]:
        return (grad,)

    def backward_graph(self, grad: Any) -> tuple[Any, ...]:
        return (grad,)


def standing(tensor: Any, edge: Any) -> Any:
    """A tensor of the same values whose place in the graph is `edge`."""
    t = Node.wrap(tensor._data)
    if edge is not None:
        t._fn, t._needs = edge if isinstance(edge, Node) else Stand(edge), True
    return t


def pack_saved(node: Any, result: Any) -> None:
    """Packs what a new node saved, by the hooks that are on in this thread; `result` is the tensor that it made."""
    if mode.saved_hooks:
        pack, unpack = mode.saved_hooks[-1]
        for name in sorted(n for n in node.saves if n != "result"):
            value = getattr(node, "s_" + name, None)
            if hasattr(value, "_data"):
                setattr(node, "s_" + name, Packed(value, edge_of(value), pack, unpack))
        if "result" in node.saves:
            node.s_result = Packed(result, 0, pack, unpack)


class SavedTensor:
    """A saved tensor before it is unpacked, as `_raw_saved_…` shows it.

    `stored` reads what the node holds, `tensor` the tensor that it stands for, `put` replaces what is held; `output` is its number if it
    is one that the node made.
    """

    __slots__ = ("_stored", "_tensor", "_put", "_output")

    def __init__(self, stored: Callable[[], Any], tensor: Callable[[], Any], put: Callable[[Any], None], output: int | None):
        self._stored, self._tensor, self._put, self._output = stored, tensor, put, output

    def register_hooks(self, pack_hook: Callable[[Any], Any], unpack_hook: Callable[[Any], Any]) -> None:
        """Packs the saved tensor now by one hook, and unpacks it by the other when it is read.

        Raises RuntimeError when it has hooks, was freed, or is None.
        """
        if not callable(pack_hook) or not callable(unpack_hook):
            raise TypeError("register_hooks(): incompatible function arguments. The following argument types are supported:\n"
                            "    1. (self, pack_hook: Callable, unpack_hook: Callable) -> None")  # fmt: skip
        stored = self._stored()
        if isinstance(stored, Packed):
            raise RuntimeError(
                "Calling register_hooks on a saved tensor whose hooks have already been set. Hint: only one pair of hooks is allowed at a time."
            )
        if isinstance(stored, Freed):
            raise RuntimeError(
                "Calling register_hooks on a saved tensor after it has been freed. Saved intermediate values of the graph are freed when "
                "you call .backward() or autograd.grad(). Specify retain_graph=True if you need to backward through the graph a second time "
                "or if you need to access saved variables after calling backward."
            )
        if stored is None:
            raise RuntimeError("Calling register_hooks on a saved tensor with value None is forbidden")
        tensor = self._tensor()
        if not hasattr(tensor, "_data"):
            raise RuntimeError("Calling register_hooks on a saved tensor that is a Python number is forbidden")
        with enable_grad():
            inner = tensor.detach()
        self._put(Packed(inner, edge_of(tensor) if self._output is None else self._output, pack_hook, unpack_hook))

    def unpack(self) -> Any:
        """The tensor that was saved."""
        return self._tensor()

    @property
    def unpack_hook(self) -> Any:
        """The hook that unpacks it; None without hooks."""
        stored = self._stored()
        return stored.unpack_hook if isinstance(stored, Packed) else None

    @property
    def data(self) -> Any:
        """What the pack hook returned, or the tensor itself."""
        stored = self._stored()
        return stored.value if isinstance(stored, Packed) else self._tensor()
