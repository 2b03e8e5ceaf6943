"""Programs find the locales that they ask for by name, in the image."""

import pytest

from tests.languages.locales import ASKING
from tests.languages.test_options import run


@pytest.mark.parametrize("language", ASKING)
def test_a_locale_is_found_by_its_name(language: str) -> None:
    source, wanted = ASKING[language]
    result = run(language, source, [])
    assert (result["stderr"], result["stdout"]) == ("", wanted)
