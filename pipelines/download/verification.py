"""Are the bytes that came the ones that the list promised? `input.hash_column` holds their sha256.

Domains expire and are bought: 0.01 % of a well-known set could be had for $60 (Carlini et al., arXiv:2302.10149).
But honest images change too, 14 % of DataComp's by now, so what to do is a policy and no constant.

A list without hashes promises nothing. Of what comes the pool keeps the sha256, and it can be a list: a recipe with
`input: {urls: OLD_RUN/pool/*.parquet}` asks for the same bytes again. A download never compares itself with what the
same run had before, because then the same recipe and web could give two results.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from curate.images import Failed
from curate.schema import Outcome
from curate.tars import TarBuilder
from pipelines.engine.unit import Part
from pipelines.workspace import QUARANTINE

HashPolicy = Literal["keep", "drop", "quarantine"]


@dataclass(frozen=True)
class Verdict:
    """`failed` is the row's outcome, None for a row that goes on; `put_aside`: keep the bytes as downloaded."""

    failed: Failed | None = None
    put_aside: bool = False


def verify_hash(expected: str | None, digest: str, policy: HashPolicy) -> Verdict:
    """`expected` and `digest` are 64 lower-case hex digits; without `expected` everything is well.

    `keep` lets changed bytes pass: the pool's columns `expected_sha256` and `sha256` then differ.
    """
    if expected is None or expected == digest or policy == "keep":
        return Verdict()
    message = f"the list promised sha256 {expected[:16]}..., the bytes have {digest[:16]}..."
    return Verdict(Failed(Outcome.HASH_MISMATCH, message), put_aside=policy == "quarantine")


def quarantine_part(shard: str, bodies: Mapping[str, bytes]) -> Part:
    """`quarantine/SHARD.tar` of pool key -> bytes as downloaded; no files where there are none.

    No stage reads these bytes.
    """
    if not bodies:
        return Part(QUARANTINE, 0, {}, {})
    tar = TarBuilder()
    for key, body in sorted(bodies.items()):
        tar.add(f"{key}.bin", body)
    states = {str(Outcome.HASH_MISMATCH): len(bodies)}
    return Part(QUARANTINE, len(bodies), states, {f"{shard}.tar": tar.close()})
