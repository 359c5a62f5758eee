"""Forward mode as functions: `jvp` and `linearize`. Freely nested, with each other and with all other transforms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import errors
from ..autograd.forward_ad import dual
from ..levels.borders import part
from ..levels.dual import DualLevel
from ..ops.levels import levels_of, running
from ..tensor import Tensor
from ..trees import apply, flatten
from .reverse import chosen_args, outputs_of, positions, replaced_args, vjp_at

JVP = "jvp(f, primals, tangents)"


def _some_tensors(items: list[Any], what: str) -> None:
    if not items:
        raise RuntimeError(f"{JVP}: Expected {what} to contain at least one Tensor.")
    for x in items:
        if not isinstance(x, Tensor):
            raise RuntimeError(f"{JVP}: Expected {what} to only contain Tensors, got {type(x)}")


def jvp(func: Callable[..., Any], primals: Any, tangents: Any, *, strict: bool = False, has_aux: bool = False) -> Any:
    """func(*primals) and J·t: how the outputs move when the inputs move with the tangents; with `has_aux` the aux, third.

    Both are tuples, the tangents in the form of the primals. `strict` raises RuntimeError for an output that the inputs do not move.

    >>> import glassgrad as gg
    >>> gg.func.jvp(gg.sin, (gg.zeros(2),), (gg.tensor([1.0, 2.0]),))
    (tensor([0., 0.]), tensor([1., 2.]))
    """
    return jvp_at(func, primals, tangents, None, strict, has_aux)


def jvp_at(func: Callable[..., Any], primals: Any, tangents: Any, argnums: Any, strict: bool = False, has_aux: bool = False) -> Any:
    """`jvp` by the arguments `argnums`; None: by all."""
    if not isinstance(primals, tuple):
        raise RuntimeError(f"{JVP}: Expected primals to be a tuple. E.g. it should be valid to call f(*primals).")
    leaves, structure = flatten(primals if argnums is None else chosen_args(primals, positions(argnums, len(primals))))
    moves, form = flatten(tangents)
    if structure != form:
        raise errors.explain(
            RuntimeError(
                f"{JVP}: Expected primals and tangents to have the same python structure. For example, if primals is a tuple of 3 tensors, "
                f"tangents also must be. Got primals with structure {structure} and tangents with structure {form}"
            ),
            where=errors.line_of(errors.users_place()),
        )
    _some_tensors(leaves, "primals")
    _some_tensors(moves, "tangents")
    level = DualLevel()
    running.levels.append(level)
    try:
        duals = structure.build([dual(p, t, level) for p, t in zip(leaves, moves)])
        outputs = func(*(duals if argnums is None else replaced_args(primals, duals, positions(argnums, len(primals)))))
        if has_aux and not (isinstance(outputs, tuple) and len(outputs) == 2):
            raise RuntimeError(f"{JVP}: output of function f should be a tuple: (output, aux) if has_aux is True")
        outputs, aux = outputs if has_aux else (outputs, None)
        found, shape = flatten(outputs)
        outputs_of(found, JVP)
        if strict and any(level not in levels_of(x._data) for x in found):
            raise RuntimeError(
                "jvp(f, primals, tangents, strict=True): The output of f is independent of the inputs. This is not allowed with strict=True."
            )
        result = shape.build([part(x, 0, level) for x in found]), shape.build([part(x, 1, level) for x in found])
        aux = apply(lambda x: part(x, 0, level) if isinstance(x, Tensor) else x, aux)
    finally:
        running.levels.remove(level)
        level.closed = True
    return (*result, aux) if has_aux else result


def linearize(func: Callable[..., Any], *primals: Any) -> tuple[Any, Callable[..., Any]]:
    """func(*primals), and the function of tangents that computes J·t without calling `func` again.

    The output's vᵀ·J is built once; it is linear in v, and differentiated by v it gives J·t for any t.

    >>> import glassgrad as gg
    >>> y, jvp_fn = gg.func.linearize(gg.sin, gg.zeros(2))
    >>> jvp_fn(gg.tensor([1.0, 2.0]))
    tensor([1., 2.])
    """
    shapes: list[Any] = []

    def tensors(*args: Any) -> list[Tensor]:
        found, shape = flatten(func(*args))
        shapes[:] = shape, found
        return [x for x in found if isinstance(x, Tensor)]

    outputs, vjp_fn = vjp_at(tensors, primals, None)
    given, structure = flatten(primals)
    shape, found = shapes

    def whole(parts: Any) -> Any:
        rest = iter(parts)
        return shape.build([next(rest) if isinstance(x, Tensor) else x for x in found])

    output = whole(outputs)
    _, transposed = vjp_at(vjp_fn, ([x.detach().new_zeros(tuple(x.shape)) for x in outputs],), None)

    def jvp_fn(*tangents: Any) -> Any:
        """J·t for tangents in the form of the primals."""
        moves, form = flatten(tangents)
        if form != structure:
            raise RuntimeError(f"Expected the tangents {form} to have the same argspec as the primals {structure}")
        for i, (t, p) in enumerate(zip(moves, given)):
            for what, mine, theirs in (("shape", t.shape, p.shape), ("dtype", t.dtype, p.dtype)):
                if mine != theirs:
                    raise errors.explain(
                        RuntimeError(
                            f"tangent:{i} with {what} {mine} in flattened pytree doesn't match the {what} {theirs} of the corresponding primal."
                        ),
                        where=errors.line_of(errors.users_place()),
                    )
        return whole(transposed(tangents)[0])

    return output, jvp_fn
