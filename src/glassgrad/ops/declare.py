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

import functools
import inspect
import linecache
import textwrap
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import errors
from ..dtypes import FROM_NUMPY, NUMBERS, defaults, number_dtype, result_dtype
from ..graph.memory import alias, materialize, memory_of, rebase, write
from ..graph.modes import mode
from ..graph.node import Freed, Node, count, edge_of
from ..tensor import Tensor
from .arrays import astype

new, ndarray = object.__new__, np.ndarray
INTEGERS = frozenset({np.int64, np.int32, np.int16, np.int8, np.uint8, np.bool_})
f32, f64, F32, F64 = np.float32, np.float64, np.dtype("float32"), np.dtype("float64")


class Op:
    """A declared operation: everything that is known about it."""

    def __init__(self, name: str, kind: str, forward: Any, rules: dict[str, Any], params: list[inspect.Parameter],
                 tensors: tuple[str, ...], node: str, ufunc: Any, floats: bool, broadcast: bool, view: bool,
                 doc: str | None):  # fmt: skip
        self.name, self.kind, self.forward, self.rules, self.params, self.tensors = name, kind, forward, rules, params, tensors
        self.node_name, self.ufunc, self.floats, self.broadcast, self.view, self.doc = node, ufunc, floats, broadcast, view, doc
        self.statics = tuple(p.name for p in params if p.name not in tensors)
        self.edges = tuple(t for t in tensors if t in rules)  # masks and indices have none
        self.wants = {t: tuple(inspect.signature(r).parameters) if callable(r) else () for t, r in rules.items()}
        self.kept_statics: tuple[str, ...] = ()
        self.node: Any = None
        self.general_node: Any = None
        self.call: Any = None

    def __repr__(self) -> str:
        return f"<{self.kind} op {self.name}>"

    def __reduce__(self) -> Any:
        return find, (self.name,)


OPS: dict[str, Op] = {}
UFUNCS: dict[Any, Any] = {}


def find(name: str) -> Op:
    """The op of that name."""
    return OPS[name]


# ------------------------------------------------------------------------------------------------ the kinds
def elementwise(name: str, forward: Any, *derivatives: Any, node: str | None = None, ufunc: Any = None, floats: bool = True,
                doc: str | None = None, method: bool = True) -> Any:  # fmt: skip
    """An op that acts on each element: `derivatives` of the result by each input, as numbers or functions.

    `floats` says that integers become floating first (sin, but not add).
    """
    params = _params(forward, len(derivatives))
    params[0] = params[0].replace(name="self")
    tensors = tuple(p.name for p in params[: len(derivatives)])
    rules = dict(zip(tensors, derivatives))
    if ufunc is None and isinstance(forward, np.ufunc):
        ufunc = forward
    return _declare(name, "elementwise", forward, rules, params, tensors, node, ufunc, floats, True, False, doc, method)


def linear(name: str, forward: Any, transpose: Any, *, node: str | None = None, view: bool = False, doc: str | None = None,
           method: bool = True) -> Any:  # fmt: skip
    """An op linear in its one tensor: its derivative applies the op itself, its gradient the `transpose`."""
    params = _params(forward, 1)
    return _declare(name, "linear", forward, {params[0].name: transpose}, params, (params[0].name,), node, None, False, False,
                    view, doc, method)  # fmt: skip


def vjp(name: str, forward: Any, *, node: str | None = None, broadcast: bool = False, tensors: tuple[str, ...] | None = None,
        doc: str | None = None, method: bool = True, **rules: Any) -> Any:  # fmt: skip
    """An op of any other kind: for each input that has a gradient, its vector-Jacobian product."""
    params = _params(forward, len(rules))
    return _declare(name, "vjp", forward, rules, params, tensors or tuple(rules), node, None, False, broadcast, False, doc, method)


def _params(forward: Any, tensors: int) -> list[inspect.Parameter]:
    """The op's parameters: those of a Python forward, or `self, other` for a NumPy function."""
    if inspect.isfunction(forward):
        return list(inspect.signature(forward).parameters.values())
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    return [inspect.Parameter(n, kind) for n in ("self", "other")[:tensors]]


