"""The readable twins: circuits, neurons and normalised layers as pure functions with their equations."""
