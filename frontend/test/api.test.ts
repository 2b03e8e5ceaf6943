import { afterEach, describe, expect, it, vi } from "vitest";
import { Api, retryAfter } from "../src/api";
import { Busy, Failed, Refused, Stopped, TooLarge, Unreachable } from "../src/errors";

const ROOT = "http://localhost:10100/api/v1/";
const api = new Api(ROOT);
const program = { source: "print(1)", language: "python3" };
const answer = {
  stdout: "1\n",
  stderr: "",
  error: "",
  status: "ok",
  exit_code: 0,
  signal: null,
  time_ms: 31.5,
  memory_kb: 8600,
  truncated: false,
};

function service(body: unknown, status = 200, headers: Record<string, string> = {}) {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const fetch = vi.fn(async (_url: string, _init: RequestInit) => new Response(text, { status, headers }));
  vi.stubGlobal("fetch", fetch);
  return fetch;
}

afterEach(() => vi.unstubAllGlobals());

describe("run", () => {
  it("sends the program as JSON and returns what became of it", async () => {
    const fetch = service(answer);
    expect(await api.run({ ...program, stdin: "in" })).toEqual({
      stdout: "1\n",
      stderr: "",
      error: "",
      status: "ok",
      exitCode: 0,
      signal: null,
      timeMs: 31.5,
      memoryKb: 8600,
      truncated: false,
    });
    const [url, init] = fetch.mock.calls[0] ?? [];
    expect(url).toBe(`${ROOT}run`);
    expect(init?.method).toBe("POST");
    expect(JSON.parse(String(init?.body))).toEqual({ ...program, stdin: "in" });
  });

  it("takes nulls for what the service does not know", async () => {
    service({ ...answer, error: null, exit_code: null, signal: 9, memory_kb: null });
    expect(await api.run(program)).toMatchObject({ error: "", exitCode: null, signal: "9", memoryKb: null });
  });

  it.each([
    [400, {}, Refused, /Unsupported language: cobol\. Change it/],
    [422, {}, Refused, /cobol/],
    [413, {}, TooLarge, /larger than the service takes/],
    [429, { "Retry-After": "7" }, Busy, /Too many runs.*Try again soon/],
    [503, {}, Busy, /not available.*little while/],
    [500, {}, Failed, /not your program.*cobol/],
    [502, {}, Failed, /Run again/],
  ])("tells what HTTP status %d means", async (status, headers, kind, message) => {
    service({ error: "Unsupported language: cobol" }, status, headers);
    const failure = await api.run(program).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(kind);
    expect(String(failure)).toMatch(message);
  });

  it("names the HTTP status when an error has no text", async () => {
    service("<html>Bad gateway</html>", 502);
    await expect(api.run(program)).rejects.toThrow(/HTTP status 502/);
  });

  it("keeps the seconds of Retry-After", async () => {
    service({ error: "busy" }, 429, { "Retry-After": "7" });
    await expect(api.run(program)).rejects.toMatchObject({ status: 429, retryAfter: 7 });
  });

  it.each(["no JSON", "[]", '{"status":"fine"}', "null"])("refuses the answer %s", async (body) => {
    service(body);
    await expect(api.run(program)).rejects.toBeInstanceOf(Failed);
  });

  it("says that nothing answered, and keeps the address", async () => {
    vi.stubGlobal("fetch", () => Promise.reject(new TypeError("Failed to fetch")));
    const failure = await api.run(program).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(Unreachable);
    expect(String(failure)).toContain(ROOT);
  });

  it("stops when asked", async () => {
    const stop = new AbortController();
    vi.stubGlobal("fetch", (_url: string, init: RequestInit) => {
      return new Promise((_, reject) => {
        init.signal?.addEventListener("abort", () => reject(init.signal?.reason));
      });
    });
    const run = api.run(program, stop.signal);
    stop.abort();
    await expect(run).rejects.toBeInstanceOf(Stopped);
  });
});

describe("languages", () => {
  it("returns the ids in the service's order", async () => {
    service({ languages: ["rust", "c++"] });
    expect(await api.languages()).toEqual(["rust", "c++"]);
  });

  it.each([{}, { languages: "c" }, { languages: [1] }])("refuses %j", async (body) => {
    service(body);
    await expect(api.languages()).rejects.toBeInstanceOf(Failed);
  });
});

describe("retryAfter", () => {
  const now = Date.parse("Tue, 24 Nov 2026 12:00:00 GMT");

  it.each([
    [null, null],
    ["0", 0],
    [" 12 ", 12],
    ["Tue, 24 Nov 2026 12:00:30 GMT", 30],
    ["Tue, 24 Nov 2026 11:00:00 GMT", 0],
    ["soon", null],
    ["2, 2", null],
    ["-3", null],
  ])("reads %j as %j", (header, seconds) => {
    expect(retryAfter(header, now)).toBe(seconds);
  });
});
