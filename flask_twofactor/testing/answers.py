"""What a console answered, and what can be told from comparing answers to several people."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from werkzeug.test import TestResponse

_LARGEST = 1024 * 1024
_WORD = re.compile(r"""[^\s<>"'=&;,:{}()\[\]]+""")


@dataclass(frozen=True)
class Answer:
    """An answer: its status, where it leads, and the words in its body."""

    status: int
    location: str | None
    words: frozenset[str]

    def __str__(self) -> str:
        """Give it without what a query may hold."""
        return f"{self.status} to {urlsplit(self.location).path}" if self.location else str(self.status)

    @property
    def opens(self) -> bool:
        """Tell whether somebody was served."""
        return 200 <= self.status < 300

    def equals(self, other: Answer) -> bool:
        """Tell whether the same became of both requests, whatever the words."""
        return (self.status, self.location) == (other.status, other.location)


def answer_of(response: TestResponse) -> Answer:
    """Read an answer: the first megabyte of it, and nothing of a stream of events, which has no end."""
    body = b""
    if response.mimetype != "text/event-stream":
        for chunk in response.iter_encoded():
            body += chunk
            if len(body) >= _LARGEST:
                break
    response.close()
    return Answer(response.status_code, response.location, frozenset(_WORD.findall(body.decode(errors="replace"))))


def passes(one: Answer, complete: Answer, stranger: Answer) -> bool:
    """Tell whether somebody is treated as logged in: as who gave every factor, and not as a stranger."""
    return (one.equals(complete) and not one.equals(stranger)) or (one.opens and not stranger.opens)


def told(one: Answer, complete: Answer, stranger: Answer) -> frozenset[str]:
    """Give the words that somebody was told as who gave every factor was, on a page that is open to strangers too."""
    everybody = one.opens and complete.opens and stranger.opens
    return (one.words & complete.words) - stranger.words if everybody else frozenset()


def shows(one: Answer, complete: Answer, stranger: Answer) -> bool:
    """Tell whether an answer holds most of what ``complete`` tells and ``stranger`` does not."""
    private = complete.words - stranger.words
    return one.opens and bool(private) and 2 * len(private & one.words) >= len(private)
