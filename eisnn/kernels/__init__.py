"""The layers' fast twins (`blocks.block_spikes`), and which of them runs (`choose.choose`)."""
