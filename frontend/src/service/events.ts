/** Server-sent events out of text that comes in pieces, as far as the service uses them: names, data and comments. */
export interface ServerEvent {
  readonly name: string;
  readonly data: string;
}

export class EventParser {
  private pending = "";

  /** The events that `text` completes; what begins another is kept for the next call. */
  feed(text: string): ServerEvent[] {
    const blocks = (this.pending + text.replaceAll("\r\n", "\n")).split("\n\n");
    this.pending = blocks.pop() ?? "";
    return blocks.map(readBlock).filter((event) => event !== null);
  }
}

function readBlock(block: string): ServerEvent | null {
  let name = "message";
  const data: string[] = [];
  for (const line of block.split("\n")) {
    const [, field, value] = /^(event|data): ?(.*)$/.exec(line) ?? [];
    if (field === "event") name = value ?? "";
    if (field === "data") data.push(value ?? "");
  }
  return data.length === 0 ? null : { name, data: data.join("\n") };
}
