"""docs/compatibility.md tells the truth: what it lists as here is here, what it lists as missing is missing; and it is what the command writes now."""

import os
import re

import pytest

import compatibility
import glassgrad as gg

TEXT = compatibility.PAGE.read_text()
SECTIONS = dict(re.findall(r"^## (\S+)\n(.*?)(?=^## |\Z)", TEXT, re.S | re.M))


def listed(section, head):
    found = re.search(rf"\*\*{head} \(\d+\):\*\* (.*)\.$", section, re.M)[1]
    return [] if found == "none" else found.split(", ")


@pytest.mark.parametrize("path", compatibility.NAMESPACES)
def test_the_page_says_what_is_here(path):
    ours = compatibility.found(path, gg)
    here = listed(SECTIONS[path], "Here") + re.findall(r"^- `(\w+)`: ", SECTIONS[path], re.M)
    assert [n for n in here if not hasattr(ours, n)] == []
    assert [n for n in listed(SECTIONS[path], "Not here") if hasattr(ours, n)] == []


def test_every_limit_is_of_something_that_is_here():
    for name in compatibility.LIMITS:
        path, _, last = name.rpartition(".")
        assert hasattr(compatibility.found(path, gg), last), name


def test_the_page_is_what_the_command_writes():
    if os.environ.get("GLASSGRAD_ORACLE") not in ("live", "record"):
        pytest.skip("compares with PyTorch's names: make oracle")
    assert compatibility.page() == TEXT


def test_a_missing_name_names_the_nearest():
    with pytest.raises(AttributeError, match="glassgrad has no 'einsumm'; the nearest names here: einsum"):
        gg.einsumm
    with pytest.raises(AttributeError, match="'Tensor' object has no attribute 'reshap'"):
        gg.ones(1).reshap
