/** The menu behind More: opens and closes, by pointer and by keys. */
import type { Page } from "./page";

/** Returns a function that opens or closes it. `opening` is called before it opens. */
export function setUpMenu({ more, menu }: Page, opening: () => void): () => void {
  const items = (): HTMLButtonElement[] => [...menu.querySelectorAll("button")].filter((item) => !item.hidden);
  const show = (open: boolean): void => {
    if (open) opening();
    menu.hidden = !open;
    more.setAttribute("aria-expanded", String(open));
  };
  menu.addEventListener("click", (event) => {
    if (event.target instanceof HTMLButtonElement) show(false);
  });
  menu.addEventListener("keydown", (event) => {
    const all = items();
    const at = all.indexOf(document.activeElement as HTMLButtonElement);
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step !== undefined) all[(at + step + all.length) % all.length]?.focus();
    if (event.key === "Escape") {
      show(false);
      more.focus();
    }
    if (step !== undefined || event.key === "Escape") event.preventDefault();
  });
  document.addEventListener("pointerdown", (event) => {
    if (!menu.hidden && event.target instanceof Node && !menu.parentElement?.contains(event.target)) show(false);
  });
  menu.addEventListener("focusout", (event) => {
    if (event.relatedTarget instanceof Node && !menu.parentElement?.contains(event.relatedTarget)) show(false);
  });
  return () => {
    show(menu.hidden !== false);
    if (!menu.hidden) items()[0]?.focus();
  };
}
