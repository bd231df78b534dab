import { probeProvider } from "../../model/mesh-config";
import { workloadKey } from "../../model/names";
import { own } from "../../shared/own";
import { rootNamespace } from "../../shared/istio";
import { fullName, type LiveObject, oldestFirst } from "../../shared/kubernetes/object";
import type { Series } from "../probe";
import type { SeriesResult } from "../result";
import { selects } from "./adoption";
import { clientLabels, ownLabel, strangerNamespace, witnessName } from "./client-objects";
import { findWorkload, type RunPlan, targetWorkload } from "./run-plan";

/** What else in the cluster may be the reason of a result: objects that the settings do not know. */

interface Place {
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
}

type Plan = Pick<RunPlan, "workloads" | "gateways">;
type Labels = Readonly<Record<string, string>>;

/** Where a request comes from, and where it goes to; undefined outside the cluster. */
function ends({ client, request: { to } }: Series, { workloads, gateways }: Plan) {
  const from: Place | undefined =
    client.kind === "workload"
      ? findWorkload(workloads, workloadKey(client))
      : { namespace: strangerNamespace(client), labels: clientLabels };
  const server = (): Place | undefined => {
    switch (to.kind) {
      case "service":
      case "pod":
        return findWorkload(workloads, targetWorkload(to));
      case "witness":
        return { namespace: to.namespace, labels: { ...ownLabel, app: witnessName } };
      case "gateway": {
        const gateway = gateways.find((each) => each.namespace === to.namespace && each.service === to.service);
        return gateway && { namespace: gateway.namespace, labels: gateway.selector };
      }
      case "external":
        return undefined;
    }
  };
  return { from, to: server() };
}

/**
 * The reason of a series that does not hold, with the network policies at both ends where its requests did not arrive: they
 * are not this project's, and a default deny looks like a server that is down.
 *
 * @param policies of the whole cluster
 */
export function withNetworkPolicies(
  result: SeriesResult,
  series: Series,
  plan: Plan,
  policies: readonly LiveObject[],
): SeriesResult {
  const { failure, verdict } = result;
  if (!failure || verdict === "holds") return result;
  const { status, records } = failure.observation;
  // By a proxy, a connection that could not be made is 503 with one of these flags.
  const didArrive = status > 0 && !records.some(({ flags }) => flags.some((flag) => ["UF", "UC", "UT"].includes(flag)));
  if (didArrive) return result;
  const { from, to } = ends(series, plan);
  const found = [
    ...(from
      ? restrictions(policies, from, "egress").map((title) => `${title} restricts what its client may send`)
      : []),
    ...(to ? restrictions(policies, to, "ingress").map((title) => `${title} restricts what its server may get`) : []),
  ];
  if (found.length === 0) return result;
  const reason = `${failure.reason}; ${found.join(", ")}: allow it there (in ambient, its tunnel at TCP port 15008)`;
  return { ...result, failure: { ...failure, reason } };
}

/** Titles of the network policies that restrict a pod in one direction. */
export function restrictions(
  policies: readonly LiveObject[],
  { namespace, labels }: Place,
  direction: "ingress" | "egress",
): string[] {
  return policies.flatMap(({ kind, metadata, spec, ...object }) => {
    const isCilium = kind.startsWith("Cilium");
    if (kind !== "CiliumClusterwideNetworkPolicy" && metadata.namespace !== namespace) return [];
    // Cilium knows the namespace as a label.
    const known = isCilium ? { ...labels, "io.kubernetes.pod.namespace": namespace } : labels;
    const { specs = [] } = object as { readonly specs?: readonly Record<string, unknown>[] };
    const all = spec === undefined ? specs : [spec, ...specs];
    const isMeant = all.some((one) => {
      const selector = (isCilium ? one.endpointSelector : one.podSelector) as Labels | undefined;
      return selector !== undefined && restricts(one, direction, isCilium) && selectsAny(selector, known);
    });
    return isMeant ? [`${kind} ${fullName({ metadata })}`] : [];
  });
}

function restricts(
  spec: Readonly<Record<string, unknown>>,
  direction: "ingress" | "egress",
  isCilium: boolean,
): boolean {
  if (isCilium) return spec[direction] !== undefined || spec[`${direction}Deny`] !== undefined;
  const byDefault = ["Ingress", ...(spec.egress === undefined ? [] : ["Egress"])];
  const types = (spec.policyTypes ?? byDefault) as readonly string[];
  return types.some((type) => type.toLowerCase() === direction);
}

