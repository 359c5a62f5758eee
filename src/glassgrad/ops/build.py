"""From a declaration to code: writes an op's function and its node class as Python source, specialised to its inputs."""

from __future__ import annotations

import inspect
import linecache
import textwrap
from collections.abc import Callable
from types import FunctionType
from typing import Any

import numpy as np

from ..dtypes import NUMBERS
from ..graph.memory import mark, materialize
from ..graph.modes import inferring, mode, packing
from ..graph.node import Node, count
from ..graph.saved import SavedTensor, pack_saved
from ..graph.views import alias
from ..parameter import Parameter
from ..tensor import Tensor
from .arrays import PLAIN as PLAIN_TYPES
from .arrays import chosen
from .blocks import LARGE, in_blocks
from .docs import docstring
from .levels import meet
from .op import Op
from .runtime import conj, fit, floating, for_operator, general, into, refuse, saved, saved_result, saved_tensor, sum_to

new, ndarray = object.__new__, np.ndarray
INTEGERS = frozenset({np.int64, np.int32, np.int16, np.int8, np.uint8, np.bool_})
f32, f64, F32, F64 = np.float32, np.float64, np.dtype("float32"), np.dtype("float64")


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
    space: dict[str, Any] = {"rule_" + t: r for t, r in op.rules.items()}
    space |= {"chain_" + t: _chain(r) for t, r in op.rules.items() if callable(r)}
    space |= dict(
        __name__="glassgrad.ops." + op.name, value_of=op.forward, OP=op, Tensor=Tensor, Parameter=Parameter, NUMBERS=NUMBERS, REALS=NUMBERS - {complex},
        INTEGERS=INTEGERS, mode=mode,
        new=new, wrap=Tensor._wrap, count=count, ndarray=ndarray, f32=f32, f64=f64, F32=F32, F64=F64, general=general, refuse=refuse,
        into=into, sum_to=sum_to, fit=fit, floating=floating, conj=conj, saved=saved, saved_tensor=saved_tensor, saved_result=saved_result,
        materialize=materialize, alias=alias, mark=mark, inferring=inferring, packing=packing, pack_saved=pack_saved,
        zeros_like=np.zeros_like, in_blocks=in_blocks, LARGE=LARGE, chosen=chosen,
        PLAIN=PLAIN_TYPES, meet=meet,
    )  # fmt: skip
    body: dict[str, Any] = {"__slots__": tuple(slots), "saves": op_saves, "op": op}
    for name in op_saves + shapes + statics:
        body[f"_saved_{_public_saved(name)}"] = property(_reader(op, name, op_saves))
    for name in op_saves:
        body["_raw_saved_" + name] = property(_raw_reader(op, name))
    for name, shown in op.shows.items():
        if shown is Ellipsis:
            del body[f"_saved_{name}"]
        else:
            body[f"_saved_{name}"] = property(shown) if callable(shown) else shown
    if "::" in op.node_name:
        body["name"] = lambda self: op.node_name
    op.node = type(op.node_name.rpartition("::")[2], (Node,), body)
    if op.kind == "elementwise":
        op.general_node = type(op.node.__name__, (op.node,), {"__slots__": ("dtypes",)})
    space |= {"node": op.node, "compile_op": lambda: _compile(op, space, lambda: _function(op, op_saves, shapes, statics))}
    call = op.call = space["call"] = FunctionType(_first_call.__code__, space, op.name)
    if op.kind == "elementwise" and len(op.tensors) == 2:
        op.operator = FunctionType(_first_call.__code__, dict(space), op.name)  # the same code; only `general` is another
        op.operator.__globals__["call"] = op.operator
    call.__qualname__ = op.name
    call.__module__ = "glassgrad"
    call.__doc__ = op.doc or docstring(op.name, op.floats, len(op.tensors) > 1)
    call.__signature__ = _python_signature(op)  # type: ignore[attr-defined]
    call.op, call.numbers = op, op.numbers  # type: ignore[attr-defined]


def _first_call(*args: Any, **kwargs: Any) -> Any:
    """What an op is until it is called: writing and compiling it then keeps the import light."""
    compile_op()  # type: ignore[name-defined] # noqa: F821
    return call(*args, **kwargs)  # type: ignore[name-defined] # noqa: F821


