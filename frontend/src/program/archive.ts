/** Downloads: one file as it is, several in a ZIP archive without compression. */
export interface Entry {
  readonly name: string;
  readonly text: string;
}

/** Offers `entries` to the browser's downloads; an archive is called after `name`. */
export function download(entries: readonly Entry[], name: string): void {
  const [first] = entries;
  if (entries.length === 1 && first) offer(new Blob([first.text], { type: "text/plain" }), first.name);
  else offer(new Blob([zip(entries)], { type: "application/zip" }), `${name}.zip`);
}

function offer(blob: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

/** A ZIP archive of `entries`, stored. All times in it are constant, so the same files make the same archive. */
export function zip(entries: readonly Entry[]): Uint8Array<ArrayBuffer> {
  const text = new TextEncoder();
  const local: Uint8Array[] = [];
  const central: Uint8Array[] = [];
  let offset = 0;
  for (const entry of entries) {
    const [name, data] = [text.encode(entry.name), text.encode(entry.text)];
    // Version, flag "names are UTF-8", stored, time, date 1980-01-01, checksum, sizes, length of the name, no extras.
    const common = bytes(["2", 20], ["2", 0x800], ["2", 0], ["2", 0], ["2", 0x21], ["4", checksum(data)]).concat(
      bytes(["4", data.length], ["4", data.length], ["2", name.length], ["2", 0]),
    );
    local.push(Uint8Array.from([...bytes(["4", 0x04034b50]), ...common]), name, data);
    const rest = bytes(["2", 0], ["2", 0], ["2", 0], ["4", 0], ["4", offset]);
    central.push(Uint8Array.from([...bytes(["4", 0x02014b50], ["2", 20]), ...common, ...rest]), name);
    offset += 30 + name.length + data.length;
  }
  const size = central.reduce((sum, part) => sum + part.length, 0);
  const count = entries.length;
  const end = bytes(["4", 0x06054b50], ["2", 0], ["2", 0], ["2", count], ["2", count]).concat(
    bytes(["4", size], ["4", offset], ["2", 0]),
  );
  return joined([...local, ...central, Uint8Array.from(end)]);
}

/** Numbers of two or four bytes, the lowest first. */
function bytes(...fields: readonly (readonly ["2" | "4", number])[]): number[] {
  return fields.flatMap(([size, value]) => Array.from({ length: Number(size) }, (_, at) => (value >>> (8 * at)) & 255));
}

function joined(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** CRC-32. */
function checksum(data: Uint8Array): number {
  let sum = 0xffffffff;
  for (const byte of data) {
    sum ^= byte;
    for (let bit = 0; bit < 8; bit++) sum = (sum >>> 1) ^ (sum & 1 ? 0xedb88320 : 0);
  }
  return (sum ^ 0xffffffff) >>> 0;
}
