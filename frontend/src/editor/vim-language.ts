/** What Vim keys take from `@codemirror/language`, but for folding, which this editor has not. */
export { ensureSyntaxTree, indentUnit, matchBrackets, StringStream } from "@codemirror/language";

export const foldCode = (): false => false;
