// @vitest-environment jsdom
import { beforeEach, describe, expect, it, vi } from "vitest";
import type { Place } from "../src/run/diagnostics";
import { Output } from "../src/run/output";
import type { RunResult } from "../src/service/result";

const result: RunResult = {
  error: "",
  status: "ok",
  exitCode: 0,
  signal: null,
  timeMs: 1,
  cpuMs: 1,
  memoryKb: 1,
  truncated: false,
  files: [],
  tests: [],
};

let pane: HTMLElement;
let output: Output;
const jump = vi.fn<(place: Place) => void>();
beforeEach(() => {
  jump.mockReset();
  pane = document.createElement("div");
  pane.scrollIntoView = () => undefined; // which jsdom lacks
  output = new Output(pane, jump);
  output.begin();
});

const labels = () => [...pane.querySelectorAll("section")].map((section) => section.getAttribute("aria-label"));

describe("Output", () => {
  it("shows each stream that has text, errors first", () => {
    output.phase("run");
    output.output("stdout", "out");
    output.output("stderr", "err");
    output.finish(result, []);
    expect(labels()).toEqual(["Standard error", "Standard output"]);
    expect(output.text).toBe("errout");
  });

  it("calls what comes while compiling the compiler's", () => {
    output.phase("compile");
    output.output("stderr", "main.c:1: error");
    output.finish({ ...result, status: "compile_error" }, []);
    expect(labels()).toEqual(["Compiler"]);
  });

  it("keeps what an earlier run wrote until the next says something", () => {
    output.output("stdout", "earlier");
    output.finish(result, []);
    output.begin();
    expect(pane.textContent).toContain("earlier");
    output.phase("run");
    expect(pane.textContent).toBe("");
  });

  it("shows markup as text", () => {
    const text = "<img src=x onerror=alert(1)><script>alert(2)</script>";
    output.output("stdout", text);
    output.finish(result, []);
    expect(pane.querySelector("img, script")).toBeNull();
    expect(pane.querySelector("pre")?.textContent).toBe(text);
  });

  it("makes lines that messages name reachable, and nothing else", () => {
    output.phase("compile");
    output.output("stderr", "main.c:3:5: error: x\nlib.h:1: y\n");
    output.finish({ ...result, status: "compile_error" }, ["main.c"]);
    expect(pane.querySelector("pre")?.textContent).toBe("main.c:3:5: error: x\nlib.h:1: y\n");
    const [place, ...others] = pane.querySelectorAll<HTMLButtonElement>("button");
    expect(others).toEqual([]);
    place?.click();
    expect(jump).toHaveBeenCalledWith({ file: "main.c", line: 3, column: 5 });
  });

  it("says that output was cut off, and that there was none", () => {
    output.output("stdout", "a");
    output.finish({ ...result, truncated: true }, []);
    expect(pane.textContent).toMatch(/cut off/);
    output.begin();
    output.finish(result, []);
    expect(pane.textContent).toBe("The program wrote nothing.");
  });
});
