"""The knowledge: every operation, declared once, with its derivative."""
