/** Puts the page together. */
import "./style.css";
import { Api } from "./api";
import { apiUrl, readConfig } from "./config-utils";
import { Editor } from "./editor";
import { showEnvironment, showVersion } from "./environment";
import { CanvasError } from "./errors";
import { fillMenu } from "./language-menu";
import { FIRST, language } from "./languages";
import { rememberedLanguage, rememberedSource, rememberLanguage, rememberSource } from "./memory";
import { findPage, type Page } from "./page";
import { Runner } from "./runner";

function start(page: Page): void {
  const config = readConfig();
  showEnvironment(page, config);
  showVersion(page, config);

  const api = new Api(apiUrl(config));
  const editor = new Editor(page.editor, ({ id }, source) => rememberSource(id, source));
  const open = (id: string): void => {
    const chosen = language(id);
    editor.open(chosen, rememberedSource(id) ?? chosen.example);
  };
  const runner = new Runner(page, api, () => ({
    source: editor.source,
    language: page.language.value,
    ...(page.stdin.value === "" ? {} : { stdin: page.stdin.value }),
  }));

  const first = rememberedLanguage() ?? FIRST;
  open(first);
  void fillMenu(page, api, first);
  page.language.addEventListener("change", () => {
    rememberLanguage(page.language.value);
    open(page.language.value);
  });
  page.example.addEventListener("click", () => {
    editor.replace(language(page.language.value).example);
    editor.focus();
  });
  page.run.addEventListener("click", () => runner.toggle());
  onRunKey(() => runner.start());
  showHint(page);
}

/** Control or Command with Enter, wherever the focus is; caught before the editor makes a new line of it. */
function onRunKey(run: () => void): void {
  const pressed = (event: KeyboardEvent): void => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    event.stopPropagation();
    if (!event.repeat) run();
  };
  document.addEventListener("keydown", pressed, { capture: true });
}

function showHint(page: Page): void {
  const mac = /Mac|iPhone|iPad/.test(navigator.userAgent);
  page.hint.textContent = `${mac ? "⌘" : "Ctrl"}+Enter runs`;
}

const page = findPage();
try {
  start(page);
} catch (error) {
  page.run.disabled = true;
  page.problem.textContent = error instanceof CanvasError ? error.message : `The page failed: ${String(error)}`;
  page.problem.hidden = false;
}
