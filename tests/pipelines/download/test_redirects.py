"""Redirects are followed here, each hop under the same checks as a first URL."""

import pytest

from curate.schema import Outcome

PUBLIC = "93.184.216.34"


def chain(ask, jpeg: bytes, hops: int) -> dict:
    return {**{f"/{n}": ask.redirect(f"/{n + 1}") for n in range(hops)}, f"/{hops}": ask.reply(jpeg)}


def test_chains(ask, jpeg) -> None:
    talk = ask(chain(ask, jpeg, 5), "/0", "/3")
    assert [r.outcome for r in talk.results] == [Outcome.OK, Outcome.OK]
    assert talk.results[0].final_url == f"http://127.0.0.1:{talk.web.port}/5"
    assert talk.results[0].attempts == 1
    too_long = ask(chain(ask, jpeg, 6), "/0")
    assert too_long.only.outcome is Outcome.BAD_REDIRECT
    assert too_long.web.requests == [f"/{n}" for n in range(6)]
    assert ask(chain(ask, jpeg, 1), "/0", max_redirects=0).only.outcome is Outcome.BAD_REDIRECT


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"])
def test_kinds_of_redirect(ask, jpeg, status: str) -> None:
    talk = ask({"/a/b": ask.redirect("../c", status), "/c": ask.reply(jpeg)}, "/a/b")
    assert talk.only.outcome is Outcome.OK


@pytest.mark.parametrize(
    ("location", "path"),
    [
        ("c?x=1#part", "/a/c?x=1"),
        ("/c", "/c"),
        ("//127.0.0.1:{port}/c", "/c"),
        ("http://127.0.0.1:{port}/c", "/c"),
        ("HTTP://user:pw@127.0.0.1:{port}", "/"),
        ("?q", "/a/b?q"),
        ("/with space", "/with%20space"),
        ("/caf\u00e9", "/caf%C3%A9"),
        ("/caf\udce9", "/caf%E9"),  # a server's raw Latin-1 byte
        (" /trimmed ", "/trimmed"),
        ("\\c", "/c"),
        ("/x/../c", "/c"),
    ],
)
def test_where_a_redirect_leads(ask, jpeg, location: str, path: str) -> None:
    talk = ask({"/a/b": ask.redirect(location), path: ask.reply(jpeg)}, "/a/b")
    assert talk.only.outcome is Outcome.OK
    assert talk.web.requests == ["/a/b", path]


@pytest.mark.parametrize(
    "location",
    [
        "file:///etc/passwd",
        "ftp://a.example/x",
        "data:image/png;base64,AAAA",
        "javascript:alert(1)",
        "gopher://a.example/",
        "http://",
        "http://[::zz]/",
        "http://a b.example/",
        "http://a.example:99999/",
        "http://public.example:8080/x",
        "http://public.example:22/",
        "http://" + "a" * 300 + ".example/",
        "/" + "a" * 8_000 + "b" * 300,
        "",
        "/0",  # itself
    ],
)
def test_redirects_to_nowhere(ask, location: str) -> None:
    resolver = ask.Resolver(public_example=[[PUBLIC]])
    talk = ask({"/0": ask.redirect(location)}, resolver=resolver, retries=2)
    assert talk.only.outcome in (Outcome.BAD_REDIRECT, Outcome.RESET)  # RESET: a header over 8 KB is refused
    assert talk.connects.addresses[0][1] == talk.web.port
    assert {port for _, port in talk.connects.addresses} == {talk.web.port}


def test_a_circle_of_two(ask) -> None:
    talk = ask({"/a": ask.redirect("/b"), "/b": ask.redirect("/a")}, "/a")
    assert talk.only.outcome is Outcome.BAD_REDIRECT and "circle" in (talk.only.message or "")
    assert talk.web.requests == ["/a", "/b"]


FORBIDDEN = [
    "http://127.0.0.1/",
    "http://127.0.0.1:80/x",
    "https://127.0.0.1/",
    "http://localhost/",
    "http://inside.example/",
    "http://mixed.example/",
    "http://2130706433/",
    "http://0x7f000001/",
    "http://127.1/",
    "http://0/",
    "http://[::1]/",
    "http://[::ffff:127.0.0.1]/",
    "http://[64:ff9b::7f00:1]/",
    "http://10.0.0.1/",
    "http://192.168.1.1/",
    "http://169.254.169.254/latest/meta-data/",
    "http://100.100.100.200/",
    "http://0177.0.0.1/",
    "//127.0.0.1/",
    "http:\\\\127.0.0.1\\",
]


@pytest.mark.parametrize("location", FORBIDDEN)
@pytest.mark.parametrize("hops", [0, 2])
def test_no_redirect_reaches_a_private_address(ask, location: str, hops: int) -> None:
    resolver = ask.Resolver(
        localhost=[["127.0.0.1", "::1"]],
        inside_example=[["10.1.2.3"]],
        mixed_example=[[PUBLIC, "127.0.0.1"]],
    )
    answers = {f"/{n}": ask.redirect(f"/{n + 1}") for n in range(hops)}
    talk = ask({**answers, f"/{hops}": ask.redirect(location)}, "/0", resolver=resolver)
    assert talk.only.outcome is Outcome.PRIVATE_ADDRESS
    assert "public address" in (talk.only.message or "")  # found before the connect, not by its last guard
    assert talk.connects.addresses == [("127.0.0.1", talk.web.port)] * (hops + 1)
    assert len(talk.web.requests) == hops + 1


def test_a_forbidden_port_of_an_allowed_address_is_never_touched(ask) -> None:
    """A listener beside the allowed server counts its visitors: there are none."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as forbidden:
        port = forbidden.getsockname()[1]
        forbidden.settimeout(0.2)
        talk = ask({"/": ask.redirect(f"http://127.0.0.1:{port}/")}, f"http://127.0.0.1:{port}/", "/")
        assert [r.outcome for r in talk.results] == [Outcome.PRIVATE_ADDRESS] * 2
        with pytest.raises(TimeoutError):
            forbidden.accept()
