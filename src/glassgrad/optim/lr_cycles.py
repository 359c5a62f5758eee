"""Schedulers that go up and down again: one cycle, or cycle after cycle."""

from __future__ import annotations

import math
from collections.abc import Callable
from types import FunctionType
from typing import Any

from .optimizer import Optimizer
from .scheduler import LRScheduler, _set


class OneCycleLR(LRScheduler):
    """From max_lr / div_factor up to max_lr within `pct_start` of the steps, then down to the start's 1 / final_div_factor; momentum the other way.

    Source: L. Smith and N. Topin, "Super-convergence", 2017.
    """

    def __init__(
        self, optimizer: Optimizer, max_lr: Any, total_steps: int | None = None, epochs: int | None = None, steps_per_epoch: int | None = None,
        pct_start: float = 0.3, anneal_strategy: str = "cos", cycle_momentum: bool = True, base_momentum: Any = 0.85, max_momentum: Any = 0.95,
        div_factor: float = 25.0, final_div_factor: float = 1e4, three_phase: bool = False, last_epoch: int = -1,
    ):  # fmt: skip
        self.optimizer = optimizer
        if total_steps is not None:
            if total_steps <= 0 or not isinstance(total_steps, int):
                raise ValueError(f"Expected positive integer total_steps, but got {total_steps}")
            self.total_steps = total_steps
        elif epochs is not None and steps_per_epoch is not None:
            for name, value in (("epochs", epochs), ("steps_per_epoch", steps_per_epoch)):
                if not isinstance(value, int) or value <= 0:
                    raise ValueError(f"Expected positive integer {name}, but got {value}")
            self.total_steps = epochs * steps_per_epoch
        else:
            raise ValueError("You must define either total_steps OR (epochs AND steps_per_epoch)")
        if pct_start < 0 or pct_start > 1 or not isinstance(pct_start, float):
            raise ValueError(f"Expected float between 0 and 1 pct_start, but got {pct_start}")
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}")
        top, last = float(pct_start * self.total_steps) - 1, self.total_steps - 1
        rises, falls = (("initial", "max"), ("max", "base")), (("max", "initial" if three_phase else "min"), ("base", "max"))
        ends = [(top, *rises), (2 * top, *falls), (last, ("initial", "min"), ("max", "max"))] if three_phase else [(top, *rises), (last, *falls)]
        self._schedule_phases: list[dict[str, Any]] = [
            {"end_step": end, "start_lr": f"{a}_lr", "end_lr": f"{b}_lr", "start_momentum": f"{c}_momentum", "end_momentum": f"{d}_momentum"}
            for end, (a, b), (c, d) in ends
        ]
        self._anneal_func_type = anneal_strategy
        groups = optimizer.param_groups
        each = lambda name, value: list(value) if isinstance(value, (list, tuple)) else [value] * len(groups)
        if last_epoch == -1:
            for group, most in zip(groups, each("max_lr", max_lr)):
                group["initial_lr"], group["max_lr"] = most / div_factor, most
                group["min_lr"] = group["initial_lr"] / final_div_factor
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            if "momentum" not in optimizer.defaults and "betas" not in optimizer.defaults:
                raise ValueError("optimizer must support momentum or beta1 with `cycle_momentum` option enabled")
            self.use_beta1 = "betas" in optimizer.defaults
            if last_epoch == -1:
                for group, high, low in zip(groups, each("max_momentum", max_momentum), each("base_momentum", base_momentum)):
                    group["max_momentum"], group["base_momentum"] = high, low
                    self._momentum(group, high)
        super().__init__(optimizer, last_epoch)

    def _momentum(self, group: dict[str, Any], value: float) -> None:
        if self.use_beta1:
            group["betas"] = (value, *group["betas"][1:])
        else:
            group["momentum"] = value

    def _between(self, start: float, end: float, part: float) -> float:
        if self._anneal_func_type == "linear":
            return (end - start) * part + start
        return end + (start - end) / 2.0 * (math.cos(math.pi * part) + 1)

    def get_lr(self) -> list[Any]:
        self._asked()
        at = self.last_epoch
        if at > self.total_steps:
            raise ValueError(f"Tried to step {at} times. The specified number of total steps is {self.total_steps}")
        found = []
        for group in self.optimizer.param_groups:
            begin = 0.0
            for i, phase in enumerate(self._schedule_phases):
                end = phase["end_step"]
                if at <= end or i == len(self._schedule_phases) - 1:
                    part = (at - begin) / (end - begin)
                    found.append(self._between(group[phase["start_lr"]], group[phase["end_lr"]], part))
                    if self.cycle_momentum:
                        self._momentum(group, self._between(group[phase["start_momentum"]], group[phase["end_momentum"]], part))
                    break
                begin = end
        return found


