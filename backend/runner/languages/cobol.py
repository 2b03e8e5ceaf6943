"""COBOL, with GnuCOBOL; free format."""

from backend.runner.languages.language import OPTIONS, PRELOADED_LINES, PROGRAM, Language

LANGUAGE = Language(
    name="cobol",
    title="COBOL",
    aliases=("gnucobol", "cob"),
    packages=("gnucobol4", "gcc", "libc6-dev"),
    version=("sh", "-c", 'test -e "$COB_CONFIG_DIR/default.conf" && cobc --version'),
    shared_version=True,
    source="main.cob",
    compile=("cobc", "-x", "-free", OPTIONS, "-o", PROGRAM, "main.cob"),
    sources=(".cob", ".cbl"),
    inclusion="^.{0,6}[ \\t]*copy[ \\t]+[\"']?([^\"'\\s]+?)[\"']?\\.?(?:\\s|$)",
    run=(PROGRAM,),
    run_variables=PRELOADED_LINES,
    options={
        "-std=(default|cobol85|cobol2002|cobol2014|ibm|mf)": "the dialect",
        "-(Wall|Wextra|debug|fixed)": "warnings; checks while the program runs; fixed format",
    },
    # Its dialects, which Debian keeps in /etc.
    variables=(("COB_CONFIG_DIR", "/usr/share/gnucobol/codecanvas"),),
    hello="""\
identification division.
program-id. hello.
procedure division.
    display "Hello, world!".
    stop run.
""",
    sample="""\
identification division.
program-id. squares.

data division.
working-storage section.
01 counter       pic 9(2).
01 square        pic zz9.
01 total         pic 9(4) value 0.
01 shown         pic z,zz9.

procedure division.
main-line.
    perform varying counter from 1 by 1 until counter > 5
        compute square = counter * counter
        compute total = total + counter * counter * 20
        display counter " squared is " square
    end-perform
    move total to shown
    display "twenty times their sum: " shown
    stop run.
""",
    sample_output=(
        "01 squared is   1\n02 squared is   4\n03 squared is   9\n04 squared is  16\n05 squared is  25\n"
        "twenty times their sum: 1,100\n"
    ),
)
