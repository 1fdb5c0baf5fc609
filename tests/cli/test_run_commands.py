"""`minidl train --resume`, `runs`, `diff`, `rerun` and `plot`: what they print, write and refuse."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from commands import NETWORK
from needs import needs
from run_folders import assert_same_run, contents, edit, run_json
from run_requests import KINDS, MODEL, Stop, request

import minidl_core
from minidl_core.errors import RequestError
from minidl_core.plugins import loaded_plugins
from minidl_core.runs import recorded

pytestmark = pytest.mark.usefixtures("no_reports")


@pytest.fixture
def no_reports(monkeypatch):
    """Drawing takes ten times as long as a small training, and changes nothing else."""

    def refuse(*_):
        raise RequestError("it is not drawn here")

    monkeypatch.setattr(recorded, "report_of", refuse)


@pytest.fixture
def run(tmp_path):
    """A run of two rounds that is done."""
    minidl_core.train(MODEL, "disk(n=40)", rounds=2, epochs=3, out=tmp_path / "run")
    return "run"


def test_resume_goes_on_and_tells_what_train_would_have(minidl):
    options = ["disk(n=40)", "--model", NETWORK, "--epochs", 4, "--batch-size", 16, "--quiet"]
    whole = minidl("train", *options, "--out", "whole")
    minidl_core.train(NETWORK, "disk(n=40)", epochs=4, batch_size=16, out="stopped", stop=Stop(5))
    resumed = minidl("train", "--resume", "stopped", "--quiet")
    assert (resumed.code, resumed.err) == (0, whole.err)

    def told(text):
        return [line for line in text.splitlines() if not line.startswith(("training ", "saved in "))]

    assert told(resumed.out) == told(whole.out)
    assert_same_run("stopped", "whole")
    done = minidl("train", "--resume", "whole")
    assert (done.code, done.out) == (2, "")
    assert done.err == "minidl: the run in 'whole' is done: 4 epochs; --epochs gives it more\n"
    longer = minidl("train", "--resume", "whole", "--epochs", 6, "--json").json()
    assert (longer["epochs"], longer["interrupted"], longer["out"]) == (6, False, "whole")


@pytest.mark.parametrize(
    ("option", "told"),
    [
        (["disk"], "leave DATA out"),
        (["--seed", 3], "leave --seed out"),
        (["--model", NETWORK], "leave --model out"),
        (["--out", "other"], "leave --out out"),
        (["--config", "run"], "leave --config out"),
        (["--no-capture"], "leave --capture out"),
        (["--rounds", 2], "leave --rounds out"),
    ],
)
def test_a_run_that_is_resumed_is_the_one_that_it_was(minidl, run, option, told):
    before = contents(run)
    ran = minidl("train", "--resume", run, *option)
    assert (ran.code, ran.out) == (2, "")
    begun = "or begin another with --config run"
    assert ran.err == f"minidl: a run that is resumed is the one that was asked for; {told}, {begun}\n"
    assert contents(run) == before


@pytest.mark.usefixtures("run")
@pytest.mark.parametrize(
    "command", [["train", "--resume"], ["rerun"], ["plot"], ["diff", "run"], ["train", "--config"]]
)
@pytest.mark.parametrize("content", [None, "", "{}", "[]", '{"format": "1"}', '{"format": "99"}'])
def test_a_folder_without_a_run_that_can_be_read(minidl, command, content):
    Path("other").mkdir()
    if content is not None:
        Path("other", "run.json").write_text(content)
    ran = minidl(*command, "other")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith("minidl: ")
    assert "other" in ran.err
    assert ran.err.count("\n") == 1
    assert not Path("other", ".lock").exists()


def test_data_that_has_changed(minidl):
    minidl_core.train(**request("metrics"), out="run")
    shutil.copytree("run", "stopped")
    edit("stopped", state="interrupted")
    table = Path("table.csv").read_text()
    assert minidl("rerun", "run").code == 0
    Path("table.csv").write_text(table.replace("yes", "no", 1))
    for command in ["rerun", "run"], ["train", "--resume", "stopped"], ["plot", "run", "--format", "svg"]:
        ran = minidl(*command)
        assert (ran.code, ran.out) == (1, "")
        assert "the data, 'table.csv', is not what it was when the run began" in ran.err


@pytest.mark.parametrize("kind", [*KINDS][::4])
def test_rerun_gives_the_same(minidl, kind):
    minidl_core.train(**request(kind), out="run")
    before = contents("run")
    ran = minidl("rerun", "run", "--json")
    found = ran.json()
    assert (ran.code, ran.err, found["same"]) == (0, "", True)
    assert all(one["same"] and one["then"] == one["now"] for one in found["numbers"])
    assert contents("run") == before


def test_rerun_tells_what_did_not_come_out_the_same(minidl, run):
    values = run_json(run)["figures"]["test"]["loss"]["values"]
    edit(run, figures__test__loss__values=[values[0], values[1] + 1e-9])
    history = Path(run, "history.csv")
    history.write_text(history.read_text().replace("\n3,1,0,0.", "\n3,1,0,1."))
    ran = minidl("rerun", run)
    assert ran.code == 1
    heading, *rows, _, last = ran.out.splitlines()
    assert heading.split() == ["NUMBER", "THEN", "NOW"]
    different = [row.partition("  ")[0] for row in rows if row.endswith("different")]
    assert different == ["test loss", "loss of each epoch"]
    assert last == f"{len(rows) - 2} of {len(rows)} came out the same, bit for bit"


def test_a_diverged_run_diverges_again(minidl):
    options = ["--model", "linear(_,8)-relu-linear(8,_)", "--optimizer", "sgd(lr=1e30)", "--out", "run"]
    assert minidl("train", "disk(n=40)", *options).code == 1
    assert run_json("run")["state"] == "diverged"
    assert minidl("rerun", "run").code == 0
    assert minidl("runs", ".").out.split("\n")[1].split()[:2] == ["run", "diverged"]


def test_a_run_that_has_not_ended_is_not_repeated(minidl, run):
    edit(run, state="interrupted")
    ran = minidl("rerun", run)
    assert ran.code == 2
    assert ran.err == "minidl: the run in 'run' has not ended; go on with it: minidl train --resume run\n"


def test_runs_are_listed_with_broken_ones_apart(minidl, run):
    for number in range(40):
        shutil.copytree(run, f"runs/r{number:02}")
    edit("runs/r03", state="running")
    edit("runs/r04", state="interrupted", epochs=2)
    edit("runs/r05", figures={})
    edit("runs/r06", figures__test={"f1": {"mean": None, "std": None, "values": [None]}})
    Path("runs", "r07", "run.json").write_text("{")
    Path("runs", "no run").mkdir()
    Path("runs", "a file").write_text("")
    ran = minidl("runs")
    heading, *rows = ran.out.splitlines()
    assert heading.split() == ["RUN", "STATE", "DATA", "EPOCHS", "ROUNDS", "MODEL", "SCORES"]
    assert len(rows) == 39
    cells = [row.split() for row in rows]
    assert [row[0] for row in cells] == sorted(row[0] for row in cells)
    assert cells[0][1:6] == ["done", "disk(n=40)", "3/3", "2", "linear(2,6)-tanh-linear(6,2)"]
    assert "test accuracy 0." in rows[0]
    assert [row[1] for row in cells[3:5]] == ["killed", "interrupted"]
    assert (rows[5].split()[-1], rows[6].split("  ")[-1]) == ("-", "test f1 nan")
    assert ran.err.startswith("minidl: 'runs/r07/run.json' is no JSON: ")
    assert ran.err.count("\n") == 1
    assert ran.code == 0
    as_json = minidl("runs", "--json").json()
    assert [Path(one["run"]).name for one in as_json] == [Path(row[0]).name for row in cells]
    assert as_json[6]["scores"] == {"test f1": {"mean": None, "std": None, "values": [None]}}


def test_no_runs(minidl):
    ran = minidl("runs")
    assert (ran.code, ran.out) == (2, "")
    assert "there is no folder 'runs'; train a model first, or name the folder of your runs" in ran.err
    Path("runs").mkdir()
    assert minidl("runs") == (0, "no runs in runs\n", "")
    assert minidl("runs", "--json").json() == []


def test_diff_tells_what_was_asked_and_what_came_of_it(minidl, run):
    minidl_core.train(MODEL, "disk(n=40)", rounds=2, epochs=2, patience=5, metrics=["f1"], l1=0.1, out="other")
    shown = minidl("diff", run, "other").out.splitlines()
    asked = [line.split() for line in shown[: shown.index("")]]
    assert asked[0] == ["ASKED", "run", "other"]
    assert ["l1", "0.0", "0.1"] in asked
    assert ["patience", "-", "5"] in asked
    assert ["epochs", "3", "2"] in asked
    assert ["metrics", "-", '["f1"]'] in asked
    parts = [line.split()[0] for line in shown if line.startswith(("train ", "validation ", "test "))]
    assert parts == ["train"] * 3 + ["validation"] * 3 + ["test"] * 3
    found = minidl("diff", run, "other", "--json").json()
    assert found["request"]["l1"] == {"a": 0.0, "b": 0.1}
    assert found["scores"]["test f1"]["a"] is None
    assert not found["same_data"]


def test_diff_of_the_same(minidl, run):
    shown = minidl("diff", run, run).out
    assert shown.startswith("both were asked for the same, of the same versions\n\nSCORE ")
    assert minidl("diff", run, run, "--json").json()["request"] == {}


@pytest.mark.usefixtures("run")
@pytest.mark.parametrize("command", [["runs", "."], ["diff", "run", "run"], ["rerun", "run", "--quiet"]])
def test_json_is_one_value(minidl, command):
    ran = minidl(*command, "--json")
    assert ran.err == ""
    json.loads(ran.out, parse_constant=pytest.fail)


def test_plot_draws_what_was_chosen(minidl, run):
    pytest.importorskip("matplotlib")
    assert minidl("plot", run, "--format", "svg", "--picture", "loss") == (0, "run/loss.svg\n", "")
    assert Path("run", "loss.svg").read_text().startswith(("<?xml", "<svg"))
    Path("elsewhere").mkdir()
    assert minidl("plot", run, "--picture", "loss", "--out", "elsewhere") == (0, "elsewhere/loss.png\n", "")
    assert minidl("plot", run, "--format", "html") == (0, "run/report.html\n", "")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--picture", "loses"], "the run has no picture 'loses'; it has loss, confusion, "),
        (["--out", "nowhere"], "there is no folder 'nowhere'; make it, or leave --out out"),
        (["--format", "html", "--picture", "loss"], "a report has all pictures; leave --picture out, or take "),
        (["--format", "pdf"], "'pdf' is not one of"),
    ],
)
def test_plot_refuses(minidl, run, options, told):
    pytest.importorskip("matplotlib")
    before = contents(run)
    ran = minidl("plot", run, *options)
    assert (ran.code, ran.out) == (2, "")
    assert told in ran.err
    assert contents(run) == before


@needs("adam")
def test_a_plugin_that_is_not_there_is_named(minidl, monkeypatch):
    minidl_core.train(MODEL, "disk(n=40)", optimizer="adam", epochs=2, out="run", stop=Stop(1))
    monkeypatch.setenv("MINIDL_DISABLE_PLUGINS", "optim")
    loaded_plugins.cache_clear()
    try:
        for command in ["train", "--resume", "run"], ["plot", "run"]:
            ran = minidl(*command)
            assert ran.code == 1
            assert "optimizer 'adam' came from minidl-optim " in ran.err
        assert minidl("runs", ".").code == 0
    finally:
        monkeypatch.undo()
        loaded_plugins.cache_clear()
