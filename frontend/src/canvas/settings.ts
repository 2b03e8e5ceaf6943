/** How the page looks and how keys work, as the person chose; by default as the system has it. */
import type { Keys } from "../editor/editor";
import type { Memory } from "../program/memory";

export const THEMES = ["system", "light", "dark", "contrast-light", "contrast-dark"] as const;
export type Theme = (typeof THEMES)[number];

export const KEYS = ["plain", "vim", "emacs"] as const;

export const FONT_SIZES = [12, 13, 14, 16, 18, 20, 24] as const;

export class Settings {
  theme: Theme;
  /** Of code, in CSS pixels; null as the page has it. */
  fontSize: number | null;
  keys: Keys;

  /**
   * @param theme what an embedding page asks for
   * @param useKeys lets the editor know
   */
  constructor(
    private readonly memory: Memory,
    theme: string | null,
    private readonly useKeys: (keys: Keys) => void,
  ) {
    this.theme = oneOf(THEMES, theme ?? memory.setting("theme")) ?? "system";
    this.fontSize = oneOf(FONT_SIZES.map(String), memory.setting("font-size"))
      ? Number(memory.setting("font-size"))
      : null;
    this.keys = oneOf(KEYS, memory.setting("keys")) ?? "plain";
    matchMedia("(prefers-contrast: more)").addEventListener("change", () => this.show());
    this.show();
    if (this.keys !== "plain") useKeys(this.keys);
  }

  setTheme(theme: string): void {
    this.theme = oneOf(THEMES, theme) ?? "system";
    this.memory.keepSetting("theme", this.theme);
    this.show();
  }

  setFontSize(size: string): void {
    this.fontSize = oneOf(FONT_SIZES.map(String), size) ? Number(size) : null;
    this.memory.keepSetting("font-size", size);
    this.show();
  }

  setKeys(keys: string): void {
    this.keys = oneOf(KEYS, keys) ?? "plain";
    this.memory.keepSetting("keys", this.keys);
    this.useKeys(this.keys);
  }

  private show(): void {
    const { dataset, style } = document.documentElement;
    const [kind, tone = kind] = this.theme.split("-");
    const more = this.theme === "system" && matchMedia("(prefers-contrast: more)").matches;
    dataset.theme = tone ?? "system";
    dataset.contrast = kind === "contrast" || more ? "more" : "normal";
    if (this.fontSize === null) style.removeProperty("--code-size");
    else style.setProperty("--code-size", `${this.fontSize / 16}rem`);
    dispatchEvent(new Event("canvas:look"));
  }
}

function oneOf<T extends string>(all: readonly T[], value: string | null): T | null {
  return all.find((one) => one === value) ?? null;
}
