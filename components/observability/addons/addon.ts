import path from "node:path";
import { parse } from "yaml";
import { z } from "zod";
import type { ClusterTraits } from "../../cluster/kinds";
import { dnsLabel, dnsSubdomain, hostName, httpUrl, off } from "../../settings/fields";
import { storageQuantity } from "../../settings/quantities";
import { filledIn } from "../../shared/files";
import type { HelmValues } from "../../shared/helm-release";
import type { Chart } from "../../shared/chart-source";
import { type KubernetesObject, unprivileged } from "../../shared/kubernetes/object";
import type { Refusal } from "../../shared/problem";

/**
 * Everything that one addon is: its settings, its charts at pinned versions, their values, and what it adds to other
 * addons and to the mesh. registry.ts lists the addons; the settings, validation, the image list, the stand-in charts, the
 * component and `npm run dashboard` all read that list.
 */
export interface Addon<Name extends string = string, Schema extends z.ZodType = z.ZodType> {
  readonly name: Name;
  readonly settings: Schema;
  /** Other keys that users may try there, each with what to write instead. */
  readonly expectedElsewhere?: Readonly<Record<string, string>>;
  readonly releases: readonly AddonRelease<z.output<Schema>>[];
  readonly secrets?: readonly AddonSecret[];
  /** Addons whose Secrets its pods mount, so that those are created first. */
  readonly mountsSecretsOf?: readonly Addon[];
  /** Each is made on its own. The keys of a refusal are fields of the addon. */
  readonly checks?: readonly ((settings: z.output<Schema>, stack: AddonStack) => Refusal)[];
  /** Dashboards that its pods mount. @param projectRoot folder that relative paths of the settings start from */
  dashboards?(settings: z.output<Schema>, projectRoot: string): readonly DashboardConfigMap[];
  datasource?(settings: z.output<Schema>): Datasource;
  alerts?(mesh: ObservedMesh): readonly AlertGroup[];
  /** Where proxies send telemetry: an extension provider of Istio's mesh config. */
  extensionProvider?(settings: z.output<Schema>, namespace: string): ExtensionProvider;
  /** An object of one of Istio's kinds, created once Istio is installed. */
  istioObject?(settings: z.output<Schema>, namespace: string): KubernetesObject<object>;
  notes?(settings: z.output<Schema>, settingsOf: SettingsOf): readonly string[];
}

export type { Chart };

export function defineAddon<const Name extends string, Schema extends z.ZodType>(
  addon: Addon<Name, Schema>,
): Addon<Name, Schema> {
  return addon;
}

export interface AddonRelease<Settings = unknown> {
  /** Name of the release, which is also the name of its Service. */
  readonly name: string;
  readonly page?: AddonPage<Settings>;
  /** The chart, where it depends on Istio's version: for that version. */
  readonly chart: Chart | ((istioVersion: string) => Chart);
  installed?(settings: Settings): boolean;
  /** The images of the chart that are pulled. @default all */
  images?(settings: Settings, images: Chart["images"]): readonly string[];
  values(settings: Settings, context: AddonContext): HelmValues;
}

/** A user interface that `npm run dashboard -- NAME` opens. */
export interface AddonPage<Settings = unknown> {
  readonly port: number;
  readonly path: string;
  /** What to write under `talos-mesh:observability` to get it. */
  readonly example: string;
  login?(settings: Settings): Login;
}

export type Login =
  | { readonly kind: "none" }
  | { readonly kind: "password"; readonly user: string; readonly secret: string; readonly key: string }
  /** A token of this service account. */
  | { readonly kind: "token"; readonly serviceAccount: string };

/** A Secret with one secret value, given by the user or generated once. */
export interface AddonSecret {
  readonly name: string;
  readonly key: string;
  /** Field of the addon's settings that may refer to an entry of `talos-mesh:secrets`. */
  readonly field: string;
  /** Name of the resource that generates the value where the field is not set. */
  readonly generated: string;
  /** Further entries, which are not secret. */
  readonly plain?: Readonly<Record<string, string>>;
  refuses?(value: string): string | undefined;
}

export interface DashboardConfigMap {
  readonly title: string;
  readonly configMap: string;
  readonly files: Readonly<Record<string, string>>;
}

export interface Datasource {
  readonly title: string;
  /** Grafana's type of datasource; also its uid and the name of the release. */
  readonly type: string;
  readonly port: number;
  readonly options?: object;
}

export interface AlertRule {
  readonly alert: string;
  readonly expr: string;
  readonly for: string;
  /** `gateway` distinguishes alerts with the same name. */
  readonly labels: { readonly severity: "critical" | "warning"; readonly gateway?: string };
  readonly annotations: { readonly summary: string; readonly description: string; readonly runbook: string };
}

export interface AlertGroup {
  readonly name: string;
  readonly rules: readonly AlertRule[];
}

export interface ObservedMesh {
  /** Names of the gateways; their pods have the label `istio: <name>`. */
  readonly gateways: readonly string[];
  readonly ambient: boolean;
  readonly strictMtls: boolean;
  /** How long the certificate of a workload is valid. */
  readonly certificateSeconds: number;
}

