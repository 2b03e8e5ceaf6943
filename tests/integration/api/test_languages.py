"""Every language that the service offers, spoken to as a client does; what each must do is in its declaration."""

from typing import Any

import httpx
import pytest

from backend.runner.languages import all_languages, in_order
from deploy.local import local_config
from deploy.rehearsals import rehearsal_config
from deploy.settings.environments import load_environment
from tests.integration.api.echo import BROKEN, ECHO
from tests.integration.api.further import FURTHER

DECLARED = all_languages()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """`language` is each that the service offers; `compiled` those that have a compile step."""
    for fixture in ("language", "compiled"):
        if fixture in metafunc.fixturenames:
            names = [name for name in _offered(metafunc.config) if fixture == "language" or DECLARED[name].compile]
            metafunc.parametrize(fixture, names)


def _offered(config: pytest.Config) -> list[str]:
    name = config.getoption("--env")
    if config.getoption("--rehearsal"):
        environment = rehearsal_config(name)
    else:
        environment = local_config() if name == "local" else load_environment(name)
    answer = httpx.get(f"{environment.api_url}languages", timeout=30).raise_for_status()
    return sorted(answer.json()["languages"])


@pytest.mark.smoke
def test_the_languages_are_named_in_their_order(api: httpx.Client, environment: Any) -> None:
    names = api.get("languages").raise_for_status().json()["languages"]
    assert names == in_order(names)
    assert {"bash", "python3"} <= set(names) <= set(DECLARED)
    if environment.name != "local":  # an image has at least the core ones; a machine has what it has
        assert {name for name, language in DECLARED.items() if language.core} <= set(names)


@pytest.mark.smoke
def test_hello(run: Any, language: str) -> None:
    result = run(language, DECLARED[language].hello)
    assert (result["status"], result["stdout"], result["stderr"]) == ("ok", "Hello, world!\n", "")
    assert (result["error"], result["exit_code"], result["signal"], result["truncated"]) == ("", 0, None, False)
    assert result["time_ms"] > 0


_UNTIDY = {
    "go": ("package main\nfunc  main( ) {println( 1 )}\n", "package main\n\nfunc main() { println(1) }\n"),
    "python3": ("x=[1,2 ]\ndef f(): return x\n", "x = [1, 2]\n\n\ndef f():\n    return x\n"),
    "rust": ('fn main( ){println!( "1" ) ; }', 'fn main() {\n    println!("1");\n}\n'),
}


def test_programs_are_formatted_where_the_language_says_so(api: httpx.Client, environment: Any) -> None:
    details = api.get("languages").json()["details"]
    formatted = {name for name, one in details.items() if one["formats"]}
    declared = {name for name, language in DECLARED.items() if language.formatter}
    assert declared == set(_UNTIDY)
    if environment.name != "local":  # an image brings every formatter with its language
        assert formatted == declared & set(details)
    for name in formatted:
        untidy, tidy = _UNTIDY[name]
        answer = api.post("format", json={"language": name, "source": untidy}).raise_for_status().json()
        assert answer == {"status": "ok", "source": tidy, "stderr": "", "language": name}
        assert api.post("format", json={"language": name, "source": tidy}).json()["source"] == tidy
        broken = api.post("format", json={"language": name, "source": "(((\n"}).json()
        assert (broken["status"], broken["source"]) == ("runtime_error", "(((\n")
        assert broken["stderr"]


def test_the_sample_prints_what_its_declaration_says(run: Any, language: str) -> None:
    result = run(language, DECLARED[language].sample)
    assert (result["status"], result["stderr"]) == ("ok", "")
    assert result["stdout"] == DECLARED[language].sample_output


def test_stdin_arguments_and_files(run: Any, language: str) -> None:
    more = {"stdin": "über\n", "args": ["one two", "--three"], "files": {"data/note.txt": "\nnote ✓"}}
    result = run(language, ECHO[language], **more)
    assert (result["status"], result["stderr"]) == ("ok", "")
    assert result["stdout"].removesuffix("\n") == "über\none two\nnote ✓"


def test_what_does_not_compile_is_a_compile_error(run: Any, compiled: str) -> None:
    result = run(compiled, BROKEN[compiled])
    assert result["status"] == "compile_error"
    assert result["stdout"] == ""
    assert DECLARED[compiled].source in result["stderr"]
    assert result["error"].startswith("compilation failed")


def test_further_sources_belong_to_the_program(run: Any, compiled: str) -> None:
    source, files = FURTHER[compiled]
    result = run(compiled, source, files=dict(files))
    assert (result["status"], result["stderr"], result["stdout"]) == ("ok", "", "42\n")


def test_a_module_of_ones_own_is_imported(run: Any) -> None:
    result = run("python3", "import helper\nprint(helper.answer)", files={"helper.py": "answer = 42"})
    assert (result["status"], result["stdout"]) == ("ok", "42\n")
