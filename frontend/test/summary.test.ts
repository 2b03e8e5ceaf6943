import { describe, expect, it } from "vitest";
import { duration, explanation, memory, summary } from "../src/run/summary";
import { type RunResult, STATUSES } from "../src/service/result";

const result: RunResult = {
  error: "",
  status: "ok",
  exitCode: 0,
  signal: null,
  timeMs: 32.4,
  cpuMs: 20,
  memoryKb: 8601,
  truncated: false,
  files: [],
  tests: [],
};

describe("summary", () => {
  it("tells exit status, time and memory", () => {
    expect(summary(result)).toBe("Finished · exit 0 · 32 ms · 20 ms CPU · 8.4 MB");
  });

  it("tells the signal instead of an exit status", () => {
    expect(summary({ ...result, status: "runtime_error", exitCode: 139, signal: "SIGSEGV" })).toMatch(/signal SIGSEGV/);
  });

  it("leaves out what is not known", () => {
    const unknown = { ...result, exitCode: null, timeMs: null, cpuMs: null, memoryKb: null };
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

describe("explanation", () => {
  it("is the service's sentence, unless messages say more", () => {
    const failed: RunResult = { ...result, status: "runtime_error", error: "killed by SIGSEGV" };
    expect(explanation(failed, false)).toBe("Killed by SIGSEGV");
    expect(explanation(failed, true)).toBe("");
    expect(explanation({ ...result, status: "timeout", error: "took longer than 10 s" }, true)).toMatch(/^Took longer/);
  });
});
