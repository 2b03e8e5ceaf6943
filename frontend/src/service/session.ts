/** An interactive run, over a WebSocket. */

import { Broken, Stopped, Unreachable } from "../errors";
import { failureOf } from "./http";
import { parse, textOf } from "./json";
import type { RunResult } from "./result";
import { type RunListener, type RunRequest, Teller } from "./stream";

export interface Size {
  readonly rows: number;
  readonly columns: number;
}

/** How long the program has to end after a stop before the connection is closed, in milliseconds. */
const PARTING_MS = 500;

export class Session {
  private readonly socket: WebSocket;
  private opened = false;
  /** Input that was typed before the connection was open. */
  private early: object[] = [];

  /** @param root the API's address, ending with "/" */
  constructor(private readonly root: string) {
    this.socket = new WebSocket(`${root.replace(/^http/, "ws")}session`);
  }

  /** Runs `request` in a terminal of `size` to its end; aborting `signal` ends it and throws Stopped. */
  run(request: RunRequest, size: Size, listener: RunListener, signal: AbortSignal): Promise<RunResult> {
    const { socket } = this;
    return new Promise<RunResult>((resolve, reject) => {
      const teller = new Teller(listener);
      socket.onopen = () => {
        this.opened = true;
        for (const message of [{ ...request, terminal: size }, ...this.early]) this.send(message);
      };
      socket.onmessage = ({ data }) => {
        try {
          const result = this.hear(teller, String(data));
          if (result) resolve(result);
        } catch (error) {
          reject(error);
        }
      };
      socket.onclose = () => reject(this.opened ? new Broken() : new Unreachable(this.root));
      const stop = (): void => {
        this.send({ type: "stop" });
        setTimeout(() => socket.close(), PARTING_MS);
        reject(new Stopped());
      };
      signal.addEventListener("abort", stop, { once: true });
      if (signal.aborted) stop();
    });
  }

  type(text: string): void {
    this.send({ type: "stdin", data: text });
  }

  resize({ rows, columns }: Size): void {
    this.send({ type: "resize", rows, columns });
  }

  private hear(teller: Teller, data: string): RunResult | null {
    const content = parse(data);
    const { status } = content ?? {};
    if (content?.type === "error" && typeof status === "number") {
      const seconds = typeof content.retry_after === "number" ? Math.ceil(content.retry_after) : null;
      throw failureOf(status, textOf(content.error), seconds);
    }
    return teller.tell({ name: textOf(content?.type), data });
  }

  private send(message: object): void {
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
    if (this.socket.readyState === WebSocket.CONNECTING) this.early.push(message);
  }
}
