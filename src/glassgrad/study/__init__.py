"""A function studied: formula, gradient, critical points, pictures."""

import sys
import types

from .critical import CriticalPoint, FlatSet
from .expression import Expression, ExpressionError, parse, parse_point
from .function import StudyError
from .study import PointStudy, Study, study


class _Callable(types.ModuleType):
    """Lets `glassgrad.study` be called: `from glassgrad import study; study(f, at=3.0)`."""

    def __call__(self, *args: object, **kwargs: object) -> Study:
        return study(*args, **kwargs)  # type: ignore[arg-type]


sys.modules[__name__].__class__ = _Callable

__all__ = [
    "CriticalPoint", "Expression", "ExpressionError", "FlatSet", "PointStudy", "Study", "StudyError", "parse", "parse_point", "study",
]  # fmt: skip
