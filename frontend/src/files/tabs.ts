/** The row of files: one button each, to open and to close them. */
export interface TabActions {
  open(index: number): void;
  rename(): void;
  close(index: number): void;
}

export class Tabs {
  constructor(
    private readonly row: HTMLElement,
    private readonly actions: TabActions,
  ) {}

  /** Shows `names`, the first of which is the main file, which stays as it is. */
  show(names: readonly string[], active: number): void {
    this.row.replaceChildren(...names.map((name, index) => this.tab(name, index, index === active)));
  }

  private tab(name: string, index: number, active: boolean): HTMLElement {
    const item = document.createElement("li");
    const open = button(name, "file", () => this.actions.open(index));
    if (active) open.setAttribute("aria-current", "true");
    item.append(open);
    if (index > 0) {
      open.title = "Press F2 or twice to rename";
      open.addEventListener("dblclick", () => this.actions.rename());
      const close = button("×", "close", () => this.actions.close(index));
      close.setAttribute("aria-label", `Close ${name}`);
      item.append(close);
    }
    return item;
  }
}

function button(text: string, name: string, act: () => void): HTMLButtonElement {
  const made = document.createElement("button");
  made.type = "button";
  made.className = name;
  made.textContent = text;
  made.addEventListener("click", act);
  return made;
}
