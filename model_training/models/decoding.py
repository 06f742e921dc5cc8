"""Text from a decoder's logits: nucleus sampling (Holtzman et al., arXiv 1904.09751), greedy choice, beam search.

Written here and not left to transformers' `generate`: its draws come from one global generator, so a caption would
depend on what else is in the batch; here each draw is keyed by the image's uid and the place in the text. Lengths,
penalty and beam search are transformers', and tests hold them equal.
"""

from collections.abc import Sequence
from typing import Protocol

from curate.uid import draw_int
from model_training.libraries import torch
from model_training.models.generation import Generation

F = torch.nn.functional
NONE = -1e9  # of a beam that is not there
STEPS = 4096


class Decoder(Protocol):
    """The next token's logits, given images that it holds."""

    def __call__(self, tokens: torch.Tensor) -> torch.Tensor:
        """tokens (n, t) int64 to logits (n, V); each call has one token more than the last one."""
        ...

    def reorder(self, rows: torch.Tensor) -> None:
        """From now on row i goes on from what was row rows[i], of the same image."""
        ...


def generate(
    decoder: Decoder, prompt: torch.Tensor, uids: Sequence[str], settings: Generation, *, end: int, pad: int
) -> torch.Tensor:
    """Token ids (B, settings.length) int64: the prompt, what follows, the end token, padding.

    prompt (B, t) int64, for a beam search with each row repeated `beams` times in a row, as are the decoder's images.
    """
    if settings.method == "beam":
        return _beam(decoder, prompt, settings, end, pad)
    found, places = prompt, torch.arange(len(prompt), device=prompt.device)
    open_ = torch.ones(len(prompt), dtype=torch.bool, device=prompt.device)
    while found.shape[1] < settings.length and bool(open_.any()):
        scores = adjusted(decoder(found), found, settings, end)
        if settings.method == "greedy":
            chosen = scores.argmax(1)
        else:
            at = found.shape[1]
            keys = [draw_int(settings.seed, uid, f"caption token {at}") for uid in uids]
            chosen = nucleus(scores, keys, settings.top_p)
        chosen = chosen.where(open_, torch.full_like(places, pad))
        found = torch.cat([found, chosen[:, None]], 1)
        open_ = open_ & (chosen != end)
    return F.pad(found, (0, settings.length - found.shape[1]), value=pad)


def adjusted(scores: torch.Tensor, tokens: torch.Tensor, settings: Generation, end: int) -> torch.Tensor:
    """Scores (n, V) with what is in tokens (n, t) made less likely (CTRL's penalty), and no end before `min_length`."""
    scores, penalty = scores.float(), settings.penalty
    if penalty != 1:
        known = scores.gather(1, tokens)
        scores = scores.scatter(1, tokens, torch.where(known < 0, known * penalty, known / penalty))
    if tokens.shape[1] < settings.min_length:
        scores = scores.clone()
        scores[:, end] = -torch.inf
    return scores


def nucleus(logits: torch.Tensor, keys: Sequence[int], top_p: float) -> torch.Tensor:
    """One token a row (n,) int64, by its share of the smallest set that holds a share of at least `top_p`.

    logits (n, V), keys of 64 bits. Of equals the lower number is first in the set; the likeliest is always in it. Each
    token gets its own noise (Gumbel's trick), and logits count in steps of 1/4096: a sum in another order, by another
    batch size or machine, hardly ever changes a draw then, while one point on a line of sums often would.
    """
    rounded = (logits.double() * STEPS).round() / STEPS
    shares, order = rounded.softmax(1).sort(dim=1, descending=True, stable=True)
    outside = shares.cumsum(1) - shares >= top_p
    outside[:, 0] = False
    chances = shares.log() - (-uniform(keys, order).log()).log()
    return order.gather(1, chances.masked_fill(outside, -torch.inf).argmax(1, keepdim=True))[:, 0]


def uniform(keys: Sequence[int], tokens: torch.Tensor) -> torch.Tensor:
    """A number in (0, 1) for each row's key and token (n, V): float64, the same on every device.

    The finaliser of splitmix64 (Steele, Lea and Flood 2014), with its step between neighbouring tokens.
    """
    first = torch.tensor([_signed(key) for key in keys], device=tokens.device)
    mixed = first[:, None] + (tokens + 1) * _signed(0x9E3779B97F4A7C15)
    mixed = (mixed ^ _shifted(mixed, 30)) * _signed(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ _shifted(mixed, 27)) * _signed(0x94D049BB133111EB)
    mixed = mixed ^ _shifted(mixed, 31)
    return (_shifted(mixed, 12).double() + 0.5) / 2.0**52


def _signed(number: int) -> int:
    return number - 2**64 if number >= 2**63 else number


def _shifted(numbers: torch.Tensor, by: int) -> torch.Tensor:
    """To the right, with zeros: torch's own shift keeps the sign."""
    return (numbers >> by) & (2 ** (64 - by) - 1)


def _beam(decoder: Decoder, prompt: torch.Tensor, settings: Generation, end: int, pad: int) -> torch.Tensor:
    """The text with the best mean log-probability among those that the search ended."""
    beams, start = settings.beams, prompt.shape[1]
    rows = len(prompt) // beams
    tokens = prompt
    scores = torch.full((rows, beams), NONE, device=prompt.device)
    scores[:, 0] = 0
    ended = [_Ended(beams) for _ in range(rows)]
    first = torch.arange(rows, device=prompt.device)[:, None] * beams
    for length in range(start + 1, settings.length + 1):
        chances = adjusted(F.log_softmax(decoder(tokens).float(), 1), tokens, settings, end)
        vocabulary = chances.shape[1]
        sums = (scores[:, :, None] + chances.view(rows, beams, -1)).view(rows, -1)
        best, places = sums.topk(2 * beams, dim=1)  # so many that `beams` are left if as many end
        parents, chosen = places // vocabulary + first, places % vocabulary
        ends = (chosen == end) | (length == settings.length)
        for row, hyps in enumerate(ended):
            for rank in range(beams) if hyps.open else ():
                if ends[row, rank]:
                    text = torch.cat([tokens[parents[row, rank]], chosen[row, rank, None]])
                    hyps.add(float(best[row, rank]) / (length - start), text)
        scores, kept = best.masked_fill(ends, NONE).topk(beams, dim=1)
        parents, chosen = parents.gather(1, kept).flatten(), chosen.gather(1, kept).flatten()
        for hyps, highest in zip(ended, scores[:, 0].tolist(), strict=True):
            hyps.open = hyps.open and hyps.could_gain(highest / (length - start))
        if not any(hyps.open for hyps in ended):
            break
        tokens = torch.cat([tokens[parents], chosen[:, None]], 1)
        decoder.reorder(parents)
    best_texts = [hyps.texts[0][1] for hyps in ended]
    return torch.stack([F.pad(text, (0, settings.length - len(text)), value=pad) for text in best_texts])


class _Ended:
    """The best texts of one image that have ended, best first."""

    def __init__(self, beams: int) -> None:
        self.texts: list[tuple[float, torch.Tensor]] = []
        self.beams, self.open = beams, True

    def add(self, score: float, text: torch.Tensor) -> None:
        self.texts = sorted([*self.texts, (score, text)], key=lambda one: -one[0])[: self.beams]

    def could_gain(self, score: float) -> bool:
        return len(self.texts) < self.beams or score > self.texts[-1][0]
