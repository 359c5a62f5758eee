"""PyTorch's `optim`: one optimizer a file, each update written once and done in place."""

from typing import Any

from . import lr_scheduler
from .adadelta import Adadelta
from .adagrad import Adagrad
from .adam import Adam, AdamW
from .adamax import Adamax
from .asgd import ASGD
from .lbfgs import LBFGS
from .nadam import NAdam
from .optimizer import Optimizer
from .radam import RAdam
from .rmsprop import RMSprop
from .rprop import Rprop
from .sgd import SGD

__all__ = [
    "ASGD", "Adadelta", "Adagrad", "Adam", "AdamW", "Adamax", "LBFGS", "NAdam", "Optimizer", "RAdam", "RMSprop", "Rprop", "SGD", "lr_scheduler",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    import difflib

    near = difflib.get_close_matches(name, __all__, 3, 0.5)
    raise AttributeError(f"glassgrad.optim has no {name!r}" + (f"; the nearest names here: {', '.join(near)}" if near else ""))
