"""The fast twins of the layers, and which of them runs on a device."""
