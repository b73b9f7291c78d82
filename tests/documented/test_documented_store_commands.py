"""The commands of the guides for object stores and clusters run as printed, on servers of this machine."""

import os
import re
import shutil
from pathlib import Path

import pytest

from documented import commands
from servers import Cluster, store_server

pytestmark = pytest.mark.slow

COMMANDS = commands("a store or a cluster")

SBATCH = """#!/usr/bin/env bash
# Run the tasks of an array one after the other, as the scheduler would at once.
[[ $1 =~ ^--array=([0-9]+)-([0-9]+)$ && $2 == --wrap ]] || exit 2
for SLURM_ARRAY_TASK_ID in $(seq "${BASH_REMATCH[1]}" "${BASH_REMATCH[2]}"); do
    export SLURM_ARRAY_TASK_ID
    bash -c "$3" || exit 1
done
"""


def only(pattern: str) -> str:
    (command,) = (command for command in COMMANDS if re.search(pattern, command))
    return command


def test_every_command_has_a_test():
    assert sorted(COMMANDS) == sorted(map(only, ("s3://", "--engine ray", "^sbatch")))


@pytest.mark.parametrize("command", [only("s3://")])
def test_object_store_is_read_and_written_as_printed(command, examples, shell, monkeypatch):
    boto3 = pytest.importorskip("boto3") if not os.environ.get("CI") else __import__("boto3")
    keys = {"AWS_ACCESS_KEY_ID": "admin", "AWS_SECRET_ACCESS_KEY": "admin", "AWS_DEFAULT_REGION": "us-east-1"}
    for name, value in keys.items():
        monkeypatch.setenv(name, value)
    with store_server() as port:
        address = f"http://127.0.0.1:{port}"
        client = boto3.client("s3", endpoint_url=address)
        client.create_bucket(Bucket="bucket")
        client.upload_file("speech.wav", "bucket", "raw/speech.wav")
        shell(command, AWS_ENDPOINT_URL=address, AWS_CONFIG_FILE=os.devnull, **keys)
        names = [item["Key"] for item in client.list_objects_v2(Bucket="bucket", Prefix="clean/")["Contents"]]
    assert "clean/speech.wav" in names


@pytest.mark.parametrize("command", [only("--engine ray")])
def test_running_cluster_does_the_work_as_printed(command, examples, shell):
    if not os.environ.get("CI"):
        pytest.importorskip("ray")
    Path("data/raw").mkdir(parents=True)
    shutil.copy("speech.wav", "data/raw")
    cluster = Cluster(nodes=1)
    try:
        keys = {name: value for name, value in cluster.environment.items() if name.startswith("RAY_")}
        # A folder at the root of this machine is not ours to make.
        shell(command.replace(" /data/", f" {Path.cwd()}/data/"), RAY_ADDRESS=cluster.address, **keys)
    finally:
        cluster.stop()
    assert Path("data/clean/speech.wav").exists()


@pytest.mark.parametrize("command", [only("^sbatch")])
def test_array_of_a_scheduler_does_every_shard_as_printed(command, examples, shell, environment):
    Path("sbatch").write_text(SBATCH)
    Path("sbatch").chmod(0o755)
    Path("raw").mkdir()
    for number in range(4):
        shutil.copy("speech.wav", f"raw/{number}.wav")
    shell(command, PATH=f"{Path.cwd()}:{environment['PATH']}")
    assert sorted(path.name for path in Path("clean").glob("*.wav")) == [f"{number}.wav" for number in range(4)]
