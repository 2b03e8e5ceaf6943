/** Keys that work anywhere on the page. */
/**
 * Commands by their keys, as `KeyboardEvent.key` has them, with "Mod+" (Control or Command), "Shift+" and "Alt+" before.
 */
export const SHORTCUTS = {
  run: "Mod+Enter",
  interactive: "Mod+Shift+Enter",
  stop: "Mod+.",
  share: "Mod+s",
  format: "Shift+Alt+F",
  rename: "F2",
  next: "F8",
  cycle: "F6",
  shortcuts: "F1",
} as const;

export type Shortcut = keyof typeof SHORTCUTS;

/** Names the command whose keys are pressed, wherever the focus is, before the editor takes them. */
export function onShortcut(act: (command: Shortcut) => void): void {
  const pressed = (event: KeyboardEvent): void => {
    if (event.isComposing || document.querySelector("dialog[open]")) return;
    const found = (Object.keys(SHORTCUTS) as Shortcut[]).find((name) => matches(event, SHORTCUTS[name]));
    if (!found) return;
    event.preventDefault();
    event.stopPropagation();
    if (!event.repeat) act(found);
  };
  document.addEventListener("keydown", pressed, { capture: true });
}

function matches(event: KeyboardEvent, keys: string): boolean {
  const parts = keys.split("+");
  const key = parts.pop() ?? "";
  return (
    event.key.toLowerCase() === key.toLowerCase() &&
    (event.ctrlKey || event.metaKey) === parts.includes("Mod") &&
    event.shiftKey === parts.includes("Shift") &&
    event.altKey === parts.includes("Alt")
  );
}