export interface ExtensionProvider {
  readonly name: string;
  readonly protocol: "opentelemetry" | "zipkin";
  /** Host name of the collector, which a proxy's `Sidecar` has to name. */
  readonly service: string;
  readonly port: number;
}

/** The settings of an addon; undefined where it is not installed. */
export type SettingsOf = <Schema extends z.ZodType>(addon: Addon<string, Schema>) => z.output<Schema> | undefined;

export interface AddonContext {
  readonly namespace: string;
  readonly mesh: ObservedMesh & { readonly version: string };
  readonly settingsOf: SettingsOf;
  /** The image to pull, from a mirror or by digest, of an image with registry and tag. */
  readonly image: (official: string) => string;
  /** Undefined where there are none. */
  readonly pullSecrets?: readonly string[] | undefined;
  /** Those of all installed addons. */
  readonly datasources: readonly Datasource[];
  readonly dashboards: readonly DashboardConfigMap[];
  readonly alerts: readonly AlertGroup[];
}

/** The stack around an addon. Reading a part that has a mistake of its own ends the check. */
export interface AddonStack {
  readonly settingsOf: SettingsOf;
  readonly settings: {
    readonly environment: string;
    readonly platform: { readonly localPath?: { readonly defaultClass: boolean } | undefined };
  };
  readonly cluster: Pick<ClusterTraits, "simulatedNodes" | "created">;
  readonly projectRoot: string;
}

export const storage = z
  .strictObject({ size: storageQuantity, storageClass: dnsSubdomain.optional() })
  .describe("A volume that outlives the pod. Without it, the collected data is lost with the pod.");

/** Its page behind gateways, for people outside the cluster. */
export const exposure = z
  .strictObject({
    gateways: z.array(dnsLabel).min(1),
    hosts: z.array(hostName).min(1).describe("Host names that clients use for a gateway."),
    anonymous: off("Expose a page that asks for no login."),
  })
  .describe("Gateways that expose its page.");

export type ExposureSettings = z.output<typeof exposure>;

/** Whole hours, days or weeks: the form that both Prometheus and Loki accept. */
export const retention = z
  .string()
  .regex(/^[1-9]\d{0,3}[hdw]$/, "expected whole hours, days or weeks, such as 12h, 15d or 4w");

/** Of a page in a browser. */
export const url = httpUrl;

/** A volume that no provisioner provides keeps its pod pending, and the release waits for the pod until it times out. */
export function storageRefusal(
  given: z.output<typeof storage> | undefined,
  { cluster, settings }: Pick<AddonStack, "cluster" | "settings">,
  remedy = "remove it",
): Refusal {
  if (!given) return undefined;
  if (cluster.simulatedNodes) return { storage: `simulated nodes have no volumes; ${remedy}` };
  if (!cluster.created || given.storageClass !== undefined) return undefined;
  const { localPath } = settings.platform;
  if (localPath?.defaultClass) return undefined;
  const message = localPath
    ? "no StorageClass is the default; set local-path, or platform.localPath.defaultClass: true"
    : "Talos has no StorageClass; install a provisioner and name its class, or set talos-mesh:platform.localPath";
  return { storage: { storageClass: message } };
}

export function anonymousRefusal({ anonymous }: { anonymous: boolean }, { settings }: AddonStack): Refusal {
  const { environment } = settings;
  if (!anonymous || environment === "dev") return undefined;
  return { anonymous: `found true, which is for dev; environment ${environment} expects false` };
}

export function serviceUrl(service: { readonly name: string; readonly port: number }, namespace: string): string {
  return `http://${service.name}.${namespace}.svc.cluster.local:${service.port}`;
}

/** The parts that charts take: `docker.io`, `grafana/grafana`, `13.2.0`; with a digest, `13.2.0@sha256:...`. */
export function imageParts(image: string) {
  const [, registry = "", repository = "", tag = ""] = /^([^/]+)\/([^:@]+):(.+)$/.exec(image) ?? [];
  return { registry, repository, tag };
}

export function repositoryAndTag(image: string) {
  const { registry, repository, tag } = imageParts(image);
  return { repository: `${registry}/${repository}`, tag };
}

/** A volume in the form that most charts take. @param className the chart's name of the storage class */
export function volume(given: z.output<typeof storage> | undefined, className: string): HelmValues {
  if (!given) return { enabled: false };
  return { enabled: true, size: given.size, ...(given.storageClass && { [className]: given.storageClass }) };
}

/**
 * The chart values in a file of this folder. `<name>` in it is a variable; a field whose variable is undefined is left out.
 * Variables of every file: `resources`, `unprivileged`, and the pull secrets as names and in a pod's form.
 */
export function valuesIn(
  file: string,
  { resources }: { readonly resources?: unknown },
  { pullSecrets }: AddonContext,
  variables: Readonly<Record<string, unknown>>,
): HelmValues {
  const imagePullSecrets = pullSecrets?.map((name) => ({ name }));
  const all = { resources, unprivileged, pullSecrets, imagePullSecrets, ...variables };
  const json = Object.entries(all).map(([name, value]) => [name, JSON.stringify(value ?? null)]);
  const text = filledIn(path.join(__dirname, file), Object.fromEntries(json) as Record<string, string>);
  return parse(text, (_, value: unknown) => value ?? undefined) as HelmValues;
}
