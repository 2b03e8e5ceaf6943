/**
 * Links that hold a whole program: in the address's fragment, which browsers do not send, so nothing is stored anywhere.
 *
 *     #1=…    JSON {language, files, stdin, args, options}, deflated, in Base64 for URLs
 */

import { Unusable } from "../errors";
import { parse, textOf } from "../service/json";
import { asProgram, type Program } from "./program";

const MARK = "#1=";
/** Most bytes of an unpacked program: links are untrusted. */
const MOST_BYTES = 2 * 1024 * 1024;

export interface Shared {
  readonly language: string;
  readonly program: Program;
}

/** The fragment that encodes `program`, with its "#". */
export async function fragmentOf(language: string, { files, stdin, args, options }: Program): Promise<string> {
  const text = JSON.stringify({ language, files, stdin, args, options });
  const packed = new Blob([text]).stream().pipeThrough(new CompressionStream("deflate-raw"));
  return MARK + toBase64(new Uint8Array(await new Response(packed).arrayBuffer()));
}

export const isShared = (fragment: string): boolean => fragment.startsWith(MARK);

/** The program that `fragment` encodes. Throws Unusable when it is damaged. */
export async function readFragment(fragment: string): Promise<Shared> {
  const content = parse(await unpack(fragment.slice(MARK.length)));
  const program = asProgram(content);
  const language = textOf(content?.language);
  if (!program || language === "") throw damaged();
  return { language, program };
}

async function unpack(encoded: string): Promise<string> {
  try {
    const packed = new Blob([fromBase64(encoded)]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
    const reader = packed.getReader();
    const text = new TextDecoder("utf-8", { fatal: true });
    let [whole, size] = ["", 0];
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      size += part.value.length;
      if (size > MOST_BYTES) throw damaged();
      whole += text.decode(part.value, { stream: true });
    }
    return whole + text.decode();
  } catch {
    throw damaged();
  }
}

const damaged = (): Unusable => new Unusable("This link is damaged, so its program cannot be shown. Ask for it again.");

function toBase64(bytes: Uint8Array): string {
  const text = Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
  return btoa(text).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  const bytes = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(bytes, (character) => character.charCodeAt(0));
}
