import type { Made, Making } from "./making";
import type { ReleaseTarget } from "./record";
import { chartContent, releaseInputs, revisionsOf } from "./releases";

/** The provider's own default, in seconds. */
const defaultTimeout = 300;

/** Installs or upgrades a Helm release; one whose chart, values and version are what they were is left alone. */
export async function makeRelease(making: Making): Promise<Made> {
  const { registration, host } = making;
  const { projectRoot, signal, vault, clusters } = host;
  const server = await clusters.server(making.provider);
  const inputs = releaseInputs(making.inputs, { name: registration.name });
  const { name, namespace, version = "", chart, timeout = defaultTimeout } = inputs;
  const fingerprint = vault.fingerprint({ inputs, content: chartContent(chart, projectRoot) });
  const target: ReleaseTarget = { kind: "release", name, namespace, timeout };

  const known = making.claim(target);
  const current = async () => (await revisionsOf(server, inputs, signal)).at(-1);
  let revision = await current();
  let change: Made["change"] = "unchanged";
  const same = known?.status === "done" && known.fingerprint === fingerprint && revision?.status === "deployed";
  if (!same) {
    if (known === undefined) making.intend(target);
    const helm = await clusters.helm(making.provider);
    change = await helm.upgrade(server, inputs, {
      cwd: projectRoot,
      timeoutMs: making.timeout(known === undefined ? "create" : "update") ?? (timeout + 60) * 1000,
      signal,
      onProgress: making.progress,
    });
    revision = await current();
  }
  const status = { name, namespace, version, chart, ...revision };
  return {
    id: `${namespace}/${name}`,
    state: { ...registration.inputs, name, namespace, status },
    ...{ change, fingerprint, target },
  };
}
