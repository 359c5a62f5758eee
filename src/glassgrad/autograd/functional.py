"""Derivatives of functions: products with the Jacobian and the Hessian, and these matrices themselves.

A function takes tensors and returns a tensor or a tuple of tensors. J·v is computed by differentiating vᵀ·J, which is linear in v, by v
(J. Townsend, "A new trick for calculating Jacobian vector products", 2017).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import errors
from ..graph.modes import enable_grad
from ..levels.batched import BatchLevel
from ..levels.borders import enter, leave, part
from ..levels.dual import DualLevel
from ..ops.creation import eye, ones_like, zeros_like
from ..ops.joins import stack
from ..ops.levels import levels_of, running
from ..tensor import Tensor
from .backward import grad
from .forward_ad import dual

Function = Callable[..., Any]

INDEPENDENT = {
    "outputs": "The output of the user-provided function is independent of input {0}. This is not allowed in strict mode.",
    "gradient": "While computing the hessian, found that the jacobian of the user-provided function with respect to input {0} is independent of "
    "the input. This is not allowed in strict mode. You should ensure that your function is twice differentiable and that the jacobian "
    "depends on the inputs (this would be violated by a linear function for example).",
    "result": "The {1} of the user-provided function is independent of input {0}. This is not allowed in strict mode when create_graph=True.",
}


def _listed(given: Any, what: str, of: str) -> list[Tensor]:
    """Tensors, given alone or in a tuple, as a list."""
    items = list(given) if isinstance(given, (tuple, list)) else [given]
    for i, item in enumerate(items):
        if isinstance(item, Tensor):
            continue
        who = f"The {what} given to {of}" if what == "inputs" else f"The {what} of the user-provided function given to {of}"
        the = "" if what == "inputs" else " of the user-provided function"
        if isinstance(given, (tuple, list)):
            raise TypeError(f"{who} must be either a Tensor or a tuple of Tensors but the value at index {i} has type {type(item)}.")
        raise TypeError(f"{who} must be either a Tensor or a tuple of Tensors but the given {what}{the} has type {type(given)}.")
    return items


def _like(given: Any, results: list[Any]) -> Any:
    """Results in the form that was given: alone, or in a tuple."""
    return tuple(results) if isinstance(given, (tuple, list)) else results[0]


def _fresh(inputs: list[Tensor], connected: bool) -> list[Tensor]:
    """Inputs to differentiate by: views of the user's own where the result is to be differentiated further, else new leaves."""
    return [x.view_as(x) if connected and x._needs else x.detach().requires_grad_() for x in inputs]


def _call(func: Function, inputs: list[Tensor], of: str, strict: bool) -> tuple[Any, list[Tensor]]:
    """What `func` returned, as it is and as a list."""
    given = func(*inputs)
    outputs = _listed(given, "outputs", of)
    for i, out in enumerate(outputs):
        if strict and not out._needs:
            raise RuntimeError(
                f"Output {i} of the user-provided function does not require gradients. The outputs must be computed in a "
                "differentiable manner from the input when running in strict mode."
            )
    return given, outputs


def _scalar(func: Function, inputs: list[Tensor], of: str, strict: bool) -> Tensor:
    given, outputs = _call(func, inputs, of, strict)
    if isinstance(given, (tuple, list)):
        raise RuntimeError(f"The function given to {of} should return a single Tensor")
    if outputs[0]._data.size != 1:
        raise RuntimeError(f"The Tensor returned by the function given to {of} should contain a single element")
    return outputs[0].squeeze()


def _vector(v: Any, like: list[Tensor], tupled: bool, nothing: str) -> list[Tensor]:
    """The vector of a product, checked against what it is multiplied with; ones where there is a single number."""
    if v is None:
        if len(like) != 1 or like[0]._data.size != 1:
            raise RuntimeError(f"The vector v can only be None if {nothing}.")
        return [ones_like(like[0])]
    vs = _listed(v, "v", "vjp")
    if len(vs) != len(like):
        if not tupled:
            raise RuntimeError("The given v should contain a single Tensor.")
        raise RuntimeError(f"v is a tuple of invalid length: should be {len(like)} but got {len(vs)}.")
    for i, (a, b) in enumerate(zip(vs, like)):
        if a.shape != b.shape:
            entry = f"Entry {i} in " if tupled else ""
            raise errors.explain(
                RuntimeError(f"{entry}v has invalid size: should be {b.shape} but got {a.shape}."),
                "the vector has one number for each number that it is multiplied with", errors.line_of(errors.users_place()),
            )  # fmt: skip
    return [a.detach() if not a._needs else a for a in vs]


