"""The fast twins of the layers, and which of them runs on a device: `choose.choose`, `blocks.block_spikes`."""
