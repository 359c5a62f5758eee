"""PyTorch as the oracle of the tests: live where it is installed and asked for, recorded where not.

A test writes a *program*, a function of a module `T` that is glassgrad or torch. `agree(program)` runs it on glassgrad and
compares the outcome, be it tensors, text or an exception, with PyTorch's.

    GLASSGRAD_ORACLE=live     run torch now, compare, and hold the record to it (make oracle)
    GLASSGRAD_ORACLE=record   run torch now, compare, and store what it did (make record)
    unset                     compare with the record; what has none is skipped, with its reason (make test)
"""

from __future__ import annotations

import base64
import gzip
import json
import os
import pathlib
import re
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

MODES = ("", "live", "record")
FOLDER = pathlib.Path(__file__).parent / "recorded"
TEST_BUGS = (NameError, ImportError, SyntaxError)  # of a program: never an outcome that two modules can agree on


class Oracle:
    """PyTorch's outcomes by test module and key, and how many were asked for.

    A module's record is one gzipped JSON file, the same bytes each time it is recorded.
    """

    def __init__(self, mode: str, folder: pathlib.Path = FOLDER):
        self.mode, self.folder = mode, folder
        self.counts: Counter[str] = Counter()
        self.stored: dict[str, dict[str, Any]] = {}
        self.fresh: dict[str, dict[str, Any]] = {}

    def records(self, module: str) -> dict[str, Any]:
        if module not in self.stored:
            path = self.folder / f"{module}.json.gz"
            self.stored[module] = json.loads(gzip.decompress(path.read_bytes())) if path.exists() else {}
        return self.stored[module]

    def put(self, module: str, key: str, found: Any) -> None:
        if self.fresh.setdefault(module, {}).setdefault(key, found) != found:
            pytest.fail(f"{key}: two different programs share this key; give one of them a key of its own", pytrace=False)

    def save(self, *, keep: bool) -> None:
        """Writes what was recorded; `keep` leaves the records that this run did not meet."""
        for module, fresh in self.fresh.items():
            found = {**self.records(module), **fresh} if keep else fresh
            text = json.dumps(found, sort_keys=True, separators=(",", ":"))
            self.folder.mkdir(exist_ok=True)
            beside = self.folder / f"{module}.tmp"
            beside.write_bytes(gzip.compress(text.encode(), 9, mtime=0))
            os.replace(beside, self.folder / f"{module}.json.gz")

    def summary(self) -> str:
        c = self.counts
        return f"comparisons with PyTorch: {c['live']} live, {c['recorded']} with recorded values, {c['skipped']} skipped for want of a record"


ORACLE = Oracle(os.environ.get("GLASSGRAD_ORACLE", ""))


def neutral(value: Any) -> Any:
    """An outcome as JSON: tensors with dtype, shape, bytes and graph; text, numbers, containers."""
    kind = type(value)
    if kind.__name__ in ("Tensor", "Parameter"):
        data = value.detach()
        if getattr(data, "_is_zerotensor", bool)():  # PyTorch's zeros without memory
            data = data.new_zeros(data.shape)
        array = data.resolve_conj().resolve_neg().numpy() if hasattr(data, "resolve_conj") else data.numpy()
        node = value.grad_fn.name() if value.grad_fn is not None else None
        return {"tensor": str(value.dtype), "shape": list(value.shape), "bytes": _bytes(array), "requires_grad": value.requires_grad, "grad_fn": node}
    if isinstance(value, (np.ndarray, np.generic)):
        return {"array": value.dtype.name, "shape": list(value.shape), "bytes": _bytes(value)}
    if isinstance(value, list):
        return [neutral(v) for v in value]
    if isinstance(value, tuple):
        return {"size" if kind.__name__ == "Size" else "tuple": [neutral(v) for v in value]}
    if isinstance(value, dict):
        return {"dict": [[str(k), neutral(v)] for k, v in value.items()]}
    if isinstance(value, str):
        return re.sub(r"\b0x[0-9a-fA-F]{6,}", "0x…", value)
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, (float, complex)):
        return {kind.__name__: repr(value)}
    return {"repr": neutral(repr(value))}


def _bytes(array: Any) -> str:
    little = np.ascontiguousarray(array, dtype=np.asarray(array).dtype.newbyteorder("<"))
    return base64.b64encode(little.tobytes()).decode()


