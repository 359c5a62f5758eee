"""Random programs drawn by Hypothesis, run on PyTorch and here: what differs is made as small as it can be (make oracle)."""

import os
import warnings

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

import glassgrad as gg
from fuzz import ENDS, KINDS, SHAPES, run, same, take, text
from oracle import ORACLE

if not ORACLE.mode:
    pytest.skip("compares with PyTorch as it runs: make oracle", allow_module_level=True)

import torch

numbers = st.integers(-200, 200).map(lambda n: n / 100)
places = st.integers(0, 99)
leaves = st.tuples(st.sampled_from(["leaf", "leaf", "constant"]), st.just(""), st.integers(0, len(SHAPES) - 1), st.integers(0, 999), st.just(0.0))
steps = st.sampled_from(list(KINDS)).flatmap(lambda kind: st.tuples(st.just(kind), st.sampled_from(list(KINDS[kind])), places, places, numbers))
ends = st.tuples(st.just("end"), st.sampled_from(ENDS), st.integers(0, (1 << 12) - 1), st.just(0), st.just(0.0))
programs = st.tuples(st.lists(leaves, min_size=1, max_size=3), st.lists(steps | leaves, min_size=1, max_size=9), ends).map(lambda p: [*p[0], *p[1], p[2]])


def errors_change_places(ours, theirs):
    """Whether a step that both refuse is refused with another of its errors: which check comes first is not a gradient's matter."""
    first = next((pair for pair in zip(ours, theirs) if not same(*pair)), None)
    return first is not None and all(isinstance(x, str) and "Error: " in x for x in first)


def reads_what_it_writes(program):
    """Whether a step writes elements that it reads at other places (x += x[..., :1]): then PyTorch's answer depends on the order of its loop."""
    tensors, seen = [], []
    for step in program[:-1]:
        kind, _, first, second, _ = step
        if kind.startswith("write"):
            a, b = (np.asarray(tensors[i % len(tensors)].detach().numpy()) for i in (first, second))
            place = lambda x: (x.__array_interface__["data"][0], x.shape, x.strides)  # noqa: E731
            if np.shares_memory(a, b) and place(a) != place(b):
                return True
        take(gg, step, tensors, seen)
    return False


@settings(max_examples=int(os.environ.get("GLASSGRAD_PROGRAMS", 300)), deadline=None, derandomize=True, database=None, print_blob=False,
          suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])  # fmt: skip
@given(programs)
def test_random_programs_do_the_same(program):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs, ours = run(torch, program), run(gg, program)
    assume(not errors_change_places(ours, theirs))
    assume(same(ours, theirs) or not reads_what_it_writes(program))
    assert same(ours, theirs), f"\n{text(program)}\n  ours    {ours}\n  PyTorch {theirs}"
