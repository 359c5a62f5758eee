"""One neuron learnt from data that outgrows memory or a machine: CSV and Parquet read in blocks, merged summaries, threads or a Dask cluster.

The names load when they are first used: the command line reads its options here and needs nothing else for other commands.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .faults import DataError
    from .fit import Fit, fit
    from .model import load_model, predict, save_model

__all__ = ["DataError", "Fit", "fit", "load_model", "predict", "save_model"]
HOMES = {"DataError": "faults", "Fit": "fit", "fit": "fit", "load_model": "model", "predict": "model", "save_model": "model"}


def __getattr__(name: str) -> Any:
    if name not in HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    for each in __all__:  # all at once: the module `fit` would hide the function `fit`
        globals()[each] = getattr(importlib.import_module(f".{HOMES[each]}", __name__), each)
    return globals()[name]
