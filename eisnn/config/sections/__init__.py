"""The sections of a training config: frozen and validated. The text below each option is its
documentation, here and in docs/config.md.

Symbols are those of Liu, Ding, Yu, *Training Deep Normalization-Free Spiking Neural Networks with
Lateral Inhibition* (ICLR 2026). This room does not import torch.
"""
