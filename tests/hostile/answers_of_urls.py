"""URLs as strangers write them: what a browser would fetch is fetched, what is no web address is refused unasked."""

import tempfile
from pathlib import Path

from tests.hostile.bodies import JPEG
from tests.hostile.cases import Case
from tests.hostile.site import reply

SECRET = Path(tempfile.gettempdir()) / "a_file_that_no_url_may_open.jpg"  # it is there while the suite runs
IMAGE = reply(JPEG)


def fetched(name: str, url: str, target: str, known: str = "") -> Case:
    """Asked for once, at `target`."""
    return Case(f"URL: {name}", {"outcome": "ok", "requests": 1, "target": target}, (url, IMAGE), known)


def refused(name: str, url: str, outcome: str = "bad_url") -> Case:
    return Case(f"URL: {name}", {"outcome": outcome, "requests": 0, "opened": False}, (url, IMAGE))


FETCHED = [
    fetched("with a space", "{base}/a b.jpg", "/a%20b.jpg"),
    fetched("with spaces around", "  {base}/x.jpg \n", "/x.jpg"),
    fetched("with \u00e9", "{base}/caf\u00e9.jpg", "/caf%C3%A9.jpg"),
    fetched("in Japanese", "{base}/\u65e5\u672c.jpg?q=\u00fc", "/%E6%97%A5%E6%9C%AC.jpg?q=%C3%BC"),
    fetched("with an emoji", "{base}/\U0001f600.jpg", "/%F0%9F%98%80.jpg"),
    fetched("escaped already", "{base}/a%20b%2Fc.jpg", "/a%20b%2Fc.jpg"),
    fetched("with a lone percent", "{base}/100%.jpg", "/100%.jpg"),
    fetched("with a broken escape", "{base}/%zz%1.jpg", "/%zz%1.jpg"),
    fetched("with quotes and brackets", '{base}/"<a>`.jpg', "/%22%3Ca%3E%60.jpg"),
    fetched("with a comma and a semicolon", "{base}/a,b;c=1.jpg", "/a,b;c=1.jpg"),
    fetched("with square brackets", "{base}/a[1].jpg", "/a[1].jpg"),
    fetched("with backslashes", "{base}\\a\\b.jpg", "/a/b.jpg"),
    fetched("with dots", "{base}/a/../b/./c.jpg", "/b/c.jpg"),
    fetched("with escaped dots", "{base}/a/%2e%2E/b.jpg", "/b.jpg"),
    fetched("with a fragment", "{base}/x.jpg#part?no", "/x.jpg"),
    fetched("with a URL in the query", "{base}/x?u=http://b.test/?y=1&z=2", "/x?u=http://b.test/?y=1&z=2"),
    fetched("with an empty query", "{base}/x.jpg?", "/x.jpg?", "the ? is dropped"),
    fetched("with double slashes", "{base}//x//y.jpg", "//x//y.jpg"),
    fetched("with a name and password", "http://me:pa55@{host}/{id}/x.jpg", "/x.jpg"),
    fetched("with two @", "http://me@other.test@{host}/{id}/x.jpg", "/x.jpg"),
    fetched("with a scheme in capitals", "HTTP://{host}/{id}/x.jpg", "/x.jpg"),
    fetched("with a host in capitals", "http://{HOST}/{id}/x.jpg", "/x.jpg"),
    fetched("with an escaped host", "http://%61.hostile.test:{port}/{id}/x.jpg", "/x.jpg"),
    fetched("with an umlaut host", "http://b\u00fccher.hostile.test:{port}/{id}/x.jpg", "/x.jpg"),
    fetched("with a Japanese host", "http://\u65e5\u672c\u8a9e.hostile.test:{port}/{id}/x.jpg", "/x.jpg"),
    fetched("with an underscore host", "http://my_site.hostile.test:{port}/{id}/x.jpg", "/x.jpg"),
    fetched("with a dot behind the host", "http://dot.hostile.test.:{port}/{id}/x.jpg", "/x.jpg"),
    fetched(
        "with zeros before the port",
        "http://zeros.hostile.test:0{port}/{id}/x.jpg",
        "/x.jpg",
    ),
    fetched("of 7,000 characters", "{base}/" + "a" * 7_000, "/" + "a" * 7_000),
    fetched("with an old-style path parameter", "{base}/x;v=1.jpg?a=b;c=d", "/x;v=1.jpg?a=b;c=d"),
]

