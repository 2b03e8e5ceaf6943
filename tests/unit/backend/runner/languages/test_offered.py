"""In an image a language is offered where all packages that its declaration names are there, and nowhere else."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from backend.runner.execution import toolchains
from backend.runner.languages import all_languages
from backend.runner.languages.language import Language
from backend.runner.sandbox.host import Host

EVERY = pytest.mark.parametrize("language", all_languages().values(), ids=lambda language: language.name)


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package manager's directory that has every package of every language."""
    monkeypatch.setattr(toolchains, "_PACKAGES", tmp_path)
    for language in all_languages().values():
        for package in language.packages:
            (tmp_path / f"{package}.list").write_text("/.\n")
    return tmp_path


def _offered(host: Host, language: Language) -> bool:
    return toolchains.has(host, language, whole=True)


@EVERY
def test_with_all_of_them_it_is_offered(host: Host, installed: Path, language: Language) -> None:
    assert _offered(host, language)


@EVERY
def test_without_any_one_of_them_it_is_not(host: Host, installed: Path, language: Language) -> None:
    assert language.packages
    for package in language.packages:
        (installed / f"{package}.list").unlink()
        (installed / f"{package}-base.list").write_text("/.\n")  # a package that brings a part of it under another name
        assert not _offered(host, language), f"{language.name} is offered without {package}"
        (installed / f"{package}:amd64.list").write_text("/.\n")
        assert _offered(host, language)
        (installed / f"{package}:amd64.list").rename(installed / f"{package}.list")


@EVERY
def test_libraries_are_offered_each_by_its_own_package(installed: Path, language: Language) -> None:
    assert toolchains.with_libraries(language).libraries == ()
    for library in language.libraries:
        (installed / f"{library.package}.list").write_text("/.\n")
        assert library in toolchains.with_libraries(language).libraries


def test_a_library_that_was_removed_and_left_its_configuration_is_not_offered(installed: Path) -> None:
    language = all_languages()["python3"]
    library = language.libraries[0]
    for left in ("", "/etc/matplotlibrc\n"):
        (installed / f"{library.package}.list").write_text(left)
        assert library not in toolchains.with_libraries(language).libraries


def test_each_program_that_tells_a_version_belongs_to_one_language_at_most() -> None:
    owners: dict[str, list[str]] = {}
    for language in all_languages().values():
        if not language.shared_version:
            owners.setdefault(language.version[0], []).append(language.name)
    assert {command: names for command, names in owners.items() if len(names) > 1} == {}
    assert "sh" not in owners  # the system's: that it is there tells of no language


def test_a_language_whose_version_another_program_tells_is_there_by_its_packages_alone(
    host: Host, installed: Path
) -> None:
    alone = dataclasses.replace(all_languages()["bash"], packages=("nowhere",))
    assert toolchains.has(host, alone)
    assert not toolchains.has(host, dataclasses.replace(alone, shared_version=True))


def test_readiness_is_proved_by_one_language_that_every_image_has() -> None:
    assert [one.core for one in all_languages().values() if one.proves_readiness] == [True]
