"""Names as people type them to find somebody: characters, pinyin, initials, letters without accents.

The other half is the database's function `search_terms`, which takes a name apart in the same way.
"""

import re
import unicodedata
from functools import lru_cache
from itertools import pairwise

LONGEST = 40
"""Syllables that are kept; company names of the trade register end long before."""
MOST_WAYS = 8
LONGEST_WORD = 200
"""Letters by which a word is looked for; PostgreSQL knows none of more than 2,046 bytes."""

_HAN = "\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_HAN_RUN = re.compile(f"[{_HAN}]+")
_WORD = re.compile(rf"[^\W{_HAN}_]+")
_SYLLABLE = re.compile(
    "(?:zh|ch|sh|[bpmfdtnlgkhjqxrzcsyw])?(?:iang|iong|uang|ang|eng|ing|ong|ian|iao|uai|uan|van|ai|an|ao|ei|en|er|ia"
    "|ie|in|iu|ou|ua|ue|ui|un|uo|ve|vn|a|e|i|o|u|v)"
)


def romanised(name: str) -> str:
    """Syllables and words in small Latin letters, apart: 重庆青禾 Zürich -> `chong qing qing he zurich`."""
    from pypinyin.seg import simpleseg  # noqa: PLC0415  # as in `pinyin`

    parts = simpleseg.seg(unicodedata.normalize("NFKC", name))
    return " ".join([word for part in parts for word in _read(part)][:LONGEST])


def pinyin(text: str) -> list[str]:
    """The syllables of characters, as they are read within this text; what is none stays as it is."""
    from pypinyin import lazy_pinyin  # noqa: PLC0415  # a fifth of a worker's start, and many never read a name

    return lazy_pinyin(text)


@lru_cache(20_000)
def _read(part: str) -> tuple[str, ...]:
    """A character, phrase or run of letters as `lazy_pinyin` reads it within a text; kept, for it takes 50 us."""
    return tuple(word for each in pinyin(part) for word in _WORD.findall(_folded(each)))


def query(typed: str) -> str:
    """The text search query of what was typed; empty where nothing in it can be looked for."""
    text = unicodedata.normalize("NFKC", typed).lower()
    wanted = [_of_characters(run) for run in _HAN_RUN.findall(text)]
    wanted += [_of_letters(word) for word in _WORD.findall(text)]
    return " & ".join(wanted)


def _of_characters(run: str) -> str:
    if len(run) == 1:
        return f"'{run}':*"
    return " & ".join(f"'{run[at : at + 2]}'" for at in range(len(run) - 1))


def _of_letters(written: str) -> str:
    """A word or its beginning, with accents or without, or pinyin, whole or by initials."""
    written = written[:LONGEST_WORD]
    word = _folded(written)
    ways = [f"'{each}':*" for each in sorted({written, word})]
    for read in _syllables(word):
        if len(read) > 2:
            pairs = [f"'{one}{other}'" for one, other in pairwise(read[:-1])]
            ways.append(" & ".join([*pairs, f"'{read[-2]}{read[-1]}':*"]))
    if word.isalpha() and 2 <= len(word) <= LONGEST:
        threes = [f"'~{word[at : at + 3]}'" for at in range(len(word) - 3)]
        ways.append(" & ".join([*threes, f"'~{word[-3:]}':*"]))
    return "(" + " | ".join(ways) + ")"


def _syllables(word: str) -> list[list[str]]:
    """Every way to read a word as pinyin, a few at the most: `fangan` is fang an and fan gan."""
    ways: list[list[str]] = []
    readable = len(word) <= LONGEST and word.isascii() and word.isalpha()
    pending: list[tuple[list[str], str]] = [([], word)] if readable else []
    while pending and len(ways) < MOST_WAYS:
        before, rest = pending.pop()
        if not rest:
            ways.append(before)
        starts = [rest[:length] for length in range(1, min(len(rest), 6) + 1)]
        pending += [([*before, start], rest[len(start) :]) for start in starts if _SYLLABLE.fullmatch(start)]
    return ways


def _folded(text: str) -> str:
    """Without accents, in small letters: Zürich -> zurich."""
    apart = unicodedata.normalize("NFKD", text.lower().replace("ß", "ss"))
    return "".join(each for each in apart if not unicodedata.combining(each))
