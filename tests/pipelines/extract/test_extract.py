"""`curate extract` as a user runs it: one list over all files, made once, the same however it was made."""

import gzip
import json
import os
import signal
import subprocess
import sys
import time

import fsspec
import polars as pl
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from curate.errors import InputError, MachineError, QuarantineError
from pipelines.cli import main
from pipelines.extract.extract import Extracted, extract
from pipelines.extract.rows import COLUMNS, Row
from pipelines.extract.sources import Options
from pipelines.progress import Quiet
from pipelines.recipe import Engine, load
from pipelines.run import Runner
from tests.pipelines.extract.pages import NEWS_URL, PAGES, answer, members, record, warc_records, wat_record
from tests.pipelines.web import contents, recipe_for, small_site, stamps

SERIAL = Engine(kind="serial")


@pytest.fixture
def curate(capsys):
    """The command in this process: exit code, stdout, stderr."""

    def run(*arguments):
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        said = capsys.readouterr()
        return ended.value.code, said.out, said.err

    return run


def made(patterns, out, engine=SERIAL, **options) -> Extracted:
    return extract([str(p) for p in patterns], str(out), Options(**options), engine, Quiet())


def listed(out) -> list[Row]:
    return [Row(*row) for row in pl.read_parquet(f"{out}/*.parquet").rows()]


def first_seen(rows: list[Row]) -> list[Row]:
    seen: dict = {}
    for row in rows:
        seen.setdefault((row.url, row.caption), row)
    return list(seen.values())


@pytest.fixture
def crawl(tmp_path):
    """Three files that share images: a WARC, a WAT, a saved page; and what must come of them in that order."""
    folder = tmp_path / "crawl"
    folder.mkdir()
    (folder / "a.warc.gz").write_bytes(b"".join(members(warc_records())))
    links = [
        {"path": "IMG@/src", "url": "https://news.example/2024/c.jpg", "alt": alt} for alt in ("Rescue boat", "new")
    ]
    (folder / "b.warc.wat.gz").write_bytes(gzip.compress(wat_record("http://wat.example/", {"Links": links})))
    (folder / "c.html").write_bytes(PAGES[0].body)
    every = [row for page in PAGES for row in page.rows]
    every.append(Row("https://news.example/2024/c.jpg", "new", None, "http://wat.example/", None))
    # The saved page is known by its canonical link only, against which other references are resolved.
    saved = "https://news.example/canonical"
    title = PAGES[0].rows[0].title
    for url, caption in (("photos/b.jpg", "A fallen tree"), ("c.jpg", "Rescue boat")):
        every.append(Row(f"https://news.example/{url}", caption, title, saved, "en"))
    return folder, first_seen(every)


def test_a_list_has_every_pair_once_in_the_order_of_the_files(crawl, tmp_path):
    folder, expected = crawl
    found = made([folder / "*"], tmp_path / "out")
    assert listed(tmp_path / "out") == expected
    assert pl.read_parquet(tmp_path / "out/*.parquet").columns == COLUMNS.names
    assert found.files == 3 and found.pages == 8 and found.rows == len(expected) and found.made == 2
    assert found.images == found.rows + sum(found.dropped.values()) and found.dropped["duplicate"] == 6
    # The other way round other rows come first, and the pairs are the same.
    made([folder / "c.html", folder / "b*", folder / "a*"], tmp_path / "back")
    pairs = {(row.url, row.caption) for row in listed(tmp_path / "back")}
    assert pairs == {(row.url, row.caption) for row in expected}
    assert listed(tmp_path / "back")[0].page == "https://news.example/canonical"


def test_a_second_time_nothing_is_made_and_a_new_file_adds_its_own(crawl, tmp_path, monkeypatch):
    monkeypatch.setattr("pipelines.extract.extract.UNIT_BYTES", 1)  # a unit for each file
    folder, expected = crawl
    out = tmp_path / "out"
    assert made([folder / "*"], out).made == 6
    before = stamps(out)
    again = made([folder / "*"], out)
    assert again.made == 0 and again.rows == len(expected) and stamps(out) == before
    (folder / "d.html").write_bytes(b"<base href='http://d.example/'><img src=a.jpg alt=d>")
    grown = made([folder / "*"], out)
    assert grown.made == 2 and grown.rows == len(expected) + 1
    assert {name: stamp for name, stamp in stamps(out).items() if "manifest" not in name}.items() >= {
        name: stamp for name, stamp in before.items() if "manifest" not in name
    }.items()
    (folder / "d.html").unlink()
    made([folder / "*"], out)
    assert not [name for name in contents(out) if "00003" in name] and listed(out) == expected
    (out / "00001.parquet").write_bytes(b"broken")
    assert made([folder / "*"], out).made == 1 and listed(out) == expected


