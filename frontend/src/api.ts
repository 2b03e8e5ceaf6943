/** The service over HTTP: typed answers, and every failure as one of `errors.ts`. */
import { Busy, Failed, Refused, Stopped, TooLarge, Unreachable } from "./errors";

export const STATUSES = [
  "ok",
  "compile_error",
  "runtime_error",
  "timeout",
  "memory_limit",
  "output_limit",
  "internal_error",
] as const;

export type Status = (typeof STATUSES)[number];

export interface RunRequest {
  readonly source: string;
  readonly language: string;
  readonly stdin?: string;
}

export interface RunResult {
  readonly stdout: string;
  readonly stderr: string;
  readonly error: string;
  readonly status: Status;
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly timeMs: number | null;
  readonly memoryKb: number | null;
  readonly truncated: boolean;
}

/** How long the page waits for an answer, in milliseconds: longer than queue, compiler and program may take together. */
const PATIENCE_MS = 90_000;

export class Api {
  /** @param root the API's address, ending with "/" */
  constructor(private readonly root: string) {}

  /** The ids of the languages that the service runs, in its order. */
  async languages(signal?: AbortSignal): Promise<string[]> {
    const answer = await this.send("languages", { method: "GET" }, signal);
    const languages = answer.languages;
    if (!Array.isArray(languages) || !languages.every((id) => typeof id === "string")) {
      throw new Failed("its list of languages makes no sense");
    }
    return languages;
  }

  /** Runs one program to its end; aborting `signal` gives up waiting and throws Stopped. */
  async run(request: RunRequest, signal?: AbortSignal): Promise<RunResult> {
    const body = JSON.stringify(request);
    const init = { method: "POST", headers: { "Content-Type": "application/json" }, body };
    return runResult(await this.send("run", init, signal));
  }

  private async send(path: string, init: RequestInit, signal?: AbortSignal): Promise<Record<string, unknown>> {
    const patience = AbortSignal.timeout(PATIENCE_MS);
    const either = signal ? AbortSignal.any([signal, patience]) : patience;
    let response: Response;
    let text: string;
    try {
      response = await fetch(this.root + path, { ...init, signal: either, credentials: "omit", cache: "no-store" });
      text = await response.text();
    } catch {
      throw signal?.aborted ? new Stopped() : new Unreachable(this.root);
    }
    const answer = parse(text);
    if (!response.ok) throw failure(response, answer);
    if (answer === null) throw new Failed("its answer was not JSON");
    return answer;
  }
}

function failure(response: Response, answer: Record<string, unknown> | null): Error {
  const reason = typeof answer?.error === "string" ? answer.error : `HTTP status ${response.status}`;
  const { status } = response;
  if (status === 413) return new TooLarge();
  if (status === 429 || status === 503) return new Busy(status, retryAfter(response.headers.get("Retry-After")));
  return status < 500 ? new Refused(status, reason) : new Failed(reason);
}

/** Seconds until the time a Retry-After header names, as a number or as a date; null when it says nothing usable. */
export function retryAfter(header: string | null, now: number = Date.now()): number | null {
  if (header === null) return null;
  if (/^\d+$/.test(header.trim())) return Number(header);
  const date = header.endsWith("GMT") ? Date.parse(header) : Number.NaN;
  return Number.isNaN(date) ? null : Math.max(0, Math.ceil((date - now) / 1000));
}

function parse(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

function runResult(answer: Record<string, unknown>): RunResult {
  const status = STATUSES.find((known) => known === answer.status);
  if (status === undefined) throw new Failed("its answer has no status that this page knows");
  const signal = answer.signal;
  return {
    status,
    stdout: textOf(answer.stdout),
    stderr: textOf(answer.stderr),
    error: textOf(answer.error),
    exitCode: numberOf(answer.exit_code),
    signal: signal === null || signal === undefined ? null : String(signal),
    timeMs: numberOf(answer.time_ms),
    memoryKb: numberOf(answer.memory_kb),
    truncated: answer.truncated === true,
  };
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function numberOf(value: unknown): number | null {
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}
