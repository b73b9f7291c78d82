"""Object stores over real HTTP: a local S3 server with access rights, and connections that break."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from archives import make_archive, run_program, tree
from denoise_stream.archive.folders import cloud
from denoise_stream.archive.folders.cloud import RemoteFolder
from denoise_stream.archive.folders.protocol import Entry
from denoise_stream.archive.manifest import Manifest, Outcome
from programs import PROGRAM
from servers import store_server

boto3 = pytest.importorskip("boto3") if not os.environ.get("CI") else __import__("boto3")


class Line:
    """A proxy that cuts connections: the next ``cuts`` ones after some bytes of an answer."""

    def __init__(self, port: int) -> None:
        self._target = ("127.0.0.1", port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.cuts = 0
        self.after_bytes = 0
        self.cut = 0
        self._ends: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(self._target)
                self._ends += [client, server]
                threading.Thread(target=self._pump, args=(client, server, False), daemon=True).start()
                threading.Thread(target=self._pump, args=(server, client, True), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket, answers: bool) -> None:
        passed = 0
        with contextlib.suppress(OSError):
            while data := source.recv(4096):
                passed += len(data)
                if answers and self.cut < self.cuts and passed > self.after_bytes:
                    self.cut += 1
                    break
                sink.sendall(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that waits for clients
        for end in (self._listener, *self._ends):
            end.close()


class Store:
    """The server, a client that may do all, and the environment of a user who may do less."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        keys = {"aws_access_key_id": "admin", "aws_secret_access_key": "admin", "region_name": "us-east-1"}
        self._client = boto3.client("s3", endpoint_url=self.url, **keys)
        for bucket in ("raw", "clean", "locked"):
            self._client.create_bucket(Bucket=bucket)
        iam = boto3.client("iam", endpoint_url=self.url, **keys)
        iam.create_user(UserName="user")
        resources = [f"arn:aws:s3:::{bucket}{end}" for bucket in ("raw", "clean", "nowhere") for end in ("", "/*")]
        rights = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": resources}]}
        iam.put_user_policy(UserName="user", PolicyName="some", PolicyDocument=json.dumps(rights))
        self.key = iam.create_access_key(UserName="user")["AccessKey"]
        self._client = boto3.client(
            "s3",
            endpoint_url=self.url,
            aws_access_key_id=self.key["AccessKeyId"],
            aws_secret_access_key=self.key["SecretAccessKey"],
            region_name="us-east-1",
        )
        # From here on the server looks at keys and rights.
        plain = {"Content-Type": "text/plain"}
        urllib.request.urlopen(urllib.request.Request(f"{self.url}/moto-api/reset-auth", b"0", plain)).close()

    def environment(self, port: int | None = None) -> dict[str, str]:
        """Return the environment that points to the store; another port goes through a proxy."""
        return {
            **os.environ,
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port or self.port}",
            "AWS_ACCESS_KEY_ID": self.key["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": self.key["SecretAccessKey"],
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_CONFIG_FILE": os.devnull,
        }

    def upload(self, folder: Path, prefix: str) -> None:
        for name, data in tree(folder).items():
            self._client.put_object(Bucket="raw", Key=f"{prefix}/{name}", Body=data)

    def objects(self, bucket: str, prefix: str) -> dict[str, bytes]:
        """Return the objects, without those that a running program removes between listing and reading."""
        found: dict[str, bytes] = {}
        for page in self._client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{prefix}/"):
            for item in page.get("Contents", []):
                with contextlib.suppress(self._client.exceptions.NoSuchKey):
                    body = self._client.get_object(Bucket=bucket, Key=item["Key"])["Body"].read()
                    found[item["Key"].removeprefix(f"{prefix}/")] = body
        return found

    def outputs(self, prefix: str) -> dict[str, bytes]:
        return {name: data for name, data in self.objects("clean", prefix).items() if "manifest" not in name}

    def times_done(self, prefix: str) -> Counter[str]:
        """Count how often each file was recorded as done; the same row may stand in a part and in the whole."""
        lines = {
            line
            for name, data in self.objects("clean", prefix).items()
            if "manifest" in name
            for line in data.decode().splitlines()
        }
        rows = [json.loads(line) for line in lines]
        return Counter(row["file"] for row in rows if row["state"] == "done")


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    with store_server() as port:
        yield Store(port)


