"""A small serial run over an input, and what it gave."""

import io
import json
import tarfile

import yaml

from curate.files import Folder
from pipelines.recipe import load
from pipelines.run import Runner


def run(tmp_path, given, **changes):
    """Run a recipe over this input; gives the summary and the pool's rows."""
    data = {
        "name": "t",
        "run_dir": "run",
        "input": given,
        "samples_per_shard": 4,
        "engine": {"kind": "serial"},
        **changes,
    }
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(data))
    summary = Runner(load(tmp_path / "recipe.yaml")).run()
    folder = Folder(str(tmp_path / "run"))
    shards = [name for name in folder.names("pool") if name.endswith(".parquet")]
    return summary, [row for name in shards for row in folder.read_table(f"pool/{name}").to_pylist()]


def dataset(tmp_path):
    """Every member of the dataset's tars: name -> bytes, a .json as the object that it holds."""
    found = {}
    for path in sorted((tmp_path / "run" / "dataset").glob("*.tar")):
        with tarfile.open(path) as tar:
            for member in tar:
                data = tar.extractfile(member).read()
                found[member.name] = json.loads(data) if member.name.endswith(".json") else data
    return found


def texts(tmp_path):
    """image bytes -> its texts, of the whole dataset."""
    members = dataset(tmp_path)
    images = {name.partition(".")[0]: data for name, data in members.items() if not name.endswith((".json", ".txt"))}
    return {data: [t["text"] for t in members[f"{key}.json"]["texts"]] for key, data in images.items()}


def write_tar(path, members):
    with tarfile.open(path, "w") as tar:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
