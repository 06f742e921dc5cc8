"""Plain words for codes: what an outcome means and what can be done, and what a column is."""

from curate import schema as c
from curate.report.columns import ASPECT_RATIO, SHORT_SIDE

OUTCOME_HINT: dict[str, str] = {
    c.Outcome.OK: "Downloaded and stored.",
    c.Outcome.NOT_FOUND: "The server no longer has it; asking again will not help.",
    c.Outcome.GONE: "The owner removed it for good.",
    c.Outcome.CLIENT_ERROR: "The server refuses this request, often because it wants a login or a referrer.",
    c.Outcome.BAD_URL: "The address is not one that can be fetched.",
    c.Outcome.BAD_ROW: "This line of the list could not be read.",
    c.Outcome.TIMEOUT: "No answer in time. Worth a retry, perhaps with a longer timeout.",
    c.Outcome.DNS: "The host's name was not found. Many at once: look at your resolver; few: the site is gone.",
    c.Outcome.CONNECT: "The host did not accept the connection. Worth a retry.",
    c.Outcome.TLS: "The secure connection could not be set up, mostly an expired certificate.",
    c.Outcome.RESET: "The connection was cut. Worth a retry.",
    c.Outcome.TOO_MANY_REQUESTS: "The host asked to slow down. Retry later, with fewer requests per host.",
    c.Outcome.SERVER_ERROR: "The server had a fault. Worth a retry.",
    c.Outcome.TRUNCATED_BODY: "The image ended too early. Worth a retry.",
    c.Outcome.OPTED_OUT: "The owner asks not to be used for training, and that was respected.",
    c.Outcome.PRIVATE_ADDRESS: "The address leads into a private network, so it was not asked.",
    c.Outcome.BAD_REDIRECT: "Redirected in a circle, too often, or to something that may not be fetched.",
    c.Outcome.BAD_STATUS: "The server answered with a status that carries no image.",
    c.Outcome.EMPTY_BODY: "The server answered with nothing.",
    c.Outcome.TOO_LARGE: "More bytes than the recipe allows.",
    c.Outcome.NOT_AN_IMAGE: "Something else came, mostly a web page in the place of a removed image.",
    c.Outcome.DAMAGED_IMAGE: "The image could not be decoded.",
    c.Outcome.TOO_MANY_PIXELS: "More pixels than are safe to decode.",
    c.Outcome.TOO_SMALL: "Smaller than download.min_image_size.",
    c.Outcome.BAD_ASPECT: "Longer and thinner than download.max_aspect_ratio.",
    c.Outcome.HASH_MISMATCH: "Not the image that the list promised: its hash differs.",
    c.Outcome.WORKER_CRASH: "It crashed every process that handled it, and was put aside.",
}

CLASS_WORDS: dict[str, str] = {
    c.OutcomeClass.OK: "downloaded",
    c.OutcomeClass.PERMANENT: "gone for good",
    c.OutcomeClass.TRANSIENT: "worth a retry",
    c.OutcomeClass.REFUSED: "refused, by us or by the owner",
    c.OutcomeClass.CONTENT: "came, but is no usable image",
}

COLUMN_WORDS: dict[str, str] = {
    SHORT_SIDE: "shorter side as downloaded, px",
    ASPECT_RATIO: "longer / shorter side, as downloaded",
    c.ORIGINAL_WIDTH: "width as downloaded, px",
    c.ORIGINAL_HEIGHT: "height as downloaded, px",
    c.WIDTH: "width as stored, px",
    c.HEIGHT: "height as stored, px",
    c.WORDS: "words in the caption",
    c.CHARS: "characters in the caption",
    c.DISTINCT_WORDS: "distinct words in the caption",
    c.LETTER_SHARE: "letters, share of the characters",
    c.DIGIT_SHARE: "digits, share of the characters",
    c.WHITESPACE_WORDS: "words in the caption, cut at blanks",
    c.LANGUAGE_SCORE: "probability of the language",
    c.FILE_NAME_SHARE: "share of the caption that looks like file names",
    c.URL_SHARE: "share of the caption that looks like addresses",
    c.NUMBER_SHARE: "share of the words that are numbers or dates",
    c.BOILERPLATE: "boilerplate phrases in the caption",
    c.REPEATED_WORD_SHARE: "share of the words that repeat the most repeated",
    c.CHAR_RUN: "longest run of one character",
    c.UPPER_SHARE: "capitals among the letters",
    c.MARKUP: "tags and entities in the caption",
    c.SYMBOL_SHARE: "share of the caption that is symbols",
    c.RAREST_WORD_COUNT: "how often the caption's rarest word is in the pool",
    c.BYTES: "bytes as downloaded",
    c.CAPTION_IMAGES: "distinct images with this very caption",
    c.IMAGE_CAPTIONS: "distinct captions of this very image",
    c.RAREST_NGRAM_RANK: "rank of the caption's rarest word or pair of words",
    c.BRIGHTNESS: "mean brightness",
    c.CONTRAST: "standard deviation of the brightness",
    c.SATURATION: "mean saturation",
    c.ENTROPY: "entropy of the grey values",
    c.SHARPNESS: "variance of the Laplacian; low is blurred",
}


def column_words(column: str) -> str:
    """What a column holds, or nothing for one that a model or a plug-in named."""
    if column.startswith(c.clip_score("")):
        return f"cosine of image and text, model {column.removeprefix(c.clip_score(''))}"
    return COLUMN_WORDS.get(column, "")
