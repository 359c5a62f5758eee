"""The forward-mode part of gradcheck: tangents against finite differences along the same direction.

A complex input is moved along the imaginary axis and along the real one; the outputs are compared as they are, real or complex.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import errors
from ..levels.batched import BatchLevel
from ..levels.borders import enter, leave
from ..ops.levels import running
from ..tensor import Tensor
from .forward_ad import dual_level, make_dual, unpack_dual

if TYPE_CHECKING:
    from .gradcheck import Check

IMAGINARY = "While considering the imaginary part of complex inputs only, "
REAL = "While considering the real part of complex inputs only, "


def check_forward(check: Check, fast: bool, batched: bool, undefined: bool, wrong: type[Exception]) -> None:
    """Raises `wrong` where a tangent is not what finite differences say."""
    complex_ones = any(x._data.dtype.kind == "c" for x in check.needing)
    for step, said in ((1j, IMAGINARY), (1.0, REAL)) if complex_ones else ((1.0, ""),):
        for j, x in enumerate(check.needing):
            if x._data.dtype.kind == "c" or step == 1.0:
                _by_input(check, j, x, step, said, fast)
    if undefined:
        _undefined(check, wrong)
    if batched:
        _batched(check, wrong)


def alone(check: Check, j: int, tangent: np.ndarray) -> list[np.ndarray]:
    """The tangents of the outputs where one input moves, the tangents of the others being zeros."""
    return tangents(check, {**{k: np.zeros_like(x._data) for k, x in enumerate(check.needing)}, j: tangent})


def tangents(check: Check, moves: dict[int, np.ndarray]) -> list[np.ndarray]:
    """The tangents of the outputs where these inputs have tangents, and others none."""
    with dual_level():
        given = list(check.inputs)
        for j, tangent in moves.items():
            at = next(k for k, x in enumerate(given) if x is check.needing[j])
            given[at] = make_dual(given[at], Tensor._wrap(np.asarray(tangent, given[at]._data.dtype)[()]))
        found = []
        for out in check.differentiable(check.func(*given)):
            primal, moved = unpack_dual(out)
            found.append(np.zeros(primal._data.shape, primal._data.dtype) if moved is None else np.array(moved._data))
        return found


def _by_input(check: Check, j: int, x: Any, step: complex, said: str, fast: bool) -> None:
    values = lambda: [np.array(o._data) for o in check.outputs()]
    if fast:
        u = np.abs(np.random.default_rng(0).random(x._data.shape))
        u = u / max(float(np.linalg.norm(np.ravel(u))), 1e-300)
        numerical = check.moved(x, ..., check.eps * step * u, values)
        for i, (n, a) in enumerate(zip(numerical, alone(check, j, step * u))):
            if not check.near(a.ravel(), n, check.atol * float(np.sum(u))):
                raise check.mismatch(said, i, j, _show(n), _show(a.ravel()), *_jacobians(check, j, x, step, values)[i], forward=True)
        return
    for i, (n, a) in enumerate(_jacobians(check, j, x, step, values)):
        if not check.near(a, n, check.atol):
            raise check.mismatch(said, i, j, _show(n), _show(a), n, a, forward=True)


def _jacobians(check: Check, j: int, x: Any, step: complex, values: Callable[[], list[np.ndarray]]) -> list[tuple[np.ndarray, np.ndarray]]:
    """For each output how it moves with each number of an input: by finite differences, and by tangents."""
    rows = []
    for where in np.ndindex(x._data.shape):
        unit = np.zeros(x._data.shape, x._data.dtype)
        unit[where] = step
        rows.append((check.moved(x, where, check.eps * step, values), [t.ravel() for t in alone(check, j, unit)]))
    shapes = [(x._data.size, v.size) for v in values()]
    numerical, analytical = ([np.array([row[which][i] for row in rows]).reshape(s) for i, s in enumerate(shapes)] for which in (0, 1))
    return list(zip(numerical, analytical))


def _undefined(check: Check, wrong: type[Exception]) -> None:
    """A tangent that is not there counts as zeros."""
    rng = np.random.default_rng(0)
    units = {j: np.asarray(rng.random(x._data.shape), x._data.dtype) for j, x in enumerate(check.needing)}
    for j, x in enumerate(check.needing):
        without = tangents(check, {k: u for k, u in units.items() if k != j})
        zeros = tangents(check, {**units, j: np.zeros_like(x._data)})
        for i, (a, b) in enumerate(zip(without, zeros)):
            if not np.allclose(a, b):
                raise errors.explain(
                    wrong(f"Mismatch in tangent values for output with index: {i} when input: {x!r} has an undefined tangent value."),
                    f"got {a.tolist()} without a tangent, and {b.tolist()} with a tangent of zeros",
                    fix="jvp of a Function with set_materialize_grads(False) gets None for an input that does not move: it counts as zeros",
                )


def _batched(check: Check, wrong: type[Exception]) -> None:
    """A batch of tangents gives what they give one by one."""
    rng = np.random.default_rng(0)
    for j, x in enumerate(check.needing):
        batch = np.asarray(rng.random((2, *x._data.shape)), x._data.dtype)
        level = BatchLevel(2, transform=False)
        running.levels.append(level)
        try:
            with dual_level():
                given = [make_dual(v, enter(Tensor._wrap(batch), 0, level)) if v is x else v for v in check.inputs]
                moved = [unpack_dual(o).tangent for o in check.differentiable(check.func(*given))]
                together = [None if t is None else leave(t, 0, level)._data for t in moved]
        finally:
            running.levels.remove(level)
        for i, (got, *one) in enumerate(zip(together, *[alone(check, j, b) for b in batch])):
            if got is not None and not np.allclose(got, np.stack(one)):
                raise wrong(f"For output {i} and input {j}:\n\ngradcheck failed while testing batched forward-mode gradient computation.")


def _show(values: np.ndarray) -> str:
    return repr(Tensor._wrap(values))
