import { meshFindings, type MeshFindings } from "../../components/mesh/lifecycle/mesh-state";
import { ApiServer } from "../../components/shared/kubernetes/api-server";
import { declare } from "../command";
import { clusterAccess } from "../engine/pulumi-cli";
import { count, table, Terminal } from "../report/terminal";
import { devStackOptions, openStack } from "../stack-option";

export const command = declare({
  name: "proxies",
  summary: "compare the version of every proxy with its control plane",
  options: { ...devStackOptions, json: { text: "everything that was found, as JSON" } },
  details: "Reads the API server only. istioctl proxy-status shows whether a proxy has its latest configuration.",
  exitCodes: {
    0: "every proxy and agent matches its control plane",
    1: "some do not, a pod has no sidecar though it should, or something failed",
  },
  async run({ json, ...given }) {
    const opened = openStack(given);
    const access = await clusterAccess(opened, "proxies reads the cluster's kubeconfig");
    const found = await meshFindings(await ApiServer.open(access));
    if (json) console.log(JSON.stringify(found, undefined, 2));
    else report(found, new Terminal());
    if (!json && opened.cluster.simulatedNodes) {
      console.log("Nodes are simulated: the injector does not run, so no pod gets a proxy.");
    }
    const wrong = [...found.proxies, ...found.agents].some(({ problem }) => problem !== undefined);
    return wrong || found.bare.length > 0 ? 1 : 0;
  },
});

export function report(found: MeshFindings, terminal: Pick<Terminal, "lines">): void {
  const unknown = (version: string | undefined) => version ?? "unknown";
  const parts = [
    ...found.controlPlanes.map(({ revision, version, missing = "available" }) => {
      return [`istiod, revision ${revision}`, unknown(version), missing];
    }),
    ...found.agents.map(({ name, version, problem = "matches istiod" }) => [name, unknown(version), problem]),
  ];
  terminal.lines(...table(["control plane and agents", "version", "state"], parts), "");
  if (found.proxies.length === 0 && found.bare.length === 0) return terminal.lines("No pod has a proxy.");
  const rows = found.proxies.map(({ namespace, pod, revision, version, controlPlane, problem }) => {
    const state = problem ?? "matches its control plane";
    return [`${namespace}/${pod}`, revision, unknown(version), unknown(controlPlane), state];
  });
  const restart = "should have a sidecar and has none: restart it";
  const bare = found.bare.map(({ namespace, pod }) => [`${namespace}/${pod}`, "none", "", "", restart]);
  terminal.lines(...table(["pod", "revision", "proxy", "istiod", "state"], [...rows, ...bare]), "");
  const wrong = found.proxies.filter(({ problem }) => problem !== undefined).length;
  const without = bare.length > 0 ? `; ${bare.length} without a sidecar that should have one` : "";
  terminal.lines(`${count(found.proxies.length, "pod")} with a proxy, ${wrong} with a problem${without}.`);
}
