"""Corrupt manifests, servers and tables: the run continues, or ends with one sentence."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest

from denoise_stream import SourceError
from denoise_stream.archive.folders.cloud import RemoteFolder
from denoise_stream.errors import SinkError
from programs import PROGRAM

BODY = "v\n" + "1.5\n2.5\n" * 200


@pytest.mark.parametrize(
    "change",
    [
        lambda row: json.dumps(row | {"output_bytes": 0}).replace('"output_bytes": 0', '"output_bytes": 1e400'),
        lambda row: json.dumps(row | {"time": "9999-12-31T23:59:59.999999+00:00"}),
        lambda row: json.dumps(row | {"time": 5}),
        lambda row: '{"file": ' + "[" * 100_000,
        lambda row: json.dumps(row | {"file": {}}),
        lambda row: json.dumps([row]),
        lambda row: json.dumps({"state": "planned", "files": 7, "time": row["time"]}),
        lambda row: json.dumps(row | {"output_bytes": "9" * 5000}),
        lambda row: "\0" * 100_000,
    ],
    ids=["1e400", "year 9999", "time", "nested", "name", "list", "planned", "digits", "zeros"],
)
def test_foreign_row_costs_its_file_one_more_run(folder, call, change):
    Path("in").mkdir()
    for name in "abc":
        Path(f"in/{name}.csv").write_text(BODY)
    assert call("in", "--output", "out")[0] == 0
    log = Path("out/denoise-manifest.jsonl")
    lines = log.read_text().splitlines()
    index, row = next(
        (index, json.loads(line)) for index, line in enumerate(lines) if json.loads(line).get("file") == "b.csv"
    )
    lines[index] = change(row)
    log.write_text("".join(f"{line}\n" for line in lines))
    status, said = call("in", "--output", "out", "--force")
    assert (status, "1 files denoised, 2 done before" in said) == (0, True), said
    assert call("in", "--output", "out")[1].startswith("in -> out: 0 files denoised, 3 done before")


def test_manifest_that_is_a_pipe_is_refused_without_waiting_for_it(folder, call):
    Path("in").mkdir()
    Path("in/a.csv").write_text(BODY)
    Path("out").mkdir()
    os.mkfifo("out/denoise-manifest.jsonl")
    status, said = call("in", "--output", "out", "--quiet")
    assert (status, said.count("\n")) == (1, 1)
    assert "denoise-manifest.jsonl: it is not a regular file; move it away" in said


def test_parquet_with_two_columns_of_one_name_is_refused_in_words(folder, call):
    import pyarrow as pa
    import pyarrow.parquet as pq

    column = pa.array(np.random.default_rng(0).normal(size=400))
    pq.write_table(pa.table([column, column], names=["x", "x"]), "a.parquet")
    for options in ([], ["--columns", "x"], ["--series-column", "x"]):
        status, said = call("a.parquet", *options)
        assert (status, said) == (
            1,
            "denoise-stream: a.parquet has several columns called 'x'; give each a name of its own\n",
        )


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://127.0.0.1:1/x", "cannot list http://127.0.0.1:1/x"),
        ("http://127.0.0.1:1/x/", "cannot list http://127.0.0.1:1/x"),
        ("ftp://127.0.0.1:1/x", "ftp://127.0.0.1:1/x"),
        ("ftp:///x", "ftp:///x names no host; write ftp://HOST/FOLDER"),
        ("sftp:///x", "sftp"),
        ("s3://", "cannot list s3://"),
    ],
)
def test_unreachable_places_get_one_sentence(folder, monkeypatch, url, words):
    monkeypatch.setattr("denoise_stream.archive.folders.cloud.FIRST_PAUSE_S", 0.0)
    from denoise_stream.archive.folders.places import open_input

    with pytest.raises(Exception, match=words.replace("?", r"\?")) as caught:
        list(open_input(url)[0].entries())
    assert "://http://" not in str(caught.value)
    assert "__init__" not in str(caught.value)


def test_permanent_errors_are_not_retried(monkeypatch):
    monkeypatch.setattr("time.sleep", lambda seconds: pytest.fail("it waits for another attempt"))
    folder = RemoteFolder("memory", "/a")
    for mistake in (TypeError("host is missing"), ValueError("all of it"), NotImplementedError("no")):

        def fail(mistake: Exception = mistake) -> None:
            raise mistake

        with pytest.raises(SinkError, match="cannot write it: "):
            folder._try(fail, "write it", SinkError)


def test_user_and_password_of_a_url_reach_the_file_system_and_no_message():
    pytest.importorskip("fsspec")
    folder = RemoteFolder.open("ftp://somebody:secret@example.org:2121/data")
    assert folder.place == "ftp://example.org:2121/data"
    assert dict(folder.settings) | {
        "host": "example.org",
        "port": 2121,
        "username": "somebody",
        "password": "secret",
    } == (dict(folder.settings))
    with pytest.raises(SourceError, match="names no host"):
        RemoteFolder.open("ftp://")


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals")
def test_sigterm_ends_a_run_that_waits_for_a_server_without_a_traceback(folder):
    with socket.create_server(("127.0.0.1", 0)) as silent, contextlib.ExitStack() as opened:
        silent.settimeout(60)
        place = f"http://127.0.0.1:{silent.getsockname()[1]}"
        keys = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "y", "AWS_DEFAULT_REGION": "us-east-1"}
        process = subprocess.Popen(
            [*PROGRAM, "--input", "s3://bucket/folder", "--output", "out"],
            stderr=subprocess.PIPE,
            env={**os.environ, **keys, "AWS_ENDPOINT_URL": place},
        )
        opened.enter_context(silent.accept()[0])  # it is asked, and never answers
        time.sleep(0.2)
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=30)
    assert (process.returncode, said) == (143, b"")
