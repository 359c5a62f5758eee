"""See-through tools: what a gradient is, where it goes, and why."""