def _declare(name: str, kind: str, forward: Any, rules: dict[str, Any], params: list[inspect.Parameter], tensors: tuple[str, ...],
             node: str | None, ufunc: Any, floats: bool, broadcast: bool, view: bool, doc: str | None, method: bool) -> Any:  # fmt: skip
    node = node or "".join(part.capitalize() for part in name.split("_")) + "Backward0"
    op = Op(name, kind, forward, rules, params, tensors, node, ufunc, floats, broadcast, view, doc)
    build(op)
    if name in OPS:
        raise ValueError(f"an op named {name!r} is declared twice")
    OPS[name] = op
    if isinstance(ufunc, np.ufunc):
        UFUNCS[ufunc] = op.call
    if method and not name.startswith("_"):
        setattr(Tensor, name, op.call)
    return op.call


def in_place(call: Any, ufunc: Any = None, name: str | None = None) -> Any:
    """The form of an op that writes into its first input, as the method `name_`: values, versions, graph."""
    op: Op | None = getattr(call, "op", None)
    name = name or call.__name__ + "_"
    keeps_self = op is None or any("self" in w for w in op.wants.values())
    ufunc = ufunc or (op.ufunc if op is not None and len(op.tensors) == 2 else None)

    def method(input: Any, *args: Any, **kwargs: Any) -> Any:
        data = input._data
        if not mode.grad or not (input._needs or _any_needs(args) or _any_needs(kwargs.values())):
            if ufunc is not None and type(data) is ndarray and len(args) == 1 and not kwargs:
                other = args[0]
                b = other._data if isinstance(other, Tensor) else other
                if data.dtype.kind == "f" and (type(b) in NUMBERS and type(b) is not complex or getattr(b, "dtype", None) is data.dtype):
                    memory = input._memory or memory_of(input)
                    try:
                        ufunc(data, b, data)
                    except ValueError as error:
                        raise cannot_hold(input, call.__name__, error, b) from None
                    memory = memory.root
                    memory.version += 1
                    frame = _frame(1)
                    memory.writer = (frame.f_code, frame.f_lasti)
                    return input
            out = call(Tensor._wrap(data), *args, **kwargs)
            _must_fit(input, out)
            write(input, out._data)
        else:
            own = input._memory
            if own is not None and own.base is not None:
                if own.base._needs and own.base._fn is None:
                    raise errors.leaf_in_place(view=True)
            elif input._needs and input._fn is None:
                raise errors.leaf_in_place()
            before = new(Tensor)
            before._data, before._fn, before._needs, before._grad, before._memory = data, input._fn, input._needs, None, None
            shared = own is not None and own.root.shared
            if shared and keeps_self:
                before._data = np.array(data)
            args = tuple(before if a is input else a for a in args)
            out = call(before, *args, **kwargs)
            _must_fit(input, out)
            write(input, out._data)
            rebase(input, out)
            node = out._fn
            if node is not None and "result" in node.saves:
                node.result_memory = (input._memory.root, input._memory.version)
        frame = _frame(1)
        input._memory.root.writer = (frame.f_code, frame.f_lasti)
        return input

    method.__name__ = method.__qualname__ = name
    method.__doc__ = f"`{name.rstrip('_')}` written into the tensor itself, which is returned."
    setattr(Tensor, name, method)
    return method


_frame = __import__("sys")._getframe


def _any_needs(values: Any) -> bool:
    return any(isinstance(v, Tensor) and v._needs for v in values)


def _must_fit(input: Any, out: Any) -> None:
    """A result can be written into a tensor of its shape (or one that it broadcasts to) and of a category that holds it."""
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


def cannot_hold(input: Any, name: str, error: Exception, other: Any) -> Exception:
    """Why a ufunc could not write into `input`."""
    try:
        shape = np.broadcast_shapes(input._data.shape, np.shape(other))
    except ValueError:
        return errors.refused(name, error, [input._data, other])
    return RuntimeError(f"output with shape {list(input._data.shape)} doesn't match the broadcast shape {list(shape)}")


def into(out: Tensor, result: Tensor, *inputs: Any) -> Tensor:
    """`out=`: writes a result into a tensor that the caller made, resized where its size differs."""
    if (out._needs or _any_needs(inputs)) and mode.grad:
        raise RuntimeError(
            "functions with out=... arguments don't support automatic differentiation, but one of the arguments requires grad."
        )
    data = result._data
    rank = "buifc".index
    if rank(data.dtype.kind.replace("u", "i")) > rank(out._data.dtype.kind.replace("u", "i")):
        raise RuntimeError(
            f"result type {result.dtype.type_name} can't be cast to the desired output type {out.dtype.type_name}"
        )
    if data.shape != out._data.shape:
        out._data = np.empty(data.shape, out._data.dtype)
    write(out, data if data is not getattr(out, "_data", None) else data.copy())
    return out


