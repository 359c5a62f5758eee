"""Function: an operation of the user's own, with a forward and a backward."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from .. import errors
from ..graph.hooks import without_graph
from ..graph.memory import memory_of
from ..graph.modes import mode
from ..graph.node import Freed, Node, Output, count, edge_of
from ..graph.views import alias, check_writable, wrote
from ..tensor import Tensor


class FunctionCtx:
    """What a Function's forward leaves for its backward."""

    def save_for_backward(self, *tensors: Any) -> None:
        """Keeps tensors (inputs, outputs or others) for `ctx.saved_tensors`."""
        self.to_save = tensors

    def save_for_forward(self, *tensors: Any) -> None:
        """Keeps tensors for a forward-mode derivative."""
        self.saved_for_forward = tensors

    def mark_dirty(self, *args: Any) -> None:
        """Says which inputs the forward wrote in place."""
        self.dirty_tensors = args

    def mark_non_differentiable(self, *args: Any) -> None:
        """Says which outputs have no gradient."""
        self.non_differentiable = args

    def set_materialize_grads(self, value: bool) -> None:
        """Whether a missing gradient reaches backward as zeros (the default) or as None."""
        self.materialize_grads = value


class FunctionNode(Node):
    """The node of a user's Function: calls its backward."""

    __slots__ = ("ctx", "shapes", "saved")
    function: Any = None
    lone = False

    @property
    def outputs(self) -> int:  # type: ignore[override]
        return len(self.shapes)

    def name(self) -> str:
        return type(self).__name__

    def __repr__(self) -> str:
        return f"<torch.autograd.function.{type(self).__name__} object at {hex(id(self))}>"

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        try:
            return getattr(object.__getattribute__(self, "ctx"), name)
        except AttributeError:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}") from None

    def backward(self, grad: Any, freed: Any) -> tuple[Any, ...]:
        grads = grad if isinstance(grad, list) else [grad]
        wrapped = [None if g is None else Tensor._wrap(g) for g in grads]
        outs = without_graph(self.call, False, wrapped, freed)
        return tuple(None if g is None else g._data for g in outs)

    def backward_graph(self, grad: Any) -> tuple[Any, ...]:
        return self.call(grad if isinstance(grad, list) else [grad], None)

    def call(self, grads: list[Any], freed: Any) -> tuple[Any, ...]:
        ctx = self.ctx
        if ctx.materialize_grads:
            grads = [
                Tensor._wrap(np.zeros(s[0], s[1])[()]) if g is None and s is not None else g for g, s in zip(grads, self.shapes)
            ]
        got = self.function._vjp()(ctx, *grads)
        outs = got if isinstance(got, tuple) else (got,)
        expected = len(ctx.slots)
        if len(outs) > expected and all(g is None for g in outs[expected:]):
            outs = outs[:expected]
        if len(outs) != expected:
            raise errors.explain(
                RuntimeError(f"function {self.name()} returned an incorrect number of gradients (expected {expected}, got {len(outs)})"),
                f"{self.function.__name__}.forward takes {expected} argument{'s' if expected != 1 else ''}: backward returns one gradient "
                "for each, None for those that have none",
                f"{self.function.__name__}.backward is at {_where(self.function.backward)}",
            )
        if freed is not None:
            ctx.free(freed)
        for position, (g, slot) in enumerate(zip(outs, ctx.slots), 1):
            if slot is None and g is not None:
                raise errors.explain(
                    RuntimeError(
                        f"function {self.name()} returned a gradient different than None at position {position}, but the corresponding "
                        "forward input was not a Variable"
                    ),
                    where=_where(self.function._vjp()), fix="return None in this place",
                )  # fmt: skip
        return tuple(_checked(self, i, g, slot) for i, (g, slot) in enumerate(zip(outs, ctx.slots)) if slot is not None)


def _where(function: Any) -> str:
    code = getattr(function, "__code__", None)
    return f"{code.co_filename}:{code.co_firstlineno}" if code else repr(function)


