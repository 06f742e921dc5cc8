"""Every behaviour of the planted web, over real sockets."""

import concurrent.futures
import contextlib
import gzip
import http.client
import io
import json
import socket
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import polars as pl
import pytest
from PIL import Image

from curate.planted import PlantedServer, PlantedWeb
from curate.planted.answers import FAILING, OK_SHARES, Behaviour, outcome_of, pixel_bomb
from curate.planted.exchange import ENDLESS_BYTES

IMAGE_TYPES = {"image/jpeg", "image/png", "image/webp", "image/gif"}


def connect(server: PlantedServer, timeout: float = 5) -> http.client.HTTPConnection:
    return http.client.HTTPConnection(server.address, timeout=timeout)


def ask(connection: http.client.HTTPConnection, url: str) -> http.client.HTTPResponse:
    parts = urlsplit(url)
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    connection.request("GET", target, headers={"Host": parts.netloc})
    return connection.getresponse()


def fetch(server: PlantedServer, url: str) -> tuple[int, dict[str, str], bytes]:
    connection = connect(server)
    try:
        response = ask(connection, url)
        return response.status, {k.lower(): v for k, v in response.getheaders()}, response.read()
    finally:
        connection.close()


def raw_request(url: str) -> bytes:
    parts = urlsplit(url)
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    return f"GET {target} HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n".encode()


def opens(body: bytes) -> bool:
    Image.open(io.BytesIO(body)).load()
    return True


@pytest.fixture(scope="session")
def url_of(truth: pl.DataFrame) -> dict[Behaviour, str]:
    return {Behaviour(b): url for b, url in truth.select("behaviour", "url").iter_rows()}


def test_every_behaviour_is_planted(url_of: dict[Behaviour, str]) -> None:
    assert set(url_of) == set(Behaviour)
    assert set(FAILING) | set(OK_SHARES) | {Behaviour.IMAGE} == set(Behaviour)


def test_no_two_pages_have_one_url(pages: pl.DataFrame, truth: pl.DataFrame) -> None:
    assert pages["url"].n_unique() == len(pages)
    served = truth.filter(pl.col("behaviour") != "no_such_host")["url"]
    assert set(served) <= set(pages["url"])
    assert all(".invalid/" in url for url in truth.filter(pl.col("answer") == "dns")["url"])


@pytest.mark.parametrize(
    ("behaviour", "status", "headers"),
    [
        (Behaviour.NOT_FOUND, 404, {}),
        (Behaviour.GONE, 410, {}),
        (Behaviour.THROTTLED, 429, {"retry-after": "1"}),
        (Behaviour.BROKEN, 500, {}),
        (Behaviour.UNAVAILABLE, 503, {"retry-after": "1"}),
        (Behaviour.NO_CONTENT, 204, {}),
        (Behaviour.EMPTY, 200, {"content-length": "0"}),
        (Behaviour.NOAI, 200, {"x-robots-tag": "noai"}),
        (Behaviour.NOIMAGEAI, 200, {"x-robots-tag": "noimageai, noindex"}),
        (Behaviour.NONE, 200, {"x-robots-tag": "none"}),
        (Behaviour.TDM, 200, {"tdm-reservation": "1"}),
        (Behaviour.OTHER_AGENT, 200, {"x-robots-tag": "googlebot: noindex"}),
        (Behaviour.REDIRECT_LOOPBACK, 302, {"location": "http://127.0.0.1:1/admin.jpg"}),
        (Behaviour.REDIRECT_LINK_LOCAL, 302, {"location": "http://169.254.0.1/latest/meta-data.jpg"}),
        (Behaviour.REDIRECT_FILE, 302, {"location": "file:///etc/hostname"}),
        (Behaviour.REDIRECT_FTP, 302, {"location": "ftp://img01.planted.example/picture.jpg"}),
        (Behaviour.HTML_AS_IMAGE, 200, {"content-type": "image/jpeg"}),
        (Behaviour.SVG, 200, {"content-type": "image/svg+xml"}),
    ],
)
def test_status_and_headers(
    server: PlantedServer,
    url_of: dict[Behaviour, str],
    behaviour: Behaviour,
    status: int,
    headers: dict[str, str],
) -> None:
    for _ in range(2):  # and it stays so
        got, fields, _body = fetch(server, url_of[behaviour])
        assert got == status
        assert {name: fields.get(name) for name in headers} == headers


