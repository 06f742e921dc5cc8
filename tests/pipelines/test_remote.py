"""A run directory on an object store, by the real S3 protocol."""

import json
import os

import pytest
import yaml

from pipelines.loop import Loop
from pipelines.recipe import load
from pipelines.run import Runner
from tests.pipelines.cli.test_commands import ok, process
from tests.pipelines.coloured import world
from tests.pipelines.web import contents, pairs_of, recipe_for, small_site

BUCKET = f"curate-test-{os.getpid()}"  # this machine's lock of a remote run goes by its URL


@pytest.fixture(scope="module")
def bucket():
    """One server for all: what this process knows of S3 it keeps under the address it asked first."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {
            "AWS_ENDPOINT_URL": f"http://{host}:{port}",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
        }.items():
            patch.setenv(name, value)
        import boto3

        boto3.client("s3").create_bucket(Bucket=BUCKET)
        yield boto3.client("s3")
    server.stop()


@pytest.mark.slow
def test_a_run_on_s3_is_the_local_run(bucket, tmp_path):
    with small_site(8) as site:
        local = recipe_for(tmp_path / "local", site, pairs_of(site, 3))
        Runner(load(local)).run()
        data = yaml.safe_load(local.read_text())
        data["run_dir"] = f"s3://{BUCKET}/runs/v1"
        (tmp_path / "local/remote.yaml").write_text(yaml.safe_dump(data))
        first = process("run", tmp_path / "local/remote.yaml", "--json")
        assert first.returncode == 0, first.stderr
        assert json.loads(ok("run", tmp_path / "local/remote.yaml", "--json"))["made"] == 0
    for name, content in contents(tmp_path / "local/run/dataset").items():
        stored = bucket.get_object(Bucket=BUCKET, Key=f"runs/v1/dataset/{name}")["Body"].read()
        assert stored == content, name
    for command in ("verify", "status", "stats"):
        ok(command, f"s3://{BUCKET}/runs/v1")


@pytest.mark.slow
def test_a_loop_on_s3_is_the_local_loop_and_is_replayed_here(bucket, tmp_path):
    train = {"model": "small.json", "samples_seen": 64, "batch": 16, "seeds": [0]}
    loop = {"rounds": 2, "arms": ["raw"], "trusted": "trusted.parquet", "scorer": {"samples_seen": 64}}
    local = world(tmp_path / "local", train=train, loop=loop)
    Loop(load(local)).run()
    data = yaml.safe_load(local.read_text()) | {"run_dir": f"s3://{BUCKET}/runs/loop"}
    (tmp_path / "local/remote.yaml").write_text(yaml.safe_dump(data))
    ok("loop", tmp_path / "local/remote.yaml", "--json")
    again = process("loop", tmp_path / "local/remote.yaml", "--json")
    assert again.returncode == 0 and json.loads(again.stdout)["made"] == 0, again.stderr
    ours = contents(tmp_path / "local/run")
    for name in (n for n in ours if "/dataset/" in f"/{n}" or n.endswith("checkpoint.safetensors")):
        stored = bucket.get_object(Bucket=BUCKET, Key=f"runs/loop/{name}")["Body"].read()
        assert stored == ours[name], name
    record = f"s3://{BUCKET}/runs/loop/rounds/1/record.json"
    replayed = ("loop", "--replay", record, "--to", "here", "--set", "engine.kind=serial")
    assert "the same dataset bytes" in ok(*replayed, cwd=tmp_path)


@pytest.mark.slow
def test_a_worker_of_ray_finds_what_another_wrote_to_s3_a_moment_ago(bucket, tmp_path):
    ray = {"kind": "ray", "workers": 2}
    path = world(tmp_path, engine=ray, run_dir=f"s3://{BUCKET}/runs/ray", filters=[], loop={"rounds": 1})
    done = process("run", path)
    assert done.returncode == 0, done.stderr
    ok("verify", f"s3://{BUCKET}/runs/ray")
