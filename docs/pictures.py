"""Draws the README's pictures, for light and dark pages: python docs/pictures.py."""

import pathlib

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

import glassgrad as gg  # noqa: E402
from glassgrad import see, study  # noqa: E402
from glassgrad.see.drawings.svg import to_svg  # noqa: E402
from glassgrad.study.pictures import theme  # noqa: E402

HERE = pathlib.Path(__file__).parent

parabola = study("3*x**2 - 2*x + 5", at={"x": 3.0})
neuron = study("(w1*2 + w2*3 - 10)**2", at={"w1": 1.0, "w2": 2.0})
for shade in ("light", "dark"):
    with theme(shade == "dark"):
        figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.6), layout="constrained")
        parabola.plot(ax=left)
        neuron.plot(ax=right)
        figure.savefig(HERE / f"study-{shade}.png", dpi=90)
        plt.close(figure)

with see.record():
    w = gg.tensor(0.6, requires_grad=True)
    b = gg.tensor(-0.4, requires_grad=True)
    x, target = gg.tensor(1.5), gg.tensor(1.0)
    z = w * x + b
    a = gg.sigmoid(z)
    seen = z.detach()
    loss = (a - target) ** 2
    loss.backward()
for shade in ("light", "dark"):
    (HERE / f"graph-{shade}.svg").write_text(to_svg(see.draw(loss).picture, theme=shade))
