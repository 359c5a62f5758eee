"""PyTorch's `special`: functions of errors, of gamma, of logarithms at their edges."""

from .ops.elementwise import erf, exp2, expm1, log1p, round
from .ops.reductions import log_softmax, logsumexp, softmax
from .ops.special import digamma, entr, erfc, erfinv, expit, logit, mvlgamma, ndtr, ndtri, polygamma, sinc, xlog1py, xlogy
from .ops.special import digamma as psi
from .ops.special import lgamma as gammaln
from .ops.special import mvlgamma as multigammaln

__all__ = [
    "digamma", "entr", "erf", "erfc", "erfinv", "exp2", "expit", "expm1", "gammaln", "log1p", "log_softmax", "logit", "logsumexp", "multigammaln", "mvlgamma",
    "ndtr", "ndtri", "polygamma", "psi", "round", "sinc", "softmax", "xlog1py", "xlogy",
]  # fmt: skip
