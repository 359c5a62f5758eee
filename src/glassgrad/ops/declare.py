"""The few kinds of operation, and the one place where a declaration becomes code.

    elementwise   the derivative of each input, as a number or a function; the engine multiplies and undoes broadcasting
    linear        the transpose: what the gradient of the output becomes for the input
    vjp           for each input the vector-Jacobian product
    opaque        no derivative: comparisons, indices

A rule is a function of what it needs, by PyTorch's names: the inputs (`self`, `other`), the `result`, the incoming `grad`,
an input's `self_shape`, and the op's other arguments (`dim`). Exactly what it names is saved, and no more. Rules are plain
NumPy: on arrays they compute the gradient, on tensors they leave a graph (higher order), on recording arrays a formula.

From a declaration `build` writes the op and its node as Python source, specialised to its inputs, as dataclasses does for
`__init__`: no lookup is left for when the op runs. `inspect.getsource(glassgrad.tanh)` shows what was written.
"""

from __future__ import annotations

import inspect
import sys
from typing import Any

import numpy as np

from .. import errors
from ..dtypes import FROM_NUMPY, NUMBERS, result_dtype
from ..graph.memory import memory_to_write
from ..graph.modes import mode
from ..graph.views import check_writable, rebase, refresh_views, refuse_overlap, unlock, write, wrote
from ..tensor import Tensor
from .build import build
from .levels import Layer, levels_of, running, told_apart
from .op import OPS, UFUNCS, Op
from .runtime import any_needs, as_operand, into, number_as, refuse_kind, tensors_only


def elementwise(name: str, forward: Any, *derivatives: Any, node: str | None = None, ufunc: Any = None, floats: bool = True,
                doc: str | None = None, method: bool = True, refuses: dict[str, Any] | None = None,
                shows: dict[str, Any] | None = None, numbers: bool = True) -> Any:  # fmt: skip
    """An op that acts on each element: `derivatives` of the result by each input, as numbers or functions.

    `floats` says that integers become floating first (sin, but not add); without `numbers` it takes tensors only (maximum). `refuses` names the
    kinds of dtype that PyTorch refuses (NumPy's letters: b, i, f, c; "*b" where one bool operand is enough): its kernel's name, or the exception.
    """
    params = _params(forward, len(derivatives))
    params[0] = params[0].replace(name="self")
    tensors = tuple(p.name for p in params[: len(derivatives)])
    rules = dict(zip(tensors, derivatives))
    if ufunc is None and isinstance(forward, np.ufunc):
        ufunc = forward
    return _declare(name, "elementwise", forward, rules, params, tensors, node, ufunc, floats, True, False, doc, method, refuses, shows, numbers)


def selects(rule: Any) -> Any:
    """Marks the derivative of an op that chooses among its inputs: where it is 0 the gradient is 0, whatever arrives (see `arrays.chosen`)."""
    rule.selects = True
    return rule


def linear(name: str, forward: Any, transpose: Any, *, node: str | None = None, view: bool = False, doc: str | None = None,
           method: bool = True, shows: dict[str, Any] | None = None) -> Any:  # fmt: skip
    """An op linear in its one tensor: its derivative applies the op itself, its gradient the `transpose`."""
    params = _params(forward, 1)
    return _declare(name, "linear", forward, {params[0].name: transpose}, params, (params[0].name,), node, None, False, False,
                    view, doc, method, None, shows)  # fmt: skip


def vjp(name: str, forward: Any, *, node: str | None = None, broadcast: bool = False, tensors: tuple[str, ...] | None = None,
        doc: str | None = None, method: bool = True, shows: dict[str, Any] | None = None, **rules: Any) -> Any:  # fmt: skip
    """An op of any other kind: for each input that has a gradient, its vector-Jacobian product."""
    params = _params(forward, len(rules))
    return _declare(name, "vjp", forward, rules, params, tensors or tuple(rules), node, None, False, broadcast, False, doc, method, None, shows)


def _params(forward: Any, tensors: int) -> list[inspect.Parameter]:
    """The op's parameters: those of a Python forward, or `self, other` for a NumPy function."""
    if inspect.isfunction(forward):
        return list(inspect.signature(forward).parameters.values())
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    return [inspect.Parameter(n, kind) for n in ("self", "other")[:tensors]]


def _declare(name: str, kind: str, forward: Any, rules: dict[str, Any], params: list[inspect.Parameter], tensors: tuple[str, ...],
             node: str | None, ufunc: Any, floats: bool, broadcast: bool, view: bool, doc: str | None, method: bool,
             refuses: dict[str, Any] | None = None, shows: dict[str, Any] | None = None, numbers: bool = True) -> Any:  # fmt: skip
    node = node or "".join(part.capitalize() for part in name.split("_")) + "Backward0"
    op = Op(name, kind, forward, rules, params, tensors, node, ufunc, floats, broadcast, view, doc, refuses, shows, numbers)
    build(op)
    if name in OPS:
        raise ValueError(f"an op named {name!r} is declared twice")
    OPS[name] = op
    if isinstance(ufunc, np.ufunc):
        UFUNCS[ufunc] = op.call
    if method and not name.startswith("_"):
        setattr(Tensor, name, op.call)
    return op.call


