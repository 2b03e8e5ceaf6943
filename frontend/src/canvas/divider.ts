/** The divider between program and output: dragged, or moved by arrow keys; a double click puts it back. */
import type { Memory } from "../program/memory";

const [LEAST, USUAL, MOST] = [20, 60, 80];
const STEP = 2;

/** Adds it to the page; `memory` stores its position. */
export function addDivider(memory: Memory): void {
  const [write, read] = document.querySelectorAll<HTMLElement>("main > section");
  const whole = write?.parentElement;
  if (!whole || !read) return;
  const divider = document.createElement("div");
  divider.className = "divider";
  divider.tabIndex = 0;
  const about = { role: "separator", "aria-orientation": "vertical", "aria-label": "Width of the program, in percent" };
  for (const [name, value] of Object.entries({ ...about, "aria-valuemin": LEAST, "aria-valuemax": MOST })) {
    divider.setAttribute(name, String(value));
  }
  let share = USUAL;
  const move = (to: number): void => {
    share = Math.min(MOST, Math.max(LEAST, Number.isFinite(to) ? to : USUAL));
    whole.style.setProperty("--write", String(share));
    divider.setAttribute("aria-valuenow", String(Math.round(share)));
  };
  const keep = (): void => memory.keepSetting("divider", String(share));
  divider.addEventListener("pointerdown", (event) => {
    divider.setPointerCapture(event.pointerId);
    event.preventDefault();
    divider.focus();
  });
  divider.addEventListener("pointermove", (event) => {
    if (!divider.hasPointerCapture(event.pointerId)) return;
    const { left } = write.getBoundingClientRect();
    const { right } = read.getBoundingClientRect();
    const { width } = divider.getBoundingClientRect();
    move(((event.clientX - left - width / 2) / (right - left - width)) * 100);
  });
  divider.addEventListener("lostpointercapture", keep);
  divider.addEventListener("dblclick", () => {
    move(USUAL);
    keep();
  });
  divider.addEventListener("keydown", (event) => {
    const to = { ArrowLeft: share - STEP, ArrowRight: share + STEP, Home: LEAST, End: MOST }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    move(to);
    keep();
  });
  move(Number(memory.setting("divider") ?? USUAL));
  whole.classList.add("divided");
  write.after(divider);
}