# ------------------------------------------------------------------------------------------------ what generated code calls
def sum_to(grad: Any, shape: tuple[int, ...]) -> Any:
    """Undoes broadcasting: sums a gradient over the dims that an input of `shape` did not have, or had only once."""
    if grad.shape == shape:
        return grad
    lead = grad.ndim - len(shape)
    dims = tuple(range(lead)) + tuple(i + lead for i, n in enumerate(shape) if n == 1 and grad.shape[i + lead] != 1)
    return grad.sum(axis=dims, keepdims=True).reshape(shape) if dims else grad.reshape(shape)


def fit(grad: Any, shape: tuple[int, ...], dtype: np.dtype) -> Any:
    """A gradient in the shape and type of its input: PyTorch's engine casts where an op promoted."""
    if grad.shape != shape:
        grad = sum_to(grad, shape)
    kind = (grad._data if isinstance(grad, Tensor) else grad).dtype
    if kind != dtype:
        if kind.kind == "c" and dtype.kind != "c":
            grad = np.real(grad)
        grad = astype(grad, dtype)
    return grad


def conj(x: Any) -> Any:
    """The conjugate of complex values; real ones as they are."""
    return np.conj(x) if is_complex(x) else x


def is_complex(x: Any) -> bool:
    """Whether an array, tensor or number is complex."""
    if type(x) is not ndarray:
        x = getattr(x, "_data", x)
        if type(x) in REALS:
            return False
        if type(x) is complex:
            return True
    return x.dtype.kind == "c"


REALS = frozenset({int, float, f32, f64, type(True)})


def saved(node: Node, value: Any, name: str) -> Any:
    """A saved input as an array: the cold cases."""
    if isinstance(value, Freed):
        raise node.freed(value)
    if isinstance(value, Tensor):
        check(node, value, name)
        return value._data
    return value


def saved_tensor(node: Node, name: str) -> Any:
    """A saved input as the tensor (or number) that it was."""
    value = getattr(node, "s_" + name)
    if isinstance(value, Freed):
        raise node.freed(value)
    if isinstance(value, Tensor):
        check(node, value, name)
    return value


def check(node: Node, value: Any, name: str) -> None:
    """Raises when a saved tensor was written since."""
    memory = value._memory
    if memory is not None and memory.version != getattr(node, "v_" + name):
        raise node.stale(name, value, getattr(node, "v_" + name))


def saved_result(node: Any, as_tensor: bool) -> Any:
    """The saved result: the bare array, or a tensor that stands in the graph where the result stood."""
    data = node.s_result
    if isinstance(data, Freed):
        raise node.freed(data)
    kept = node.result_memory
    if kept is not None and kept[0].version != kept[1]:
        raise node.stale_result("result", data, kept)
    if not as_tensor:
        return data
    t = new(Tensor)
    t._data, t._fn, t._needs, t._grad, t._memory = data, node, True, None, None
    return t


def refuse(op: Op, error: Exception, inputs: Any) -> Exception:
    """What to raise for inputs that NumPy (or reading `._data`) refused."""
    for position, value in enumerate(inputs):
        if not isinstance(value, (Tensor, *NUMBERS, np.ndarray, np.generic)) and not hasattr(value, "__array_function__"):
            return errors.argument(op.name, "input" if position == 0 else op.tensors[position], position + 1, "Tensor", value)
        if op.kind != "elementwise" and not isinstance(value, Tensor):
            return errors.argument(op.name, "input" if position == 0 else op.tensors[position], position + 1, "Tensor", value)
    if isinstance(error, AttributeError):
        return error
    return errors.refused(op.name, error, [i._data if isinstance(i, Tensor) else i for i in inputs])


