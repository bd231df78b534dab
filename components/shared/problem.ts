/** Where a setting is: the section's name, then keys and list positions. */
export type SettingPath = readonly (string | number)[];

/** One mistake: where it is, what was found and what is expected. The message never holds a secret. */
export interface Problem {
  readonly path: SettingPath;
  readonly message: string;
}

/** The namespace of this project's configuration keys. */
export const namespace = "talos-mesh";

/** A path as the user writes it: `talos-mesh:traffic.services[0].http[1].route`. */
export function formatPath(path: SettingPath): string {
  const [section, ...rest] = path;
  const keys = rest.map((key) => {
    if (typeof key === "number") return `[${key}]`;
    return /^[A-Za-z_][-A-Za-z0-9_]*$/.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`;
  });
  return `${namespace}:${section ?? ""}${keys.join("")}`;
}

/** The stack that a message is about. */
export interface Origin {
  readonly stack?: string;
  /** The stack file, such as `Pulumi.dev.yaml`. */
  readonly file?: string;
}

function heading(count: number, origin: Origin): string {
  const where = [origin.file, origin.stack && `stack ${origin.stack}`].filter(Boolean).join(", ");
  return `${count} ${count === 1 ? "setting needs" : "settings need"} a change${where ? ` (${where})` : ""}:`;
}

/** Every problem of a stack's settings, one a line. */
export class SettingsError extends Error {
  override readonly name = "SettingsError";

  constructor(
    readonly problems: readonly Problem[],
    origin: Origin = {},
  ) {
    const lines = problems.map(({ path, message }) => `  ${formatPath(path)}: ${message}`);
    super([heading(problems.length, origin), ...lines].join("\n"));
  }
}