@pytest.fixture(scope="module")
def archive(tmp_path_factory, store) -> tuple[Path, dict[str, bytes]]:
    """Twelve files, also in the store, and the results of a local run."""
    folder = tmp_path_factory.mktemp("cloud")
    make_archive(folder / "in", 12, samples=40_000)
    store.upload(folder / "in", "archive")
    assert run_program("--input", folder / "in", "--output", folder / "out", "--quiet").returncode == 0
    return folder / "in", tree(folder / "out")


def test_tree_is_read_from_the_store_and_written_to_it_as_here(store, archive):
    done = run_program("--input", "s3://raw/archive", "--output", "s3://clean/a", env=store.environment())
    assert done.returncode == 0, done.stderr
    assert "12 files denoised" in done.stderr
    assert store.outputs("a") == archive[1]


@pytest.mark.slow
def test_second_run_on_the_store_does_only_what_is_missing_or_changed(store, archive, tmp_path):
    make_archive(tmp_path / "in", 4)
    store.upload(tmp_path / "in", "changing")
    arguments = ["--input", "s3://raw/changing", "--output", "s3://clean/b", "--jobs", 1]
    assert run_program(*arguments, env=store.environment()).returncode == 0
    assert "4 done before" in run_program(*arguments, env=store.environment()).stderr
    make_archive(tmp_path / "other", 1, seed=9)
    store.upload(tmp_path / "other", "changing")
    assert "1 files denoised, 3 done before" in run_program(*arguments, env=store.environment()).stderr


@pytest.mark.slow
def test_local_to_store_and_store_to_local(store, archive, tmp_path):
    up = run_program("--input", archive[0], "--output", "s3://clean/c", "--quiet", env=store.environment())
    assert up.returncode == 0, up.stderr
    assert store.outputs("c") == archive[1]
    pattern = "s3://raw/archive/**/*.csv"
    down = run_program("--input", pattern, "--output", tmp_path / "out", "--jobs", 1, env=store.environment())
    assert down.returncode == 0, down.stderr
    assert tree(tmp_path / "out") == {name: data for name, data in archive[1].items() if name.endswith(".csv")}
    name = "s3://raw/archive/000/000002.wav"
    assert (
        run_program("--input", name, "--output", tmp_path / "one", "--jobs", 1, env=store.environment()).returncode == 0
    )
    assert tree(tmp_path / "one") == {"000002.wav": archive[1]["000/000002.wav"]}


@pytest.mark.slow
def test_killed_run_on_the_store_is_finished_without_half_or_double_outputs(store, archive):
    arguments = ["--input", "s3://raw/archive", "--output", "s3://clean/d", "--quiet"]
    process = subprocess.Popen([*PROGRAM, *arguments], env=store.environment(), start_new_session=True)
    limit = time.monotonic() + 60
    while not store.times_done("d") and process.poll() is None and time.monotonic() < limit:
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    before = store.outputs("d")
    assert all(before[name] == archive[1][name] for name in before)
    finished = run_program(*arguments, env=store.environment())
    assert finished.returncode == 0, finished.stderr
    assert store.outputs("d") == archive[1]
    assert store.times_done("d") == dict.fromkeys(archive[1], 1)


@pytest.mark.parametrize(
    ("source", "target", "words"),
    [
        ("s3://locked/a", "s3://clean/e", "cannot list s3://locked/a: access denied"),
        ("s3://raw/archive", "s3://nowhere/e", "there is no such bucket, folder or file"),
        pytest.param("s3://raw/archive", "s3://locked/e", "s3://locked/e", marks=pytest.mark.slow),
        pytest.param(
            "s3://nowhere/a", "s3://clean/e", "there is no such bucket, folder or file", marks=pytest.mark.slow
        ),
    ],
)
def test_bucket_that_refuses_or_is_missing_is_named_in_one_sentence(store, archive, source, target, words):
    done = run_program("--input", source, "--output", target, env=store.environment())
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1, done.stderr
    assert words in done.stderr
    assert not store.outputs("e")