def _compile(op: Op, space: dict[str, Any], function: Callable[[], str]) -> None:
    """Compiles an op's source; the function that everybody holds gets the new code."""
    call = op.call
    source = "\n".join(
        [_backward(op, False, False), _backward(op, True, False)]
        + ([_backward(op, False, True), _backward(op, True, True)] if op.kind == "elementwise" else [])
        + [function()]
    )
    file = f"<glassgrad {op.name}>"
    linecache.cache[file] = (len(source), None, source.splitlines(True), file)
    exec(compile(source, file, "exec"), space)
    real, space["call"] = space["call"], call
    op.node.backward, op.node.backward_graph = space["backward"], space["backward_graph"]
    if op.general_node is not None:
        op.general_node.backward, op.general_node.backward_graph = space["general_backward"], space["general_backward_graph"]
    if op.operator is not None:
        op.operator.__globals__.update(space, general=for_operator, call=op.operator)
    for function in (call, op.operator) if op.operator is not None else (call,):
        function.__code__, function.__defaults__, function.__kwdefaults__ = real.__code__, real.__defaults__, real.__kwdefaults__


def _python_signature(op: Op) -> inspect.Signature:
    """The op's signature as a caller sees it."""
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    given = [inspect.Parameter(_public(p.name), kind, default=p.default) for p in op.params]
    return inspect.Signature([*given, inspect.Parameter("out", inspect.Parameter.KEYWORD_ONLY, default=None)])


def _public_saved(name: str) -> str:
    return name.replace("_shape", "_sym_sizes")


def _holder(op: Op, name: str) -> Callable[[Any], Any]:
    """Reads what a node holds under a name that it saves: None where no gradient that is wanted needs it."""
    slot = "s_" + name
    users = [i for i, t in enumerate(op.edges) if name in op.wants[t]]
    return lambda node: getattr(node, slot, None) if any(node.edges[i] is not None for i in users) else None


def _reader(op: Op, name: str, saves: tuple[str, ...]) -> Callable[[Any], Any]:
    held = _holder(op, name)

    def read(node: Any) -> Any:
        if name == "result":
            return saved_result(node, True)
        if name in saves:
            return None if held(node) is None else saved_tensor(node, name)
        value = getattr(node, name)
        return Tensor._wrap(value) if isinstance(value, ndarray) else value

    return read


def _raw_reader(op: Op, name: str) -> Callable[[Any], Any]:
    held = _holder(op, name)

    def read(node: Any) -> Any:
        tensor = (lambda: saved_result(node, True)) if name == "result" else (lambda: saved_tensor(node, name))
        return SavedTensor(lambda: held(node), tensor, lambda packed: setattr(node, "s_" + name, packed), 0 if name == "result" else None)

    return read


def _chain(rule: Callable[..., Any]) -> Callable[..., Any]:
    """An elementwise derivative with the incoming gradient multiplied in: what a large backward runs piece by piece."""
    if getattr(rule, "selects", False):
        return lambda grad, *values: chosen(grad, rule(*values))
    return lambda grad, *values: grad * rule(*values)


def _indent(lines: list[str], by: int = 4) -> str:
    return textwrap.indent("\n".join(lines), " " * by)


def _backward(op: Op, graph: bool, wide: bool) -> str:
    """The source of a node's backward: on arrays or (graph) on tensors; wide: with casts and conjugates."""
    name = ("general_" if wide else "") + ("backward_graph" if graph else "backward")
    lines = []
    edges = ["e_" + t for t in op.edges]
    if len(edges) > 1:
        lines.append(f"{', '.join(edges)} = n.edges")
    common = [w for w in op.wants[op.edges[0]] if len(op.edges) > 1 and all(w in op.wants[t] for t in op.edges)]
    for w in sorted(common):  # read once, and checked in the order in which PyTorch checks
        lines += _unpack(op, w, graph, wide)
    for i, t in enumerate(op.edges):
        rule, wants = op.rules[t], op.wants[t]
        inner: list[str] = []
        for w in wants:
            if w not in common:
                inner += _unpack(op, w, graph, wide)
        call = f"rule_{t}({', '.join(wants)})"
        product = f"chosen(grad, {call})" if getattr(rule, "selects", False) else f"grad * {call}"
        if op.kind == "elementwise":
            if not callable(rule):
                inner.append(f"g_{t} = " + {1: "grad", -1: "-grad", 0: "zeros_like(grad)"}.get(rule, f"grad * {rule!r}"))
            elif wide:
                inner.append(f"g_{t} = " + (product if getattr(rule, "selects", False) else f"grad * conj({call})"))
            elif graph:
                inner.append(f"g_{t} = {product}")
            else:
                inner += [f"if type(grad) is ndarray and grad.size > LARGE: g_{t} = in_blocks(chain_{t}, {', '.join(['grad', *wants])})",
                          f"else: g_{t} = {product}"]  # fmt: skip
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


