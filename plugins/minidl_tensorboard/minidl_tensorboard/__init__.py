"""Trainings in TensorBoard: what writes them while they run, and the command that shows them."""
