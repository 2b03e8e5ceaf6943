/** What starts and stops runs, and shows the pane that the current one writes to. */

import type { Page } from "../dom/page";
import { NotLoaded } from "../errors";
import type { Workspace } from "../files/workspace";
import { execute } from "../service/stream";
import type { Place } from "./diagnostics";
import { Lifecycle, type RunView, type Way } from "./lifecycle";
import { Output } from "./output";
import { requestOf } from "./request";

export class RunControl {
  private readonly output: Output;
  private readonly lifecycle: Lifecycle;
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
    this.lifecycle = new Lifecycle(page, () => ({
      request: requestOf(workspace.language, workspace.program, this.mode),
      files: workspace.names,
    }));
  }

  /** What the last run wrote. */
  get text(): string {
    return this.shown.text;
  }

  get busy(): boolean {
    return this.lifecycle.busy;
  }

  start(mode: "run" | "test" = "run"): void {
    if (this.busy) return;
    this.mode = mode;
    this.show(this.output);
    this.lifecycle.start(this.plain);
  }

  stop(): void {
    this.lifecycle.stop();
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
    this.lifecycle.start(way);
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
