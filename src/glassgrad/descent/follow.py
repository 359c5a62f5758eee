"""`follow(model, optimizer)`: the way that a real training takes through its parameters, and the landscape around it."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .plane import filter_normalised, principal
from .race import _on_plane
from .scene import Scene


@dataclass
class _Run:
    name: str
    path: np.ndarray
    losses: np.ndarray
    gradients: np.ndarray
    lr: float | None
    stopped: str = ""


class Trace(contextlib.AbstractContextManager["Trace"]):
    """The parameters and gradients of a model, of this package or of PyTorch, at each step of its optimizer while it is open.

    `path` is (steps + 1, n). At most `most` steps are held: beyond that every second one is dropped, then every second of what comes.
    """

    def __init__(self, model: Any, optimizer: Any, most: int):
        for given, needs, what in ((model, "parameters", "a model"), (optimizer, "register_step_post_hook", "an optimizer")):
            if not callable(getattr(given, needs, None)):
                raise TypeError(f"follow(model, optimizer) needs {what} with {needs}(), not {type(given).__name__}")
        self.model, self.optimizer, self.most = model, optimizer, max(most, 2)
        self.parameters = [p for p in model.parameters() if p.requires_grad]
        if not self.parameters:
            raise ValueError("the model has no parameter that requires a gradient: there is no way to follow")
        self.steps, self.every = 0, 1
        self._path, self._gradients = [self._flat()], [np.zeros(0)]
        self._handle = optimizer.register_step_post_hook(lambda *args: self._stepped())

    def _flat(self) -> np.ndarray:
        return np.concatenate([_array(p).ravel() for p in self.parameters])

    def _stepped(self) -> None:
        self.steps += 1
        if self.steps % self.every:
            return
        self._gradients[-1] = np.concatenate([(np.zeros(p.numel()) if p.grad is None else _array(p.grad).ravel()) for p in self.parameters])
        self._path.append(self._flat())
        self._gradients.append(np.zeros(0))
        if len(self._path) > self.most:
            self._path, self._gradients, self.every = self._path[::2], self._gradients[::2], self.every * 2

    def __exit__(self, *exc: Any) -> None:
        self._handle.remove()

    @property
    def path(self) -> np.ndarray:
        """The parameters as flat vectors, in the order in which they were."""
        return np.array(self._path)

    def landscape(self, loss: Callable[[], Any], plane: str = "pca", points: int = 25, seed: int = 0) -> Scene:
        """The loss on a plane around the way, with the way in it, and −gradient (its part in the plane) as an arrow at each step.

        `loss()` computes the model's loss, on the same data each time, as a number. `plane` is "pca" (the two principal components of
        the way) or "random" (filter-normalised directions through the end; see `plane.filter_normalised`). The parameters are set to
        each point in turn and, at the end, to what they were, bit for bit. It costs points² + steps evaluations of the loss.

        Raises ValueError for another plane, or if there was no step.
        """
        if plane not in ("pca", "random"):
            raise ValueError(f'the plane is "pca" or "random", not {plane!r}')
        path = self.path
        if len(path) < 2:
            raise ValueError("there is no way yet: train inside `with follow(model, optimizer):`")
        n = path.shape[1]
        gradients = np.stack([g if len(g) == n else np.zeros(n) for g in self._gradients])
        engine = sys.modules[_engine(self.parameters[0])]
        kept = [_array(p).copy() for p in self.parameters]

        def at(x: np.ndarray) -> float:
            start = 0
            with engine.no_grad():
                for p in self.parameters:
                    part = x[start : start + p.numel()].reshape(tuple(p.shape))
                    p.copy_(engine.from_numpy(np.ascontiguousarray(part)).to(p.dtype))
                    start += p.numel()
                return float(loss())

        try:
            found = principal(path) if plane == "pca" else filter_normalised([k.astype(np.float64) for k in kept], seed)
            losses = np.array([at(x) for x in path])
            rates = {g.get("lr") for g in self.optimizer.param_groups if isinstance(g.get("lr"), float)}
            notes = [f"{n} parameters, {self.steps} steps" + (f", every {self.every}th shown" if self.every > 1 else "")]
            if found.explained is not None:
                notes.append(f"the plane holds {sum(found.explained):.1%} of the way's variance")
            run = _Run(type(self.optimizer).__name__, path, losses, gradients, rates.pop() if len(rates) == 1 else None)
            labels = ("component 1", "component 2") if plane == "pca" else ("direction 1", "direction 2")
            return _on_plane(f"{type(self.model).__name__}: the way of {run.name}", [run], found, at, points, labels, None, notes)
        finally:
            with engine.no_grad():
                for p, value in zip(self.parameters, kept):
                    p.copy_(engine.from_numpy(value))


def _array(tensor: Any) -> np.ndarray:
    return np.array(tensor.detach().numpy())


def _engine(tensor: Any) -> str:
    """The name of the package that a tensor belongs to."""
    return next(c.__module__.partition(".")[0] for c in type(tensor).__mro__ if c.__name__ == "Tensor")


def follow(model: Any, optimizer: Any, most: int = 2000) -> Trace:
    """Keeps the parameters of a model at each step of its optimizer; `landscape` then shows the way that they took.

    Source: Li et al. 2018 (see `plane.principal`).

    >>> import glassgrad as gg
    >>> from glassgrad.descent import follow
    >>> model = gg.nn.Linear(2, 1); optimizer = gg.optim.SGD(model.parameters(), lr=0.1)
    >>> with follow(model, optimizer) as trace:
    ...     for _ in range(3):
    ...         optimizer.zero_grad(); loss = model(gg.ones(4, 2)).pow(2).mean(); loss.backward(); optimizer.step()
    >>> trace.path.shape
    (4, 3)
    """
    return Trace(model, optimizer, most)
