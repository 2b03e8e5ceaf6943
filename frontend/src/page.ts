/** The page's elements, found once, by the ids in `index.html`. */
function element<E extends HTMLElement>(id: string, kind: new () => E): E {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) throw new Error(`index.html has no ${kind.name} #${id}`);
  return found;
}

export interface Page {
  readonly environment: HTMLElement;
  readonly language: HTMLSelectElement;
  readonly example: HTMLButtonElement;
  readonly run: HTMLButtonElement;
  readonly editor: HTMLElement;
  readonly stdin: HTMLTextAreaElement;
  readonly status: HTMLElement;
  readonly problem: HTMLElement;
  readonly output: HTMLElement;
  readonly version: HTMLElement;
  readonly hint: HTMLElement;
}

export function findPage(): Page {
  return {
    environment: element("environment", HTMLElement),
    language: element("language", HTMLSelectElement),
    example: element("example", HTMLButtonElement),
    run: element("run", HTMLButtonElement),
    editor: element("editor", HTMLElement),
    stdin: element("stdin", HTMLTextAreaElement),
    status: element("status", HTMLElement),
    problem: element("problem", HTMLElement),
    output: element("output", HTMLElement),
    version: element("version", HTMLElement),
    hint: element("hint", HTMLElement),
  };
}
