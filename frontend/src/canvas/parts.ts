/** The parts of the page, which the canvas makes and the tools use. */
import type { Page } from "../dom/page";
import type { Editor } from "../editor/editor";
import type { Workspace } from "../files/workspace";
import type { Memory } from "../program/memory";
import type { Api } from "../service/http";
import type { Settings } from "./settings";

export interface Parts {
  readonly page: Page;
  /** The API's address, ending with "/". */
  readonly root: string;
  readonly api: Api;
  readonly editor: Editor;
  readonly workspace: Workspace;
  readonly memory: Memory;
  readonly settings: Settings;
}
