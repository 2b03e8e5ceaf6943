/**
 * Remembers programs in this browser, one a language. Browsers may refuse storage (private windows, full disks);
 * then the page works and forgets.
 */
const PREFIX = "codecanvas:";

/** Storage as the browser gives it, or null where reading the property itself is refused. */
function storage(): Storage | null {
  try {
    return globalThis.localStorage;
  } catch {
    return null;
  }
}

function read(key: string): string | null {
  try {
    return storage()?.getItem(PREFIX + key) ?? null;
  } catch {
    return null;
  }
}

function write(key: string, value: string): void {
  try {
    storage()?.setItem(PREFIX + key, value);
  } catch {
    // Nothing is lost that is on the screen; the person can still copy it.
  }
}

export const rememberedSource = (language: string): string | null => read(`source:${language}`);

export const rememberSource = (language: string, source: string): void => write(`source:${language}`, source);

export const rememberedLanguage = (): string | null => read("language");

export const rememberLanguage = (language: string): void => write("language", language);
