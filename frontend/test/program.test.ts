import { afterEach, describe, expect, it, vi } from "vitest";
import { Unusable } from "../src/errors";
import { addFile, checkName, closeFile, reopenFile } from "../src/files/file-list";
import { Memory } from "../src/program/memory";
import { asProgram, type Program, program } from "../src/program/program";
import { fragmentOf, isShared, readFragment } from "../src/program/share";
import { requestOf } from "../src/run/request";

const full: Program = {
  files: [
    { name: "", text: "main ✓ <b>" },
    { name: "util/a.h", text: "#define A\n" },
  ],
  active: 1,
  stdin: "Ada\n",
  args: "'a b' c",
  options: "-O2",
  closed: [],
};

describe("a link", () => {
  it("brings the whole program back", async () => {
    const fragment = await fragmentOf("c++", full);
    expect(fragment).toMatch(/^#1=[\w-]+$/);
    expect(isShared(fragment)).toBe(true);
    expect(await readFragment(fragment)).toEqual({ language: "c++", program: { ...full, active: 0 } });
  });

  it("is short for programs that repeat themselves", async () => {
    expect((await fragmentOf("c", program("int x;\n".repeat(1000)))).length).toBeLessThan(200);
  });

  it.each(["#1=", "#1=%%%", "#1=AAAA", "#1=S0xLBAA"])("that is damaged (%s) is told, not shown", async (fragment) => {
    await expect(readFragment(fragment)).rejects.toBeInstanceOf(Unusable);
  });

  it("that unfolds to more than a program may hold is refused", async () => {
    const huge = await fragmentOf("c", program("x".repeat(3_000_000)));
    await expect(readFragment(huge)).rejects.toBeInstanceOf(Unusable);
  });
});

describe("files", () => {
  it("that are closed can be reopened, with their text and under a free name", () => {
    const one = structuredClone(full);
    closeFile(one, 1);
    expect(one).toMatchObject({ active: 0, files: [{ name: "" }] });
    addFile(one, { name: "util/a.h", text: "new" });
    reopenFile(one);
    expect(one.files.map(({ name }) => name)).toEqual(["", "util/a.h", "util/a-2.h"]);
    expect(one.files[2]?.text).toBe("#define A\n");
    expect(one.closed).toEqual([]);
  });

  it.each(["", "a b", "../x", "/etc/x", "a//b", ".hidden", "a".repeat(101), "main.c"])(
    "cannot be called %j",
    (name) => {
      expect(() => checkName(name, ["main.c"])).toThrow(Unusable);
    },
  );
});

describe("requestOf", () => {
  const c = {
    id: "c",
    name: "C",
    source: "main.c",
    examples: [],
    indent: "",
    options: { "-O[0-3]": "" },
    formats: false,
    entry: {},
  };

  it("sends all of a program", () => {
    expect(requestOf(c, full)).toEqual({
      source: "main ✓ <b>",
      language: "c",
      collect: ["*"],
      stdin: "Ada\n",
      args: ["a b", "c"],
      options: ["-O2"],
      files: { "util/a.h": "#define A\n" },
    });
  });

  it("leaves out what there is none of", () => {
    expect(requestOf(c, program("x"))).toEqual({ source: "x", language: "c", collect: ["*"] });
  });
});

describe("asProgram", () => {
  it.each([null, [], {}, { files: [] }, { files: "x" }])("takes %j for none", (value) => {
    expect(asProgram(value)).toBeNull();
  });

  it("mends what makes no sense", () => {
    expect(asProgram({ files: [{ name: "x", text: 1 }], active: 7 })).toEqual(program(""));
  });
});

describe("Memory", () => {
  afterEach(() => vi.unstubAllGlobals());

  it("says once that the browser keeps nothing more", () => {
    const refuses = {
      getItem: () => null,
      setItem: () => {
        throw new DOMException("full", "QuotaExceededError");
      },
    };
    vi.stubGlobal("localStorage", refuses);
    const refused = vi.fn();
    const memory = new Memory(refused, () => undefined);
    memory.keepProgram("c", full);
    memory.keepProgram("c", full);
    expect(refused).toHaveBeenCalledTimes(1);
  });

  it("knows programs that earlier releases kept", () => {
    vi.stubGlobal("localStorage", { getItem: (key: string) => (key === "codecanvas:source:c" ? "old" : null) });
    expect(
      new Memory(
        () => undefined,
        () => undefined,
      ).program("c"),
    ).toEqual(program("old"));
  });

  it("has what a reload brought along, also where nothing is stored", () => {
    vi.stubGlobal("localStorage", undefined);
    const [refused, displaced] = [vi.fn(), vi.fn()];
    for (const keeps of [true, false]) {
      const memory = new Memory(refused, displaced, keeps, { c: JSON.stringify(full), "": "c" });
      expect([memory.language, memory.program("c"), memory.program("go")]).toEqual(["c", full, null]);
    }
  });

  it("takes what a reload brought along for older than what another window stored meanwhile", () => {
    const kept = new Map([["codecanvas:program:c", JSON.stringify(program("of the other"))]]);
    vi.stubGlobal("localStorage", {
      getItem: (key: string) => kept.get(key) ?? null,
      setItem: (key: string, value: string) => kept.set(key, value),
    });
    const displaced = vi.fn();
    const memory = new Memory(() => undefined, displaced, true, { c: JSON.stringify(full) });
    expect(memory.program("c")).toEqual(full);
    memory.keepProgram("c", program("changed"));
    expect(displaced).toHaveBeenCalledTimes(1);
    expect(memory.earlier("c")).toEqual(program("of the other"));
  });

  it("keeps what two windows write, and says that there are two", () => {
    const kept = new Map<string, string>();
    vi.stubGlobal("localStorage", {
      getItem: (key: string) => kept.get(key) ?? null,
      setItem: (key: string, value: string) => kept.set(key, value),
    });
    const displaced = vi.fn();
    const [one, other] = [new Memory(() => undefined, displaced), new Memory(() => undefined, displaced)];
    for (const window of [one, other]) window.program("c");
    one.keepProgram("c", program("of one"));
    one.keepProgram("c", program("of one, changed"));
    expect(displaced).not.toHaveBeenCalled();
    other.keepProgram("c", program("of the other"));
    expect(displaced).toHaveBeenCalledTimes(1);
    expect([other.program("c"), other.earlier("c")]).toEqual([program("of the other"), program("of one, changed")]);
  });
});
