"""The command line: one clear line and exit code 2 for what cannot be used; the report whole or not at all."""

import os
import pathlib
import re
import subprocess
import sys

import pytest

from glassgrad.cli import main


@pytest.mark.parametrize("arguments, words", [
    (['__import__("os")', "--at", "x=1"], "unknown function"), (["x**2"], "add --at x=1"), (["x**2", "--at", "x"], "name=value"), (["x**2", "--at", "y=1"], "no variable 'y'"),
    (["x**2", "--at", "x=a"], "not a finite number"), (["x*y", "--at", "x=1"], "needs y too"), (["(" * 10000, "--at", "x=1"], "too long|deep"), (["9**9**9", "--at", "x=1"], "no variable"),
    (["log(x)", "--at", "x=-1"], "nan at x=-1"), (["5", "--at", "x=1"], "no variable"), (["9**9**9*x", "--at", "x=1"], "too large"), (["x**2", "--at", "x=1", "--html", ""], "file name is missing"), (["x**2", "--at", "x=1", "--html", "/"], "is a folder"),
    (["x**2", "--at", "x=1,x=2"], "given twice"), (["x**2", "--at", "x=1e400"], "not a finite"), (["", "--at", "x=1"], "empty"), (["\udcff", "--at", "x=1"], "not text"),
    (["x" * 1_000_000, "--at", "x=1"], "too long"), (["-x**2", "--at", "y=1"], "no variable 'y'"),
])  # fmt: skip
def test_bad_input(arguments, words, capsys):
    assert main(["study", *arguments]) == 2
    out, err = capsys.readouterr()
    first, *place = err.splitlines()
    assert re.search(words, first) and first.startswith("glassgrad study: ") and out == ""
    assert not place or len(place) == 2 and place[1].strip() == "^"


@pytest.mark.parametrize("arguments, words", [
    (["study", "x", "--at", "x=1", "--timeout", "soon"], "not a number of seconds"), (["study", "x", "--at"], "expected one argument"), (["study"], "EXPR"),
    (["study", "x", "--at", "x=1", "--bogus"], "--bogus"), ([], "COMMAND"), (["studdy", "x"], "studdy"),
])  # fmt: skip
def test_bad_options(arguments, words, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    err = capsys.readouterr().err
    assert stopped.value.code == 2 and words in err and len(err.splitlines()) == 1


def test_an_expression_may_begin_with_a_minus(capsys):
    assert main(["study", "-x**2", "--at", "x=-1", "--no-html"]) == 0
    assert "absolute maximum" in capsys.readouterr().out


def run(*arguments, **options):
    source = str(pathlib.Path(__file__).parents[1] / "src")
    env = {**os.environ, "PYTHONPATH": source, **options.pop("env", {})}
    return subprocess.run([sys.executable, "-m", "glassgrad", "study", *arguments, "--no-html"], stderr=subprocess.PIPE, text=True, env=env, **options)


def test_closed_pipe():
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as closed:
        got = run("x**2", "--at", "x=1", stdout=closed)
    assert got.stderr == "" and got.returncode == 1


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is always full")
def test_full_disk():
    with open("/dev/full", "w") as full:
        got = run("x**2", "--at", "x=1", stdout=full)
    assert got.returncode == 2 and len(got.stderr.splitlines()) == 1 and "could not be printed" in got.stderr


def test_a_terminal_without_unicode():
    got = run("x**2", "--at", "x=1", stdout=subprocess.PIPE, env={"PYTHONIOENCODING": "ascii"})
    assert got.returncode == 0 and got.stderr == "" and "absolute minimum" in got.stdout


def test_study_prints_and_writes(tmp_path, capsys):
    report = tmp_path / "r.html"
    assert main(["study", "3*x**2 - 2*x + 5", "--at", "x=3", "--at", "x=0", "--html", str(report)]) == 0
    out = capsys.readouterr().out
    assert str(report) in out and "14/3" in out and "slope 16" in out and "slope -2" in out
    page = report.read_text()
    assert page.startswith("<!doctype html>") and page.rstrip().endswith("</html>") and "<svg" in page
    assert "http://" not in page.replace("http://www.w3.org", "").replace("http://purl.org", "").replace("http://creativecommons.org", "")
    assert list(tmp_path.iterdir()) == [report]


def test_report_that_cannot_be_written(tmp_path, capsys):
    assert main(["study", "x**2", "--at", "x=1", "--html", str(tmp_path / "no" / "r.html")]) == 2
    assert "could not be written" in capsys.readouterr().err


def test_as_a_module_from_anywhere(tmp_path):
    got = run("x**2", "--at", "x=1", stdout=subprocess.PIPE, cwd=tmp_path)
    assert got.returncode == 0 and "absolute minimum" in got.stdout and not list(tmp_path.iterdir())
