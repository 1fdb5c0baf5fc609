"""Optimizers for minidl, one file each: those of PyTorch, each equal to it, and Lion, LAMB and LARS."""
