/** The choice of languages: what this page knows at once, what the service runs as soon as it has said so. */
import type { Api } from "./api";
import { CanvasError } from "./errors";
import { KNOWN_IDS, language } from "./languages";
import type { Page } from "./page";

/** Offers `ids`, keeping `chosen` selected, even when the service does not run it: the text must not be lost. */
export function offer(menu: HTMLSelectElement, ids: readonly string[], chosen: string): void {
  const all = ids.includes(chosen) ? ids : [...ids, chosen];
  menu.replaceChildren(...all.map((id) => new Option(language(id).name, id, false, id === chosen)));
}

/** Fills the menu, first from the page, then from the service; says so when the service cannot be asked. */
export async function fillMenu(page: Page, api: Api, chosen: string): Promise<void> {
  offer(page.language, KNOWN_IDS, chosen);
  try {
    offer(page.language, await api.languages(), page.language.value);
    page.language.dataset.source = "service";
  } catch (error) {
    if (!(error instanceof CanvasError)) throw error;
    page.problem.textContent = error.message;
    page.problem.hidden = false;
  }
}
