"""When an environment has changed hands, seen from outside."""

import time

from deploy.verification.witness import Witness, settled

from .conftest import Little, page_of

API, PAGE = "api", "page"


def test_the_slower_of_api_and_page_counts_and_the_last_word() -> None:
    seen = [(0.1, API, "new"), (0.2, PAGE, "new"), (1.0, API, "old"), (1.1, API, "new"), (1.2, API, "old")]
    assert settled(seen, (API, PAGE), "old") is None
    seen += [(2.0, PAGE, "old"), (2.1, API, "old"), (2.2, PAGE, "old")]
    assert settled(seen, (API, PAGE), "old") == 2.0
    assert settled(seen, (API,), "old") == 1.2
    assert settled([*seen, (3.0, API, "new")], (API, PAGE), "old") is None


def test_nothing_seen_is_not_settled() -> None:
    assert settled([], (API,), "old") is None


def test_it_watches_from_begin_to_end(little: Little) -> None:
    with Witness(little.url, little.url) as witness:
        while little.asked.count("/config.js") < 2:
            time.sleep(0.01)
        assert witness.settled("b") is None
        little.page, little.sha = page_of("b"), "b"
        asked = len(little.asked)
        while len(little.asked) < asked + 6:
            time.sleep(0.01)
    assert (witness.settled("b") or 0) > 0
    assert witness.settled("a") is None
