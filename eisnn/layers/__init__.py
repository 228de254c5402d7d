"""The readable twins: circuits, cells and normalised layers, as pure functions with equations."""
