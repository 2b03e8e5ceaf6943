from pathlib import Path

import pytest

from backend.runner import languages
from backend.runner.languages import Language, all_languages


def test_the_seven_languages_are_declared_and_sorted() -> None:
    assert list(all_languages()) == ["bash", "c", "c++", "go", "nodejs", "python3", "rust"]


@pytest.mark.parametrize("language", all_languages().values(), ids=lambda language: language.name)
def test_a_declaration_is_complete(language: Language) -> None:
    assert language.hello
    assert language.hello_output == "Hello, world!\n"
    assert Path(language.source).name == language.source
    assert language.source in (language.compile or language.run)


def test_a_file_added_is_a_language_added(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = Path(languages.__file__).with_name("bash.py").read_text(encoding="utf-8")
    (tmp_path / "zsh_for_a_test.py").write_text(source.replace('name="bash"', 'name="zsh"'), encoding="utf-8")
    monkeypatch.setattr(languages, "__path__", [*languages.__path__, str(tmp_path)])
    assert "zsh" in all_languages()


def test_a_name_declared_twice_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = Path(languages.__file__).with_name("bash.py").read_text(encoding="utf-8")
    (tmp_path / "bash_twice_for_a_test.py").write_text(source, encoding="utf-8")
    monkeypatch.setattr(languages, "__path__", [*languages.__path__, str(tmp_path)])
    with pytest.raises(ValueError, match="another module declares"):
        all_languages()
