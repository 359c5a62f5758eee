"""The graph: nodes and edges, the walk backwards, the grad modes, user functions."""
