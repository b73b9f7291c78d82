"""A Ray cluster of two nodes on this machine: the same results, also when a worker, a node or the program is killed."""

import importlib.util
import os
import random
import signal
import subprocess
from collections.abc import Iterator

import pytest

from archives import kill_at_random, make_archive, run_program, times_done, tree
from programs import PROGRAM
from servers import Cluster, wait_until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.alone,
    pytest.mark.skipif(
        importlib.util.find_spec("ray") is None and not os.environ.get("CI"), reason="needs ray: pip install .[ray]"
    ),
]


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    started = Cluster()
    yield started
    started.stop()


def test_results_under_ray_are_those_of_a_local_run_whatever_dies(tmp_path, cluster, models):
    archive = make_archive(tmp_path / "in", 200)
    model = tmp_path / "mine.onnx"
    model.write_bytes(models["smoother"].read_bytes())
    arguments = ["--input", archive, "--model", model, "--hop", 2, "--quiet", "--output"]
    assert run_program(*arguments, tmp_path / "local").returncode == 0
    out = tmp_path / "out"
    under_ray = [*arguments, out, "--engine", "ray", "--ray-address", cluster.address]

    rng = random.Random(8)
    for _ in range(2):  # the program itself
        assert kill_at_random(under_ray, out, rng, group=True, env=cluster.environment) > 0

    process = subprocess.Popen([*PROGRAM, *map(str, under_ray)], env=cluster.environment)
    done_before = sum(times_done(out).values())
    wait_until(lambda: sum(times_done(out).values()) >= done_before + 5, limit_s=90)
    wait_until(lambda: cluster.second.workers(), limit_s=90)
    os.kill(cluster.second.workers()[0], signal.SIGKILL)  # a worker
    done_before = sum(times_done(out).values())
    wait_until(lambda: sum(times_done(out).values()) >= done_before + 5, limit_s=90)
    wait_until(lambda: cluster.second.workers(), limit_s=90)
    cluster.second.kill()  # a whole node
    assert len(times_done(out)) < 200
    assert process.wait(240) == 0

    assert tree(out) == tree(tmp_path / "local")
    assert times_done(out) == dict.fromkeys(tree(tmp_path / "local"), 1)


def test_failures_and_resume_are_those_of_a_local_run(tmp_path, cluster):
    archive = make_archive(tmp_path / "in", 8)
    (archive / "bad.csv").write_text("v\n1.5\nx\n2.5\n")
    arguments = ["--input", archive, "--output", tmp_path / "out", "--engine", "ray", "--ray-address", cluster.address]
    first = run_program(*arguments, env=cluster.environment)
    assert first.returncode == 1
    assert "bad.csv  bad.csv, line 3, column 'v': 'x' is not a number" in first.stderr
    assert "8 files denoised" in first.stderr
    assert "8 done before" in run_program("--input", archive, "--output", tmp_path / "out").stderr


def test_cluster_that_is_not_there_is_named_in_one_sentence(tmp_path):
    archive = make_archive(tmp_path / "in", 1)
    done = run_program(
        "--input", archive, "--output", tmp_path / "out", "--engine", "ray", "--ray-address", "127.0.0.1:9"
    )
    assert done.returncode == 1
    assert "no Ray cluster answers at 127.0.0.1:9" in done.stderr.splitlines()[-1]
