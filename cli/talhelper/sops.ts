import { parse } from "yaml";

/** Whether SOPS encrypted a YAML file: it adds its own map, with a MAC of the whole. */
export function isSopsEncrypted(text: string): boolean {
  if (!/^sops:/m.test(text)) return false;
  try {
    const document = parse(text) as unknown;
    if (typeof document !== "object" || document === null || !("sops" in document)) return false;
    const { sops } = document;
    return typeof sops === "object" && sops !== null && "mac" in sops;
  } catch {
    return false;
  }
}
