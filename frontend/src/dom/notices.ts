/** The line beneath the header that reports what was done, with at most one button. */
import type { Page } from "./page";

export interface Offer {
  readonly label: string;
  readonly act: () => void;
}

export class Notices {
  private offer: (() => void) | null = null;

  constructor(private readonly page: Page) {
    page.noticeAct.addEventListener("click", () => {
      const act = this.offer;
      this.dismiss();
      act?.();
    });
    page.noticeDismiss.addEventListener("click", () => this.dismiss());
  }

  /** Shows `text` until it is dismissed or another comes. */
  tell(text: string, offer?: Offer): void {
    const { page } = this;
    page.notice.hidden = false;
    page.noticeText.textContent = text;
    page.noticeAct.hidden = offer === undefined;
    page.noticeAct.textContent = offer?.label ?? "";
    this.offer = offer?.act ?? null;
  }

  dismiss(): void {
    this.page.notice.hidden = true;
    this.page.noticeText.textContent = "";
    this.offer = null;
  }
}
