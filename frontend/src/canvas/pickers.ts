/** Lists whose choices act at once: examples, and options to add. */

import type { Page } from "../dom/page";
import type { Language } from "../languages/languages";
import type { Choice } from "../languages/options";

/** Offers the examples and options of `language`; what the options' patterns stand for is worked out when needed. */
export function showChoices(page: Page, language: Language): void {
  const examples = language.examples.map(({ name }, index) => new Option(name, String(index)));
  page.example.replaceChildren(new Option("Examples", ""), ...examples);
  const [label] = page.options.labels ?? [];
  if (label) label.textContent = language.entry.compiles === false ? "Interpreter options" : "Compiler options";
  page.optionsField.hidden = Object.keys(language.options).length === 0;
  page.optionList.replaceChildren(new Option("Add…", ""));
  page.optionList.onpointerdown = page.optionList.onfocus = async () => {
    const loaded = await import(/* webpackChunkName: "options" */ "../languages/options").catch(() => null);
    if (!loaded || !page.optionList.onfocus) return; // the next look tries again
    page.optionList.onpointerdown = page.optionList.onfocus = null;
    page.optionList.append(...loaded.choices(language.options).map(group));
  };
}

function group({ what, words }: Choice): HTMLElement {
  const made = document.createElement("optgroup");
  made.label = what;
  made.append(...words.map((word) => new Option(word)));
  return made;
}
