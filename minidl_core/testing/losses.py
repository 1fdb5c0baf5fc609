"""What every loss must do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from minidl_core.errors import CallOrderError, ShapeError
from minidl_core.losses import Loss, encode_labels
from minidl_core.testing.devices import without_data
from minidl_core.testing.differences import require_close, require_derivative, require_identical, require_same
from minidl_core.testing.loss_subject import ROUNDS, SCALES, TARGETS, Case, N, allowed, cases, gradient, weights
from minidl_core.testing.result import CheckFailed, Skipped, fails_unless
from minidl_core.testing.subject import Subject, sample


def backward_equals_central_differences(subject: Subject[Loss]) -> None:
    """In float64, for each kind of target that it takes, at small and at large outputs, away from kinks."""
    for case in (case for scale in SCALES for case in cases(subject, N, scale=scale)):
        require_derivative(
            f"the gradient of the output, for {case.kind},",
            _given(gradient(case)),
            lambda output: case.loss.forward(output, case.target),  # noqa: B023
            case.output,
        )


def _given(slope: Tensor) -> Tensor:
    """What backward gave, where it gave something."""
    fails_unless(
        isinstance(slope, Tensor), f"backward gives {type(slope).__name__}; it must return the gradient of the output"
    )
    return slope


def backward_with_sample_weights_equals_central_differences(subject: Subject[Loss]) -> None:
    """The same where rows have weights."""
    for case in cases(subject, N):
        require_derivative(
            f"the gradient of the output, for {case.kind} with sample weights,",
            gradient(case, weights(N)),
            lambda output: case.loss.forward(output, case.target, weights(N)),  # noqa: B023
            case.output,
        )


def backward_equals_autograd_through_forward(subject: Subject[Loss]) -> None:
    """With and without rounds and sample weights, in float64, for a forward that autograd can follow."""
    for rounds in ((), ROUNDS):
        for sample_weight in (None, weights(*rounds, N)):
            for case in cases(subject, *rounds, N):
                leaf = case.output.clone().requires_grad_()
                value = subject.build().forward(leaf, case.target, sample_weight).sum()
                fails_unless(value.requires_grad, "autograd cannot follow forward; write it in PyTorch's operations")
                [expected] = torch.autograd.grad(value, [leaf], allow_unused=True)
                expected = torch.zeros_like(leaf) if expected is None else expected
                found = gradient(case, sample_weight)
                require_close(
                    f"the gradient, for {case.kind},", found, expected, 1e-9, 1e-9, "autograd through it gives"
                )


def it_is_the_mean_over_rows(subject: Subject[Loss]) -> None:
    """Every row twice gives the same loss, and half of the gradient for each."""
    for case in cases(subject, N):
        value, slope = case.loss.forward(case.output, case.target), gradient(case).clone()
        twice = torch.cat([case.output, case.output]), torch.cat([case.target, case.target])
        require_same("the loss of every row twice", case.loss.forward(*twice), value)
        require_same("the gradient of every row twice", 2 * case.loss.backward()[:N], slope)


def a_sample_weight_of_k_is_the_row_k_times(subject: Subject[Loss]) -> None:
    """Of 0 is the row left out; equal weights, of any size, are none."""
    times = torch.tensor([2, 0, 1, 3, 1])
    for case in cases(subject, N):
        repeated = case.output.repeat_interleave(times, 0), case.target.repeat_interleave(times, 0)
        expected = subject.build().forward(*repeated)
        found = case.loss.forward(case.output, case.target, times.to(case.output))
        require_same(f"the loss of {case.kind} with sample weights {times.tolist()}", found, expected)
        equal = case.loss.forward(case.output, case.target, torch.full_like(case.output[:, 0], 2.5))
        slope = case.loss.backward().clone()
        require_same("the loss with equal sample weights", equal, case.loss.forward(case.output, case.target))
        require_same("the gradient with equal sample weights", slope, case.loss.backward())


def inputs_are_left_as_they_were(subject: Subject[Loss]) -> None:
    """Neither outputs, nor targets, nor sample weights are changed; calling backward again gives the same."""
    for case in cases(subject, N):
        sample_weight = weights(N)
        before = case.output.clone(), case.target.clone(), sample_weight.clone()
        first = gradient(case, sample_weight).clone()
        for name, tensor, old in zip(
            ("output", "target", "sample weights"), (case.output, case.target, sample_weight), before, strict=True
        ):
            require_identical(f"the {name}, after forward and backward", tensor, old)
        require_identical("the gradient, from a second backward", case.loss.backward(), first)


def two_losses_share_nothing(subject: Subject[Loss]) -> None:
    """What one loss of the same arguments is given changes nothing for the other."""
    for case in cases(subject, N):
        first = gradient(case).clone()
        for other in cases(subject, N + 2):
            gradient(other)
        require_identical("the gradient, after another loss was used,", case.loss.backward(), first)


def what_was_before_changes_nothing(subject: Subject[Loss]) -> None:
    """A loss that was used before, with sample weights, gives what a new one gives; what it gave stays as it was."""
    for case in cases(subject, N):
        value = case.loss.forward(case.output.flip(-2), case.target, weights(N))
        kept = value, case.loss.backward()
        as_they_were = [tensor.clone() for tensor in kept]
        new = subject.build()
        expected = new.forward(case.output, case.target), new.backward()
        found = case.loss.forward(case.output, case.target), case.loss.backward()
        for what, ours, theirs in zip(("the loss", "the gradient"), found, expected, strict=True):
            require_identical(f"{what}, after another batch was used,", ours, theirs)
        for what, tensor, before in zip(("a loss", "a gradient"), kept, as_they_were, strict=True):
            require_identical(f"{what} that was given, after the next batch,", tensor, before)


def a_better_answer_costs_less(subject: Subject[Loss]) -> None:
    """Outputs that speak for the label of each row cost less than outputs that speak against it."""
    agreed = 0
    for outputs in TARGETS:
        labels = torch.arange(N) % max(outputs, 2)
        one_hot = encode_labels(labels, outputs, torch.float64)
        try:
            target = subject.build().encode(labels, outputs, torch.float64)
            right, wrong = (
                subject.build().forward(allowed(subject, y), target) for y in (2 * one_hot - 0.5, 1.5 - 2 * one_hot)
            )
        except ShapeError:
            continue
        agreed += 1
        fails_unless(bool(right < wrong), f"right answers cost {float(right):.6g}, wrong ones {float(wrong):.6g}")
    if not agreed:
        raise Skipped("it takes no class labels")


def labels_are_what_they_are_encoded_as(subject: Subject[Loss]) -> None:
    """Class labels themselves, `[*rounds, N]`, cost what `encode` makes of them."""
    taken = 0
    for outputs in TARGETS:
        labels = torch.arange(N) % max(outputs, 2)
        output = allowed(subject, 2 * sample(N, outputs, seed=6))
        try:
            target = subject.build().encode(labels, outputs, torch.float64)
            expected, found = subject.build().forward(output, target), subject.build().forward(output, labels)
        except ShapeError:
            continue
        taken += 1
        require_same("the loss for labels themselves", found, expected)
    if not taken:
        raise Skipped("it takes no class labels")


def any_memory_layout_is_taken(subject: Subject[Loss]) -> None:
    """Outputs that do not lie row by row, and targets that all rounds share."""
    for case in cases(subject, *ROUNDS, N):
        shared = case.target[0].expand(case.target.shape)
        expected = case.loss.forward(case.output, shared.clone()), case.loss.backward()
        apart = case.output.mT.contiguous().mT
        found = case.loss.forward(apart, shared), case.loss.backward()
        for what, ours, theirs in zip(("loss", "gradient"), found, expected, strict=True):
            require_same(f"the {what}, for {case.kind} in another layout,", ours, theirs)


def backward_before_forward_is_refused(subject: Subject[Loss]) -> None:
    """With CallOrderError; keep what backward needs in `saved()`."""
    try:
        subject.build().backward()
    except CallOrderError:
        return
    except Exception as error:
        raise CheckFailed(
            f"it raises {type(error).__name__} and not CallOrderError: {error}; keep it in saved()"
        ) from error
    raise CheckFailed("it is not refused")


def shapes_that_differ_are_refused(subject: Subject[Loss]) -> None:
    """Targets and sample weights are never broadcast: any other shape is a ShapeError that says it."""
    for case in cases(subject, N):
        target, weight = case.target, weights(N)
        wrong = [target[:-1], target[:1], torch.cat([target, target]), target.unsqueeze(0), target[0]]
        if target.dim() > 1 and target.shape[-1] > 1:
            wrong += [target[:, :1], target[:, :-1]]
        for one in wrong:
            _require_shape_error(case, one, None)
        for one in (weight[:1], weight[:-1], weight.unsqueeze(-1), weight.expand(N, N), weight[0]):
            _require_shape_error(case, target, one)


def _require_shape_error(case: Case, target: Tensor, sample_weight: Tensor | None) -> None:
    given = f"a target {list(target.shape)}"
    if sample_weight is not None:
        given += f" with sample weights {list(sample_weight.shape)}"
    given += f" for outputs {list(case.output.shape)}"
    try:
        case.loss.forward(case.output, target, sample_weight)
    except ShapeError as error:
        shape = list(target.shape if sample_weight is None else sample_weight.shape)
        fails_unless(str(shape) in str(error), f"{given} is refused without a word of {shape}: {error}")
        return
    except Exception as error:
        raise CheckFailed(f"{given} raises {type(error).__name__} and not ShapeError: {error}") from error
    raise CheckFailed(f"{given} is not refused")


def rows_do_not_depend_on_each_other(subject: Subject[Loss]) -> None:
    """Another output in one row does not change the gradient of another row."""
    for case in cases(subject, N):
        before = gradient(case).clone()
        case.output[-1] = allowed(subject, sample(case.output.shape[-1], seed=9))
        require_same("the gradient of a row, beside another row", gradient(case)[:-1], before[:-1])


def any_number_of_rows_is_taken(subject: Subject[Loss]) -> None:
    """0, 1 and many: a loss a round, and a gradient of the shape of the outputs."""
    for rounds in ((), ROUNDS):
        for rows in (0, 1, 40):
            for case in cases(subject, *rounds, rows):
                value, slope = case.loss.forward(case.output, case.target), gradient(case)
                fails_unless(
                    value.shape == rounds,
                    f"the loss of outputs {list(case.output.shape)} is {list(value.shape)}, not {list(rounds)}",
                )
                fails_unless(
                    slope.shape == case.output.shape,
                    f"the gradient is {list(slope.shape)}, the output {list(case.output.shape)}",
                )
                finite = bool(value.isfinite().all() and slope.isfinite().all())
                fails_unless(finite or rows == 0, f"the loss or its gradient of {rows} rows is not finite")


def rounds_at_once_equal_each_round_alone(subject: Subject[Loss]) -> None:
    """The loss and the gradient of each round, with and without sample weights."""
    for case in cases(subject, *ROUNDS, N):
        for sample_weight in (None, weights(*ROUNDS, N)):
            value = case.loss.forward(case.output, case.target, sample_weight)
            slope = case.loss.backward()
            for index in range(ROUNDS[0]):
                alone = subject.build()
                own = None if sample_weight is None else sample_weight[index]
                expected = alone.forward(case.output[index], case.target[index], own)
                require_same(f"the loss of round {index}, among others", value[index], expected)
                require_same(f"the gradient of round {index}, among others", slope[index], alone.backward())


def it_predicts_a_value_for_each_target(subject: Subject[Loss]) -> None:
    """Of as many outputs as it asks for; in each round what these outputs alone give."""
    for targets in TARGETS:
        output = allowed(subject, sample(*ROUNDS, N, subject.build().outputs_for(targets), seed=6))
        found, shape = subject.build().predicted(output.clone()), (*ROUNDS, N, targets)
        fails_unless(
            found.shape == shape,
            f"what outputs {list(output.shape)} predict is {list(found.shape)}, and must be {list(shape)}",
        )
        for index in range(ROUNDS[0]):
            alone = subject.build().predicted(output[index].clone())
            require_same(f"what is predicted in round {index}, among others,", found[index], alone)


def dtype_is_kept(subject: Subject[Loss]) -> None:
    """The loss and its gradient have the dtype of the outputs, with sample weights of any dtype too."""
    for dtype in (torch.float32, torch.float64):
        for sample_weight in (None, weights(N), torch.arange(1, N + 1)):
            for case in cases(subject, N, dtype=dtype):
                value = case.loss.forward(case.output, case.target, sample_weight)
                slope = case.loss.backward()
                fails_unless(value.dtype == dtype, f"the loss is {value.dtype} for outputs of {dtype}")
                fails_unless(slope.dtype == dtype, f"the gradient is {slope.dtype} for outputs of {dtype}")


def device_is_kept(subject: Subject[Loss]) -> None:
    """The loss and its gradient are where the outputs are, and nothing is made elsewhere."""

    def on(device: torch.device) -> None:
        for case in cases(subject, N):
            output, target = case.output.to(device), case.target.to(device)
            value = case.loss.forward(output, target, weights(N).to(device))
            slope = case.loss.backward()
            fails_unless(value.device.type == device.type, f"the loss is on {value.device}, the output on {device}")
            fails_unless(slope.device.type == device.type, f"the gradient is on {slope.device}, not on {device}")

    without_data(on)


def large_outputs_give_finite_numbers(subject: Subject[Loss]) -> None:
    """The loss and its gradient for outputs up to about 100 in size, in float32; and where they are met exactly."""
    for case in cases(subject, 40, dtype=torch.float32, scale=50.0):
        met = case.target if case.target.shape == case.output.shape else torch.zeros_like(case.output)
        for output in (case.output, allowed(subject, met)):
            fails_unless(bool(case.loss.forward(output, case.target).isfinite().all()), "the loss is not finite")
            fails_unless(bool(case.loss.backward().isfinite().all()), "the gradient is not finite")


CHECKS: tuple[Callable[[Subject[Any]], None], ...] = (
    any_number_of_rows_is_taken,
    dtype_is_kept,
    device_is_kept,
    inputs_are_left_as_they_were,
    backward_before_forward_is_refused,
    shapes_that_differ_are_refused,
    backward_equals_central_differences,
    backward_with_sample_weights_equals_central_differences,
    backward_equals_autograd_through_forward,
    it_is_the_mean_over_rows,
    a_sample_weight_of_k_is_the_row_k_times,
    a_better_answer_costs_less,
    labels_are_what_they_are_encoded_as,
    large_outputs_give_finite_numbers,
    rows_do_not_depend_on_each_other,
    rounds_at_once_equal_each_round_alone,
    any_memory_layout_is_taken,
    it_predicts_a_value_for_each_target,
    what_was_before_changes_nothing,
    two_losses_share_nothing,
)
