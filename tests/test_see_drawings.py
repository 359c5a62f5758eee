"""The drawings of a picture: every cell and link is in them, nothing in a name breaks out, and files are written whole or not at all."""

import json
import os
import re
import shutil
import subprocess
import xml.etree.ElementTree as ET

import pytest

import pictures
from glassgrad.see.drawings import marks
from glassgrad.see.drawings.dot import to_dot
from glassgrad.see.drawings.files import export
from glassgrad.see.drawings.groups import carrying, flows
from glassgrad.see.drawings.page import scene, to_html
from glassgrad.see.drawings.picture import Cell, Flow, Link, Picture, Step
from glassgrad.see.drawings.svg import to_svg

SVG = "{http://www.w3.org/2000/svg}"
NASTY = "</script><script>alert(1)</script> \"quoted\" 'it' <b>&amp; \\N \\\" ünïcødé 梯度 \u2028 {{style}} \x00\ud800"


def nasty():
    """Names with everything in them that could break out of a file."""
    cells = [
        Cell("a" + NASTY, "leaf", NASTY, NASTY.replace(".", ""), NASTY, NASTY, [(NASTY, NASTY)], [(NASTY, NASTY)], NASTY, NASTY, NASTY, [NASTY], Flow("flows", NASTY, 1.0, 2.0), NASTY),
        Cell("b", "result", NASTY + "2", "", NASTY, NASTY),
    ]
    link = Link("a" + NASTY, "b", 0, NASTY, NASTY, NASTY, Flow("nonfinite", "nan", 0.0, float("nan")), NASTY, "")
    return Picture(NASTY, cells, [link], [Step("forward", "b", [0], NASTY)], [NASTY])


SMALL = {"neuron": pictures.neuron, "pending": lambda: pictures.neuron(False), "square": pictures.square, "trouble": pictures.trouble, "mlp": pictures.mlp}


def elements(svg, cls):
    return [e for e in ET.fromstring(svg).iter() if cls in e.get("class", "").split()]


@pytest.mark.parametrize("name", SMALL)
def test_every_cell_and_link_is_in_the_svg(name):
    picture = SMALL[name]()
    svg = to_svg(picture)
    keys = [e.get("data-key") for e in elements(svg, "box")]
    nodes = [cell.key for cell in picture.cells if cell.node or cell.kind == "ghost"]
    assert sorted(keys) == sorted([cell.key for cell in picture.cells] + nodes)
    links = [n for e in ET.fromstring(svg).iter(f"{SVG}g") if "data-links" in e.attrib for n in map(int, e.get("data-links").split())]
    back = [n for n, (link, goes) in enumerate(zip(picture.links, carrying(picture))) if goes or link.cut]
    assert sorted(links) == sorted([*range(len(picture.links)), *back])


@pytest.mark.parametrize("theme", ["auto", "light", "dark"])
def test_the_svg_is_well_formed_in_every_theme(theme):
    for make in (pictures.neuron, nasty):
        root = ET.fromstring(to_svg(make(), theme=theme))
        assert root.find(f"{SVG}title") is not None and root.find(f"{SVG}desc") is not None
        style = root.find(f"{SVG}style").text
        assert ("prefers-color-scheme: dark" in style) == (theme == "auto") and "var(" not in style
    with pytest.raises(ValueError, match='theme is "auto", "light" or "dark"'):
        to_svg(pictures.square(), theme="blue")


def test_two_uses_meet_in_a_sum():
    svg = to_svg(pictures.square())
    legend = 1
    assert len(elements(svg, "plus")) == 1 + legend
    assert len(elements(to_svg(pictures.neuron()), "plus")) == legend


def test_what_has_not_run_is_never_zero():
    svg = to_svg(pictures.neuron(False))
    words = [e.text for e in ET.fromstring(svg).iter(f"{SVG}text")]
    assert words.count("not run yet") == 7 + 1 and len(elements(svg, "pending")) == 7 + 6 + 6 + 1  # dots, lines, heads, legend
    assert len(elements(svg, "zero")) == 1  # in the legend


