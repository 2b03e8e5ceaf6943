/**
 * The life of a run, one run at a time: from the press of Run to what is shown.
 *
 *     idle ── start ──▶ running ── result, failure or stop ──▶ idle
 *                       │    ▲
 *                  busy │    │ time passes
 *                       ▼    │
 *                      waiting ── stop, or busy too often ──▶ idle
 */

import type { Page } from "../dom/page";
import { Busy, CanvasError, Stopped } from "../errors";
import type { RunResult } from "../service/result";
import type { RunListener, RunRequest } from "../service/stream";
import { duration, summary } from "./summary";

const SECOND_MS = 1000;
/** Most retries at a busy service before the person has to press Run again. */
const MOST_RETRIES = 6;
/** How much of the output is read aloud when a run ends, in characters. */
const SPOKEN = 300;

/** A program that can be run, and the names by which its files are called in messages. */
export interface Runnable {
  readonly request: RunRequest;
  readonly files: readonly string[];
}

/** Where a run is seen: the output pane, or a terminal. */
export interface RunView extends RunListener {
  /** A run begins. */
  begin(): void;
  /** It has ended as `result` says; `files` are names to look for in messages. */
  finish(result: RunResult, files: readonly string[]): void;
  /** It ended without a result. */
  abandon(): void;
  /** All that was written. */
  readonly text: string;
}

/** One way of running: what executes the program, and the view that shows it. */
export interface Way {
  readonly view: RunView;
  execute(request: RunRequest, listener: RunListener, signal: AbortSignal): Promise<RunResult>;
}

export class Lifecycle {
  private current: AbortController | null = null;

  constructor(
    private readonly page: Page,
    private readonly program: () => Runnable,
  ) {}

  /** Whether a run is under way, or waits for a busy service. */
  get busy(): boolean {
    return this.current !== null;
  }

  /** Starts a run; does nothing while one is under way. */
  start(way: Way): void {
    if (this.current === null) void this.run(way);
  }

  stop(): void {
    this.current?.abort();
  }

  private async run(way: Way): Promise<void> {
    const stop = new AbortController();
    this.current = stop;
    const started = performance.now();
    try {
      const { request, files } = this.program();
      const result = await this.attempts(way, request, stop.signal);
      // The verdict first: it stands above the output, and its second line on a phone would push the output away just
      // after the view has scrolled to it.
      this.showIdle(summary(result), result.status === "ok" ? "good" : "bad");
      way.view.finish(result, files);
      this.speak(way.view.text);
    } catch (error) {
      way.view.abandon();
      if (error instanceof Stopped) this.showIdle(`Stopped after ${duration(performance.now() - started)}`, "");
      else this.fail(error);
    } finally {
      this.current = null;
    }
  }

  /** Runs the program; tries again when a busy service asks for that. */
  private async attempts(way: Way, request: RunRequest, signal: AbortSignal): Promise<RunResult> {
    for (let attempt = 1; ; attempt++) {
      this.showRunning();
      way.view.begin();
      try {
        return await way.execute(request, this.listener(way.view), signal);
      } catch (error) {
        if (!(error instanceof Busy) || attempt > MOST_RETRIES) throw error;
        await this.wait(error, error.retryAfter ?? 2 ** attempt, signal);
      }
    }
  }

  private listener(view: RunView): RunListener {
    return {
      phase: (name) => {
        view.phase(name);
        this.say(name === "compile" ? "Compiling…" : "Running…", "");
      },
      output: (stream, text) => view.output(stream, text),
    };
  }

  private showRunning(): void {
    const { page } = this;
    page.problem.hidden = true;
    page.run.textContent = "Stop";
    page.run.classList.add("running");
    page.interactive.disabled = true;
    page.output.setAttribute("aria-busy", "true");
    this.say("Running…", "");
  }

  private showIdle(text: string, mood: "good" | "bad" | ""): void {
    const { page } = this;
    page.run.textContent = "Run";
    page.run.classList.remove("running");
    page.interactive.disabled = false;
    page.output.removeAttribute("aria-busy");
    this.say(text, mood);
  }

  private fail(error: unknown): void {
    this.showIdle("Did not run", "bad");
    this.showProblem(error instanceof CanvasError ? error.message : `The page failed: ${String(error)}`);
  }

  private showProblem(message: string): void {
    this.page.problem.textContent = message;
    this.page.problem.hidden = false;
  }

  /** Counts down beside the button, which people watch; not in the alert, which would be read aloud every second. */
  private async wait(busy: Busy, seconds: number, signal: AbortSignal): Promise<void> {
    const { page } = this;
    this.showProblem(busy.waiting);
    page.run.textContent = "Cancel";
    const end = Date.now() + seconds * SECOND_MS;
    for (let left = seconds; left > 0; left = Math.ceil((end - Date.now()) / SECOND_MS)) {
      page.status.setAttribute("aria-live", "off");
      this.say(`Runs again in ${left} s`, "");
      await pause(Math.min(SECOND_MS / 4, Math.max(0, end - Date.now())), signal);
    }
    page.status.removeAttribute("aria-live");
  }

  private speak(written: string): void {
    const text = written.trim();
    this.page.spoken.textContent = text.length > SPOKEN ? `${text.slice(0, SPOKEN)}… and more` : text;
  }

  private say(text: string, mood: string): void {
    this.page.status.textContent = text;
    this.page.status.dataset.mood = mood;
  }
}

function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, milliseconds);
    const stopped = (): void => {
      clearTimeout(timer);
      reject(new Stopped());
    };
    signal.addEventListener("abort", stopped, { once: true });
    if (signal.aborted) stopped();
  });
}
