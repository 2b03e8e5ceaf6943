/** The whole page: shows the editor at once, and loads the tools when a person does something. */

import type { Page } from "../dom/page";
import { Editor } from "../editor/editor";
import { CanvasError, NotLoaded } from "../errors";
import { Workspace } from "../files/workspace";
import { FIRST, type Language, language, loadGreetings, nameOf } from "../languages/languages";
import { Memory } from "../program/memory";
import type { Catalogue } from "../service/catalogue";
import type { Api } from "../service/http";
import { fillMenu } from "./language-menu";
import type { Parts } from "./parts";
import { showChoices } from "./pickers";
import { Settings } from "./settings";
import { onShortcut } from "./shortcuts";
import type { Tools } from "./tools";

/** Commands that run a program; a page that belongs to another service must not. */
const RUNS = ["run", "toggle", "interactive", "test"];

export class Canvas {
  private readonly parts: Parts;
  private tools: Promise<Tools> | null = null;
  private opening: Promise<void>;
  private refusal: string | null = null;
  private details: Catalogue["details"] = {};

  constructor(
    page: Page,
    private readonly api: Api,
    root: string,
  ) {
    this.parts = this.assemble(page, root);
    this.listen();
    this.opening = this.open(this.parts.memory.language ?? FIRST);
    if (location.hash.length > 1) void this.openLink();
  }

  /** Asks the service for its languages, and checks that it belongs to this page's `environment`. */
  async meet(environment: string): Promise<void> {
    const { page } = this.parts;
    const met = await fillMenu(page, this.api, this.parts.memory.language ?? FIRST);
    this.details = met.catalogue.details;
    this.learn();
    if (met.environment !== environment) {
      this.refuse(
        `This page belongs to ${environment}, but the service says that it is ${met.environment || "another"}. ` +
          "Nothing is run. Reload the page; if that does not help, tell whoever runs this site.",
      );
    }
  }

  private assemble(page: Page, root: string): Parts {
    const asked = new URLSearchParams(location.search);
    const embedded = asked.get("embed") === "1";
    document.body.classList.toggle("embedded", embedded);
    page.whole.hidden = !embedded;
    const forgets = "This browser keeps no more text: what is changed is lost when the page closes. Download it.";
    const memory = new Memory(
      () => this.say(forgets),
      () => this.act("displaced"),
      !embedded,
      history.state ?? {},
    );
    history.replaceState(null, ""); // a later reload must not bring this back
    const editor: Editor = new Editor(
      page.editor,
      () => workspace.touched(),
      (what) => this.tell(new NotLoaded(what)),
    );
    const workspace = new Workspace(page, editor, memory, (...act) => this.act(...act));
    const settings = new Settings(memory, asked.get("theme"), (keys) => void editor.useKeys(keys));
    return { page, root, api: this.api, editor, workspace, memory, settings };
  }

  private listen(): void {
    const { page, memory } = this.parts;
    page.language.addEventListener("change", () => {
      memory.language = page.language.value;
      this.opening = this.open(page.language.value);
    });
    document.addEventListener("click", ({ target }) => {
      const command = target instanceof Element && target.closest<HTMLElement>("[data-does]")?.dataset.does;
      if (command && !(target instanceof HTMLSelectElement)) this.act(command);
    });
    for (const list of [page.example, page.optionList]) {
      list.addEventListener("change", () => void this.choose(list));
    }
    // Whichever part of the page it was: parts are named by their content, and are gone some releases later.
    addEventListener(
      "error",
      ({ target }) => {
        if (target instanceof HTMLScriptElement) page.stale.hidden = false;
      },
      true,
    );
    onShortcut((command) => this.act(command));
    const mac = /Mac|iPhone|iPad/.test(navigator.userAgent);
    if (mac) page.hint.textContent = page.hint.textContent.replace("Ctrl+", "⌘");
    for (const kind of ["pointerdown", "keydown"]) {
      addEventListener(kind, () => void this.load().catch(() => null), { once: true, capture: true });
    }
    addEventListener("hashchange", () => void this.openLink());
  }

  /** Does what a button or a key asks for, once it can. */
  private act(command: string, index = 0): void {
    if (command === "reload") void this.reload();
    else if (this.refusal !== null && RUNS.includes(command)) this.showProblem(this.refusal);
    else void this.with((tools) => tools.act(command, index));
  }

  /**
   * Loads the page anew with all that was written, if there is a page to be had. Needs nothing that has to be loaded,
   * and no storage: neither may be there.
   */
  private async reload(): Promise<void> {
    const there = await fetch("/", { cache: "no-store" }).then(
      ({ ok }) => ok,
      () => false,
    );
    if (!there) return this.tell(new NotLoaded("the page"));
    history.replaceState(this.parts.workspace.carried(), "");
    location.reload();
  }

  private choose(list: HTMLSelectElement): Promise<void> {
    const { value } = list;
    list.value = ""; // which shows the list's title again
    return this.with((tools) => tools.choose(list.dataset.does ?? "", value));
  }

  private openLink(): Promise<void> {
    return this.with(async (tools) => {
      const id = await tools.openLink((known) => this.language(known));
      if (id === null) return;
      this.parts.memory.language = id;
      this.select(id);
    });
  }

  private async with(act: (tools: Tools) => void | Promise<void>): Promise<void> {
    try {
      await this.opening;
      await act(await this.load());
    } catch (error) {
      this.tell(error);
    }
  }

  /** The tools, which load once a person does anything, so that they are there when Run is pressed. */
  private load(): Promise<Tools> {
    this.tools ??= import(/* webpackChunkName: "tools" */ "./tools").then(
      ({ Tools }) => new Tools(this.parts),
      () => {
        this.tools = null; // so that it is tried again
        throw new NotLoaded("what this needs");
      },
    );
    return this.tools;
  }

  private language(id: string): Language {
    return language(id, this.details[id]);
  }

  /** Opens the language at once; its first example comes a moment later, where nobody has begun to write. */
  private async open(id: string): Promise<void> {
    this.parts.workspace.open(this.language(id));
    this.learn();
    await loadGreetings(id);
    this.learn();
  }

  /** More may be known of the language that is open. */
  private learn(): void {
    const { page, workspace } = this.parts;
    workspace.learn(this.language(workspace.language.id));
    showChoices(page, workspace.language);
  }

  /** Shows `id` in the menu, also where the service does not run it, or has not said so yet. */
  private select(id: string): void {
    const { page, workspace } = this.parts;
    if (![...page.language.options].some(({ value }) => value === id)) {
      page.language.append(new Option(nameOf(id, this.details[id]), id));
    }
    page.language.value = id;
    showChoices(page, workspace.language);
  }

  /** From now on nothing runs, for the reason given. */
  private refuse(reason: string): void {
    const { page } = this.parts;
    this.refusal = reason;
    page.run.disabled = true;
    page.interactive.disabled = true;
    this.showProblem(reason);
  }

  private showProblem(message: string): void {
    const { problem } = this.parts.page;
    problem.textContent = message;
    problem.hidden = false;
  }

  private tell(error: unknown): void {
    this.say(error instanceof CanvasError ? error.message : `The page failed: ${String(error)}`);
  }

  private say(text: string): void {
    this.load().then(
      ({ notices }) => notices.tell(text),
      () => this.showProblem(text),
    );
  }
}
