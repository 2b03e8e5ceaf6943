/**
 * Running: one run at a time, from the press of Run to what is shown.
 *
 *     idle ── start ──▶ running ── answer, failure or stop ──▶ idle
 *                                └─ busy, with Retry-After ──▶ waiting ── time passes ──▶ idle
 */
import type { Api, RunRequest } from "./api";
import { Busy, CanvasError, Stopped } from "./errors";
import type { Page } from "./page";
import { duration, showResult, summary } from "./result";

const SECOND_MS = 1000;

export class Runner {
  private current: AbortController | null = null;
  private waiting: ReturnType<typeof setInterval> | null = null;

  constructor(
    private readonly page: Page,
    private readonly api: Api,
    private readonly program: () => RunRequest,
  ) {}

  /** Starts a run; does nothing while one is under way or the service asked to wait. */
  start(): void {
    if (this.current === null && this.waiting === null) void this.run();
  }

  /** What the button does: Run, or Stop while running. */
  toggle(): void {
    if (this.current) this.current.abort();
    else this.start();
  }

  private async run(): Promise<void> {
    const { page } = this;
    const stop = new AbortController();
    this.current = stop;
    this.showRunning();
    const started = performance.now();
    try {
      const result = await this.api.run(this.program(), stop.signal);
      showResult(page.output, result);
      this.showIdle(summary(result), result.status === "ok" ? "good" : "bad");
    } catch (error) {
      if (error instanceof Stopped) this.showIdle(`Stopped after ${duration(performance.now() - started)}`, "");
      else this.showProblem(error);
    } finally {
      this.current = null;
    }
  }

  private showRunning(): void {
    const { page } = this;
    page.problem.hidden = true;
    page.run.textContent = "Stop";
    page.run.classList.add("running");
    page.output.setAttribute("aria-busy", "true");
    this.say("Running…", "");
  }

  private showIdle(text: string, mood: "good" | "bad" | ""): void {
    const { page } = this;
    page.run.textContent = "Run";
    page.run.classList.remove("running");
    page.output.removeAttribute("aria-busy");
    this.say(text, mood);
  }

  private showProblem(error: unknown): void {
    const { page } = this;
    this.showIdle("Did not run", "bad");
    page.output.replaceChildren();
    page.problem.textContent = error instanceof CanvasError ? error.message : `The page failed: ${String(error)}`;
    page.problem.hidden = false;
    if (error instanceof Busy && error.retryAfter !== null) this.wait(error.retryAfter);
  }

  /** Counts down on the button, which people watch; not in the alert, which would be read aloud every second. */
  private wait(seconds: number): void {
    const { run } = this.page;
    const end = Date.now() + seconds * SECOND_MS;
    const tick = (): void => {
      const left = Math.ceil((end - Date.now()) / SECOND_MS);
      run.disabled = left > 0;
      run.textContent = left > 0 ? `Run in ${left} s` : "Run";
      if (left > 0 || this.waiting === null) return;
      clearInterval(this.waiting);
      this.waiting = null;
      this.page.problem.hidden = true;
      this.say("You can run again", "");
    };
    this.waiting = setInterval(tick, SECOND_MS / 4);
    tick();
  }

  private say(text: string, mood: string): void {
    this.page.status.textContent = text;
    this.page.status.dataset.mood = mood;
  }
}
