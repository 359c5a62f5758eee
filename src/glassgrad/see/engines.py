"""The two engines whose tensors are looked at, behind PyTorch's own names: nothing else in this room asks which one it is.

PyTorch is used if the user's program has imported it, and never imported here.
"""

from __future__ import annotations

import contextlib
import inspect
import itertools
import os
import sys
import threading
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

import glassgrad

from ..graph.modes import mode

HOUSE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
LIBRARY = os.path.dirname(os.__file__) + os.sep  # copy, contextlib, runpy
paused = threading.local()  # `on`: how many tools are at work in this thread, whose own operations nobody records


def torch() -> Any:
    """PyTorch, if the program has it."""
    found = sys.modules.get("torch")
    return found if found is not None and hasattr(found, "Tensor") and found is not glassgrad else None


def engines() -> list[Any]:
    """The engines in use: this package, and PyTorch if it is imported."""
    other = torch()
    return [glassgrad] if other is None else [glassgrad, other]


def is_differentiable(dtype: Any) -> bool:
    """Whether values of a dtype, or of its name, can move a little: floating and complex ones."""
    return str(dtype).rpartition(".")[2].startswith(("float", "bfloat", "complex"))


def is_tensor(value: Any) -> bool:
    """Whether a value is a tensor of one of the engines."""
    if isinstance(value, glassgrad.Tensor):
        return True
    other = torch()
    return other is not None and isinstance(value, other.Tensor)


def is_module(value: Any) -> bool:
    """Whether a value is a module (a layer, a net) of one of the engines."""
    return _is(value, "nn", "Module")


def is_optimizer(value: Any) -> bool:
    """Whether a value is an optimizer of one of the engines."""
    return _is(value, "optim", "Optimizer")


def parameters(owner: Any) -> list[Any]:
    """The parameters of a module or an optimizer."""
    return [p for group in owner.param_groups for p in group["params"]] if hasattr(owner, "param_groups") else list(owner.parameters())


def unregistered(module: Any) -> dict[str, Any]:
    """What `parameters()` of a module does not find, by path: layers and parameters in plain lists, tuples and dicts; leaves that are no Parameter."""
    found = {}
    for path, inner in module.named_modules():
        for name, held in list(vars(inner).items()):
            if not name.startswith("_") and is_tensor(held) and held.requires_grad and held.is_leaf:
                found[f"{path + '.' if path else ''}{name}"] = held
            elif not name.startswith("_") and isinstance(held, (list, tuple, dict)):
                for key, value in list(held.items() if isinstance(held, dict) else enumerate(held))[:100]:
                    if is_module(value) or type(value).__name__ == "Parameter" and is_tensor(value):
                        found[f"{path + '.' if path else ''}{name}[{key!r}]"] = value
    own = {id(m) for m in module.modules()} | {id(p) for p in module.parameters()}
    return {path: value for path, value in found.items() if id(value) not in own}


def _is(value: Any, room: str, name: str) -> bool:
    """Whether a value is of a class of one of the engines' rooms, if that room is loaded: else it cannot be."""
    rooms = [sys.modules.get(f"{engine.__name__}.{room}") for engine in engines()]
    return any(found is not None and isinstance(value, getattr(found, name)) for found in rooms)


def engine_of(tensor: Any) -> Any:
    """The package that a tensor or a node belongs to.

    >>> import glassgrad as gg
    >>> engine_of(gg.ones(2)).__name__
    'glassgrad'
    """
    if isinstance(tensor, (glassgrad.Tensor, glassgrad.autograd.graph.Node)):
        return glassgrad
    other = torch()
    if other is not None and (isinstance(tensor, other.Tensor) or isinstance(tensor, other.autograd.graph.Node)):
        return other
    raise TypeError(f"expected a tensor of glassgrad or of PyTorch, not {type(tensor).__name__}")


@contextlib.contextmanager
def aside() -> Iterator[None]:
    """A tool at work: what it computes is not recorded, leaves no graph and no warning."""
    paused.on = getattr(paused, "on", 0) + 1
    try:
        with contextlib.ExitStack() as stack:
            stack.enter_context(warnings.catch_warnings())
            warnings.simplefilter("ignore")
            for engine in engines():
                stack.enter_context(engine.no_grad())
            yield
    finally:
        paused.on -= 1


def array(tensor: Any) -> Any:
    """The values as a NumPy array, or NumPy scalar's array; of a dtype that NumPy has."""
    with aside():
        t = tensor.detach()
        if isinstance(t, glassgrad.Tensor):
            return np.asarray(t.numpy())
        t = t.cpu()
        if t.layout != torch().strided:
            t = t.to_dense()
        if t.dtype == torch().bfloat16:
            t = t.float()
        return t.resolve_conj().resolve_neg().numpy()


def outputs(node: Any) -> int:
    """How many gradients a node takes: one for each output that the operation had."""
    meta = getattr(node, "_input_metadata", None)
    if meta is not None:
        return max(len(meta), 1)
    return getattr(node, "outputs", 1)


