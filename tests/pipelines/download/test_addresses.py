import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.download.addresses import BadUrl, allowed, is_public, literal_address, mapped, parse

LOOPBACK = [
    "127.0.0.1",
    "127.1",
    "127.0.1",
    "0x7f000001",
    "0x7F.1",
    "2130706433",
    "0177.0.0.1",
    "017700000001",
    "0x7f.0.0.1",
    "127.255.255.254",
    "::1",
    "::ffff:127.0.0.1",
    "::ffff:7f00:1",
    "2002:7f00:1::",
    "64:ff9b::127.0.0.1",
    "64:ff9b::7f00:1",
]
PRIVATE = [
    "0",
    "0.0.0.0",
    "10.0.0.1",
    "10.1",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "192.168.257",
    "169.254.0.1",
    "100.64.0.1",
    "192.0.0.1",
    "198.18.0.1",
    "203.0.113.5",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "fe80::1",
    "fc00::1",
    "fd00::1",
    "ff02::1",
    "2001:db8::1",
    "fe80::1%eth0",
    "2002:a00:1::",
    "::ffff:10.0.0.1",
    "64:ff9b::a00:1",
    "0xa000001",
    "167772161",
    "012.0.0.1",
]
PUBLIC = [
    "8.8.8.8",
    "134744072",
    "0x08080808",
    "1.1.1.1",
    "2606:4700:4700::1111",
    "2a00:1450:4001::200e",
    "::ffff:8.8.8.8",
    "2002:808:808::",
]


@pytest.mark.parametrize("text", LOOPBACK + PRIVATE)
def test_every_spelling_of_an_address_of_ours_is_told(text):
    address = literal_address(text)
    assert address is not None and not is_public(address)


@pytest.mark.parametrize("text", PUBLIC)
def test_public_ones_are_public(text):
    address = literal_address(text)
    assert address is not None and is_public(address)


@pytest.mark.parametrize("text", ["example.org", "1.2.3.4.5", "256.1.1.1", "0x", "08.1.1.1", "", "a.1", "1..2"])
def test_names_are_no_addresses(text):
    assert literal_address(text) is None or text == "0x"  # glibc reads a bare 0x as 0


@given(st.integers(0, 2**32 - 1))
def test_all_spellings_agree(number):
    plain = ipaddress.IPv4Address(number)
    a, b, rest = number >> 24, number >> 16 & 255, number & 0xFFFF
    for text in (str(plain), str(number), hex(number), f"0{number:o}", f"{a}.{b}.{rest}", f"{a}.{number & 0xFFFFFF}"):
        assert literal_address(text) == plain, text


GOOD = {
    "http://a.example/x y.jpg": "http://a.example/x%20y.jpg",
    "http://a.example/é.jpg?q=ü": "http://a.example/%C3%A9.jpg?q=%C3%BC",
    "http://bücher.example/": "http://xn--bcher-kva.example/",
    "HTTP://A.EXAMPLE/b": "http://a.example/b",
    "http://user:secret@a.example/b": "http://a.example/b",
    "http://a.example:8080/b#fragment": "http://a.example:8080/b",
    " https://a.example/%20 ": "https://a.example/%20",
}


@pytest.mark.parametrize(("text", "wire"), GOOD.items())
def test_usual_urls_become_what_a_browser_asks_for(text, wire):
    assert str(parse(text).url) == wire


BAD = ["", "x.jpg", "/etc/passwd", "file:///etc/passwd", "ftp://a.example/", "data:image/png;base64,AA", "javascript:1",
       "http://", "http:///x", "http://a.example/\r\nHost: b", "http://a\x00b/", "http://[::1", "http://a.example:99999/",
       "http://a.example/" + "x" * 9000, "gopher://a/", "//a.example/x"]  # fmt: skip


@pytest.mark.parametrize("text", BAD)
def test_what_is_no_web_address_is_refused_without_repeating_it(text):
    with pytest.raises(BadUrl) as error:
        parse(text)
    assert "secret" not in str(error.value) and len(str(error.value)) < 100


@given(st.text(max_size=200))
def test_any_text_is_parsed_or_refused(text):
    try:
        target = parse("http://" + text)
    except BadUrl:
        return
    wire = str(target.url)
    assert "\r" not in wire and "\n" not in wire and target.url.user is None


def test_allowed_names_hosts_and_ports():
    assert allowed("127.0.0.1", 80, ["127.0.0.1"]) and allowed("127.0.0.1", 81, ["127.0.0.1:81"])
    assert not allowed("127.0.0.1", 80, ["127.0.0.1:81"]) and not allowed("127.0.0.10", 80, ["127.0.0.1"])
    assert allowed("::1", 81, ["[::1]:81"])


def test_mapping_of_names():
    table = {"*.a.test": "127.0.0.1:9", "b.test": "127.0.0.1:8"}
    assert mapped("x.a.test", table) == "127.0.0.1:9" and mapped("b.test", table) == "127.0.0.1:8"
    assert mapped("a.test", table) is None and mapped("evil.test", table) is None
