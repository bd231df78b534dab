import { places } from "../components/settings/places";
import { formatPath } from "../components/shared/problem";
import { capabilities, type Capability } from "./capabilities";
import type { PolicyModel } from "./model";
import type { Problems } from "./problems";
import { compareMinor, minorOf } from "../components/settings/versions";

/** Refuses what the API of the mesh's release does not have yet: it would be dropped without a word. */
export function checkReleases({ traffic, security, istioVersion }: PolicyModel, problems: Problems): void {
  const rows: readonly Capability[] = Object.values(capabilities);
  for (const { setting, since, title } of rows) {
    if (since === undefined || compareMinor(minorOf(istioVersion), since) >= 0) continue;
    for (const [path, value] of places({ traffic, security }, setting.split("."))) {
      if (value === undefined) continue;
      const where = formatPath(path).replace(/^talos-mesh:/, "");
      problems.add(
        where,
        `${title}: Istio has it from ${since} on, and mesh.version is ${istioVersion}; remove it, or upgrade`,
      );
    }
  }
}
