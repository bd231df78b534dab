import { isTree } from "./node-keys";
import type { Notes } from "./notes";

const names = /^(privateKey|presharedKey|passphrase|password|token|secret)$/i;

/** Points at what looks like a secret: a stack file keeps everything but talos-mesh:secrets in plain text. */
export function findPlainSecrets(value: unknown, path: string, notes: Notes): void {
  if (Array.isArray(value)) value.forEach((item, index) => findPlainSecrets(item, `${path}[${index}]`, notes));
  if (!isTree(value)) return;
  for (const [key, inner] of Object.entries(value)) {
    const here = path ? `${path}.${key}` : key;
    if (names.test(key) && typeof inner === "string") {
      notes.remark(here, "a secret in plain text; keep it in an `@file` patch that is not committed");
    }
    findPlainSecrets(inner, here, notes);
  }
}
