import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { isMap, isSeq, parseDocument } from "yaml";
import { own } from "../../components/shared/own";
import { asTree, isTree, mergeValues, type Tree } from "../../components/shared/merge";
import { messageOf, SettingsError } from "../../components/shared/problem";
import { digestOf } from "../../components/shared/digest";
import { clusterHost } from "../../components/model/policies/policy-model";
import type { Model } from "../../components/model/model";
import { validate } from "../../components/validation/validate";
import { waypointObjects } from "../../components/mesh/waypoints";
import { gatewayApiObjects } from "../../components/mesh/gateway-api";
import { egressEntrances } from "../../components/model/policies/egress-entrances";
import { exposedHosts } from "../../components/model/exposures";
import { gatewayWorkloads } from "../../components/model/gateways";
import type { KubernetesObject } from "../../components/shared/kubernetes/object";
import { compilePolicies } from "../../policies/compile";
import { type Manifest, manifestOf } from "./corpus";
import { type MeaningContext, meaningOf } from "./meaning";

/** Settings that say what manifests of Istio's samples and documentation say: tests/fixtures/coverage. */
export interface Fragment {
  /** Sources of the manifests, in the order in which they are applied. */
  readonly of: readonly string[];
  /** Sections of the stack file, merged with those that the fragments of the file share. */
  readonly settings?: Tree;
  readonly stack: Tree;
  /** Why the settings, which say the same in another form, have other objects. */
  readonly differs?: string;
  /** Part of the message, where the settings for it are refused on purpose. */
  readonly refused?: string;
  /** Why no setting says it, so that it is written under talos-mesh:objects: for all of it, or by kind or kind/name. */
  readonly raw: ReadonlyMap<string, string>;
  /** Lines of its settings in the file. */
  readonly lines: number;
}

const fragmentsFolder = path.resolve(__dirname, "../../tests/fixtures/coverage");

/** What the settings of each fragment mean: with `differs` another digest than that of its manifests. */
export const digestsFile = path.join(fragmentsFolder, "digests.json");

export function readFragments(): Fragment[] {
  return readdirSync(fragmentsFolder)
    .filter((file) => file.endsWith(".yaml"))
    .sort()
    .flatMap((file) => fragmentsIn(readFileSync(path.join(fragmentsFolder, file), "utf8")));
}

function fragmentsIn(text: string): Fragment[] {
  const document = parseDocument(text);
  const { stack, fragments } = document.toJS() as { readonly stack?: Tree; readonly fragments: readonly Tree[] };
  const nodes = document.get("fragments");
  return fragments.map(({ of, settings, differs, refused, raw }, index) => {
    const node: unknown = isSeq(nodes) ? nodes.get(index) : undefined;
    const range = isMap(node) ? (node.get("settings", true)?.range ?? undefined) : undefined;
    const written = range ? text.slice(range[0], range[1]).trim() : "";
    return {
      of: Array.isArray(of) ? of.map(String) : [String(of)],
      stack: asTree(stack),
      ...(isTree(settings) && { settings }),
      ...(typeof differs === "string" && { differs }),
      ...(typeof refused === "string" && { refused }),
      raw: new Map(Object.entries(typeof raw === "string" ? { "": raw } : (asTree(raw) as Record<string, string>))),
      lines: written === "" ? 0 : written.split("\n").filter((line) => /^\s*[^#\s]/.test(line)).length,
    };
  });
}

/** An existing cluster whose mesh still allows plain text, so that each STRICT of a manifest is a setting. */
const minimalStack: Tree = {
  environment: "dev",
  cluster: { kind: "existing", name: "coverage", kubeconfig: { file: "kubeconfig" } },
  mesh: { version: "1.31.1", mtls: "PERMISSIVE" },
};

/** As the key of its digest. */
export function titleOf({ of }: Fragment): string {
  return of.join(" ");
}

export interface Compiled {
  /** What is refused, one line each. */
  readonly refusals: readonly string[];
  readonly meaning: readonly string[];
  readonly context: MeaningContext;
  readonly manifests: readonly Manifest[];
}

/** What the settings of a fragment mean, without what its stack means anyway. */
export function compileFragment({ stack, settings = {} }: Pick<Fragment, "stack" | "settings">): Compiled {
  const shared = mergeValues(minimalStack, stack);
  try {
    const model = validate(mergeValues(shared, settings), { secretNames: [] });
    const context = contextOf(model);
    const manifests = objectsOf(model).map((object) => manifestOf({ ...object }));
    const anyway = new Set(
      meaningOf(
        objectsOf(validate(shared, { secretNames: [] })).map((object) => manifestOf({ ...object })),
        context,
      ),
    );
    const meaning = meaningOf(manifests, context).filter((fact) => !anyway.has(fact));
    return { refusals: [], meaning, context, manifests };
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    return {
      refusals: messageOf(error).split("\n").slice(1),
      meaning: [],
      context: { ports: new Map() },
      manifests: [],
    };
  }
}

function contextOf({ names, settings }: Model): MeaningContext {
  const external = settings.traffic.externalServices.flatMap(({ hosts, ports }) =>
    hosts.map((host) => [host, ports.map(({ number }) => number)] as const),
  );
  const inMesh = names.workloads.map((one) => [clusterHost(one), one.ports.map(({ port }) => port)] as const);
  return { ports: new Map([...inMesh, ...external]) };
}

function objectsOf({ settings, policies }: Model): KubernetesObject[] {
  const gateways = gatewayWorkloads(settings.gateways).flatMap((workload) => {
    const deployment = own(settings.gateways, workload.name);
    if (deployment?.kind !== "gateway-api") return [];
    const entrances = egressEntrances(policies).filter(({ service }) => service.gateway.name === workload.name);
    const hosts = exposedHosts(settings, workload.name);
    return [gatewayApiObjects(workload, deployment, { hosts, entrances }).gateway];
  });
  return [...compilePolicies(policies), ...gateways, ...waypointObjects(settings.mesh)];
}

export function digestOfMeaning(meaning: readonly string[]): string {
  return digestOf(meaning.join("\n"), 10);
}
