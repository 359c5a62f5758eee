"""PyTorch's `nn`: modules, their layers and losses."""

from . import functional, init, parameter
from .container import ModuleDict, ModuleList, ParameterDict, ParameterList, Sequential
from .linear import Bilinear, Identity, Linear
from .module import Module
from .parameter import Buffer, Parameter


def __getattr__(name: str) -> object:
    raise AttributeError(f"glassgrad.nn has no {name!r} yet")
