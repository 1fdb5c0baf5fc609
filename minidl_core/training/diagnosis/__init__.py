"""What ails a training: seen from outside of the layers, whatever they are, and told with its place in the spec."""

from minidl_core.training.diagnosis.diagnosis import Diagnosis

__all__ = ["Diagnosis"]
