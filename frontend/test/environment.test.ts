// @vitest-environment jsdom
import { beforeEach, describe, expect, it } from "vitest";
import { showEnvironment } from "../src/canvas/environment";
import type { Configuration } from "../src/config-utils";
import { findPage, type Page } from "../src/dom/page";
import html from "../src/index.html?raw";

let page: Page;
beforeEach(() => {
  document.documentElement.innerHTML = html;
  document.title = "codecanvas";
  page = findPage();
});

function shown(environment: string, role: string): string | null {
  const environments = { [environment]: { url: "https://runner.example/api/v1/", role } };
  const config: Configuration = { environment, version: "1", sha: "0123abc", environments };
  showEnvironment(page, config);
  return page.environment.hidden ? null : page.environment.textContent;
}

describe("the banner", () => {
  it.each([
    ["local", "local", "Local"],
    ["staging", "proving", "Staging"],
    ["qa", "proving", "Qa"],
    ["pull-42", "preview", "Pull-42"],
  ] as const)("of %s, which is %s, says %s", (environment, role, name) => {
    expect(shown(environment, role)).toBe(`${name} — runs go to https://runner.example/api/v1/`);
    expect(document.title).toBe(`${name} · codecanvas`);
  });

  it.each(["production", "europe", "staging"])("is not shown where users are, be it called %s", (environment) => {
    expect(shown(environment, "protected")).toBeNull();
    expect(document.title).toBe("codecanvas");
  });

  it("is shown for what proves releases, be it called production", () => {
    expect(shown("production", "proving")).toMatch(/^Production — /);
  });
});
