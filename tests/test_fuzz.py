"""The first of the random programs of fuzz.py; `make fuzz` runs as many as one likes."""

import warnings

import pytest

from fuzz import KNOWN, drawn, run
from oracle import agree


@pytest.mark.parametrize("seed", range(400))
def test_random_programs(seed):
    if seed in KNOWN:
        pytest.skip(KNOWN[seed])

    def program(T):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return [tuple(s) if isinstance(s, list) else s for s in run(T, drawn(seed))]

    agree(program, rtol=1e-9, atol=1e-9)
