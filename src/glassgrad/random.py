"""PyTorch's `random`: the state of the generator that random operations draw from."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from .ops.random import default_generator, get_rng_state, initial_seed, manual_seed, seed, set_rng_state

__all__ = ["default_generator", "fork_rng", "get_rng_state", "initial_seed", "manual_seed", "seed", "set_rng_state"]


@contextlib.contextmanager
def fork_rng(devices: Any = None, enabled: bool = True, device_type: str = "cpu") -> Iterator[None]:
    """A context whose random draws leave the generator as it was.

    >>> import glassgrad as gg
    >>> g = gg.manual_seed(0)
    >>> with gg.random.fork_rng(): a = gg.rand(1)
    >>> bool(a == gg.rand(1))
    True
    """
    state = get_rng_state()
    try:
        yield
    finally:
        if enabled:
            set_rng_state(state)