def _unpack(op: Op, name: str, graph: bool, wide: bool) -> list[str]:
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
            cast = [f"{name} = floating({name}, grad)"] if wide and op.floats and op.kind == "elementwise" else []
            return [f"{name} = saved_tensor(n, {name!r})", *cast]
        return [
            f"{name} = n.s_{name}",
            f"if (kind_of := type({name})) is Tensor or kind_of is Parameter:",
            f"    m = {name}._memory",
            f"    if m is not None and m.version != n.v_{name}: raise n.stale({name!r}, {name}, n.v_{name})",
            f"    {name} = {name}._data",
            f"elif kind_of not in NUMBERS: {name} = saved(n, {name}, {name!r})",
        ]
    return [f"{name} = n.{name}"]


def _make_node(op: Op, saves: tuple[str, ...], shapes: tuple[str, ...], statics: tuple[str, ...], numbers: tuple[str, ...] = ()) -> list[str]:
    """Lines that make the node of a call; `numbers` are inputs that are bare numbers here."""
    lines = ["n = new(node)", "n.hooks = None", "n.seq = count()"]
    edges = ["None" if t in numbers else f"{_public(t)}._fn or ({_public(t)} if {_public(t)}._needs else None)" for t in op.edges]
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
    kept = ", same=True" if op.kind == "elementwise" and len(op.tensors) == 1 and not op.floats else ""
    lines = [f"if out is not None: return into(out, call({passed}), {inputs.rstrip(',')}{kept})"]
    if op.kind == "elementwise" and len(op.tensors) <= 2:
        generally = f"return general(OP, ({inputs}), {statics_tuple})"
        lines += ["try:", "    a_self = input._data", "    k = type(a_self)"]
        if len(op.tensors) == 1:
            lines += [
                "    if not (k is f32 or k is f64 or (k is ndarray and ((d := a_self.dtype) is F32 or d is F64))):",
                f"        {generally}",
                f"    r = value_of(a_self{tail})",
            ]
            made = ["if input._needs and mode.grad:", *_indent(_make_node(op, saves, shapes, statics)).splitlines()]
        else:
            b = op.tensors[1]
            lines += [
                f"    if (kind_of := type({b})) is Tensor or kind_of is Parameter:",
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
                f"                a_{b} = k(a_{b})",
                *([f"                {b} = wrap(a_{b})"] if b in saves else []),
                "            shapes = None",
                f"        else: {generally}",
                f"        r = value_of(a_self, a_{b}{tail})",
                "        number = False",
                *([
                    "    elif kind_of in REALS and (k is f32 or k is f64 or (k is ndarray and ((d := a_self.dtype) is F32 or d is F64))):",
                    f"        r = value_of(a_self, {b}{tail})",
                    "        number = True",
                ] if op.numbers else []),
                f"    else: {generally}",
            ]
            both = _make_node(op, saves, shapes, statics)
            one = _make_node(op, saves, shapes, statics, numbers=(b,))
            made = [
                "if number:",
                "    if input._needs and mode.grad:",
                *_indent([*one, "n.shapes = None", *FINISH], 8).splitlines(),
                *_indent(PLAIN).splitlines(),
                f"elif (input._needs or {b}._needs) and mode.grad:",
                *_indent([*both, "n.shapes = shapes", *FINISH]).splitlines(),
                *PLAIN,
            ]  # fmt: skip
        lines += [f"except AttributeError: return general(OP, ({inputs}), {statics_tuple})",
                  "except (ValueError, TypeError) as error:", f"    raise refuse(OP, error, ({inputs})) from None"]  # fmt: skip
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
        lines += [f"    r = value_of({forward_args})",
                  "except (ValueError, TypeError, AttributeError) as error:", f"    raise refuse(OP, error, ({inputs})) from None"]  # fmt: skip
        lines += RESULT
        node = _make_node(op, saves, shapes, statics)
        if len(op.tensors) > 1:
            node = [f"if type(r) not in PLAIN: {inputs} = meet(({inputs}))", *node]
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
FINISH = ["t._fn = n", "t._needs = True", "if packing: pack_saved(n, t)"]
PLAIN = ["else:", "    t._fn = None", "    t._needs = False", "    if inferring: mark(t)"]