def test_a_row_that_leaves_an_earlier_file_comes_back_from_a_later_one(tmp_path, monkeypatch):
    monkeypatch.setattr("pipelines.extract.extract.UNIT_BYTES", 1)
    image = "<base href='http://a.example/'><img src={}.jpg alt=x>"
    for name in "ab":
        (tmp_path / f"{name}.html").write_text(image.format(1))
    files = [tmp_path / "a.html", tmp_path / "b.html"]
    assert made(files, tmp_path / "out").rows == 1
    (tmp_path / "a.html").write_text(image.format(2))
    assert made(files, tmp_path / "out").rows == 2
    assert [row.url for row in listed(tmp_path / "out")] == ["http://a.example/2.jpg", "http://a.example/1.jpg"]


def test_how_files_are_put_together_changes_no_row(crawl, tmp_path, monkeypatch):
    folder, expected = crawl
    monkeypatch.setattr("pipelines.extract.extract.UNIT_BYTES", 1)
    monkeypatch.setattr("pipelines.extract.task.BATCH", 2)
    monkeypatch.setattr("pipelines.extract.unique.PART", 3)
    made([folder / "*"], tmp_path / "out")
    assert listed(tmp_path / "out") == expected


@pytest.mark.slow
def test_ray_and_serial_write_the_same_bytes(crawl, tmp_path, monkeypatch):
    monkeypatch.setattr("pipelines.extract.extract.UNIT_BYTES", 1)
    folder, _ = crawl
    made([folder / "*"], tmp_path / "one")
    made([folder / "*"], tmp_path / "two", Engine(kind="ray", workers=2))
    one, two = contents(tmp_path / "one"), contents(tmp_path / "two")
    differ = {name for name in one.keys() | two.keys() if one.get(name) != two.get(name)}
    assert all(name.startswith("logs/") for name in differ)


def large(path, pages):
    body = b"<html><title>t</title>" + b"<p>words</p>" * 400 + b"<img src=%d.jpg alt='picture of %d'>"
    with open(path, "wb") as stream:
        for i in pages:
            stream.write(gzip.compress(record(f"http://l.example/{i % 700}/", answer(body % (i % 50, i % 50)))))


SCRIPT = """
import sys, pipelines.extract.extract as e
from pipelines.cli import main
e.UNIT_BYTES = 1
main(sys.argv[1:])
"""


def test_killed_and_started_again_it_ends_in_the_same_list(tmp_path, monkeypatch):
    monkeypatch.setattr("pipelines.extract.extract.UNIT_BYTES", 1)
    for number in range(4):  # a quarter of each file's rows are in the one before, too
        large(tmp_path / f"{number}.warc.gz", range(number * 150, number * 150 + 200))
    whole = made([tmp_path / "*.warc.gz"], tmp_path / "whole")
    results = {name: data for name, data in contents(tmp_path / "whole").items() if "logs" not in name}
    for number, ends in ((signal.SIGKILL, -9), (signal.SIGINT, 130)):
        out = tmp_path / f"out{number}"
        command = [
            sys.executable,
            "-c",
            SCRIPT,
            "extract",
            f"{tmp_path}/*.warc.gz",
            "--engine",
            "serial",
            "--out",
            str(out),
        ]
        process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        while not (out / "parts" / "00000.json").exists():
            time.sleep(0.01)
        os.kill(process.pid, number)
        _, said = process.communicate()
        assert process.returncode == ends
        assert number == signal.SIGKILL or "To go on:\n  curate extract " in said
        assert not (out / "00000.parquet").exists()
        resumed = made([tmp_path / "*.warc.gz"], out)
        assert 4 < resumed.made <= whole.made == 8 and resumed.rows == whole.rows == 650
        assert {name: data for name, data in contents(out).items() if "logs" not in name} == results


def test_a_list_is_what_a_run_takes(tmp_path):
    with small_site() as site:
        body = "".join(f'<img src="/{i}.jpg" alt="a picture of thing number {i}">' for i in range(30))
        body += '<img src="/gone.jpg" alt="nothing is here"><img src="/0.jpg" alt="a picture of thing number 0">'
        (tmp_path / "page.html").write_text(f"<html><base href='http://pictures.test/'>{body}")
        made([tmp_path / "page.html"], tmp_path / "urls")
        recipe = recipe_for(tmp_path / "run", site, [], input={"urls": "../urls/*.parquet"})
        summary = Runner(load(recipe)).run()
    assert summary.asked == 31 and summary.outcomes == {"ok": 30, "404": 1} and summary.kept > 20


