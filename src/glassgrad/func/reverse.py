"""Reverse mode as functions: `grad`, `grad_and_value`, `vjp`.

A transform differentiates by new tensors in place of its inputs. Whatever else is tracked (outer transforms, captured weights) stays
connected: the gradient is computed with a graph exactly when something outside leads to the output.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import errors
from ..graph.engine import ones_like, reachable, run
from ..graph.modes import enable_grad, mode
from ..graph.node import edge_of
from ..ops.levels import levels_of, lifted, of_levels, running
from ..tensor import Tensor
from ..trees import apply, flatten


def name_of(function: Any) -> str:
    """The name of a function in an error."""
    if isinstance(function, functools.partial):
        return f"functools.partial({name_of(function.func)}, ...)"
    return getattr(function, "__name__", None) or repr(function)


def named_like(function: Any) -> Callable[[Any], Any]:
    """`functools.wraps` for any callable."""
    return functools.wraps(function) if hasattr(function, "__name__") else lambda wrapper: wrapper


def _position(argnum: Any, count: int) -> int:
    if not isinstance(argnum, int):
        raise RuntimeError(f"argnum must be int, got: {type(argnum)}")
    if not -count <= argnum < count:
        raise errors.explain(
            RuntimeError(f"Got argnum={argnum}, but only {count} positional inputs"),
            "argnums says by which positional inputs to differentiate; a keyword argument has no number", errors.line_of(errors.users_place()),
        )  # fmt: skip
    return argnum % count


def positions(argnums: Any, count: int) -> Any:
    """`argnums` counted from the front: an int, or a tuple of different ones."""
    if not isinstance(argnums, (int, tuple)):
        raise RuntimeError(f"argnums must be int or Tuple[int, ...], got: {type(argnums)}")
    if isinstance(argnums, int):
        return _position(argnums, count)
    found = tuple(_position(n, count) for n in argnums)
    if not found:
        raise RuntimeError("argnums must be non-empty")
    if len(set(found)) != len(found):
        raise RuntimeError(f"argnums elements must be unique, got {found}")
    return found


def replaced_args(args: tuple[Any, ...], new: Any, argnums: Any) -> tuple[Any, ...]:
    """The arguments with others at the positions `argnums`."""
    pairs = {argnums: new} if isinstance(argnums, int) else dict(zip(argnums, new))
    return tuple(pairs.get(i, a) for i, a in enumerate(args))


def chosen_args(args: tuple[Any, ...], argnums: Any) -> Any:
    """The arguments at the positions `argnums`."""
    return args[argnums] if isinstance(argnums, int) else tuple(args[i] for i in argnums)


class Differentiation:
    """One transform of reverse mode: its inputs as new tensors, and what becomes of its outputs."""

    def __init__(self, tree: Any):
        leaves, self.structure = flatten(tree)
        self.outside = mode.grad
        self.given = []
        self.inputs: list[Tensor] = []
        with enable_grad():
            for x in leaves:
                if not isinstance(x, Tensor):
                    raise errors.explain(
                        ValueError(f"Thing passed to transform API must be Tensor, got {type(x)}"),
                        "what is differentiated by has to be a tensor; other arguments are passed at positions outside argnums",
                        errors.line_of(errors.users_place()),
                    )  # fmt: skip
                self.given.append(x)
                self.inputs.append(_inside(x, self.outside))
        self.edges = [edge_of(x) for x in self.inputs]

    tree = property(lambda self: self.structure.build(self.inputs))

    def close(self, outputs: list[Tensor]) -> bool:
        """Ends the part in which the inputs are tracked; whether anything outside this transform leads to the outputs."""
        self.roots = [(edge_of(o), o.dtype) for o in outputs]
        connected = self.outside and (any(x._fn is not None for x in self.inputs) or self._led_to_from_outside())
        for x in self.inputs:
            if x._fn is None:
                x._needs = False
        return connected

    def _led_to_from_outside(self) -> bool:
        own = set(map(id, self.edges))
        leaves = (e for node in reachable([e for e, _ in self.roots if e is not None]) for e in node.edges if e is not None and e.seq < 0)
        outputs = (e for e, _ in self.roots if e is not None and e.seq < 0)
        return any(id(e) not in own and e._needs for e in itertools.chain(outputs, leaves))

    def gradients(self, starts: list[Any], graph: bool, keep: bool = False) -> list[Tensor]:
        """Σ startᵀ·J by each input; zeros where no path leads."""
        starts = [g if g.dtype is kind else g.to(kind) for g, (_, kind) in zip(starts, self.roots)]
        roots = [(e, g if graph else g._data) for (e, _), g in zip(self.roots, starts) if e is not None]
        found = run(roots, keep or graph, graph, dict.fromkeys(self.edges), accumulate=False) if roots else {}
        return [self._result(found.get(e), x, graph) for e, x in zip(self.edges, self.inputs)]

    def _result(self, g: Any, x: Tensor, graph: bool) -> Tensor:
        if g is None:
            return Tensor._wrap(np.zeros_like(x._data)[()])
        if graph:
            return g
        return Tensor._wrap(np.array(g) if type(g) is np.ndarray and (g.base is not None or not g.flags.writeable) else g)

    def outward(self, tree: Any, connected: bool) -> Any:
        """Outputs as seen from outside: tracked only by what is tracked there."""
        return apply(lambda x: x if connected or not isinstance(x, Tensor) or not x._needs else Tensor._wrap(x._data), tree)


def _inside(x: Tensor, outside: bool) -> Tensor:
    """An input as a tensor of its own, of all the levels that are running."""
    if x._data.dtype.kind not in "fc":
        raise errors.explain(
            RuntimeError("only Tensors of floating point dtype can require gradients"), f"this one is {x.dtype}",
            errors.line_of(errors.users_place()), "x = x.float() first",
        )  # fmt: skip
    missing = [level for level in running.levels if level not in levels_of(x._data)]
    new = lifted(x if outside else Tensor._wrap(x._data), missing)
    new._needs = True
    return new


def _output_and_aux(output: Any, has_aux: bool, who: str) -> tuple[Any, Any]:
    if not has_aux:
        return output, None
    if not (isinstance(output, tuple) and len(output) == 2):
        raise RuntimeError(f"{who}: output of function f should be a tuple: (output, aux) if has_aux is True")
    return output


def grad_and_value(func: Callable[..., Any], argnums: Any = 0, has_aux: bool = False) -> Callable[..., Any]:
    """The function that returns the gradient of `func` and its value: (gradient, value), or (gradient, (value, aux)).

    `func` returns a tensor of no dim, with `has_aux` a tuple (tensor, anything). `argnums` are the positional arguments to
    differentiate by, each a tensor or tensors nested in tuples, lists and dicts; the gradient has the same form.

    >>> import glassgrad as gg
    >>> gg.func.grad_and_value(lambda x: x**3)(gg.tensor(2.0))
    (tensor(12.), tensor(8.))
    """

    @named_like(func)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        where = positions(argnums, len(args))
        d = Differentiation(chosen_args(args, where))
        with enable_grad(), running.differentiating():
            output = func(*replaced_args(args, d.tree, where), **kwargs)
            output, aux = _output_and_aux(output, has_aux, "grad_and_value(f)(*args)")
            if not isinstance(output, Tensor):
                raise RuntimeError(f"grad_and_value(f)(*args): Expected f(*args) to return a Tensor, got {type(output)}")
            if output.ndim:
                raise errors.explain(
                    RuntimeError(
                        "grad_and_value(f)(*args): Expected f(*args) to return a scalar Tensor, got tensor with "
                        f"{output.ndim} dims. Maybe you wanted to use the vjp or jacrev APIs instead?"
                    ),
                    where=errors.line_of(errors.users_place()), fix="reduce what f returns (.sum(), .mean())",
                )  # fmt: skip
            graph = d.close([output])
            start = Tensor._wrap(of_levels(ones_like(output._data), levels_of(output._data)))
            found = d.structure.build(d.gradients([start], graph))
        value, aux = d.outward(output, graph), d.outward(aux, graph)
        return (found, (value, aux)) if has_aux else (found, value)

    return wrapper


def grad(func: Callable[..., Any], argnums: Any = 0, has_aux: bool = False) -> Callable[..., Any]:
    """The function that returns the gradient of `func`, or with `has_aux` (gradient, aux); see `grad_and_value`.

    >>> import glassgrad as gg
    >>> cube = lambda x: x**3
    >>> gg.func.grad(cube)(gg.tensor(2.0)), gg.func.grad(gg.func.grad(cube))(gg.tensor(2.0))
    (tensor(12.), tensor(12.))
    """
    both = grad_and_value(func, argnums, has_aux)

    @named_like(func)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        found, value = both(*args, **kwargs)
        return (found, value[1]) if has_aux else found

    return wrapper


def outputs_of(outputs: list[Any], who: str) -> None:
    """Raises unless a function returned tensors, and at least one."""
    if not outputs or len(outputs) == 1 and outputs[0] is None:
        raise RuntimeError(f"{who}: Expected f to be a function that has non-empty output (got output = {outputs})")
    for o in outputs:
        if not isinstance(o, Tensor):
            raise RuntimeError(f"{who}: expected f(*primals) to return only tensors, got unsupported type {type(o)}")


def vjp(func: Callable[..., Any], *primals: Any, has_aux: bool = False) -> Any:
    """func(*primals), and the function that computes vᵀ·J from cotangents in the form of the output; with `has_aux` the aux, third.

    That function returns a tuple with a gradient for each primal.

    >>> import glassgrad as gg
    >>> y, vjp_fn = gg.func.vjp(gg.sin, gg.zeros(2))
    >>> vjp_fn(gg.tensor([1.0, 2.0]))
    (tensor([1., 2.]),)
    """
    return vjp_at(func, primals, None, has_aux)


def vjp_at(func: Callable[..., Any], args: tuple[Any, ...], argnums: Any, has_aux: bool = False) -> Any:
    """`vjp` by the arguments `argnums`; None: by all."""
    d = Differentiation(args if argnums is None else chosen_args(args, argnums))
    with enable_grad(), running.differentiating():
        output = func(*(d.tree if argnums is None else replaced_args(args, d.tree, argnums)))
        if has_aux and not (isinstance(output, tuple) and len(output) == 2):
            raise RuntimeError("vjp(f, *primals): output of function f should be a tuple: (output, aux) if has_aux is True")
        output, aux = output if has_aux else (output, None)
        outputs, structure = flatten(output)
        outputs_of(outputs, "vjp(f, *primals)")
        for o in outputs:
            if o._data.dtype.kind not in "fc":
                raise RuntimeError(f"vjp(f, ...): All outputs of f must be floating-point or complex Tensors, got Tensor with dtype {o.dtype}")
    outside = d.close(outputs)

    def vjp_fn(cotangents: Any, retain_graph: bool = True, create_graph: bool | None = None) -> Any:
        """vᵀ·J for cotangents in the form of the output."""
        given, form = flatten(cotangents)
        if form != structure:
            raise RuntimeError(
                "Expected pytree structure of cotangents to be the same as pytree structure of outputs to the function. "
                f"cotangents: {form.drawn()}, primal output: {structure.drawn()}"
            )
        for i, (v, o) in enumerate(zip(given, outputs)):
            if not isinstance(v, Tensor):
                raise TypeError(f"gradients can be either Tensors or None, but got {type(v).__name__}")
            if v._data.shape != o._data.shape:
                raise errors.explain(
                    RuntimeError(f"Mismatch in shape: grad_output[{i}] has a shape of {v.shape} and output[{i}] has a shape of {o.shape}."),
                    "a cotangent has one number for each element of the output", errors.line_of(errors.users_place()),
                )  # fmt: skip
        graph = mode.grad and (outside or any(v._needs for v in given)) if create_graph is None else create_graph
        return d.structure.build(d.gradients(given, graph, keep=retain_graph))

    result = structure.build(d.outward(outputs, outside)), vjp_fn
    return (*result, d.outward(aux, outside)) if has_aux else result
