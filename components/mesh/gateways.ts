import { createHash } from "node:crypto";
import { controlPlaneOf, defaultRevision, revisionName } from "../settings/control-planes";
import type { GatewayDeploymentSettings, GatewaysSettings, GatewayTlsSettings } from "../settings/sections/gateways";
import type { MeshSettings } from "../settings/sections/mesh";
import { milliseconds } from "../shared/duration";
import { type ChartSource, helmRelease, type HelmReleaseArgs, type HelmValues } from "../shared/helm-release";
import { Layer, type LayerOptions } from "../shared/layer";
import type { GatewayTls, GatewayWorkload } from "../shared/workload";
import { lifecycleStep, type StepAccess } from "./lifecycle/step";
import { gatewayServicePorts, gatewayValues } from "./values/gateway";
import type { ClusterFacts, MeshValuesInput } from "./values/input";

/**
 * How policies name the gateways. The chart labels a release's pods `istio: <release without "istio-">`, and runs
 * them under a service account with the release's name.
 * Source: istio/istio, manifests/charts/gateway/templates/_helpers.tpl.
 */
export function gatewayWorkloads(gateways: GatewaysSettings): readonly GatewayWorkload[] {
  return Object.entries(gateways).map(([name, settings]) => ({
    name,
    namespace: gatewayNamespace(name, settings),
    serviceAccount: releaseName(name),
    selector: selector(name),
    ports: gatewayServicePorts(settings),
    ...(settings.tls && { tls: gatewayTls(name, settings.tls) }),
  }));
}

function gatewayTls(name: string, { mode, httpsRedirect }: GatewayTlsSettings): GatewayTls {
  return { mode, httpsRedirect, credentialName: credentialName(name) };
}

/** The Secret with a gateway's certificate, in the gateway's namespace. */
export function credentialName(gateway: string): string {
  return `${releaseName(gateway)}-certificate`;
}

export function gatewayNamespace(gateway: string, { namespace }: Pick<GatewayDeploymentSettings, "namespace">): string {
  return namespace ?? releaseName(gateway);
}

function releaseName(gateway: string): string {
  return `istio-${gateway}`;
}

function selector(gateway: string): Readonly<Record<string, string>> {
  return { istio: gateway };
}

/** The tag or revision that a gateway's pods ask for. */
function revisionValues(mesh: MeshSettings, namespace: string): HelmValues {
  const revision = revisionName(mesh, namespace);
  return revision === defaultRevision ? {} : { revision };
}

export interface GatewaysArgs extends MeshValuesInput {
  readonly cluster: ClusterFacts & StepAccess;
  readonly gateways: GatewaysSettings;
  readonly source: ChartSource;
}

/** How long a load balancer may take for its address, where the settings do not say. */
const defaultLoadBalancerTimeout = "5m";

/** The proxies at the mesh's edge: a release each, so that one can change without the others. */
export class Gateways extends Layer {
  constructor(name: string, args: GatewaysArgs, opts?: LayerOptions) {
    super("talos-mesh:mesh:Gateways", name, opts);
    for (const [gateway, settings] of Object.entries(args.gateways)) {
      const namespace = gatewayNamespace(gateway, settings);
      const { mesh } = controlPlaneOf(args.mesh, namespace);
      const release = {
        chart: "gateway",
        release: releaseName(gateway),
        namespace,
        version: mesh.version,
        source: args.source,
        values: {
          ...revisionValues(mesh, namespace),
          ...gatewayValues(settings, selector(gateway), { ...args, mesh }),
        },
      };
      if (settings.serviceType === "LoadBalancer")
        this.behindLoadBalancer(`${name}-${gateway}`, release, settings, args);
      else helmRelease(`${name}-${gateway}`, release, this.child);
    }
    this.registerOutputs();
  }

  /** The release does not wait, because Helm would wait for an address for as long as there is none; a step does. */
  private behindLoadBalancer(
    name: string,
    release: HelmReleaseArgs,
    { loadBalancerTimeout = defaultLoadBalancerTimeout }: GatewayDeploymentSettings,
    { cluster }: GatewaysArgs,
  ): void {
    const installed = helmRelease(name, { ...release, wait: false }, this.child);
    const { version, values } = release;
    lifecycleStep(
      `${name}-address`,
      {
        step: "gateway-address",
        when: "applied",
        access: cluster,
        request: {
          namespace: release.namespace,
          release: release.release ?? release.chart,
          addressSeconds: milliseconds(loadBalancerTimeout) / 1000,
          values: createHash("sha256").update(JSON.stringify({ version, values })).digest("hex").slice(0, 12),
        },
      },
      this.after(installed),
    );
  }
}
