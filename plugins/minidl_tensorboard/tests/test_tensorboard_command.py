"""`minidl tensorboard` serves what trainings wrote, and ends at Ctrl-C."""

from __future__ import annotations

import contextlib
import json
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.parse
import urllib.request

import pytest

import minidl_core

SECONDS = 60  # for a server to be there, or to have gone


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The folder of folders of runs, and the training in one of them."""
    folder = tmp_path_factory.mktemp("runs")
    model, data = "linear(_,8)-tanh-linear(8,_)", "moons(n=40)"
    return folder, minidl_core.train(model, data, optimizer="sgd", rounds=2, epochs=7, out=folder / "one")


@contextlib.contextmanager
def served(*arguments, cwd):
    """A server, its first line and its address."""
    # A shell may have told its background processes, this one's parent perhaps, to ignore Ctrl-C.
    code = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    command = [sys.executable, "-c", f"{code}from minidl_core.cli.main import main; main()", "tensorboard", *arguments]
    process = subprocess.Popen(command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        line = process.stdout.readline()
        assert line, process.stderr.read()
        yield process, line, re.search(r"http://\S+/", line)[0]
    finally:
        process.kill()
        process.communicate()


def fetched(address, **query):
    with urllib.request.urlopen(f"{address}?{urllib.parse.urlencode(query)}", timeout=SECONDS) as answer:
        return json.load(answer)


def fetched_once_there(address, count):
    """The answer that has as many items, which TensorBoard, still reading, may not have at first."""
    until = time.monotonic() + SECONDS
    while len(answer := fetched(address)) < count and time.monotonic() < until:
        time.sleep(0.1)
    return answer


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def test_serves_runs_and_values_until_interrupted(trained):
    folder, training = trained
    port = free_port()
    with served(str(folder), "--port", str(port), cwd=folder) as (process, line, _):
        assert line == f"TensorBoard shows '{folder}' at http://localhost:{port}/\n"
        address = f"http://127.0.0.1:{port}/data"
        runs = fetched_once_there(f"{address}/runs", 3)
        assert set(runs) == {f"one/tensorboard/{name}" for name in ("seed-0", "seed-1", "mean")}
        for r in range(2):
            points = fetched(f"{address}/plugin/scalars/scalars", run=f"one/tensorboard/seed-{r}", tag="epoch/loss")
            assert [[step, value] for _, step, value in points] == [
                [epoch, loss] for epoch, loss in enumerate(training.history[:, r].tolist(), 1)
            ]
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=SECONDS)
        assert (process.returncode, errors.strip()) == (0, "")


def test_training_that_is_resumed_is_one_curve(tmp_path):
    """The page reads files in another way than TensorBoard's reader in Python, where there is a faster one."""

    def on_epoch(epoch, *_):
        if epoch == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        minidl_core.train(
            "linear(_,8)-linear(8,_)", "moons(n=40)", epochs=7, out=tmp_path, save_every=2, on_epoch=on_epoch
        )
    training = minidl_core.resume(tmp_path)
    with served(str(tmp_path), "--port", "0", cwd=tmp_path) as (_, _, address):
        fetched_once_there(f"{address}data/runs", 1)
        curve = f"{address}data/plugin/scalars/scalars"
        points = fetched(curve, run="tensorboard/seed-0", tag="epoch/loss")
        assert [[step, value] for _, step, value in points] == [
            [*one] for one in enumerate(training.history.tolist(), 1)
        ]
        [[_, step, value]] = fetched(curve, run="tensorboard/seed-0", tag="final/loss/train")
        assert (step, value) == (7, pytest.approx(training.train["loss"].mean, rel=1e-6))


def test_hyperparameters_are_a_row_with_the_figures_beside_them(trained):
    folder, training = trained
    with served(str(folder), "--port", "0", cwd=folder) as (_, _, address):
        fetched_once_there(f"{address}data/runs", 3)
        query = {"experimentName": "", "allowedStatuses": ["STATUS_UNKNOWN"], "startIndex": 0, "sliceSize": 9}
        request = urllib.request.Request(
            f"{address}data/plugin/hparams/session_groups",
            json.dumps(query).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:
            [row] = json.load(answer)["sessionGroups"]
        assert row["name"] == str(folder / "one")
        assert row["hparams"]["optimizer"] == "sgd"
        figures = {figure["name"]["tag"]: figure["value"] for figure in row["metricValues"]}
        assert figures["final/accuracy/test"] == pytest.approx(training.test["accuracy"].mean, rel=1e-6)


def test_default_folder_is_where_trainings_go(tmp_path, minidl):
    minidl("train", "moons(n=40)", "--model", "linear(_,4)-linear(4,_)", "--epochs", "2", cwd=tmp_path)
    with served("--port", "0", cwd=tmp_path) as (_, line, address):
        assert line.startswith("TensorBoard shows 'runs' at ")
        [run] = fetched_once_there(f"{address}data/runs", 1)
        assert re.fullmatch(r".*-moons-n-40/tensorboard/seed-0", run)


def test_port_that_is_taken_is_an_error(trained, minidl):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ran = minidl("tensorboard", str(trained[0]), "--port", str(port), cwd=trained[0])
    assert (ran.returncode, ran.stdout) == (1, "")
    assert re.fullmatch(rf"minidl: TensorBoard does not start: .*port {port}.*\n", ran.stderr)


@pytest.mark.parametrize(
    ("folder", "said"),
    [("absent", "there is no folder 'absent'; "), ("empty", "'empty' has nothing that "), ("file", "'file' is no ")],
)
def test_folder_without_anything_to_show_is_refused(tmp_path, minidl, folder, said):
    (tmp_path / "empty" / "within").mkdir(parents=True)
    (tmp_path / "file").write_text("")
    ran = minidl("tensorboard", folder, cwd=tmp_path)
    assert (ran.returncode, ran.stdout, ran.stderr.count("\n")) == (2, "", 1)
    assert ran.stderr.startswith(f"minidl: {said}")


def test_port_must_be_one(tmp_path, minidl):
    assert minidl("tensorboard", "--port", "70000", cwd=tmp_path).returncode == 2
