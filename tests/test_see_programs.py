"""Every ninth of the short programs, looked at: a recording changes nothing that it does, and no tool fails on what it leaves."""

import ast
import copy
import math
import pickle
import re
import warnings

import numpy as np
import pytest

from glassgrad import see
from glassgrad.see.engines import is_tensor
from test_programs import PROGRAMS


def outcome(source, T):
    """What a program gives, as text, its variables, and what it raised."""
    names = dict(T=T, np=np, math=math, inf=math.inf, nan=math.nan, copy=copy, pickle=pickle)
    T.manual_seed(0)
    tree = ast.parse(source.replace(" ;; ", "\n"))
    last = tree.body.pop()
    try:
        exec(compile(tree, source, "exec"), names)
        if isinstance(last, ast.Expr):
            names["_result"] = eval(compile(ast.Expression(last.value), source, "eval"), names)
        else:
            exec(compile(ast.Module([last], []), source, "exec"), names)
    except Exception as error:  # noqa: BLE001 - what a program raises is its outcome
        return f"{type(error).__name__}: {error}", names, error
    return re.sub("0x[0-9a-f]+", "", repr(names.get("_result"))), names, None


@pytest.mark.parametrize("start", range(9))
def test_looked_at(T, start):
    wrong = []
    for source in PROGRAMS[start :: 9 * 9]:
        if re.search("empty|data_ptr|storage", source):
            continue  # what it prints is not the same twice
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            plain, _, _ = outcome(source, T)
            with see.record() as r:
                noted, names, error = outcome(source, T)
            if plain != noted:
                wrong.append(f"{source}\n  {plain}\n  {noted} (recorded)")
            if error is not None:
                str(see.why(error))
            tensors = [v for v in names.values() if is_tensor(v)]
            before = [(v._version if not v.is_inference() else 0, v.is_leaf) for v in tensors]
            for v in tensors:
                str(see.why(v))
                if v.requires_grad and v.grad_fn is not None:
                    str(see.draw(v)), str(see.kinks(v)), str(see.preflight(v))
            assert [(v._version if not v.is_inference() else 0, v.is_leaf) for v in tensors] == before, source
            str(r)
    assert not wrong, "\n".join(wrong)
