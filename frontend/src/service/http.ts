/** The service over HTTP: typed answers, and every failure as one of `errors.ts`. */

import { Busy, CanvasError, Failed, Refused, TooLarge, Unreachable } from "../errors";
import { type Catalogue, catalogue } from "./catalogue";
import { parse, textOf } from "./json";

/** How long the page waits for an answer, in milliseconds. */
const PATIENCE_MS = 30_000;

export class Api {
  /** The commit of the service that answered `environment`; empty before. */
  release = "";

  /** @param root the API's address, ending with "/" */
  constructor(private readonly root: string) {}

  /** The languages that the service runs, in its order. */
  async languages(): Promise<Catalogue> {
    return catalogue(await ask(this.root, "languages"));
  }

  /** The environment that the service says it is. */
  async environment(): Promise<string> {
    const { sha, environment } = await ask(this.root, "/version");
    this.release = textOf(sha);
    return textOf(environment);
  }
}

/** The JSON object that the service at `root` answers at `path`. Throws ServiceError. */
export async function ask(root: string, path: string, init: RequestInit = {}): Promise<Record<string, unknown>> {
  try {
    const response = await send(new URL(path, root).href, { ...init, signal: AbortSignal.timeout(PATIENCE_MS) });
    const content = parse(await response.text());
    if (content === null) throw new Failed("its answer was not JSON");
    return content;
  } catch (error) {
    throw error instanceof CanvasError ? error : new Unreachable(root);
  }
}

/** The answer to a request, where it is a success; else throws what its status means. */
export async function send(address: string, init: RequestInit): Promise<Response> {
  const response = await fetch(address, { ...init, credentials: "omit", cache: "no-store" });
  if (!response.ok) throw failure(response, parse(await response.text()));
  return response;
}

function failure(response: Response, answer: Record<string, unknown> | null): Error {
  const reason = typeof answer?.error === "string" ? answer.error : `HTTP status ${response.status}`;
  return failureOf(response.status, reason, retryAfter(response.headers.get("Retry-After")));
}

/** What an HTTP status that is no success means. */
export function failureOf(status: number, reason: string, seconds: number | null): Error {
  if (status === 413) return new TooLarge();
  if (status === 429 || status === 503) return new Busy(status, seconds);
  return status < 500 ? new Refused(status, reason) : new Failed(reason);
}

/** Seconds until the time a Retry-After header names, as a number or as a date; null when it says nothing usable. */
export function retryAfter(header: string | null, now: number = Date.now()): number | null {
  if (header === null) return null;
  if (/^\d+$/.test(header.trim())) return Number(header);
  const date = header.endsWith("GMT") ? Date.parse(header) : Number.NaN;
  return Number.isNaN(date) ? null : Math.max(0, Math.ceil((date - now) / 1000));
}