def shape_at(node: Any, nr: int) -> tuple[int, ...] | None:
    """The shape of a node's output, where it is known."""
    leaf = variable(node)
    if leaf is not None:
        return tuple(leaf.shape)
    meta = getattr(node, "_input_metadata", None)
    return tuple(meta[nr].shape) if meta is not None and nr < len(meta) else None


def apply_node(node: Any, grads: list[Any]) -> tuple[Any, ...]:
    """What a node makes of the gradients of its outputs, one for each of its inputs; frees nothing and calls no hook."""
    call = node if callable(node) else node.apply  # PyTorch's nodes of Functions are not callable
    got = call(*grads)
    return got if isinstance(got, tuple) else (got,)


def variable(node: Any) -> Any:
    """The leaf of an AccumulateGrad node, None for other nodes."""
    return getattr(node, "variable", None) if "AccumulateGrad" in node.name() else None


def edge(tensor: Any) -> tuple[Any, int] | None:
    """The place in the graph where the gradient of a tensor arrives: a node and the number of its output."""
    if not tensor.requires_grad:
        return None
    with contextlib.suppress(AttributeError, RuntimeError):
        found = engine_of(tensor).autograd.graph.get_gradient_edge(tensor)
        return found.node, found.output_nr
    return None


def running(engine: Any) -> Any:
    """Which backward is running in this thread: anything that differs from one to the next; None outside."""
    if engine is glassgrad:
        return mode.walk
    number = engine._C._current_graph_task_id()
    return None if number < 0 else number


def memory(tensor: Any) -> tuple[int, int]:
    """Where the elements of a tensor lie: the first byte and the one after the last."""
    try:
        a = array(tensor)
    except (RuntimeError, TypeError, ValueError):  # a tensor without memory of its own
        return 0, 0
    low = a.__array_interface__["data"][0] if isinstance(a, np.ndarray) else id(a)
    spans = [(n - 1) * s for n, s in zip(a.shape, a.strides)] if a.size else [0]
    return low + sum(s for s in spans if s < 0), low + sum(s for s in spans if s > 0) + a.itemsize


def inside(path: str) -> bool:
    """Whether a file belongs to an engine or to Python's own library, and not to the user."""
    other = torch()
    return (
        path.startswith((HOUSE, "<glassgrad", "<frozen", "<__array_function__"))
        or path.startswith(LIBRARY)
        and "site-packages" not in path
        or other is not None
        and path.startswith(os.path.dirname(os.path.abspath(other.__file__)) + os.sep)
    )


def borrows(tensor: Any) -> bool:
    """Whether a tensor of PyTorch lies in memory of somebody else, such as an array's."""
    if isinstance(tensor, glassgrad.Tensor):
        return False
    with contextlib.suppress(RuntimeError, NotImplementedError):
        return not tensor.untyped_storage().resizable()
    return False


Place = tuple[Any, int]
known_files: dict[str, bool] = {}  # whether a file is an engine's own


def users_place(depth: int = 1) -> Place | None:
    """The innermost line that is the user's: a code object and the instruction in it."""
    frame: Any = sys._getframe(depth)
    while frame is not None:
        path = frame.f_code.co_filename
        ours = known_files.get(path)
        if ours is None:
            ours = known_files[path] = inside(path)
        if not ours:
            return frame.f_code, frame.f_lasti
        frame = frame.f_back
    return None


def variables(frame: Any) -> dict[str, Any]:
    """The local variables of a frame, without leaving a reference to their values in it.

    Up to Python 3.12 a frame of a function keeps the dict that `f_locals` gave, and by it what the variables held then.
    """
    held = frame.f_locals
    code = frame.f_code
    found = dict(held)
    if sys.version_info < (3, 13) and code.co_flags & inspect.CO_OPTIMIZED and sys.getrefcount(held) <= 3:  # nobody else has it
        for name in (*code.co_varnames, *code.co_cellvars, *code.co_freevars):
            held.pop(name, None)
    return found


def users_frame(depth: int = 1) -> Any:
    """The innermost frame that is the user's."""
    frame: Any = sys._getframe(depth)
    while frame is not None and inside(frame.f_code.co_filename):
        frame = frame.f_back
    return frame


def variable_name(value: Any) -> str:
    """What the user's variables call a value: the name of the nearest one that holds it, `self.net` for an attribute."""
    frame = users_frame(2)
    while frame is not None:
        own = variables(frame)
        for scope in (own, frame.f_globals):
            for name, held in list(scope.items()):
                if held is value and not name.startswith("_") and name != "self":
                    return name
        me = own.get("self")
        for name, held in list(getattr(me, "__dict__", {}).items()):
            if held is value:
                return f"self.{name}"
        frame = frame.f_back
    return ""


def flat(value: Any) -> Iterator[Any]:
    """The tensors in arguments or results: also in lists, tuples and dicts, a few levels down."""
    if is_tensor(value):
        yield value
    elif isinstance(value, (list, tuple)):
        for v in itertools.islice(value, 10_000):
            yield from flat(v)
    elif isinstance(value, dict):
        for v in value.values():
            yield from flat(v)
