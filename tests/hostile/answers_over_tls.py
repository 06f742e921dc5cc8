"""Secure connections that are not: each server is real, its certificates are made here."""

import contextlib
import datetime
import os
import ssl
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

import trustme

from tests.hostile.bodies import JPEG
from tests.hostile.cases import Case
from tests.hostile.site import reply

IMAGE = reply(JPEG)
YESTERDAY = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)
NAMES = ("good", "expired", "stranger", "selfsigned", "unknown", "old")


def servers() -> tuple[trustme.CA, dict[str, ssl.SSLContext]]:
    """The authority to be trusted, and a context for every kind of server."""
    trusted, unknown = trustme.CA(), trustme.CA()
    made = {name: ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER) for name in NAMES}
    for name, issuer, host in [
        ("good", trusted, "good.hostile.test"),
        ("stranger", trusted, "somebody-else.test"),
        ("unknown", unknown, "unknown.hostile.test"),
        ("old", trusted, "old.hostile.test"),
    ]:
        issuer.issue_cert(host).configure_cert(made[name])
    trusted.issue_cert("expired.hostile.test", not_after=YESTERDAY).configure_cert(made["expired"])
    trustme.CA().issue_cert("selfsigned.hostile.test").configure_cert(made["selfsigned"])
    made["old"].set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        made["old"].minimum_version = made["old"].maximum_version = ssl.TLSVersion.TLSv1
    return trusted, made


@contextlib.contextmanager
def trusting(authority: trustme.CA) -> Iterator[None]:
    """This process believes the authority while it lasts."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ca.pem"
        authority.cert_pem.write_to_path(str(path))
        before = os.environ.get("SSL_CERT_FILE")
        os.environ["SSL_CERT_FILE"] = str(path)
        try:
            yield
        finally:
            if before is None:
                del os.environ["SSL_CERT_FILE"]
            else:
                os.environ["SSL_CERT_FILE"] = before


def secure(name: str, server: str, outcome: str, requests: int, host: str = "") -> Case:
    url = f"https://{host or server}.hostile.test:{{{server}}}/{{id}}/x.jpg"
    return Case(f"TLS: {name}", {"outcome": outcome, "requests": requests}, (url, IMAGE))


CASES = [
    secure("a good certificate", "good", "ok", 1),
    secure("an expired certificate", "expired", "tls", 0),
    secure("a certificate for another host", "stranger", "tls", 0),
    secure("a good certificate, asked under another name", "good", "tls", 0, "evil"),
    secure("an authority that nobody knows", "unknown", "tls", 0),
    secure("another authority that nobody knows", "selfsigned", "tls", 0),
    secure("TLS 1.0: it hangs up in the handshake", "old", "connect", 0),
    Case("TLS: plain HTTP at the secure port", {"outcome": "tls", "requests": 0}, ("https://{host}/{id}/x.jpg", IMAGE)),
    Case(
        "TLS: plain HTTP is asked of a secure port",
        {"outcome": "reset", "requests": 0},
        ("http://{id}.hostile.test:{good}/{id}/x.jpg", IMAGE),
    ),
]
