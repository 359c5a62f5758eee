"""The data of the transforms: batches (`vmap`) and dual numbers (forward mode), and the borders that tensors cross."""
