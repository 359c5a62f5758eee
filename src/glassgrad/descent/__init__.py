"""The way down: gradient descent as a thing to look at."""

from .follow import Trace, follow
from .plane import Plane
from .race import Race, Runner, race
from .run import Descent, descend
from .scene import Lane, Scene

__all__ = ["Descent", "Lane", "Plane", "Race", "Runner", "Scene", "Trace", "descend", "follow", "race"]
