"""The only place that spells column names; the closed lists of outcomes come from `outcomes`.

A table's schema is a `pyarrow.Schema`; a column's name is a constant, so that a misspelling is an
`AttributeError` and a search finds every use.
"""

from dataclasses import dataclass

import pyarrow as pa

from curate.outcomes import FAILED_TO_RESIZE as FAILED_TO_RESIZE
from curate.outcomes import OUTCOME_CLASS as OUTCOME_CLASS
from curate.outcomes import SUCCESS as SUCCESS
from curate.outcomes import Outcome as Outcome
from curate.outcomes import OutcomeClass as OutcomeClass
from curate.outcomes import img2dataset_status as img2dataset_status

# -- a sample: who it is ------------------------------------------------------------------------
UID = "uid"  # 32 hex digits, or the input's own
IMAGE_UID = "image_uid"  # which image: of a download its URL without a caption, of one that was here its bytes
ORIGIN = "origin"  # "web" or "synthetic"
URL = "url"
CAPTION = "caption"
LABEL = "label"
SOURCE = "source"  # the list, table or tar it was read from (its base name)
ROW = "row"  # the row or line there, from 0

CAPTIONER = "captioner"  # of a synthetic sample the model that wrote it

WEB, SYNTHETIC = "web", "synthetic"

# -- what the download gave: img2dataset's names, then ours ---------------------------------------
KEY = "key"
STATUS = "status"  # img2dataset's three words
OUTCOME = "outcome"  # ours, see Outcome
ERROR_MESSAGE = "error_message"
WIDTH, HEIGHT = "width", "height"  # of the stored image, px
ORIGINAL_WIDTH, ORIGINAL_HEIGHT = "original_width", "original_height"  # as downloaded, px
SHA256 = "sha256"  # of the bytes as downloaded
BYTES = "bytes"  # how many they are, as downloaded
HTTP_STATUS = "http_status"
FORMAT = "format"  # as downloaded: jpeg, png, webp, gif, avif, bmp
FRAMES = "frames"  # of an animation; 1 for a still
CONSENT = "consent"  # the header that refused, word for word
ROBOTS = "robots"  # what robots.txt said: allowed, disallowed, none; null when it was not asked
EXPECTED_SHA256 = "expected_sha256"  # of the bytes, as the list promised them
TAR, OFFSET, SIZE = "tar", "offset", "size"  # where the stored bytes are
STORED_SHA256 = "stored_sha256"  # of the stored bytes: proves what lies there, also in a tar of the user's


INPUT = pa.schema(
    [
        (UID, pa.string()),  # the input's own, else null
        (URL, pa.string()),
        (CAPTION, pa.string()),
        (LABEL, pa.string()),
        (SOURCE, pa.string()),
        (ROW, pa.int64()),
        (OUTCOME, pa.string()),  # known before any download: bad_row, or what img2dataset wrote
        (ERROR_MESSAGE, pa.string()),
        (ORIGINAL_WIDTH, pa.int32()),  # where the input knows what it was before it was stored
        (ORIGINAL_HEIGHT, pa.int32()),
        (SHA256, pa.string()),
        (TAR, pa.string()),  # for images that are already here: a tar, a Parquet or an image file
        (OFFSET, pa.int64()),
        (SIZE, pa.int64()),
    ]
)

POOL = pa.schema(
    [
        (UID, pa.string()),
        (IMAGE_UID, pa.string()),
        (ORIGIN, pa.string()),
        (KEY, pa.string()),
        (URL, pa.string()),
        (CAPTION, pa.string()),
        (LABEL, pa.string()),
        (STATUS, pa.string()),
        (OUTCOME, pa.string()),
        (ERROR_MESSAGE, pa.string()),
        (HTTP_STATUS, pa.int16()),
        (WIDTH, pa.int32()),
        (HEIGHT, pa.int32()),
        (ORIGINAL_WIDTH, pa.int32()),
        (ORIGINAL_HEIGHT, pa.int32()),
        (FORMAT, pa.string()),
        (FRAMES, pa.int32()),
        (BYTES, pa.int64()),
        (SHA256, pa.string()),
        (CONSENT, pa.string()),
        (ROBOTS, pa.string()),
        (EXPECTED_SHA256, pa.string()),
        (SOURCE, pa.string()),
        (ROW, pa.int64()),
        (TAR, pa.string()),
        (OFFSET, pa.int64()),
        (SIZE, pa.int64()),
        (STORED_SHA256, pa.string()),
    ]
)