def test_a_cut_has_no_gradient_whether_backward_ran_or_not():
    picture = pictures.trouble()
    for link in picture.links:
        link.gradient = Flow()
    assert [f.state for f in flows(picture)] == ["pending"] * 5 + ["none"]
    assert [link["look"][0] for link in scene(picture)["links"]] == ["pending"] * 5 + ["none"]
    svg = to_svg(picture)
    assert len([e for e in elements(svg, "flow") if "none" in e.get("class").split()]) == 1 + 1  # and the legend


def test_the_marks_of_trouble():
    svg = to_svg(pictures.trouble())
    words = [e.text for e in ET.fromstring(svg).iter(f"{SVG}text")]
    assert words.count("✂") == 2 + 1 and words.count("∞") == 1
    assert "The gradient of" in " ".join(w for w in words if w) and len(elements(svg, "alarmed")) == 1
    assert len(elements(svg, "ghost")) == 2


def test_sign_is_colour_and_magnitude_is_width():
    assert [marks.look(Flow("flows", "", s, 1.0))[0] for s in (-1, -0.5, 0, 1)] == ["s0", "s2", "s4", "s8"]
    widths = [marks.look(Flow("flows", "", 1.0, 10.0**k))[1] for k in (-9, -2, 0, 2, 99)]
    assert widths == [0.8, 2.0, 3.0, 4.0, 8.0]
    assert [marks.look(Flow(s))[0] for s in ("zero", "none", "nonfinite", "pending")] == ["zero", "none", "nonfinite", "pending"]
    assert marks.look(Flow("flows", "", float("inf"), float("inf")))[0] == "s8"
    assert marks.broken(Flow("nonfinite", "nan")) == "NaN" and marks.broken(Flow("nonfinite", "inf", 1.0, float("inf"))) == "∞" and marks.broken(Flow()) == ""


