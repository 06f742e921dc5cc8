"""Where redirects lead. Those that lead inwards or nowhere are among the cases of tests/hostile."""

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
