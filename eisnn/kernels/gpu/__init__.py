"""The Triton backend: circuit and cells on a GPU, forward and backward."""
