/**
 * The program's editor: CodeMirror with hand-picked extensions, in a shadow root.
 *
 * The shadow root makes CodeMirror adopt constructed style sheets, which a strict content security policy allows;
 * in the document itself it would write style elements. Custom properties cross that boundary, so the colours
 * are the page's own.
 */
import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
import {
  bracketMatching,
  HighlightStyle,
  indentOnInput,
  indentRange,
  indentUnit,
  StreamLanguage,
  syntaxHighlighting,
} from "@codemirror/language";
import { Compartment, EditorState, type Extension, Prec } from "@codemirror/state";
import {
  drawSelection,
  EditorView,
  highlightActiveLine,
  highlightActiveLineGutter,
  keymap,
  lineNumbers,
} from "@codemirror/view";
import { tags } from "@lezer/highlight";
import type { Language } from "../languages/languages";
import type { SourceFile } from "../program/program";
import { modeOf } from "./modes";

const theme = EditorView.theme({
  "&": { height: "100%", color: "var(--ink)", backgroundColor: "transparent", fontSize: "var(--code-size)" },
  "&.cm-focused": { outline: "none" },
  ".cm-scroller": { fontFamily: "var(--mono)", lineHeight: "1.6" },
  ".cm-content": { caretColor: "var(--ink)", padding: "0.75rem 0" },
  ".cm-line": { padding: "0 1rem 0 0.5rem" },
  ".cm-cursor": { borderLeftColor: "var(--ink)", borderLeftWidth: "2px" },
  ".cm-gutters": { color: "var(--faint)", backgroundColor: "transparent", border: "none" },
  ".cm-lineNumbers .cm-gutterElement": { minWidth: "2.75rem", padding: "0 0.5rem 0 0" },
  ".cm-activeLine": { backgroundColor: "var(--line)" },
  ".cm-activeLineGutter": { color: "var(--quiet)", backgroundColor: "transparent" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground": {
    backgroundColor: "var(--selection)",
  },
  ".cm-panels": { color: "var(--ink)", backgroundColor: "var(--paper)", borderColor: "var(--rule)" },
  ".cm-searchMatch": { backgroundColor: "var(--selection)", outline: "1px solid var(--quiet)" },
  ".cm-searchMatch-selected": { outline: "2px solid var(--accent)" },
  ".cm-fat-cursor": { color: "var(--paper) !important", backgroundColor: "var(--ink) !important" },
  "&.cm-focused .cm-matchingBracket": { backgroundColor: "var(--selection)" },
  "&.cm-focused .cm-nonmatchingBracket": { backgroundColor: "transparent", color: "var(--bad)" },
});

const colours = HighlightStyle.define([
  { tag: [tags.keyword, tags.modifier, tags.operatorKeyword], color: "var(--keyword)" },
  { tag: [tags.string, tags.character, tags.special(tags.string)], color: "var(--string)" },
  { tag: [tags.number, tags.bool, tags.null, tags.atom], color: "var(--number)" },
  { tag: [tags.comment, tags.meta], color: "var(--quiet)", fontStyle: "italic" },
  { tag: [tags.definition(tags.variableName), tags.typeName], color: "var(--name)" },
]);

/** How keys work in the editor. */
export type Keys = "plain" | "vim" | "emacs";

export class Editor {
  private readonly view: EditorView;
  private readonly mode = new Compartment();
  private readonly keys = new Compartment();
  private readonly finder = new Compartment();
  private keysExtension: Extension = [];
  /** The state of every file that was open, so that going back also brings back undo. */
  private readonly states = new WeakMap<SourceFile, EditorState>();
  private file: SourceFile | null = null;

  /**
   * @param host the element that becomes the editor
   * @param changed called after each change of the text
   * @param failed called if a part of the editor does not load
   */
  constructor(
    host: HTMLElement,
    private readonly changed: () => void,
    private readonly failed: (what: string) => void,
  ) {
    const root = host.attachShadow({ mode: "open", delegatesFocus: true });
    this.view = new EditorView({ root, parent: root });
    root.querySelector<HTMLElement>(".cm-editor")?.style.setProperty("height", "100%");
  }

  get source(): string {
    return this.view.state.doc.toString();
  }

  focus(): void {
    this.view.focus();
  }

  /** Opens `file`, called `name`, as it was left. */
  open(language: Language, file: SourceFile, name: string): void {
    if (this.file) this.states.set(this.file, this.view.state);
    this.file = file;
    const known = this.states.get(file);
    this.view.setState(known ?? this.firstState(language, file.text, name));
    if (known) this.view.dispatch({ effects: this.keys.reconfigure(this.keysExtension) });
    else void this.loadMode(language.id, file, name);
  }

