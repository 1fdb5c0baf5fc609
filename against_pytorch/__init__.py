"""Holds minidl's components against PyTorch's own, on the inputs that PyTorch tests those with.

`make judge` runs it and writes its tables into `docs/pytorch.md` and `docs/conformance.md`; the tests run it too.
"""
