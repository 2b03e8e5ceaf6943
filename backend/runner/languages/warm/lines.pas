{ Used by every program before its own units: Output is written as each line ends, and a prompt before Input is read.

  After a thousand lines at once the rest is written in blocks, until some milliseconds have passed. }
unit codecanvas_lines;
{$mode objfpc}
{$R-}{$Q-}{$I+}{$S-}{$asmmode att}

interface

implementation

const
  Most = 1000;
  PerInterval = 16;
  Interval = 10000000; { of the processor's clock: some milliseconds }

var
  Left: longint = Most;
  Since: int64 = 0;
  WriteOut, ReadIn: codepointer;

type
  TDone = procedure (var t: TextRec);

function Now: int64; assembler; nostackframe;
asm
  rdtsc
  shlq $32, %rdx
  orq %rdx, %rax
end;

procedure FlushLine(var t: TextRec);
begin
  if (t.bufpos = 0) or (t.bufptr^[t.bufpos - 1] <> #10) then
    exit;
  if Left <= 0 then
  begin
    if Now - Since < Interval then
      exit;
    Left := PerInterval;
  end;
  dec(Left);
  if Left = 0 then
    Since := Now;
  TDone(WriteOut)(t);
end;

procedure ReadAfterPrompt(var t: TextRec);
begin
  if (TextRec(Output).mode = fmOutput) and (TextRec(Output).bufpos > 0) then
    TDone(WriteOut)(TextRec(Output));
  TDone(ReadIn)(t);
end;

initialization
  WriteOut := TextRec(Output).inoutfunc;
  ReadIn := TextRec(Input).inoutfunc;
  if TextRec(Output).flushfunc = nil then
    TextRec(Output).flushfunc := @FlushLine;
  TextRec(Input).inoutfunc := @ReadAfterPrompt;
end.