def _grads(outputs: list[Tensor], inputs: list[Tensor], v: list[Tensor | None], graph: bool, keep: bool = False) -> list[Any]:
    """vᵀ·J by each input; None where no path leads. Outputs that do not require grad are left out."""
    tracked = [(o, g) for o, g in zip(outputs, v) if o._needs]
    if not tracked:
        return [None] * len(inputs)
    return list(grad([o for o, _ in tracked], inputs, [g for _, g in tracked], keep or graph, graph, allow_unused=True))


def _filled(found: list[Any], inputs: list[Tensor], strict: bool, graph: bool, stage: str, result: str) -> list[Tensor]:
    """Zeros for missing gradients, or in strict mode the error that says which input has no influence."""
    for i, g in enumerate(found):
        if strict and g is None:
            raise RuntimeError(INDEPENDENT[stage].format(i))
        if strict and graph and not g._needs:
            raise RuntimeError(INDEPENDENT["result"].format(i, result))
    return [zeros_like(x) if g is None else g for g, x in zip(found, inputs)]


def _done(values: list[Tensor], graph: bool) -> list[Tensor]:
    return values if graph else [v.detach() for v in values]


def vjp(func: Function, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> tuple[Any, Any]:
    """func(inputs) and vᵀ·J: the gradient of the outputs weighted with v (left out where there is a single number).

    `strict` raises RuntimeError for an input without influence, instead of a zero gradient; `create_graph` makes the results
    differentiable.

    >>> import glassgrad as gg
    >>> gg.autograd.functional.vjp(lambda x: x * x, gg.tensor([1.0, 2.0]), gg.tensor([1.0, 10.0]))[1]
    tensor([ 2., 40.])
    """
    with enable_grad():
        xs = _fresh(_listed(inputs, "inputs", "vjp"), create_graph)
        given, outputs = _call(func, xs, "vjp", strict)
        vs = _vector(v, outputs, isinstance(given, (tuple, list)), "the user-provided function returns a single Tensor with a single element")
        found = _grads(outputs, xs, list(vs), create_graph)
        found = _filled(found, xs, strict, create_graph, "outputs", "jacobian")
    return _like(given, _done(outputs, create_graph)), _like(inputs, _done(found, create_graph))


def jvp(func: Function, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> tuple[Any, Any]:
    """func(inputs) and J·v: how the outputs move when the inputs move along v.

    >>> import glassgrad as gg
    >>> gg.autograd.functional.jvp(lambda x: x * x, gg.tensor([1.0, 2.0]), gg.tensor([1.0, 10.0]))[1]
    tensor([ 2., 40.])
    """
    with enable_grad():
        xs = _fresh(_listed(inputs, "inputs", "jvp"), create_graph)
        vs = _vector(v, xs, isinstance(inputs, (tuple, list)), "the input to the user-provided function is a single Tensor with a single element")
        given, outputs = _call(func, xs, "jvp", strict)
        weights = [zeros_like(o).requires_grad_() for o in outputs]
        slopes = _grads(outputs, xs, list(weights), True)
        slopes = _filled(slopes, xs, strict, create_graph, "outputs", "jacobian")
        found = _filled(_grads(slopes, weights, list(vs), create_graph), outputs, strict, create_graph, "outputs", "jacobian")
    return _like(given, _done(outputs, create_graph)), _like(given, _done(found, create_graph))


def _strategy(name: str, vectorize: bool) -> None:
    if name not in ("forward-mode", "reverse-mode"):
        raise AssertionError(
            'Expected strategy to be either "forward-mode" or "reverse-mode". Hint: If your function has more outputs than inputs, '
            '"forward-mode" tends to be more performant. Otherwise, prefer to use "reverse-mode".'
        )
    if name == "forward-mode" and not vectorize:
        raise NotImplementedError(
            "Computing Jacobian using forward-AD or forward-over-reverse Hessian isonly implemented for `vectorize=True`."
        )


def jacobian(
    func: Function, inputs: Any, create_graph: bool = False, strict: bool = False, vectorize: bool = False, strategy: str = "reverse-mode"
) -> Any:
    """∂output/∂input, of shape output + input, for each pair: nested tuples where there are several.

    "reverse-mode" runs one backward for each number of the outputs, or with `vectorize` one for all of them, on a batch; "forward-mode" (always
    vectorized) calls `func` once, with a tangent for each number of the inputs.

    >>> import glassgrad as gg
    >>> gg.autograd.functional.jacobian(lambda x: x * x, gg.tensor([1.0, 2.0]))
    tensor([[2., 0.],
            [0., 4.]])
    """
    _strategy(strategy, vectorize)
    if strict and vectorize:
        raise RuntimeError(
            "torch.autograd.functional.jacobian: `strict=True` and `vectorized=True` are not supported together. Please either set "
            "`strict=False` or `vectorize=False`."
        )
    with enable_grad():
        xs = _fresh(_listed(inputs, "inputs", "jacobian"), create_graph)
        if strategy == "forward-mode":
            given, table = _by_columns(func, xs)
        else:
            given, outputs = _call(func, xs, "jacobian", strict)
            table = [_at_once(out, xs, create_graph) if vectorize else _by_rows(out, xs, strict, create_graph) for out in outputs]
        rows = [_like(inputs, _done(row, create_graph)) for row in table]
    return _like(given, rows)


def _unit(like: Tensor, k: int) -> Tensor:
    e = like.new_zeros(like.shape)  # in order, however the other lies in memory
    e.view(-1)[k] = 1
    return e


def _by_rows(out: Tensor, xs: list[Tensor], strict: bool, graph: bool) -> list[Tensor]:
    """∂out/∂x for each x: a backward for each number of `out`."""
    rows: list[list[Tensor]] = [[] for _ in xs]
    for k in range(out._data.size):
        found = _grads([out], xs, [_unit(out.detach(), k)], graph, keep=True)
        for row, g in zip(rows, _filled(found, xs, strict, graph, "outputs", "jacobian")):
            row.append(g)
    return [(stack(row) if row else zeros_like(x)).view(tuple(out.shape) + tuple(x.shape)) for row, x in zip(rows, xs)]


def _at_once(out: Tensor, xs: list[Tensor], graph: bool) -> list[Tensor]:
    """The same by one backward of all unit vectors as a batch."""
    n = out._data.size
    shapes = [tuple(out.shape) + tuple(x.shape) for x in xs]
    if not (out._needs and n):
        return [zeros_like(x).expand(n, *x.shape).reshape(s) for x, s in zip(xs, shapes)]
    units = eye(n, dtype=out.dtype).view(n, *out.shape)
    found = grad(out, xs, units, True, graph, allow_unused=True, is_grads_batched=True)
    return [(zeros_like(x).expand(n, *x.shape) if g is None else g).reshape(s) for g, x, s in zip(found, xs, shapes)]


def _by_columns(func: Function, xs: list[Tensor]) -> tuple[Any, list[list[Tensor]]]:
    """What the function returns, and the same table from its J·e for all units e of the inputs, a batch of tangents in forward mode."""
    sizes = [x._data.size for x in xs]
    starts = [sum(sizes[:i]) for i in range(len(xs))]
    units = [eye(sum(sizes), dtype=x.dtype)[:, first : first + n].reshape(sum(sizes), *x.shape) for x, n, first in zip(xs, sizes, starts)]
    batch, level = BatchLevel(sum(sizes), transform=False), DualLevel(transform=False)
    running.levels += [batch, level]
    try:
        given, outputs = _call(func, [dual(x, enter(e, 0, batch), level) for x, e in zip(xs, units)], "jacobian", False)
        moves = [part(o, 1, level) if level in levels_of(o._data) else zeros_like(part(o, 0, level)) for o in outputs]
        columns = [leave(t, 0, batch).movedim(0, -1) for t in moves]
    finally:
        running.levels.remove(level)
        running.levels.remove(batch)
        level.closed = True
    return given, [[c[..., first : first + n].reshape(tuple(c.shape[:-1]) + tuple(x.shape)) for x, n, first in zip(xs, sizes, starts)] for c in columns]


def hessian(
    func: Function, inputs: Any, create_graph: bool = False, strict: bool = False, vectorize: bool = False,
    outer_jacobian_strategy: str = "reverse-mode",
) -> Any:  # fmt: skip
    """∂²f/∂x∂y of a function that returns a single number, for each pair of inputs: the Jacobian of its gradient.

    >>> import glassgrad as gg
    >>> gg.autograd.functional.hessian(lambda x: (x**3).sum(), gg.tensor([1.0, 2.0]))
    tensor([[ 6.,  0.],
            [ 0., 12.]])
    """
    if outer_jacobian_strategy not in ("forward-mode", "reverse-mode"):
        raise AssertionError('Expected strategy to be either "forward-mode" or "reverse-mode".')
    several = isinstance(inputs, (tuple, list))
    _listed(inputs, "inputs", "hessian")

    def slope(*xs: Tensor) -> Any:
        found = _grads([_scalar(func, list(xs), "hessian", strict)], list(xs), [None], True)
        for i, g in enumerate(found):
            if strict and (g is None or not g._needs):
                raise RuntimeError(INDEPENDENT["outputs" if g is None else "gradient"].format(i))
        return _like(inputs if several else None, [zeros_like(x) if g is None else g for g, x in zip(found, xs)])

    return jacobian(slope, inputs, create_graph, strict, vectorize, outer_jacobian_strategy)


def _slopes(func: Function, inputs: Any, of: str, create_graph: bool, strict: bool) -> tuple[Tensor, list[Tensor], list[Tensor]]:
    """The value, the inputs to differentiate by, and the gradient, with its graph."""
    xs = _fresh(_listed(inputs, "inputs", of), create_graph)
    value = _scalar(func, xs, of, strict)
    found = _grads([value], xs, [None], True)
    for i, g in enumerate(found):
        if strict and (g is None or not g._needs):
            raise RuntimeError(INDEPENDENT["outputs" if g is None else "gradient"].format(i))
    return value, xs, _filled(found, xs, False, False, "outputs", "jacobian")


NO_VECTOR = "the input to the user-provided function is a single Tensor with a single element"


def vhp(func: Function, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> tuple[Any, Any]:
    """func(inputs) and vᵀ·H of a function that returns a single number.

    >>> import glassgrad as gg
    >>> gg.autograd.functional.vhp(lambda x: (x**3).sum(), gg.tensor([1.0, 2.0]), gg.tensor([1.0, 1.0]))[1]
    tensor([ 6., 12.])
    """
    with enable_grad():
        value, xs, slopes = _slopes(func, inputs, "vhp", create_graph, strict)
        vs = _vector(v, xs, isinstance(inputs, (tuple, list)), NO_VECTOR)
        found = _filled(_grads(slopes, xs, list(vs), create_graph), xs, strict, create_graph, "gradient", "hessian")
    return _done([value], create_graph)[0], _like(inputs, _done(found, create_graph))


def hvp(func: Function, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False) -> tuple[Any, Any]:
    """func(inputs) and H·v of a function that returns a single number.

    H is symmetric wherever its second derivatives are continuous; there `vhp` is the same at half the cost.

    >>> import glassgrad as gg
    >>> gg.autograd.functional.hvp(lambda x: (x**3).sum(), gg.tensor([1.0, 2.0]), gg.tensor([1.0, 1.0]))[1]
    tensor([ 6., 12.])
    """
    with enable_grad():
        value, xs, slopes = _slopes(func, inputs, "hvp", create_graph, strict)
        vs = _vector(v, xs, isinstance(inputs, (tuple, list)), NO_VECTOR)
        weights = [zeros_like(g).requires_grad_() for g in slopes]
        twice = _filled(_grads(slopes, xs, list(weights), True), xs, strict, False, "gradient", "hessian")
        found = _filled(_grads(twice, weights, list(vs), create_graph), xs, strict, create_graph, "gradient", "hessian")
    return _done([value], create_graph)[0], _like(inputs, _done(found, create_graph))
