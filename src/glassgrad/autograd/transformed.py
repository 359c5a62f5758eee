"""A user's Function inside a transform: its own `jvp` in forward mode, its own `vmap` (or `generate_vmap_rule`) on a batch.

A batch that no reverse mode runs inside of is taken off first: the Function's `vmap` gets plain tensors, and what it does with them is
tracked. Else a node is made on the tensors as they are, so that backward runs on a batch, or on dual numbers, as it stands.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from .. import errors
from ..graph.modes import mode
from ..levels.batched import Batched, BatchLevel, Entered
from ..levels.borders import component, dualize, enter, leave
from ..levels.dual import Dual, DualLevel
from ..ops.levels import beneath, levels_of, running
from ..tensor import Tensor
from ..trees import flatten, spread

PAGE = "For more details, please see https://pytorch.org/docs/main/notes/extending.func.html"


class VmapInfo(NamedTuple):
    """What a Function's `vmap` is told of the batch."""

    batch_size: int
    randomness: str


def applied(function: Any, args: tuple[Any, ...], apart: bool) -> tuple[Any, Any]:
    """What stands for forward in `apply`: a function of the ctx (None: run it on the arguments as they are), or the outputs themselves."""
    if not apart and not function._anywhere and running.transforms():
        raise errors.explain(
            RuntimeError(
                "In order to use an autograd.Function with functorch transforms (vmap, grad, jvp, jacrev, ...), it must override the "
                f"setup_context staticmethod. {PAGE}"
            ),
            f"{function.__name__}.forward takes the ctx: what it saves there belongs to one level, and a transform has several",
            errors.line_of(errors.users_place()), "write forward(*args) and setup_context(ctx, inputs, output)",
        )  # fmt: skip
    level = _next(function, args)
    if level is None:
        return None, None
    if isinstance(level, BatchLevel) and not running.differentiated_within(level):
        return None, _by_vmap(function, level, args)
    return lambda ctx: _forward(function, ctx, args, apart), None


def _next(function: Any, args: Any) -> Any:
    """The level to take off next: the newest, but for batches that forward runs on as it is."""
    levels = sorted(frozenset().union(*[levels_of(x._data) for x in flatten(args)[0] if isinstance(x, Tensor)]), key=lambda level: -level.depth)
    if function._anywhere:
        return None
    for level in levels:
        if isinstance(level, DualLevel) or level.transform and not _runs_on_batches(function):
            return level
    return None


def _runs_on_batches(function: Any) -> bool:
    """Whether forward, backward and jvp are themselves run on batches. Raises where the Function does not say how it is to be batched."""
    own = function._vmap_is_written()
    if function.generate_vmap_rule and own:
        raise RuntimeError(
            f"You tried to vmap over {function.__name__}, but it has both generate_vmap_rule=True and an overridden vmap staticmethod. Please set "
            f"generate_vmap_rule=False or delete the overridden vmap staticmethod to avoid ambiguity. {PAGE}"
        )
    if not function.generate_vmap_rule and not own:
        raise errors.explain(
            RuntimeError(
                f"You tried to vmap over {function.__name__}, but it does not have vmap support. Please override and implement the vmap staticmethod "
                f"or set generate_vmap_rule=True. {PAGE}"
            ),
            where=errors.line_of(errors.users_place()),
            fix="generate_vmap_rule = True, if forward and backward use operations on tensors only",
        )
    return not own


def _forward(function: Any, ctx: Any, args: tuple[Any, ...], apart: bool) -> Any:
    """forward of tensors of any levels."""
    level = _next(function, args)
    if level is None:
        return function.forward(*args) if apart else function.forward(ctx, *args)
    if isinstance(level, BatchLevel):
        return _by_vmap(function, level, args)
    return _by_jvp(function, ctx, level, args, apart)


# ------------------------------------------------------------------------------------------------ batches
def _by_vmap(function: Any, level: BatchLevel, args: tuple[Any, ...]) -> Any:
    """The Function's own rule, on tensors whose batch is a dim like others."""
    leaves, structure = flatten(args)
    dims = [_dim(x, level) for x in leaves]
    physical = [x if d is None else leave(x, d, level) for x, d in zip(leaves, dims)]
    with running.outside(level):
        result = function.vmap(VmapInfo(level.size, level.randomness), structure.build(dims), *structure.build(physical))
    if not (isinstance(result, tuple) and len(result) == 2):
        got = f"{len(result)} returns" if isinstance(result, tuple) else f"a {type(result)}"
        raise RuntimeError(
            f"Expected the vmap staticmethod to have two returns, an output and out_dims with pytree structure compatible with the output. Got {got} instead"
        )
    output, out_dims = result
    outputs, form = flatten(output)
    places = spread(out_dims, form)
    if places is None:
        raise RuntimeError(
            "The autograd.Function's vmap staticmethod returned an incompatible (output, out_dims) tuple. Expected "
            f"out_dims={out_dims} to be compatible with the structure of `output`. out_dims has structure {flatten(out_dims)[1]} but output has "
            f"structure {form}. {PAGE}"
        )
    return form.build([enter(x, d % x.ndim, level) if isinstance(x, Tensor) and d is not None else x for x, d in zip(outputs, places)])


def _dim(x: Any, level: BatchLevel) -> int | None:
    """Where the batch of an input was when it entered (0, where it was made inside); None for what has no batch."""
    found: list[int] = []

    def look(data: Any, _: int) -> Any:
        if isinstance(data, Batched) and data.level is level:
            found.append(data.dim if isinstance(data, Entered) else 0)
        return data

    if isinstance(x, Tensor):
        beneath(x._data, level, look)
    return found[0] if found else None