class CyclicLR(LRScheduler):
    """Up from base_lr to max_lr in `step_size_up` steps and down again in `step_size_down`, over and over; "triangular2" and "exp_range" shrink it.

    Source: L. Smith, "Cyclical learning rates for training neural networks", 2015.
    """

    def __init__(
        self, optimizer: Optimizer, base_lr: Any, max_lr: Any, step_size_up: int = 2000, step_size_down: int | None = None, mode: str = "triangular",
        gamma: float = 1.0, scale_fn: Callable[[float], float] | None = None, scale_mode: str = "cycle", cycle_momentum: bool = True, base_momentum: Any = 0.8,
        max_momentum: Any = 0.9, last_epoch: int = -1,
    ):  # fmt: skip
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"{type(optimizer).__name__} is not an Optimizer")
        self.optimizer = optimizer
        groups = optimizer.param_groups
        each = lambda value: list(value) if isinstance(value, (list, tuple)) else [value] * len(groups)
        if last_epoch == -1:
            for group, lr in zip(groups, each(base_lr)):
                _set(group, "lr", lr)
        self.max_lrs = each(max_lr)
        down = step_size_up if step_size_down is None else step_size_down
        self.total_size = float(step_size_up) + float(down)
        self.step_ratio = float(step_size_up) / self.total_size
        if mode not in ("triangular", "triangular2", "exp_range") and scale_fn is None:
            raise ValueError("mode is invalid and scale_fn is None")
        self.mode, self.gamma, self._scale_fn_custom = mode, gamma, scale_fn
        self.scale_mode = scale_mode if scale_fn is not None else "iterations" if mode == "exp_range" else "cycle"
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            if "momentum" not in optimizer.defaults and "betas" not in optimizer.defaults:
                raise ValueError("optimizer must support momentum or beta1 with `cycle_momentum` option enabled")
            self.use_beta1 = "betas" in optimizer.defaults
            self.base_momentums, self.max_momentums = each(base_momentum), each(max_momentum)
            if last_epoch == -1:
                for group, high, low in zip(groups, self.max_momentums, self.base_momentums):
                    OneCycleLR._momentum(self, group, high)  # type: ignore[arg-type]
                    group["max_momentum"], group["base_momentum"] = high, low
        super().__init__(optimizer, last_epoch)
        self.base_lrs = each(base_lr)

    def state_dict(self) -> dict[str, Any]:
        """All of its numbers; of a `scale_fn` that is an object its attributes, a function is not kept."""
        state = super().state_dict()
        scale = state.pop("_scale_fn_custom")
        return {**state, "_scale_fn_custom": None if scale is None or isinstance(scale, FunctionType) else dict(scale.__dict__)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes over what `state_dict` gave."""
        state = dict(state_dict)
        scale = state.pop("_scale_fn_custom", None)
        super().load_state_dict(state)
        if scale is not None:
            self._scale_fn_custom.__dict__.update(scale)

    def scale_fn(self, x: float) -> float:
        """How much of the height is left, in cycle or step x."""
        if self._scale_fn_custom is not None:
            return self._scale_fn_custom(x)
        return 1.0 if self.mode == "triangular" else 1 / (2.0 ** (x - 1)) if self.mode == "triangular2" else self.gamma**x

    def get_lr(self) -> list[Any]:
        self._asked()
        cycle = math.floor(1 + self.last_epoch / self.total_size)
        x = 1.0 + self.last_epoch / self.total_size - cycle
        height = x / self.step_ratio if x <= self.step_ratio else (x - 1) / (self.step_ratio - 1)
        scale = self.scale_fn(cycle if self.scale_mode == "cycle" else self.last_epoch)
        if self.cycle_momentum:
            for group, low, high in zip(self.optimizer.param_groups, self.base_momentums, self.max_momentums):
                OneCycleLR._momentum(self, group, high - (high - low) * height * scale)  # type: ignore[arg-type]
        return [base + (most - base) * height * scale for base, most in zip(self.base_lrs, self.max_lrs)]
