/** Which environment and release this page belongs to: a banner in all but protected environments, and the footer. */
import { type Configuration, ownEnvironment } from "../config-utils";
import type { Page } from "../dom/page";

/** Shows the environment's banner, except in a protected environment: users are on those. */
export function showEnvironment(page: Page, config: Configuration): void {
  const { environment } = config;
  const { role, url } = ownEnvironment(config);
  if (role === "protected") return;
  const name = environment.replace(/\b[a-z]/g, (letter) => letter.toUpperCase());
  document.title = `${name} · codecanvas`;
  page.environment.textContent = `${name} — runs go to ${url}`;
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
