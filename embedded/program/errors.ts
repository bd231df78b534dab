import { UserError } from "../../components/shared/problem";

export { StackFileError, UserError } from "../../components/shared/problem";

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