def as_operand(value: Any) -> Any:
    """An input as a Tensor or a bare number; arrays of the caller's become tensors that share their memory."""
    if isinstance(value, Tensor) or type(value) in NUMBERS:
        return value
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, (int, float, complex)):
        return value
    if isinstance(value, np.ndarray):
        return Tensor._wrap(value if value.ndim else value[()])
    if hasattr(value, "__array_function__"):  # a recording array, a CuPy or Dask array
        return Tensor._wrap(value)
    return None


def general(op: Op, inputs: tuple[Any, ...], statics: tuple[Any, ...]) -> Any:
    """An elementwise op on anything: mixed types, integers, complex numbers, arrays of others, numbers first."""
    operands = [as_operand(v) for v in inputs]
    for position, (given, operand) in enumerate(zip(inputs, operands)):
        if operand is None:
            if position and hasattr(given, "__array_ufunc__") or hasattr(type(given), "__radd__") and not isinstance(given, (str, list, tuple)):
                return NotImplemented
            raise refuse(op, TypeError(), inputs)
    datas = [o._data if isinstance(o, Tensor) else o for o in operands]
    dtype = result_dtype(datas) if len(datas) > 1 else getattr(datas[0], "dtype", None) or number_dtype(datas[0])
    if op.floats and dtype.kind in "iub":
        dtype = defaults.numpy
    arrays = [_number_as(d, dtype) if type(d) in NUMBERS else d if d.dtype == dtype else astype(d, dtype) for d in datas]
    try:
        r = op.forward(*arrays, *statics)
    except (ValueError, TypeError) as error:
        raise refuse(op, error, operands) from None
    t = Tensor._wrap(r)
    if mode.grad and any(isinstance(o, Tensor) and o._needs for o in operands):
        n = new(op.general_node)
        n.hooks, n.seq = None, count()
        n.edges = tuple(edge_of(o) if isinstance(o, Tensor) else None for o in operands)
        n.shapes = tuple(a.shape for a in arrays)
        n.dtypes = tuple(d.dtype if hasattr(d, "dtype") else dtype for d in datas)
        for name, operand in zip(op.tensors, operands):
            if name in n.saves:
                setattr(n, "s_" + name, operand)
                setattr(n, "v_" + name, operand._version if isinstance(operand, Tensor) else 0)
        if "result" in n.saves:
            n.s_result, n.result_memory = r, None
        for name, value in zip(op.statics, statics):
            if name in op.kept_statics:
                setattr(n, name, value)
        t._fn, t._needs = n, True
    return t


def _number_as(value: Any, dtype: np.dtype) -> Any:
    """A Python number in a dtype; integers wrap around as C's do."""
    if dtype.kind not in "iu":
        return dtype.type(value)
    bits = dtype.itemsize * 8
    value = int(value) & ((1 << bits) - 1)
    if dtype.kind == "i" and value >> (bits - 1):
        value -= 1 << bits
    return dtype.type(value)


# ------------------------------------------------------------------------------------------------ from declaration to code
def build(op: Op) -> None:
    """Writes the node class and the function of `op`."""
    names = {n for w in op.wants.values() for n in w}
    op_saves = tuple(t for t in op.tensors if t in names) + (("result",) if "result" in names else ())
    shapes = tuple(f"{t}_{what}" for t in op.tensors for what in ("shape", "dtype") if f"{t}_{what}" in names)
    statics = tuple(s for s in op.statics if s in names)
    op.kept_statics = statics
    slots = ["s_" + s for s in op_saves] + ["v_" + s for s in op_saves if s != "result"]
    slots += [*shapes, *statics]
    if "result" in names:
        slots.append("result_memory")
    if op.broadcast:
        slots.append("shapes")
    space = {"rule_" + t: r for t, r in op.rules.items()}
    space |= dict(
        __name__="glassgrad.ops." + op.name, forward=op.forward, OP=op, Tensor=Tensor, NUMBERS=NUMBERS, mode=mode, new=new, count=count, ndarray=ndarray, f32=f32,
        f64=f64, F32=F32, F64=F64, general=general, refuse=refuse, into=into, sum_to=sum_to, fit=fit, conj=conj, saved=saved,
        INTEGERS=INTEGERS, wrap=Tensor._wrap, saved_tensor=saved_tensor, saved_result=saved_result, materialize=materialize, alias=alias, zeros_like=np.zeros_like,
    )  # fmt: skip
    source = "\n".join(
        [_backward(op, False, False), _backward(op, True, False)]
        + ([_backward(op, False, True), _backward(op, True, True)] if op.kind == "elementwise" else [])
        + [_function(op, op_saves, shapes, statics)]
    )
    file = f"<glassgrad {op.name}>"
    linecache.cache[file] = (len(source), None, source.splitlines(True), file)
    exec(compile(source, file, "exec"), space)
    body: dict[str, Any] = {"__slots__": tuple(slots), "saves": op_saves, "op": op, "backward": space["backward"],
                            "backward_graph": space["backward_graph"]}  # fmt: skip
    for name in op_saves + shapes + statics:
        body[f"_saved_{_public_saved(name)}"] = property(_reader(name, op_saves))
    op.node = type(op.node_name, (Node,), body)
    if op.kind == "elementwise":
        op.general_node = type(op.node_name, (op.node,), {
            "__slots__": ("dtypes",), "backward": space["general_backward"], "backward_graph": space["general_backward_graph"]})  # fmt: skip
    space["node"] = op.node
    call = op.call = space["call"]
    call.__name__ = call.__qualname__ = op.name
    call.__module__ = "glassgrad"
    call.__doc__ = op.doc
    call.op = op


