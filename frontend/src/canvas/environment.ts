/** Where the page stands: the banner that tells staging and local from production, and the footer. */
import { apiUrl, type Configuration } from "../config-utils";
import type { Page } from "../dom/page";

const NAMES = { local: "Local", staging: "Staging", production: "Production" } as const;

/** Shows the environment, except in production, where there is nothing to tell. */
export function showEnvironment(page: Page, config: Configuration): void {
  document.documentElement.dataset.environment = config.environment;
  if (config.environment === "production") return;
  const name = NAMES[config.environment];
  document.title = `${name} · codecanvas`;
  page.environment.textContent = `${name} — runs go to ${apiUrl(config)}`;
  page.environment.hidden = false;
}

/** Shows version and commit; the whole commit id appears when pointed at. */
export function showVersion(page: Page, config: Configuration): void {
  const commit = document.createElement("code");
  commit.id = "sha";
  commit.title = config.sha;
  commit.textContent = config.sha.slice(0, 7);
  page.version.replaceChildren(`codecanvas ${config.version} · `, commit);
}
