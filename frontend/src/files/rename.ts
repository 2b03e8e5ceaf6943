/** Lets a person change a file's name in its place in the row of files. */

/** @param rename returns what is wrong with a name, or null if the file now has it */
export function editName(tab: Element, name: string, rename: (name: string) => string | null): void {
  const field = document.createElement("input");
  field.value = name;
  field.setAttribute("aria-label", `New name of ${name}`);
  field.spellcheck = false;
  field.autocapitalize = "off";
  tab.replaceChildren(field);
  let over = false;
  const leave = (wanted: string): void => {
    if (over) return;
    over = true; // accepting the name removes the field, which then loses its focus
    const wrong = rename(wanted);
    over = wrong === null;
    field.setCustomValidity(wrong ?? "");
    if (wrong !== null) field.reportValidity();
  };
  field.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" && event.key !== "Escape") return;
    event.stopPropagation();
    leave(event.key === "Enter" ? field.value.trim() : name);
  });
  field.addEventListener("input", () => field.setCustomValidity(""));
  field.addEventListener("blur", () => {
    leave(field.value.trim());
    if (!over) leave(name); // on blur, a bad name is dropped instead of trapping the person here
  });
  field.focus();
  const dot = name.lastIndexOf(".");
  field.setSelectionRange(0, dot > 0 ? dot : name.length);
}
