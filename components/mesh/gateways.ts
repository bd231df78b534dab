import * as kubernetes from "@pulumi/kubernetes";
import type { Resource } from "@pulumi/pulumi";
import type { ApplicationName } from "../apps/registry";
import { controlPlaneOf, revisionName } from "../model/control-planes";
import { defaultRevision } from "../shared/istio";
import { gatewayWorkloads, hostOwners } from "../model/gateways";
import type { Settings } from "../settings/schema";
import {
  defaultLoadBalancerTimeout,
  type GatewayDeploymentSettings,
  type GatewaysSettings,
} from "../settings/sections/gateways";
import type { MeshSettings } from "../settings/sections/mesh";
import { digestOf } from "../shared/digest";
import { milliseconds } from "../shared/duration";
import type { ChartSource } from "../shared/chart-source";
import { helmRelease } from "../shared/helm-release";
import { Layer, type LayerOptions } from "../shared/layer";
import type { GatewayWorkload } from "../shared/workload";
import { gatewayApiObjects } from "./gateway-api";
import { type GatewayExtra, lifecycleStep, type StepAccess } from "./lifecycle/steps";
import type { ClusterFacts, MeshValuesInput } from "./values/common-values";
import { leftByUnsetFields } from "./values/gateway-fields";
import { gatewayValues } from "./values/istio-charts";
import { untilProgrammed } from "./waypoints";

function revisionOf(mesh: MeshSettings, namespace: string): { readonly revision?: string } {
  const revision = revisionName(mesh, namespace);
  return revision === defaultRevision ? {} : { revision };
}

export interface GatewaysArgs extends MeshValuesInput, Pick<Settings, "traffic" | ApplicationName> {
  readonly cluster: ClusterFacts & StepAccess;
  readonly gateways: GatewaysSettings;
  readonly source: ChartSource;
}

/** The proxies at the mesh's edge: one release or Gateway each, so that one can change without the others. */
export class Gateways extends Layer {
  constructor(
    private readonly name: string,
    private readonly args: GatewaysArgs,
    opts?: LayerOptions,
  ) {
    super("talos-mesh:mesh:Gateways", name, opts);
    for (const workload of gatewayWorkloads(args.gateways)) {
      const settings = args.gateways[workload.name];
      if (!settings) continue;
      if (settings.kind === "chart") this.byChart(workload, settings);
      else this.byGatewayApi(workload, settings);
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
    if (behindLoadBalancer) this.waitFor("address", workload, settings, { values: { version, values } }, installed);
  }

  /** istiod deploys it; on simulated nodes no istiod runs. */
  private byGatewayApi(workload: GatewayWorkload, settings: GatewayDeploymentSettings): void {
    const { args } = this;
    const name = `${this.name}-${workload.name}`;
    const { parameters, gateway } = gatewayApiObjects(workload, settings, {
      ...revisionOf(args.mesh, workload.namespace),
      hosts: hostOwners(args, workload.name),
    });
    const { simulatedNodes } = args.cluster;
    const waits = settings.serviceType !== "LoadBalancer" && !simulatedNodes;
    const parametersMap = new kubernetes.core.v1.ConfigMap(`${name}-parameters`, parameters, this.child);
    const installed = new kubernetes.apiextensions.CustomResource(
      name,
      { ...gateway, metadata: { ...gateway.metadata, ...(waits && untilProgrammed) } },
      this.after(parametersMap),
    );
    const request = { values: gateway, unset: leftByUnsetFields(settings) };
    if (!simulatedNodes) this.waitFor("ready", workload, settings, request, installed);
  }

  /** Waits for a gateway's pods and for a load balancer's address; the failure names remedies. */
  private waitFor(
    what: "address" | "ready",
    { name, namespace, service: release }: GatewayWorkload,
    { serviceType, loadBalancerTimeout = defaultLoadBalancerTimeout }: GatewayDeploymentSettings,
    { values, unset }: { readonly values: object; readonly unset?: readonly GatewayExtra[] },
    installed: Resource,
  ): void {
    const request = {
      namespace,
      release,
      ...(serviceType === "LoadBalancer" && { addressSeconds: milliseconds(loadBalancerTimeout) / 1000 }),
      ...(unset && { unset }),
      values: digestOf(values),
    };
    const step = `${this.name}-${name}-${what}`;
    lifecycleStep(step, "gateway-address", request, this.args.cluster, this.after(installed));
  }
}
