/** Puts the page together. */
import "./style.css";
import { Canvas } from "./canvas/canvas";
import { showEnvironment, showVersion } from "./canvas/environment";
import { apiUrl, readConfig } from "./config-utils";
import { findPage, type Page } from "./dom/page";
import { CanvasError } from "./errors";
import { Api } from "./service/http";

function start(page: Page): void {
  const config = readConfig();
  showEnvironment(page, config);
  showVersion(page, config);
  const canvas = new Canvas(page, new Api(apiUrl(config)), apiUrl(config));
  void canvas.meet(config.environment);
}

const page = findPage();
try {
  start(page);
} catch (error) {
  page.run.disabled = true;
  page.interactive.disabled = true;
  page.problem.textContent = error instanceof CanvasError ? error.message : `The page failed: ${String(error)}`;
  page.problem.hidden = false;
}
