"""How large a spec, and what it stands for, may be. All are checked before anything is allocated."""

MAX_TEXT = 100_000
"""Characters of a spec."""
MAX_NESTING = 32
"""Parentheses and brackets within each other."""
MAX_DIGITS = 40
"""Characters of one number."""
MAX_LAYERS = 10_000
"""Layers once repeats are expanded."""
MAX_PARAMETERS = 1_000_000_000
"""Numbers that a model may have to learn, over all rounds: 4 GB of float32, and as much again for the gradients."""
