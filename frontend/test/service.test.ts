import { afterEach, describe, expect, it, vi } from "vitest";
import { Broken, Busy, Failed, Refused, Stopped, TooLarge, Unreachable } from "../src/errors";
import { formatted } from "../src/service/format";
import { Api, retryAfter } from "../src/service/http";
import { execute, type RunListener } from "../src/service/stream";

const ROOT = "http://localhost:10100/api/v1/";
const api = new Api(ROOT);

class Heard implements RunListener {
  readonly events: string[] = [];
  phase = (name: string) => void this.events.push(name);
  output = (stream: string, text: string) => void this.events.push(`${stream}: ${text}`);
}

const run = (request: object = program, signal?: AbortSignal, heard = new Heard()) =>
  execute(ROOT, request as typeof program, heard, signal);
const program = { source: "print(1)", language: "python3" };
const answer = {
  stdout: "1\n",
  stderr: "",
  error: "",
  status: "ok",
  exit_code: 0,
  signal: null,
  time_ms: 31.5,
  cpu_ms: 20,
  memory_kb: 8600,
  truncated: false,
  files: [],
  tests: [],
};

function service(body: unknown, status = 200, headers: Record<string, string> = {}) {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const fetch = vi.fn(async (_url: string, _init: RequestInit) => new Response(text, { status, headers }));
  vi.stubGlobal("fetch", fetch);
  return fetch;
}

afterEach(() => vi.unstubAllGlobals());

describe("formatted", () => {
  it("returns the program as the formatter writes it", async () => {
    const fetch = service({ status: "ok", source: "x = 1\n", stderr: "", language: "python3" });
    expect(await formatted(ROOT, "python3", "x=1")).toBe("x = 1\n");
    const [url, init] = fetch.mock.calls[0] ?? [];
    expect(url).toBe(`${ROOT}format`);
    expect(JSON.parse(String(init?.body))).toEqual({ language: "python3", source: "x=1" });
  });

  it("tells what the formatter says of a program that it cannot read", async () => {
    service({ status: "runtime_error", source: "(((", stderr: "error: cannot parse\nline 1\n", language: "python3" });
    await expect(formatted(ROOT, "python3", "(((")).rejects.toThrow(
      "error: cannot parse · line 1. Nothing was changed.",
    );
  });

  it.each([
    ["a busy service", { error: "full" }, 429, Busy],
    ["an answer without a program", { status: "ok" }, 200, Failed],
    ["an answer that is no JSON", "<html>", 200, Failed],
  ])("tells of %s", async (_, body, status, kind) => {
    service(body, status);
    await expect(formatted(ROOT, "go", "")).rejects.toBeInstanceOf(kind);
  });

  it("tells of a service that is gone", async () => {
    vi.stubGlobal("fetch", () => Promise.reject(new TypeError("gone")));
    await expect(formatted(ROOT, "go", "")).rejects.toBeInstanceOf(Unreachable);
  });
});

describe("run", () => {
  it("sends the program as JSON and returns what became of it", async () => {
    const fetch = service(answer);
    const heard = new Heard();
    expect(await run({ ...program, stdin: "in" }, undefined, heard)).toEqual({
      error: "",
      status: "ok",
      exitCode: 0,
      signal: null,
      timeMs: 31.5,
      cpuMs: 20,
      memoryKb: 8600,
      truncated: false,
      files: [],
      tests: [],
    });
    expect(heard.events).toEqual(["stdout: 1\n"]);
    const [url, init] = fetch.mock.calls[0] ?? [];
    expect(url).toBe(`${ROOT}run`);
    expect(init?.method).toBe("POST");
    expect(JSON.parse(String(init?.body))).toEqual({ ...program, stdin: "in" });
  });

  it("takes nulls for what the service does not know", async () => {
    service({ ...answer, error: null, exit_code: null, signal: 9, memory_kb: null });
    expect(await run(program)).toMatchObject({ error: "", exitCode: null, signal: "9", memoryKb: null });
  });

  it.each([
    [400, {}, Refused, /Unsupported language: cobol\. Change it/],
    [422, {}, Refused, /cobol/],
    [413, {}, TooLarge, /larger than the service takes/],
    [429, { "Retry-After": "7" }, Busy, /Too many runs.*Try again/],
    [503, {}, Busy, /not available.*little while/],
    [500, {}, Failed, /not your program.*cobol/],
    [502, {}, Failed, /Run again/],
  ])("tells what HTTP status %d means", async (status, headers, kind, message) => {
    service({ error: "Unsupported language: cobol" }, status, headers);
    const failure = await run(program).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(kind);
    expect(String(failure)).toMatch(message);
  });

  it("names the HTTP status when an error has no text", async () => {
    service("<html>Bad gateway</html>", 502);
    await expect(run(program)).rejects.toThrow(/HTTP status 502/);
  });

  it("keeps the seconds of Retry-After", async () => {
    service({ error: "busy" }, 429, { "Retry-After": "7" });
    await expect(run(program)).rejects.toMatchObject({ status: 429, retryAfter: 7 });
  });

  it.each(["no JSON", "[]", '{"status":"fine"}', "null"])("refuses the answer %s", async (body) => {
    service(body);
    await expect(run(program)).rejects.toBeInstanceOf(Failed);
  });

  it("says that nothing answered, and keeps the address", async () => {
    vi.stubGlobal("fetch", () => Promise.reject(new TypeError("Failed to fetch")));
    const failure = await run(program).catch((error: unknown) => error);
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
    const stopped = run(program, stop.signal);
    stop.abort();
    await expect(stopped).rejects.toBeInstanceOf(Stopped);
  });
});

