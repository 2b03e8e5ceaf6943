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
  indentUnit,
  StreamLanguage,
  syntaxHighlighting,
} from "@codemirror/language";
import { Compartment, EditorState, type Extension, type StateEffect } from "@codemirror/state";
import {
  drawSelection,
  EditorView,
  highlightActiveLine,
  highlightActiveLineGutter,
  keymap,
  lineNumbers,
} from "@codemirror/view";
import { tags } from "@lezer/highlight";
import type { Language } from "./languages";

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

export class Editor {
  private readonly view: EditorView;
  private readonly mode = new Compartment();
  /** The state of every language that was open, so that going back also brings back undo. */
  private readonly states = new Map<string, EditorState>();
  private language: Language | null = null;

  /**
   * @param host the element that becomes the editor
   * @param changed told each new text of the program
   */
  constructor(
    host: HTMLElement,
    private readonly changed: (language: Language, source: string) => void,
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

  /** Opens `language` as it was left, or with `source` the first time. */
  open(language: Language, source: string): void {
    if (this.language) this.states.set(this.language.id, this.view.state);
    this.language = language;
    const known = this.states.get(language.id);
    this.view.setState(known ?? this.firstState(language, source));
    if (!known) void this.loadMode(language);
  }

  /** Replaces the program; undo brings the old one back. */
  replace(source: string): void {
    this.view.dispatch({ changes: { from: 0, to: this.view.state.doc.length, insert: source } });
  }

  private firstState(language: Language, doc: string): EditorState {
    return EditorState.create({ doc, extensions: [this.extensions(language), this.mode.of([])] });
  }

  private extensions(language: Language): Extension {
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
      keymap.of([...defaultKeymap, ...historyKeymap, indentWithTab]),
      EditorView.contentAttributes.of({
        "aria-label": `Program in ${language.name}`,
        "aria-description": "Tab indents. To leave the editor, press Escape and then Tab.",
        autocapitalize: "off",
      }),
      EditorView.updateListener.of((update) => {
        if (update.docChanged) this.changed(language, update.state.doc.toString());
      }),
      theme,
      syntaxHighlighting(colours),
    ];
  }

  private async loadMode(language: Language): Promise<void> {
    if (!language.mode) return;
    let effects: StateEffect<unknown>;
    try {
      effects = this.mode.reconfigure(StreamLanguage.define(await language.mode()));
    } catch {
      return; // Without its colours the program can be written and run all the same.
    }
    if (this.language?.id === language.id) {
      this.view.dispatch({ effects });
    } else {
      const state = this.states.get(language.id);
      if (state) this.states.set(language.id, state.update({ effects }).state);
    }
  }
}
