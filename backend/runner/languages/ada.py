"""Ada, with GNAT."""

from backend.runner.languages.language import OPTIONS, PROGRAM, Language

LANGUAGE = Language(
    name="ada",
    title="Ada",
    aliases=("gnat",),
    packages=("gnat", "libc6-dev"),
    version=("gnatmake", "--version"),
    source="main.adb",
    # -gnatA: no gnat.adc, which configures every unit.
    compile=("gnatmake", "-q", "-O1", "-gnat2022", "-gnatA", OPTIONS, "-o", PROGRAM, "main.adb"),
    run=(PROGRAM,),
    options={
        "-O[0-3sg]": "how much is optimised (otherwise -O1)",
        "-g": "debugging information",
        "-gnat(83|95|2005|2012|2022)": "the standard (otherwise 2022)",
        "-gnat(a|o|p|E|w[a-zA-Z.]+|y[a-z0-9]*)": "assertions, overflow checks, no checks, warnings, style",
    },
    hello="""\
with Ada.Text_IO;

procedure Main is
begin
   Ada.Text_IO.Put_Line ("Hello, world!");
end Main;
""",
    sample="""\
with Ada.Text_IO; use Ada.Text_IO;

procedure Main is
   type Day is (Mon, Tue, Wed, Thu, Fri, Sat, Sun);
   subtype Weekend is Day range Sat .. Sun;
   type Vector is array (Positive range <>) of Integer;

   function Sum (Values : Vector) return Integer is
      Total : Integer := 0;
   begin
      for Value of Values loop
         Total := Total + Value;
      end loop;
      return Total;
   end Sum;

   task Worker is
      entry Start (Limit : Positive);
   end Worker;

   task body Worker is
      Count : Positive;
   begin
      accept Start (Limit : Positive) do
         Count := Limit;
      end Start;
      Put_Line ("sum:" & Sum ([for I in 1 .. Count => I * I])'Image);
   end Worker;
begin
   for D in Weekend loop
      Put_Line (D'Image);
   end loop;
   Worker.Start (4);
end Main;
""",
    sample_output="SAT\nSUN\nsum: 30\n",
)
