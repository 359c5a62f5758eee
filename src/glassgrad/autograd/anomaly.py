"""Anomaly detection: which forward line made the node whose backward fails or gives NaN.

Nothing of this runs while it is off: a node's number comes from a plain counter, which is exchanged for one that remembers
the line as long as detection is on, and backward asks once whether somebody watches.
"""

from __future__ import annotations

import contextlib
import traceback
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import errors
from ..graph import memory, modes, node
from ..graph.modes import mode
from ..ops import joins, runtime
from ..ops.op import OPS
from ..tensor import Tensor
from . import function

ENABLED = "Anomaly Detection has been enabled. This mode will increase the runtime and should only be enabled for debugging."
plain_count = node.count


class Detection:
    """Whether detection is on, and whether NaN counts as an anomaly."""

    on = False
    check_nan = True


detection = Detection()


def is_anomaly_enabled() -> bool:
    """Whether anomaly detection is on.

    >>> import glassgrad as gg
    >>> gg.is_anomaly_enabled()
    False
    """
    return detection.on


def is_anomaly_check_nan_enabled() -> bool:
    """Whether anomaly detection, where it is on, looks for NaN."""
    return detection.check_nan


def _remembering_count() -> int:
    """The next node's number, and where it is being made."""
    number = plain_count()
    lines = [f for f in traceback.extract_stack() if not f.filename.startswith((errors.HOUSE, "<glassgrad"))]
    modes.forward_lines[number] = traceback.format_list(lines)
    return number


def _count_with(counter: Callable[[], int]) -> None:
    """Makes every place that makes nodes number them by `counter`."""
    for op in OPS.values():
        for call in (op.call, op.operator):
            if call is not None:
                call.__globals__["count"] = counter
    for module in (memory, node, joins, runtime, function):
        module.count = counter  # type: ignore[attr-defined]


def _watch(at: Any, step: Callable[[], tuple[Any, ...]]) -> tuple[Any, ...]:
    """Runs one node's backward; what goes wrong is reported with the forward line that made the node."""
    try:
        outs = step()
        for i, g in enumerate(outs if detection.check_nan else ()):
            data = g._data if isinstance(g, Tensor) else g
            if data is not None and data.dtype.kind in "fc" and np.isnan(data).any():
                raise errors.explain(
                    RuntimeError(f"Function '{at.name()}' returned nan values in its {i}th output."),
                    "what came in was multiplied by a local derivative that is not finite (0 · ∞ = NaN)",
                    fix="keep the forward away from the place: clamp before sqrt or log, or mask the input (not the output) with where",
                )  # fmt: skip
        return outs
    except Exception:
        lines = modes.forward_lines.get(at.seq)
        said = "Traceback of forward call that caused the error:\n" + "".join(lines) if lines else (
            "No forward pass information available. Enable detect anomaly during forward pass for more information.")  # fmt: skip
        warnings.warn(f"Error detected in {at.name()}. {said}", UserWarning, stacklevel=2)
        raise


def _switch(on: bool, check_nan: bool) -> None:
    if on and not detection.on:
        modes.forward_lines.clear()  # those of the last time were kept until now, for whoever looked at a node's metadata
        _count_with(_remembering_count)
    elif detection.on and not on:
        _count_with(plain_count)
    detection.on, detection.check_nan = on, check_nan
    mode.watch = _watch if on else None


class set_detect_anomaly(contextlib.AbstractContextManager[None]):
    """Detection on or off from the call on; as a context, until its end.

    While it is on, a backward that raises names the forward line of the node at fault in a warning, and (`check_nan`) a
    gradient with NaN raises RuntimeError.

    >>> import glassgrad as gg
    >>> with gg.autograd.set_detect_anomaly(True):
    ...     gg.is_anomaly_enabled()
    True
    """

    def __init__(self, mode: bool, check_nan: bool = True) -> None:
        self.before = detection.on, detection.check_nan
        _switch(mode, check_nan)

    def __exit__(self, *exc: Any) -> None:
        _switch(*self.before)


class detect_anomaly(contextlib.AbstractContextManager[None]):
    """Detection on inside a context; see `set_detect_anomaly`."""

    def __init__(self, check_nan: bool = True) -> None:
        self.check_nan = check_nan
        warnings.warn(ENABLED, UserWarning, stacklevel=2)

    def __enter__(self) -> None:
        self.before = detection.on, detection.check_nan
        _switch(True, self.check_nan)

    def __exit__(self, *exc: Any) -> None:
        _switch(*self.before)
