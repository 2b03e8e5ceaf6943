/** Notices that another release is served than this page's, and offers to reload it. */
import { readConfig } from "../config-utils";
import type { Page } from "../dom/page";
import { ask } from "../service/http";
import { textOf } from "../service/json";

/** Milliseconds for which the service is not asked again, whatever a person does. */
const REST_MS = 15_000;

export class Newer {
  private readonly own = readConfig().sha;
  private resting = false;

  /**
   * @param root the API's address, ending with "/"
   * @param opened knows the service's release when the page was opened
   */
  constructor(
    private readonly page: Page,
    private readonly root: string,
    private readonly opened: { release: string },
  ) {
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden) void this.look();
    });
  }

  /** Asks which release the service is of, unless it was asked just now; of one that cannot be asked nothing is said. */
  async look(): Promise<void> {
    if (this.resting) return;
    this.resting = true;
    setTimeout(() => {
      this.resting = false;
    }, REST_MS);
    try {
      const sha = textOf((await ask(this.root, "/version")).sha);
      if (sha !== "" && (await this.left(sha))) this.offer();
    } catch {}
  }

  /** Whether this page is no longer the one to use, now that the service is of `sha`. */
  private async left(sha: string): Promise<boolean> {
    if (sha === this.own) return false;
    if (this.opened.release !== "" && sha !== this.opened.release) return true;
    // Services are released before their pages: until the page has followed, reloading would bring the same again.
    const config = await fetch("/config.js", { cache: "no-store" });
    return config.ok && !(await config.text()).includes(`"sha":${JSON.stringify(this.own)}`);
  }

  private offer(): void {
    const { stale } = this.page;
    const [text] = stale.children;
    if (text) text.textContent = "There is a newer version of this page. Reload it when you like: your text is kept.";
    stale.hidden = false;
  }
}
