"""An image of some languages: the blocks of the Dockerfile, and what they hold against the declarations."""

import re
import shlex

import pytest

from backend.runner.languages import Language, all_languages
from backend.runner.languages.language import arguments
from deploy.artifacts.docker_image import SERVICE
from deploy.artifacts.selection import blocks, select_languages, with_languages
from deploy.errors import UsageError
from deploy.settings.environments import ROOT

DOCKERFILE = (ROOT / "backend/Dockerfile").read_text(encoding="utf-8")
DECLARED = all_languages()
CORE = {name for name, language in DECLARED.items() if language.core}


def test_all_and_core_and_names_and_aliases() -> None:
    assert select_languages("all") == tuple(DECLARED)
    assert set(select_languages("core")) == CORE
    assert select_languages("rust, JavaScript,rust") == ("nodejs", "rust")


@pytest.mark.parametrize("wanted", ["klingon", "c,klingon", "", " , "])
def test_a_language_that_there_is_not_is_wrong_use_and_the_known_ones_are_named(wanted: str) -> None:
    with pytest.raises(UsageError) as wrong:
        select_languages(wanted)
    assert all(name in str(wrong.value) for name in DECLARED)
    assert wrong.value.exit_code == 2


def test_every_language_has_one_block_and_the_core_ones_come_first() -> None:
    assert set(blocks(DOCKERFILE)) == set(DECLARED)
    assert DOCKERFILE.count("\n# language: ") == len(DECLARED) + 1  # what is warm of Java comes last
    assert set(list(blocks(DOCKERFILE))[: len(CORE)]) == CORE


@pytest.mark.parametrize("language", DECLARED.values(), ids=lambda language: language.name)
def test_a_block_brings_the_packages_of_the_declaration(language: Language) -> None:
    (line,) = re.findall(r"^RUN bring (.*)$", blocks(DOCKERFILE)[language.name], re.MULTILINE)
    assert tuple(line.split()) == language.packages + (language.testing.packages if language.testing else ())


@pytest.mark.parametrize("language", [one for one in DECLARED.values() if one.libraries], ids=lambda one: one.name)
def test_libraries_have_layers_of_their_own_and_the_core_ones_come_before_other_languages(language: Language) -> None:
    for core, mark in ((True, "# libraries: "), (False, "# more libraries: ")):
        packages = [one.package for one in language.libraries if one.core is core]
        found = [one for one in DOCKERFILE.split("\n\n") if f"{mark}{language.name}" in one.splitlines()]
        assert [one for block in found for one in re.findall(r"^RUN bring ([^&\n]*\w)", block, re.M)] == (
            [" ".join(packages)] if packages else []
        )


def test_more_libraries_come_with_more_than_the_core_languages() -> None:
    assert "python3-numpy" in with_languages(DOCKERFILE, CORE)
    assert "python3-pandas" not in with_languages(DOCKERFILE, CORE)
    assert "libboost" not in with_languages(DOCKERFILE, ["python3", "perl"])
    assert "python3-pandas" in with_languages(DOCKERFILE, ["python3", "perl"])
    assert "python3-numpy" not in with_languages(DOCKERFILE, ["bash"])


@pytest.mark.parametrize("language", DECLARED.values(), ids=lambda language: language.name)
def test_what_a_block_copies_is_there_and_warm_files_are_among_it(language: Language) -> None:
    copied = dict(re.findall(r"^COPY (\S+) (\S+)$", blocks(DOCKERFILE)[language.name], re.MULTILINE))
    assert all((ROOT / source).exists() for source in copied)
    for place, text in language.warm_files.items():
        everywhere = dict(re.findall(r"^COPY (\S+) (\S+)$", DOCKERFILE, re.MULTILINE))
        (source,) = (
            source
            for source, target in everywhere.items()
            if target == place.replace("/opt/warm", "/opt/codecanvas/warm")
        )
        assert (ROOT / source).read_text(encoding="utf-8") == text


@pytest.mark.parametrize(
    "language", [one for one in DECLARED.values() if one.cache], ids=lambda language: language.name
)
def test_a_cache_is_filled_by_the_block_where_the_service_looks_for_it(language: Language) -> None:
    assert language.cache is not None
    assert f"{language.cache.variable}=/opt/codecanvas/cache/{language.name} " in blocks(DOCKERFILE)[language.name]


def test_the_go_cache_is_filled_with_the_very_variables_of_a_compile() -> None:
    block, go = blocks(DOCKERFILE)["go"].replace("\\\n", " "), DECLARED["go"]
    words = shlex.split(block[block.index("RUN cd") + 4 :])
    assert {f"{name}={value}" for name, value in go.variables if name != "GOCACHE"} <= set(words)


def test_the_headers_of_cpp_are_compiled_with_the_options_of_every_compile() -> None:
    cpp = DECLARED["c++"]
    assert cpp.compile is not None
    assert cpp.cache is not None
    assert cpp.cache.fill is not None
    assert " ".join(arguments(cpp.compile)[:4]) in cpp.cache.fill[-1]


def test_blocks_that_were_not_asked_for_are_left_out_and_nothing_else() -> None:
    assert with_languages(DOCKERFILE, DECLARED) == DOCKERFILE
    some = with_languages(DOCKERFILE, ["c", "ruby"])
    assert list(blocks(some)) == ["c", "ruby"]
    assert "bring ghc" not in some
    optional = ("# language: ", "# libraries: ", "# more libraries: ")
    rest = [paragraph for paragraph in DOCKERFILE.split("\n\n") if not paragraph.startswith(optional)]
    assert [paragraph for paragraph in some.split("\n\n") if not paragraph.startswith("# language: ")] == rest


def test_an_image_of_the_core_languages_shares_all_its_layers_before_the_service_with_one_of_all() -> None:
    core = with_languages(DOCKERFILE, CORE)
    assert DOCKERFILE.startswith(core[: core.index("# What the service brings along")])
    assert core.index("COPY backend/runner /opt") > core.index("COPY site-packages")


def test_the_service_is_all_that_the_last_two_layers_hold() -> None:
    steps = [line for line in DOCKERFILE.splitlines() if line.startswith(("COPY", "ADD", "RUN", "FROM"))][-3:]
    assert SERVICE not in steps[0]
    assert [step.split()[0] for step in steps[1:]] == ["COPY", "RUN"]
    assert [step.split()[-1].startswith(f"/{SERVICE}") for step in steps[1:]] == [True, True]
