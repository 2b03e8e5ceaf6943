/**
 * How fast a built page takes keys: `npm run typing -- DIRECTORY`, with CHROME_PATH naming a Chromium. Prints
 *
 * - interactive: from the start of navigation until the editor takes keys and no long task is under way; nothing cached
 * - typing: from a key's event until its frame is painted, in the middle of a file of 2,000 lines in colour
 */
import puppeteer from "puppeteer-core";
import { serving } from "./serve.mjs";

const LOADS = 15;
const LINES = 2000;
const KEYS = 300;
const PAUSE_MS = 40; // somebody who types fast
const PROGRAM = Array.from({ length: LINES }, (_, line) => `value_${line} = max(${line}, len("some text"))  # note`);
const ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--no-first-run"];

/** Notes, from the page's beginning, long tasks and how long each key took until its frame was painted. */
function note() {
  globalThis.longTaskEnds = [];
  globalThis.keyTimes = [];
  new PerformanceObserver((list) => {
    for (const { startTime, duration } of list.getEntries()) globalThis.longTaskEnds.push(startTime + duration);
  }).observe({ type: "longtask", buffered: true });
  const pressed = ({ timeStamp }) => {
    requestAnimationFrame(() => {
      const { port1, port2 } = new MessageChannel(); // its message comes after the frame
      port1.onmessage = () => globalThis.keyTimes.push(performance.now() - timeStamp);
      port2.postMessage(null);
    });
  };
  addEventListener("keydown", pressed, { capture: true });
}

async function interactive(browser, address) {
  const times = [];
  for (let load = 0; load < LOADS; load++) {
    const page = await browser.newPage();
    await page.setCacheEnabled(false);
    await page.evaluateOnNewDocument(note);
    await page.goto(address, { waitUntil: "networkidle0" });
    times.push(
      await page.evaluate(() => {
        const [{ domContentLoadedEventEnd }] = performance.getEntriesByType("navigation");
        return Math.max(domContentLoadedEventEnd, ...globalThis.longTaskEnds);
      }),
    );
    await page.close();
  }
  return times;
}

async function typing(browser, address) {
  const page = await browser.newPage();
  await page.setViewport({ width: 1280, height: 800 });
  await page.evaluateOnNewDocument(note);
  await page.goto(`${address}favicon.svg`);
  const kept = JSON.stringify({ files: [{ name: "", text: PROGRAM.join("\n") }] });
  await page.evaluate((program) => localStorage.setItem("codecanvas:program:python3", program), kept);
  await page.goto(address, { waitUntil: "networkidle0" });
  const middle = await page.evaluate(() => {
    const scroller = document.querySelector("#editor").shadowRoot.querySelector(".cm-scroller");
    scroller.scrollTop = scroller.scrollHeight / 2;
    const { left, top, height } = scroller.getBoundingClientRect();
    return { x: left + 200, y: top + height / 2 };
  });
  await page.mouse.click(middle.x, middle.y);
  await page.evaluate(() => new Promise((done) => setTimeout(done, 1000))); // what loads at the first press has loaded
  await page.evaluate(() => globalThis.keyTimes.splice(0));
  for (let key = 0; key < KEYS; key++) await page.keyboard.press("abc def(1) "[key % 11], { delay: PAUSE_MS });
  await page.waitForFunction((keys) => globalThis.keyTimes.length >= keys, {}, KEYS);
  const [times, lines] = await page.evaluate(() => {
    const numbers = document.querySelector("#editor").shadowRoot.querySelectorAll(".cm-lineNumbers .cm-gutterElement");
    return [globalThis.keyTimes, [...numbers].map(({ textContent }) => Number(textContent))];
  });
  if (!lines.some((line) => line > LINES / 4 && line < LINES))
    throw new Error("the middle of the file was not reached");
  return times;
}

const at = (share, times) =>
  times.toSorted((one, other) => one - other)[Math.ceil(share * times.length) - 1].toFixed(1);

await serving(async (address) => {
  const browser = await puppeteer.launch({ executablePath: process.env.CHROME_PATH, args: ARGUMENTS });
  try {
    const loads = await interactive(browser, address);
    console.log(`interactive p50 ${at(0.5, loads)} ms, p95 ${at(0.95, loads)} ms, of ${LOADS} loads`);
    const keys = await typing(browser, address);
    console.log(`typing p50 ${at(0.5, keys)} ms, p95 ${at(0.95, keys)} ms, of ${KEYS} keys in ${LINES} lines`);
  } finally {
    await browser.close();
  }
});
