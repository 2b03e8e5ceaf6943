"""Pascal, with Free Pascal. It is told where its units are, since its configuration lies outside of a sandbox."""

from pathlib import Path

from backend.runner.languages.language import OPTIONS, PROGRAM, Language

_UNITS = "/usr/lib/x86_64-linux-gnu/fpc/$fpcversion/units/$fpctarget"
_LINES = (Path(__file__).with_name("warm") / "lines.pas").read_text(encoding="utf-8")

_COMPILE = f"""\
mkdir -p /tmp/.lines
cat > /tmp/.lines/codecanvas_lines.pas <<'END'
{_LINES}END
fpc() {{
    /usr/bin/fpc -n -l- -v0ew '-Fu{_UNITS}' '-Fu{_UNITS}/*' -Fu/tmp/.lines -O1 "$@"
}}
# Compiled beside it, that unit would have the mode that is asked for, and the program the unit's.
case " $* " in *' -M'*)
    fpc -FU/tmp/.lines /tmp/.lines/codecanvas_lines.pas && rm /tmp/.lines/codecanvas_lines.pas || exit ;;
esac
fpc -Facodecanvas_lines -FU/tmp "$@" -o{PROGRAM}
"""

LANGUAGE = Language(
    name="pascal",
    title="Pascal",
    aliases=("fpc", "freepascal", "delphi"),
    packages=("fp-compiler", "fp-units-rtl", "fp-units-base", "fp-units-fcl", "binutils"),
    version=("fpc", "-iV"),
    source="main.pas",
    compile=("sh", "-c", _COMPILE, "sh", OPTIONS, "main.pas"),
    run=(PROGRAM,),
    # Where -gh tells of memory: in standard error's own buffer its words would be lost.
    variables=(("HEAPTRC", "log=/dev/stderr"),),
    options={
        "-O[1-4]": "how much is optimised (otherwise -O1)",
        "-M(fpc|objfpc|delphi|tp|macpas)": "the language's mode",
        "-C[iort]+": "checks while the program runs: input and output, overflow, range, stack",
        "-S[achi2]+": "syntax: assertions, C operators, long strings, inline, Delphi 2",
        "-g[lh]?": "debugging information, line numbers, heap trace",
    },
    hello="program hello;\nbegin\n  writeln('Hello, world!');\nend.\n",
    sample="""\
program sample;
{$mode objfpc}{$H+}

uses SysUtils, Classes;

type
  TAnimal = class
    function Sound: string; virtual; abstract;
  end;

  TDog = class(TAnimal)
    function Sound: string; override;
  end;

function TDog.Sound: string;
begin
  Result := 'Woof';
end;

var
  Animal: TAnimal;
  Words: TStringList;
  I: Integer;
begin
  Animal := TDog.Create;
  writeln(Animal.Sound);
  Words := TStringList.Create;
  Words.Sorted := True;
  Words.AddStrings(['pear', 'apple', 'fig']);
  for I := 0 to Words.Count - 1 do
    writeln(Format('%d %s', [I + 1, Words[I]]));
  Words.Free;
  Animal.Free;
end.
""",
    sample_output="Woof\n1 apple\n2 fig\n3 pear\n",
)
