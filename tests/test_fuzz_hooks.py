"""The first of the random programs of fuzz_hooks.py."""

import warnings

import pytest

from fuzz_hooks import KNOWN, run
from oracle import agree


@pytest.mark.parametrize("seed", range(300))
def test_random_programs_with_hooks(seed):
    if seed in KNOWN:
        pytest.skip(KNOWN[seed])

    def program(T):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return run(T, seed)

    agree(program, rtol=1e-9, atol=1e-9)
