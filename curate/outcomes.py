"""The closed list of what can become of a row that is asked for. Nothing heavy is imported: decoders need it too."""

from enum import StrEnum

SUCCESS, FAILED_TO_DOWNLOAD, FAILED_TO_RESIZE = "success", "failed_to_download", "failed_to_resize"


class OutcomeClass(StrEnum):
    OK = "ok"
    PERMANENT = "permanent"  # asking again gives the same
    TRANSIENT = "transient"  # worth another try
    REFUSED = "refused"  # by us or by the owner
    CONTENT = "content"  # it came, but it is no usable image


class Outcome(StrEnum):
    """What became of a row that was asked for. The reason of a failed one is `download.OUTCOME`."""

    OK = "ok"
    NOT_FOUND = "404"
    GONE = "410"
    CLIENT_ERROR = "4xx"
    BAD_URL = "bad_url"
    BAD_ROW = "bad_row"  # a line of the list that could not be read
    TIMEOUT = "timeout"
    DNS = "dns"
    CONNECT = "connect"
    TLS = "tls"
    RESET = "reset"
    TOO_MANY_REQUESTS = "429"
    SERVER_ERROR = "5xx"
    TRUNCATED_BODY = "truncated_body"
    OPTED_OUT = "opted_out"
    PRIVATE_ADDRESS = "private_address"
    BAD_REDIRECT = "bad_redirect"
    BAD_STATUS = "bad_status"  # 1xx or a 2xx other than 200
    EMPTY_BODY = "empty_body"
    TOO_LARGE = "too_large"  # more bytes than allowed
    NOT_AN_IMAGE = "not_an_image"
    DAMAGED_IMAGE = "damaged_image"
    TOO_MANY_PIXELS = "too_many_pixels"
    TOO_SMALL = "too_small"  # download.min_image_size
    BAD_ASPECT = "bad_aspect"  # download.max_aspect_ratio
    HASH_MISMATCH = "hash_mismatch"
    WORKER_CRASH = "worker_crash"  # the row kills every process that handles it


OUTCOME_CLASS: dict[Outcome, OutcomeClass] = {
    Outcome.OK: OutcomeClass.OK,
    **dict.fromkeys(
        [Outcome.NOT_FOUND, Outcome.GONE, Outcome.CLIENT_ERROR, Outcome.BAD_URL, Outcome.BAD_ROW],
        OutcomeClass.PERMANENT,
    ),
    **dict.fromkeys(
        [
            Outcome.TIMEOUT,
            Outcome.DNS,
            Outcome.CONNECT,
            Outcome.TLS,
            Outcome.RESET,
            Outcome.TOO_MANY_REQUESTS,
            Outcome.SERVER_ERROR,
            Outcome.TRUNCATED_BODY,
        ],
        OutcomeClass.TRANSIENT,
    ),
    **dict.fromkeys([Outcome.OPTED_OUT, Outcome.PRIVATE_ADDRESS, Outcome.BAD_REDIRECT], OutcomeClass.REFUSED),
    **dict.fromkeys(
        [
            Outcome.BAD_STATUS,
            Outcome.EMPTY_BODY,
            Outcome.TOO_LARGE,
            Outcome.NOT_AN_IMAGE,
            Outcome.DAMAGED_IMAGE,
            Outcome.TOO_MANY_PIXELS,
            Outcome.TOO_SMALL,
            Outcome.BAD_ASPECT,
            Outcome.HASH_MISMATCH,
            Outcome.WORKER_CRASH,
        ],
        OutcomeClass.CONTENT,
    ),
}

FAILED_TO_RESIZE_OUTCOMES = frozenset(o for o, c in OUTCOME_CLASS.items() if c is OutcomeClass.CONTENT) - {
    Outcome.BAD_STATUS,
    Outcome.EMPTY_BODY,
    Outcome.TOO_LARGE,
}


def img2dataset_status(outcome: Outcome) -> str:
    """img2dataset's word for an outcome."""
    if outcome is Outcome.OK:
        return SUCCESS
    return FAILED_TO_RESIZE if outcome in FAILED_TO_RESIZE_OUTCOMES else FAILED_TO_DOWNLOAD
