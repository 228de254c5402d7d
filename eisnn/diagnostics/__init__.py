"""What happens inside a network: scalars per layer, distributions, operation counts."""
