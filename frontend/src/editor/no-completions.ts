/** Replaces `@codemirror/autocomplete`, which Emacs keys import: this editor has no completions. */
export const completionStatus = (): null => null;

export const startCompletion = (): false => false;