/** Here, a selector without requirements is one of all pods. Cilium's keys have the source of the label. */
function selectsAny(selector: NonNullable<Parameters<typeof selects>[0]>, labels: Labels): boolean {
  const { matchLabels = {}, matchExpressions = [] } = selector;
  if (Object.keys(matchLabels).length + matchExpressions.length === 0) return true;
  const bare = (key: string) => key.replace(/^(k8s|any)[:.]/, "");
  return selects(
    {
      matchLabels: Object.fromEntries(Object.entries(matchLabels).map(([key, value]) => [bare(key), value])),
      matchExpressions: matchExpressions.map((one) => ({ ...one, key: bare(one.key) })),
    },
    labels,
  );
}

interface AccessLogging {
  readonly match?: { readonly mode?: string };
  readonly providers?: readonly { readonly name: string }[];
  readonly disabled?: boolean;
}

/**
 * Telemetry objects that keep proxies from recording the requests of probes, with whose proxies those are. Before anything is
 * sent: otherwise their evidence is missing without a reason.
 */
export function hiddenRecords(
  telemetries: readonly LiveObject[],
  { workloads, gateways, namespaces }: Plan & Pick<RunPlan, "namespaces">,
): string[] {
  const places = [
    ...workloads.flatMap((each) => {
      const { dataPlane = "none" } = own(namespaces, each.namespace) ?? {};
      // Where there are no sidecars, a waypoint has other labels.
      const labels = dataPlane === "sidecar" ? each.labels : {};
      return dataPlane === "none" ? [] : [{ ...each, labels, title: workloadKey(each) }];
    }),
    ...gateways.map((each) => ({ ...each, labels: each.selector, title: `gateway ${each.name}` })),
  ];
  const hidden = new Map<string, string[]>();
  for (const place of places) {
    const by = hiddenBy(telemetries, place);
    if (by !== undefined) hidden.set(by, [...(hidden.get(by) ?? []), place.title]);
  }
  return [...hidden].map(
    ([by, titles]) =>
      `Telemetry ${by} keeps the proxies of ${titles.join(", ")} from recording the requests of probes, so verdicts there are by ` +
      `what clients saw; add the provider ${probeProvider} to its accessLogging, or write it as talos-mesh:telemetry`,
  );
}

/**
 * As istiod merges them: of the mesh, of a namespace and of a workload one each counts, the oldest, and the names of providers
 * at a narrower one take the place of those at a wider one.
 *
 * Source: istio/istio, pilot/pkg/model/telemetry.go, applicableTelemetries and mergeLogs.
 */
function hiddenBy(telemetries: readonly LiveObject[], { namespace, labels }: Place): string | undefined {
  const inOrder = oldestFirst(telemetries);
  const selectorOf = ({ spec }: LiveObject) => (spec?.selector as { matchLabels?: Labels } | undefined)?.matchLabels;
  const isWide = (one: LiveObject) =>
    Object.keys(selectorOf(one) ?? {}).length === 0 && !one.spec?.targetRefs && !one.spec?.targetRef;
  const at = (where: string) => inOrder.filter(({ metadata }) => metadata.namespace === where);
  const layers = [
    at(rootNamespace).find(isWide),
    namespace === rootNamespace ? undefined : at(namespace).find(isWide),
    at(namespace).find((one) => !isWide(one) && selects({ matchLabels: selectorOf(one) }, labels)),
  ].flatMap((layer) => layer ?? []);
  const logs = (count: number, mode: string) => isLogged(layers.slice(0, count), mode);
  for (const mode of ["CLIENT", "SERVER"]) {
    if (logs(layers.length, mode)) continue;
    const last = layers.map((_, index) => logs(index, mode)).lastIndexOf(true);
    const culprit = layers[Math.max(0, last)];
    // Without any, the log is not deployed, which the run notices itself.
    if (culprit) return fullName(culprit);
  }
  return undefined;
}

function isLogged(layers: readonly LiveObject[], mode: string): boolean {
  let is = false;
  for (const { spec } of layers) {
    const entries = ((spec?.accessLogging ?? []) as readonly AccessLogging[]).filter(({ match }) =>
      [undefined, "CLIENT_AND_SERVER", mode].includes(match?.mode),
    );
    const named = entries.flatMap(({ providers = [] }) => providers.map(({ name }) => name));
    if (named.length > 0) is = named.includes(probeProvider);
    for (const { providers = [], disabled } of entries) {
      const isMeant = providers.length === 0 || providers.some(({ name }) => name === probeProvider);
      if (isMeant && disabled === true) is = false;
    }
  }
  return is;
}