def opaque(name: str, forward: Any, ufunc: Any = None, doc: str | None = None, refuses: dict[str, Any] | None = None, numbers: bool = True) -> Any:
    """An op without a derivative: its result never requires grad. Inputs, `refuses` and `numbers` as for an elementwise op."""

    def compute(values: tuple[Any, ...], out: Any) -> Any:
        operands = [as_operand(v) for v in values]
        if not isinstance(operands[0], Tensor) and (len(operands) == 1 or operands[0] is None or not isinstance(operands[1], Tensor)):
            raise errors.argument(name, "input", 1, "Tensor", values[0])
        if any(o is None for o in operands):
            return NotImplemented
        if not numbers:
            tensors_only(name, ("input", "other"), operands)
        datas = [o._data if isinstance(o, Tensor) else o for o in operands]
        dtype = datas[0].dtype if len(datas) == 1 or getattr(datas[1], "dtype", None) is getattr(datas[0], "dtype", 0) else result_dtype(datas)
        if refuses:
            refuse_kind(refuses, dtype, datas)
        datas = [number_as(d, dtype) if type(d) in NUMBERS else d if d.dtype is dtype else d.astype(dtype) for d in datas]
        try:
            result = Tensor._wrap(forward(*datas))
        except ValueError as error:
            raise errors.refused(name, error, datas) from None
        return result if out is None else into(out, result)

    if getattr(forward, "nin", 2) == 1:

        def call(input: Any, *, out: Any = None) -> Any:
            return compute((input,), out)
    else:

        def call(input: Any, other: Any, *, out: Any = None) -> Any:  # type: ignore[misc]
            result = compute((input, other), out)
            if result is NotImplemented:
                raise errors.argument(name, "other", 2, "Tensor", other)
            return result

        call.operator = lambda input, other: compute((input, other), None)  # type: ignore[attr-defined]

    call.__name__ = call.__qualname__ = name
    call.__module__ = "glassgrad"
    call.__doc__ = doc
    call.numbers = numbers  # type: ignore[attr-defined]
    if ufunc is not None:
        UFUNCS[ufunc] = call
    setattr(Tensor, name, call)
    return call


def in_place(call: Any, ufunc: Any = None, name: str | None = None, fills: bool = False, method: bool = True) -> Any:
    """The form of an op that writes into its first input, as the method `name_`: values, versions, graph.

    One that `fills` may write into an expanded tensor. Without `method` it does not become one of Tensor's.
    """
    op: Op | None = getattr(call, "op", None)
    name = name or call.__name__ + "_"
    keeps_self = op is None or any("self" in w for w in op.wants.values())
    ufunc = ufunc or (op.ufunc if op is not None and len(op.tensors) == 2 else None)

    def write_into(input: Any, *args: Any, **kwargs: Any) -> Any:
        data = input._data
        if not mode.grad or not (input._needs or any_needs(args) or any_needs(kwargs.values())):
            if ufunc is not None and type(data) is np.ndarray and len(args) == 1 and not kwargs:
                other = args[0]
                b = other._data if isinstance(other, Tensor) else other
                if data.dtype.kind == "f" and (type(b) in NUMBERS and type(b) is not complex or getattr(b, "dtype", None) is data.dtype):
                    memory = input._memory
                    if memory is None or memory.inference:
                        memory = memory_to_write(input)
                    memory = memory.root
                    if memory.shared and isinstance(other, Tensor) and other._memory is not None and other._memory.root is memory:
                        refuse_overlap(data, b)
                    try:
                        ufunc(data, b, data)
                    except ValueError as error:
                        refused = cannot_hold(input, call.__name__, error, b)
                        if refused is not None:
                            raise refused from None
                        unlock(data)
                        ufunc(data, b, data)
                    wrote(memory)
                    frame = sys._getframe(1)
                    memory.writer = (frame.f_code, frame.f_lasti)
                    return input
            _refuse_overlaps(input, args, name == "index_put_")
            out = call(Tensor._wrap(data), *args, **kwargs)
            _must_fit(name, input, out)
            put(input, out._data, fills)
        else:
            own = input._memory
            check_writable(input)
            _refuse_overlaps(input, args, name == "index_put_")
            before = object.__new__(Tensor)
            before._data, before._fn, before._needs, before._grad, before._memory = data, input._fn, input._needs, None, None
            shared = own is not None and own.root.shared
            if shared and keeps_self:
                before._data = data.copy()
            out = call(before, *args, **kwargs)
            _must_fit(name, input, out)
            put(input, out._data, fills, refresh=False)
            rebase(input, before, out)
            node = out._fn
            if node is not None and "result" in node.saves:
                node.result_memory = (input._memory.root, input._memory.version)
            if input._memory.root.views:
                refresh_views(input._memory.root)
        memory = input._memory.root
        frame = sys._getframe(1)
        memory.writer = (frame.f_code, frame.f_lasti)
        return input

    write_into.__name__ = write_into.__qualname__ = name
    write_into.__doc__ = f"`{name.rstrip('_')}` written into the tensor itself, which is returned."
    if method:
        setattr(Tensor, name, write_into)
    return write_into


