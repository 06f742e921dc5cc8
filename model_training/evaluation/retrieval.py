"""Image-text retrieval, recall at k, as CLIP reports it (arXiv 2103.00020, section 3.1; Karpathy's splits).

Text to image: 1 if the caption's image is among the first k. Image to text: 1 if any of the image's captions is.
The mean goes over the queries (LAION-AI/CLIP_benchmark, zeroshot_retrieval.py). This is not the share of an
image's captions that is found ("true recall"), nor retrieval by the mean of its captions.
"""

from collections.abc import Iterable, Sequence

import numpy as np

from curate.errors import InputError
from curate.protocols import ImageTextEncoder
from model_training.evaluation.hits import Metric, metric
from model_training.evaluation.items import Item, batches
from model_training.evaluation.ranking import rank_of
from model_training.evaluation.vectors import cosines, image_vectors, text_vectors

BATCH = 256
BLOCK = 4_000_000  # similarities held at a time: 32 MB in float64, and as much again for ranking them


def recall_hits(similarity: np.ndarray, image_of_text: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Image to text hits (images,) bool, and text to image hits (texts,) bool.

    similarity      (images, texts) float, finite
    image_of_text   (texts,) int: the number of the image that a text belongs to

    A candidate that is as similar as the right one and has a lower number stands before it. Raises InputError for
    a similarity that is not finite, a number that is no image's, and an image without texts.
    """
    own = np.asarray(image_of_text)
    _check(own, len(similarity))
    numbers = np.arange(len(similarity))
    return best_ranks(similarity, numbers, own) < k, best_ranks(similarity.T, own, numbers) < k


def best_ranks(similarity: np.ndarray, of_query: np.ndarray, of_candidate: np.ndarray) -> np.ndarray:
    """The rank, from 0, of the first candidate that is of the query's image: (queries,) int64.

    similarity (queries, candidates) float; of_query (queries,) and of_candidate (candidates,) int: their images.
    """
    own = of_query[:, None] == of_candidate[None, :]
    return rank_of(similarity, np.where(own, similarity, -np.inf).argmax(axis=1))  # argmax: the first of equals


def recall_ranks(
    images: np.ndarray, texts: np.ndarray, image_of_text: np.ndarray, block: int = BLOCK
) -> tuple[np.ndarray, np.ndarray]:
    """Ranks from 0 of the right answer: of images as queries (images,), of texts as queries (texts,), int64.

    images (images, dim) and texts (texts, dim) are unit vectors. `block` similarities are held at a time.
    """
    _check(image_of_text, len(images))
    numbers = np.arange(len(images))
    return (
        _blocked(images, texts, numbers, image_of_text, block),
        _blocked(texts, images, image_of_text, numbers, block),
    )


def _blocked(
    queries: np.ndarray, candidates: np.ndarray, of_query: np.ndarray, of_candidate: np.ndarray, block: int
) -> np.ndarray:
    rows, exact = max(1, block // len(candidates)), candidates.astype(np.float64)
    parts = [slice(start, start + rows) for start in range(0, len(queries), rows)]
    return np.concatenate([best_ranks(cosines(queries[p], exact), of_query[p], of_candidate) for p in parts])


def _check(image_of_text: np.ndarray, images: int) -> None:
    if len(image_of_text) and not 0 <= image_of_text.min() <= image_of_text.max() < images:
        raise InputError(f"a text belongs to an image that is not among the {images}", "number the images from 0")
    without = np.flatnonzero(np.bincount(image_of_text, minlength=images) == 0)
    if len(without):
        raise InputError(f"image {without[0]} has no text", "leave it out: nothing could be found for it")


def captions(item: Item) -> tuple[str, ...]:
    """An item's texts. Raises InputError where there is none, or a blank one."""
    if not item.texts or not all(text.strip() for text in item.texts):
        raise InputError(f"{item.key}: has no caption or a blank one", "it needs captions for every image")
    return item.texts


def retrieval(
    encoder: ImageTextEncoder, items: Iterable[Item], ks: Sequence[int] = (1, 5, 10), batch: int = BATCH
) -> list[Metric]:
    """image_to_text_rK and text_to_image_rK for every k, then mean_r1, the mean of the two R@1 (DataComp's).

    A k beyond the number of candidates is left out: it would be 1 whatever the model. Raises InputError for a
    damaged image, an item without a caption, and vectors that are not finite.
    """
    vectors, counts = [], []
    texts: list[str] = []
    for part in batches(items, batch):
        for item in part:
            texts += captions(item)
            counts.append(len(item.texts))
        vectors.append(image_vectors(encoder, part))
    images = np.concatenate(vectors)
    image_of_text = np.repeat(np.arange(len(images)), counts)
    ranks = recall_ranks(images, text_vectors(encoder, texts, batch), image_of_text)
    return retrieval_metrics(*ranks, image_of_text, ks)


def retrieval_metrics(
    image_ranks: np.ndarray, text_ranks: np.ndarray, image_of_text: np.ndarray, ks: Sequence[int]
) -> list[Metric]:
    """The metrics from the ranks of `recall_ranks`: (images,), (texts,) and (texts,) int."""
    images, texts = len(image_ranks), len(text_ranks)

    def found_texts(k: int) -> Metric:
        shares = np.bincount(image_of_text, weights=text_ranks < k, minlength=images) * (images / texts)
        return Metric(f"text_to_image_r{k}", float((text_ranks < k).mean()), texts, shares.astype(np.float32))

    first, second = metric("image_to_text_r1", image_ranks < 1), found_texts(1)
    assert first.hits is not None and second.hits is not None
    both = Metric("mean_r1", (first.value + second.value) / 2, images + texts, (first.hits + second.hits) / 2)
    return [
        *(metric(f"image_to_text_r{k}", image_ranks < k) for k in ks if k <= texts),
        *(found_texts(k) for k in ks if k <= images),
        both,
    ]
