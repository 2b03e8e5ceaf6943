import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Broken, Busy, Stopped, Unreachable } from "../src/errors";
import { Session } from "../src/service/session";

/** A socket whose other end is the test. */
class Socket {
  static readonly CONNECTING = 0;
  static readonly OPEN = 1;
  static last: Socket;
  readyState = Socket.CONNECTING;
  readonly sent: unknown[] = [];
  onopen = () => undefined;
  onclose = () => undefined;
  onmessage = (_message: { data: string }) => undefined;
  constructor(readonly address: string) {
    Socket.last = this;
  }
  send(text: string): void {
    this.sent.push(JSON.parse(text));
  }
  close(): void {
    this.readyState = 3;
  }
  open(): void {
    this.readyState = Socket.OPEN;
    this.onopen();
  }
  say(message: object): void {
    this.onmessage({ data: JSON.stringify(message) });
  }
}

const request = { source: "x", language: "c" };
const listener = { phase: vi.fn(), output: vi.fn() };
let session: Session;
let stop: AbortController;
let run: Promise<unknown>;

beforeEach(() => {
  vi.stubGlobal("WebSocket", Socket);
  session = new Session("https://host/api/v1/");
  stop = new AbortController();
  run = session.run(request, { rows: 24, columns: 80 }, listener, stop.signal);
  run.catch(() => undefined);
});
afterEach(() => vi.unstubAllGlobals());

describe("Session", () => {
  it("sends the program first, then what was typed before the connection stood", () => {
    session.type("early");
    Socket.last.open();
    session.type("late");
    session.resize({ rows: 10, columns: 40 });
    expect(Socket.last.address).toBe("wss://host/api/v1/session");
    expect(Socket.last.sent).toEqual([
      { ...request, terminal: { rows: 24, columns: 80 } },
      { type: "stdin", data: "early" },
      { type: "stdin", data: "late" },
      { type: "resize", rows: 10, columns: 40 },
    ]);
  });

  it("tells output, and ends with the result", async () => {
    Socket.last.open();
    Socket.last.say({ type: "output", stream: "stdout", data: "hi" });
    Socket.last.say({ type: "result", status: "ok", exit_code: 0 });
    expect(await run).toMatchObject({ status: "ok", exitCode: 0 });
    expect(listener.output).toHaveBeenCalledWith("stdout", "hi");
  });

  it("knows busy from refused", async () => {
    Socket.last.open();
    Socket.last.say({ type: "error", error: "busy", status: 503, retry_after: 1.2 });
    await expect(run).rejects.toMatchObject({ status: 503, retryAfter: 2 });
    await expect(run).rejects.toBeInstanceOf(Busy);
  });

  it("asks the program to stop", async () => {
    Socket.last.open();
    stop.abort();
    await expect(run).rejects.toBeInstanceOf(Stopped);
    expect(Socket.last.sent.at(-1)).toEqual({ type: "stop" });
  });

  it("tells a connection that never stood from one that broke", async () => {
    Socket.last.onclose();
    await expect(run).rejects.toBeInstanceOf(Unreachable);
    const other = new Session("http://host/").run(request, { rows: 1, columns: 1 }, listener, stop.signal);
    Socket.last.open();
    Socket.last.onclose();
    await expect(other).rejects.toBeInstanceOf(Broken);
  });
});
