"""Jacobians and Hessians as functions: `jacrev`, `jacfwd`, `hessian`. Rows or columns all at once, by `vmap`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..ops.joins import cat, split
from ..tensor import Tensor
from ..trees import flatten
from .batching import vmap
from .forward import jvp_at
from .reverse import chosen_args, named_like, positions, vjp_at


def _basis(tensors: list[Tensor], start: int = 0, stop: int | None = None) -> list[Tensor]:
    """For each tensor the unit vectors of all of them together, from number `start` to `stop`: a batch."""
    sizes = [x._data.size for x in tensors]
    stop = sum(sizes) if stop is None else stop
    out = []
    first = 0
    for x, n in zip(tensors, sizes):
        kind = np.dtype(x._data.dtype.name)
        out.append(Tensor._wrap(np.eye(stop - start, n, first_column(first, start), dtype=kind).reshape(stop - start, *x._data.shape)))
        first += n
    return out


def first_column(first: int, start: int) -> int:
    """Which diagonal of a block of the identity holds the ones: the tensor begins at column `first`, the block at row `start`."""
    return start - first


def _real(name: str, tensors: list[Any], what: str) -> None:
    for i, x in enumerate(tensors):
        if isinstance(x, Tensor) and x.is_complex():
            raise RuntimeError(f"{name}: Expected all {what} to be real but received complex tensor at flattened input idx: {i}")


def jacrev(func: Callable[..., Any], argnums: Any = 0, *, has_aux: bool = False, chunk_size: int | None = None,
           _preallocate_and_copy: bool = False) -> Callable[..., Any]:  # fmt: skip
    """The function that computes ∂output/∂input, of shape output + input, by reverse mode: one row for each number of the output.

    The form is the output's, and in each place the form of the arguments `argnums`. `chunk_size` rows at a time bound the memory.

    >>> import glassgrad as gg
    >>> gg.func.jacrev(lambda x: x * x)(gg.tensor([1.0, 2.0]))
    tensor([[2., 0.],
            [0., 4.]])
    """
    if not (chunk_size is None or chunk_size > 0):
        raise ValueError("jacrev: `chunk_size` should be greater than 0.")

    @named_like(func)
    def wrapper(*args: Any) -> Any:
        _real("jacrev", flatten(args)[0], "inputs")
        where = positions(argnums, len(args))
        found = vjp_at(lambda *a: func(*a), args, where, has_aux)
        output, vjp_fn = found[0], found[1]
        outputs, form = flatten(output)
        _real("jacrev", outputs, "outputs")
        inputs, structure = flatten(chosen_args(args, where))
        count = sum(o._data.size for o in outputs)
        if count == 1:
            start = form.build([o.new_ones(tuple(o.shape)) for o in outputs])
            rows = [g.unsqueeze(0) for g in flatten(vjp_fn(start))[0]]
        else:
            step = chunk_size or max(count, 1)
            parts = []
            for first in range(0, max(count, 1), step):
                starts = form.build(_basis(outputs, first, min(first + step, count)))
                parts.append(flatten(vmap(vjp_fn)(starts))[0])
            rows = [cat(list(p)) if len(p) > 1 else p[0] for p in zip(*parts)]
        sizes = [o._data.size for o in outputs]
        pieces = [split(r, sizes) if len(sizes) > 1 else (r,) for r in rows]
        table = [
            structure.build([p[i].reshape(tuple(o.shape) + tuple(x.shape)) for p, x in zip(pieces, inputs)]) for i, o in enumerate(outputs)
        ]
        jacobian = form.build(table)
        return (jacobian, found[2]) if has_aux else jacobian

    return wrapper


def jacfwd(func: Callable[..., Any], argnums: Any = 0, has_aux: bool = False, *, randomness: str = "error") -> Callable[..., Any]:
    """The function that computes ∂output/∂input, of shape output + input, by forward mode: one column for each number of the input.

    >>> import glassgrad as gg
    >>> gg.func.jacfwd(lambda x: x * x)(gg.tensor([1.0, 2.0]))
    tensor([[2., 0.],
            [0., 4.]])
    """

    @named_like(func)
    def wrapper(*args: Any) -> Any:
        _real("jacfwd", flatten(args)[0], "inputs")
        where = positions(argnums, len(args))
        inputs, structure = flatten(chosen_args(args, where))

        def push(tangents: Any) -> Any:
            out = jvp_at(func, args, tangents, where, has_aux=has_aux)
            _real("jacfwd", flatten(out[0])[0], "outputs")
            return out[1:] if has_aux else out[1]

        columns = vmap(push, randomness=randomness)(structure.build(_basis(inputs)))
        aux = None
        if has_aux:
            columns, aux = columns
            leaves, form = flatten(aux)
            aux = form.build([x[0] for x in leaves])
        outputs, form = flatten(columns)
        sizes = [x._data.size for x in inputs]
        table = []
        for out in outputs:
            last = out.movedim(0, -1)
            pieces = split(last, sizes, -1) if len(sizes) > 1 else (last,)
            table.append(structure.build([p.reshape(tuple(last.shape[:-1]) + tuple(x.shape)) for p, x in zip(pieces, inputs)]))
        jacobian = form.build(table)
        return (jacobian, aux) if has_aux else jacobian

    return wrapper


def hessian(func: Callable[..., Any], argnums: Any = 0) -> Callable[..., Any]:
    """The function that computes ∂²func/∂x∂y for the arguments `argnums`: forward mode over reverse mode.

    >>> import glassgrad as gg
    >>> gg.func.hessian(lambda x: (x**3).sum())(gg.tensor([1.0, 2.0]))
    tensor([[ 6.,  0.],
            [ 0., 12.]])
    """
    return jacfwd(jacrev(func, argnums), argnums)
