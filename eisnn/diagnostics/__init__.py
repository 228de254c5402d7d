"""What goes on inside a network: scalars per layer, distributions, operation counts."""
