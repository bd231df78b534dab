import { isTree } from "./tree";

/** Talos' words for kinds of disks, as its own conversion reads them. */
const types: Readonly<Record<string, string>> = {
  nvme: 'disk.transport == "nvme"',
  sd: 'disk.transport == "mmc"',
  hdd: "disk.rotational",
  ssd: "!disk.rotational",
};

const globs = ["uuid", "wwid", "model", "serial", "modalias"] as const;

const units: Readonly<Record<string, number>> = { B: 0, KB: 1, MB: 2, GB: 3, TB: 4, PB: 5 };

/**
 * The CEL expression that selects what `machine.install.diskSelector` selected, for contracts that have no such field.
 *
 * Source: siderolabs/talos, v1alpha1_provider.go, DiskMatchExpression.
 *
 * @returns the expression, or what stands in its way
 */
export function diskExpression(selector: unknown): { expression?: string; problem?: string } {
  if (!isTree(selector)) return { problem: "expected a map such as { size: '>= 100GB' }" };
  if (typeof selector.match === "string") return { expression: selector.match };
  const terms: string[] = [];
  for (const [key, value] of Object.entries(selector)) {
    const term = termOf(key, String(value));
    if (term === undefined) return { problem: `has no disk selector ${key}: ${String(value)}` };
    terms.push(term);
  }
  // Not device-mapper devices, not what cannot be written.
  terms.push('disk.transport != ""', "!disk.readonly", "!disk.cdrom");
  return { expression: terms.join(" && ") };
}

function termOf(key: string, value: string): string | undefined {
  if (key === "size") return sizeTerm(value);
  if (key === "type") return types[value];
  if (key === "busPath") return `glob(${JSON.stringify(value)}, disk.bus_path)`;
  return globs.some((field) => field === key) ? `glob(${JSON.stringify(value)}, disk.${key})` : undefined;
}

/** `>= 100GB` or `4GB`; bytes where there is no unit. */
function sizeTerm(value: string): string | undefined {
  const [, operator = "==", number, unit = "B"] =
    /^(==|<=|>=|<|>)?\s*(\d+(?:\.\d+)?)\s*([KMGTP]i?B|B)?$/.exec(value) ?? [];
  if (number === undefined) return undefined;
  const base = unit.includes("i") ? 1024 : 1000;
  return `disk.size ${operator} ${Math.round(Number(number) * base ** (units[unit.replace("i", "")] ?? 0))}u`;
}