# ------------------------------------------------------------------------------------------------ forward mode
def _by_jvp(function: Any, ctx: Any, level: DualLevel, args: tuple[Any, ...], apart: bool) -> Any:
    """Outputs that move as the Function's `jvp` says."""
    moves = [isinstance(x, Tensor) and level in levels_of(x._data) for x in args]
    primals = tuple([Tensor._wrap(component(x._data, 0, level)) if m else x for x, m in zip(args, moves)])
    result = _forward(function, ctx, primals, apart)
    within = ctx
    if apart:
        within = function._context_cls(primals)
        function.setup_context(within, primals, result)
        refuse_saved_inputs(within, primals, result)
    outputs = list(result) if isinstance(result, tuple) else [result]
    tangents = [Tensor._wrap(component(x._data, 1, level)) if m else _zeros(x) if within.materialize_grads else None for x, m in zip(args, moves)]
    before, mode.grad = mode.grad, True
    try:
        moved = function.jvp(within, *tangents)
    finally:
        mode.grad = before
    moved = list(moved) if isinstance(moved, tuple) else [moved]
    if len(moved) != len(outputs):
        raise errors.explain(
            RuntimeError(f"Function's jvp returned an invalid number of forward gradients (expected {len(outputs)} but got {len(moved)})"),
            f"{function.__name__}.jvp returns one tangent for each output of forward",
        )
    dirty = {id(p): (x, t) for p, x, t in zip(primals, args, tangents) if any(p is d for d in within.dirty_tensors)}
    still = [id(x) for x in within.non_differentiable]
    stands: dict[int, Any] = {}
    for i, (out, tangent) in enumerate(zip(outputs, moved)):
        if tangent is not None and not isinstance(tangent, Tensor):
            raise RuntimeError(f"expected Variable or None (got {type(tangent).__name__}) for grad output {i}.")
        if not isinstance(out, Tensor):
            continue
        if id(out) in still or out._data.dtype.kind not in "fc":
            if tangent is not None:
                raise RuntimeError(
                    f"Function's jvp returned a gradient at position {i}, but  the corresponding forward output is not a differentiable Tensor."
                    "You should return None at that position instead."
                )
            continue
        stands[id(out)] = _moving(out, tangent, level, dirty.get(id(out)), any(out is p for p in primals) or _is_view_of(out, primals))
    _replace(ctx, {**{id(p): x for p, x, m in zip(primals, args, moves) if m}, **stands}, apart)
    outputs = [stands.get(id(o), o) for o in outputs]
    return tuple(outputs) if isinstance(result, tuple) else outputs[0]


def refuse_saved_inputs(ctx: Any, args: Any, result: Any) -> None:
    """An input that is returned as it is comes out as a view; which of the two setup_context saved cannot be told."""
    for out in result if isinstance(result, tuple) else (result,):
        if isinstance(out, Tensor) and all(any(out is t for t in ts) for ts in (args, ctx.to_save)) and not any(out is t for t in ctx.dirty_tensors):
            raise RuntimeError(
                "An input that has been returned as-is as output is being saved for backward. This is not supported if you override setup_context. "
                "You should return and save a view of the input instead, e.g. with x.view_as(x) or setup ctx inside the forward function itself."
            )


def _zeros(x: Any) -> Any:
    return Tensor._wrap(np.zeros_like(x._data)[()]) if isinstance(x, Tensor) and x._data.dtype.kind in "fc" else None


def _is_view_of(out: Tensor, tensors: Any) -> bool:
    if out._memory is None or not out._is_view():
        return False
    return any(isinstance(t, Tensor) and t._memory is not None and t._memory.root is out._memory.root for t in tensors)


def _moving(out: Tensor, tangent: Any, level: DualLevel, written: Any, view: bool) -> Tensor:
    """An output with its tangent; one that forward wrote in place is the input itself."""
    if tangent is None:
        tangent = _zeros(out)
    if tangent._data.shape != out._data.shape:
        raise RuntimeError(
            "Trying to set a forward gradient that has a different size than that of the original Tensor, this is not supported. Tensor is of size "
            f"{list(out._data.shape)} while the given forward gradient is of size {list(tangent._data.shape)}."
        )
    if written is not None:
        input, given = written
        if tangent is not given:
            raise RuntimeError(
                "An inplace custom Function is not modifying the forward mode gradients inplace. If the forward is modifying an input inplace, then "
                "the jvp function must modify the corresponding gradient inplace."
            )
        if level in levels_of(input._data):
            input._data.become(dualize(out._data, tangent._data, level, Dual))
            return input
    elif view and not level.transform and not (tangent._memory is not None and tangent._is_view()):
        raise RuntimeError("A custom Function's forward is returning a view (or an input as-is) but the jvp is not returning a view.")
    moves = tangent if tangent.dtype is out.dtype else tangent.to(out.dtype)
    return Tensor._wrap(dualize(out._data, moves._data, level, Dual))


def _replace(ctx: Any, stands: dict[int, Any], apart: bool) -> None:
    """What forward left in the ctx, in terms of the tensors that move (`setup_context` is called with these)."""
    if not apart:
        found: Callable[[Any], Any] = lambda tensors: tuple(stands.get(id(t), t) for t in tensors)
        ctx.to_save, ctx.dirty_tensors, ctx.non_differentiable = found(ctx.to_save), found(ctx.dirty_tensors), found(ctx.non_differentiable)
