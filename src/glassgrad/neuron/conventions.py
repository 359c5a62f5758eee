"""What the estimators take from scikit-learn, and from the SciPy that it brings, or a line that says how to get it."""

try:
    from scipy.linalg.blas import dtrsv
    from sklearn.base import BaseEstimator, ClassifierMixin, MultiOutputMixin, RegressorMixin
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.utils import check_random_state
    from sklearn.utils.multiclass import check_classification_targets, type_of_target
    from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data
except ImportError:
    raise ImportError('the estimators of glassgrad.neuron need scikit-learn: pip install "glassgrad[neuron]"') from None

check_sample_weight = _check_sample_weight
__all__ = [
    "BaseEstimator", "ClassifierMixin", "ConvergenceWarning", "MultiOutputMixin", "RegressorMixin", "check_classification_targets", "check_is_fitted",
    "check_random_state", "check_sample_weight", "dtrsv", "type_of_target", "validate_data",
]  # fmt: skip