def test_the_command(crawl, tmp_path, monkeypatch, curate):
    folder, expected = crawl
    monkeypatch.chdir(tmp_path)
    code, out, err = curate("extract", f"{folder}/*", "--out", "urls", "--engine", "serial")
    assert code == 0 and f"{len(expected)} rows" in out and "urls/*.parquet" in out
    assert "duplicate: 6" in out and "extract" in err
    (folder / "z.warc.gz").write_bytes((folder / "a.warc.gz").read_bytes()[:-40])
    code, out, err = curate("extract", f"{folder}/*", "--out", "urls", "--engine", "serial", "--json")
    found = json.loads(out)
    assert code == 0 and found["rows"] == len(expected) and found["records"]["damaged"] == 1
    assert found["troubles"] == {str(folder / "z.warc.gz"): "its end is missing"}
    page = ["extract", folder / "c.html", "--page", NEWS_URL, "--out", "one", "--engine", "serial", "--keep-empty"]
    assert curate(*page)[0] == 0
    assert [row.url for row in listed(tmp_path / "one") if not row.caption] == [
        "https://news.example/static/logo.svg",
        "https://news.example/d.jpg",
    ]


def test_wrong_uses_have_their_exit_codes(crawl, tmp_path, monkeypatch, curate):
    folder, _ = crawl
    monkeypatch.chdir(tmp_path)
    for wrong, words, *arguments in (
        (2, "--out", folder / "c.html"),
        (4, "--page", f"{folder}/*", "--out", "x", "--page", NEWS_URL),
        (2, "--page", folder / "c.html", "--out", "x", "--page", "file:///etc/passwd"),
        (2, "--engine", folder / "c.html", "--out", "x", "--engine", "spark"),
        (4, "no such file", folder / "none*.warc", "--out", "x"),
    ):
        code, _, said = curate("extract", *arguments)
        assert code == wrong and words in said, said
    assert not (tmp_path / "x").exists()
    (tmp_path / "a.pdf").write_bytes(b"%PDF-1.7")
    with pytest.raises(InputError, match="neither WARC nor WAT nor HTML"):
        made([tmp_path / "a.pdf"], tmp_path / "out")
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "thesis.tex").write_text("years of work")
    with pytest.raises(MachineError, match="holds other things"):
        made([folder / "c.html"], tmp_path / "thesis")
    (tmp_path / "thesis" / "thesis.tex").rename(tmp_path / "thesis" / "recipe.yaml")
    (tmp_path / "thesis" / "logs").mkdir()
    with pytest.raises(MachineError, match="holds other things"):
        made([folder / "c.html"], tmp_path / "thesis")


def test_files_are_read_from_any_file_system(crawl, tmp_path):
    folder, expected = crawl
    memory = fsspec.filesystem("memory")
    for path in folder.iterdir():
        memory.pipe_file(f"/extract-test/{path.name}", path.read_bytes())
    found = made(["memory://extract-test/*"], tmp_path / "out")
    assert found.rows == len(expected) and listed(tmp_path / "out") == expected
    assert made(["memory://extract-test/*"], tmp_path / "out").made == 0


class Failing(MemoryFileSystem):
    """A store of which some files cannot be read to their end."""

    protocol = "failing"

    @classmethod
    def _strip_protocol(cls, path):
        return super()._strip_protocol(path.replace("failing://", "memory://", 1))

    def _open(self, path, mode="rb", **options):
        stream = super()._open(path, mode, **options)
        if mode == "rb" and "lost" in path:
            stream.read = lambda size=-1: (_ for _ in ()).throw(OSError("the connection broke"))
        return stream


def test_a_file_that_cannot_be_read_is_left_out_and_said(tmp_path):
    fsspec.register_implementation("failing", Failing, clobber=True)
    store = fsspec.filesystem("failing")
    for name in ("a.html", "lost.html", "z.html"):
        store.pipe_file(f"/pages/{name}", f"<base href='http://{name}/'><img src=i.jpg alt=x>".encode())
    with pytest.raises(QuarantineError, match="1 files could not be read") as error:
        made(["failing://pages/*"], tmp_path / "out")
    assert error.value.exit_code == 6
    assert [row.url for row in listed(tmp_path / "out")] == ["http://a.html/i.jpg", "http://z.html/i.jpg"]
    about = json.loads((tmp_path / "out/parts/00000.json").read_bytes())
    assert list(about["troubles"]) == ["failing:///pages/lost.html"]


def test_help_names_the_columns(curate):
    text = curate("extract", "--help")[1]
    assert all(name in text for name in COLUMNS.names)
