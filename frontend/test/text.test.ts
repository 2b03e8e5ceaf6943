import { describe, expect, it } from "vitest";
import { Unusable } from "../src/errors";
import { checkOptions, expand } from "../src/languages/options";
import { words } from "../src/languages/words";
import { AnsiReader } from "../src/run/ansi";
import { findMentions } from "../src/run/diagnostics";
import { EventParser } from "../src/service/events";

describe("AnsiReader", () => {
  const read = (...parts: string[]) => {
    const reader = new AnsiReader();
    return [...parts.flatMap((part) => reader.feed(part)), ...reader.end()];
  };

  it("turns colours into styles, wherever the text is cut", () => {
    const text = "a\x1b[1;31mred\x1b[0mb";
    const whole = [
      { text: "a", style: {} },
      { text: "red", style: { bold: true, ink: 1 } },
      { text: "b", style: {} },
    ];
    expect(read(text)).toEqual(whole);
    for (let at = 0; at < text.length; at++) {
      const joined = read(text.slice(0, at), text.slice(at));
      expect(joined.map((segment) => segment.text).join("")).toBe("aredb");
      expect(
        joined
          .filter(({ style }) => style.ink === 1)
          .map((segment) => segment.text)
          .join(""),
      ).toBe("red");
    }
  });

  it.each([
    ["\x1b[38;5;196mx", { ink: "rgb(255 0 0)" }],
    ["\x1b[48;2;1;2;3mx", { paper: "rgb(1 2 3)" }],
    ["\x1b[38;5;9mx", { ink: 9 }],
    ["\x1b[95mx", { ink: 13 }],
    ["\x1b[1m\x1b[22mx", {}],
    ["\x1b[3;4;9mx", { italic: true, underline: true, strike: true }],
    ["\x1b[mx", {}],
  ])("reads %j", (text, style) => expect(read(text)).toEqual([{ text: "x", style }]));

  it("leaves out other sequences, titles and bells, and keeps all text", () => {
    expect(
      read("\x1b]0;title\x07a\x1b[2Jb\x07c\x1b[?25ld")
        .map(({ text }) => text)
        .join(""),
    ).toBe("abcd");
    expect(
      read("10%\r", "20%\r\nend\r")
        .map(({ text }) => text)
        .join(""),
    ).toBe("10%\n20%\nend\n");
  });
});

describe("findMentions", () => {
  const places = (text: string, files = ["main.x", "Main.java", "util.py"]) =>
    findMentions(text, files).map(({ place: { file, line, column } }) => [file, line, column]);

  it.each([
    ["main.x:3:5: error: expected", ["main.x", 3, 5]],
    ["./main.x:4:2: undefined", ["main.x", 4, 2]],
    [" --> main.x:7:9", ["main.x", 7, 9]],
    ["Main.java:12: error: ';' expected", ["Main.java", 12, null]],
    ["main.x(3,5): error TS2322", ["main.x", 3, 5]],
    ['  File "/work/util.py", line 8, in <module>', ["util.py", 8, null]],
    ["main.x: line 2: syntax error", ["main.x", 2, null]],
    ["died at main.x line 5.", ["main.x", 5, null]],
    ["in /work/main.x on line 6", ["main.x", 6, null]],
    ["at Object.<anonymous> (/work/main.x:1:7)", ["main.x", 1, 7]],
  ])("finds the place in %j", (text, place) => expect(places(text)).toEqual([place]));

  it("takes no other file, no time and no name that only ends alike for one", () => {
    expect(places("12:30:05 stdio.h:3:1 xmain.x:1:1 main.xy:1:1 lib/main.x:2:2")).toEqual([]);
    expect(places("main.x:1:1", [])).toEqual([]);
  });
});

describe("words", () => {
  it.each([
    ["", []],
    ["  a  b ", ["a", "b"]],
    [`'a b' "c \\"d\\"" e\\ f`, ["a b", 'c "d"', "e f"]],
    [`x'y z'"w"`, ["xy zw"]],
    [`''`, [""]],
    [`"\\n"`, ["\\n"]],
  ])("splits %j", (text, expected) => expect(words(text, "Arguments")).toEqual(expected));

  it.each(["'a", 'b "c', "d\\"])("refuses %j, naming the field", (text) => {
    expect(() => words(text, "Arguments")).toThrow(Unusable);
    expect(() => words(text, "Arguments")).toThrow(/^Arguments: /);
  });
});

describe("options", () => {
  it.each([
    ["-O[0-3sg]", ["-O0", "-O1", "-O2", "-O3", "-Os", "-Og"]],
    ["-std=(c|gnu)(99|17)", ["-std=c99", "-std=c17", "-std=gnu99", "-std=gnu17"]],
    ["-m(avx|sse4\\.2)", ["-mavx", "-msse4.2"]],
    ["-f(no-)?wrapv", ["-fwrapv", "-fno-wrapv"]],
    ["-W[a-z][a-z0-9]*", null],
    ["-D.+", null],
    ["(", null],
  ])("%s stands for %j", (pattern, expected) => {
    expect(expand(pattern)).toEqual(expected);
    for (const word of expected ?? []) expect(word).toMatch(new RegExp(`^(?:${pattern})$`));
  });

  it("that the service refuses are named before it is asked", () => {
    const options = { "-O[0-3]": "", "-W[a-z]+": "" };
    checkOptions(["-O2", "-Wall"], options);
    expect(() => checkOptions(["-O2", "-O9"], options)).toThrow(/does not take the option -O9/);
  });
});

describe("EventParser", () => {
  it("joins what comes in pieces, and leaves out comments", () => {
    const text = "event: a\ndata: 1\n\n: still here\n\nevent: b\ndata: 2\ndata: 3\n\nevent: c\nda";
    const parser = new EventParser();
    const found = [...text].flatMap((character) => parser.feed(character));
    expect(found).toEqual([
      { name: "a", data: "1" },
      { name: "b", data: "2\n3" },
    ]);
  });
});
