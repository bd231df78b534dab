import type { Tree } from "../../components/shared/merge";
import { parseYaml } from "../../components/shared/yaml";
import type { Notes } from "./notes";
import { type Environment, fileReference, type ReadText, substitute } from "./read-talconfig";
import type { NodeConfigs, TalconfigSchematic } from "./talconfig";

export interface ImportContext {
  readonly notes: Notes;
  readonly environment: Environment;
  readonly readText: ReadText;
  /** The path of a file that the talconfig names, relative to the project. */
  readonly fromProject: (file: string) => string;
}

/** Renders a Go template; undefined, and a report, where it cannot. */
export type Render = (text: string, report: (why: string) => void) => string | undefined;

/** What a node or a group has, in the names of `talos-mesh:cluster`, without its lists of patches and of certSANs. */
export function machineFields(
  configs: NodeConfigs,
  atOf: (key: keyof NodeConfigs) => string,
  render: Render,
  context: ImportContext,
): Tree {
  const { nodeTaints, disableSearchDomain, kernelModules, nameservers, networkInterfaces } = configs;
  const { talosImageURL, ingressFirewall, extensionServices, volumes } = configs;
  const rendered = (key: "nodeLabels" | "nodeAnnotations") => {
    const entries = Object.entries(configs[key] ?? {});
    return filled(
      Object.fromEntries(
        entries.map(([name, text]) => [name, render(text, (why) => context.notes.lose(`${atOf(key)}.${name}`, why))]),
      ),
    );
  };
  return filled({
    nodeLabels: rendered("nodeLabels"),
    nodeAnnotations: rendered("nodeAnnotations"),
    ...{ nodeTaints, disableSearchDomain, kernelModules, nameservers, networkInterfaces },
    machineFiles: configs.machineFiles?.map(({ path, op, permissions = 0, content = "", skipEnvsubst }, index) => {
      const at = `${atOf("machineFiles")}[${index}].content`;
      return { path, op, permissions, content: contentOf(content, skipEnvsubst === true, at, context) };
    }),
    talosImageURL,
    // talhelper takes the installer from the Image Factory even where a node has no schematic.
    schematic:
      configs.schematic || talosImageURL === undefined
        ? schematicOf(configs.schematic ?? {}, configs.machineSpec?.secureboot === true)
        : undefined,
    // Without one, talhelper writes `accept`; here `block` is the default.
    ingressFirewall: ingressFirewall && { defaultAction: "accept", ...ingressFirewall },
    extensionServices,
    volumes,
    documents: configs.userVolumes?.map((volume) => ({ apiVersion: "v1alpha1", kind: "UserVolumeConfig", ...volume })),
  });
}

/** Keys of nodes and groups that have no effect on a machine config. */
export function reportLost(configs: NodeConfigs, at: string, { notes }: ImportContext): void {
  const lost = (key: string, value: unknown, why: string) => {
    if (value !== undefined) notes.lose(`${at}.${key}`, why);
  };
  lost("filenameTmpl", configs.filenameTmpl, "no config files are written");
  lost(
    "imageSchematic",
    configs.imageSchematic,
    "boot media are not created; the schematic of the installer is `schematic`",
  );
  lost("noSchematicValidate", configs.noSchematicValidate, "the factory validates a schematic when it is uploaded");
  const { useUKI, bootMethod, imageSuffix } = configs.machineSpec ?? {};
  for (const [key, value] of Object.entries({ useUKI, bootMethod, imageSuffix })) {
    lost(`machineSpec.${key}`, value, "boot media are not created");
  }
}

/** The text, or that of the file that it names. */
export function contentOf(content: string, raw: boolean, at: string, context: ImportContext): string {
  const { notes, environment, readText } = context;
  const file = fileReference(content);
  if (file === undefined) return content;
  const text = readText(file) ?? "";
  if (raw) return text;
  const result = substitute(text, environment, notes);
  if (text.trim() !== "" && !parseYaml(result).values.some((value) => typeof value === "object")) {
    notes.remark(
      at,
      "as the file has it; talhelper reads it as YAML, which joins its lines, unless skipEnvsubst is true",
    );
  }
  return result;
}

/** The factory's nested form, flattened. */
function schematicOf({ owner, overlay, customization = {} }: TalconfigSchematic, secureboot: boolean): Tree {
  const { systemExtensions, secureboot: keys, ...others } = customization;
  return filled({
    owner: owner || undefined,
    // Empty in Go where neither is set.
    overlay: overlay?.image || overlay?.name ? overlay : undefined,
    ...others,
    systemExtensions: systemExtensions?.officialExtensions,
    ...keys,
    secureboot: secureboot || undefined,
  });
}

/** Without undefined values, empty lists and empty mappings; a schematic may be empty. */
export function filled(tree: Tree): Record<string, unknown> {
  const isEmpty = (key: string, value: unknown) =>
    value === undefined ||
    (key !== "schematic" && typeof value === "object" && value !== null && Object.keys(value).length === 0);
  return Object.fromEntries(Object.entries(tree).filter(([key, value]) => !isEmpty(key, value)));
}
