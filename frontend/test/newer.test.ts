// @vitest-environment jsdom
import { beforeEach, describe, expect, it, vi } from "vitest";
import { Newer } from "../src/canvas/newer";
import { findPage, type Page } from "../src/dom/page";
import html from "../src/index.html?raw";

const OWN = "a".repeat(40);
const NEXT = "b".repeat(40);
const REST = 15_000;

let page: Page;
let newer: Newer;
/** What is served: the service's release, and the page's; null for no answer. */
let service: string | null;
let site: string | null;
let opened: { release: string };

const config = (sha: string) => ({
  environment: "qa",
  version: "1",
  sha,
  environments: { qa: { url: "http://x/api/v1/", role: "proving" } },
});

async function look(): Promise<boolean> {
  await newer.look();
  await vi.advanceTimersByTimeAsync(REST);
  return !page.stale.hidden;
}

beforeEach(() => {
  vi.useFakeTimers();
  document.documentElement.innerHTML = html;
  page = findPage();
  service = OWN;
  site = OWN;
  vi.stubGlobal("CODECANVAS_CONFIG", config(OWN));
  vi.stubGlobal(
    "fetch",
    vi.fn(async (address: string) => {
      const answer =
        address === "/config.js" ? site && JSON.stringify(config(site)) : service && `{"sha":"${service}"}`;
      if (answer === null) throw new TypeError("no connection");
      return new Response(answer);
    }),
  );
  opened = { release: OWN };
  newer = new Newer(page, "http://x/api/v1/", opened);
  return () => vi.useRealTimers();
});

describe("Newer", () => {
  it("says nothing while the page is of the service's release, or when nobody answers", async () => {
    expect(await look()).toBe(false);
    service = null;
    expect(await look()).toBe(false);
  });

  it("offers to reload once both service and page are of another release", async () => {
    [service, site] = [NEXT, NEXT];
    expect(await look()).toBe(true);
    expect(page.stale.textContent).toContain("newer version");
  });

  it("offers nothing to a page that was opened between the service's release and its own", async () => {
    opened.release = NEXT;
    service = NEXT;
    expect(await look()).toBe(false);
    site = null;
    expect(await look()).toBe(false);
    site = NEXT;
    expect(await look()).toBe(true);
  });

  it("offers to reload when the service changes while the page is open", async () => {
    expect(await look()).toBe(false);
    service = NEXT;
    expect(await look()).toBe(true);
  });

  it("asks no more than four times a minute", async () => {
    await newer.look();
    await newer.look();
    expect(fetch).toHaveBeenCalledTimes(1);
    await vi.advanceTimersByTimeAsync(REST);
    await newer.look();
    expect(fetch).toHaveBeenCalledTimes(2);
  });
});
