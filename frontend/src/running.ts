/** All that runs programs and shows what they write. */

import type { Place } from "./diagnostics";
import { NotLoaded } from "./errors";
import { execute } from "./execute";
import { Output } from "./output";
import type { Page } from "./page";
import { requestOf } from "./request";
import { Runner, type RunView, type Way } from "./runner";
import type { Workspace } from "./workspace";

export class Running {
  private readonly output: Output;
  private readonly runner: Runner;
  private readonly plain: Way;
  private shown: RunView;
  private mode: "run" | "test" = "run";

  /**
   * @param root the API's address, ending with "/"
   * @param workspace holds the program
   * @param jump goes to a place in it
   */
  constructor(
    private readonly page: Page,
    private readonly root: string,
    workspace: Workspace,
    jump: (place: Place) => void,
  ) {
    this.output = new Output(page.output, jump);
    this.shown = this.output;
    this.plain = { view: this.output, execute: (...run) => execute(root, ...run) };
    this.runner = new Runner(page, () => ({
      request: requestOf(workspace.language, workspace.program, this.mode),
      files: workspace.names,
    }));
  }

  /** What the last run wrote. */
  get text(): string {
    return this.shown.text;
  }

  get busy(): boolean {
    return this.runner.busy;
  }

  start(mode: "run" | "test" = "run"): void {
    if (this.busy) return;
    this.mode = mode;
    this.show(this.output);
    this.runner.start(this.plain);
  }

  stop(): void {
    this.runner.stop();
  }

  /** Runs in a terminal, which is loaded the first time. Throws NotLoaded. */
  async startInTerminal(): Promise<void> {
    if (this.busy) return;
    const { terminalWay } = await import(/* webpackChunkName: "terminal" */ "./terminal").catch(() => {
      throw new NotLoaded("the terminal");
    });
    const way = terminalWay(this.page, this.root);
    this.mode = "run";
    this.show(way.view);
    this.runner.start(way);
  }

  /** Shows the pane in which a run is seen. */
  private show(view: RunView): void {
    this.shown = view;
    this.page.output.hidden = view !== this.output;
    this.page.terminal.hidden = view === this.output;
    const attached = this.page.terminal.nextElementSibling;
    if (attached instanceof HTMLElement && attached.className === "attached") attached.hidden = true;
  }
}
