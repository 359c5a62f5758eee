"""Mixed precision as a CPU build without bfloat16 has it: the scaling of gradients, and autocasting that is switched off."""

from __future__ import annotations

import math
import warnings
from typing import Any

from .graph.modes import Switch, no_grad
from .placement import device
from .tensor import Tensor


class autocast(Switch):
    """A context (and a decorator) that computes as it is: for CUDA it warns that there is none; for the CPU it must be `enabled=False`.

    >>> import glassgrad as gg
    >>> with gg.autocast("cpu", enabled=False):
    ...     (gg.ones(2) @ gg.ones(2)).dtype
    torch.float32
    """

    def __init__(self, device_type: str, dtype: Any = None, enabled: bool = True, cache_enabled: bool | None = None):
        self.device = device(device_type).type
        if enabled and self.device == "cuda":
            warnings.warn("CUDA is not available or torch_xla is imported. Disabling autocast.", UserWarning, stacklevel=2)
        elif enabled:
            raise NotImplementedError("autocasting on the CPU computes in bfloat16, which glassgrad has not: enabled=False computes in float32")

    def clone(self) -> Any:
        return self

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *exc: Any) -> None:
        return None


def is_autocast_enabled(device_type: str | None = None) -> bool:
    """Whether operations choose their own dtype: never here."""
    return False


class GradScaler:
    """Scales a loss so that small gradients are not lost, and divides the gradients by the scale before a step, which it leaves out where they overflowed.

    After such a step `update` makes the scale smaller, after `growth_interval` good ones larger. For CUDA, which is not here, or with
    `enabled=False` it lets everything pass.

    >>> import glassgrad as gg
    >>> scaler = gg.amp.GradScaler("cpu", init_scale=4.0)
    >>> scaler.scale(gg.tensor(2.0))
    tensor(8.)
    """

    def __init__(self, device: str = "cuda", init_scale: float = 65536.0, growth_factor: float = 2.0, backoff_factor: float = 0.5,
                 growth_interval: int = 2000, enabled: bool = True):  # fmt: skip
        self._device, self._enabled = device, enabled
        if enabled and device == "cuda":
            warnings.warn("torch.cuda.amp.GradScaler is enabled, but CUDA is not available.  Disabling.", UserWarning, stacklevel=2)
            self._enabled = False
        if self._enabled and growth_factor <= 1:
            raise AssertionError("The growth factor must be > 1.0.")
        if self._enabled and backoff_factor >= 1:
            raise AssertionError("The backoff factor must be < 1.0.")
        self._scale, self._growth_factor, self._backoff_factor = float(init_scale), growth_factor, backoff_factor
        self._growth_interval, self._growth_tracker, self._started = growth_interval, 0, False
        self._overflowed: dict[int, bool] = {}  # by optimizer, once its gradients are unscaled
        self._stepped: set[int] = set()

    def scale(self, outputs: Any) -> Any:
        """The tensor, or each of several, times the scale."""
        if not self._enabled:
            return outputs
        self._started = True
        return outputs * self._scale if isinstance(outputs, Tensor) else type(outputs)(map(self.scale, outputs))

    def unscale_(self, optimizer: Any) -> None:
        """Divides the gradients of an optimizer's parameters by the scale, in place: once between updates."""
        if not self._enabled:
            return
        self._begun("unscale_")
        if id(optimizer) in self._stepped:
            raise RuntimeError("unscale_() is being called after step().")
        if id(optimizer) in self._overflowed:
            raise RuntimeError("unscale_() has already been called on this optimizer since the last update().")
        grads = [p.grad for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
        with no_grad():
            for grad in grads:
                grad.mul_(1 / self._scale)
        self._overflowed[id(optimizer)] = not all(math.isfinite(float(grad.abs().max())) for grad in grads if grad.numel())

    def step(self, optimizer: Any, *args: Any, **kwargs: Any) -> Any:
        """The optimizer's step, after its gradients are unscaled; None, and no step, where one of them is not finite."""
        if not self._enabled:
            return optimizer.step(*args, **kwargs)
        self._begun("step")
        if id(optimizer) in self._stepped:
            raise RuntimeError("step() has already been called since the last update().")
        if id(optimizer) not in self._overflowed:
            self.unscale_(optimizer)
        self._stepped.add(id(optimizer))
        return None if self._overflowed[id(optimizer)] else optimizer.step(*args, **kwargs)

    def update(self, new_scale: Any = None) -> None:
        """Sets the scale for the next iteration: smaller after an overflow, larger after enough steps without one, or the one that is given."""
        if not self._enabled:
            return
        self._begun("update")
        if new_scale is not None:
            self._scale = float(new_scale)
        elif not self._overflowed:
            raise AssertionError("No inf checks were recorded prior to update.")
        elif any(self._overflowed.values()):
            self._scale, self._growth_tracker = self._scale * self._backoff_factor, 0
        else:
            self._growth_tracker += 1
            if self._growth_tracker == self._growth_interval:
                self._scale, self._growth_tracker = self._scale * self._growth_factor, 0
        self._overflowed, self._stepped = {}, set()

    def _begun(self, name: str) -> None:
        if not self._started:
            raise AssertionError(
                f"Attempted {name} but _scale is None.  This may indicate your script did not use scaler.scale(loss or outputs) earlier in the iteration."
            )

    def is_enabled(self) -> bool:
        """Whether it scales."""
        return self._enabled

    def get_scale(self) -> float:
        """The scale; 1 where it does not scale."""
        return self._scale if self._enabled else 1.0

    def get_growth_factor(self) -> float:
        """By how much the scale grows."""
        return self._growth_factor

    def get_backoff_factor(self) -> float:
        """By how much the scale shrinks."""
        return self._backoff_factor

    def get_growth_interval(self) -> int:
        """After how many steps without an overflow the scale grows."""
        return self._growth_interval

    def state_dict(self) -> dict[str, Any]:
        """The scale, how it changes, and the steps since it did; empty where it does not scale."""
        if not self._enabled:
            return {}
        return {"scale": self._scale, "growth_factor": self._growth_factor, "backoff_factor": self._backoff_factor,
                "growth_interval": self._growth_interval, "_growth_tracker": self._growth_tracker}  # fmt: skip

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes over a state."""
        if not self._enabled:
            return
        if not state_dict:
            raise RuntimeError("The source state dict is empty, possibly because it was saved from a disabled instance of GradScaler.")
        self.__dict__.update({name if name.startswith("_") else f"_{name}": value for name, value in state_dict.items()})
