"""The recipe's section `download`: how URLs are fetched, what of the web is respected, how images are stored."""

from typing import Any, Literal

from pydantic import Field, model_validator

from pipelines.recipe_source import Location
from pipelines.recipe_training import Section

PNG_LEVEL = 6  # zlib's own default, where the recipe names png and no quality


class Download(Section):
    """img2dataset's names and meanings where it has them."""

    engine: Literal["curate", "img2dataset"] = Field("curate", description="img2dataset: the stock one, unguarded")
    image_size: int = Field(384, ge=16, le=8192, description="px")
    resize_mode: Literal["no", "keep_ratio", "keep_ratio_largest", "center_crop", "border"] = "keep_ratio_largest"
    resize_only_if_bigger: bool = True
    encode_format: Literal["jpg", "png", "webp"] = "jpg"
    encode_quality: int = Field(95, ge=0, le=100, description="jpg, webp: 1 to 100; png: its compression, 0 to 9")
    min_image_size: int = Field(0, ge=0)
    max_aspect_ratio: float = Field(float("inf"), ge=1)
    max_pixels: int = Field(50_000_000, ge=1)
    max_side: int = Field(16_384, ge=16, le=65_535, description="px, as downloaded")
    max_bytes: int = Field(20_000_000, ge=1)
    timeout: float = Field(10.0, gt=0, le=600, description="seconds for one try, from DNS to the last byte")
    retries: int = Field(2, ge=0, le=10)
    hash_mismatch: Literal["keep", "drop", "quarantine"] = Field(
        "drop", description="bytes that are not what input.hash_column promised"
    )
    respect_opt_out: bool = True
    robots: Literal["off", "bulk", "all"] = Field("bulk", description="whose robots.txt is asked; bulk: see bulk_host")
    bulk_host: int = Field(20, ge=1, description="so many URLs of one host in a unit are a crawl, not a few pictures")
    allow_private_hosts: list[str] = Field([], description="host or host:port, for a server of your own")
    resolve: dict[str, str] = Field({}, description="host or *.suffix -> address:port, like curl's --resolve")
    contact: str = Field("", description="a page or address for the user agent")
    concurrency: int = Field(2048, ge=1, le=4096, description="the most exchanges of a worker at once")
    per_host: int = Field(8, ge=1, le=4096, description="connections to one host, of all workers together")
    per_host_rate: float = Field(0.0, ge=0, le=10_000, description="requests a second to one host; 0: no limit")

    @model_validator(mode="before")
    @classmethod
    def _as_meant(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        more: dict[str, Any] = {}
        if data.get("robots") is False:
            more["robots"] = "off"  # what YAML makes of a bare `off`
        if data.get("encode_format") == "png" and "encode_quality" not in data:
            more["encode_quality"] = PNG_LEVEL
        return {**data, **more}


def download_problems(download: Download) -> list[tuple[Location, str]]:
    """What no single key can see, each at the key that is to be changed."""
    problems: list[tuple[Location, str]] = []

    def problem(key: str, message: str) -> None:
        problems.append((("download", key), message))

    if download.encode_format == "png" and download.encode_quality > 9:
        problem(
            "encode_quality",
            f"download.encode_quality: of png it is the compression level, 0 to 9 (it says {download.encode_quality})",
        )
    if download.encode_format != "png" and download.encode_quality < 1:
        problem("encode_quality", f"download.encode_quality: of {download.encode_format} it is 1 to 100 (it says 0)")
    if download.engine == "img2dataset":
        cannot = "engine: img2dataset cannot"
        if download.resolve:
            problem("resolve", f"{cannot} resolve names for itself; take `resolve` away, or use engine: curate")
        if download.robots == "all":
            problem("robots", f"{cannot} read robots.txt; write robots: off, or use engine: curate")
        if download.per_host_rate:
            problem("per_host_rate", f"{cannot} spare a host; take `per_host_rate` away, or use engine: curate")
        if download.hash_mismatch == "quarantine":
            problem(
                "hash_mismatch",
                f"{cannot} put bytes aside: it keeps none as they came; write keep or drop, or use engine: curate",
            )
    return problems
