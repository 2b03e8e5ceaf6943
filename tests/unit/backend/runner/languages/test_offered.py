"""In an image a language is offered where all packages that its declaration names are there, and nowhere else."""

from __future__ import annotations

from pathlib import Path

import pytest

from backend.runner.execution import executor
from backend.runner.execution.executor import Executor
from backend.runner.languages import all_languages
from backend.runner.languages.language import Language
from backend.runner.sandbox.host import Host

EVERY = pytest.mark.parametrize("language", all_languages().values(), ids=lambda language: language.name)


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package manager's directory that has every package of every language."""
    monkeypatch.setattr(executor, "_PACKAGES", tmp_path)
    for language in all_languages().values():
        for package in language.packages:
            (tmp_path / f"{package}.list").touch()
    return tmp_path


def _offered(host: Host, language: Language) -> bool:
    return Executor(host, {}, cache=None, accelerations=frozenset()).has(language, whole=True)


@EVERY
def test_with_all_of_them_it_is_offered(host: Host, installed: Path, language: Language) -> None:
    assert _offered(host, language)


@EVERY
def test_without_any_one_of_them_it_is_not(host: Host, installed: Path, language: Language) -> None:
    assert language.packages
    for package in language.packages:
        (installed / f"{package}.list").unlink()
        (installed / f"{package}-base.list").touch()  # a package that brings a part of it under another name
        assert not _offered(host, language), f"{language.name} is offered without {package}"
        (installed / f"{package}:amd64.list").touch()
        assert _offered(host, language)
        (installed / f"{package}:amd64.list").rename(installed / f"{package}.list")


@EVERY
def test_libraries_are_offered_each_by_its_own_package(host: Host, installed: Path, language: Language) -> None:
    here = Executor(host, {}, cache=None, accelerations=frozenset())
    assert here.with_libraries(language).libraries == ()
    for library in language.libraries:
        (installed / f"{library.package}.list").touch()
        assert library in here.with_libraries(language).libraries