REFUSED = [
    refused("empty", ""),
    refused("only spaces", "   "),
    refused("null", "null"),
    refused("None", "None"),
    refused("NaN", "nan"),
    refused("a word", "x"),
    refused("file:", f"file://{SECRET}"),
    refused("file: with one slash", f"file:{SECRET}"),
    refused("file: with a host", f"file://localhost{SECRET}"),
    refused("FILE:", f"FILE://{SECRET}"),
    refused("a bare path", str(SECRET)),
    refused("a bare path and spaces", f"  {SECRET} "),
    refused("a relative path", "../../../../../../../../tmp/a_file_that_no_url_may_open.jpg"),
    refused("a home path", "~/x.jpg"),
    refused("a Windows path", "C:\\pictures\\x.jpg"),
    refused("a share", "\\\\host\\share\\x.jpg"),
    refused("data:", "data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAAAQABAAA="),
    refused("javascript:", "javascript:alert(1)"),
    refused("ftp:", "ftp://ftp.hostile.test:{port}/{id}/x.jpg"),
    refused("s3:", "s3://bucket/x.jpg"),
    refused("gs:", "gs://bucket/x.jpg"),
    refused("hdfs:", "hdfs://name/x.jpg"),
    refused("pipe:", f"pipe:cat {SECRET}"),
    refused("a command", f"| cat {SECRET}"),
    refused("about:", "about:blank"),
    refused("blob:", "blob:http://a.test/1"),
    refused("view-source:", "view-source:http://{host}/{id}/x.jpg"),
    refused("jar:", "jar:http://{host}/{id}/x.zip!/y.jpg"),
    refused("gopher:", "gopher://{host}/{id}/x.jpg"),
    refused("dict:", "dict://{host}/d:x"),
    refused("ldap:", "ldap://{host}/x"),
    refused("ws:", "ws://{host}/{id}/x.jpg"),
    refused("no scheme", "{host}/{id}/x.jpg"),
    refused("two slashes only", "//{host}/{id}/x.jpg"),
    refused("http: without slashes", "http:{host}/{id}/x.jpg"),
    refused("http:/ with one slash", "http:/{host}/{id}/x.jpg"),
    refused("no host", "http:///x.jpg"),
    refused("only a name and password", "http://me:pw@/x.jpg"),
    refused("a space in the host", "http://a b.hostile.test/x.jpg"),
    refused("an empty label in the host", "http://a..hostile.test/x.jpg"),
    refused("a host of 300 letters", "http://" + "abcdefgh." * 40 + "test/x.jpg"),
    refused("a label of 64 letters", "http://" + "a" * 64 + ".hostile.test/x.jpg"),
    refused("a NUL in the host", "http://a%00.hostile.test/x.jpg"),
    refused("port 0", "http://a.hostile.test:0/x.jpg"),
    refused("port 65536", "http://a.hostile.test:65536/x.jpg"),
    refused("a negative port", "http://a.hostile.test:-1/x.jpg"),
    refused("a port in words", "http://a.hostile.test:http/x.jpg"),
    refused("port 22", "http://ssh.public.test:22/x.jpg"),
    refused("port 25", "http://mail.public.test:25/x.jpg"),
    refused("port 6379", "http://redis.public.test:6379/x.jpg"),
    refused("CRLF and a header", "{base}/x\r\nX-Injected: yes"),
    refused("CRLF in the host", "http://{host}\r\nX-Injected: yes/{id}/x.jpg"),
    refused("a line end inside", "{base}/x\ny.jpg"),
    refused("a tab inside", "{base}/x\ty.jpg"),
    refused("a NUL", "{base}/x\0.jpg"),
    refused("a DEL", "{base}/x\x7f.jpg"),
    refused("an escape sequence", "{base}/\x1b[31m.jpg"),
    refused("half a character", "{base}/\ud800.jpg"),
    refused("100 KB", "{base}/" + "x" * 100_000),
    refused("5,000 umlauts", "{base}/" + "\u00fc" * 5_000),
    refused("a broken IPv6 host", "http://[::1/x.jpg"),
    refused("two URLs", "{base}/x.jpg\n{base}/y.jpg"),
    refused("a quoted URL", '"{base}/x.jpg"'),
    refused("a link in HTML", "<a href={base}/x.jpg>"),
    refused("a name that is not there", "http://nowhere.invalid/x.jpg", "dns"),
]
CASES = [*FETCHED, *REFUSED]
