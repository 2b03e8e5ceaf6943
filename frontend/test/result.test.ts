// @vitest-environment jsdom
import { beforeEach, describe, expect, it } from "vitest";
import { type RunResult, STATUSES } from "../src/api";
import { duration, memory, showResult, summary } from "../src/result";

const result: RunResult = {
  stdout: "",
  stderr: "",
  error: "",
  status: "ok",
  exitCode: 0,
  signal: null,
  timeMs: 32.4,
  memoryKb: 8601,
  truncated: false,
};

let pane: HTMLElement;
beforeEach(() => {
  pane = document.createElement("div");
});

const streams = () => [...pane.querySelectorAll("section")].map((section) => section.getAttribute("aria-label"));

describe("summary", () => {
  it("tells exit status, time and memory", () => {
    expect(summary(result)).toBe("Finished · exit 0 · 32 ms · 8.4 MB");
  });

  it("tells the signal instead of an exit status", () => {
    expect(summary({ ...result, status: "runtime_error", exitCode: 139, signal: "SIGSEGV" })).toMatch(/signal SIGSEGV/);
  });

  it("leaves out what is not known", () => {
    const unknown = { ...result, exitCode: null, timeMs: null, memoryKb: null };
    expect(summary({ ...unknown, status: "timeout" })).toBe("Ran out of time");
  });

  it("has words of its own for every status", () => {
    expect(new Set(STATUSES.map((status) => summary({ ...result, status }))).size).toBe(STATUSES.length);
  });
});

describe("units", () => {
  it.each([
    [0.4, "0 ms"],
    [999, "999 ms"],
    [1250, "1.25 s"],
  ])("%d milliseconds are %s", (value, text) => expect(duration(value)).toBe(text));

  it.each([
    [512, "512 kB"],
    [1024, "1.0 MB"],
    [8601, "8.4 MB"],
  ])("%d kilobytes are %s", (value, text) => expect(memory(value)).toBe(text));
});

describe("showResult", () => {
  it("shows each stream that has text, errors first", () => {
    showResult(pane, { ...result, stdout: "out", stderr: "err" });
    expect(streams()).toEqual(["Standard error", "Standard output"]);
  });

  it("calls the compiler's messages by their name", () => {
    showResult(pane, { ...result, status: "compile_error", stderr: "main.c:1: error" });
    expect(streams()).toEqual(["Compiler"]);
  });

  it("shows the service's sentence where it explains something", () => {
    showResult(pane, { ...result, status: "timeout", error: "took longer than 10 s", stdout: "partial" });
    expect(pane.querySelector(".notice")?.textContent).toBe("Took longer than 10 s");
    showResult(pane, { ...result, status: "runtime_error", error: "killed by SIGSEGV", signal: "SIGSEGV" });
    expect(pane.textContent).toBe("Killed by SIGSEGV");
  });

  it("leaves that sentence out where messages say more", () => {
    showResult(pane, { ...result, status: "runtime_error", error: "exit status 1", stderr: "Traceback" });
    expect(pane.textContent).not.toContain("exit status");
  });

  it("shows markup as text", () => {
    const stdout = "<img src=x onerror=alert(1)><script>alert(2)</script>";
    showResult(pane, { ...result, stdout });
    expect(pane.querySelector("img, script")).toBeNull();
    expect(pane.querySelector("pre")?.textContent).toBe(stdout);
  });

  it("says that output was cut off, and that there was none", () => {
    showResult(pane, { ...result, stdout: "a", truncated: true });
    expect(pane.textContent).toMatch(/cut off/);
    showResult(pane, result);
    expect(pane.textContent).toBe("The program wrote nothing.");
  });
});
