import * as kubernetes from "@pulumi/kubernetes";
import type * as pulumi from "@pulumi/pulumi";
import { issuedAuthority } from "../mesh/values/istio-csr";
import { hasAmbient } from "../model/data-planes";
import { deployedGateways } from "../model/gateways";
import { imageReference } from "../model/images";
import type { ProgramContext } from "../settings/context";
import type { Settings } from "../settings/schema";
import type { ObservabilitySettings } from "../settings/sections/observability";
import type { ChartSource } from "../shared/chart-source";
import { milliseconds } from "../shared/duration";
import { helmRelease } from "../shared/helm-release";
import { Layer, type LayerOptions } from "../shared/layer";
import { generatedSecret } from "../shared/lifecycle-command";
import type { Addon, AddonContext } from "./addons/addon";
import { addonSource, installedAddons, installedReleases, secretReferences, settingsOf } from "./addons/registry";
import { own } from "../shared/own";

export interface ObservabilityArgs extends Pick<Settings, "mesh" | "gateways" | "images" | "charts"> {
  readonly settings: ObservabilitySettings;
  /** Where Istio's charts come from; `charts.addons` may name another location for those of addons. */
  readonly source: ChartSource;
  readonly secrets: Readonly<Record<string, pulumi.Output<string>>>;
  readonly context: Pick<ProgramContext, "projectRoot">;
  /** Whether policies have the one Telemetry of the mesh, with the tracing of addons in it. */
  readonly meshTelemetry?: boolean;
  /** The mesh; only objects of Istio's own kinds wait for it. */
  readonly istio: pulumi.Resource;
}

/** Of the certificates that istiod signs. Source: istio/istio, DEFAULT_WORKLOAD_CERT_TTL of pilot/pkg/bootstrap/istio_ca.go. */
const istiodDuration = "24h";

/** They are installed in parallel with the mesh and with each other: no addon needs another one to start. */
export class Observability extends Layer {
  constructor(
    private readonly name: string,
    private readonly args: ObservabilityArgs,
    opts?: LayerOptions,
  ) {
    super("talos-mesh:observability:Observability", name, opts);
    const { settings, mesh, source, charts, context, istio } = args;
    const { namespace } = settings;
    const installed = installedAddons(settings);
    const values = addonContext(args, context.projectRoot);

    const secrets = new Map(
      installed.map((each) => [each.addon.name, secretReferences(each).map((secret) => this.secret(secret))]),
    );
    const configMaps = values.dashboards.map(({ configMap, files: data }) => {
      const metadata = { name: configMap, namespace };
      return new kubernetes.core.v1.ConfigMap(`${name}-${configMap}`, { metadata, data }, this.child);
    });
    const mounted = (addon: Addon) => [
      ...[addon, ...(addon.mountsSecretsOf ?? [])].flatMap((each) => secrets.get(each.name) ?? []),
      ...(addon.dashboards ? configMaps : []),
    ];
    for (const { addon, release, chart, ...its } of installedReleases(settings, mesh.version)) {
      helmRelease(
        `${name}-${release.name}`,
        {
          chart: chart.name,
          release: release.name,
          version: chart.version,
          namespace,
          source: addonSource(charts.addons, source, chart),
          values: release.values(its.settings, values),
        },
        this.after(...mounted(addon)),
      );
    }
    for (const { addon, settings } of installed) {
      const object = addon.istioObject?.(settings, namespace);
      if (object && !args.meshTelemetry)
        new kubernetes.apiextensions.CustomResource(`${name}-${addon.name}`, object, this.after(istio));
    }
    this.registerOutputs();
  }

  private secret({ secret, entry }: ReturnType<typeof secretReferences>[number]): pulumi.Resource {
    const { name, key, generated, plain } = secret;
    const given = entry === undefined ? undefined : own(this.args.secrets, entry);
    return new kubernetes.core.v1.Secret(
      `${this.name}-${name}`,
      {
        metadata: { name, namespace: this.args.settings.namespace },
        stringData: { ...plain, [key]: given ?? generatedSecret(`${this.name}-${generated}`, this.child) },
      },
      this.child,
    );
  }
}

export function addonContext(
  { settings, mesh, gateways, images }: Pick<ObservabilityArgs, "settings" | "mesh" | "gateways" | "images">,
  projectRoot: string,
): AddonContext {
  const installed = installedAddons(settings);
  const observed = {
    version: mesh.version,
    gateways: deployedGateways(gateways).map(([name]) => name),
    ambient: hasAmbient(mesh),
    strictMtls: mesh.mtls === "STRICT",
    certificateSeconds: milliseconds(issuedAuthority(mesh)?.duration ?? istiodDuration) / 1000,
  };
  return {
    namespace: settings.namespace,
    mesh: observed,
    settingsOf: settingsOf(settings),
    image: (official) => imageReference(images, official),
    pullSecrets: images.pullSecrets.length > 0 ? images.pullSecrets.map((secret) => secret.name) : undefined,
    datasources: installed.flatMap(({ addon, settings }) => addon.datasource?.(settings) ?? []),
    dashboards: installed.flatMap(({ addon, settings }) => addon.dashboards?.(settings, projectRoot) ?? []),
    alerts: settings.alerts === false ? [] : installed.flatMap(({ addon }) => addon.alerts?.(observed) ?? []),
  };
}
