"""`vmap`: a function of one example made a function of a batch, without a loop.

Inside, a tensor's data is a `Batched` array (see the room `levels`): every op, forward and backward, runs once for all examples, by
the batching rules of the NumPy functions that the ops are declared with. A new op needs no rule of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import errors
from ..levels.batched import BatchLevel
from ..levels.borders import enter, leave
from ..ops.joins import cat
from ..ops.levels import levels_of, running
from ..ops.random import get_rng_state, set_rng_state
from ..tensor import Tensor
from ..trees import LEAF, Structure, flatten, spread
from .reverse import name_of, named_like


def vmap(func: Callable[..., Any], in_dims: Any = 0, out_dims: Any = 0, randomness: str = "error", *, chunk_size: int | None = None) -> Callable[..., Any]:
    """The function that runs `func` on each example of a batch at once and stacks the results.

    `in_dims`: which dim of each input is the batch (None: the input is the same for all), in the form of the inputs or a prefix of
    it; `out_dims`: where it stands in the results. `chunk_size` examples at a time bound the memory. `randomness` says what random
    numbers inside are: an "error", the "same" for all examples, or "different" ones. Raises ValueError where the dims do not fit.

    >>> import glassgrad as gg
    >>> gg.func.vmap(gg.dot)(gg.tensor([[1.0, 2.0], [3.0, 4.0]]), gg.ones(2, 2))
    tensor([3., 7.])
    """
    if randomness not in ("error", "different", "same"):
        raise RuntimeError(f"Only allowed values for randomness are 'error', 'different', or 'same'. Got {randomness}")
    if chunk_size is not None and chunk_size <= 0:
        raise ValueError(f"vmap: chunk_size should be None or greater than 0. (got {chunk_size})")

    @named_like(func)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        _check_out_dims(out_dims, func)
        size, dims, leaves, structure = _inputs(in_dims, args, func)
        if chunk_size is None or chunk_size >= size:
            return _run(func, size, dims, leaves, structure, out_dims, randomness, kwargs)
        parts = []
        state = get_rng_state() if randomness == "same" else None
        for start in range(0, size, chunk_size):
            length = min(chunk_size, size - start)
            chunk = [x if d is None else x.narrow(d, start, length) for x, d in zip(leaves, dims)]
            if state is not None:
                set_rng_state(state)
            parts.append(_run(func, length, dims, chunk, structure, out_dims, randomness, kwargs))
        return _joined(parts, out_dims)

    return wrapped


def _called(func: Any, in_dims: Any) -> str:
    return f"vmap({name_of(func)}, in_dims={in_dims}, ...)(<inputs>)"


def _check_out_dims(out_dims: Any, func: Any) -> None:
    for x in flatten(out_dims)[0]:
        if x is not None and not isinstance(x, int):
            raise ValueError(
                f"vmap({name_of(func)}, ..., out_dims={out_dims}): `out_dims` must be an int, None or a python collection of ints representing "
                "where in the outputs the vmapped dimension should appear."
            )


def _inputs(in_dims: Any, args: tuple[Any, ...], func: Any) -> tuple[int, list[Any], list[Any], Structure]:
    """The batch's size, the batch dim of each leaf, the leaves and their structure."""
    called = _called(func, in_dims)
    if not isinstance(in_dims, (int, tuple)):
        raise ValueError(
            f"{called}: expected `in_dims` to be int or a (potentially nested) tuple matching the structure of inputs, got: {type(in_dims)}."
        )
    if not args:
        raise ValueError(
            f"vmap({name_of(func)})(<inputs>): got no inputs. Maybe you forgot to add inputs, or you are trying to vmap over a function with no "
            "inputs. The latter is unsupported."
        )
    leaves, structure = flatten(args)
    dims = spread(in_dims, structure)
    if dims is None:
        raise errors.explain(
            ValueError(
                f"{called}: in_dims is not compatible with the structure of `inputs`. in_dims has structure {flatten(in_dims)[1]} but inputs has "
                f"structure {structure}."
            ),
            "in_dims has the form of the inputs: a tuple with one entry for each, an int or None, or nested as the input is",
            errors.line_of(errors.users_place()),
        )  # fmt: skip
    sizes = []
    for i, (x, d) in enumerate(zip(leaves, dims)):
        if d is None:
            continue
        if not isinstance(d, int):
            raise ValueError(f"{called}: Got in_dim={d} for an input but in_dim must be either an integer dimension or None.")
        if not isinstance(x, Tensor):
            raise ValueError(
                f"{called}: Got in_dim={d} for an input but the input is of type {type(x)}. We cannot vmap over non-Tensor arguments, please use "
                "None as the respective in_dim"
            )
        if not -x.ndim <= d < x.ndim:
            raise ValueError(
                f"{called}: Got in_dim={d} for some input, but that input is a Tensor of dimensionality {x.ndim} so expected in_dim to satisfy "
                f"-{x.ndim} <= in_dim < {x.ndim}."
            )
        dims[i] = d % x.ndim
        sizes.append(x.shape[dims[i]])
    if not sizes:
        raise errors.explain(
            ValueError("vmap: Expected at least one Tensor to vmap over"), "every in_dim is None: there is no batch",
            errors.line_of(errors.users_place()),
        )  # fmt: skip
    if any(n != sizes[0] for n in sizes):
        raise ValueError(f"vmap: Expected all tensors to have the same size in the mapped dimension, got sizes {sizes} for the mapped dimension")
    return sizes[0], dims, leaves, structure


