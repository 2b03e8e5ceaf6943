/**
 * The page's errors. Every message ends with what to do next.
 *
 *     CanvasError
 *     ├── ConfigError        config.js is missing or cannot be used
 *     ├── Stopped            the person stopped the run
 *     ├── Unusable           what the person gave (arguments, options, a name, a link) cannot be used
 *     ├── NotLoaded          a part of the page that loads when it is needed did not
 *     └── ServiceError       the service did not run the program
 *         ├── Refused        400 and other 4xx: the request itself is at fault
 *         ├── TooLarge       413
 *         ├── Busy           429 or 503: later it would work
 *         ├── Failed         another 5xx, or an answer that is not one
 *         ├── Unreachable    no answer at all
 *         └── Broken         the answer ended before the program did
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

export class Unusable extends CanvasError {}

export class NotLoaded extends CanvasError {
  constructor(what: string) {
    super(`The page could not load ${what}. Check your connection and try again; your text is kept.`);
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
    super(`${situation(status)}; your program did not run. Try again in a little while; your text is kept.`);
  }

  /** The message while the page itself comes back. */
  get waiting(): string {
    return `${situation(this.status)}. Your program runs as soon as the service asks for it; Cancel ends the wait.`;
  }
}

function situation(status: 429 | 503): string {
  return status === 429 ? "Too many runs at the moment" : "The service is not available right now";
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

export class Broken extends ServiceError {
  constructor() {
    super("The connection broke while your program ran; it was ended. Check your connection and run again.");
  }
}

function sentence(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`;
}
