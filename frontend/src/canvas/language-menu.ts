/** The menu of languages: first those that the page knows, then those that the service offers. */

import type { Page } from "../dom/page";
import { CanvasError } from "../errors";
import { KNOWN_IDS, nameOf } from "../languages/languages";
import type { Catalogue } from "../service/catalogue";
import type { Api } from "../service/http";

const FIRST_PAUSE_MS = 2_000;
const LONGEST_PAUSE_MS = 60_000;

/** Offers the languages, keeping `chosen` selected, even when the service does not run it: its text must not be lost. */
export function offer(menu: HTMLSelectElement, { ids, details }: Catalogue, chosen: string): void {
  const all = ids.includes(chosen) ? ids : [...ids, chosen];
  menu.replaceChildren(...all.map((id) => new Option(nameOf(id, details[id]), id, false, id === chosen)));
}

/** What the service says of itself. */
export interface Introduction {
  readonly catalogue: Catalogue;
  readonly environment: string;
}

/**
 * Fills the menu, first from the page, then from the service. When the service cannot be asked, the page says so
 * once, and asks again after pauses that grow, until it can.
 */
export async function fillMenu(page: Page, api: Api, chosen: string): Promise<Introduction> {
  offer(page.language, { ids: KNOWN_IDS, details: {} }, chosen);
  let told: string | null = null;
  for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(2 * pause, LONGEST_PAUSE_MS)) {
    try {
      const [catalogue, environment] = await Promise.all([api.languages(), api.environment()]);
      offer(page.language, catalogue, page.language.value);
      page.language.dataset.source = "service";
      if (page.problem.textContent === told) page.problem.hidden = true;
      return { catalogue, environment };
    } catch (error) {
      if (!(error instanceof CanvasError)) throw error;
      if (told === null) told = showProblem(page, error);
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }
}

function showProblem(page: Page, error: CanvasError): string {
  page.problem.textContent = error.message;
  page.problem.hidden = false;
  return error.message;
}
