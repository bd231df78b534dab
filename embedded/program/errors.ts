/** A failure that a person can act on: the message alone says what to do, a stack trace would only hide it. */
export class UserError extends Error {
  override readonly name: string = "UserError";

  get userMessage(): string {
    return this.message;
  }
}

/** A stack file that cannot be read: not there, not YAML, or not of the form the Pulumi CLI takes. */
export class StackFileError extends UserError {
  override readonly name = "StackFileError";
}

/** A resource that could not be made. `cause` is what the host threw. */
export class RegistrationError extends UserError {
  override readonly name = "RegistrationError";

  constructor(
    readonly urn: string,
    type: string,
    resource: string,
    cause: unknown,
  ) {
    super(`${resource} (${type}): ${messageOf(cause)}`, { cause });
  }
}

/** Several failures of one run, none the cause of another. */
export class ProgramErrors extends UserError {
  override readonly name = "ProgramErrors";

  constructor(readonly errors: readonly unknown[]) {
    super(errors.map(messageOf).join("\n"));
  }
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
