"""What the user calls a tensor: read off variables, attributes, modules and containers in the frames that called."""

from __future__ import annotations

import itertools
from typing import Any

from . import engines
from .calls import standing
from .record import Recording

DEPTH = 12  # frames that are looked at


class Names:
    """Names of tensors by identity, the nearest scope first."""

    def __init__(self, recording: Recording | None = None, frame: Any = None, given: dict[str, Any] | None = None):
        self.recording = recording
        self.names: dict[int, str] = {}
        self.held: list[Any] = []  # keeps ids from being used again
        self.modules: list[tuple[str, Any]] = []
        self.tensors: list[tuple[str, Any]] = []
        for name, value in (given or {}).items():
            self._take(name, value)
        frame = engines.users_frame(2) if frame is None else frame
        for _ in range(DEPTH):
            if frame is None:
                break
            if not engines.inside(frame.f_code.co_filename):
                scopes = [frame.f_globals] if frame.f_code.co_name == "<module>" else [engines.variables(frame), frame.f_globals]
                for scope in scopes:
                    for name, value in list(scope.items()):
                        if not name.startswith("__"):
                            self._take(name, value)
            frame = frame.f_back
        if recording is not None:
            for key, name in recording.named.items():
                self.names.setdefault(key, name)

    def _take(self, name: str, value: Any, depth: int = 0) -> None:
        if engines.is_tensor(value):
            if id(value) not in self.names:
                self.names[id(value)] = name
                self.tensors.append((name, value))
        elif engines.is_module(value):
            if not any(m is value for _, m in self.modules):
                self.modules.append((name, value))
                for path, p in itertools.chain(value.named_parameters(), value.named_buffers()):
                    self.names.setdefault(id(p), f"{name}.{path}")
        elif depth < 2 and type(value) in (list, tuple):
            for i, v in enumerate(value[:100]):
                self._take(f"{name}[{i}]", v, depth + 1)
        elif depth < 2 and type(value) is dict:
            for k, v in itertools.islice(value.items(), 100):
                self._take(f"{name}[{k!r}]", v, depth + 1)
        elif depth == 0 and hasattr(value, "__dict__") and not isinstance(value, type) and not hasattr(value, "__spec__"):
            try:
                inner = list(vars(value).items())[:50]
            except TypeError:
                return
            for k, v in inner:
                if engines.is_tensor(v) or engines.is_module(v):
                    self._take(f"{name}.{k}", v, depth + 1)

    def get(self, tensor: Any) -> str:
        """The name of a tensor, empty if it has none."""
        found = self.names.get(id(tensor))
        return found if found is not None else self.recording.assigned(tensor) if self.recording is not None else ""

    def module(self, module: Any) -> str:
        """The name of a module, or of its class."""
        return next((n for n, m in self.modules if m is module), type(module).__name__)

    def of(self, tensor: Any, otherwise: str = "") -> str:
        """The name of a tensor, or a description of it."""
        shape = list(tensor.shape)
        what = f"{'an unnamed leaf' if tensor.is_leaf and tensor.requires_grad else 'a tensor'}{f' of shape {shape}' if shape else ''}"
        return self.get(tensor) or otherwise or what

    def losses(self) -> list[tuple[str, Any]]:
        """The user's variables that a backward could start from: tracked numbers that were computed, the likeliest first."""
        found = [(n, t) for n, t in self.tensors if standing(t) == (True, False) and t.numel() == 1]
        return sorted(found, key=lambda pair: (not any(w in pair[0].lower() for w in ("loss", "cost", "objective", "err")),))
