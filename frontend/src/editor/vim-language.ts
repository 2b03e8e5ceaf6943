/** The parts of `@codemirror/language` that Vim keys need, without folding, which this editor does not have. */
export { ensureSyntaxTree, indentUnit, matchBrackets, StringStream } from "@codemirror/language";

export const foldCode = (): false => false;