def _public_saved(name: str) -> str:
    return name.replace("_shape", "_sym_sizes")


def _reader(name: str, saves: tuple[str, ...]) -> Callable[[Any], Any]:
    def read(node: Any) -> Any:
        if name == "result":
            return saved_result(node, True)
        if name in saves:
            return saved_tensor(node, name) if hasattr(node, "s_" + name) else None
        value = getattr(node, name)
        return value

    return read


def _indent(lines: list[str], by: int = 4) -> str:
    return textwrap.indent("\n".join(lines), " " * by)


def _backward(op: Op, graph: bool, wide: bool) -> str:
    """The source of a node's backward: on arrays or (graph) on tensors; wide: with casts and conjugates."""
    name = ("general_" if wide else "") + ("backward_graph" if graph else "backward")
    lines = []
    edges = ["e_" + t for t in op.edges]
    if len(edges) > 1:
        lines.append(f"{', '.join(edges)} = n.edges")
    for i, t in enumerate(op.edges):
        rule, wants = op.rules[t], op.wants[t]
        inner: list[str] = []
        for w in wants:
            inner += _unpack(op, w, graph)
        call = f"rule_{t}({', '.join(wants)})"
        if op.kind == "elementwise":
            if not callable(rule):
                inner.append(f"g_{t} = " + {1: "grad", -1: "-grad", 0: "zeros_like(grad)"}.get(rule, f"grad * {rule!r}"))
            elif wide:
                inner.append(f"g_{t} = grad * conj({call})")
            else:
                inner.append(f"g_{t} = grad * {call}")
        else:
            inner.append(f"g_{t} = {call}")
        if wide:
            inner.append(f"g_{t} = fit(g_{t}, n.shapes[{i}], n.dtypes[{i}])")
        elif op.broadcast and len(op.edges) > 1:
            inner.append(f"if n.shapes is not None: g_{t} = sum_to(g_{t}, n.shapes[{i}])")
        if len(op.edges) == 1:
            lines += inner
        else:
            lines += [f"if e_{t} is None: g_{t} = None", "else:", *(_indent(inner).splitlines())]
    if not graph:
        kept = [f"n.s_{s}" for s in op.tensors if any(s in w for w in op.wants.values())]
        if any("result" in w for w in op.wants.values()):
            kept.append("n.s_result")
        if kept:
            lines += [f"if freed is not None: {' = '.join(kept)} = freed"]
    gs = ["g_" + t for t in op.edges]
    lines.append(f"return {', '.join(gs)}{',' if len(gs) == 1 else ''}")
    return f"def {name}(n, grad{'' if graph else ', freed'}):\n{_indent(lines)}\n"


def _unpack(op: Op, name: str, graph: bool) -> list[str]:
    """Lines that bring what a rule names into a local variable."""
    if name == "grad":
        return []
    if name == "result":
        if graph:
            return ["result = saved_result(n, True)"]
        return ["result = n.s_result", "if n.result_memory is not None or type(result) not in (ndarray, f32, f64): "
                "result = saved_result(n, False)"]  # fmt: skip
    if name in op.tensors:
        if graph:
            return [f"{name} = saved_tensor(n, {name!r})"]
        return [
            f"{name} = n.s_{name}",
            f"if type({name}) is Tensor:",
            f"    m = {name}._memory",
            f"    if m is not None and m.version != n.v_{name}: raise n.stale({name!r}, {name}, n.v_{name})",
            f"    {name} = {name}._data",
            f"elif type({name}) not in NUMBERS: {name} = saved(n, {name}, {name!r})",
        ]
    return [f"{name} = n.{name}"]


