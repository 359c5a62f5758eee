"""Every example runs and prints what its docstring says; so does the README's."""

import ast
import os
import pathlib
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parent.parent
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))


def run(path, folder):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), *sys.path]), "COLUMNS": "100", "MPLBACKEND": "Agg"}
    done = subprocess.run([sys.executable, str(path)], capture_output=True, text=True, cwd=folder, env=environment)
    assert done.returncode == 0, done.stderr
    return "\n".join(line.rstrip() for line in done.stdout.rstrip().splitlines())


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.stem)
def test_examples_print_what_they_say(path, tmp_path):
    said = ast.get_docstring(ast.parse(path.read_text()), clean=False).partition("\nPrints:\n")[2].rstrip()
    assert said, "the docstring of an example says what it prints"
    assert run(path, tmp_path) == said


def test_there_are_examples():
    assert len(EXAMPLES) >= 5


def test_the_readmes_lines_run(tmp_path):
    pytest.importorskip("sympy", reason="the README's example studies a function, which needs the extra [see]")
    blocks = [b for b in re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.S) if not b.startswith("import torch")]
    found = 0
    for block in blocks:
        script = tmp_path / "readme.py"
        script.write_text(block)
        printed = run(script, tmp_path)
        for text in re.findall(r'# +(tensor\(.*\)|".*"|True)$', block, re.M):
            found += 1
            assert text.strip('"').partition(" …")[0] in printed, f"{text!r} is not in what the README's lines print:\n{printed}"
    assert (len(blocks), found) == (3, 4)


def test_the_readmes_broken_script_is_explained(tmp_path, T, capsys, monkeypatch):
    from glassgrad.cli import main

    text = (ROOT / "README.md").read_text()
    script = re.search(r"```python\n(import torch\n.*?)```", text, re.S)[1]
    (tmp_path / "train.py").write_text(script.replace("import torch", f"import {T.__name__} as torch", 1))
    monkeypatch.chdir(tmp_path)
    assert main(["why", "train.py"]) == 0
    said = re.search(r"\$ glassgrad why train.py\n(.*?)```", text, re.S)[1]
    assert capsys.readouterr().out.split() == said.split()
