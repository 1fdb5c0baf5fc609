"""The training loop, rounds, and what comes out: a trained model with its figures, and its file."""

from minidl_core.training.experiment import Experiment, Training
from minidl_core.training.loop import fit
from minidl_core.training.model_file import load_model, save_model
from minidl_core.training.report import accuracy, train_model_SGD
from minidl_core.training.request import Request
from minidl_core.training.run import Run
from minidl_core.training.statistics import MatrixStatistics, Statistics
from minidl_core.training.trained_model import TrainedModel
from minidl_core.training.validation import Validation

__all__ = [
    "Experiment",
    "MatrixStatistics",
    "Request",
    "Run",
    "Statistics",
    "TrainedModel",
    "Training",
    "Validation",
    "accuracy",
    "fit",
    "load_model",
    "save_model",
    "train_model_SGD",
]
