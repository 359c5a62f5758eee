"""PyTorch as the oracle of the tests: live where it is installed and asked for, recorded where not.

A test writes a *program*, a function of a module `T` that is glassgrad or torch. `agree(program)` runs it on glassgrad and
compares the outcome, be it tensors, text or an exception, with PyTorch's.

    GLASSGRAD_ORACLE=live     run torch now, compare, and hold the record to it (make oracle)
    GLASSGRAD_ORACLE=record   run torch now and store what it did (make record)
    unset                     compare with the record; what has none is skipped, with its reason (make test)
"""

from __future__ import annotations

import base64
import gzip
import json
import os
import pathlib
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import glassgrad

MODE = os.environ.get("GLASSGRAD_ORACLE", "")
FOLDER = pathlib.Path(__file__).parent / "recorded"
counts = {"live": 0, "recorded": 0, "skipped": 0}


class Records:
    """What PyTorch did, by key: a gzipped JSON file for each test module, the same bytes each time it is recorded."""

    def __init__(self) -> None:
        self.files: dict[str, dict[str, Any]] = {}
        self.new: set[str] = set()

    def file(self, module: str) -> dict[str, Any]:
        if module not in self.files:
            path = FOLDER / f"{module}.json.gz"
            self.files[module] = json.loads(gzip.decompress(path.read_bytes())) if path.exists() and MODE != "record" else {}
        return self.files[module]

    def put(self, module: str, key: str, value: Any) -> None:
        self.file(module)[key] = value
        self.new.add(module)

    def save(self) -> None:
        FOLDER.mkdir(exist_ok=True)
        for module in self.new:
            text = json.dumps(self.files[module], sort_keys=True, separators=(",", ":"))
            (FOLDER / f"{module}.json.gz").write_bytes(gzip.compress(text.encode(), 9, mtime=0))


records = Records()


def neutral(value: Any) -> Any:
    """An outcome as JSON: tensors with dtype, shape, bytes and graph; text, numbers, exceptions; nested."""
    kind = type(value)
    if kind.__name__ in ("Tensor", "Parameter"):
        data = value.detach()
        if getattr(data, "_is_zerotensor", bool)():  # PyTorch's zeros without memory
            data = data.new_zeros(data.shape)
        array = np.ascontiguousarray(data.resolve_conj().numpy() if hasattr(data, "resolve_conj") else data.numpy())
        node = value.grad_fn.name() if value.grad_fn is not None else None
        return {"tensor": str(value.dtype), "shape": list(value.shape), "bytes": base64.b64encode(array.tobytes()).decode(),
                "requires_grad": value.requires_grad, "grad_fn": node}  # fmt: skip
    if isinstance(value, (list, tuple)):
        return [neutral(v) for v in value]
    if isinstance(value, dict):
        return {"dict": [[str(k), neutral(v)] for k, v in value.items()]}
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, float):
        return {"float": value.hex() if np.isfinite(value) else str(value)}
    return {"repr": repr(value)}


def outcome(program: Callable[[Any], Any], module: Any) -> Any:
    """What a program does on a module, neutral; an exception is its type and first line."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return neutral(program(module))
        except Exception as error:  # noqa: BLE001 - whatever is raised is the outcome
            return {"raises": type(error).__name__, "line": str(error).split("\n")[0]}


def array_of(found: dict[str, Any]) -> np.ndarray:
    return np.frombuffer(base64.b64decode(found["bytes"]), found["tensor"].removeprefix("torch.")).reshape(found["shape"])


def difference(ours: Any, theirs: Any, rtol: float | None, atol: float, graph: bool, path: str = "result") -> str | None:
    """The first difference between two outcomes in words, or None."""
    if isinstance(ours, dict) and isinstance(theirs, dict) and "tensor" in ours and "tensor" in theirs:
        for name in ("tensor", "shape", "requires_grad", *(["grad_fn"] if graph else [])):
            if ours[name] != theirs[name]:
                return f"{path}.{name}: {ours[name]!r}, PyTorch {theirs[name]!r}"
        a, b = array_of(ours), array_of(theirs)
        if a.dtype.kind not in "fc":
            return None if np.array_equal(a, b) else f"{path}: {a.tolist()}, PyTorch {b.tolist()}"
        tolerance = rtol if rtol is not None else {2: 2e-3, 4: 1.3e-6, 8: 1e-12}[np.finfo(a.dtype).dtype.itemsize]
        wide = np.complex128 if a.dtype.kind == "c" else np.float64
        close = np.isclose(a.astype(wide), b.astype(wide), rtol=tolerance, atol=atol, equal_nan=True)
        if not close.all():
            i = tuple(np.argwhere(~close)[0]) if close.ndim else ()
            return f"{path}{list(i)}: {a[i]!r}, PyTorch {b[i]!r}"
        return None
    if isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for i, (a, b) in enumerate(zip(ours, theirs)):
            found = difference(a, b, rtol, atol, graph, f"{path}[{i}]")
            if found:
                return found
        return None
    if isinstance(ours, dict) and isinstance(theirs, dict) and "float" in ours and "float" in theirs:
        a, b = (float.fromhex(v["float"]) if "x" in v["float"] else float(v["float"]) for v in (ours, theirs))
        return None if np.isclose(a, b, rtol=rtol or 1e-6, atol=atol, equal_nan=True) else f"{path}: {a}, PyTorch {b}"
    return None if ours == theirs else f"{path}: {_short(ours)}, PyTorch {_short(theirs)}"


def _short(value: Any) -> str:
    if isinstance(value, dict) and "tensor" in value:
        return f"{value['tensor']} {array_of(value).tolist()}"
    if isinstance(value, dict) and "raises" in value:
        return f"raises {value['raises']}: {value['line']}"
    return repr(value)


def agree(program: Callable[[Any], Any], key: str = "", *, rtol: float | None = None, atol: float = 1e-12, graph: bool = False) -> None:
    """Fails unless glassgrad does with `program` what PyTorch does; `graph` compares the names of nodes too."""
    test = os.environ.get("PYTEST_CURRENT_TEST", "").rpartition(" ")[0]
    file, _, name = test.partition("::")
    module = pathlib.Path(file).stem
    key = f"{name}{' ' + key if key else ''}"
    if MODE in ("live", "record"):
        import torch

        theirs = json.loads(json.dumps(outcome(program, torch)))
        counts["live"] += 1
        if MODE == "record":
            records.put(module, key, theirs)
        else:
            recorded = records.file(module).get(key)
            if recorded is None or difference(recorded, theirs, 1e-5, 1e-6, False):
                pytest.fail(f"{key}: the record is {'missing' if recorded is None else 'not what PyTorch does now'}: run make record")
    else:
        found = records.file(module)
        if key not in found:
            counts["skipped"] += 1
            pytest.skip(f"PyTorch's answer is not recorded for {key!r}: run make record")
        theirs = found[key]
        counts["recorded"] += 1
    ours = json.loads(json.dumps(outcome(program, glassgrad)))
    wrong = difference(ours, theirs, rtol, atol, graph)
    assert wrong is None, f"{key}: {wrong}"
