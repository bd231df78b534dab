import { readFileSync } from "node:fs";
import path from "node:path";
import { parse } from "yaml";
import { hasAmbient } from "../../components/model/data-planes";
import { settingsSchema, type Settings } from "../../components/settings/schema";
import { versions } from "../../components/settings/versions";
import type { HelmValues } from "../../components/shared/helm-release";
import { isTree, mergeValues } from "../../components/shared/merge";
import { type ChartName, effectiveValues, readIstioChart } from "../../components/mesh/values/chart-folder";
import { type MeshValuesInput, type ProfileName, scopeOf } from "../../components/mesh/values/common-values";
import { baseValues, cniValues, istiodValues, ztunnelValues } from "../../components/mesh/values/istio-charts";

/** Values by chart, in the order of installation. */
export type ChartValues = ReadonlyMap<ChartName, HelmValues>;

/** The mesh of a stack, or without one a mesh that says nothing but its version, on Talos. */
export function meshOf(stack: Settings | undefined): MeshValuesInput {
  if (!stack) {
    const { mesh, images } = settingsSchema.shape;
    return {
      mesh: mesh.parse({ version: versions.istio }),
      images: images.parse({}),
      cluster: { simulatedNodes: false, talos: true },
    };
  }
  const { mesh, images, cluster } = stack;
  const talos = cluster.kind === "talos" || cluster.kind === "docker";
  return { mesh, images, cluster: { simulatedNodes: cluster.kind === "embedded", talos } };
}

/** The same mesh with another profile. Profile ambient is for the ambient data plane, and brings it along. */
export function withProfile(input: MeshValuesInput, profile: ProfileName): MeshValuesInput {
  const dataPlane = profile === "ambient" && !hasAmbient(input.mesh) ? "ambient" : input.mesh.dataPlane;
  return { ...input, mesh: { ...input.mesh, profile, dataPlane } };
}

/**
 * What talos-mesh gives to each chart of the mesh itself. Gateways are not among them: no profile changes what their
 * chart gets.
 */
export function givenValues(input: MeshValuesInput): ChartValues {
  return new Map<ChartName, HelmValues>([
    ["base", baseValues(input)],
    ["istiod", istiodValues(input)],
    ["cni", cniValues(input)],
    ...(hasAmbient(input.mesh) ? [["ztunnel", ztunnelValues(input)] as const] : []),
  ]);
}

/** What the templates of each chart see of it; undefined where a chart in the folder is not Istio's own. */
export function seenValues(given: ChartValues, folder: string): ChartValues | undefined {
  const seen = [...given].map(([name, values]) => {
    const chart = readIstioChart(folder, name);
    return chart && ([name, effectiveValues(chart, values)] as const);
  });
  const readable = seen.filter((each) => each !== undefined);
  return readable.length === seen.length ? new Map(readable) : undefined;
}

/**
 * What the stand-in charts would see of it. They know the defaults and profiles of what they render, not all of Istio's.
 *
 * @param folder absolute path of embedded/charts
 */
export function standInValues(given: ChartValues, folder: string): ChartValues {
  return new Map(
    [...given].map(([name, values]) => {
      const text = readFileSync(path.join(folder, name, "files/values.yaml"), "utf8");
      const { defaults, profiles } = parse(text) as { defaults: HelmValues; profiles: Record<string, HelmValues> };
      const { [scopeOf(name) ?? ""]: scoped, ...under } = mergeValues(
        mergeValues(defaults, profiles[String(values["profile"])] ?? {}),
        values,
      );
      return [name, mergeValues(under, isTree(scoped) ? scoped : {})] as const;
    }),
  );
}
