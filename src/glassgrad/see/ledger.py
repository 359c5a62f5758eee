"""`ledger(optimizer)`: the books of a training step: w → g → momentum, scaling, decay → Δw → w′."""

from __future__ import annotations

import contextlib
import dataclasses
import weakref
from typing import Any

import numpy as np

from . import engines
from .calls import short
from .names import Names
from .record import Recording, latest
from .stat import values
from .verdict import Printed


@dataclasses.dataclass
class Entry:
    """One parameter in one step; arrays of its shape. `terms` are what Δw is made of, in order; they sum to `delta`."""

    step: int
    name: str
    before: Any
    gradient: Any
    parts: list[tuple[str, Any]]  # which backwards brought it; and what clipping, or other code, did to it
    terms: list[tuple[str, Any]]
    delta: Any
    after: Any
    place: str
    note: str = ""

    @property
    def error(self) -> float:
        """How far the terms are from Δw, relative to it."""
        total = sum((t for _, t in self.terms), np.zeros_like(self.delta))
        scale = float(np.abs(self.delta).max()) if self.delta.size else 0.0
        return float(np.abs(total - self.delta).max()) / scale if scale else float(np.abs(total).max()) if total.size else 0.0

    def __str__(self) -> str:
        rows = [
            f"step {self.step}, {self.name}{' (' + self.place + ')' if self.place else ''}",
            f"  w       {values(self.before)}",
            f"  grad    {_shown(self.gradient)}",
        ]
        rows += [f"            {label}: {values(v)}" for label, v in self.parts]
        rows += [f"  {'+' if i else 'Δw ='} {label}: {values(v)}" for i, (label, v) in enumerate(self.terms)]
        rows += [f"  Δw      {values(self.delta)}", f"  w′      {values(self.after)}"]
        return "\n".join(rows + ([f"  {self.note}"] if self.note else []))


def _shown(gradient: Any) -> str:
    return "None: the parameter is passed over" if gradient is None else values(gradient)


class Ledger(Printed, contextlib.AbstractContextManager["Ledger"]):
    """The entries of an optimizer's steps while it is open; iterable, newest last."""

    def __init__(self, optimizer: Any, recording: Recording | None, names: Names, limit: int):
        self.optimizer, self.recording, self.names, self.limit = optimizer, recording, names, limit
        self.entries: list[Entry] = []
        self.steps = 0
        self._before: dict[int, Any] = {}
        self.handles = [optimizer.register_step_pre_hook(self._told(Ledger._pre)), optimizer.register_step_post_hook(self._told(Ledger._post))]

    def __exit__(self, *exc: Any) -> None:
        self.close()

    def close(self) -> None:
        """Takes the hooks off the optimizer."""
        for handle in self.handles:
            handle.remove()

    def __iter__(self) -> Any:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)

    def __getitem__(self, i: Any) -> Any:
        return self.entries[i]

    def __str__(self) -> str:
        return "\n".join(map(str, self.entries[-24:])) or "no step yet"

    def _parameters(self) -> Any:
        for group in self.optimizer.param_groups:
            for p in group["params"]:
                yield group, p

    def _told(self, what: Any) -> Any:
        """A hook that holds the ledger weakly: an optimizer that lives longer does not keep it."""
        me = weakref.ref(self)

        def hook(*args: Any) -> None:
            ledger = me()
            if ledger is not None:
                what(ledger)

        return hook

    def _pre(self) -> None:
        with engines.aside():
            self._before = {}
            for group, p in self._parameters():
                state = {k: engines.array(v).copy() if engines.is_tensor(v) else v for k, v in self.optimizer.state.get(p, {}).items()}
                grad = None if p.grad is None else engines.array(p.grad).copy()
                plain = {k: float(engines.array(v)) if engines.is_tensor(v) and v.numel() == 1 else v for k, v in group.items() if k != "params"}
                self._before[id(p)] = engines.array(p).copy(), grad, state, plain

    def _post(self) -> None:
        self.steps += 1
        place = engines.users_place()
        with engines.aside():
            for i, (_, p) in enumerate(self._parameters()):
                if id(p) not in self._before:
                    continue
                before, grad, state, group = self._before[id(p)]
                after = engines.array(p).copy()
                delta = after.astype(np.float64) - before.astype(np.float64) if after.dtype.kind == "f" else after - before
                now = {k: engines.array(v) if engines.is_tensor(v) else v for k, v in self.optimizer.state.get(p, {}).items()}
                terms, note = terms_of(type(self.optimizer).__name__, group, before, grad, state, now, delta)
                name = self.names.get(p) or f"parameter {i}"
                self.entries.append(Entry(self.steps, name, before, grad, self._parts(p, grad), terms, delta, after, short(place), note))
        del self.entries[: -self.limit]

    def _parts(self, p: Any, grad: Any) -> list[tuple[str, Any]]:
        """The backwards that brought a gradient, and what was done to it after."""
        if self.recording is None or grad is None:
            return []
        from .steps import parts_of

        found = [(f"backward {x.number + 1} ({x.where})", x.leaves[id(p)]) for x in parts_of(p, self.recording)]
        if not found or any(not engines.is_tensor(g) for _, g in found):
            return []
        arrays = [(label, engines.array(g)) for label, g in found]
        total = sum(a for _, a in arrays)
        if np.allclose(total, grad, rtol=1e-5, atol=1e-12):
            return arrays if len(arrays) > 1 else []
        size, was = float(np.linalg.norm(grad)), float(np.linalg.norm(total))
        same = was > 0 and np.allclose(total * (size / was), grad, rtol=1e-4, atol=1e-12)
        label = f"clipped or scaled × {size / was:.4g}" if same else "changed by other code"
        for call in reversed(self.recording.calls):
            if call.name.startswith("clip_grad"):
                label = f"{call.name} ({call.where})" + (f": × {size / was:.4g}" if same else "")
                break
        return [*arrays, (label, grad - total)]


