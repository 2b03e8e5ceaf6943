/**
 * What people can do with the page. Loaded when a person first does anything; the buttons of `index.html` name in
 * `data-does` what they do.
 */
import { adoptCss } from "../dom/adopted-styles";
import { setUpMenu } from "../dom/menu";
import { Notices } from "../dom/notices";
import { BRACKETED } from "../editor/modes";
import { NotLoaded } from "../errors";
import { Files } from "../files/files";
import type { Language } from "../languages/languages";
import { RunControl } from "../run/control";
import { formatted } from "../service/format";
import { addDivider } from "./divider";
import { Newer } from "./newer";
import type { Parts } from "./parts";
import css from "./tools.css?raw";

type Act = (index: number) => void | Promise<void>;

export class Tools {
  readonly notices: Notices;
  private readonly runs: RunControl;
  private readonly files: Files;
  private readonly acts: Readonly<Record<string, Act>>;
  private readonly newer: Newer;

  constructor(private readonly parts: Parts) {
    const { page, workspace, editor, memory, root, settings, api } = parts;
    const notices = new Notices(page);
    const files = new Files(page, workspace, editor, memory, notices);
    const runs = new RunControl(page, root, workspace, ({ file, line, column }) => files.jump(file, line, column));
    const more = setUpMenu(page, () => {
      offer("test", workspace.language.entry.tests === true);
      offer("libraries", librariesOf(workspace.language).length > 0);
      page.reopen.hidden = !files.canReopen;
      page.format.hidden = !this.formats && !this.canIndent();
      page.format.textContent = this.formats ? "Format" : "Set indentation anew";
    });
    adoptCss(css);
    addDivider(memory);
    this.notices = notices;
    this.files = files;
    this.runs = runs;
    this.newer = new Newer(page, root, api);
    void this.newer.look();
    this.acts = {
      run: () => runs.start(),
      toggle: () => (runs.busy ? runs.stop() : runs.start()),
      test: () => runs.start("test"),
      interactive: () => runs.startInTerminal(),
      stop: () => runs.stop(),
      share: () => this.share(),
      copy: () => this.copy(),
      download: () => this.download(),
      format: () => this.format(),
      add: () => files.add(),
      close: (index) => files.close(index),
      rename: () => files.rename(workspace.program.active),
      reopen: () => files.reopen(),
      displaced: () => files.offerOther(),
      next: () => this.nextPlace(),
      cycle: () => this.cycle(),
      more,
      settings: async () => (await dialogs()).showSettings(settings),
      shortcuts: async () => (await dialogs()).showShortcuts(),
      libraries: async () => (await dialogs()).showLibraries(workspace.language.name, librariesOf(workspace.language)),
      whole: () => this.openWhole(),
      later: () => {
        page.stale.hidden = true;
      },
    };
  }

  /** Does what a button or a key asks for; `index` says with which file. Throws CanvasError. */
  async act(command: string, index: number): Promise<void> {
    await this.acts[command]?.(index);
    void this.newer.look();
  }

  /** A value was chosen from a list. */
  choose(list: string, value: string): void {
    const { page, workspace } = this.parts;
    if (list === "example") this.files.showExample(workspace.language.examples[Number(value)]?.text ?? "");
    if (list === "option") {
      page.options.value = `${page.options.value} ${value}`.trim();
      workspace.touched();
    }
  }

  /**
   * Opens the program in the address, and takes it out of there, so that reloading keeps what is written then.
   * Returns its language, or null when there is none. Throws Unusable.
   */
  async openLink(language: (id: string) => Language): Promise<string | null> {
    const { isShared, readFragment } = await sharing();
    if (!isShared(location.hash)) return null;
    const shared = await readFragment(location.hash);
    history.replaceState(null, "", location.pathname + location.search);
    this.files.take(language(shared.language), shared.program, "The program of the link");
    return shared.language;
  }

  private async share(): Promise<void> {
    const [{ showShare }, address] = await Promise.all([dialogs(), this.link()]);
    showShare(address, (text) => this.toClipboard(text));
  }

