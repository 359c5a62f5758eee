"""Tools for training: gradients clipped, parameters as one vector, sequences packed; weights computed from others, when asked for."""

import importlib

from . import rnn
from .clip_grad import clip_grad_norm, clip_grad_norm_, clip_grad_value_, clip_grads_with_norm_, get_total_norm
from .convert_parameters import parameters_to_vector, vector_to_parameters

__all__ = [
    "clip_grad_norm", "clip_grad_norm_", "clip_grad_value_", "clip_grads_with_norm_", "get_total_norm", "parameters_to_vector", "rnn", "vector_to_parameters",
]  # fmt: skip
_LATER = {"weight_norm": "normed", "remove_weight_norm": "normed", "spectral_norm": "normed", "remove_spectral_norm": "normed",
          "parametrize": "", "parametrizations": ""}  # fmt: skip


def __getattr__(name: str) -> object:
    if name not in _LATER:
        raise AttributeError(f"module 'glassgrad.nn.utils' has no attribute {name!r}")
    return getattr(importlib.import_module(f".{_LATER[name]}", __name__), name) if _LATER[name] else importlib.import_module(f".{name}", __name__)


def __dir__() -> list[str]:
    return sorted({*globals(), *_LATER})
