"""Which class of a Java program is started: the same with a compiler that stays and with one that is started anew."""

import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO, cast

import pytest

from backend.runner.languages import javac
from backend.runner.languages.resident import Compiled, End
from tests.unit.backend.runner.conftest import RunProgram

pytestmark = pytest.mark.any_python

Compile = Callable[[Mapping[str, str]], Compiled]
WARM = Path(javac.__file__).with_name("warm") / "java/codecanvas"


def _type(name: str, *, main: bool = True, kind: str = "class", text: str = "") -> str:
    method = f'public static void main(String[] args) {{ System.out.println("{name}"); }}' if main else ""
    return f"{kind} {name} {{ {text} {method} }}\n"


CASES = {
    "the public one": ({"Main.java": _type("Main") + _type("App", kind="public class")}, "App"),
    "annotations and modifiers": (
        {"Main.java": _type("A") + _type("App", kind='@SuppressWarnings("x") final public class')}, "App",
    ),
    "Main": ({"Main.java": _type("Other") + _type("Main")}, "Main"),
    "the only one": ({"Main.java": _type("Help", main=False) + _type("Foo") + _type("Last", main=False)}, "Foo"),
    "a public one without": ({"Main.java": _type("Shape", main=False, kind="public interface") + _type("Foo")}, "Foo"),
    "one that only calls another's": (
        {"Main.java": _type("Zoo") + _type("Ape", main=False, text="void f() { Zoo.main(new String[0]); }")}, "Zoo",
    ),
    "one behind those that call it": (
        {
            "Main.java": _type("Ape", main=False, kind="public class", text="void f() { Zoo.main(new String[0]); }")
            + _type("Zoo", text="<T> void g(T t) {}")
            + _type("Bee", main=False, kind="interface", text="default void f() { Zoo.main(new String[0]); }")
        },
        "Zoo",
    ),
    "the first of several": ({"Main.java": _type("Zoo") + _type("Ape")}, "Zoo"),
    "an enum": (
        {"Main.java": _type("Pair(int a)", main=False, kind="record") + _type("Run", kind="enum", text=";")}, "Run",
    ),
    "one with any number of arguments": (
        {"Main.java": _type("Foo").replace("String[] args", "final String... args") + _type("Last", main=False)},
        "Foo",
    ),
    "one that is not public": ({"Main.java": _type("No").replace("public static", "static") + _type("Foo")}, "Foo"),
    "in another file": ({"Main.java": _type("Help", main=False), "App.java": _type("App", kind="public class")}, "App"),
    "the program's own first": ({"Main.java": _type("Foo"), "Util.java": _type("Util", kind="public class")}, "Foo"),
    "in a package": (
        {"Main.java": "package a.b;\n" + _type("Help", main=False), "x/App.java": "package x;\n" + _type("App")}, "App",
    ),
    "the public one of other files": (
        {"Main.java": "", "A.java": _type("A"), "B.java": _type("B", kind="public class"), "C.java": _type("C")}, "B",
    ),
    "Main of other files": (
        {"Main.java": "", "A.java": _type("A"), "m/Main.java": "package m;\n" + _type("Main"), "C.java": _type("C")},
        "Main",
    ),
    "a name that looks like an option": ({"Main.java": _type("Main"), "-x.java": "", "@x.java": ""}, "Main"),
    "letters of another language": ({"Main.java": _type("Größe", kind="public class")}, "Größe"),
    "a module": (
        {"Main.java": _type("Main"), "module-info.java": "module x { requires nothing; }"}, "Main",
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def stays(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Compile]:
    """The compiler that stays, without a sandbox."""
    place = tmp_path_factory.mktemp("java")
    subprocess.run(["sh", WARM.with_name("build.sh"), place], check=True)
    command = [str(place) if word == javac.PLACE else word for word in javac.COMMAND]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as daemon:
        asked, answers = cast("BinaryIO", daemon.stdin), cast("BinaryIO", daemon.stdout)

        def ask(sources: Mapping[str, str]) -> Compiled:
            asked.write(javac.request(100_000, (), sources))
            asked.flush()
            return javac.read_answer(answers)

        assert javac.read_answer(answers).end is End.GAVE_UP  # unasked, once it is warm
        yield ask
        asked.close()


@pytest.mark.parametrize(("files", "name"), CASES.values(), ids=CASES.keys())
def test_the_class_to_start_is_found(run_program: RunProgram, stays: Compile, files: dict[str, str], name: str) -> None:
    made = stays(files)
    assert made.end is End.MADE, made.messages
    launched = made.files[".launch"].decode().split()[-1]
    assert launched.rpartition(".")[2] == name
    assert f"{launched.replace('.', '/')}.class" in made.files
    rest = {file: text for file, text in files.items() if file != "Main.java"}
    outcome = run_program("java", files["Main.java"], rest)
    assert (outcome.stdout.decode(), outcome.stderr.decode()) == (f"{name}\n", "")


def test_an_inherited_main_is_a_main(stays: Compile) -> None:
    source = "public class App extends Base { static { System.out.println(1); } }\n" + _type("Base")
    assert stays({"Main.java": source}).files[".launch"].decode().split()[-1] == "App"


@pytest.mark.parametrize("other", ["class {", "public class Named {}"])
def test_a_file_that_does_not_compile_is_an_error_in_both(run_program: RunProgram, stays: Compile, other: str) -> None:
    made = stays({"Main.java": _type("Main"), "lib/Other.java": other})
    assert made.end is End.FAILED
    outcome = run_program("java", _type("Main"), {"lib/Other.java": other})
    assert outcome.status == "compile_error"
    assert outcome.stderr == made.messages
    assert made.messages.startswith(b"lib/Other.java:1: error")
