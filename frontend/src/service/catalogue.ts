/** The service's list of languages. */
import { Failed } from "../errors";
import { isObject, textOf } from "./json";

export interface LanguageDetails {
  readonly title: string;
  readonly version: string;
  /** Name of the file that the source is written to. */
  readonly source: string;
  readonly hello: string;
  readonly sample: string;
  /** What each option does, by a regular expression of the whole option. */
  readonly options: Readonly<Record<string, string>>;
  /** Whether the service formats its programs. */
  readonly formats: boolean;
  /** The service's whole entry, unchanged. */
  readonly entry: Readonly<Record<string, unknown>>;
}

export interface Catalogue {
  readonly ids: readonly string[];
  readonly details: Readonly<Record<string, LanguageDetails>>;
}

/** The list of languages; entries that make no sense are left out of `details`. Throws Failed when there is no list. */
export function catalogue(answer: Record<string, unknown>): Catalogue {
  const ids = answer.languages;
  if (!Array.isArray(ids) || !ids.every((id) => typeof id === "string")) {
    throw new Failed("its list of languages makes no sense");
  }
  const details = isObject(answer.details) ? answer.details : {};
  const entries = ids.flatMap((id) => (isObject(details[id]) ? [[id, languageDetails(details[id])] as const] : []));
  return { ids, details: Object.fromEntries(entries) };
}

function languageDetails(entry: Record<string, unknown>): LanguageDetails {
  const options = isObject(entry.options) ? Object.entries(entry.options) : [];
  return {
    title: textOf(entry.title),
    version: textOf(entry.version),
    source: textOf(entry.source),
    hello: textOf(entry.hello),
    sample: textOf(entry.sample),
    options: Object.fromEntries(options.map(([pattern, what]) => [pattern, textOf(what)])),
    formats: entry.formats === true,
    entry,
  };
}
