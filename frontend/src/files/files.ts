/** What people do with the files of a program: add, rename, close, reopen; nothing that was written is lost by it. */

import type { Notices } from "../dom/notices";
import type { Page } from "../dom/page";
import type { Editor } from "../editor/editor";
import { CanvasError } from "../errors";
import type { Language } from "../languages/languages";
import type { Memory } from "../program/memory";
import type { Program } from "../program/program";
import { addFile, checkName, closeFile, reopenFile, same } from "./file-list";
import { editName } from "./rename";
import type { Workspace } from "./workspace";

export class Files {
  constructor(
    private readonly page: Page,
    private readonly workspace: Workspace,
    private readonly editor: Editor,
    private readonly memory: Memory,
    private readonly notices: Notices,
  ) {}

  add(): void {
    const { workspace } = this;
    const ending = /\.\w+$/.exec(workspace.language.source)?.[0] ?? ".txt";
    let name = `file${ending}`;
    for (let count = 2; workspace.names.includes(name); count++) name = `file${count}${ending}`;
    addFile(workspace.program, { name, text: "" });
    workspace.refresh();
    this.rename(workspace.program.active);
  }

  /** Lets the person rename file `index`; the main file is called as the language calls it. */
  rename(index: number): void {
    const name = this.workspace.names[index];
    const tab = this.page.tabs.children[index];
    if (index > 0 && name && tab) editName(tab, name, (wanted) => this.renamed(index, wanted));
  }

  close(index: number): void {
    const { workspace } = this;
    const { files } = workspace.program;
    const name = workspace.names[index];
    const kept = files[index]?.text !== "";
    closeFile(workspace.program, index);
    workspace.refresh();
    if (kept) this.offerReopening(`${name} was closed.`);
  }

  get canReopen(): boolean {
    return this.workspace.program.closed.length > 0;
  }

  reopen(): void {
    reopenFile(this.workspace.program);
    this.workspace.refresh();
  }

  /** Replaces the main file by an example; undo brings it back, and the other files can be reopened. */
  showExample(text: string): void {
    const { workspace } = this;
    const { program } = workspace;
    while (program.files.length > 1) closeFile(program, program.files.length - 1);
    workspace.show(0);
    this.editor.replace(text);
    if (program.closed.length > 0) this.offerReopening("The other files were closed.");
  }

  /** Opens a program of `language` that came from elsewhere; what was there before can be brought back. */
  take(language: Language, taken: Program, whence: string): void {
    const before = this.workspace.take(language, taken);
    if (!before || same(before, taken)) return;
    this.memory.keepEarlier(language.id, before);
    this.notices.tell(`${whence} is open.`, { label: "Back to mine", act: () => this.back() });
  }

  /** This window's program replaced one that another window had stored. */
  offerOther(): void {
    this.notices.tell("Another window had changed this program too.", {
      label: "Show the other",
      act: () => this.back(),
    });
  }

  /** Goes to a line that a message names. */
  jump(file: string, line: number, column: number | null): void {
    const { workspace } = this;
    const index = workspace.names.indexOf(file);
    if (index < 0) return;
    if (index !== workspace.program.active) workspace.show(index);
    this.editor.jump(line, column);
  }

  private back(): void {
    const { workspace, memory } = this;
    const { id } = workspace.language;
    const earlier = memory.earlier(id);
    if (!earlier) return;
    memory.keepEarlier(id, workspace.program);
    workspace.load(earlier);
    workspace.touched();
  }

  private renamed(index: number, name: string): string | null {
    const { workspace } = this;
    const file = workspace.program.files[index];
    if (!file) return null;
    const others = workspace.names.filter((_, other) => other !== index);
    try {
      checkName(name, others);
    } catch (error) {
      if (error instanceof CanvasError) return error.message;
      throw error;
    }
    file.name = name;
    workspace.refresh();
    return null;
  }

  private offerReopening(text: string): void {
    this.notices.tell(text, { label: "Reopen", act: () => this.reopen() });
  }
}