def contrast(a, b):
    def light(colour):
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        return sum(w * (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4) for w, c in zip((0.2126, 0.7152, 0.0722), parts))

    high, low = sorted((light(a), light(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_can_be_read_on_every_ground(theme):
    c = marks.colours(theme)
    for ground in ("page", "lane", "frame", "group", "card"):
        assert contrast(c["ink"], c[ground]) > 7 and contrast(c["soft"], c[ground]) > 4.5 and contrast(c["alarm"], c[ground]) > 4.5
    assert all(contrast(c[f"s{k}"], c["lane"]) > 2.9 for k in range(9))  # lines


def test_texts_fit_their_boxes():
    for picture in (pictures.neuron(), pictures.trouble(), nasty()):
        for cell in picture.cells:
            face = marks.face(cell, 2)
            for row in face.upper + face.lower:
                size = 10.5 if row[0] == "formula" else 11.0
                texts = row[2:] if row[0] == "flow" else row[1:]
                assert sum(marks.measure(t, size, row[0] == "formula") for t in texts) <= face.width


# Graphviz


def strings(dot):
    """The file without its strings, which are checked to be closed."""
    rest = re.sub(r'"(?:[^"\\]|\\.)*"', "", dot)
    assert '"' not in rest
    return rest


@pytest.mark.parametrize("name", SMALL)
def test_every_cell_and_link_is_in_the_dot(name):
    picture = SMALL[name]()
    dot = to_dot(picture)
    rest = strings(dot)
    assert rest.count("{") == rest.count("}") and rest.count("->") == len(picture.links)
    assert len(re.findall(r"^ *n\d+ \[", dot, re.M)) == len(picture.cells)
    assert dot.count("subgraph cluster_") == (4 if name == "mlp" else 0)


def test_names_cannot_break_out_of_the_dot():
    dot = to_dot(nasty())
    rest = strings(dot)
    assert rest.count("{") == rest.count("}") and "alert" not in rest and "\\\\N" in dot and "\x00" not in dot
    dot.encode()


# The page


def held(page):
    """The picture that a page holds."""
    return json.loads(re.search(r'<script type="application/json" id="picture">(.*?)</script>', page, re.S)[1])


@pytest.mark.parametrize("make", [*SMALL.values(), nasty, lambda: pictures.random_dag(300, groups=5)])
def test_the_page_stands_alone(make):
    page = to_html(make())
    loads = re.findall(r"""(?:src|href|url|@import|fetch|XMLHttpRequest)\s*[=(:]?\s*["']?\s*(?:https?:)?//""", page)
    assert loads == [] and "http" not in page.replace("http://www.w3.org/2000/svg", "")
    page.encode()


def test_names_cannot_break_out_of_the_page():
    picture = nasty()
    page = to_html(picture)
    assert page.count("<script") == 2 and page.count("</script>") == 2 and "<b>" not in page and "<script>alert" not in page
    data = held(page)
    assert data["cells"][0]["name"] == NASTY and data["steps"][0][3] == NASTY and data["title"] == NASTY
    assert "{{title}}" not in page and "{{picture}}" not in page


def test_the_page_holds_everything():
    picture = pictures.mlp()
    data = held(to_html(picture, closed={"model.1"}))
    assert len(data["cells"]) == len(picture.cells) and len(data["links"]) == len(picture.links) and len(data["steps"]) == len(picture.steps)
    assert [data["groups"][g]["path"] for g in data["closed"]] == ["model.1"]
    for link, kept in zip(picture.links, data["links"]):
        assert kept.get("local", "") == link.local and kept.get("arithmetic", "") == link.arithmetic


def test_lines_between_groups_are_known_before_they_are_closed():
    """The page adds nothing up: for every two boxes that can be in sight together it has been told what the line between them shows."""
    picture = pictures.mlp()
    merged = scene(picture)["merged"]
    groups = {g["path"]: -n for n, g in enumerate(scene(picture)["groups"])}
    names = {cell.key: i for i, cell in enumerate(picture.cells)}
    assert merged[f"{groups['model.0']} {groups['model.1']}"][1] == picture.links[[(k.source, k.target) for k in picture.links].index(("model.0.relu", "model.1.mm"))].gradient.text
    assert f"{names['model.0.relu']} {groups['model.1']}" in merged and f"{groups['model']} {names['loss']}" in merged
    assert f"{groups['model']} {groups['model.1']}" not in merged


def test_a_large_page_is_not_too_large():
    page = to_html(pictures.network(3000))
    assert len(page.encode()) < 6_000_000 and held(page)["closed"]


CHROMIUM = shutil.which("chromium")
ACTS = """<script>
const report = {};
const boxes = () => document.querySelectorAll(".item.box").length, texts = () => panel.textContent;
function acts() {
  show();
  report.start = boxes();
  const one = scene.items.find((i) => i.unit === -2 && i.kind === "frame");
  choose(one);
  report.closed = boxes();
  choose(scene.items.find((i) => i.unit === -2 && i.kind === "box"));
  report.opened = boxes();
  go(0); show();
  report.dim = document.querySelectorAll(".item.box.dim").length;
  go(1); show();
  report.current = [...document.querySelectorAll(".item.box.current .title")].map((e) => e.textContent);
  report.step = texts();
  go(steps.length); show();
  report.lit = document.querySelectorAll(".dim").length;
  search.value = "loss"; look(); take(hits[0]);
  report.found = texts();
  choose(scene.items.find((i) => i.kind === "wire" && i.lane === 1 && links[i.wire.links[0]].arithmetic));
  report.link = texts();
  dispatchEvent(new KeyboardEvent("keydown", { key: "Escape" }));
  report.let_go = state.selected;
  const paths = () => scene.wires.flatMap((w) => [0, 1].filter((lane) => !lane || w.back).map((lane) => [lane, w.links, line(w, lane).d]));
  report.open = paths();
  toggle(3, false);
  report.partly = paths();
  document.documentElement.dataset.report = JSON.stringify(report);
}
onerror = (message) => { document.documentElement.dataset.report = JSON.stringify({ error: String(message) }); };
try { acts(); } catch (error) { document.documentElement.dataset.report = JSON.stringify({ error: String(error) }); }
</script></body>"""


def compare(svg, paths):
    """The lines of the page and of the SVG, lane by lane: what both add up must come out the same."""
    lanes = [g for g in ET.fromstring(svg).iter(f"{SVG}g") if g.get("transform") and "class" not in g.attrib]
    drawn = {}
    for lane, group in enumerate(lanes):
        for g in group.iter(f"{SVG}g"):
            if "data-links" in g.attrib:
                drawn[lane, tuple(map(int, g.get("data-links").split()))] = next(e.get("d") for e in g.iter(f"{SVG}path"))
    assert len(lanes) == 2 and len(drawn) == len(paths)
    for lane, links, path in paths:
        ours = drawn[lane, tuple(links)]
        assert re.sub(r"[-\d.]+", "#", path) == re.sub(r"[-\d.]+", "#", ours)
        assert [float(x) for x in re.findall(r"-?[\d.]+", path)] == pytest.approx([float(x) for x in re.findall(r"-?[\d.]+", ours)], abs=0.11)


@pytest.mark.skipif(CHROMIUM is None, reason="needs the browser chromium")
def test_the_page_in_a_browser(tmp_path):
    file = tmp_path / "page.html"
    picture = pictures.mlp()
    file.write_text(to_html(picture).replace("</body>", ACTS).replace("fit(READ);\ngo", "fit();\ngo"))
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update"]
    command += ["--disable-sync", f"--user-data-dir={tmp_path / 'profile'}", "--window-size=3600,1200", "--dump-dom", file.as_uri()]
    dom = subprocess.run(command, capture_output=True, text=True, timeout=60).stdout
    match = re.search(r'data-report="([^"]*)"', dom)
    if not match and "data-ready" not in dom:
        pytest.skip("the browser did not start")
    report = json.loads(match[1].replace("&quot;", '"').replace("&amp;", "&").replace("&gt;", ">").replace("&lt;", "<"))
    assert "error" not in report, report
    both = len(picture.cells) + sum(bool(c.node) for c in picture.cells)
    assert report["start"] == report["opened"] == both and report["closed"] == both - 10 + 2
    assert report["dim"] == sum(c.kind == "result" for c in picture.cells) + sum(bool(c.node) for c in picture.cells) and report["lit"] == 0
    for closed, paths in ((set(), report["open"]), ({"model.1"}, report["partly"])):
        compare(to_svg(picture, closed), paths)
    assert report["current"] == ["t"] and "Step 1 of" in report["step"]
    assert "MeanBackward0" in report["found"] and "demo.py" in report["found"] and "Local derivative" in report["link"] and report["let_go"] is None


# Files


@pytest.mark.parametrize(("suffix", "begins"), [(".svg", "<svg"), (".dot", "digraph"), (".html", "<!doctype html>")])
def test_export_by_the_end_of_the_name(tmp_path, suffix, begins):
    path = export(pictures.square(), tmp_path / f"graph{suffix}")
    assert path.read_text().startswith(begins) and os.listdir(tmp_path) == [path.name]


def test_export_loses_nothing(tmp_path, monkeypatch):
    file = tmp_path / "graph.svg"
    file.write_text("old")
    with pytest.raises(ValueError, match=r"cannot write 'graph.png': a picture is written as .html, .svg, .dot, .txt, by the end of its name"):
        export(pictures.square(), tmp_path / "graph.png")
    with pytest.raises(FileNotFoundError, match="cannot write 'graph.svg': there is no folder"):
        export(pictures.square(), tmp_path / "missing" / "graph.svg")

    def fails(*_):
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", fails)
    with pytest.raises(OSError, match="disk full"):
        export(pictures.square(), file)
    assert file.read_text() == "old" and os.listdir(tmp_path) == ["graph.svg"]


def test_values_of_several_lines():
    cell = Cell("x", "leaf", "x", rows=[("value", "[[1, 2],\n [3, 4]]")], node="AccumulateGrad")
    picture = Picture("two\nlines", [cell], [], [])
    words = [e.text for e in ET.fromstring(to_svg(picture)).iter(f"{SVG}text")]
    assert "[[1, 2], [3, 4]]" in words and "two lines" in words
    assert held(to_html(picture))["cells"][0]["rows"] == [["value", "[[1, 2],\n [3, 4]]"]]


def test_a_picture_of_nothing():
    nothing = Picture("nothing", [], [], [])
    ET.fromstring(to_svg(nothing))
    assert held(to_html(nothing))["cells"] == [] and strings(to_dot(nothing)).count("}") == 1
    one = Picture("one", [Cell("x", "leaf", "x", node="AccumulateGrad")], [], [])
    assert len(elements(to_svg(one), "box")) == 2
