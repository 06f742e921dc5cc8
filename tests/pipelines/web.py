"""A small real HTTP server for tests, and recipes that curate what it serves."""

import json
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from curate.files import table_bytes
from pipelines.recipe import Recipe, load
from tests.conftest import picture

SITE = "pictures.test"
DEAD = "dead.test"


class Site:
    """Serves bytes by path on loopback; everything else is a 404. Counts requests."""

    def __init__(self, pages: dict[str, bytes]) -> None:
        self.pages, self.requests = pages, Counter()
        self.down: set[str] = set()  # paths that a server with troubles answers with 503
        site = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                site.requests[self.path] += 1
                body = site.pages.get(self.path) if self.path not in site.down else None
                self.send_response(503 if self.path in site.down else 200 if body is not None else 404)
                self.send_header("Content-Type", "image/jpeg")
                self.send_header("Content-Length", str(len(body or b"")))
                self.end_headers()
                self.wfile.write(body or b"")

            def log_message(self, *args: Any) -> None: ...

        class Server(ThreadingHTTPServer):
            def handle_error(self, request: Any, client_address: Any) -> None:
                """A client that was killed leaves its connection broken; that is no news."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.address = f"127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def __enter__(self) -> "Site":
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def small_site(pictures: int = 30) -> Site:
    """Distinct pictures, each also re-encoded."""
    pages = {f"/{i}.jpg": picture(i) for i in range(pictures)}
    pages |= {f"/{i}-again.jpg": picture(i, quality=60) for i in range(pictures)}
    return Site(pages)


def pairs_of(site: Site, dead: int = 10) -> list[tuple[str, str | None]]:
    pairs = [(f"http://{SITE}{path}", f"a picture of thing number {i}") for i, path in enumerate(sorted(site.pages))]
    pairs += [(f"http://{SITE}/gone-{i}.jpg", f"nothing is here {i}") for i in range(dead)]
    pairs += [(f"http://{DEAD}/{i}.jpg", f"nobody is there {i}") for i in range(dead)]
    return [*pairs, pairs[0], (f"http://{SITE}/1.jpg", "short"), ("file:///etc/passwd", "a local file, no picture")]


def recipe_for(folder: Path, site: Site, pairs: list[tuple[str, str | None]], **changes: Any) -> Path:
    """Writes the list and a recipe; returns the recipe's path."""
    folder.mkdir(parents=True, exist_ok=True)
    table = pa.table({"url": [p[0] for p in pairs], "caption": pa.array([p[1] for p in pairs], pa.string())})
    pq.write_table(table, folder / "urls.parquet")
    data: dict[str, Any] = {
        "name": "test",
        "run_dir": "run",
        "input": {"urls": "urls.parquet"},
        "samples_per_shard": 20,
        "download": {
            "timeout": 5,
            "retries": 0,
            "resolve": {SITE: site.address, DEAD: "127.0.0.1:9"},
            "allow_private_hosts": [site.address, "127.0.0.1:9"],
        },
        "filters": [{"align_image": {}}, {"align_text": {}}, {"phash_dedup": {"max_distance": 6}}],
        "dataset": {"samples_per_shard": 8},
        "engine": {"kind": "serial"},
        **changes,
    }
    (folder / "recipe.yaml").write_text(yaml.safe_dump(data, sort_keys=False))
    return folder / "recipe.yaml"


def recipe(folder: Path, site: Site, **changes: Any) -> Recipe:
    return load(recipe_for(folder, site, pairs_of(site), **changes))


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, but for what depends on the moment: when servers were asked, and the words of a
    failure (refused, or not asked because its host had refused others)."""
    names = {str(p.relative_to(folder)): p for p in sorted(folder.rglob("*")) if p.is_file()}
    return {name: _without_words(path) for name, path in names.items() if "consent" not in path.parts}


def _without_words(path: Path) -> bytes:
    if path.parent.name != "pool":
        return path.read_bytes()
    if path.suffix == ".parquet":
        return table_bytes(pq.read_table(path).drop_columns(["error_message"]))
    if path.name == "manifest.json":
        shards = json.loads(path.read_text())["shards"]
        return json.dumps({name: {**entry, "files": sorted(entry["files"])} for name, entry in shards.items()}).encode()
    return path.read_bytes()


def stamps(folder: Path) -> dict[str, tuple[int, int]]:
    """Size and mtime of every file of a run but its logs."""
    return {
        str(p.relative_to(folder)): (p.stat().st_size, p.stat().st_mtime_ns)
        for p in sorted(folder.rglob("*"))
        if p.is_file() and "logs" not in p.relative_to(folder).parts
    }
