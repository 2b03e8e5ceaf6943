/** Stands for `@codemirror/autocomplete` where Emacs keys ask for it: there are no completions. */
export const completionStatus = (): null => null;

export const startCompletion = (): false => false;