APPENDED = pa.schema([*POOL, (CAPTIONER, pa.string())])  # what captioners wrote: rows as those of the pool

# -- signals: one schema per family; a null is a sample that could not be measured ------------------
BRIGHTNESS, CONTRAST, SATURATION = "brightness", "contrast", "saturation"
ENTROPY, SHARPNESS = "entropy", "sharpness"
IMAGE_STATS = pa.schema(
    [
        (BRIGHTNESS, pa.float32()),
        (CONTRAST, pa.float32()),
        (SATURATION, pa.float32()),
        (ENTROPY, pa.float32()),
        (SHARPNESS, pa.float32()),
    ]
)
WORDS, CHARS, DISTINCT_WORDS = "words", "chars", "distinct_words"
LETTER_SHARE, DIGIT_SHARE = "letter_share", "digit_share"
WHITESPACE_WORDS = "whitespace_words"  # DataComp's words: what whitespace separates
TEXT_STATS = pa.schema(
    [
        (WORDS, pa.int32()),
        (CHARS, pa.int32()),
        (DISTINCT_WORDS, pa.int32()),
        (LETTER_SHARE, pa.float32()),
        (DIGIT_SHARE, pa.float32()),
        (WHITESPACE_WORDS, pa.int32()),
    ]
)
LANGUAGE, LANGUAGE_SCORE = "language", "language_score"  # an ISO 639 code, and how sure, 0 to 1
LANGUAGE_SCHEMA = pa.schema([(LANGUAGE, pa.string()), (LANGUAGE_SCORE, pa.float32())])
FILE_NAME_SHARE, URL_SHARE, NUMBER_SHARE = "file_name_share", "url_share", "number_share"
BOILERPLATE, REPEATED_WORD_SHARE, CHAR_RUN = "boilerplate", "repeated_word_share", "char_run"
UPPER_SHARE, MARKUP, SYMBOL_SHARE = "upper_share", "markup", "symbol_share"
CAPTION_QUALITY = pa.schema(
    [
        (FILE_NAME_SHARE, pa.float32()),
        (URL_SHARE, pa.float32()),
        (NUMBER_SHARE, pa.float32()),
        (BOILERPLATE, pa.int32()),
        (REPEATED_WORD_SHARE, pa.float32()),
        (CHAR_RUN, pa.int32()),
        (UPPER_SHARE, pa.float32()),
        (MARKUP, pa.int32()),
        (SYMBOL_SHARE, pa.float32()),
    ]
)
PHASH = "phash"
PHASH_SCHEMA = pa.schema([(PHASH, pa.uint64())])
DHASH, AHASH = "dhash", "ahash"
HASHES = pa.schema([(DHASH, pa.uint64()), (AHASH, pa.uint64())])


def clip_score(model: str) -> str:
    """The column, and the family, of a model's image-text cosine."""
    return f"clip_score_{model}"


def match(model: str) -> str:
    """The column, and the family, of a model's probability that the text describes the image, 0 to 1."""
    return f"match_{model}"


def model_caption(model: str) -> str:
    """The column, and the family, of the captions that a model writes, one for each image."""
    return f"caption_{model}"


def embedding(model: str) -> str:
    """The column, and the family, of a model's unit vectors of the stored images: lists of d float16."""
    return f"embedding_{model}"


def embedding_schema(model: str, width: int) -> pa.Schema:
    return pa.schema([(embedding(model), pa.list_(pa.float16(), width))])


# -- corpus passes ------------------------------------------------------------------------------------
CAPTION_IMAGES = "caption_images"  # distinct images with this very alt-text
IMAGE_CAPTIONS = "image_captions"  # distinct alt-texts of this very image
RAREST_NGRAM_RANK = "rarest_ngram_rank"  # 1 = the most frequent uni- or bigram of the corpus
RAREST_WORD_COUNT = "rarest_word_count"  # how often the corpus has the text's rarest word
ALT_TEXT_COUNTS = pa.schema(
    [
        (CAPTION_IMAGES, pa.int64()),
        (IMAGE_CAPTIONS, pa.int64()),
        (RAREST_NGRAM_RANK, pa.int64()),
        (RAREST_WORD_COUNT, pa.int64()),
    ]
)
A, B, DISTANCE = "a", "b", "distance"
HASH_PAIRS = pa.schema([(A, pa.uint64()), (B, pa.uint64()), (DISTANCE, pa.uint8())])

# -- query balancing: which entries of a list each caption holds, by their place in that list ----------------


def concepts(mark: str) -> str:
    """The column of one list of entries: sorted places of those that match, from 0."""
    return f"concepts_{mark}"


