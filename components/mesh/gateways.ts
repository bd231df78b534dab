import * as kubernetes from "@pulumi/kubernetes";
import type { Output, Resource } from "@pulumi/pulumi";
import { challengedHosts, type KnownIssuers } from "../model/certificates";
import { controlPlaneOf, revisionName } from "../model/control-planes";
import { defaultRevision } from "../shared/istio";
import { exposedHosts, type ExposingSections } from "../model/exposures";
import { gatewayWorkloads } from "../model/gateways";
import type { ConnectionEntrance } from "../model/policies/connection-entrances";
import type { EgressEntrance } from "../model/policies/egress-entrances";
import type { Settings } from "../settings/schema";
import { defaultLoadBalancerTimeout, type GatewayDeploymentSettings } from "../settings/sections/gateways";
import type { MeshSettings } from "../settings/sections/mesh";
import { digestOf } from "../shared/digest";
import { milliseconds } from "../shared/duration";
import type { ChartSource } from "../shared/chart-source";
import { helmRelease } from "../shared/helm-release";
import { Layer, type LayerOptions } from "../shared/layer";
import type { GatewayWorkload } from "../shared/workload";
import { gatewayApiObjects } from "./gateway-api";
import { lifecycleStep, type StepAccess } from "./lifecycle/steps";
import type { ClusterFacts, MeshValuesInput } from "./values/common-values";
import { leftByUnsetFields } from "./values/gateway-effects";
import { gatewayValues } from "./values/istio-charts";
import { deployedByIstiod } from "./waypoints";
import { own } from "../shared/own";

function revisionOf(mesh: MeshSettings, namespace: string): { readonly revision?: string } {
  const revision = revisionName(mesh, namespace);
  return revision === defaultRevision ? {} : { revision };
}

export interface IstioArgs extends MeshValuesInput, ExposingSections, KnownIssuers, Pick<Settings, "gateways"> {
  readonly cluster: ClusterFacts & StepAccess;
  readonly entrances: readonly EgressEntrance[];
  readonly connections: readonly ConnectionEntrance[];
  readonly source: ChartSource;
  readonly secrets: Readonly<Record<string, Output<string>>>;
  /** What gives Services of type LoadBalancer their addresses, where this program installs it. */
  readonly loadBalancers: readonly Resource[];
  /** What issues certificates, where this program installs it. */
  readonly issuers: readonly Resource[];
  /** All of the settings, by which charts of others are installed. */
  readonly stack: Settings;
}

/** The proxies at the mesh's edge: one release or Gateway each, so that one can change without the others. */
export class Gateways extends Layer {
  constructor(
    private readonly name: string,
    private readonly args: IstioArgs,
    opts?: LayerOptions,
  ) {
    super("talos-mesh:mesh:Gateways", name, opts);
    for (const workload of gatewayWorkloads(args.gateways)) {
      const settings = own(args.gateways, workload.name);
      if (!settings) continue;
      if (settings.kind === "chart") this.byChart(workload, settings);
      if (settings.kind === "gateway-api") this.byGatewayApi(workload, settings);
    }
    this.registerOutputs();
  }

  private byChart(workload: GatewayWorkload, settings: GatewayDeploymentSettings): void {
    const { name, args } = this;
    const { namespace, selector } = workload;
    const { mesh } = controlPlaneOf(args.mesh, namespace);
    const { version } = mesh;
    const values = { ...revisionOf(mesh, namespace), ...gatewayValues(settings, selector, { ...args, mesh }) };
    const behindLoadBalancer = settings.serviceType === "LoadBalancer";
    const installed = helmRelease(
      `${name}-${workload.name}`,
      {
        chart: "gateway",
        release: workload.service,
        namespace,
        version,
        source: args.source,
        values,
        // Helm would wait for the address until its timeout, then roll the release back.
        wait: !behindLoadBalancer,
      },
      this.child,
    );
    if (!behindLoadBalancer) return;
    const request = { ...stepInput(workload, settings), values: digestOf({ version, values }) };
    const step = `${name}-${workload.name}-address`;
    lifecycleStep(step, "gateway-address", request, args.cluster, this.after(installed));
  }

  private byGatewayApi(workload: GatewayWorkload, settings: GatewayDeploymentSettings): void {
    const { args } = this;
    const name = `${this.name}-${workload.name}`;
    const hosts = exposedHosts(args, workload.name);
    const { parameters, gateway } = gatewayApiObjects(workload, settings, {
      ...revisionOf(args.mesh, workload.namespace),
      hosts,
      challenged: challengedHosts(
        args,
        workload.name,
        hosts.map(({ host }) => host),
      ),
      entrances: args.entrances.filter(({ service }) => service.gateway.name === workload.name),
      connections: args.connections.filter(({ gateway }) => gateway.name === workload.name),
    });
    const parametersMap = new kubernetes.core.v1.ConfigMap(`${name}-parameters`, parameters, this.child);
    const input = { ...stepInput(workload, settings), unset: leftByUnsetFields(settings) };
    deployedByIstiod(name, gateway, input, args.cluster, this.after(parametersMap));
  }
}

function stepInput(
  { namespace, service: release }: GatewayWorkload,
  { serviceType, loadBalancerTimeout = defaultLoadBalancerTimeout }: GatewayDeploymentSettings,
) {
  const addressSeconds = milliseconds(loadBalancerTimeout) / 1000;
  return { namespace, release, ...(serviceType === "LoadBalancer" && { addressSeconds }) };
}