def _run(func: Any, size: int, dims: list[Any], leaves: list[Any], structure: Structure, out_dims: Any, randomness: str, kwargs: Any) -> Any:
    level = BatchLevel(size, randomness)
    running.levels.append(level)
    try:
        outputs = func(*structure.build([x if d is None else enter(x, d, level) for x, d in zip(leaves, dims)]), **kwargs)
    finally:
        running.levels.pop()
    found, form = flatten(outputs)
    places = spread(out_dims, form)
    if isinstance(outputs, Tensor) and isinstance(out_dims, tuple) and len(out_dims) == 1:
        places = list(out_dims)
    if places is None or form == LEAF and not isinstance(out_dims, (int, tuple, type(None))):
        raise ValueError(
            f"vmap({name_of(func)}, ..., out_dims={out_dims})(<inputs>): out_dims is not compatible with the structure of `outputs`. out_dims has "
            f"structure {flatten(out_dims)[1]} but outputs has structure {form}."
        )
    return form.build([_out(x, place, level, name_of(func)) for x, place in zip(found, places)])


def _out(x: Any, place: int | None, level: BatchLevel, name: str) -> Any:
    if place is None:
        if isinstance(x, Tensor) and level in levels_of(x._data):
            raise errors.explain(
                ValueError(f"vmap({name}, ...): `{name}` can not return a BatchedTensor when out_dim is None"),
                "this output differs from example to example: there is no single value to return", errors.line_of(errors.users_place()),
            )  # fmt: skip
        return x
    if not isinstance(x, Tensor):
        raise errors.explain(
            ValueError(f"vmap({name}, ...): `{name}` must only return Tensors, got type {type(x)}. Did you mean to set out_dims= to None for output?"),
            where=errors.line_of(errors.users_place()),
        )
    ndim = x.ndim + 1
    if not -ndim <= place < ndim:
        raise errors.dim_range(place, ndim)
    return leave(x, place % ndim, level)


def _joined(parts: list[Any], out_dims: Any) -> Any:
    """The results of the chunks, one after another along the batch."""
    flat = [flatten(p) for p in parts]
    form = flat[0][1]
    places = spread(out_dims, form) or [0]
    return form.build([items[0] if d is None else cat(list(items), d) for d, items in zip(places, zip(*[leaves for leaves, _ in flat]))])
