"""What a module is trained by, and what belongs to its state."""

from ..parameter import Buffer, Parameter

__all__ = ["Buffer", "Parameter"]
