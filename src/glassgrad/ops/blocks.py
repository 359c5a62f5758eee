"""Large arrays piece by piece: a formula is recorded once, then each piece runs through it in buffers that stay in the cache.

Written plainly, `grad * (1 - result * result)` makes an array for every operation; at a million elements fetching that memory
costs more than the arithmetic. Recorded (see `recording`), it is three NumPy calls that all write into the result's own memory.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..recording import Ref, Tape, TraceError

LARGE = 1 << 16  # elements: from here on an elementwise formula runs in pieces
PIECE = 1 << 17


class Plan(NamedTuple):
    """`run(inputs…, buffers…, result)` computes one piece of a formula; the result has `dtype`, the buffers those in `buffers`."""

    run: Callable[..., None]
    buffers: list[np.dtype]
    dtype: np.dtype


def empty(like: np.ndarray, dtype: Any = None) -> np.ndarray:
    """An uninitialised array of the shape of another; a large one starts at a cache line, where vector stores are fastest."""
    dtype = like.dtype if dtype is None else dtype
    if like.size <= LARGE:
        return np.empty(like.shape, dtype)
    raw = np.empty(like.size * dtype.itemsize + 64, np.uint8)
    start = -raw.__array_interface__["data"][0] % 64
    return raw[start : start + like.size * dtype.itemsize].view(dtype).reshape(like.shape)


def in_blocks(formula: Callable[..., Any], *values: Any) -> Any:
    """formula(*values), elementwise, of arrays of one shape and of numbers; in pieces where that saves memory traffic."""
    arrays = [v for v in values if type(v) is np.ndarray]
    first = arrays[0]
    if first.size <= LARGE or any(a.shape != first.shape or not a.flags.c_contiguous for a in arrays):
        return formula(*values)
    found = plan(formula, tuple(v.dtype if type(v) is np.ndarray else v for v in values), tuple(type(v) is np.ndarray for v in values))
    if found is None:
        return _unplanned(formula, first, values)
    out = empty(first, found.dtype)
    flat, result = [a.reshape(-1) for a in arrays], out.reshape(-1)
    buffers = [np.empty(PIECE, d) for d in found.buffers]
    for start in range(0, first.size, PIECE):
        piece = slice(start, start + PIECE)
        target = result[piece]
        if target.size < PIECE:
            buffers = [b[: target.size] for b in buffers]
        found.run(*[a[piece] for a in flat], *buffers, target)
    return out


def _unplanned(formula: Callable[..., Any], first: np.ndarray, values: tuple[Any, ...]) -> np.ndarray:
    """In pieces all the same, each at once: for a formula that holds more than NumPy's elementwise functions (`where`, a series)."""
    flat = [v.reshape(-1) if type(v) is np.ndarray else v for v in values]
    out = None
    for start in range(0, first.size, PIECE):
        piece = slice(start, start + PIECE)
        part = formula(*[v[piece] if type(v) is np.ndarray else v for v in flat])
        if out is None:
            out = empty(first, part.dtype)
            target = out.reshape(-1)
        target[piece] = part
    assert out is not None
    return out


def by_rows(function: Callable[..., Any], dim: int, *values: Any) -> Any:
    """function(*values, dim) of arrays of one shape, where each row along `dim` is computed by itself: large ones some rows at a time."""
    first = values[0]
    if type(first) is not np.ndarray or first.size <= LARGE or dim not in (-1, first.ndim - 1):
        return function(*values, dim)
    if any(type(v) is not np.ndarray or v.shape != first.shape or not v.flags.c_contiguous for v in values):
        return function(*values, dim)
    found = plan(function, tuple(v.dtype for v in values), (True,) * len(values), True)
    if found is None:
        return function(*values, dim)
    length = first.shape[-1]
    out, step = empty(first, found.dtype), max(1, PIECE // length)
    rows, target = [v.reshape(-1, length) for v in values], out.reshape(-1, length)
    buffers = [np.empty((step, length), d) for d in found.buffers]
    for start in range(0, len(target), step):
        part = target[start : start + step]
        found.run(*[r[start : start + step] for r in rows], *[b[: len(part)] for b in buffers], part)
    return out


@functools.lru_cache(maxsize=1024)
def plan(formula: Callable[..., Any], kinds: tuple[Any, ...], is_array: tuple[bool, ...], rows: bool = False) -> Plan | None:
    """The plan of a formula for inputs of these dtypes (or numbers); None where it is more than NumPy's elementwise functions.

    With `rows` it takes a dim too, and may hold what makes one number of each row (a sum, a maximum).
    """
    tape, whole = Tape(strict=True), (2, 3) if rows else (1,)
    try:
        with np.errstate(all="ignore"):
            given = [tape.input(np.ones(whole, k)) if a else k for k, a in zip(kinds, is_array)]
            result = formula(*given, *([1] if rows else []))
    except TraceError:
        return None
    program = tape.program([result])
    steps = program.steps
    fits = all(_is_elementwise(s, whole) or rows and s.shape == (2, 1) for s in steps)
    if not fits or not steps or not _is_elementwise(steps[-1], whole) or program.outputs != [Ref(program.inputs + len(steps) - 1)]:
        return None
    return _write(steps, program.inputs, whole)


def _is_elementwise(step: Any, whole: tuple[int, ...]) -> bool:
    return isinstance(step.function, np.ufunc) and step.function.nout == 1 and not step.kwargs and step.shape == whole


def _write(steps: list[Any], inputs: int, whole: tuple[int, ...]) -> Plan:
    """The steps as source, each result in a buffer that no later step reads: the formula's own result first, where the dtype fits."""
    dtype = steps[-1].dtype
    last = {a.index: i for i, s in enumerate(steps) for a in s.args if isinstance(a, Ref)}
    name = {i: f"x{i}" for i in range(inputs)}
    holds, free = {"out": dtype}, ["out"]
    space: dict[str, Any] = {}
    lines = []
    for i, step in enumerate(steps):
        args = []
        in_buffer = _is_elementwise(step, whole)
        space[f"f{i}"] = step.function
        for a in step.args:
            if isinstance(a, Ref):
                args.append(name[a.index])
            else:
                args.append(f"c{len(space)}")
                space[args[-1]] = np.asarray(a, step.dtype) if in_buffer and type(a) in (int, float) and step.dtype.kind in "fc" else a
        free += {n for a in step.args if isinstance(a, Ref) and last[a.index] == i and (n := name[a.index]) in holds}
        if not in_buffer:  # one number a row: too small to matter
            name[inputs + i], space[f"k{i}"] = f"r{i}", step.kwargs
            lines.append(f"    r{i} = f{i}({', '.join(args)}, **k{i})")
            continue
        into = "out" if i == len(steps) - 1 else next((n for n in free if holds[n] == step.dtype), f"b{len(holds)}")
        if into in free:
            free.remove(into)
        holds[into] = step.dtype
        name[inputs + i] = into
        lines.append(f"    f{i}({', '.join(args)}, {into})")
    buffers = {n: d for n, d in holds.items() if n != "out"}
    exec(f"def run({', '.join([*(f'x{i}' for i in range(inputs)), *buffers, 'out'])}):\n" + "\n".join(lines), space)
    return Plan(space["run"], list(buffers.values()), dtype)
