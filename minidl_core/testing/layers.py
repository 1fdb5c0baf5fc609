"""What every layer must do; what goes wrong first is checked first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from minidl_core.testing import layer_derivatives as derivatives
from minidl_core.testing import layer_shapes as shapes
from minidl_core.testing import layer_state as state
from minidl_core.testing.subject import Subject

CHECKS: tuple[Callable[[Subject[Any]], None], ...] = (
    state.every_layer_within_is_found,
    shapes.any_number_of_rows_is_taken,
    shapes.dtype_is_kept,
    shapes.device_is_kept,
    state.inputs_and_weights_are_left_as_they_were,
    state.backward_before_forward_is_refused,
    state.gradients_are_set_and_not_added_to,
    derivatives.the_gradient_of_the_input_equals_central_differences,
    derivatives.the_gradients_of_the_parameters_equal_central_differences,
    derivatives.backward_equals_autograd_through_forward,
    derivatives.backward_is_linear_in_dy,
    derivatives.equal_inputs_give_finite_numbers_and_the_right_slope,
    derivatives.large_inputs_give_finite_numbers,
    derivatives.rows_do_not_depend_on_each_other,
    shapes.rounds_at_once_equal_each_round_alone,
    shapes.any_memory_layout_is_taken,
    state.what_was_before_changes_nothing,
    state.two_layers_share_nothing,
    state.in_evaluation_nothing_is_drawn_and_rows_are_independent,
    state.training_goes_on_after_evaluation,
    state.it_is_saved_and_loaded_as_it_is,
)
