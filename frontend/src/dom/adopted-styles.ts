/**
 * Style sheets that scripts make, under a policy that refuses style elements: constructed sheets are adopted instead.
 *
 * xterm.js makes three style elements while it opens. In their place it is given elements that show nothing and pass
 * their text on to a constructed sheet. (Its own option for that, documentOverride, does not reach all three.)
 */
export function adoptCss(css: string): void {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(css);
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
}

/** Calls `make`; style elements that it makes are stand-ins. */
export function withStandIns(make: () => void): void {
  const createElement = (name: string): HTMLElement =>
    name === "style" ? styleElement(document) : Document.prototype.createElement.call(document, name);
  Object.assign(document, { createElement });
  try {
    make();
  } finally {
    Reflect.deleteProperty(document, "createElement");
  }
}

function styleElement(real: Document): HTMLElement {
  const element = real.createElement("span");
  const sheet = new CSSStyleSheet();
  real.adoptedStyleSheets = [...real.adoptedStyleSheets, sheet];
  element.hidden = true;
  Object.defineProperty(element, "textContent", { set: (css: string) => sheet.replaceSync(css), get: () => "" });
  element.remove = () => {
    real.adoptedStyleSheets = real.adoptedStyleSheets.filter((one) => one !== sheet);
    Element.prototype.remove.call(element);
  };
  return element;
}