def _make_node(op: Op, saves: tuple[str, ...], shapes: tuple[str, ...], statics: tuple[str, ...], numbers: tuple[str, ...] = ()) -> list[str]:
    """Lines that make the node of a call; `numbers` are inputs that are bare numbers here."""
    lines = ["n = new(node)", "n.hooks = None", "n.seq = count()"]
    edges = [
        "None" if t in numbers else f"{_public(t)}._fn or ({_public(t)} if {_public(t)}._needs else None)" for t in op.edges
    ]
    lines.append(f"n.edges = ({', '.join(edges)}{',' if len(edges) == 1 else ''})")
    for s in saves:
        if s == "result":
            lines += ["n.s_result = r", "n.result_memory = None"]
            continue
        public = _public(s)
        users = [t for t in op.rules if s in op.wants[t]]
        store = [f"n.s_{s} = {public}"]
        if s not in numbers:
            store += [f"m = {public}._memory", f"n.v_{s} = 0 if m is None else m.version"]
        guards = [f"{_public(u)}._needs" for u in users if u not in numbers]
        if len(op.tensors) > 1 and len(users) < len(op.tensors) and guards and len(users) == 1:
            lines += [f"if {guards[0]}:", *_indent(store).splitlines()]
        elif users and not guards:
            continue
        else:
            lines += store
    for s in shapes:
        tensor, _, what = s.rpartition("_")
        lines.append(f"n.{s} = a_{tensor}.{what}")
    for s in statics:
        lines.append(f"n.{s} = {s}")
    return lines


def _public(name: str) -> str:
    return "input" if name == "self" else name


def _publics(op: Op) -> list[str]:
    return [_public(t) for t in op.tensors]


def _signature(op: Op) -> str:
    parts = []
    for p in op.params:
        text = _public(p.name)
        if p.default is not inspect.Parameter.empty:
            text += f"={p.default!r}"
        parts.append(text)
    return ", ".join(parts)