describe("a stream", () => {
  const result = { ...answer, stdout: undefined, stderr: undefined };
  const events = (...all: [string, object][]) =>
    all.map(([name, data]) => `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`).join("");
  const stream = (text: string) => service(text, 200, { "Content-Type": "text/event-stream; charset=utf-8" });

  it("is told as it comes, and ends with the result", async () => {
    const text = events(
      ["phase", { phase: "run" }],
      ["output", { stream: "stdout", data: "one\n" }],
      ["output", { stream: "stderr", data: "two\n" }],
      ["result", result],
    );
    const fetch = stream(`: still here\n\n${text}`);
    const heard = new Heard();
    expect(await run(program, undefined, heard)).toMatchObject({ status: "ok", exitCode: 0 });
    expect(heard.events).toEqual(["run", "stdout: one\n", "stderr: two\n"]);
    expect(new Headers(fetch.mock.calls[0]?.[1].headers).get("Accept")).toBe("text/event-stream");
  });

  it("may hold bytes that are no text, cut anywhere", async () => {
    const part = (data: string) => ["output", { stream: "stdout", data, encoding: "base64" }] as [string, object];
    stream(events(part("w6"), part("k/"), ["result", result]).replace('"w6"', '"ww=="').replace('"k/"', '"qf8="'));
    const heard = new Heard();
    await run(program, undefined, heard);
    expect(heard.events.join("")).toBe("stdout: é\ufffd");
  });

  it("tells what the compiler said once, before the program's output where it is known by then", async () => {
    const compile = { stdout: "", stderr: "main.c:1: warning" };
    stream(
      events(
        ["phase", { phase: "compile" }],
        ["phase", { phase: "run", compile }],
        ["output", { stream: "stdout", data: "out" }],
        ["result", { ...result, compile }],
      ),
    );
    const heard = new Heard();
    await run(program, undefined, heard);
    expect(heard.events).toEqual(["compile", "compile", "stderr: main.c:1: warning", "run", "stdout: out"]);
  });

  it("ends with what the compiler said", async () => {
    const compile = { stdout: "", stderr: "main.c:1: warning" };
    stream(events(["phase", { phase: "run" }], ["result", { ...result, compile }]));
    const heard = new Heard();
    await run(program, undefined, heard);
    expect(heard.events).toEqual(["run", "compile", "stderr: main.c:1: warning"]);
  });

  it("that ends before its result is broken", async () => {
    stream(events(["phase", { phase: "run" }]));
    await expect(run()).rejects.toBeInstanceOf(Broken);
  });

  it.each([
    ["an error", events(["error", { error: "the service failed" }]), /the service failed/],
    ["no JSON", "event: output\ndata: {\n\n", /not JSON/],
  ])("that holds %s is a failure of the service", async (_, text, message) => {
    stream(text);
    await expect(run()).rejects.toThrow(message);
    await expect(run()).rejects.toBeInstanceOf(Failed);
  });
});

describe("environment", () => {
  it("is asked of the service's root", async () => {
    const fetch = service({ environment: "staging" });
    expect(await api.environment()).toBe("staging");
    expect(fetch.mock.calls[0]?.[0]).toBe("http://localhost:10100/version");
  });
});

describe("languages", () => {
  it("returns the ids in the service's order, with what makes sense of their details", async () => {
    const c = {
      title: "C",
      version: "gcc 1",
      source: "main.c",
      hello: "h",
      sample: "s",
      options: { "-g": "debug" },
      formats: false,
    };
    service({ languages: ["rust", "c"], details: { c, rust: "none" } });
    expect(await api.languages()).toEqual({ ids: ["rust", "c"], details: { c: { ...c, entry: c } } });
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
