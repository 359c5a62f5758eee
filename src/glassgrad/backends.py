"""`backends` and determinism as a CPU build answers: no accelerator, and every algorithm here is deterministic."""

from types import SimpleNamespace


def _absent() -> bool:
    return False


cudnn = SimpleNamespace(is_available=_absent, version=lambda: None, enabled=True, deterministic=False, benchmark=False)
cuda = SimpleNamespace(is_built=_absent)
mps = SimpleNamespace(is_available=_absent, is_built=_absent)
_deterministic = {"enabled": False, "warn_only": False}


def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:
    """Asks for deterministic algorithms: here every operation is one, so that the answer is remembered and nothing else changes.

    >>> import glassgrad as gg
    >>> gg.use_deterministic_algorithms(True)
    >>> gg.are_deterministic_algorithms_enabled()
    True
    >>> gg.use_deterministic_algorithms(False)
    """
    _deterministic.update(enabled=bool(mode), warn_only=bool(warn_only))


def are_deterministic_algorithms_enabled() -> bool:
    """Whether deterministic algorithms were asked for."""
    return _deterministic["enabled"]


def is_deterministic_algorithms_warn_only_enabled() -> bool:
    """Whether they were asked for with `warn_only`."""
    return _deterministic["enabled"] and _deterministic["warn_only"]
