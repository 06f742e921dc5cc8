import hashlib
import struct

import pyarrow as pa

from curate import schema as c
from curate.captioned import captioned


def test_a_caption_is_a_sample_of_its_own_where_its_image_is():
    values = {
        c.UID: ["a", "b", "c"],
        c.IMAGE_UID: ["i", "j", "k"],
        c.ORIGIN: [c.WEB] * 3,
        c.TAR: ["0.tar"] * 3,
        c.OFFSET: [512, 1024, 2048],
        c.LABEL: ["x", "y", "z"],
        c.SOURCE: ["l.txt"] * 3,
    }
    rows = pa.table([pa.array(values.get(f.name, [None] * 3), f.type) for f in c.POOL], schema=c.POOL)
    made = captioned(rows, ["a cat", None, "ein Hund"], "writer", [4, 5, 9])
    assert made.schema == c.APPENDED and made.column(c.ROW).to_pylist() == [4, 9]
    parts = [b"k", b"ein Hund", b"synthetic"]
    digest = hashlib.sha256(b"".join(struct.pack(">Q", len(part)) + part for part in parts)).hexdigest()
    assert made.slice(1).select(
        [c.UID, c.IMAGE_UID, c.ORIGIN, c.CAPTION, c.SOURCE, c.CAPTIONER, c.TAR, c.OFFSET, c.LABEL]
    ).to_pylist() == [
        {
            c.UID: digest[:32],
            c.IMAGE_UID: "k",
            c.ORIGIN: c.SYNTHETIC,
            c.CAPTION: "ein Hund",
            c.SOURCE: "l.txt",
            c.CAPTIONER: "writer",
            c.TAR: "0.tar",
            c.OFFSET: 2048,
            c.LABEL: "z",
        }
    ]
    assert captioned(rows, [None] * 3, "writer", [4, 5, 9]).equals(c.APPENDED.empty_table())