@pytest.mark.parametrize("behaviour", [Behaviour.IMAGE, Behaviour.NOAI, Behaviour.TDM, Behaviour.OTHER_AGENT])
def test_images(server: PlantedServer, url_of: dict[Behaviour, str], behaviour: Behaviour) -> None:
    status, fields, body = fetch(server, url_of[behaviour])
    assert status == 200
    assert fields["content-type"] in IMAGE_TYPES
    assert opens(body)


def test_lies_about_the_type(server: PlantedServer, url_of: dict[Behaviour, str]) -> None:
    _, fields, body = fetch(server, url_of[Behaviour.IMAGE_AS_HTML])
    assert fields["content-type"].startswith("text/html")
    assert opens(body)
    assert fetch(server, url_of[Behaviour.HTML_AS_IMAGE])[2].startswith(b"<!doctype html>")
    assert fetch(server, url_of[Behaviour.SVG])[2].startswith(b"<svg")


def test_throttled_once(server: PlantedServer, url_of: dict[Behaviour, str]) -> None:
    url = url_of[Behaviour.THROTTLED_ONCE]
    status, fields, _ = fetch(server, url)
    assert (status, fields["retry-after"]) == (429, "1")
    status, _, body = fetch(server, url)
    assert status == 200
    assert opens(body)
    assert server.requests[url] == 2


@pytest.mark.parametrize(("behaviour", "status", "hops"), [
    (Behaviour.REDIRECT_301, 301, 1), (Behaviour.REDIRECT_302, 302, 1), (Behaviour.REDIRECT_307, 307, 1),
    (Behaviour.REDIRECT_308, 308, 1), (Behaviour.REDIRECT_CHAIN, 302, 3),
])  # fmt: skip
def test_redirects_lead_to_an_image(
    server: PlantedServer,
    web: PlantedWeb,
    url_of: dict[Behaviour, str],
    behaviour: Behaviour,
    status: int,
    hops: int,
) -> None:
    url = url_of[behaviour]
    for _ in range(hops):
        got, fields, _body = fetch(server, url)
        assert got == status
        url = fields["location"]
        assert urlsplit(url).hostname in web.hosts
    got, _, body = fetch(server, url)
    assert got == 200
    assert opens(body)


def test_redirect_loop(server: PlantedServer, url_of: dict[Behaviour, str]) -> None:
    url = url_of[Behaviour.REDIRECT_LOOP]
    second = fetch(server, url)[1]["location"]
    assert fetch(server, second)[1]["location"] == url


def test_gzipped(server: PlantedServer, url_of: dict[Behaviour, str]) -> None:
    _, fields, body = fetch(server, url_of[Behaviour.GZIPPED])
    assert fields["content-encoding"] == "gzip"
    assert opens(gzip.decompress(body))


def test_truncated(server: PlantedServer, url_of: dict[Behaviour, str]) -> None:
    with pytest.raises(http.client.IncompleteRead):
        fetch(server, url_of[Behaviour.TRUNCATED])


def test_corrupt(server: PlantedServer, url_of: dict[Behaviour, str]) -> None:
    _, fields, body = fetch(server, url_of[Behaviour.CORRUPT])
    assert int(fields["content-length"]) == len(body)
    with pytest.raises(OSError, match="truncated"):
        opens(body)


def test_pixel_bomb(server: PlantedServer, url_of: dict[Behaviour, str], monkeypatch: pytest.MonkeyPatch) -> None:
    body = fetch(server, url_of[Behaviour.PIXEL_BOMB])[2]
    assert len(body) < 100_000
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    assert Image.open(io.BytesIO(body)).size == (20_000, 20_000)
    assert opens(pixel_bomb(200))


def test_reset(server: PlantedServer, url_of: dict[Behaviour, str]) -> None:
    with pytest.raises(ConnectionResetError):
        fetch(server, url_of[Behaviour.RESET])


def test_slow_arrives_in_the_end(server: PlantedServer, url_of: dict[Behaviour, str]) -> None:
    start = time.monotonic()
    assert opens(fetch(server, url_of[Behaviour.SLOW])[2])
    assert 0.5 < time.monotonic() - start < 20


@pytest.mark.parametrize("behaviour", [Behaviour.SILENT, Behaviour.DRIP, Behaviour.DRIP_HEADERS])
def test_what_never_finishes(server: PlantedServer, url_of: dict[Behaviour, str], behaviour: Behaviour) -> None:
    with socket.create_connection(server.address.split(":")) as client:
        client.sendall(raw_request(url_of[behaviour]))
        client.settimeout(0.1)
        received, start = b"", time.monotonic()
        # A busy machine may need longer for what has to come.
        due = {Behaviour.SILENT: b"", Behaviour.DRIP: b"\r\n\r\n", Behaviour.DRIP_HEADERS: b"HTTP"}[behaviour]
        while time.monotonic() - start < (1.3 if due in received else 20):
            try:
                piece = client.recv(4096)
            except TimeoutError:
                continue
            assert piece, "the server hung up"
            received += piece
    assert (received == b"") == (behaviour is Behaviour.SILENT)
    assert (b"\r\n\r\n" in received) == (behaviour is Behaviour.DRIP)
    assert len(received) < 500
    assert server.requests[url_of[behaviour]] == 1


