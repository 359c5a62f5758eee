"""PyTorch's `testing`: values held against what is expected of them. And gradients: whether they arrive."""

from __future__ import annotations

import contextlib
import numbers
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from .ops.creation import as_tensor
from .tensor import Tensor

__all__ = ["assert_close", "assert_grad_flows"]
TOLERANCES = {"float16": (1e-3, 1e-5), "float32": (1.3e-6, 1e-5), "float64": (1e-7, 1e-7), "complex64": (1.3e-6, 1e-5), "complex128": (1e-7, 1e-7)}
ORDER = ("float16", "float32", "float64", "complex64", "complex128")


def assert_close(
    actual: Any, expected: Any, *, allow_subclasses: bool = True, rtol: float | None = None, atol: float | None = None, equal_nan: bool = False,
    check_device: bool = True, check_dtype: bool = True, check_layout: bool = True, check_stride: bool = False,
    msg: str | Callable[[str], str] | None = None,
) -> None:  # fmt: skip
    """Raises AssertionError unless |actual - expected| ≤ atol + rtol · |expected| in each element, and shapes and dtypes agree.

    Takes tensors, arrays and numbers, also in sequences and mappings. By default the tolerances are those of the less precise dtype:
    1.3e-6 and 1e-5 for float32, 1e-7 and 1e-7 for float64, 0 for integers. `msg` takes the place of the message, or makes another of it.

    >>> import glassgrad as gg
    >>> gg.testing.assert_close(gg.tensor([1.0]), gg.tensor([1.0000001]))
    """
    if (rtol is None) != (atol is None):
        raise ValueError(f"Both 'rtol' and 'atol' must be either specified or omitted, but got no {'rtol' if rtol is None else 'atol'}.")
    options = dict(allow_subclasses=allow_subclasses, rtol=rtol, atol=atol, equal_nan=equal_nan, check_dtype=check_dtype, check_stride=check_stride)
    found = _difference(actual, expected, "", options)
    if found is not None:
        text, path = found
        text += f"\n\nThe failure occurred for item {path}" if path else ""
        raise AssertionError(text if msg is None else msg(text) if callable(msg) else msg)


def assert_grad_flows(loss: Any, params: Any, *, allow_zero: bool = False) -> None:
    """Raises AssertionError unless a backward from `loss` brings each parameter a gradient that is finite and not all zero.

    For tensors of this package and of PyTorch. `params` is a model, an optimizer, or tensors; frozen ones are passed over. The message
    has the verdict of `see.why` for each that fails. Backward is not run, and no `.grad` is written.

    >>> import glassgrad as gg
    >>> w = gg.tensor(2.0, requires_grad=True)
    >>> gg.testing.assert_grad_flows(w * w, [w])
    """
    from .see import engines, why
    from .see.graph import Graph, walk
    from .see.names import Names
    from .see.preflight import named_parameters
    from .see.record import Recording
    from .see.stat import Stat

    names = Names(Recording.last)
    tensors = [(n, p) for n, p in named_parameters(params, names) if p.requires_grad]
    said = []
    with engines.aside():
        graph = Graph([loss]) if loss.requires_grad else None
        flows = walk(graph, recording=Recording.last) if graph is not None else None
        for name, p in tensors:
            place = graph.node_of(p) if graph is not None else None
            g = flows.at(*place) if flows is not None and place is not None else None
            s = None if g is None else Stat.of(g)
            if s is None or not s.finite or s.norm == 0 and s.count and not allow_zero:
                answer = why(p, loss, names={name: p})
                known = answer.kind not in ("fine", "none", "accumulated")
                said.append(str(answer) if known else f"{name} gets {'no gradient' if s is None else f'the gradient {s}'} from this loss")
    if said:
        raise AssertionError(f"{len(said)} of {len(tensors)} parameters get no usable gradient:\n" + "\n".join(said))