def phrases(mark: str) -> str:
    """The column of one way to find phrases: sorted places in the table of all phrases."""
    return f"phrases_{mark}" if mark else "phrases"


def places_schema(column: str) -> pa.Schema:
    return pa.schema([(column, pa.list_(pa.int32()))])


ENTRY, COUNT, PHRASE = "entry", "count", "phrase"

# -- neighbours: pairs of images by cosine, images from outside the pool, retrieval -------------------------
COSINE = "cosine"  # float32
ITEM, ITEMS = "item", "items"  # an image from outside the pool: its file and place; how many of them
IMAGE, IMAGES = "image", "images"  # an image by its row in `points`; how many of them
QUERY, RANK = "query", "rank"  # of a retrieval: the query's row in `queries`; 0 is the nearest
HITS = "hits"  # queries that lie in a cluster

# -- clusters of images ---------------------------------------------------------------------------------------
CLUSTER, INERTIA, VECTOR, PARENT, CLUSTER_WORDS = "cluster", "inertia", "vector", "parent", "words"
MAX_COSINE = "max_cosine"


def cluster(clustering: str) -> str:
    """The column of a clustering, by the name of its pass: the number of the image's cluster."""
    return f"cluster_{clustering}"


def cluster_distance(clustering: str) -> str:
    """Euclidean, of the image's unit vector to its centroid."""
    return f"cluster_distance_{clustering}"


def max_cosine(work: str) -> str:
    """The column of a SemDeDup, by the name of its pass: with images before it in its cluster."""
    return f"{MAX_COSINE}_{work}"


def cluster_schema(clustering: str) -> pa.Schema:
    return pa.schema([(cluster(clustering), pa.int32()), (cluster_distance(clustering), pa.float32())])


# -- the subset and the funnel ------------------------------------------------------------------------
KEEP, REASON, FAILED, COPIES = "keep", "reason", "failed", "copies"
SUBSET = pa.schema(
    [
        (UID, pa.string()),
        (IMAGE_UID, pa.string()),
        (ORIGIN, pa.string()),
        (KEEP, pa.bool_()),
        (REASON, pa.string()),  # first failing rule, `name.rule`; null when kept
        (FAILED, pa.list_(pa.string())),  # every failing rule that was asked
        (COPIES, pa.int32()),
    ]
)


@dataclass(frozen=True)
class FunnelRow:
    """in + added = dropped + kept; `rows_in` is the row before's kept."""

    stage: str
    rule: str
    rows_in: int
    added: int
    dropped: int
    kept: int
    images: int  # distinct image contents among the kept

    def as_dict(self) -> dict[str, str | int]:
        return {
            "stage": self.stage,
            "rule": self.rule,
            "in": self.rows_in,
            "added": self.added,
            "dropped": self.dropped,
            "kept": self.kept,
            "images": self.images,
        }


# -- the dataset --------------------------------------------------------------------------------------
TEXTS, TEXT, SCORES = "texts", "text", "scores"
DATASET = pa.schema(
    [
        (KEY, pa.string()),
        (UID, pa.string()),  # of the best text
        (IMAGE_UID, pa.string()),
        (URL, pa.string()),
        (CAPTION, pa.string()),  # the best text, the same as the .txt
        (TEXTS, pa.string()),  # JSON: [{uid, text, origin, scores}], best first
        (WIDTH, pa.int32()),
        (HEIGHT, pa.int32()),
        (ORIGINAL_WIDTH, pa.int32()),
        (ORIGINAL_HEIGHT, pa.int32()),
        (LABEL, pa.string()),
        (SHA256, pa.string()),
    ]
)

# -- the data engine: pairs that a model proposes, and what was said of them ----------------------------------
PROPOSED = "proposed"  # the text that would be trusted
ACCEPT = "accept"  # true, false, or null: nobody has decided
EDITED = "edited"  # a better text, where the proposed one is not right
BY = "by"  # who decided: PERSON or MODEL
MODE = "mode"  # how: assisted, semi-automatic or automatic
THUMBNAIL = "thumbnail"  # a small JPEG
PERSON, MODEL = "person", "model"
VERDICTS = pa.schema(
    [
        (UID, pa.string()),
        (IMAGE_UID, pa.string()),
        (ORIGIN, pa.string()),
        (CAPTION, pa.string()),  # the trusted text; of a rejected pair the proposed one
        (ACCEPT, pa.bool_()),
        (EDITED, pa.bool_()),  # the text is a person's
        (BY, pa.string()),
        (MODE, pa.string()),
    ]
)
