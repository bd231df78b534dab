import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import type { V1CustomResourceDefinition } from "@kubernetes/client-node" with { "resolution-mode": "import" };
import type { Model } from "../model/model";
import { versions } from "../settings/versions";
import { listOf, suggestion } from "../settings/wording";
import type { Problem, SettingPath } from "../shared/problem";
import { re2Refusal } from "../shared/re2";
import { allKnown, checkEach, runChecks } from "../shared/unknown";
import type { Check } from "./check";
import { schemaProblems, type StructuralSchema } from "./structural-schema";

/**
 * Checks of `talos-mesh:objects` against the CRDs of the pinned Istio, and of the Gateway API that the mesh's Istio reads. What a spec means is not checked:
 * checks of one kind's fields would be further rows here.
 */
export const objectChecks: readonly Check[] = [
  ({ settings: { objects }, policies: { gatewayApi } }) =>
    checkEach(objects, ["objects"], (object, at) => objectProblems(object, at, gatewayApi)),
];

interface Kind {
  readonly namespaced: boolean;
  readonly spec: StructuralSchema;
}

const kinds = new Map<string, ReadonlyMap<string, Kind>>();

/** Kinds by `apiVersion kind`, such as `networking.istio.io/v1 EnvoyFilter`. Read at the first use. */
function servedKinds(gatewayApi: string): ReadonlyMap<string, Kind> {
  const folders = ["crds/istio", `../platform/charts/${gatewayApi}/gateway-api/files/crds`];
  const served = kinds.get(gatewayApi) ?? new Map(folders.flatMap((one) => kindsIn(path.resolve(__dirname, one))));
  kinds.set(gatewayApi, served);
  return served;
}

function kindsIn(folder: string): [string, Kind][] {
  const files = readdirSync(folder).filter((file) => file.endsWith(".json"));
  return files.flatMap((file) => {
    const { spec } = JSON.parse(readFileSync(path.join(folder, file), "utf8")) as V1CustomResourceDefinition;
    return spec.versions.flatMap(({ name, served, schema }): [string, Kind][] => {
      const own = schema?.openAPIV3Schema?.properties?.spec;
      if (!served || !own) return [];
      return [[`${spec.group}/${name} ${spec.names.kind}`, { namespaced: spec.scope === "Namespaced", spec: own }]];
    });
  });
}

type RawObject = NonNullable<Model["settings"]["objects"]>[number];

/** Whether Kubernetes itself has the kind, for which there is no CRD. */
export function isBuiltIn({ apiVersion }: { readonly apiVersion: string }): boolean {
  return /^(networking|rbac\.authorization)\.k8s\.io\//.test(apiVersion);
}

/** What the API server would refuse of an object, or drop without an error. */
export function* objectProblems(
  object: RawObject,
  at: SettingPath,
  gatewayApi: string = versions.gatewayApi,
): Iterable<Problem> {
  const { apiVersion, kind, metadata, spec } = object;
  const served = servedKinds(gatewayApi);
  const known = served.get(`${apiVersion} ${kind}`);
  if (!known) {
    yield { path: [...at, "kind"], message: unknownKind(apiVersion, kind, [...served.keys()]) };
    return;
  }
  yield* runChecks(
    function* () {
      if (known.namespaced === (metadata.namespace !== undefined)) return;
      const message = known.namespaced ? "missing; expected the object's namespace" : `${kind} has none; remove it`;
      yield { path: [...at, "metadata", "namespace"], message };
    },
    () => schemaProblems(known.spec, allKnown(spec), [...at, "spec"]),
    () => (routeKinds.has(kind) ? expressionProblems(allKnown(spec), [...at, "spec"]) : []),
  );
}

const routeKinds: ReadonlySet<string> = new Set(["VirtualService", "HTTPRoute", "GRPCRoute"]);

/** Expressions of matches and rewrites: a proxy refuses its whole configuration for one that is not RE2. */
function* expressionProblems(value: unknown, at: SettingPath): Iterable<Problem> {
  if (typeof value !== "object" || value === null) return;
  const ofType = "type" in value && value.type === "RegularExpression";
  for (const [key, one] of Object.entries(value) as [string, unknown][]) {
    const path = [...at, Array.isArray(value) ? Number(key) : key];
    const isExpression = key === "regex" || (key === "value" && ofType);
    const message = isExpression && typeof one === "string" ? re2Refusal(one) : undefined;
    if (message === undefined) yield* expressionProblems(one, path);
    else yield { path, message };
  }
}

function unknownKind(apiVersion: string, kind: string, served: readonly string[]): string {
  const sameKind = served.filter((one) => one.endsWith(` ${kind}`));
  const names = [...new Set(served.map((one) => one.split(" ")[1] ?? one))].sort();
  const hint = sameKind.length > 0 ? `known: ${listOf(sameKind)}` : suggestion(kind, names);
  return `found ${apiVersion} ${kind}, which is not a kind of the pinned Istio or Gateway API; ${hint}`;
}
