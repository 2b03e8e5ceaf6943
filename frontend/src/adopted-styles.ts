/**
 * Style sheets that scripts make, under a policy that refuses style elements: constructed sheets are adopted instead.
 *
 * xterm.js writes three style elements. It takes the document that it makes elements with as an option; the one made
 * here gives it, for a style element, an element that shows nothing and passes its text on to a constructed sheet.
 */
export function adoptCss(css: string): void {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(css);
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
}

/** `real`, but for `createElement("style")`. */
export function styleDocument(real: Document): Document {
  const createElement = (name: string): HTMLElement =>
    name === "style" ? styleElement(real) : real.createElement(name);
  return new Proxy(real, {
    get(target, key) {
      if (key === "createElement") return createElement;
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
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
