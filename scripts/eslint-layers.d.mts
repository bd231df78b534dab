export function importsOf(
  root: string,
  file: string,
): readonly { readonly specifier: string; readonly target: string }[];
export function cycles(graph: ReadonlyMap<string, readonly string[]>): ReadonlyMap<string, readonly string[]>;
