"""`export` and `metadata` as they are typed: what goes to other tools, and a list of concepts from one's own texts."""

from typing import Annotated

import typer

from pipelines.cli.options import Json

EXPORT_EXAMPLES = (
    "curate export runs/v1 --to shards   |   curate export --subset subset.npy --shards 'downloaded/*.tar' --to shards"
)
METADATA_EXAMPLES = (
    "curate metadata 'texts/*.txt' --titles titles.tsv --words list.txt --out metadata.txt   |   "
    "curate metadata captions.parquet --text-column caption --min-count 20 --min-pmi 15 --out metadata.txt"
)


def export(
    run: Annotated[str | None, typer.Argument(metavar="RUN", help="a run directory; or --subset and --shards")] = None,
    to: Annotated[str, typer.Option(help="the folder of the new shards")] = ...,  # type: ignore[assignment]
    subset: Annotated[
        str | None, typer.Option(metavar="FILE", help="uids: DataComp's .npy, or .parquet; default: what RUN kept")
    ] = None,
    shards: Annotated[
        list[str] | None, typer.Option(metavar="TARS", help="img2dataset's or DataComp's instead of RUN; globs")
    ] = None,
    samples_per_shard: Annotated[int, typer.Option(min=1, help="a tar is full with that many")] = 10_000,
    bytes_per_shard: Annotated[int, typer.Option(min=1, help="or from so many bytes on")] = 3_000_000_000,
    json: Json = False,
) -> None:
    """A subset as shards in DataComp's layout: each pair as often as the subset has its uid, as UID-0, UID-1, ...

    RUN/dataset has each image once with all its texts; here every kept pair is a sample of its own, with its copies.
    The same command again goes on where it was interrupted; a folder with anything else in it is left alone.
    """
    from pipelines.cli.export import export as export_subset

    if (run is None) != bool(shards):
        raise typer.BadParameter("give a run, or --subset FILE --shards TARS")
    if shards and subset is None:
        raise typer.BadParameter("--shards needs --subset FILE: which of their samples")
    export_subset(run, to, subset, shards or [], samples_per_shard, bytes_per_shard, json)


def metadata(
    texts: Annotated[
        list[str] | None, typer.Argument(help="the corpus: a passage per line, .gz, .parquet; globs")
    ] = None,
    titles: Annotated[
        list[str] | None, typer.Option(help="titles and views: .tsv, .parquet, Wikimedia's files")
    ] = None,
    words: Annotated[list[str] | None, typer.Option(help="word lists, an entry per line")] = None,
    out: Annotated[str, typer.Option("--out", "-o", help="the list to write")] = "metadata.txt",
    min_count: Annotated[int, typer.Option(min=1, help="of a word in the corpus")] = 100,
    min_pmi: Annotated[float, typer.Option(help="of two words in a row, bits")] = 30.0,
    min_pair_count: Annotated[int, typer.Option(min=1, help="of two words in a row")] = 1,
    min_views: Annotated[int, typer.Option(min=0, help="of a title")] = 70,
    project: Annotated[str, typer.Option(help="of Wikimedia's files")] = "en",
    text_column: Annotated[str, typer.Option(help="of a .parquet corpus")] = "text",
    scratch: Annotated[str | None, typer.Option(help="a folder with room for the counts of a large corpus")] = None,
    json: Json = False,
) -> None:
    """A list of concepts for the filter `concepts`, made as MetaCLIP's: numerals, word lists, words, pairs, titles.

    Nothing is downloaded: the corpus, titles and word lists are your own. An entry is of the first source that has
    it; NAME.sources.json beside the list tells which.
    """
    from pipelines.cli.metadata import Thresholds
    from pipelines.cli.metadata import metadata as build_list

    thresholds = Thresholds(min_count, min_pmi, min_pair_count, min_views, project, text_column, scratch)
    build_list(texts or [], titles or [], words or [], out, thresholds, json)
