"""The training hooks: who is called when and with what, and what becomes of a plugin that raises in one."""

from __future__ import annotations

import itertools
import sys
import warnings
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from plugin_code import Plugin

from minidl_core.errors import DataError, DivergedError, PluginError, PluginWarning, RequestError, StoppedAtOnce
from minidl_core.runs import train
from minidl_core.training import Run, Training

MODEL, DATA = "linear(_,4)-tanh-linear(4,_)", "disk(n=40)"
LISTENING = """
from minidl_core.hookspecs import hookimpl

calls = []

@hookimpl
def minidl_run_start(run):
    calls.append(("start", run))

@hookimpl
def minidl_epoch_end(run, epoch, loss):
    calls.append(("epoch_end", run, epoch, loss.clone()))

@hookimpl
def minidl_run_end(run, training):
    calls.append(("end", run, training))
"""


class Heard(NamedTuple):
    """What one plugin was told."""

    names: list[str]
    runs: list[Run]
    epochs: list[int]
    losses: list[torch.Tensor]
    trainings: list[Training | None]


def heard(entry_point: metadata.EntryPoint) -> Heard:
    calls = sys.modules[entry_point.module].calls
    epochs = [call for call in calls if call[0] == "epoch_end"]
    return Heard(
        [call[0] for call in calls],
        [call[1] for call in calls],
        [call[2] for call in epochs],
        [call[3] for call in epochs],
        [call[2] for call in calls if call[0] == "end"],
    )


def all_calls(epochs: int) -> list[str]:
    return ["start", *["epoch_end"] * epochs, "end"]


