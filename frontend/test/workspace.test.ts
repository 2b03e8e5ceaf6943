// @vitest-environment jsdom
import { beforeEach, describe, expect, it, vi } from "vitest";
import { findPage, type Page } from "../src/dom/page";
import type { Editor } from "../src/editor/editor";
import { Workspace } from "../src/files/workspace";
import html from "../src/index.html?raw";
import type { Language } from "../src/languages/languages";
import { Memory } from "../src/program/memory";
import type { SourceFile } from "../src/program/program";

const c: Language = {
  id: "c",
  name: "C",
  source: "main.c",
  examples: [],
  indent: "  ",
  options: {},
  formats: false,
  entry: {},
};
const learned: Language = { ...c, examples: [{ name: "Greeting", text: "int main;" }] };

let page: Page;
let workspace: Workspace;
let editor: { source: string; open: (language: Language, file: SourceFile) => void; focus: () => void };

const nothing = () => undefined;
const memory = () => new Memory(nothing, nothing);

beforeEach(() => {
  localStorage.clear();
  vi.useFakeTimers();
  document.documentElement.innerHTML = html;
  page = findPage();
  editor = {
    source: "",
    open: (_language, file) => {
      editor.source = file.text;
    },
    focus: () => undefined,
  };
  workspace = new Workspace(page, editor as unknown as Editor, memory(), () => undefined);
  return () => vi.useRealTimers();
});

describe("Workspace", () => {
  it("fills an empty program with its example, and keeps what was typed meanwhile", () => {
    workspace.open(c);
    page.stdin.value = "Ada";
    page.options.value = "-O2";
    page.stdin.dispatchEvent(new Event("input"));
    workspace.learn(learned);
    expect(workspace.program).toMatchObject({ files: [{ text: "int main;" }], stdin: "Ada", options: "-O2" });
    expect(page.stdin.value).toBe("Ada");
    vi.advanceTimersByTime(1000);
    expect(memory().program("c")).toMatchObject({ stdin: "Ada" });
  });

  it("hands over all programs of the visit as they are on the screen, stored or not", () => {
    workspace.open(c);
    editor.source = "in c";
    workspace.touched();
    workspace.open({ ...c, id: "go" });
    editor.source = "in go";
    page.stdin.value = "Ada"; // neither has been noticed as a change
    const carried = workspace.carried();
    const reloaded = new Memory(nothing, nothing, false, carried);
    expect(reloaded.language).toBe("go");
    expect(reloaded.program("go")).toMatchObject({ files: [{ text: "in go" }], stdin: "Ada" });
    expect(reloaded.program("c")).toMatchObject({ files: [{ text: "in c" }] });
  });

  it("leaves a program alone that somebody began to write", () => {
    workspace.open(c);
    editor.source = "mine";
    workspace.learn(learned);
    expect(workspace.program.files[0]?.text).toBe("mine");
  });

  it("keeps each language's program, and brings it back", () => {
    workspace.open(learned);
    editor.source = "changed";
    workspace.touched();
    workspace.open({ ...c, id: "go", source: "main.go" });
    expect(workspace.names).toEqual(["main.go"]);
    expect(memory().program("c")?.files[0]?.text).toBe("changed");
    workspace.open(learned);
    expect(workspace.program.files[0]?.text).toBe("changed");
  });
});