def test_broken_connections_cost_retries_only(store, archive):
    line = Line(store.port)
    line.cuts, line.after_bytes = 6, 30_000
    arguments = ["--input", "s3://raw/archive", "--output", "s3://clean/f", "--jobs", 2]
    done = run_program(*arguments, env=store.environment(line.port))
    line.close()
    assert done.returncode == 0, done.stderr
    assert line.cut == 6
    assert store.outputs("f") == archive[1]


def test_names_that_lead_out_of_the_folder_are_refused(store, tmp_path):
    make_archive(tmp_path / "in", 1)
    body = (tmp_path / "in/000/000000.wav").read_bytes()
    for key in ("traps/../../escaped.wav", "traps//good.wav", "traps/good.wav"):
        store._client.put_object(Bucket="raw", Key=key, Body=body)
    done = run_program(
        "--input", "s3://raw/traps", "--output", tmp_path / "deep/out", "--jobs", 1, env=store.environment()
    )
    assert done.returncode == 1
    assert done.stderr.count("its name would lead out of the output folder, or to another file") == 2
    assert sorted(tree(tmp_path / "deep")) == ["out/good.wav"]
    assert not (tmp_path / "escaped.wav").exists()


def test_log_in_the_store_is_merged_by_the_hundred_and_read_line_by_line(tmp_path, monkeypatch):
    monkeypatch.setattr(cloud, "LOG_EVERY_S", 0)
    (tmp_path / "out[1]").mkdir()
    folder = RemoteFolder("file", str(tmp_path / "out[1]"))
    log = folder.open_log("log", "log")
    lines = [f"{number}\u2028\x85" for number in range(250)]
    for line in lines:
        log.append([line])
    assert len(list((tmp_path / "out[1]").iterdir())) == 2 + 50
    assert [line for line in folder.read_logs("log") if line] == lines
    log.close()
    assert len(list((tmp_path / "out[1]").iterdir())) == 1
    assert [line for line in folder.read_logs("log") if line] == lines


def test_plan_is_in_the_store_before_any_output(tmp_path):
    folder = RemoteFolder("file", str(tmp_path))
    manifest = Manifest(folder, lambda name: "model", "")
    manifest.open()
    manifest.record([Outcome("refused.wav", "", "no")])
    manifest.plan([Entry("a.wav", 1, "")])
    assert any('"planned"' in line for line in folder.read_logs("denoise-manifest"))


@pytest.mark.parametrize("key", ["ETag", "modify", "modificationTime", "something"])
def test_file_that_changed_at_the_same_size_has_another_fingerprint(key):
    found = []
    for mark in ("1", "2"):
        folder = RemoteFolder("ftp", "/in")
        listing = {"/in/a.wav": {"name": "/in/a.wav", "size": 10, "type": "file", key: mark}}
        folder.__dict__["files"] = SimpleNamespace(find=lambda path, detail, listing=listing: listing)
        found += [entry.fingerprint for entry in folder.entries()]
    assert len(set(found)) == 2


def test_two_names_of_a_protocol_are_one_place():
    assert RemoteFolder.open("s3a://bucket/a").place == RemoteFolder.open("s3://bucket/a/").place


@pytest.mark.slow
def test_other_file_systems_of_fsspec_get_outputs_whole_by_renaming(tmp_path):
    shutil.copytree(make_archive(tmp_path / "in", 2), tmp_path / "remote")
    folder = RemoteFolder("file", str(tmp_path / "remote"))
    (entry, _) = folder.entries()
    assert isinstance(entry, Entry)

    def fail_halfway() -> None:
        with folder.put("new/a.wav", tmp_path / "scratch") as partial:
            partial.write_bytes(b"half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_halfway()
    assert not (tmp_path / "remote/new").exists()
    with folder.fetch(entry, tmp_path / "scratch") as local, folder.put("new/a.wav", tmp_path / "scratch") as partial:
        partial.write_bytes(local.read_bytes())
    assert (tmp_path / "remote/new/a.wav").read_bytes() == (tmp_path / "in" / entry.name).read_bytes()
    assert [path.name for path in (tmp_path / "remote/new").iterdir()] == ["a.wav"]
    assert not list((tmp_path / "scratch").iterdir())
