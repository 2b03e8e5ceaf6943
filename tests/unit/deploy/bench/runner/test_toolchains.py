"""Bare toolchains run what the service runs, outside of it."""

import pytest

from backend.runner.languages import all_languages
from deploy.bench.runner.toolchains import program, toolchain


@pytest.mark.parametrize("name", ["c", "ruby", "perl", "bash"])
def test_a_language_whose_declaration_names_the_sandboxs_places_works_outside_of_it(name: str) -> None:
    language = all_languages()[name]
    with toolchain(language) as tools:
        assert tools is not None, f"{name}'s own commands fail outside of the sandbox"
        assert tools.seconds(program(language, "again")) > 0
