"""The modules in which PyTorch has one distribution each, so that `from glassgrad.distributions.normal import Normal` works."""

from __future__ import annotations

import re
import sys
from types import ModuleType

from .distribution import Distribution, ExponentialFamily, broadcast_all, lazy_property

NAMES = {
    "StudentT": "studentT", "FisherSnedecor": "fishersnedecor", "LowRankMultivariateNormal": "lowrank_multivariate_normal", "LKJCholesky": "lkj_cholesky",
    "RelaxedOneHotCategorical": "relaxed_categorical", "OneHotCategoricalStraightThrough": "one_hot_categorical", "ExponentialFamily": "exp_family",
    "Chi2": "chi2",
}  # fmt: skip


def declare(package: str, distributions: list[type[Distribution]]) -> None:
    """Makes the modules importable, each with its distribution; where the package has a file of that name, that is the module."""
    found: dict[str, dict[str, object]] = {"utils": {"broadcast_all": broadcast_all, "lazy_property": lazy_property}}
    for cls in (*distributions, ExponentialFamily):
        found.setdefault(NAMES.get(cls.__name__) or re.sub(r"(?<=[a-z])(?=[A-Z])", "_", cls.__name__).lower(), {})[cls.__name__] = cls
    for name, members in found.items():
        path = f"{package}.{name}"
        if path not in sys.modules:
            module = sys.modules[path] = ModuleType(path, f"{', '.join(members)}: see {package}.")
            module.__dict__.update(members)
            setattr(sys.modules[package], name, module)
