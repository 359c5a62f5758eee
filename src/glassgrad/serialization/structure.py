"""Containers taken apart into named arrays and a description of how they hang together, and put together again."""

from __future__ import annotations

import json
import math
from collections import OrderedDict
from typing import Any

import numpy as np

from .. import errors
from ..dtypes import BY_NAME, dtype
from ..ops.copies import _rebuild
from ..parameter import Buffer, Parameter
from ..placement import Size, device
from ..tensor import Tensor

KEY = "glassgrad"


class Apart:
    """Arrays by name, and for each tensor met the name under which it is stored."""

    def __init__(self) -> None:
        self.arrays: dict[str, np.ndarray] = {}
        self.stored: dict[Any, str] = {}
        self.aliases: dict[str, str] = {}

    def tensor(self, t: Tensor, path: str) -> dict[str, Any]:
        data = np.asarray(t.detach().numpy())
        place = (data.__array_interface__["data"][0], data.shape, data.strides, data.dtype) if data.size else id(t)
        name = self.stored.get(place)
        if name is None:
            name = path or "tensor"
            while name in self.arrays:
                name += "'"
            self.stored[place], self.arrays[name] = name, data
        elif path:
            self.aliases[path] = name
        found: dict[str, Any] = {"tensor": name}
        if t.requires_grad:
            found["requires_grad"] = True
        if isinstance(t, (Parameter, Buffer)):
            found["kind"] = "Parameter" if isinstance(t, Parameter) else "Buffer"
        return found

    def of(self, value: Any, path: str) -> Any:
        """The value as JSON, its tensors under names that say where they stand."""
        if value is None or type(value) in (bool, int, str):
            return value
        if isinstance(value, Tensor):
            return self.tensor(value, path)
        if isinstance(value, (dict, OrderedDict)) and type(value) in (dict, OrderedDict):
            pairs = [[self.of(k, f"{path}.key"), self.of(v, f"{path}.{k}" if path else str(k))] for k, v in value.items()]
            kind: dict[str, Any] = {type(value).__name__: pairs}
            versions = getattr(value, "_metadata", None)  # of a state dict's modules
            if versions is not None:
                kind["metadata"] = self.of(versions, f"{path}._metadata")
            return kind
        if type(value) in (list, tuple, set, frozenset):
            return {type(value).__name__: [self.of(v, f"{path}.{i}" if path else str(i)) for i, v in enumerate(value)]}
        if isinstance(value, Size):
            return {"Size": list(value)}
        if isinstance(value, float):
            return {"float": str(float(value))} if not math.isfinite(value) else float(value)
        if isinstance(value, complex):
            return {"complex": [value.real, value.imag]}
        if isinstance(value, dtype):
            return {"dtype": value.name}
        if isinstance(value, device):
            return {"device": str(value)}
        if isinstance(value, bytes):
            return {"bytes": value.hex()}
        raise _refused(value, path)


def _refused(value: Any, path: str) -> TypeError:
    at = f" at {path!r}" if path else ""
    kind = type(value)
    module = hasattr(value, "state_dict")
    return errors.explain(
        TypeError(f"glassgrad.save: {kind.__module__}.{kind.__qualname__}{at} is no tensor, number, text, or plain container of them"),
        "a file holds data only, so that loading it never executes anything", errors.line_of(errors.users_place()),
        "save its state: save(x.state_dict(), …), and load it with x.load_state_dict(load(…))" if module
        else "make it a tensor: glassgrad.from_numpy(x)" if isinstance(value, (np.ndarray, np.generic)) else "save the numbers in it",
    )  # fmt: skip


def taken_apart(obj: Any) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """The arrays in it by name, and the metadata of the file: the structure, and the names that mean another's tensor."""
    apart = Apart()
    tree = apart.of(obj, "")
    plain = type(obj) is dict and all(isinstance(k, str) and type(v) is Tensor and not v.requires_grad for k, v in obj.items())
    return apart.arrays, apart.aliases | ({} if plain else {KEY: json.dumps(tree)})


def put_together(found: Any) -> Any:
    """What was taken apart; of a file without a structure, a dict of its tensors."""
    made: dict[Any, Tensor] = {}

    def tensor(name: str, node: dict[str, Any]) -> Tensor:
        if name not in found.arrays:
            raise KeyError(f"no tensor {name!r}")
        key = name, node.get("kind"), bool(node.get("requires_grad"))
        if key not in made:
            t = _rebuild(Tensor, found.arrays[name], False)
            kinds: dict[Any, Any] = {"Parameter": Parameter, "Buffer": Buffer}
            kind = kinds.get(key[1])
            made[key] = (t if kind is None else kind(t)).requires_grad_(key[2])
        return made[key]

    if KEY in found.metadata:
        return _built(json.loads(found.metadata[KEY]), tensor)
    names = {name: name for name in found.arrays} | {a: n for a, n in found.metadata.items() if n in found.arrays and a not in found.arrays}
    return {name: tensor(of, {}) for name, of in names.items()}


def _built(node: Any, tensor: Any) -> Any:
    if not isinstance(node, dict):
        return node
    if "tensor" in node:
        return tensor(node["tensor"], node)
    kind, value = next(iter(node.items()))
    if kind in ("dict", "OrderedDict"):
        result: Any = (dict if kind == "dict" else OrderedDict)((_built(k, tensor), _built(v, tensor)) for k, v in value)
        if "metadata" in node:
            result._metadata = _built(node["metadata"], tensor)
        return result
    if kind in ("list", "tuple", "set", "frozenset"):
        return {"list": list, "tuple": tuple, "set": set, "frozenset": frozenset}[kind](_built(v, tensor) for v in value)
    return {
        "Size": lambda: Size(value), "float": lambda: float(value), "complex": lambda: complex(*value), "dtype": lambda: BY_NAME[value],
        "device": lambda: device(value), "bytes": lambda: bytes.fromhex(value),
    }[kind]()  # fmt: skip
