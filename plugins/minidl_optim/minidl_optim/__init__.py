"""Optimizers for minidl, one file each: momentum, RMSprop, Adagrad, Adam and AdamW, each equal to PyTorch's."""