def _checked(node: FunctionNode, index: int, g: Any, slot: Any) -> Any:
    """A gradient as the engine can take it: a tensor of the input's shape and type, or None."""
    if g is None:
        return None
    if not isinstance(g, Tensor):
        raise RuntimeError(f"expected Variable or None (got {type(g).__name__})")
    shape, dtype = slot
    if g._data.shape != shape:
        try:
            fits = np.broadcast_shapes(g._data.shape, shape) == g._data.shape
        except ValueError:
            fits = False
        if not fits:
            raise errors.explain(
                RuntimeError(
                    f"Function {node.name()} returned an invalid gradient at index {index} - got {list(g._data.shape)} but expected "
                    f"shape compatible with {list(shape)}"
                ),
                where=_where(node.function.backward),
            )
        g = g.sum_to_size(shape) if hasattr(g, "sum_to_size") else _summed(g, shape)
    return g if g._data.dtype == dtype else g.to(node.ctx.dtype_of(dtype))


def _summed(g: Tensor, shape: tuple[int, ...]) -> Tensor:
    from ..ops.runtime import sum_to

    return sum_to(g, shape)


class Context(FunctionCtx):
    """The ctx of one call: what was saved, which inputs need a gradient."""

    materialize_grads = True
    to_save: Any = ()
    saved_for_forward: Any = ()
    non_differentiable: Any = ()
    dirty_tensors: Any = ()
    _freed: Freed | None = None
    node: Any = None

    def __init__(self, function: Any, inputs: tuple[Any, ...]):
        self.needs_input_grad = tuple(isinstance(x, Tensor) and x._needs and mode.grad for x in inputs)
        self.slots = [(x._data.shape, x._data.dtype) if isinstance(x, Tensor) else None for x in inputs]
        self._function = function
        self._kept: list[Any] = []

    @staticmethod
    def dtype_of(dtype: Any) -> Any:
        from ..dtypes import FROM_NUMPY

        return FROM_NUMPY[dtype]

    def keep(self, outputs: list[Any], node: Any) -> None:
        """Stores what was saved: an output as its number, so that no cycle arises; else the tensor and its version."""
        for t in self.to_save:
            if t is None:
                self._kept.append(None)
                continue
            if not isinstance(t, Tensor):
                raise TypeError(f"save_for_backward can only save variables, but argument {len(self._kept)} is of type {type(t).__name__}")
            nr = next((i for i, o in enumerate(outputs) if o is t), None)
            self._kept.append((t, t._version) if nr is None or node is None else (nr, t._data, memory_of(t), t._version))
        self.to_save = ()

    @property
    def saved_tensors(self) -> tuple[Any, ...]:
        """The tensors that forward saved, checked for writes since."""
        if self._freed is not None:
            raise errors.second_backward(self.node() if self.node else None, self._freed.place)
        if self.to_save:
            return tuple(self.to_save)
        return tuple(self._unpack(k) for k in self._kept)

    saved_variables = saved_tensors

    def _unpack(self, kept: Any) -> Any:
        if kept is None:
            return None
        node = self.node() if self.node else None
        if len(kept) == 2:
            t, version = kept
            if t._version != version:
                source = t._fn.name() if t._fn is not None else None
                raise errors.modified_in_place(node, "saved tensor", t._data, source, t._version, version, t._memory.writer)
            return t
        nr, data, memory, version = kept
        if memory.version != version:
            raise errors.modified_in_place(node, "saved output", data, node.name() if node else None, memory.version, version, memory.writer)
        t = Tensor._wrap(data)
        if node is not None:
            t._fn, t._needs = (node if node.outputs == 1 else Output(node, nr)), True
        return t

    def free(self, freed: Freed) -> None:
        if self._kept:
            self._freed, self._kept = freed, []


class _Functions(type):
    """Gives each Function a node class named after it."""

    def __init__(cls, name: str, bases: Any, body: Any):
        super().__init__(name, bases, body)
        cls._node_class = type(name + "Backward", (FunctionNode,), {"__slots__": (), "function": cls})  # type: ignore[attr-defined]


