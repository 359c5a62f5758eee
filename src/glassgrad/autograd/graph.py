"""The parts of the graph that PyTorch shows under `autograd.graph`."""

from ..graph.node import Node

__all__ = ["Node"]
