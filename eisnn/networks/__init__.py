"""Networks of layers, their families, and how their weights start."""
