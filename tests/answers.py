"""What the tests of `why` share: questions, and what has to be in an answer."""

import os
import sys

import pytest

from glassgrad import see

ask = see.why


def line(mark):
    """The `file:number` of the line of the test's file that ends with a comment `# mark`."""
    path = sys._getframe(1).f_code.co_filename
    for number, text in enumerate(open(path), 1):
        if text.rstrip().endswith("# " + mark):
            return f"{os.path.basename(path)}:{number}"
    raise AssertionError(mark)


def has(answer, *parts, without=()):
    text = str(answer)
    for part in parts:
        assert part in text, f"{part!r} is not in:\n{text}"
    for part in without:
        assert part not in text, f"{part!r} is in:\n{text}"


def raised(act):
    with pytest.raises((RuntimeError, TypeError, AttributeError)) as caught:
        act()
    return ask(caught.value)
