/** Keys as people read them. */

/** `keys` as they stand on the person's keyboard. */
export function legend(keys: string): string {
  const mac = /Mac|iPhone|iPad/.test(navigator.userAgent);
  const names = mac ? { Mod: "⌘", Shift: "⇧", Alt: "⌥" } : { Mod: "Ctrl" };
  const shown = Object.entries(names).reduce(
    (text, [name, sign]) => text.replace(`${name}+`, mac ? sign : `${sign}+`),
    keys,
  );
  return shown.replace(/(^|[+⌘])([a-z])$/, (_all, before: string, letter: string) => before + letter.toUpperCase());
}