def _difference(a: Any, b: Any, path: str, options: dict[str, Any]) -> tuple[str, str] | None:
    """What is said of the first difference, and where it is; None where there is none."""
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        missing, more = sorted(set(b) - set(a)), sorted(set(a) - set(b))
        if missing or more:
            return (
                "The keys of the mappings do not match:"
                + (f"\nMissing keys in the actual mapping: {missing}" if missing else "") + (f"\nAdditional keys in the actual mapping: {more}" if more else "")
            ), path  # fmt: skip
        keys = list(a)
        with contextlib.suppress(TypeError):
            keys = sorted(keys)
        return next(filter(None, (_difference(a[k], b[k], f"{path}[{k!r}]", options) for k in keys)), None)
    if _listed(a) and _listed(b):
        if len(a) != len(b):
            return f"The length of the sequences mismatch: {len(a)} != {len(b)}", path
        return next(filter(None, (_difference(x, y, f"{path}[{i}]", options) for i, (x, y) in enumerate(zip(a, b)))), None)
    if a is None or b is None:
        return None if a is b else (f"None mismatch: {a} is not {b}", path)
    if isinstance(a, (bool, np.bool_)) and isinstance(b, (bool, np.bool_)):
        return None if bool(a) == bool(b) else (f"Booleans mismatch: {a} is not {b}", path)
    if _number(a) and _number(b):
        if options["check_dtype"] and type(a) is not type(b):
            return f"The (d)types do not match: {type(a)} != {type(b)}.", path
        kind = next((k for t, k in ((complex, "complex128"), (float, "float64")) if isinstance(a, t) or isinstance(b, t)), "int64")
        return _apart(np.asarray(a), np.asarray(b), (kind, kind), options, path)
    if isinstance(a, (Tensor, np.ndarray)) and isinstance(b, (Tensor, np.ndarray)) and (options["allow_subclasses"] or type(a) is type(b)):
        return _tensors(as_tensor(a), as_tensor(b), options, path)
    raise TypeError(f"No comparison pair was able to handle inputs of type {_named(a)} and {_named(b)}.")


def _listed(x: Any) -> bool:
    return isinstance(x, Sequence) and not isinstance(x, (str, bytes))


def _number(x: Any) -> bool:
    return isinstance(x, (numbers.Number, np.number)) and not isinstance(x, Tensor)


def _named(x: Any) -> str:
    return "<class 'torch.Tensor'>" if type(x) is Tensor else str(type(x))


def _tensors(a: Tensor, b: Tensor, options: dict[str, Any], path: str) -> tuple[str, str] | None:
    checks: list[tuple[str, Any, Any]] = [("shape", a.shape, b.shape)]
    if options["check_dtype"]:
        checks.append(("dtype", a.dtype, b.dtype))
    if options["check_stride"]:
        checks.append(("stride()", a.stride(), b.stride()))
    for name, x, y in checks:
        if x != y:
            return f"The values for attribute '{name}' do not match: {x} != {y}.", path
    return _apart(np.asarray(a.detach().numpy()), np.asarray(b.detach().numpy()), (a.dtype.name, b.dtype.name), options, path)


def _apart(a: np.ndarray, b: np.ndarray, kinds: tuple[str, str], options: dict[str, Any], path: str) -> tuple[str, str] | None:
    rtol, atol = options["rtol"], options["atol"]
    if rtol is None:
        rtol, atol = (max(TOLERANCES.get(k, (0.0, 0.0))[i] for k in kinds) for i in (0, 1))
    wide = np.result_type(a.dtype, b.dtype)
    if not a.ndim and wide.kind == "f":
        wide = np.dtype(np.float64)  # numbers are compared as Python's
    x, y = (v.astype(np.int64 if v.dtype.kind == "b" else wide) for v in (a, b))
    with np.errstate(all="ignore"):
        absolute = np.abs(x - y) if wide.kind != "u" else np.where(x > y, x - y, y - x)
        near = (x == y) | (np.isfinite(y) & (absolute <= atol + rtol * np.abs(y)))
        if options["equal_nan"]:
            near |= (x != x) & (y != y)
        if near.all():
            return None
        single = wide.kind in "iub" and a.ndim > 0
        relative = absolute.astype(np.float32) / np.abs(y.astype(np.float32)) if single else absolute / np.abs(y)
    equal = rtol == 0 and atol == 0
    head = f"{'Scalars' if not a.ndim else 'Tensor-likes'} are not {'equal' if equal else 'close'}!\n\n"
    if not a.ndim:
        lines = [f"Expected {b.item()} but got {a.item()}."]
        lines += [_line(name, v.item(), "", t, equal) for name, v, t in (("Absolute", absolute, atol), ("Relative", relative, rtol))]
        return head + "\n".join(lines), path
    wrong = int((~near).sum())
    lines = [f"Mismatched elements: {wrong} / {near.size} ({wrong / near.size:.1%})"]
    for name, values, tolerance in (("Greatest absolute", absolute, atol), ("Greatest relative", relative, rtol)):
        masked = np.where(near, -1 if values.dtype.kind in "iu" else -np.inf, values)
        at = np.unravel_index(int(np.argmax(np.where(np.isnan(masked), np.inf, masked))), values.shape)
        lines.append(_line(name, values[at].item(), f" at index {tuple(int(i) for i in at)}", tolerance, equal))
    return head + "\n".join(lines), path


def _line(name: str, value: Any, where: str, tolerance: float, equal: bool) -> str:
    return f"{name} difference: {value}{where}" + ("" if equal else f" (up to {tolerance} allowed)")
