/**
 * Remembers programs and settings in this browser. Browsers may refuse storage (private windows, full disks);
 * then the page works, and says once that it forgets.
 */
import { parse } from "../service/json";
import { asProgram, type Program, program } from "./program";

const PREFIX = "codecanvas:";

export class Memory {
  private told = false;
  /** Each program as this window last read or kept it, so that what another window keeps meanwhile is noticed. */
  private readonly known = new Map<string, string>();

  /**
   * @param refused called once, when the browser refuses storage
   * @param displaced called when this window's program replaces one that another window stored meanwhile
   * @param keeps false in a page that must leave no traces, such as one inside another page
   * @param carried what the page brought along when it reloaded itself: each language's program as it would be stored,
   *   and the id of the language that was open under ""
   */
  constructor(
    private readonly refused: () => void,
    private readonly displaced: () => void,
    private readonly keeps = true,
    private readonly carried: Readonly<Record<string, string>> = {},
  ) {}

  /** The program of `language` as it was left; null when there is none. */
  program(language: string): Program | null {
    const text = this.carried[language] ?? this.read(`program:${language}`) ?? "";
    this.known.set(language, text);
    const kept = asProgram(parse(text));
    if (kept) return kept;
    const source = this.read(`source:${language}`); // as earlier releases kept it
    return source === null ? null : program(source);
  }

  keepProgram(language: string, kept: Program): void {
    const text = JSON.stringify(kept);
    const known = this.known.get(language);
    const there = this.read(`program:${language}`);
    if (known !== undefined && there !== null && there !== known && there !== text) {
      this.write(`earlier:${language}`, there);
      this.displaced();
    }
    if (this.write(`program:${language}`, text)) this.known.set(language, text);
  }

  /** The program that a link's program, or another window's, replaced. */
  earlier(language: string): Program | null {
    return asProgram(parse(this.read(`earlier:${language}`) ?? ""));
  }

  keepEarlier(language: string, kept: Program): void {
    this.write(`earlier:${language}`, JSON.stringify(kept));
  }

  get language(): string | null {
    return this.carried[""] ?? this.read("language");
  }

  set language(id: string) {
    this.write("language", id);
  }

  setting(name: string): string | null {
    return this.read(`setting:${name}`);
  }

  keepSetting(name: string, value: string): void {
    this.write(`setting:${name}`, value);
  }

  private read(key: string): string | null {
    try {
      return this.keeps ? globalThis.localStorage.getItem(PREFIX + key) : null;
    } catch {
      return null;
    }
  }

  private write(key: string, value: string): boolean {
    if (!this.keeps) return false;
    try {
      globalThis.localStorage.setItem(PREFIX + key, value);
      this.told = false;
      return true;
    } catch {
      // The text on the screen is not lost; the person can still copy it.
      if (!this.told) this.refused();
      this.told = true;
      return false;
    }
  }
}
