import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import type { ProgramContext } from "../settings/context";
import { hasAmbient } from "../model/data-planes";
import { imageReference } from "../model/images";
import type { Settings } from "../settings/schema";
import type { ObservabilitySettings } from "../settings/sections/observability";
import { tracingProvider } from "../shared/addons";
import { generatedSecret } from "../shared/lifecycle-command";
import { type ChartSource, helmRelease, type HelmValues } from "../shared/helm-release";
import { Layer, type LayerOptions } from "../shared/layer";
import { rootNamespace } from "../shared/istio";
import type { MeshUnderWatch } from "./alerts";
import { type AddonChart, addonCharts, addonSource } from "./charts";
import { dashboardsOfFolder } from "./dashboards/folder";
import { policiesDashboard } from "./dashboards/policies";
import { addonValues } from "./releases";
import { type DashboardMap, grafanaAdmin, grafanaAdminUser } from "./values/grafana";
import type { AddonValuesInput } from "./values/input";
import { kialiSigningKey } from "./values/kiali";

export interface ObservabilityArgs extends Pick<Settings, "mesh" | "gateways" | "images" | "charts"> {
  readonly settings: ObservabilitySettings;
  /** Where Istio's charts come from; the settings may name another place for these. */
  readonly source: ChartSource;
  /** Values of talos-mesh:secrets. */
  readonly secrets: Readonly<Record<string, pulumi.Output<string>>>;
  /** Paths of the settings start from its project. */
  readonly context: Pick<ProgramContext, "projectRoot">;
  /** The mesh, whose API takes the sampling rate; nothing else here waits for it. */
  readonly istio: pulumi.Resource;
}

/**
 * What watches the mesh, each by its makers' own chart and side by side with the mesh and with each other: no addon
 * needs another to start. Only the Telemetry object waits for Istio, whose kind it is.
 */
export class Observability extends Layer {
  private readonly input: AddonValuesInput;
  private readonly charts: ReadonlyMap<string, AddonChart>;

  constructor(
    private readonly name: string,
    private readonly args: ObservabilityArgs,
    opts?: LayerOptions,
  ) {
    super("talos-mesh:observability:Observability", name, opts);
    const { settings, mesh, images } = args;
    this.input = {
      observability: settings,
      meshVersion: mesh.version,
      image: (official) => imageReference(images, official),
      pullSecrets: images.pullSecrets.map((secret) => secret.name),
    };
    this.charts = addonCharts(settings, mesh.version);

    const { grafana, kiali, tracing } = settings;
    const admin = grafana && this.grafanaAdmin(grafana.adminPassword?.secret);
    const dashboards = grafana && this.dashboards(grafana.dashboards);
    const key = kiali && this.signingKey(kiali.signingKey?.secret);
    // Where Kiali logs in to Grafana, its pod mounts that secret too.
    const needs: Readonly<Record<string, readonly (pulumi.Resource | undefined)[]>> = {
      grafana: [admin, ...(dashboards?.made ?? [])],
      kiali: [key, admin],
    };
    for (const [release, values] of addonValues(this.input, this.watched(), dashboards?.maps ?? [])) {
      this.release(release, values, ...(needs[release] ?? []));
    }
    if (tracing) this.telemetry(tracing.sampling);
    this.registerOutputs();
  }

  private watched(): MeshUnderWatch {
    const { mesh, gateways } = this.args;
    return { gateways: Object.keys(gateways), ambient: hasAmbient(mesh), strictMtls: mesh.mtls === "STRICT" };
  }

  private release(release: string, values: HelmValues, ...after: readonly (pulumi.Resource | undefined)[]): void {
    const chart = this.charts.get(release);
    if (!chart) throw new Error(`${release} has no chart`);
    helmRelease(
      `${this.name}-${release}`,
      {
        chart: chart.chart,
        release,
        version: chart.version,
        namespace: this.args.settings.namespace,
        source: addonSource(this.args.charts.addons, this.args.source, chart),
        values,
      },
      this.after(...after.filter((resource) => resource !== undefined)),
    );
  }

  private secret(name: string, data: Readonly<Record<string, pulumi.Input<string>>>): pulumi.Resource {
    const metadata = { name, namespace: this.args.settings.namespace };
    return new kubernetes.core.v1.Secret(`${this.name}-${name}`, { metadata, stringData: data }, this.child);
  }

  private grafanaAdmin(given: string | undefined): pulumi.Resource {
    const password = this.given(given) ?? generatedSecret(`${this.name}-grafana-password`, this.child);
    const { secret, userKey, passwordKey } = grafanaAdmin;
    return this.secret(secret, { [userKey]: grafanaAdminUser, [passwordKey]: password });
  }

  private signingKey(given: string | undefined): pulumi.Resource {
    const key = this.given(given)?.apply(checkedSigningKey);
    return this.secret(kialiSigningKey.secret, {
      [kialiSigningKey.key]: key ?? generatedSecret(`${this.name}-kiali-key`, this.child),
    });
  }

  /** A value of talos-mesh:secrets; rules have seen that it is there. */
  private given(name: string | undefined): pulumi.Output<string> | undefined {
    return name === undefined ? undefined : this.args.secrets[name];
  }

  /** ConfigMaps with dashboards: our own, and those of the folder that the settings name. */
  private dashboards(source: string): { maps: readonly DashboardMap[]; made: readonly pulumi.Resource[] } {
    const own = { folder: "talos-mesh", configMap: "dashboards-talos-mesh", files: ownFiles };
    const folder =
      source === "official" || source === "none" ? [] : dashboardsOfFolder(this.args.context.projectRoot, source);
    const given = folder.map((files, index) => ({
      folder: "Istio",
      configMap: `dashboards-istio-${index + 1}`,
      files,
    }));
    const maps = [own, ...given];
    const made = maps.map(
      ({ configMap, files }) =>
        new kubernetes.core.v1.ConfigMap(
          `${this.name}-${configMap}`,
          { metadata: { name: configMap, namespace: this.args.settings.namespace }, data: files },
          this.child,
        ),
    );
    return { maps: maps.map(({ folder, configMap }) => ({ folder, configMap })), made };
  }

  /** Turns tracing on in the whole mesh, at this rate. */
  private telemetry(sampling: number): void {
    const provider = tracingProvider(this.args.settings);
    if (!provider) return;
    new kubernetes.apiextensions.CustomResource(
      `${this.name}-tracing`,
      {
        apiVersion: "telemetry.istio.io/v1",
        kind: "Telemetry",
        metadata: { name: "mesh-tracing", namespace: rootNamespace },
        spec: { tracing: [{ providers: [{ name: provider.name }], randomSamplingPercentage: sampling }] },
      },
      this.after(this.args.istio),
    );
  }
}

const ownFiles = { "policies.json": JSON.stringify(policiesDashboard) };

/** Kiali does not start with a key of another length. */
function checkedSigningKey(key: string): string {
  const length = Buffer.byteLength(key);
  if ([16, 24, 32].includes(length)) return key;
  throw new pulumi.RunError(
    `talos-mesh:observability.kiali.signingKey: the secret has ${length} bytes; Kiali takes 16, 24 or 32`,
  );
}
