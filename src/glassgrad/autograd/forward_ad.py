"""Forward mode: tensors that carry a tangent along, PyTorch's `autograd.forward_ad`.

Inside `dual_level()` a tensor made by `make_dual` holds a dual number; what is computed from it too, by the ops' declared derivatives.

>>> import glassgrad as gg
>>> import glassgrad.autograd.forward_ad as fwAD
>>> with fwAD.dual_level():
...     x = fwAD.make_dual(gg.tensor(2.0), gg.tensor(1.0))
...     fwAD.unpack_dual(x**3).tangent
tensor(12.)
"""

from __future__ import annotations

import threading
from typing import Any, NamedTuple

from .. import errors
from ..graph.modes import Switch
from ..levels.borders import pair, part
from ..levels.dual import DualLevel
from ..ops.levels import levels_of, running
from ..tensor import Tensor


class Current(threading.local):
    """The level that this thread is in; there is at most one."""

    level: DualLevel | None = None


current = Current()


class UnpackedDualTensor(NamedTuple):
    """The value of a tensor, and its tangent (None where it has none)."""

    primal: Tensor
    tangent: Tensor | None


def enter_dual_level() -> int:
    """Enters a level, in which dual tensors can be made; its number, 0."""
    if current.level is not None:
        raise errors.explain(
            RuntimeError("Nested forward mode AD is not supported at the moment"), where=errors.line_of(errors.users_place()),
            fix="higher derivatives: func.jvp(lambda x: func.jvp(f, (x,), (v,))[1], (x,), (v,))",
        )  # fmt: skip
    current.level = DualLevel(transform=False)
    running.levels.append(current.level)
    return 0


def exit_dual_level(*, level: int | None = None) -> None:
    """Leaves the level: tensors keep their values, and lose their tangents."""
    if current.level is None:
        raise RuntimeError("Dual level must be a positive number.")
    if level not in (None, 0):
        raise RuntimeError("Trying to exit a forward AD level that was not the last one that was created. This is not supported.")
    running.levels.remove(current.level)
    current.level.closed, current.level = True, None


def make_dual(tensor: Any, tangent: Any, *, level: int | None = None) -> Tensor:
    """A tensor with the value of `tensor` that moves with `tangent`, of one shape and dtype. Differentiable by both."""
    if current.level is None or level not in (None, 0):
        raise errors.explain(
            RuntimeError("Trying to create a dual Tensor for forward AD but no level exists, make sure to enter_dual_level() first."),
            where=errors.line_of(errors.users_place()), fix="with fwAD.dual_level(): ...",
        )  # fmt: skip
    return dual(tensor, tangent, current.level)


def dual(tensor: Tensor, tangent: Tensor, level: DualLevel) -> Tensor:
    """A dual tensor of a level, checked as PyTorch checks it."""
    for name, x in (("primal", tensor), ("tangent", tangent)):
        if not (x.is_floating_point() or x.is_complex()):
            raise ValueError(f"Expected {name} to be floating point or complex, but got: {x.dtype}")
    if level in levels_of(tensor._data):
        raise errors.explain(
            RuntimeError("Making a dual Tensor based on a Tensor that already has a forward gradient at the same level 0 is not supported."),
            where=errors.line_of(errors.users_place()), fix="unpack_dual(x).primal has no tangent",
        )  # fmt: skip
    if level in levels_of(tangent._data):
        raise RuntimeError("Setting a forward grad that itself has a forward gradient at the same level0 is not supported.")
    if tensor._data.shape != tangent._data.shape:
        raise errors.explain(
            RuntimeError(
                f"Trying to set a forward gradient that has a different size than that of the original Tensor, this is not supported. Tensor is of size "
                f"{list(tensor.shape)} while the given forward gradient is of size {list(tangent.shape)}."
            ),
            "the tangent says for each element how fast it moves", errors.line_of(errors.users_place()),
        )  # fmt: skip
    return pair(tensor, tangent, level)


def unpack_dual(tensor: Tensor, *, level: int | None = None) -> UnpackedDualTensor:
    """The value and the tangent of a tensor; the tangent is None where nothing moves it."""
    found = current.level
    if found is None:
        return UnpackedDualTensor(tensor, None)
    moves = found in levels_of(tensor._data)
    return UnpackedDualTensor(part(tensor, 0, found), part(tensor, 1, found) if moves else None)


class dual_level(Switch):
    """A context (and a decorator) in which dual tensors can be made and used. Levels do not nest."""

    def __enter__(self) -> int:  # type: ignore[override]
        return enter_dual_level()

    def __exit__(self, *exc: Any) -> None:
        exit_dual_level()
