/** The page's elements, found once, by the ids in `index.html`. */
function element<E extends HTMLElement>(id: string, kind: new () => E): E {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) throw new Error(`index.html has no ${kind.name} #${id}`);
  return found;
}

export type Page = ReturnType<typeof findPage>;

export function findPage() {
  return {
    environment: element("environment", HTMLElement),
    language: element("language", HTMLSelectElement),
    example: element("example", HTMLSelectElement),
    run: element("run", HTMLButtonElement),
    interactive: element("interactive", HTMLButtonElement),
    more: element("more", HTMLButtonElement),
    menu: element("menu", HTMLElement),
    format: element("format", HTMLButtonElement),
    reopen: element("reopen", HTMLButtonElement),
    settings: element("settings", HTMLButtonElement),
    whole: element("whole", HTMLButtonElement),
    notice: element("notice", HTMLElement),
    noticeText: element("notice-text", HTMLElement),
    noticeAct: element("notice-act", HTMLButtonElement),
    noticeDismiss: element("notice-dismiss", HTMLButtonElement),
    stale: element("stale", HTMLElement),
    tabs: element("tabs", HTMLElement),
    editor: element("editor", HTMLElement),
    stdin: element("stdin", HTMLTextAreaElement),
    args: element("args", HTMLInputElement),
    optionsField: element("options-field", HTMLElement),
    options: element("options", HTMLInputElement),
    optionList: element("option-list", HTMLSelectElement),
    status: element("status", HTMLElement),
    copy: element("copy", HTMLButtonElement),
    problem: element("problem", HTMLElement),
    output: element("output", HTMLElement),
    terminal: element("terminal", HTMLElement),
    spoken: element("spoken", HTMLElement),
    version: element("version", HTMLElement),
    hint: element("hint", HTMLElement),
  };
}