def array_of(found: dict[str, Any]) -> np.ndarray:
    kind = np.dtype(found["tensor"].removeprefix("torch.") if "tensor" in found else found["array"])
    return np.frombuffer(base64.b64decode(found["bytes"]), kind.newbyteorder("<")).astype(kind).reshape(found["shape"])


def outcome(program: Callable[[Any], Any], module: Any) -> Any:
    """What a program does on a module, neutral; an exception is its type and first line."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            result = program(module)
        except TEST_BUGS:
            raise
        except Exception as error:  # noqa: BLE001 - whatever is raised is the outcome
            line = str(error).split("\n")[0]
            if isinstance(error, AttributeError) and line.startswith("module 'torch'"):
                raise
            return {"raises": type(error).__name__, "line": neutral(line)}
    return json.loads(json.dumps(neutral(result)))


@dataclass(frozen=True)
class Tolerance:
    """How far two floats may lie apart: `atol + rtol * |theirs|`, or `ulps` units in the last place where these are given."""

    rtol: float | None = None
    atol: float | None = None
    ulps: float | None = None

    def allows(self, ours: np.ndarray, theirs: np.ndarray) -> np.ndarray:
        """Which elements agree; what is not finite agrees with itself only."""
        if ours.dtype.kind not in "fc":
            return np.asarray(ours == theirs)
        bits = np.finfo(ours.dtype).bits
        rtol = self.rtol if self.rtol is not None else 0 if self.ulps is not None else {16: 2e-3, 32: 1.3e-6, 64: 1e-12}[bits]
        atol = self.atol if self.atol is not None else 0 if self.ulps is not None else 1e-12
        wide = np.complex128 if ours.dtype.kind == "c" else np.float64
        close = np.isclose(ours.astype(wide), theirs.astype(wide), rtol=rtol, atol=atol, equal_nan=True)
        if self.ulps is not None:
            with np.errstate(all="ignore"):
                close |= abs(ours.astype(wide) - theirs.astype(wide)) <= self.ulps * _unit(ours, theirs)
        return close


def _unit(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The last place of the larger of two numbers."""
    return np.spacing(np.maximum(abs(a), abs(b))).astype(np.float64)


def differences(ours: Any, theirs: Any, tolerance: Tolerance, graph: bool = False, path: str = "result") -> Iterator[str]:
    """Each place where two outcomes differ, in words."""
    if isinstance(ours, dict) and isinstance(theirs, dict) and ours.keys() == theirs.keys():
        if "bytes" in ours:
            yield from _array_differences(ours, theirs, tolerance, graph, path)
        elif "float" in ours or "complex" in ours:
            kind = next(iter(ours))
            a, b = _as_they_were(complex if kind == "complex" else float, ours[kind], theirs[kind])
            if not tolerance.allows(a, b).all():
                yield f"{path}: {ours[kind]}, PyTorch {theirs[kind]}"
        elif "raises" in ours:
            if ours != theirs:
                yield f"{path}: {_short(ours)}, PyTorch {_short(theirs)}"
        else:
            for kind in ours:
                yield from differences(ours[kind], theirs[kind], tolerance, graph, f"{path}.{kind}" if kind == "dict" else path)
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for i, (a, b) in enumerate(zip(ours, theirs)):
            yield from differences(a, b, tolerance, graph, f"{path}[{i}]")
    elif isinstance(ours, str) and isinstance(theirs, str):
        if ours != theirs:
            at = next((i for i, (a, b) in enumerate(zip(ours, theirs)) if a != b), min(len(ours), len(theirs)))
            yield f"{path}: the texts part at character {at}: {ours[at : at + 24]!r}, PyTorch {theirs[at : at + 24]!r}"
    elif type(ours) is not type(theirs) or ours != theirs:
        yield f"{path}: {_short(ours)}, PyTorch {_short(theirs)}"


