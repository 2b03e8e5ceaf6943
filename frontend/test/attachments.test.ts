// @vitest-environment jsdom
import { beforeEach, describe, expect, it, vi } from "vitest";
import { attachments } from "../src/run/attachments";
import { requestOf } from "../src/run/request";
import { summary } from "../src/run/summary";
import { runResult } from "../src/service/result";

const ended = { status: "ok", error: "", exit_code: 0, signal: null, time_ms: 1, cpu_ms: 1, memory_kb: 1 };

beforeEach(() => {
  URL.createObjectURL = vi.fn(() => "blob:one");
  URL.revokeObjectURL = vi.fn();
});

describe("attachments", () => {
  it("shows pictures, offers other files, and says what did not fit", () => {
    const files = {
      "plot.PNG": { size: 3, base64: "AAEC" },
      "out/table.csv": { size: 4, text: "a,b\n" },
      huge: { size: 9000000 },
    };
    const [section] = attachments(runResult({ ...ended, files }));
    const picture = section?.querySelector("img");
    expect([picture?.alt, picture?.src]).toEqual(["plot.PNG", "blob:one"]);
    const links = [...(section?.querySelectorAll("a") ?? [])].map(({ download, href }) => [download, href]);
    expect(links).toEqual([
      ["plot.PNG", "blob:one"],
      ["table.csv", "blob:one"],
    ]);
    expect(section?.textContent).toContain("huge · 8.6 MB, too large to come back");
    const [first] = vi.mocked(URL.createObjectURL).mock.calls[0] ?? [];
    expect(first instanceof Blob && first.type).toBe("image/png");
  });

  it("shows a name and markup as text, and gives addresses back", () => {
    const files = { "<img src=x>.txt": { size: 1, text: "<b>" } };
    const [section] = attachments(runResult({ ...ended, files }));
    expect(section?.querySelector("img, b")).toBeNull();
    attachments(runResult(ended));
    expect(URL.revokeObjectURL).toHaveBeenCalledWith("blob:one");
  });

  it("shows failures first, with what they say", () => {
    const cases = [
      { name: "adds", group: "", status: "passed", time_ms: 1, message: "" },
      { name: "fails", group: "Sum", status: "failed", time_ms: 2, message: "one is not <two>" },
      { name: "later", group: "", status: "skipped", time_ms: null, message: "not yet" },
    ];
    const result = runResult({ ...ended, status: "runtime_error", exit_code: 1, tests: { cases } });
    const [section] = attachments(result);
    const items = [...(section?.querySelectorAll("li") ?? [])].map(({ className }) => className);
    expect(items).toEqual(["failed", "skipped", "passed"]);
    expect(section?.querySelector(".failed pre")?.textContent).toBe("one is not <two>");
    expect(summary(result)).toContain("1 of 3 tests failed, 1 left out");
  });

  it("has nothing to show of an answer that makes no sense", () => {
    const result = runResult({ ...ended, files: { a: 1, b: { base64: 3 } }, tests: { cases: [1, { status: "x" }] } });
    expect(result.tests).toEqual([]);
    expect(result.files).toEqual([{ name: "b", size: 0, content: null }]);
  });
});

describe("requestOf", () => {
  const language = {
    id: "go",
    name: "Go",
    source: "main.go",
    examples: [],
    indent: "",
    options: {},
    formats: false,
    entry: {},
  };
  const program = { files: [{ name: "", text: "x" }], active: 0, stdin: "", args: "one", options: "", closed: [] };

  it("asks for what the program writes, and leaves arguments out of tests", () => {
    expect(requestOf(language, program)).toMatchObject({ args: ["one"], collect: ["*"] });
    const asked = requestOf(language, program, "test");
    expect(asked).toMatchObject({ mode: "test" });
    expect(asked.args).toBeUndefined();
  });
});