def ledger(optimizer: Any, *, recording: Recording | None = None, limit: int = 10_000) -> Ledger:
    """Books every step of an optimizer of this package or of PyTorch: w, the gradient and where it came from, the terms of Δw, w′.

    The terms are those of the method's formula (descent, momentum, weight decay, adaptive scaling), computed from the state before and
    after the step; what they leave is shown as a term of its own, so that they always sum to Δw. With a recording open, the gradient is
    taken apart by backward call, and clipping is shown. Use it as a context, or call `close()`. At most `limit` entries are kept.

    Raises TypeError for what is not an optimizer.

    >>> import glassgrad as gg
    >>> from glassgrad import see
    >>> w = gg.tensor([1.0], requires_grad=True, dtype=gg.float64)
    >>> optimizer = gg.optim.SGD([w], lr=0.1, weight_decay=0.5)
    >>> with see.ledger(optimizer) as book:
    ...     (3 * w).sum().backward(); optimizer.step()
    >>> [(label, round(float(term[0]), 6)) for label, term in book[0].terms]
    [('−lr · grad', -0.3), ('−lr · weight_decay · w', -0.05)]
    """
    if not engines.is_optimizer(optimizer):
        raise TypeError(f"ledger() takes an optimizer, not {type(optimizer).__name__}")
    recording = latest(recording)
    return Ledger(optimizer, recording, Names(recording), limit)


def terms_of(kind: str, group: dict[str, Any], w: Any, g: Any, was: dict[str, Any], now: dict[str, Any], delta: Any) -> tuple[list[tuple[str, Any]], str]:
    """The terms of Δw by the method's formula (each in float64), and a note where the formula is not known."""
    if g is None:
        return [], "no gradient: the step passed this parameter over"
    w, g = w.astype(np.float64), g.astype(np.float64)
    lr, decay = group.get("lr", 0.0), group.get("weight_decay", 0.0) or 0.0
    sign = -1.0 if group.get("maximize") else 1.0
    g = sign * g
    terms: list[tuple[str, Any]] = []
    note = ""
    name = "grad" if sign > 0 else "(−grad)"
    if kind == "SGD":
        mu, damp = group.get("momentum", 0.0), group.get("dampening", 0.0)
        old = was.get("momentum_buffer")
        if not mu:
            terms.append((f"−lr · {name}", -lr * g))
            decayed = -lr * decay * w
        else:
            share = 1.0 if old is None else 1 - damp
            through = mu * share + 1 if group.get("nesterov") else share
            terms.append((f"−lr · {name}" + (f" · {through:g}" if through != 1 else ""), -lr * through * g))
            decayed = -lr * through * decay * w
            if old is not None:
                push = mu * mu if group.get("nesterov") else mu
                terms.append((f"−lr · {'momentum²' if group.get('nesterov') else 'momentum'} · buffer", -lr * push * np.asarray(old, np.float64)))
        if decay:
            terms.append(("−lr · weight_decay · w", decayed))
    elif kind in ("Adam", "AdamW", "NAdam", "RAdam", "Adamax", "RMSprop", "Adagrad", "Adadelta") and _moments(now):
        inner = g if kind == "AdamW" or group.get("decoupled_weight_decay") else g + decay * w
        if (kind == "AdamW" or group.get("decoupled_weight_decay")) and decay:
            terms.append(("−lr · weight_decay · w", -lr * decay * w))
        rest = delta - sum((t for _, t in terms), np.zeros_like(delta))
        if kind in ("Adam", "AdamW") and "exp_avg" in now:
            b1, b2 = group["betas"]
            t = float(np.asarray(now["step"]))
            old = np.asarray(was.get("exp_avg", np.zeros_like(w)), np.float64)
            second = now["max_exp_avg_sq"] if group.get("amsgrad") else now["exp_avg_sq"]
            scale = lr / (1 - b1**t) / (np.sqrt(np.asarray(second, np.float64) / (1 - b2**t)) + group["eps"])
            terms.append((f"−scale · (1−β₁) · {name}", -scale * (1 - b1) * g))
            if decay and inner is not g:
                terms.append(("−scale · (1−β₁) · weight_decay · w", -scale * (1 - b1) * decay * w))
            if was:
                terms.append(("−scale · β₁ · running mean", -scale * b1 * old))
            note = f"scale = lr / (1−β₁ᵗ) / (√(v/(1−β₂ᵗ)) + eps) = {values(scale)}"
        else:
            with np.errstate(all="ignore"):
                ratio = np.where(inner != 0, rest / np.where(inner != 0, inner, 1), 0.0)
            terms.append((f"scaled gradient ({kind}: × {values(ratio)})", rest))
    else:
        terms.append((f"step of {kind}", delta))
        note = f"the formula of {kind} is not taken apart"
    left = delta - sum((t for _, t in terms), np.zeros_like(delta))
    size = float(np.abs(delta).max()) if delta.size else 0.0
    if left.size and float(np.abs(left).max()) > max(1e-5 * size, 6e-8 * float(np.abs(w).max() if w.size else 0)):
        terms.append(("rest (what the formula leaves)", left))
    return terms, note


def _moments(state: dict[str, Any]) -> bool:
    return any(k in state for k in ("exp_avg", "exp_avg_sq", "square_avg", "sum", "acc_delta", "exp_inf"))
