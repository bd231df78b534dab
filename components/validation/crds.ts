import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import type { StructuralSchema } from "./structural-schema";

/** Folders with the CRDs of the pinned Istio and Gateway API, as they come with the project. */
export const crdFolders = ["embedded/charts/base/files/crds", "components/platform/charts/gateway-api/files/crds"].map(
  (folder) => path.resolve(__dirname, "../..", folder),
);

interface Crd {
  readonly spec: {
    readonly group: string;
    readonly scope: "Namespaced" | "Cluster";
    readonly names: { readonly kind: string };
    readonly versions: readonly {
      readonly name: string;
      readonly served: boolean;
      readonly schema: { readonly openAPIV3Schema: StructuralSchema };
    }[];
  };
}

export interface Kind {
  readonly namespaced: boolean;
  readonly spec: StructuralSchema;
}

let known: ReadonlyMap<string, Kind> | undefined;

/** Kinds by `apiVersion kind`, such as `networking.istio.io/v1 EnvoyFilter`. Read once, and only where asked for. */
export function meshKinds(): ReadonlyMap<string, Kind> {
  known ??= new Map(crdFolders.flatMap(kindsIn));
  return known;
}

/** Every kind that the CRDs of a folder serve. */
export function kindsIn(folder: string): [string, Kind][] {
  return readdirSync(folder)
    .filter((file) => file.endsWith(".json"))
    .flatMap((file) => {
      const { spec } = JSON.parse(readFileSync(path.join(folder, file), "utf8")) as Crd;
      return spec.versions.flatMap(({ name, served, schema }): [string, Kind][] => {
        const own = schema.openAPIV3Schema.properties?.spec;
        if (!served || !own) return [];
        return [[`${spec.group}/${name} ${spec.names.kind}`, { namespaced: spec.scope === "Namespaced", spec: own }]];
      });
    });
}