  private async link(): Promise<string> {
    const { workspace } = this.parts;
    return `${location.origin}/${await (await sharing()).fragmentOf(workspace.language.id, workspace.program)}`;
  }

  private async openWhole(): Promise<void> {
    open(await this.link(), "_blank", "noopener");
  }

  private async download(): Promise<void> {
    const archive = await part("downloads", import(/* webpackChunkName: "more" */ "../program/archive"));
    const { names, program, language } = this.parts.workspace;
    const entries = program.files.map(({ text }, index) => ({ name: names[index] ?? "", text }));
    archive.download(entries, `codecanvas-${language.source.replace(/\W/g, "-")}`);
  }

  private async copy(): Promise<void> {
    if (await this.toClipboard(this.runs.text)) this.notices.tell("The output is copied.");
  }

  private async toClipboard(text: string): Promise<boolean> {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch {
      this.notices.tell("The browser did not permit copying. Select the text and copy it yourself.");
      return false;
    }
  }

  /** Whether the service can format the open file: only the main file, and only if this page may run programs. */
  private get formats(): boolean {
    const { language, program } = this.parts.workspace;
    return language.formats && program.active === 0 && !this.parts.page.run.disabled;
  }

  private canIndent(): boolean {
    const { language, names, program } = this.parts.workspace;
    return BRACKETED.includes(language.id) || names[program.active]?.endsWith(".json") === true;
  }

  private async format(): Promise<void> {
    const { notices } = this;
    const { editor, workspace, root } = this.parts;
    if (this.formats) {
      const source = editor.source;
      const tidy = await formatted(root, workspace.language.id, source);
      if (editor.source !== source) notices.tell("The program was changed meanwhile, and is left as it is.");
      else if (tidy === source) notices.tell("The program is formatted already.");
      else {
        editor.replace(tidy);
        notices.tell("The program is formatted. Undo brings the old one back.");
      }
    } else if (this.canIndent()) {
      editor.indent();
      notices.tell("Each line's indentation was set anew; nothing else was changed. Undo brings the old one back.");
    } else notices.tell("No formatter serves this language, and its indentation has a meaning: it is left as it is.");
  }

  /** Goes to the next place that the messages name. */
  private nextPlace(): void {
    const places = [...this.parts.page.output.querySelectorAll<HTMLButtonElement>("button.place")];
    const last = places.findIndex((place) => place.classList.contains("visited"));
    const next = places[(last + 1) % places.length];
    places[last]?.classList.remove("visited");
    next?.classList.add("visited");
    next?.click();
  }

  /** Focus goes from the program to its input, to the output, and back. */
  private cycle(): void {
    const { page, editor } = this.parts;
    const output = page.output.hidden ? page.terminal : page.output;
    const stops: readonly HTMLElement[] = [page.editor, page.stdin, output];
    const at = stops.findIndex((stop) => stop.contains(document.activeElement));
    const next = stops[(at + 1) % stops.length];
    if (next === page.editor) editor.focus();
    else if (next === output) (output.querySelector<HTMLElement>("textarea, pre") ?? page.copy).focus();
    else next?.focus();
  }
}

/** Shows what the menu has for `command`, or hides it. */
function offer(command: string, has: boolean): void {
  const item = document.querySelector<HTMLElement>(`#menu [data-does="${command}"]`);
  if (item) item.hidden = !has;
}

/** Names of the libraries that the service has for `language`. */
function librariesOf({ entry }: Language): string[] {
  return Array.isArray(entry.libraries) ? entry.libraries.filter((name) => typeof name === "string") : [];
}

const dialogs = () => part("this dialog", import(/* webpackChunkName: "more" */ "./dialogs"));
const sharing = () => part("what links are made of", import(/* webpackChunkName: "more" */ "../program/share"));

/** A part of the page that loads when it is needed. Throws NotLoaded. */
async function part<T>(what: string, loading: Promise<T>): Promise<T> {
  try {
    return await loading;
  } catch {
    throw new NotLoaded(what);
  }
}
