/** The results of a run beside its output: files that the program wrote, and tests. */

import type { EndedTest, RunResult, WrittenFile } from "../service/result";
import { duration, memory } from "./summary";

const IMAGES: Readonly<Record<string, string>> = {
  avif: "image/avif",
  bmp: "image/bmp",
  gif: "image/gif",
  jpeg: "image/jpeg",
  jpg: "image/jpeg",
  png: "image/png",
  svg: "image/svg+xml",
  webp: "image/webp",
};

/** Addresses of the files that are shown; given back when others take their place. */
let addresses: string[] = [];

/** Sections on the tests and files of `result`; those of the run before are of no use from now on. */
export function attachments({ tests, files }: RunResult): HTMLElement[] {
  for (const address of addresses) URL.revokeObjectURL(address);
  addresses = [];
  const made: HTMLElement[] = [];
  if (tests.length > 0) made.push(section("Tests", "tests", testList(tests)));
  if (files.length > 0) made.push(section("Files", "written", ...files.map(fileView)));
  return made;
}

function section(title: string, kind: string, ...content: HTMLElement[]): HTMLElement {
  const made = document.createElement("section");
  made.className = `stream ${kind}`;
  made.setAttribute("aria-label", title);
  made.append(element("h3", title), ...content);
  return made;
}

function element<K extends keyof HTMLElementTagNameMap>(name: K, text = "", kind = ""): HTMLElementTagNameMap[K] {
  const made = document.createElement(name);
  made.textContent = text;
  if (kind !== "") made.className = kind;
  return made;
}

const MARKS: Record<EndedTest["status"], string> = { failed: "✗", skipped: "–", passed: "✓" };

/** Failures first: they are what people look for. */
function testList(tests: readonly EndedTest[]): HTMLElement {
  const list = element("ul");
  for (const status of ["failed", "skipped", "passed"] as const) {
    list.append(...tests.filter((test) => test.status === status).map(testView));
  }
  return list;
}

function testView({ name, group, status, timeMs, message }: EndedTest): HTMLElement {
  const item = element("li", "", status);
  const time = timeMs === null ? "" : ` · ${duration(timeMs)}`;
  const mark = element("span", MARKS[status]);
  mark.setAttribute("aria-hidden", "true");
  item.append(mark, ` ${name} `, element("span", `${group === "" ? "" : `${group} · `}${status}${time}`, "notice"));
  if (message !== "") item.append(element("pre", message));
  return item;
}

function fileView({ name, size, content }: WrittenFile): HTMLElement {
  const kilobytes = Math.max(1, size / 1024);
  if (content === null) return element("p", `${name} · ${memory(kilobytes)}, too large to come back`, "notice");
  const type = IMAGES[name.slice(name.lastIndexOf(".") + 1).toLowerCase()];
  const address = URL.createObjectURL(new Blob([content], { type: type ?? "application/octet-stream" }));
  addresses.push(address);
  const link = element("a", name);
  link.href = address;
  link.download = name.slice(name.lastIndexOf("/") + 1);
  const caption = element(type === undefined ? "p" : "figcaption", "", "notice");
  caption.append(link, ` · ${memory(kilobytes)}`);
  if (type === undefined) return caption;
  const picture = element("img");
  picture.src = address;
  picture.alt = name;
  const figure = element("figure");
  figure.append(picture, caption);
  return figure;
}