class Function(FunctionCtx, metaclass=_Functions):
    """An operation with a derivative of your own: subclass it, write `forward` and `backward`, call `apply`.

    `forward(ctx, *args)` (or `forward(*args)` with `setup_context(ctx, inputs, output)`) computes with tensors outside any graph;
    `backward(ctx, *grad_outputs)` returns one gradient for each argument of forward, None where there is none.

    >>> import glassgrad as gg
    >>> class Cube(gg.autograd.Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         ctx.save_for_backward(x)
    ...         return x**3
    ...     @staticmethod
    ...     def backward(ctx, grad):
    ...         (x,) = ctx.saved_tensors
    ...         return grad * 3 * x**2
    >>> x = gg.tensor(2.0, requires_grad=True)
    >>> Cube.apply(x).backward(); x.grad
    tensor(12.)
    """

    _node_class: Any = None

    def __init__(self, *args: Any, **kwargs: Any):
        warnings.warn(
            f"{type(self)} should not be instantiated. Methods on autograd functions are all static, so you should invoke them on the "
            "class itself. Instantiating an autograd function will raise an error in a future version of PyTorch.",
            DeprecationWarning, stacklevel=2,
        )  # fmt: skip

    @staticmethod
    def forward(*args: Any, **kwargs: Any) -> Any:
        """Computes the outputs; to be written by the subclass."""
        raise NotImplementedError("You must implement the forward function for custom autograd.Function.")

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> Any:
        """Saves what backward needs, when forward takes no ctx."""
        raise NotImplementedError("setup_context is not implemented.")

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        """Computes the gradients; to be written by the subclass."""
        raise NotImplementedError(
            "You must implement either the backward or vjp method for your custom autograd.Function to use it with backward mode AD."
        )

    vjp = backward

    @classmethod
    def _vjp(cls) -> Any:
        """The one of `backward` and `vjp` that was written."""
        if cls.vjp is Function.vjp:
            return cls.backward
        if cls.backward is not Function.backward:
            raise RuntimeError(
                "Implementing both 'backward' and 'vjp' for a custom Function is not allowed. You should only implement one of them."
            )
        return cls.vjp

    @classmethod
    def apply(cls, *args: Any, **kwargs: Any) -> Any:
        """Runs forward and puts a node into the graph."""
        ctx = Context(cls, args)
        tracked = mode.grad and any(ctx.needs_input_grad)
        before, mode.grad = mode.grad, False
        try:
            if cls.setup_context is not Function.setup_context:
                result = cls.forward(*args, **kwargs)
                cls.setup_context(ctx, args, result)
            else:
                result = cls.forward(ctx, *args, **kwargs)
        finally:
            mode.grad = before
        several = isinstance(result, (tuple, list))
        outputs = list(result) if several else [result]
        outputs = _placed(cls, ctx, args, outputs, tracked)
        return type(result)(outputs) if several else outputs[0]


def _placed(cls: Any, ctx: Context, args: Any, outputs: list[Any], tracked: bool) -> list[Any]:
    """The outputs in the graph, and what was saved stored."""
    import weakref

    given = list(outputs)
    node: Any = None
    if tracked:
        node = object.__new__(cls._node_class)
        node.hooks, node.seq, node.ctx = None, count(), ctx
        node.edges = tuple(edge_of(x) for x in args if isinstance(x, Tensor))
        node.shapes = [(o._data.shape, o._data.dtype) if isinstance(o, Tensor) else None for o in outputs]
        ctx.node = weakref.ref(node)
    placed = []
    for nr, out in enumerate(outputs):
        if not isinstance(out, Tensor):
            placed.append(out)
            continue
        is_input = any(out is a for a in args)
        dirty = any(out is d for d in ctx.dirty_tensors)
        if dirty and tracked:
            check_writable(out, been=True)
        elif is_input or out._fn is not None or out._needs:
            out = alias(out, Tensor._wrap(out._data), None)
        if dirty:
            wrote(memory_of(out))
        differentiable = out._data.dtype.kind in "fc" and not any(given[nr] is m for m in ctx.non_differentiable)
        if tracked and differentiable:
            out._fn, out._needs = (node if len(outputs) == 1 else Output(node, nr)), True
        placed.append(out)
    ctx.keep(given, node)
    ctx.non_differentiable = ctx.dirty_tensors = ()
    return placed


def once_differentiable(function: Any) -> Any:
    """For a backward that cannot be differentiated again."""
    import functools

    @functools.wraps(function)
    def wrapped(ctx: Any, *grads: Any) -> Any:
        before, mode.grad = mode.grad, False
        try:
            outs = function(ctx, *grads)
        finally:
            mode.grad = before
        if not (before and any(isinstance(g, Tensor) and g._needs for g in grads)):
            return outs
        parts = outs if isinstance(outs, tuple) else (outs,)
        refused = tuple(None if o is None else Refuse.apply(o.detach().requires_grad_()) for o in parts)
        return refused if isinstance(outs, tuple) else refused[0]

    return wrapped


class Refuse(Function):
    """Stands where a second derivative is not to be had."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.clone()

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        raise RuntimeError("trying to differentiate twice a function that was marked with @once_differentiable")
