"""What a program says, as text: values, and what its attempts raise."""

import inspect


class Said(list):
    """Lines; the names of the two packages are taken out."""

    def add(self, *values):
        text = " ".join(map(str, values))
        for name in ("torch.nn.modules.", "glassgrad.nn.", "torch.", "glassgrad."):
            text = text.replace(name, "")
        self.append(text)

    def attempt(self, name, act):
        try:
            self.add(name, act())
        except Exception as error:  # noqa: BLE001 - whatever is raised is what the program says
            self.add(name, type(error).__name__, str(error))

    def each(self, **acts):
        for name, act in acts.items():
            self.attempt(name, act)


def programs(names):
    """The programs t_… of a test module, by name."""
    return {name[2:]: f for name, f in list(names.items()) if name.startswith("t_") and inspect.isfunction(f)}