def trained(**options: Any) -> tuple[Training, list[str]]:
    """What a short training gave, and what it warned of."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        training = train(MODEL, DATA, **{"epochs": 3, "batch_size": 8, "seed": 5, **options})
    assert all(warning.category is PluginWarning for warning in caught)
    return training, [str(warning.message) for warning in caught]


def assert_same(one: Training, other: Training) -> None:
    """Bit for bit."""
    assert torch.equal(one.history, other.history)
    assert torch.equal(one.trained.model.parameters.values, other.trained.model.parameters.values)
    assert (one.train, one.test, one.interrupted) == (other.train, other.test, other.interrupted)


# -- what plugins are told ------------------------------------------------------------------------------------


@pytest.mark.parametrize("rounds", [1, 3])
def test_a_plugin_hears_of_the_start_of_each_epoch_and_of_the_end(plugin: Plugin, rounds: int) -> None:
    listening = plugin("listening", LISTENING)
    training, said = trained(rounds=rounds)
    told = heard(listening)
    assert said == []
    assert told.names == all_calls(3)
    assert told.epochs == [1, 2, 3]
    assert torch.equal(torch.stack(told.losses), training.history)
    assert all(loss.shape == ((rounds,) if rounds > 1 else ()) for loss in told.losses)
    assert told.trainings[0] is training


@pytest.mark.parametrize("kind", [Path, str])
def test_a_run_says_what_is_trained_and_is_the_same_object_throughout(
    plugin: Plugin, tmp_path: Path, kind: type[Path | str]
) -> None:
    listening = plugin("listening", LISTENING)
    out = tmp_path / "run"
    training, _ = trained(rounds=2, loss="mae", optimizer="sgd(lr=0.2)", out=kind(out))
    run, *others = heard(listening).runs
    assert all(other is run for other in others)
    assert run.model == str(training.trained.model) == "linear(2,4)-tanh-linear(4,2)"
    assert (run.data, run.loss, run.optimizer) == (DATA, "mae", "sgd(lr=0.2)")
    assert (run.epochs, run.batch_size, run.seeds) == (3, 8, (5, 6))
    assert run.out == out


def test_a_training_without_a_folder_says_so(plugin: Plugin) -> None:
    listening = plugin("listening", LISTENING)
    trained()
    assert heard(listening).runs[0].out is None


def test_a_table_is_told_by_its_rows(plugin: Plugin, table_of: Any) -> None:
    listening = plugin("listening", LISTENING)
    train(MODEL, table_of(rows=30), epochs=1)
    assert heard(listening).runs[0].data == "a table of 30 rows"


def test_each_run_is_told_as_one_of_its_own(plugin: Plugin) -> None:
    listening = plugin("listening", LISTENING)
    trainings = [trained(seed=seed)[0] for seed in (1, 2)]
    told = heard(listening)
    assert told.names == all_calls(3) * 2
    assert [run.seeds for run in told.runs] == [(1,)] * 5 + [(2,)] * 5
    assert all(one is other for one, other in zip(told.trainings, trainings, strict=True))


def test_a_hook_takes_what_it_needs(plugin: Plugin) -> None:
    brief = "from minidl_core.hookspecs import hookimpl\ncalls = []\n@hookimpl\ndef minidl_epoch_end(epoch):\n"
    listening = plugin("listening", brief + "    calls.append(epoch)")
    trained()
    assert sys.modules[listening.module].calls == [1, 2, 3]


def test_plugins_are_called_in_the_order_of_their_names(plugin: Plugin, capsys: pytest.CaptureFixture[str]) -> None:
    hooks = "minidl_run_start", "minidl_epoch_end", "minidl_run_end"
    for name in "two", "one":
        said = "".join(f"@hookimpl\ndef {hook}(): print('{name}', '{hook}')\n" for hook in hooks)
        plugin(name, f"from minidl_core.hookspecs import hookimpl\n{said}")
    trained(epochs=1)
    assert capsys.readouterr().err.splitlines() == [f"{name} {hook}" for hook in hooks for name in ("one", "two")]


def test_the_callers_own_callback_hears_of_each_epoch_after_the_plugins(plugin: Plugin) -> None:
    listening = plugin("listening", LISTENING)
    seen = []
    trained(on_epoch=lambda epoch, loss, _: seen.append((epoch, loss.item(), len(heard(listening).epochs))))
    losses = [loss.item() for loss in heard(listening).losses]
    assert seen == [(epoch, losses[epoch - 1], epoch) for epoch in (1, 2, 3)]


# -- trainings that end early ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("asked", "epochs"), [(1, 0), (4, 0), (5, 1), (6, 1), (10, 1), (11, 2)])
def test_an_interrupted_training_is_told_with_the_epochs_that_were_done(
    plugin: Plugin, asked: int, epochs: int
) -> None:
    listening = plugin("listening", LISTENING)
    times = itertools.count(1)  # asked after each of an epoch's 5 steps, and after the epoch
    training, _ = trained(stop=lambda: next(times) >= asked)
    told = heard(listening)
    assert told.names == all_calls(epochs)
    assert told.trainings[0] is training
    assert (training.interrupted, training.epochs) == (True, epochs)


def test_a_diverged_training_is_told_with_what_there_was_before(plugin: Plugin) -> None:
    listening = plugin("listening", LISTENING)
    with pytest.raises(DivergedError) as caught:
        train("linear(2,2)", DATA, loss="mse", optimizer="sgd(lr=1e2)", epochs=50, batch_size=10, rounds=2)
    told = heard(listening)
    assert caught.value.epoch > 2
    assert caught.value.training is not None
    assert told.trainings[0] is caught.value.training
    assert told.names == all_calls(caught.value.epoch - 1)
    assert torch.equal(torch.stack(told.losses), caught.value.training.history)


@pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt])
def test_a_training_that_ends_with_another_error_has_an_end_without_figures(
    plugin: Plugin, error: type[BaseException]
) -> None:
    def fail(epoch: int, *_: torch.Tensor) -> None:
        if epoch == 2:
            raise error

    listening = plugin("listening", LISTENING)
    with pytest.raises(error):
        trained(on_epoch=fail)
    told = heard(listening)
    assert told.names == all_calls(2)
    assert told.trainings == [None]


@pytest.mark.parametrize("options", [{"epochs": 0}, {"optimizer": "sgd(lr=-1)"}, {"test_fraction": 0.5}])
def test_a_request_that_is_refused_never_starts(plugin: Plugin, options: dict[str, Any]) -> None:
    listening = plugin("listening", LISTENING)
    trained()
    before = len(heard(listening).names)
    with pytest.raises(RequestError):
        trained(**options)
    with pytest.raises(DataError):
        train(MODEL, "absent.csv", target="x")
    assert len(heard(listening).names) == before


# -- plugins that raise ---------------------------------------------------------------------------------------

RAISING = {
    "start": ("minidl_run_start(run):\n", "minidl_run_start", 0),
    "epoch_end": ("minidl_epoch_end(run, epoch, loss):\n", "minidl_epoch_end", 1),
    "end": ("minidl_run_end(run, training):\n", "minidl_run_end", 4),
}
"""The hook that raises: its head, its name, and how many calls went well before."""


def raising(head: str, raised: str = "raise RuntimeError('no\\n  disk')") -> str:
    """The code of a plugin that listens, with one hook that raises."""
    assert head in LISTENING
    return LISTENING.replace(head, f"{head}    {raised}\n")


def test_an_interruption_in_the_end_costs_what_the_plugin_does_unless_it_ends_the_process(plugin: Plugin) -> None:
    plugin("patient", raising(RAISING["end"][0], "raise KeyboardInterrupt"))
    training, [said] = trained()
    assert training.epochs == 3
    assert said == "plugin 'patient' (minidl-patient 1.2.3) was interrupted: minidl_run_end"
    at_once = "from minidl_core.errors import StoppedAtOnce; raise StoppedAtOnce(2)"
    plugin("impatient", raising(RAISING["end"][0], at_once))
    with pytest.raises(StoppedAtOnce):
        trained()


def line(hook: str, error: str = "RuntimeError: no disk") -> str:
    return (
        f"plugin 'broken' (minidl-broken 1.2.3) is left out of the rest of this run: {hook}: {error}; "
        "disable it with MINIDL_DISABLE_PLUGINS=broken or remove it with 'pip uninstall minidl-broken'"
    )


@pytest.mark.parametrize("case", RAISING)
@pytest.mark.parametrize("rounds", [1, 2])
def test_a_plugin_that_raises_costs_one_line_and_changes_no_result(plugin: Plugin, case: str, rounds: int) -> None:
    without, _ = trained(rounds=rounds)
    head, hook, calls = RAISING[case]
    broken, good = plugin("broken", raising(head)), plugin("good", LISTENING)
    training, said = trained(rounds=rounds)
    assert said == [line(hook)]
    assert_same(training, without)
    assert heard(broken).names == all_calls(3)[:calls]
    assert heard(good).names == all_calls(3)
    assert heard(good).trainings[0] is training


@pytest.mark.parametrize(
    ("raised", "error"),
    [
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("raise SystemExit", "SystemExit"),
        ("import pytest; pytest.skip('no GPU')", "Skipped: no GPU"),
        ("import plug_absent", "ModuleNotFoundError: No module named 'plug_absent'"),
        ("loss.numpy(3, 4)", "TypeError: "),
    ],
)
def test_whatever_it_raises_the_training_goes_on(plugin: Plugin, raised: str, error: str) -> None:
    without, _ = trained()
    plugin("broken", raising(RAISING["epoch_end"][0], raised))
    training, [said] = trained()
    assert said.startswith(line("minidl_epoch_end", error).partition(";")[0])
    assert_same(training, without)


def test_a_plugin_that_raises_late_heard_all_that_was_before(plugin: Plugin) -> None:
    broken = plugin("broken", raising(RAISING["epoch_end"][0], "assert epoch < 3, 'epoch 3'"))
    _, said = trained(epochs=5)
    assert said == [line("minidl_epoch_end", "AssertionError: epoch 3")]
    assert heard(broken).names == ["start", "epoch_end", "epoch_end"]


def test_it_is_called_again_in_the_next_run(plugin: Plugin) -> None:
    broken = plugin("broken", raising(RAISING["epoch_end"][0], "assert run.seeds[0] != 1, 'odd'"))
    said = [trained(seed=seed)[1] for seed in (1, 2, 1)]
    assert said == [
        [line("minidl_epoch_end", "AssertionError: odd")],
        [],
        [line("minidl_epoch_end", "AssertionError: odd")],
    ]
    assert heard(broken).names == ["start", *all_calls(3), "start"]


def test_two_plugins_that_raise_have_a_line_each(plugin: Plugin) -> None:
    plugin("broken", raising(RAISING["start"][0]))
    plugin("other", raising(RAISING["end"][0]))
    _, said = trained()
    assert [told.split(" ")[1] for told in said] == ["'broken'", "'other'"]


def test_a_plugin_that_raises_hides_no_error_of_the_training(plugin: Plugin) -> None:
    plugin("broken", raising(RAISING["end"][0]))
    with pytest.warns(PluginWarning, match="minidl_run_end"), pytest.raises(DivergedError):
        train("linear(2,2)", DATA, loss="mse", optimizer="sgd(lr=1e10)", epochs=50, batch_size=10)


@pytest.mark.parametrize("case", RAISING)
def test_a_plugin_that_raises_ends_the_training_where_that_is_asked_for(
    plugin: Plugin, case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MINIDL_STRICT_PLUGINS", "1")
    head, hook, _ = RAISING[case]
    plugin("broken", raising(head))
    with pytest.raises(PluginError) as refused:
        trained()
    assert str(refused.value) == line(hook)


def test_what_a_hook_prints_does_not_mix_with_results(plugin: Plugin, capsys: pytest.CaptureFixture[str]) -> None:
    plugin("loud", raising(RAISING["epoch_end"][0], "print('epoch', epoch)"))
    trained()
    assert capsys.readouterr() == ("", "epoch 1\nepoch 2\nepoch 3\n")


def test_a_hook_that_draws_random_numbers_changes_no_result(plugin: Plugin) -> None:
    without, _ = trained(rounds=2)
    plugin("random", raising(RAISING["epoch_end"][0], "import torch; torch.manual_seed(epoch); torch.rand(99)"))
    state = torch.get_rng_state()
    training, _ = trained(rounds=2)
    torch.set_rng_state(state)
    assert_same(training, without)


def test_a_disabled_plugin_hears_of_nothing(plugin: Plugin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINIDL_DISABLE_PLUGINS", "broken")
    broken = plugin("broken", raising(RAISING["start"][0]))
    _, said = trained()
    assert said == []
    assert broken.module not in sys.modules


def test_what_a_hook_does_to_its_loss_changes_no_history(plugin: Plugin) -> None:
    plugin("aa", LISTENING.replace("loss.clone()))", "loss.clone()))\n    loss.zero_()"))
    entry_point = plugin("bb", LISTENING)
    training, _ = trained()
    assert training.history.all()
    assert torch.equal(torch.stack(heard(entry_point).losses), training.history)


def test_who_was_told_of_the_start_is_told_of_the_end_and_nobody_else(
    plugin: Plugin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MINIDL_STRICT_PLUGINS", "1")
    first, _, last = plugin("aa", LISTENING), plugin("bb", raising(RAISING["start"][0])), plugin("cc", LISTENING)
    with pytest.raises(PluginError, match="bb"):
        trained()
    assert heard(first).names == ["start", "end"]
    assert heard(first).trainings == [None]
    assert heard(last).names == []
