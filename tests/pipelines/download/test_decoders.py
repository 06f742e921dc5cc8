"""What strangers wrote is opened in processes that can do nothing else, and what breaks there costs one row."""

import asyncio
import io
import os
import resource
import signal
from pathlib import Path

import pytest
from PIL import Image

from curate.files import sha256
from curate.image_store import Stored, StorePolicy, store
from curate.images import Failed
from curate.schema import Outcome
from pipelines.download.decoders import Decoders, _Process


def photo(shade: int, size: tuple[int, int] = (320, 200), image_format: str = "JPEG") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, (shade, 90, 200)).save(out, image_format)
    return out.getvalue()


def decoding(work, count: int = 1, policy: StorePolicy | None = None):
    """Run a coroutine function with some decoders."""

    async def run():
        decoders = Decoders(policy or StorePolicy(image_size=64), count)
        try:
            return await work(decoders)
        finally:
            decoders.close()

    return asyncio.run(run())


def process_of(decoders: Decoders) -> _Process:
    (idle,) = decoders._idle
    return idle


def test_the_answer_is_that_of_store_whatever_the_bytes_and_the_format():
    bodies = [photo(9, image_format=kind) for kind in ("JPEG", "PNG", "WEBP", "GIF", "AVIF", "BMP")]
    bodies += [b"", b"<html>", photo(9)[:200], photo(3, (2, 2))]

    async def work(decoders):
        return await asyncio.gather(*map(decoders.store, bodies))

    for body, opened in zip(bodies, decoding(work, 2), strict=True):
        assert opened.found == store(body, StorePolicy(image_size=64))
        assert opened.sha256 == sha256(body)
        if isinstance(opened.found, Stored):
            assert opened.stored_sha256 == sha256(opened.found.data)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT])
def test_a_process_that_dies_is_replaced_and_no_row_is_lost(how):
    async def work(decoders):
        await decoders.store(photo(1))
        process = process_of(decoders).process
        asyncio.get_running_loop().call_later(0.05, os.kill, process.pid, how)
        os.kill(process.pid, signal.SIGSTOP)  # so that it is in the middle of the next one
        asyncio.get_running_loop().call_later(0.06, os.kill, process.pid, signal.SIGCONT)
        opened = await decoders.store(photo(2))
        return opened, process.pid != process_of(decoders).process.pid

    opened, replaced = decoding(work)
    assert isinstance(opened.found, Stored) and replaced


def test_bytes_that_always_end_the_process_are_one_worker_crash(monkeypatch):
    """The stand-in for a decoder with a hole: the program that is started ends itself at certain bytes."""
    poison = b"poison" + photo(7)
    crash = (
        "import sys, os; sys.path.append(sys.argv.pop());"
        "from pipelines.download import decode_process as d; answer = d.answer;"
        "d.answer = lambda data, policy: os.abort() if data.startswith(b'poison') else answer(data, policy); d.main()"
    )
    monkeypatch.setattr("pipelines.download.decoders.START", crash)

    async def work(decoders):
        return await asyncio.gather(*map(decoders.store, [photo(1), poison, photo(2), poison, photo(3)]))

    found = [opened.found for opened in decoding(work, 2)]
    assert [isinstance(one, Stored) for one in found] == [True, False, True, False, True]
    assert found[1].outcome is Outcome.WORKER_CRASH and "signal 6" in found[1].message


def test_a_decoder_that_hangs_is_ended(monkeypatch):
    monkeypatch.setattr("pipelines.download.decoders.SECONDS", 0.5)

    async def work(decoders):
        with stopping(decoders):
            opened = await decoders.store(photo(1))
        monkeypatch.setattr("pipelines.download.decoders.SECONDS", 60)
        return opened, await decoders.store(photo(2))

    class stopping:
        """Every process that is started is stopped at once, as if it hung."""

        def __init__(self, decoders):
            self.start = _Process.start

        def __enter__(self):
            async def start(process):
                line = await self.start(process)
                os.kill(process.process.pid, signal.SIGSTOP)
                return line

            _Process.start = start

        def __exit__(self, *_):
            _Process.start = self.start

    hung, fine = decoding(work)
    assert (
        isinstance(hung.found, Failed) and hung.found.outcome is Outcome.WORKER_CRASH and "0.5 s" in hung.found.message
    )
    assert isinstance(fine.found, Stored)


@pytest.mark.parametrize("answer", [b"\xff" * 64, b"\x02\0\0\0\0\0\0\0{]", b"\x02\0\0\0\0\0\0\0{}"])
def test_a_process_that_was_taken_over_can_only_lie_about_pixels(monkeypatch, answer):
    """No pickle is read from it: what is not an answer is a crash."""
    lie = f"import os, sys; os.read(0, 4); [os.write(0, {answer!r}) for _ in range(1)]; sys.exit(0)"
    monkeypatch.setattr("pipelines.download.decoders.START", lie)

    async def work(decoders):
        return await decoders.store(photo(1))

    assert decoding(work).found.outcome is Outcome.WORKER_CRASH


def test_it_has_no_environment_no_files_and_little_memory(monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "needle-1234")

    async def work(decoders):
        await decoders.store(photo(1))
        pid = process_of(decoders).process.pid
        limits = Path(f"/proc/{pid}/limits").read_text()
        environment = Path(f"/proc/{pid}/environ").read_bytes()
        return (
            limits,
            environment,
            [resource.prlimit(pid, what) for what in (resource.RLIMIT_NOFILE, resource.RLIMIT_AS)],
        )

    limits, environment, (files, memory) = decoding(work)
    assert b"needle" not in environment and "Max open files            0" in limits
    assert files == (0, 0) and memory[0] < 4 << 30


def test_they_end_with_the_process_that_started_them():
    async def work(decoders):
        await decoders.store(photo(1))
        return process_of(decoders).process

    assert decoding(work).returncode is not None
