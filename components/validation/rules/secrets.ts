import { installedAddons, secretReferences } from "../../observability/addons/registry";
import type { SettingPath } from "../../shared/problem";
import type { Settings } from "../../settings/schema";
import { suggestion } from "../../settings/suggest";
import { type Rule, rule } from "./rule";

/** A place that names a secret, and the name it has there. */
type Reference = readonly [path: SettingPath, name: string | undefined];

/** Each name has to be one of talos-mesh:secrets. */
function references<Section extends keyof Settings>(
  section: Section,
  of: (settings: Settings[Section]) => readonly Reference[],
): Rule {
  return rule([section], function* (settings, { secretNames }) {
    for (const [path, name] of of(settings[section])) {
      if (name === undefined || secretNames.has(name)) continue;
      const hint = secretNames.size > 0 ? suggestion(name, [...secretNames]) : "there are none";
      yield {
        path: [section, ...path],
        message:
          `found ${name}, which talos-mesh:secrets does not have; ${hint}; ` +
          `store it with \`pulumi config set --secret --path 'talos-mesh:secrets.${name}'\``,
      };
    }
  });
}

export const secretRules = [
  references("cluster", (cluster) => {
    if (cluster.kind === "talos") return [[["machineSecrets", "secret"], cluster.machineSecrets?.secret]];
    if (cluster.kind === "existing") return [[["kubeconfig", "secret"], cluster.kubeconfig.secret]];
    return [];
  }),
  references("images", ({ pullSecrets }) =>
    pullSecrets.map((one, index): Reference => [
      ["pullSecrets", index, "dockerConfigJson", "secret"],
      one.dockerConfigJson.secret,
    ]),
  ),
  references("gateways", (gateways) =>
    Object.entries(gateways).flatMap(([name, gateway]): Reference[] => [
      [[name, "tls", "certificate", "secret"], gateway.tls?.certificate?.secret],
      [[name, "tls", "privateKey", "secret"], gateway.tls?.privateKey?.secret],
      [[name, "tls", "caCertificate", "secret"], gateway.tls?.caCertificate?.secret],
    ]),
  ),
  references("observability", (observability) =>
    installedAddons(observability)
      .flatMap(secretReferences)
      .map(({ path, entry }): Reference => [[...path, "secret"], entry]),
  ),
];
