"""How tensors are printed: PyTorch's text, character for character, from NumPy data alone."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass
class PrintOptions:
    """PyTorch's print options: how many digits, how many elements, how wide a line."""

    precision: int = 4
    threshold: float = 1000
    edgeitems: int = 3
    linewidth: int = 80
    sci_mode: bool | None = None


PROFILES: dict[str, dict[str, Any]] = {
    "default": dict(precision=4, threshold=1000, edgeitems=3, linewidth=80),
    "short": dict(precision=2, threshold=1000, edgeitems=2, linewidth=80),
    "full": dict(precision=4, threshold=math.inf, edgeitems=3, linewidth=80),
}
options = PrintOptions()


def set_printoptions(
    precision: int | None = None, threshold: float | None = None, edgeitems: int | None = None, linewidth: int | None = None,
    profile: str | None = None, sci_mode: bool | None = None,
) -> None:  # fmt: skip
    """Sets how tensors are printed; a `profile` ("default", "short", "full") first, then what is named.

    `precision` digits behind the point, summaries of `edgeitems` at each end above `threshold` elements, lines of `linewidth`;
    `sci_mode` forces or forbids powers of ten (None: as the values need).

    >>> import glassgrad as gg
    >>> gg.set_printoptions(precision=2); print(gg.tensor(1 / 3))
    tensor(0.33)
    >>> gg.set_printoptions(profile="default")
    """
    if profile is not None:
        if profile not in PROFILES:
            raise ValueError(f"profile must be one of {', '.join(PROFILES)}, not {profile!r}")
        vars(options).update(PROFILES[profile])
    named: dict[str, Any] = dict(precision=precision, threshold=threshold, edgeitems=edgeitems, linewidth=linewidth)
    vars(options).update({name: value for name, value in named.items() if value is not None})
    options.sci_mode = sci_mode


def get_printoptions() -> dict[str, Any]:
    """The print options now in force.

    >>> import glassgrad as gg
    >>> gg.printing.get_printoptions()["precision"]
    4
    """
    return dict(vars(options))


class Style:
    """One way to write all the numbers of a tensor: their common width, and whether as integers or with powers of ten."""

    def __init__(self, values: np.ndarray):
        self.floating = values.dtype.kind == "f"
        self.whole, self.scientific, self.width = True, False, 1
        if not self.floating:
            self.width = max((len(str(v)) for v in values.ravel().tolist()), default=1)
            return
        with np.errstate(all="ignore"):
            found = values[np.isfinite(values) & (values != 0)].astype(np.float64)
            if found.size == 0:
                return
            size = np.abs(found)
            low, high = float(size.min()), float(size.max())
            self.whole = bool((found == np.ceil(found)).all())
        by_need = high / low > 1000.0 or high > 1.0e8 or (not self.whole and low < 1.0e-4)
        self.scientific = by_need if options.sci_mode is None else options.sci_mode
        extra = 1 if self.whole and not self.scientific else 0
        self.width = max(len(self._digits(v)) for v in found.tolist()) + extra

    def _digits(self, value: float) -> str:
        if self.scientific:
            return f"{value:.{options.precision}e}"
        return f"{value:.0f}" if self.whole else f"{value:.{options.precision}f}"

    def write(self, value: Any) -> str:
        """A value in this style, right-aligned."""
        if not self.floating:
            text = str(value)
        else:
            text = self._digits(value)
            if self.whole and not self.scientific and math.isfinite(value):
                text += "."
        return text.rjust(self.width)


class ComplexStyle:
    """The styles of real and imaginary parts together."""

    def __init__(self, values: np.ndarray):
        self.real, self.imag = Style(values.real), Style(values.imag)
        self.width = self.real.width + self.imag.width + 1

    def write(self, value: complex) -> str:
        imag = (self.imag.write(value.imag) + "j").lstrip()
        return self.real.write(value.real) + ("" if imag[0] in "+-" else "+") + imag


def _edges(array: np.ndarray) -> np.ndarray:
    """What a summary shows: the first and last few along each dim."""
    k = options.edgeitems
    for dim in range(array.ndim):
        if array.shape[dim] > 2 * k:
            keep = [*range(k), *range(array.shape[dim] - k, array.shape[dim])]
            array = np.take(array, keep, dim)
    return array


def _body(array: np.ndarray, indent: int, summarize: bool, style: Any) -> str:
    """The nested brackets of an array."""
    if array.ndim == 0:
        return style.write(array.item())
    k = options.edgeitems
    cut = summarize and array.shape[0] > 2 * k
    if array.ndim == 1:
        per_line = max(1, (options.linewidth - indent) // (style.width + 2))
        if summarize and not k:
            words = ["..."]
        elif cut:
            words = [style.write(v) for v in array[:k].tolist()] + [" ..."] + [style.write(v) for v in array[-k:].tolist()]
        else:
            words = [style.write(v) for v in array.tolist()]
        lines = [", ".join(words[i : i + per_line]) for i in range(0, len(words), per_line)]
        return "[" + (",\n" + " " * (indent + 1)).join(lines) + "]"
    rows = [*range(k), None, *range(array.shape[0] - k, array.shape[0])] if cut else range(array.shape[0])
    parts = ["..." if i is None else _body(array[i], indent + 1, summarize, style) for i in rows]
    return "[" + ("," + "\n" * (array.ndim - 1) + " " * (indent + 1)).join(parts) + "]"


def tensor_str(
    array: Any, *, requires_grad: bool = False, grad_fn: str | None = None, default_dtype: str = "float32", prefix: str = "tensor"
) -> str:
    """The text of a tensor: its values, and whatever differs from a plain one (dtype, size, graph)."""
    array = np.asarray(array)
    usual = {default_dtype, "complex128" if default_dtype == "float64" else "complex64", "int64", "bool"}
    indent = len(prefix) + 1
    notes = []
    if array.size == 0:
        body = "[]"
        if array.ndim != 1:
            notes.append(f"size={tuple(array.shape)}")
        if array.dtype.name != default_dtype:
            notes.append(f"dtype=torch.{array.dtype.name}")
    else:
        summarize = array.size > options.threshold
        shown = _edges(array) if summarize else array
        style = ComplexStyle(shown) if array.dtype.kind == "c" else Style(shown)
        body = _body(array, indent, summarize, style)
        if not options.edgeitems:
            notes.append(f"size={tuple(array.shape)}")
        if array.dtype.name not in usual:
            notes.append(f"dtype=torch.{array.dtype.name}")
    if grad_fn is not None:
        notes.append(f"grad_fn=<{grad_fn}>")
    elif requires_grad:
        notes.append("requires_grad=True")
    text = f"{prefix}({body}"
    length = len(text) - text.rfind("\n") + 1
    for note in notes:
        if length + len(note) + 2 > options.linewidth:
            text += ",\n" + " " * indent + note
            length = indent + len(note)
        else:
            text += ", " + note
            length += len(note) + 2
    return text + ")"


def format_scalar(value: Any, spec: str) -> str:
    """A single value in a format string: as the Python number is."""
    return format(value, spec)
