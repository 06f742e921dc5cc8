"""The process that opens what strangers wrote. It is given bytes and gives bytes back, and can do nothing else.

It has no environment to speak of, may take so much memory and no more, and once it is warm it cannot open a file
or a socket. What comes out is no pickle: whoever takes over this process can only send wrong pixels.
"""

import contextlib
import io
import json
import resource
import socket
import struct
import sys
from pathlib import Path
from typing import Any

from PIL import Image, ImageCms, MpoImagePlugin, TiffImagePlugin

from curate.image_store import StorePolicy, store
from curate.images import FORMATS, Failed
from curate.outcomes import Outcome

HEAD = struct.Struct("<II")  # bytes of JSON, bytes of image
_LATE = (MpoImagePlugin, TiffImagePlugin)  # Pillow imports them when it meets EXIF, or several pictures in one JPEG
MEMORY = 1 << 30  # of address space, beside what it needs to start; what decoding may take is the policy's to say


def main() -> None:
    """Serve over the socket that is its standard input, until the other side closes it."""
    policy = StorePolicy(**json.loads(sys.argv[1]))
    _warm_up()
    _give_up_rights()
    with socket.socket(fileno=0) as line:
        while (head := _take(line, HEAD.size)) is not None:
            data = _take(line, HEAD.unpack(head)[1])
            if data is None:
                return
            facts, image = answer(bytes(data), policy)
            about = json.dumps(facts).encode()
            line.sendall(HEAD.pack(len(about), len(image)) + about)
            line.sendall(image)


def answer(data: bytes, policy: StorePolicy) -> tuple[dict[str, Any], bytes]:
    """What is known of the bytes, and the image to store."""
    try:
        found = store(data, policy)
    except MemoryError:
        found = Failed(Outcome.TOO_MANY_PIXELS, "more memory than a decoder may use")
    if isinstance(found, Failed):
        return {"outcome": found.outcome.value, "message": found.message}, b""
    sizes = {name: value for name, value in vars(found).items() if name != "data"}
    return {"sizes": sizes}, found.data


def _take(line: socket.socket, size: int) -> bytearray | None:
    found, at = bytearray(size), 0
    view = memoryview(found)
    while at < size:
        count = line.recv_into(view[at:])
        if not count:
            return None
        at += count
    return found


def _warm_up() -> None:
    """Everything that is imported or opened late is imported and opened now."""
    exif = Image.Exif()
    exif[0x0112] = 6
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    for mode in ("RGB", "RGBA", "L", "P", "CMYK"):
        for image_format in FORMATS:
            for more in ({}, {"exif": exif, "icc_profile": profile}):
                with contextlib.suppress(OSError, ValueError):
                    out = io.BytesIO()
                    Image.new(mode, (64, 48)).save(out, image_format, **more)
                    answer(out.getvalue(), StorePolicy(16, encode_quality=9))
    for kept in ("jpg", "png", "webp"):
        answer(out.getvalue(), StorePolicy(16, encode_format=kept, encode_quality=9))
    Image.preinit()


def _give_up_rights() -> None:
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    for what, most in (
        (resource.RLIMIT_AS, used + MEMORY),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, 0),  # what is open stays open
    ):
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(what, (most, most))