def _array_differences(ours: Any, theirs: Any, tolerance: Tolerance, graph: bool, path: str) -> Iterator[str]:
    for name in ("tensor", "array", "shape", "requires_grad", *(["grad_fn"] if graph else [])):
        if ours.get(name) != theirs.get(name):
            yield f"{path}.{'dtype' if name in ('tensor', 'array') else name}: {ours[name]!r}, PyTorch {theirs[name]!r}"
            return
    a, b = array_of(ours), array_of(theirs)
    close = tolerance.allows(a, b)
    if not close.all():
        i = tuple(int(k) for k in np.argwhere(~close)[0]) if close.ndim else ()
        with np.errstate(all="ignore"):
            apart = f" ({abs(a[i] - b[i]) / _unit(a[i], b[i]):.3g} ulps apart)" if a.dtype.kind in "fc" and np.isfinite(a[i] - b[i]) else ""
        yield f"{path}{list(i)}: {a[i]!r}, PyTorch {b[i]!r}{apart}; {int((~close).sum())} of {a.size} elements differ"


def _as_they_were(kind: Any, *texts: str) -> list[np.ndarray]:
    """Python numbers as arrays, of single precision where both are single-precision numbers that `item` or `tolist` widened."""
    values = np.array([kind(t) for t in texts])
    with np.errstate(all="ignore"):
        single = values.astype(np.complex64 if kind is complex else np.float32)
    same = np.array_equal(single.astype(values.dtype), values, equal_nan=True)
    return list((single if same else values)[:, None])


def _short(value: Any) -> str:
    if isinstance(value, dict) and "bytes" in value:
        text = f"{value.get('tensor') or value['array']} {array_of(value).tolist()}" + (", requires_grad" if value.get("requires_grad") else "")
    elif isinstance(value, dict) and "raises" in value:
        text = f"raises {value['raises']}: {value['line']}"
    elif isinstance(value, list):
        text = f"[{', '.join(map(_short, value))}]"
    elif isinstance(value, dict):
        text = ", ".join(f"{kind} {_short(v) if isinstance(v, (list, dict)) else v}" for kind, v in value.items())
    else:
        text = repr(value)
    return text if len(text) <= 500 else f"{text[:250]} … {text[-250:]}"


def agree(
    program: Callable[[Any], Any], key: str = "", *, rtol: float | None = None, atol: float | None = None, ulps: float | None = None,
    graph: bool = False, raises: bool | None = None, subject: Any = None, oracle: Oracle = ORACLE,
) -> None:  # fmt: skip
    """Fails unless glassgrad does with `program` what PyTorch does.

    The key tells apart the programs of one test. `graph` compares the names of nodes too; `raises` says whether PyTorch must
    raise (None: either). Floats within rtol and atol (as their dtype allows, if neither is given) or within `ulps` agree.
    """
    test = os.environ.get("PYTEST_CURRENT_TEST", "").rpartition(" ")[0]
    file, _, name = test.partition("::")
    module = pathlib.Path(file).stem
    key = f"{name}{' ' + key if key else ''}"
    tolerance = Tolerance(rtol, atol, ulps)
    if oracle.mode:
        theirs = _live(program)
        oracle.counts["live"] += 1
        if oracle.mode == "record":
            oracle.put(module, key, theirs)
        else:
            if key not in oracle.records(module):
                pytest.fail(f"{key}: PyTorch's outcome is not recorded: run make record", pytrace=False)
            stale = next(differences(oracle.records(module)[key], theirs, tolerance, graph), None)
            if stale:
                pytest.fail(f"{key}: the record is not what PyTorch does now: run make record\n  recorded {stale}", pytrace=False)
    else:
        found = oracle.records(module)
        if key not in found:
            oracle.counts["skipped"] += 1
            pytest.skip(f"PyTorch's answer is not recorded for {key!r}: run make record")
        theirs = found[key]
        oracle.counts["recorded"] += 1
    if raises is not None and raises != (isinstance(theirs, dict) and "raises" in theirs):
        pytest.fail(f"{key}: on PyTorch this should {'' if raises else 'not '}raise, and gives {_short(theirs)}", pytrace=False)
    if subject is None:
        import glassgrad as subject  # type: ignore[no-redef]
    ours = outcome(program, subject)
    wrong = list(differences(ours, theirs, tolerance, graph))
    if wrong:
        more = f"\n  and {len(wrong) - 1} more places" if len(wrong) > 1 else ""
        pytest.fail(f"{key} is not as PyTorch's\n  {wrong[0]}{more}\n  ours:    {_short(ours)}\n  PyTorch: {_short(theirs)}", pytrace=False)


def _live(program: Callable[[Any], Any]) -> Any:
    import torch

    if torch.get_num_threads() != 1:
        torch.set_num_threads(1)  # sums in one order, and workers that do not fight for cores
    return outcome(program, torch)
