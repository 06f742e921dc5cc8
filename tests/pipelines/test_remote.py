"""A run directory on an object store, by the real S3 protocol."""

import json
import subprocess
import sys

import pytest
import yaml

from tests.pipelines.coloured import world
from tests.pipelines.web import contents, pairs_of, recipe_for, small_site

CURATE = [sys.executable, "-c", "import sys; from pipelines.cli import main; main(sys.argv[1:])"]


@pytest.fixture
def bucket(monkeypatch):
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    for name, value in {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    import boto3

    boto3.client("s3").create_bucket(Bucket="curate-test")
    yield boto3.client("s3")
    server.stop()


@pytest.mark.slow
def test_a_run_on_s3_is_the_local_run(bucket, tmp_path):
    with small_site(8) as site:
        local = recipe_for(tmp_path / "local", site, pairs_of(site, 3))
        subprocess.run([*CURATE, "run", str(local)], check=True, capture_output=True)
        data = yaml.safe_load(local.read_text())
        data["run_dir"] = "s3://curate-test/runs/v1"
        (tmp_path / "local/remote.yaml").write_text(yaml.safe_dump(data))
        remote = [*CURATE, "run", str(tmp_path / "local/remote.yaml"), "--json"]
        first = subprocess.run(remote, capture_output=True, text=True, check=False)
        assert first.returncode == 0, first.stderr
        second = subprocess.run(remote, capture_output=True, text=True, check=True)
        assert json.loads(second.stdout)["made"] == 0
    for name, content in contents(tmp_path / "local/run/dataset").items():
        stored = bucket.get_object(Bucket="curate-test", Key=f"runs/v1/dataset/{name}")["Body"].read()
        assert stored == content, name
    for command in ("verify", "status", "stats"):
        arguments = [*CURATE, command, "s3://curate-test/runs/v1"]
        done = subprocess.run(arguments, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr + done.stdout


@pytest.mark.slow
def test_a_loop_on_s3_is_the_local_loop_and_is_replayed_here(bucket, tmp_path):
    local = world(tmp_path / "local")
    subprocess.run([*CURATE, "loop", str(local), "--json"], check=True, capture_output=True)
    data = yaml.safe_load(local.read_text()) | {"run_dir": "s3://curate-test/runs/loop"}
    (tmp_path / "local/remote.yaml").write_text(yaml.safe_dump(data))
    remote = [*CURATE, "loop", str(tmp_path / "local/remote.yaml"), "--json"]
    first = subprocess.run(remote, capture_output=True, text=True, check=False)
    assert first.returncode == 0, first.stderr
    again = subprocess.run(remote, capture_output=True, text=True, check=True)
    assert json.loads(again.stdout)["made"] == 0
    ours = contents(tmp_path / "local/run")
    for name in (n for n in ours if "/dataset/" in f"/{n}" or n.endswith("checkpoint.safetensors")):
        stored = bucket.get_object(Bucket="curate-test", Key=f"runs/loop/{name}")["Body"].read()
        assert stored == ours[name], name
    record = "s3://curate-test/runs/loop/rounds/1/record.json"
    replayed = [*CURATE, "loop", "--replay", record, "--to", "here", "--set", "engine.kind=serial"]
    done = subprocess.run(replayed, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0 and "the same dataset bytes" in done.stdout, done.stderr + done.stdout


@pytest.mark.slow
def test_a_worker_of_ray_finds_what_another_wrote_to_s3_a_moment_ago(bucket, tmp_path):
    path = world(tmp_path, engine={"kind": "ray", "workers": 2}, run_dir="s3://curate-test/runs/ray", filters=[])
    path.write_text(path.read_text().replace("rounds: 2", "rounds: 1"))
    done = subprocess.run([*CURATE, "run", str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    done = subprocess.run([*CURATE, "verify", "s3://curate-test/runs/ray"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr + done.stdout
