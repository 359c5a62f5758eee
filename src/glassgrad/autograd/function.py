"""Function: an operation of the user's own, with a forward and a backward."""

from __future__ import annotations

import functools
import inspect
import warnings
import weakref
from typing import Any

import numpy as np

from .. import errors
from ..dtypes import FROM_NUMPY
from ..graph.hooks import deeper, without_graph
from ..graph.memory import materialize, memory_of
from ..graph.modes import mode
from ..graph.node import Freed, Node, count, edge_of
from ..graph.saved import Packed, SavedTensor, standing
from ..graph.views import alias, check_writable, rebase, refresh_views
from ..ops.levels import meet, running
from ..ops.runtime import sum_to
from ..tensor import Tensor
from .transformed import applied, refuse_saved_inputs


class FunctionCtx:
    """What a Function's forward leaves for its backward."""

    def save_for_backward(self, *tensors: Any) -> None:
        """Keeps tensors (inputs, outputs or others) for `ctx.saved_tensors`."""
        self.to_save = tensors

    def save_for_forward(self, *tensors: Any) -> None:
        """Keeps tensors for `jvp`, which reads them as `ctx.saved_tensors`."""
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


OWN = frozenset({*Node.__slots__, "ctx", "shapes"})  # the attributes of a Function's node; whatever else is set on it is the ctx's


