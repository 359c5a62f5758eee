"""`backends.mps` as a CPU build answers."""


def is_built() -> bool:
    """Whether there is code for Apple's GPUs: none here."""
    return False


def is_available() -> bool:
    """Whether one of Apple's GPUs can be used: never here."""
    return False
