// @vitest-environment jsdom
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Api, type RunResult } from "../src/api";
import { Busy, Stopped, Unreachable } from "../src/errors";
import html from "../src/index.html?raw";
import { findPage, type Page } from "../src/page";
import { Runner } from "../src/runner";

const result: RunResult = {
  stdout: "hello\n",
  stderr: "",
  error: "",
  status: "ok",
  exitCode: 0,
  signal: null,
  timeMs: 5,
  memoryKb: 900,
  truncated: false,
};

let page: Page;
let api: Api;
let runner: Runner;

beforeEach(() => {
  vi.useFakeTimers();
  document.documentElement.innerHTML = html;
  page = findPage();
  api = new Api("http://localhost/api/v1/");
  runner = new Runner(page, api, () => ({ source: "", language: "c" }));
});
afterEach(() => vi.useRealTimers());

const settled = () => vi.advanceTimersByTimeAsync(0);

describe("Runner", () => {
  it("offers to stop while it runs, then shows the result", async () => {
    vi.spyOn(api, "run").mockResolvedValue(result);
    runner.start();
    expect(page.run.textContent).toBe("Stop");
    expect(page.status.textContent).toBe("Running…");
    await settled();
    expect(page.run.textContent).toBe("Run");
    expect(page.status.textContent).toMatch(/^Finished/);
    expect(page.output.textContent).toContain("hello");
  });

  it("runs one program at a time", async () => {
    const run = vi.spyOn(api, "run").mockResolvedValue(result);
    runner.start();
    runner.start();
    await settled();
    expect(run).toHaveBeenCalledTimes(1);
  });

  it("stops on the second press, and keeps what was shown", async () => {
    vi.spyOn(api, "run").mockImplementation((_request, signal) => {
      return new Promise((_, reject) => signal?.addEventListener("abort", () => reject(new Stopped())));
    });
    page.output.textContent = "earlier";
    runner.toggle();
    runner.toggle();
    await settled();
    expect(page.status.textContent).toMatch(/^Stopped after/);
    expect(page.output.textContent).toBe("earlier");
    expect(page.problem.hidden).toBe(true);
  });

  it("tells why nothing ran", async () => {
    vi.spyOn(api, "run").mockRejectedValue(new Unreachable("http://localhost/api/v1/"));
    runner.start();
    await settled();
    expect(page.problem.hidden).toBe(false);
    expect(page.problem.textContent).toMatch(/^No answer from/);
    expect(page.run.disabled).toBe(false);
  });

  it("counts down what a busy service asks for, and runs nothing before", async () => {
    const run = vi.spyOn(api, "run").mockRejectedValueOnce(new Busy(429, 3)).mockResolvedValue(result);
    runner.start();
    await settled();
    expect(page.run.textContent).toBe("Run in 3 s");
    expect(page.problem.textContent).toMatch(/Too many runs/);
    runner.start();
    await vi.advanceTimersByTimeAsync(1500);
    expect(page.run.textContent).toBe("Run in 2 s");
    expect(run).toHaveBeenCalledTimes(1);
    await vi.advanceTimersByTimeAsync(1500);
    expect(page.run.disabled).toBe(false);
    runner.start();
    await settled();
    expect(run).toHaveBeenCalledTimes(2);
    expect(page.status.textContent).toMatch(/^Finished/);
  });
});
