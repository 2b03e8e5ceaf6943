/** Runs over HTTP: a run's events as they come. */

import { Broken, CanvasError, Failed, Stopped, Unreachable } from "../errors";
import { EventParser, type ServerEvent } from "./events";
import { send } from "./http";
import { isObject, parse, textOf } from "./json";
import { fromBase64, type RunResult, runResult } from "./result";

export interface RunRequest {
  readonly source: string;
  readonly language: string;
  readonly stdin?: string;
  readonly args?: readonly string[];
  readonly options?: readonly string[];
  readonly files?: Readonly<Record<string, string>>;
  /** Patterns of files that come back. */
  readonly collect?: readonly string[];
  readonly mode?: "test";
}

export type Stream = "stdout" | "stderr";

/** Told of a run while it goes on. */
export interface RunListener {
  /** A step begins: "compile" or "run". */
  phase(name: string): void;
  output(stream: Stream, text: string): void;
}

/** How long the page waits for an answer to begin, in milliseconds: longer than queue and compiler may take together. */
const PATIENCE_MS = 90_000;
/** How long a stream may be silent, in milliseconds: the service says every ten seconds that it is still there. */
const SILENCE_MS = 35_000;

/** Runs one program to its end; aborting `signal` ends the program and throws Stopped. `root` ends with "/". */
export async function execute(
  root: string,
  request: RunRequest,
  listener: RunListener,
  signal?: AbortSignal,
): Promise<RunResult> {
  const watch = new Watch(signal);
  try {
    const response = await send(`${root}run`, {
      method: "POST",
      headers: { "Content-Type": "application/json", Accept: "text/event-stream" },
      body: JSON.stringify(request),
      signal: watch.signal,
    });
    if (response.body && response.headers.get("Content-Type")?.startsWith("text/event-stream")) {
      return await listen(response.body, listener, watch);
    }
    return whole(await response.text(), listener);
  } catch (error) {
    if (signal?.aborted) throw new Stopped();
    throw error instanceof CanvasError ? error : new Unreachable(root);
  } finally {
    watch.end();
  }
}

async function listen(body: ReadableStream<Uint8Array>, listener: RunListener, watch: Watch): Promise<RunResult> {
  const reader = body.getReader();
  const text = new TextDecoder();
  const events = new EventParser();
  const teller = new Teller(listener);
  for (;;) {
    const { done, value } = await reader.read().catch(() => {
      throw new Broken();
    });
    if (done) throw new Broken();
    watch.heard();
    for (const event of events.feed(text.decode(value, { stream: true }))) {
      const result = teller.tell(event);
      if (result) return result;
    }
  }
}

/** Tells a listener what events mean. */
export class Teller {
  private readonly bytes = { stdout: new TextDecoder(), stderr: new TextDecoder() };
  private compiled = false;

  constructor(private readonly listener: RunListener) {}

  /** Returns the result when `event` is it; throws Failed for an event that is an error or makes no sense. */
  tell({ name, data }: ServerEvent): RunResult | null {
    const content = parse(data);
    if (content === null) throw new Failed("what it said of the run was not JSON");
    if (name === "error") throw new Failed(textOf(content.error));
    if (name === "result") return this.result(content);
    if (name === "phase") this.phase(content);
    if (name === "output") this.output(content);
    return null;
  }

  private phase(content: Record<string, unknown>): void {
    this.compiler(content.compile);
    this.listener.phase(textOf(content.phase));
  }

  private result(content: Record<string, unknown>): RunResult {
    const result = runResult(content);
    this.compiler(content.compile);
    return result;
  }

  /** What a compiler said comes with the phase after it, else with the result. */
  private compiler(compiled: unknown): void {
    if (this.compiled || !isObject(compiled)) return;
    this.compiled = true;
    const said = textOf(compiled.stderr) + textOf(compiled.stdout);
    if (said === "") return;
    this.listener.phase("compile");
    this.listener.output("stderr", said);
  }

  private output(content: Record<string, unknown>): void {
    const stream = content.stream === "stderr" ? "stderr" : "stdout";
    const data = textOf(content.data);
    const encoded = content.encoding === "base64";
    const text = encoded ? this.bytes[stream].decode(fromBase64(data), { stream: true }) : data;
    if (text !== "") this.listener.output(stream, text);
  }
}

/** An answer that came at once, as services without streams give it. */
function whole(text: string, listener: RunListener): RunResult {
  const content = parse(text);
  if (content === null) throw new Failed("its answer was not JSON");
  const result = runResult(content);
  if (result.status === "compile_error") listener.phase("compile");
  for (const stream of ["stderr", "stdout"] as const) {
    const said = textOf(content[stream]);
    if (said !== "") listener.output(stream, said);
  }
  return result;
}

/** Aborts when the person does, or when nothing was heard for long. */
class Watch {
  private readonly silence = new AbortController();
  private timer: ReturnType<typeof setTimeout>;
  readonly signal: AbortSignal;

  constructor(person: AbortSignal | undefined) {
    this.signal = person ? AbortSignal.any([person, this.silence.signal]) : this.silence.signal;
    this.timer = this.start(PATIENCE_MS);
  }

  heard(): void {
    this.end();
    this.timer = this.start(SILENCE_MS);
  }

  end(): void {
    clearTimeout(this.timer);
  }

  private start(milliseconds: number): ReturnType<typeof setTimeout> {
    return setTimeout(() => this.silence.abort(), milliseconds);
  }
}