  /** Replaces the text; undo restores the old one. Equal parts at both ends are kept, and so is the cursor in them. */
  replace(source: string): void {
    const old = this.source;
    const least = Math.min(old.length, source.length);
    let from = 0;
    while (from < least && old[from] === source[from]) from++;
    let end = 0;
    while (end < least - from && old[old.length - 1 - end] === source[source.length - 1 - end]) end++;
    const changes = { from, to: old.length - end, insert: source.slice(from, source.length - end) };
    this.view.dispatch({ changes, scrollIntoView: true });
  }

  /** Goes to a position; both numbers count from 1 and are clamped to the text. */
  jump(line: number, column: number | null): void {
    const { doc } = this.view.state;
    const found = doc.line(Math.min(Math.max(line, 1), doc.lines));
    const at = Math.min(found.from + Math.max((column ?? 1) - 1, 0), found.to);
    this.view.dispatch({ selection: { anchor: at }, effects: EditorView.scrollIntoView(at, { y: "center" }) });
    this.focus();
  }

  /** Re-indents every line by the mode's rules. */
  indent(): void {
    const { state } = this.view;
    this.view.dispatch({ changes: indentRange(state, 0, state.doc.length) });
  }

  /** Makes keys work as `keys` says, from now on and in every file. */
  async useKeys(keys: Keys): Promise<void> {
    try {
      this.keysExtension = keys === "plain" ? [] : Prec.highest(await keysExtension(keys));
    } catch {
      return this.failed(keys === "vim" ? "Vim keys" : "Emacs keys");
    }
    this.view.dispatch({ effects: this.keys.reconfigure(this.keysExtension) });
  }

  private firstState(language: Language, doc: string, name: string): EditorState {
    return EditorState.create({
      doc,
      extensions: [
        this.keys.of(this.keysExtension),
        this.extensions(language, name),
        this.mode.of([]),
        this.finder.of([]),
      ],
    });
  }

  private extensions(language: Language, name: string): Extension {
    const label = name === language.source ? `Program in ${language.name}` : `File ${name}`;
    return [
      lineNumbers(),
      highlightActiveLine(),
      highlightActiveLineGutter(),
      history(),
      drawSelection(),
      indentOnInput(),
      bracketMatching(),
      indentUnit.of(language.indent),
      EditorState.tabSize.of(4),
      EditorState.allowMultipleSelections.of(true),
      keymap.of([{ key: "Mod-f", run: () => this.find() }, ...defaultKeymap, ...historyKeymap, indentWithTab]),
      EditorView.contentAttributes.of({
        "aria-label": label,
        "aria-description": "Tab indents. To leave the editor, press Escape and then Tab.",
        autocapitalize: "off",
        tabindex: "0", // it is focusable anyhow; this says so to those who look for what scrolls
      }),
      EditorView.updateListener.of((update) => {
        if (update.docChanged) this.changed();
      }),
      theme,
      syntaxHighlighting(colours),
    ];
  }

  /** Opens the search panel, which loads the first time. */
  private find(): boolean {
    import(/* webpackChunkName: "search" */ "@codemirror/search").then(
      ({ openSearchPanel, search, searchKeymap }) => {
        const installed = this.finder.get(this.view.state);
        if (Array.isArray(installed) && installed.length === 0) {
          const extension = [search({ top: true }), keymap.of(searchKeymap)];
          this.view.dispatch({ effects: this.finder.reconfigure(extension) });
        }
        openSearchPanel(this.view);
      },
      () => this.failed("the search panel"),
    );
    return true;
  }

  private async loadMode(language: string, file: SourceFile, name: string): Promise<void> {
    const load = modeOf(language, name);
    if (!load) return;
    let mode: Extension;
    try {
      mode = StreamLanguage.define(await load());
    } catch {
      return; // Without its colours the program can be written and run all the same.
    }
    const effects = this.mode.reconfigure(mode);
    const state = this.states.get(file);
    if (this.file === file) this.view.dispatch({ effects });
    else if (state) this.states.set(file, state.update({ effects }).state);
  }
}

async function keysExtension(keys: "vim" | "emacs"): Promise<Extension> {
  if (keys === "vim") {
    return (await import(/* webpackChunkName: "keys-vim" */ "@replit/codemirror-vim")).vim({ status: true });
  }
  return (await import(/* webpackChunkName: "keys-emacs" */ "@replit/codemirror-emacs")).emacs();
}
