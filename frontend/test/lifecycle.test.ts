// @vitest-environment jsdom
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { findPage, type Page } from "../src/dom/page";
import { Busy, Stopped, Unreachable } from "../src/errors";
import html from "../src/index.html?raw";
import { Lifecycle, type Way } from "../src/run/lifecycle";
import { Output } from "../src/run/output";
import type { RunResult } from "../src/service/result";

const result: RunResult = {
  error: "",
  status: "ok",
  exitCode: 0,
  signal: null,
  timeMs: 5,
  cpuMs: 4,
  memoryKb: 900,
  truncated: false,
  files: [],
  tests: [],
};

let page: Page;
let runner: Lifecycle;
const execute = vi.fn<Way["execute"]>();
let way: Way;

beforeEach(() => {
  vi.useFakeTimers();
  document.documentElement.innerHTML = html;
  page = findPage();
  page.output.scrollIntoView = () => undefined; // which jsdom lacks
  execute.mockReset();
  way = { view: new Output(page.output, () => undefined), execute };
  runner = new Lifecycle(page, () => ({ request: { source: "", language: "c" }, files: ["main.c"] }));
});
afterEach(() => vi.useRealTimers());

const settled = () => vi.advanceTimersByTimeAsync(0);

const finishes: Way["execute"] = async (_request, listener) => {
  listener.phase("run");
  listener.output("stdout", "hello\n");
  return result;
};
const waits: Way["execute"] = (_request, _listener, signal) =>
  new Promise((_, reject) => signal.addEventListener("abort", () => reject(new Stopped())));

describe("the life of a run", () => {
  it("offers to stop while it runs, then shows the result", async () => {
    execute.mockImplementation(finishes);
    runner.start(way);
    expect(page.run.textContent).toBe("Stop");
    expect(page.status.textContent).toBe("Running…");
    await settled();
    expect(page.run.textContent).toBe("Run");
    expect(page.status.textContent).toMatch(/^Finished/);
    expect(page.output.textContent).toContain("hello");
    expect(page.spoken.textContent).toBe("hello");
  });

  it("runs one program at a time", async () => {
    execute.mockImplementation(finishes);
    runner.start(way);
    runner.start(way);
    await settled();
    expect(execute).toHaveBeenCalledTimes(1);
  });

  it("stops, and keeps what was shown", async () => {
    execute.mockImplementation(waits);
    page.output.textContent = "earlier";
    runner.start(way);
    expect(runner.busy).toBe(true);
    runner.stop();
    await settled();
    expect(page.status.textContent).toMatch(/^Stopped after/);
    expect(page.output.textContent).toBe("earlier");
    expect(page.problem.hidden).toBe(true);
    expect(runner.busy).toBe(false);
  });

  it("tells why nothing ran", async () => {
    execute.mockRejectedValue(new Unreachable("http://localhost/api/v1/"));
    runner.start(way);
    await settled();
    expect(page.problem.hidden).toBe(false);
    expect(page.problem.textContent).toMatch(/^No answer from/);
    expect(page.run.disabled).toBe(false);
  });

  it("comes back to a busy service when it asks for that", async () => {
    execute.mockRejectedValueOnce(new Busy(429, 3)).mockImplementation(finishes);
    runner.start(way);
    await settled();
    expect(page.status.textContent).toBe("Runs again in 3 s");
    expect(page.run.textContent).toBe("Cancel");
    expect(page.problem.textContent).toMatch(/Too many runs/);
    await vi.advanceTimersByTimeAsync(2900);
    expect(execute).toHaveBeenCalledTimes(1);
    await vi.advanceTimersByTimeAsync(200);
    expect(execute).toHaveBeenCalledTimes(2);
    expect(page.problem.hidden).toBe(true);
    expect(page.status.textContent).toMatch(/^Finished/);
  });

  it("waits no longer when the person cancels", async () => {
    execute.mockRejectedValue(new Busy(503, 60));
    runner.start(way);
    await settled();
    runner.stop();
    await vi.advanceTimersByTimeAsync(120_000);
    expect(execute).toHaveBeenCalledTimes(1);
    expect(page.status.textContent).toMatch(/^Stopped/);
  });

  it("gives up on a service that stays busy", async () => {
    execute.mockRejectedValue(new Busy(503, 1));
    runner.start(way);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(execute).toHaveBeenCalledTimes(7);
    expect(page.problem.textContent).toMatch(/not available.*Try again/);
  });
});