def _refuse_overlaps(input: Any, args: tuple[Any, ...], at_all: bool) -> None:
    if input._memory is not None and input._memory.root.shared:
        for a in args:
            if isinstance(a, Tensor) and a._memory is not None and a._memory.root is input._memory.root:
                refuse_overlap(input._data, a._data, at_all)


def _must_fit(method: str, input: Any, out: Any) -> None:
    """A result can be written into a tensor of its shape (or one that it broadcasts to) and of a category that holds it."""
    if isinstance(out._data, Layer) and out._data.levels != levels_of(input._data):
        if told_apart(out._data) - told_apart(input._data):
            raise foreign(method, input, out._data)
        refuse_unseen(input, out._data)
    if out._data.shape != input._data.shape:
        raise errors.explain(
            RuntimeError(
                f"output with shape {list(input._data.shape)} doesn't match the broadcast shape {list(out._data.shape)}"
            ),
            where=errors.line_of(errors.users_place()),
            fix="write it out of place, so that a tensor of the larger shape can be made",
        )
    rank = "buifc".index
    if rank(out._data.dtype.kind.replace("u", "i")) > rank(input._data.dtype.kind.replace("u", "i")):
        name = lambda d: FROM_NUMPY[d].type_name  # noqa: E731
        raise errors.explain(
            RuntimeError(
                f"result type {name(out._data.dtype)} can't be cast to the desired output type {name(input._data.dtype)}"
            ),
            where=errors.line_of(errors.users_place()),
        )


ARITHMETIC = frozenset({"mul_", "div_", "copy_", "masked_fill_", "__setitem__", "_put_at_"})


def foreign(name: str, input: Any, data: Any) -> Exception:
    """What is computed inside a transform does not fit into a tensor from outside it."""
    if name in ("add_", "sub_"):
        sizes = [level.size for level in data.levels - levels_of(input._data) if hasattr(level, "size")]
        found = RuntimeError(f"output with shape {list(input._data.shape)} doesn't match the broadcast shape {[*sizes, *data.shape]}")
    else:
        named = "inplace arithmetic" if name in ARITHMETIC else name if name in ("fill_", "index_put_") else f"aten::{name}"
        over = f"at level {len(running.levels)}" if "aten" in named else "in a vmap"
        found = RuntimeError(
            f"vmap: {named}(self, *extra_args) is not possible because there exists a Tensor `other` in extra_args that has more elements than "
            f"`self`. This happened due to `other` being vmapped over but `self` not being vmapped over {over}. Please try to use out-of-place "
            f"operators instead of {named}. If said operator is being called inside the PyTorch framework, please file a bug report instead."
        )
    return errors.explain(
        found, "the tensor that is written holds one value, and each example of the batch has another for it",
        errors.line_of(errors.users_place()), "write it out of place, or start from a tensor made from the input (x.new_zeros, torch.zeros_like)",
    )  # fmt: skip


def refuse_unseen(tensor: Any, given: Any) -> None:
    """Raises where a tensor has views, or is one, that would not see what is written into it inside a transform."""
    own, memory = tensor._data, tensor._memory
    if memory is None or memory.base is None and not memory.root.views or isinstance(own, Layer) and own.holds(given):
        return
    if not isinstance(own, Layer) and not levels_of(given):
        return
    raise errors.explain(
        NotImplementedError("inside a transform a value cannot be written through a view of a tensor that has no room for each example's, or for a tangent"),
        where=errors.line_of(errors.users_place()), fix="make the tensor from the input (x.new_zeros, torch.zeros_like, x.clone()), or write out of place",
    )  # fmt: skip


def put(tensor: Any, data: Any, fills: bool = False, refresh: bool = True) -> None:
    """`write`, also into the data of a transform that views share."""
    own = tensor._data
    if isinstance(own, Layer) and tensor._memory is not None and tensor._memory.root.shared:
        refuse_unseen(tensor, data)
        own.become(data)
        data = own
    write(tensor, data, fills, refresh)


def cannot_hold(input: Any, name: str, error: Exception, other: Any) -> Exception | None:
    """Why a ufunc could not write into `input`; None where the shapes fit."""
    try:
        shape = np.broadcast_shapes(input._data.shape, np.shape(other))
    except ValueError:
        return errors.refused(name, error, [input._data, other])
    return None if shape == input._data.shape else RuntimeError(f"output with shape {list(input._data.shape)} doesn't match the broadcast shape {list(shape)}")
