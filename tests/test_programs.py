"""Short programs as users write them, each line of programs.txt run on both engines: values, types, errors, first lines."""

import ast
import math
import pathlib

import numpy as np
import pytest

from oracle import agree

LINES = (pathlib.Path(__file__).parent / "programs.txt").read_text().splitlines()
PROGRAMS = [line for line in LINES if line and not line.startswith("#")]


def run(source, T):
    """What the last expression of a program gives; ` ;; ` parts its lines."""
    import copy
    import pickle

    names = dict(T=T, np=np, math=math, inf=math.inf, nan=math.nan, copy=copy, pickle=pickle)
    tree = ast.parse(source.replace(" ;; ", "\n"))
    last = tree.body.pop()
    exec(compile(tree, source, "exec"), names)
    if isinstance(last, ast.Expr):
        return eval(compile(ast.Expression(last.value), source, "eval"), names)
    exec(compile(ast.Module([last], []), source, "exec"), names)
    return None


@pytest.mark.parametrize("source", PROGRAMS)
def test_as_pytorch(source):
    def program(T):
        found = run(source, T)
        return list(found) if isinstance(found, tuple) and hasattr(found, "values") else found

    agree(program, rtol=1e-5, atol=1e-6, graph=True)
