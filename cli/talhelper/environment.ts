import type { Notes } from "./notes";

/** `$NAME`, `${NAME}`, `${NAME:-default}`, `${NAME-default}`, and `$$` for a dollar. */
const variable = /\$(?:\$|([A-Za-z_]\w*)|\{([A-Za-z_]\w*)(?:(:?[-=])([^}]*))?\})/g;

/**
 * Puts variables in, as talhelper does, which leaves no `$` alone. What is unset and has no default is reported: its
 * place would be empty. The values are never repeated in a message.
 */
export function substitute(
  text: string,
  environment: Readonly<Record<string, string | undefined>>,
  notes: Notes,
): string {
  const used = new Set<string>();
  const unset = new Set<string>();
  const replaced = withoutComments(text).replaceAll(
    variable,
    (whole, plain?: string, braced?: string, operator?: string, fallback: string = ""): string => {
      const name = plain ?? braced;
      if (name === undefined) return "$";
      const value = environment[name];
      if (value !== undefined && (value !== "" || operator === "-")) {
        used.add(name);
        return value;
      }
      if (operator !== undefined) return fallback;
      unset.add(name);
      return whole;
    },
  );
  for (const name of used) notes.remark(`\${${name}}`, "its value is written out; make sure that it is no secret");
  for (const name of unset) notes.miss(`\${${name}}`, `not set; run the import with ${name}=... in front of it`);
  return replaced;
}

/** Lines that are only a comment: what they name need not be set. */
function withoutComments(text: string): string {
  return text.replaceAll(/^[ \t]*#.*$/gm, "");
}