@pytest.mark.parametrize("behaviour", [Behaviour.ENDLESS, Behaviour.OVERSIZED])
def test_a_torrent_stops_when_the_client_leaves(
    server: PlantedServer, url_of: dict[Behaviour, str], behaviour: Behaviour
) -> None:
    url = url_of[behaviour]
    connection = connect(server)
    response = ask(connection, url)
    length = response.getheader("Content-Length")
    assert (length is None) == (behaviour is Behaviour.ENDLESS)
    taken = len(response.read(3 * 2**20))
    response.close()
    connection.close()
    time.sleep(0.3)
    sent = server.sent[url]
    assert 3 * 2**20 == taken <= sent < taken + 8 * 2**20
    time.sleep(0.2)
    assert server.sent[url] == sent


def test_an_endless_body_ends(server: PlantedServer, url_of: dict[Behaviour, str]) -> None:
    body = fetch(server, url_of[Behaviour.ENDLESS])[2]
    assert 20 * 2**20 < len(body) <= ENDLESS_BYTES + 2**17


def test_what_is_not_planted(server: PlantedServer) -> None:
    assert fetch(server, "http://img01.planted.example/no/such.jpg")[0] == 404
    assert fetch(server, "http://elsewhere.example/")[0] == 404


def test_resolve_maps_every_host(server: PlantedServer, web: PlantedWeb) -> None:
    assert server.resolve == {"*.planted.example": server.address}
    assert server.address.startswith("127.0.0.1:")
    assert all(host.endswith(".planted.example") for host in web.hosts)
    assert len(web.hosts) == 30


def test_one_connection_serves_many_requests(server: PlantedServer, truth: pl.DataFrame) -> None:
    urls = truth.filter(pl.col("behaviour") == "image")["url"].unique().to_list()[:40]
    connection = connect(server)
    for url in urls:
        response = ask(connection, url)
        assert opens(response.read())
        opened = connection.sock
        assert opened is not None
    assert all(server.requests[url] == 1 for url in urls)
    assert sum(server.requests.values()) == len(urls)
    connection.close()


def test_many_clients_at_once(server: PlantedServer, truth: pl.DataFrame) -> None:
    urls = truth.filter(pl.col("behaviour") == "image")["url"].unique().to_list()
    with concurrent.futures.ThreadPoolExecutor(64) as pool:
        results = list(pool.map(lambda url: fetch(server, url), urls))
    assert {status for status, _, _ in results} == {200}
    assert all(server.requests[url] == 1 for url in urls)


@pytest.fixture
def hanging(web: PlantedWeb, url_of: dict[Behaviour, str]) -> Iterator[tuple[PlantedServer, list[socket.socket]]]:
    server = PlantedServer(web.folder)
    host, port = server.address.split(":")
    clients = []
    for behaviour in (Behaviour.SILENT, Behaviour.DRIP, Behaviour.ENDLESS, Behaviour.SLOW) * 4:
        client = socket.create_connection((host, int(port)))
        client.sendall(raw_request(url_of[behaviour]))
        clients.append(client)
    clients.append(socket.create_connection((host, int(port))))  # says nothing at all
    time.sleep(0.3)
    yield server, clients
    for client in clients:
        client.close()


def test_close_is_quick_with_clients_hanging(hanging: tuple[PlantedServer, list[socket.socket]]) -> None:
    server, clients = hanging
    start = time.monotonic()
    server.close()
    assert time.monotonic() - start < 5.0
    server.close()
    silent = clients[0]
    silent.settimeout(1)
    with contextlib.suppress(ConnectionResetError):
        assert silent.recv(10) == b""
    with pytest.raises(OSError):
        socket.create_connection(tuple(server.address.split(":")), timeout=1)


def test_headers_are_json_and_answers_are_outcomes(pages: pl.DataFrame, truth: pl.DataFrame) -> None:
    assert all(isinstance(json.loads(text), dict) for text in pages["headers"])
    for behaviour, answer in truth.select("behaviour", "answer").unique().iter_rows():
        assert outcome_of(Behaviour(behaviour)).value == answer
