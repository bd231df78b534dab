import { UserError } from "../program/errors";

/** A resource that could not be made or deleted: what happened, and underneath what the system said. */
export class RunnerError extends UserError {
  override readonly name = "RunnerError";
}

/** A run that was asked to stop, and did. */
export class StoppedError extends UserError {
  override readonly name = "StoppedError";

  constructor() {
    super("stopped before it was done");
  }
}
