"""A function studied: formula, gradient, critical points, pictures."""

from .critical import CriticalPoint, FlatSet
from .expression import Expression, ExpressionError, parse, parse_point
from .function import StudyError
from .study import PointStudy, Study, study

__all__ = [
    "CriticalPoint", "Expression", "ExpressionError", "FlatSet", "PointStudy", "Study", "StudyError", "parse", "parse_point", "study",
]  # fmt: skip
