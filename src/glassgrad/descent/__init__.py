"""The way down: gradient descent as a thing to look at."""

from .run import Descent, descend

__all__ = ["Descent", "descend"]