def _function(op: Op, saves: tuple[str, ...], shapes: tuple[str, ...], statics: tuple[str, ...]) -> str:
    """The source of the op itself."""
    inputs = ", ".join(_publics(op)) + ("," if len(op.tensors) == 1 else "")
    statics_tuple = "(" + "".join(s + ", " for s in op.statics) + ")"
    tail = "".join(", " + s for s in op.statics)
    passed = ", ".join(_public(p.name) for p in op.params)
    lines = [f"if out is not None: return into(out, call({passed}), {inputs.rstrip(',')})"]
    if op.kind == "elementwise" and len(op.tensors) <= 2:
        generally = f"return general(OP, ({inputs}), {statics_tuple})"
        lines += ["try:", "    a_self = input._data", "    k = type(a_self)"]
        if len(op.tensors) == 1:
            lines += [
                "    if not (k is f32 or k is f64 or (k is ndarray and ((d := a_self.dtype) is F32 or d is F64))):",
                f"        {generally}",
                f"    r = forward(a_self{tail})",
            ]
            made = ["if input._needs and mode.grad:", *_indent(_make_node(op, saves, shapes, statics)).splitlines()]
        else:
            b = op.tensors[1]
            lines += [
                f"    if type({b}) is Tensor:",
                f"        a_{b} = {b}._data",
                "        if k is ndarray:",
                "            d = a_self.dtype",
                f"            if (d is not F32 and d is not F64) or a_{b}.dtype is not d:",
                f"                {generally}",
                f"            shapes = (a_self.shape, a_{b}.shape)",
                "            if shapes[0] == shapes[1]: shapes = None",
                "        elif k is f32 or k is f64:",
                f"            if type(a_{b}) is not k:",
                f"                if type(a_{b}) not in INTEGERS: {generally}",
                f"                {b} = wrap(k(a_{b}))",
                f"                a_{b} = {b}._data",
                "            shapes = None",
                f"        else: {generally}",
                f"        r = forward(a_self, a_{b}{tail})",
                "        number = False",
                f"    elif type({b}) in NUMBERS and type({b}) is not complex and (k is f32 or k is f64 or (k is ndarray and ((d := a_self.dtype) is F32 or d is F64))):",
                f"        r = forward(a_self, {b}{tail})",
                "        number = True",
                f"    else: {generally}",
            ]
            both = _make_node(op, saves, shapes, statics)
            one = _make_node(op, saves, shapes, statics, numbers=(b,))
            made = [
                "if number:",
                "    if input._needs and mode.grad:",
                *_indent([*one, "n.shapes = None", *FINISH], 8).splitlines(),
                "    else:", "        t._fn = None", "        t._needs = False",
                f"elif (input._needs or {b}._needs) and mode.grad:",
                *_indent([*both, "n.shapes = shapes", *FINISH]).splitlines(),
                *PLAIN,
            ]  # fmt: skip
        lines += ["except (ValueError, TypeError, AttributeError) as error:", f"    raise refuse(OP, error, ({inputs})) from None"]
        lines += RESULT
        if len(op.tensors) == 1:
            made += [*_indent(FINISH).splitlines(), *PLAIN]
        lines += made
    elif op.kind == "elementwise":
        lines = [f"if out is not None: return into(out, call({passed}), {inputs.rstrip(',')})",
                 f"return general(OP, ({inputs}), {statics_tuple})"]  # fmt: skip
    else:
        lines += ["try:"]
        for t in op.tensors:
            lines.append(f"    a_{t} = {_public(t)}._data")
        if op.view:
            lines.append("    if type(a_self) is not ndarray: a_self = materialize(input)")
        forward_args = ", ".join(("a_" + p.name) if p.name in op.tensors else p.name for p in op.params)
        lines += [f"    r = forward({forward_args})",
                  "except (ValueError, TypeError, AttributeError) as error:", f"    raise refuse(OP, error, ({inputs})) from None"]  # fmt: skip
        lines += RESULT
        node = _make_node(op, saves, shapes, statics)
        if op.broadcast:
            node.append("n.shapes = (" + ", ".join(f"a_{t}.shape" for t in op.edges) + ",)")
        needs = " or ".join(f"{_public(t)}._needs" for t in op.tensors if t in op.rules)
        if len(op.rules) > 1:
            needs = f"({needs})"
        lines += [f"if {needs} and mode.grad:", *_indent([*node, *FINISH]).splitlines(), *PLAIN]
        if op.view:
            lines.append(f"alias(input, t, lambda b: call(b{tail}))")
    lines.append("return t")
    return f"def call({_signature(op)}, *, out=None):\n{_indent(lines)}\n"


RESULT = ["t = new(Tensor)", "t._data = r", "t._grad = t._memory = None"]
FINISH = ["t._fn = n", "t._needs = True"]
PLAIN = ["else:", "    t._fn = None", "    t._needs = False"]


def opaque(name: str, forward: Any, ufunc: Any = None, doc: str | None = None) -> Any:
    """An op without a derivative: its result never requires grad. Inputs as for an elementwise op."""

    @functools.wraps(forward) if inspect.isfunction(forward) else (lambda f: f)
    def call(input: Any, other: Any = None, *, out: Any = None) -> Any:
        values = (input,) if other is None else (input, other)
        operands = [as_operand(v) for v in values]
        if any(o is None for o in operands):
            return NotImplemented
        datas = [o._data if isinstance(o, Tensor) else o for o in operands]
        if len(datas) > 1 and getattr(datas[0], "dtype", None) is not getattr(datas[1], "dtype", None):
            dtype = result_dtype(datas)
            datas = [d.astype(dtype) if hasattr(d, "dtype") else d if dtype.kind not in "iu" or isinstance(d, float) else int(d) for d in datas]
        try:
            result = Tensor._wrap(forward(*datas))
        except ValueError as error:
            raise errors.refused(name, error, datas) from None
        return result if out is None else into(out, result)

    call.__name__ = call.__qualname__ = name
    call.__module__ = "glassgrad"
    call.__doc__ = doc
    if ufunc is not None:
        UFUNCS[ufunc] = call
    setattr(Tensor, name, call)
    return call
