"""stub"""


class Epochs: ...


def epochs(): ...