class FunctionNode(Node):
    """The node of a user's Function: calls its backward. Attributes that it does not have itself are those of the ctx."""

    __slots__ = ("ctx", "shapes")
    function: Any = None
    lone = False

    @property
    def outputs(self) -> int:  # type: ignore[override]
        return len(self.shapes)

    def __repr__(self) -> str:
        return f"<torch.autograd.function.{type(self).__name__} object at {hex(id(self))}>"

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name in OWN:
            raise AttributeError(name)
        return getattr(self.ctx, name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in OWN:
            object.__setattr__(self, name, value)
        else:
            setattr(self.ctx, name, value)

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
        got = deeper(self.function._vjp(), ctx, *grads)
        outs = got if isinstance(got, tuple) else (got,)
        expected = len(ctx._slots)
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
            ctx._free(freed)
        for position, (g, slot) in enumerate(zip(outs, ctx._slots), 1):
            if slot is None and g is not None:
                raise errors.explain(
                    RuntimeError(
                        f"function {self.name()} returned a gradient different than None at position {position}, but the corresponding "
                        "forward input was not a Variable"
                    ),
                    where=_where(self.function._vjp()), fix="return None in this place",
                )  # fmt: skip
        return tuple(_checked(self, i, g, slot) for i, (g, slot) in enumerate(zip(outs, ctx._slots)) if slot is not None)


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
        g = sum_to(g, shape)
    if g._data.dtype.kind == "c" and dtype.kind != "c":
        raise errors.explain(
            RuntimeError("Expected isFloatingType(grad.scalar_type()) || (input_is_complex == grad_is_complex) to be true, but got false.  (Could this "
                         "error message be improved?  If so, please report an enhancement request to PyTorch.)"),
            f"Function {node.name()} returned a complex gradient at index {index}, for an input that is real", _where(node.function._vjp()),
            "return its .real",
        )  # fmt: skip
    return g if g._data.dtype == dtype else g.to(FROM_NUMPY[dtype])


put_edges, put_hooks, put_seq, put_ctx, put_shapes = (  # past __setattr__, which costs more than the rest of making a node
    d.__set__ for d in (Node.__dict__["edges"], Node.__dict__["hooks"], Node.__dict__["seq"], FunctionNode.__dict__["ctx"], FunctionNode.__dict__["shapes"])
)


class Context(FunctionCtx):
    """The ctx of one call: what was saved, which inputs need a gradient. What else a node has, it has too."""

    materialize_grads = True
    to_save: Any = ()
    saved_for_forward: Any = ()
    non_differentiable: Any = ()
    dirty_tensors: Any = ()
    _freed: Freed | None = None
    _node: Any = lambda self: None

    def __init__(self, inputs: tuple[Any, ...]):
        self.needs_input_grad = tuple([isinstance(x, Tensor) and (x._needs or x.requires_grad) for x in inputs])
        self._slots = [(x._data.shape, x._data.dtype) if isinstance(x, Tensor) else None for x in inputs]
        self._kept: list[Any] = []

    def name(self) -> str:
        return type(self).__name__

    def __getattr__(self, name: str) -> Any:
        node = self._node()
        if node is None or name.startswith("__") or not hasattr(Node, name):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return getattr(node, name)

    def _keep(self, outputs: list[Any], node: Any) -> None:
        """Stores what was saved: an output as its number, so that no cycle arises; else the tensor and its version."""
        saved, self.to_save = self.to_save, ()
        if node is not None:
            self._node = weakref.ref(node)
        for i, t in enumerate(saved):
            if t is not None and not isinstance(t, Tensor):
                raise TypeError(f"save_for_backward can only save variables, but argument {i} is of type {type(t).__name__}")
            if node is None:
                continue
            nr = next((i for i, o in enumerate(outputs) if o is t), None)
            if t is None:
                self._kept.append(None)
            elif mode.saved_hooks:
                self._kept.append(Packed(t, edge_of(t) if nr is None else nr, *mode.saved_hooks[-1]))
            else:
                self._kept.append((t, memory_of(t).version) if nr is None else (nr, t._data, memory_of(t), t._version))

    def _held(self) -> list[Any]:
        if self._freed is not None:
            raise errors.second_backward(self._node(), self._freed.place)
        return self._kept

    @property
    def saved_tensors(self) -> tuple[Any, ...]:
        """The tensors that forward saved, checked for writes since; in `jvp` those that it saved for forward mode."""
        if self.saved_for_forward:
            return tuple(self.saved_for_forward)
        return tuple(self.to_save) if self.to_save else tuple(self._unpack(k) for k in self._held())

    @property
    def saved_variables(self) -> tuple[Any, ...]:
        """The older name of `saved_tensors`."""
        warnings.warn("'saved_variables' is deprecated; use 'saved_tensors'", DeprecationWarning, stacklevel=2)
        return self.saved_tensors

    @property
    def _raw_saved_tensors(self) -> tuple[SavedTensor, ...]:
        def raw(i: int, kept: Any) -> SavedTensor:
            nr = kept[0] if type(kept) is tuple and len(kept) == 4 else None
            return SavedTensor(lambda: self._freed or self._kept[i], lambda: self._unpack(self._kept[i]), lambda p: self._kept.__setitem__(i, p), nr)

        return tuple(raw(i, kept) for i, kept in enumerate(self._held()))

    def _unpack(self, kept: Any) -> Any:
        if kept is None:
            return None
        node = self._node()
        if type(kept) is Packed:
            return kept.tensor(node)
        if len(kept) == 2:
            t, version = kept
            if memory_of(t).version != version:
                source = t._fn.name() if t._fn is not None else None
                raise errors.modified_in_place(node, "saved tensor", t._data, source, t._version, version, t._memory.writer)
            return t
        nr, data, memory, version = kept
        if memory.version != version:
            raise errors.modified_in_place(node, "saved output", data, node.name(), memory.version, version, memory.writer)
        return standing(Tensor._wrap(data), node.output(nr))

    def _free(self, freed: Freed) -> None:
        if self._kept:
            self._freed, self._kept = freed, []


class _Functions(type):
    """Gives each Function a node class and a ctx class named after it."""

    def __init__(cls, name: str, bases: Any, body: Any):
        super().__init__(name, bases, body)
        cls._backward_cls = type(name + "Backward", (FunctionNode,), {"__slots__": (), "function": cls})
        cls._context_cls = type(name + "Backward", (Context,), {})


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

    _backward_cls: Any = None
    _context_cls: Any = None
    _forward_signature: Any = None

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
    generate_vmap_rule = False  # whether forward, backward and jvp can themselves be run on a batch
    _anywhere = False  # its forward consists of operations of ours: transforms need not be told about it

    @staticmethod
    def jvp(ctx: Any, *grad_inputs: Any) -> Any:
        """Computes the tangents of the outputs from those of the inputs (forward mode); to be written by the subclass."""
        raise NotImplementedError("You must implement the jvp function for custom autograd.Function to use it with forward mode AD.")

    @staticmethod
    def vmap(info: Any, in_dims: tuple[Any, ...], *args: Any) -> Any:
        """Runs the Function on a batch: (outputs, out_dims), from arguments whose batch is the dim that `in_dims` names (None: none).

        `info` has the `batch_size` and the `randomness` of the vmap. To be written by the subclass, or generated (`generate_vmap_rule`).
        """
        raise NotImplementedError("To use autograd.Function with vmap, you must either override the vmap staticmethod or set generate_vmap_rule=True.")

    @classmethod
    def _vmap_is_written(cls) -> bool:
        return cls.vmap is not Function.vmap

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

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise RuntimeError(
            "Legacy autograd function with non-static forward method is deprecated. Please use new-style autograd function with static forward "
            "method. (Example: https://pytorch.org/docs/stable/autograd.html#torch.autograd.Function)"
        )

    @classmethod
    def _with_defaults(cls, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments of a forward without ctx, defaults filled in: setup_context sees them all."""
        if cls._forward_signature is None or cls._forward_signature[0] is not cls.forward:
            cls._forward_signature = cls.forward, inspect.signature(cls.forward)
        signature = cls._forward_signature[1]
        if not kwargs and len(args) == len(signature.parameters):
            return args, kwargs
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        return bound.args, bound.kwargs

    @classmethod
    def apply(cls, *args: Any, **kwargs: Any) -> Any:
        """Runs forward and puts a node into the graph."""
        apart = cls.setup_context is not Function.setup_context
        if apart:
            args, kwargs = cls._with_defaults(args, kwargs)
        forward = None
        if running.levels or running.reverse:
            forward, outputs = applied(cls, args, apart)
            if outputs is not None:
                return outputs
        ctx = cls._context_cls(args)
        node: Any = None
        if mode.grad and any(ctx.needs_input_grad):
            tensors = meet([a for a in args if isinstance(a, Tensor)])
            node = object.__new__(cls._backward_cls)
            put_hooks(node, None)
            put_seq(node, count())
            put_ctx(node, ctx)
            put_edges(node, tuple([edge_of(x) for x in tensors]))
        before, mode.grad = mode.grad, False
        try:
            if forward is not None:
                result = forward(ctx)
            else:
                result = cls.forward(*args, **kwargs) if apart else cls.forward(ctx, *args, **kwargs)
            if apart:
                cls.setup_context(ctx, args, result)
                if ctx.to_save:
                    refuse_saved_inputs(ctx, args, result)
        finally:
            mode.grad = before
        outputs = list(result) if isinstance(result, tuple) else [result]
        placed = _placed(ctx, node, args, outputs)
        ctx._keep(placed, node)
        if ctx.non_differentiable or ctx.dirty_tensors:
            ctx.non_differentiable = ctx.dirty_tensors = ()
        if ctx.saved_for_forward:
            ctx.saved_for_forward = ()
        return tuple(placed) if isinstance(result, tuple) else placed[0]


class InplaceFunction(Function):
    """An older name for a Function that writes into its inputs."""

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace


def _among(tensor: Any, tensors: Any) -> bool:
    for t in tensors:
        if t is tensor:
            return True
    return False


def _placed(ctx: Context, node: Any, args: Any, outputs: list[Any]) -> list[Any]:
    """The outputs at their places in the graph: an input that is returned comes as a view of itself, one that was written moves."""
    dirty = ctx.dirty_tensors
    if dirty and any(_among(d, args) and not _among(d, outputs) for d in dirty):
        raise RuntimeError(
            "Some elements marked as dirty during the forward method were not returned as output. The inputs that are modified inplace must "
            "all be outputs of the Function."
        )
    placed: list[Any] = []
    if node is not None:
        put_shapes(node, [(o._data.shape, o._data.dtype) if isinstance(o, Tensor) else None for o in outputs])
    several = len(outputs) > 1
    for nr, given in enumerate(outputs):
        out = given
        if not isinstance(given, Tensor):
            placed.append(given)
            continue
        first = next(i for i, o in enumerate(outputs) if o is given) if several else 0
        place = node.output(nr) if node is not None and given._data.dtype.kind in "fc" and not _among(given, ctx.non_differentiable) else None
        if first < nr and (_among(given, dirty) or not _among(given, args)):
            out = placed[first]
        elif _among(given, dirty):
            _written(given, place)
            placed.append(given)
            continue
        elif _among(given, args):
            out = alias(given, Tensor._wrap(materialize(given)), lambda base: base[...], "function")
        elif place is not None and given._memory is not None and given._is_view() and any(_shares(given, a) for a in args):
            given._memory.made = "several" if sum(isinstance(o, Tensor) for o in outputs) > 1 else "function"
        if place is not None:
            out._fn, out._needs = place, True
        elif given._needs and out is given:
            out = given.detach()
        placed.append(out)
    return placed


def _shares(tensor: Any, other: Any) -> bool:
    return isinstance(other, Tensor) and other._memory is not None and other._memory.root is tensor._memory.root


def _written(tensor: Any, place: Any) -> None:
    """Puts a tensor that forward wrote in place at its new place in the graph; if it is a view, its base and the other views too."""
    before, after = Tensor._wrap(tensor._data), Tensor._wrap(tensor._data)
    before._fn, before._needs = tensor._fn, tensor._needs
    memory = memory_of(tensor)
    memory.version += 1
    if place is not None:
        check_writable(tensor, been=True)
        after._fn, after._needs = place, True
        rebase(tensor, before, after)
    if memory.views:
        refresh_views(memory)


def once_differentiable(function: Any) -> Any:
    """For a backward that cannot be differentiated again."""
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

    _anywhere = True

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.clone()

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        raise RuntimeError("trying to differentiate twice a function that was marked with @once_differentiable")
