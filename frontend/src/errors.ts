/**
 * What can go wrong, as the page tells it. Every message ends with what to do next.
 *
 *     CanvasError
 *     ├── ConfigError        config.js is missing or cannot be used
 *     ├── Stopped            the person stopped the run
 *     └── ServiceError       the service did not run the program
 *         ├── Refused        400 and other 4xx: the request itself is at fault
 *         ├── TooLarge       413
 *         ├── Busy           429 or 503: later it would work
 *         ├── Failed         another 5xx, or an answer that is not one
 *         └── Unreachable    no answer at all
 */
export abstract class CanvasError extends Error {
  override get name(): string {
    return this.constructor.name;
  }
}

export class ConfigError extends CanvasError {
  constructor(what: string) {
    super(`This page is not set up: ${what}. Reload it; if that does not help, tell whoever runs this site.`);
  }
}

export class Stopped extends CanvasError {
  constructor() {
    super("Stopped. Run again when you like.");
  }
}

export abstract class ServiceError extends CanvasError {}

export class Refused extends ServiceError {
  constructor(
    readonly status: number,
    reason: string,
  ) {
    super(`The service refused the program: ${sentence(reason)} Change it and run again.`);
  }
}

export class TooLarge extends ServiceError {
  constructor() {
    super("The program and its input are larger than the service takes. Shorten them and run again.");
  }
}

export class Busy extends ServiceError {
  constructor(
    readonly status: 429 | 503,
    /** Seconds after which the service asks to be tried again; null when it did not say. */
    readonly retryAfter: number | null,
  ) {
    const what = status === 429 ? "Too many runs at the moment" : "The service is not available right now";
    super(
      `${what}; your program did not run. ${retryAfter === null ? "Try again in a little while." : "Try again soon."}`,
    );
  }
}

export class Failed extends ServiceError {
  constructor(what: string) {
    super(`The service failed, not your program: ${sentence(what)} Run again; your text is kept.`);
  }
}

export class Unreachable extends ServiceError {
  constructor(address: string) {
    super(`No answer from ${address}. Check your connection and run again; your text is kept.`);
  }
}

function sentence(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`;
}
