/** What is wrong with a set of policies: where it stands in the settings, and what to do about it. */
export interface Problem {
  /** Section and path in the stack file: `traffic.services[0].http[2].route`. */
  readonly path: string;
  /** What was found, what is allowed, what to do. */
  readonly message: string;
}

/** Thrown before anything is compiled; carries every problem of the whole set, in the order of the settings. */
export class PolicyError extends Error {
  /** How the SDK and the Pulumi CLI know an error of the user's, which is printed without a stack trace. */
  readonly __pulumiRunError = true;

  constructor(readonly problems: readonly Problem[]) {
    const count = problems.length === 1 ? "1 problem" : `${problems.length} problems`;
    super(
      `${count} in the policies:\n${problems.map(({ path, message }) => `  talos-mesh:${path}: ${message}`).join("\n")}`,
    );
    this.name = "PolicyError";
  }
}

/** Collects problems, so that a user sees all of them at once. */
export class Problems {
  private readonly found: Problem[] = [];

  add(path: string, message: string): void {
    this.found.push({ path, message });
  }

  throwIfAny(): void {
    if (this.found.length > 0) throw new PolicyError(this.found);
  }
}
