import * as kubernetes from "@pulumi/kubernetes";
import type { Resource } from "@pulumi/pulumi";
import type { ApplicationName } from "../apps/registry";
import { controlPlaneOf, defaultRevision, revisionName } from "../model/control-planes";
import { gatewayWorkloads, hostOwners } from "../model/gateways";
import type { Settings } from "../settings/schema";
import type { GatewayDeploymentSettings, GatewaysSettings } from "../settings/sections/gateways";
import type { MeshSettings } from "../settings/sections/mesh";
import { milliseconds } from "../shared/duration";
import type { ChartSource } from "../shared/chart-source";
import { helmRelease } from "../shared/helm-release";
import { Layer, type LayerOptions } from "../shared/layer";
import type { GatewayWorkload } from "../shared/workload";
import { gatewayApiObjects } from "./gateway-api";
import { changesWith, type GatewayExtra, lifecycleStep, type StepAccess } from "./lifecycle/steps";
import type { ClusterFacts, MeshValuesInput } from "./values/common-values";
import { leftByUnsetFields } from "./values/gateway-fields";
import { gatewayValues } from "./values/istio-charts";
import { untilProgrammed } from "./waypoints";

/** The tag or revision of a gateway's proxies. */
function revisionOf(mesh: MeshSettings, namespace: string): { readonly revision?: string } {
  const revision = revisionName(mesh, namespace);
  return revision === defaultRevision ? {} : { revision };
}

export interface GatewaysArgs extends MeshValuesInput, Pick<Settings, "traffic" | ApplicationName> {
  readonly cluster: ClusterFacts & StepAccess;
  readonly gateways: GatewaysSettings;
  readonly source: ChartSource;
}

/** How long a load balancer may take for its address by default. */
const defaultLoadBalancerTimeout = "5m";

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
    const release = {
      chart: "gateway",
      release: workload.service,
      namespace,
      version: mesh.version,
      source: args.source,
      values: { ...revisionOf(mesh, namespace), ...gatewayValues(settings, selector, { ...args, mesh }) },
    };
    // Helm would wait for the address indefinitely.
    const behindLoadBalancer = settings.serviceType === "LoadBalancer";
    const installed = helmRelease(
      `${name}-${workload.name}`,
      behindLoadBalancer ? { ...release, wait: false } : release,
      this.child,
    );
    const { version, values } = release;
    if (behindLoadBalancer) this.running("address", { workload, settings, input: { version, values } }, installed);
  }

  /** istiod deploys it; on simulated nodes no istiod runs. */
  private byGatewayApi(workload: GatewayWorkload, settings: GatewayDeploymentSettings): void {
    const { name, args } = this;
    const { parameters, gateway } = gatewayApiObjects(workload, settings, {
      ...revisionOf(args.mesh, workload.namespace),
      hosts: hostOwners(args, workload.name),
    });
    const behindLoadBalancer = settings.serviceType === "LoadBalancer";
    const waits = !behindLoadBalancer && !args.cluster.simulatedNodes;
    const parametersMap = new kubernetes.core.v1.ConfigMap(
      `${name}-${workload.name}-parameters`,
      parameters,
      this.child,
    );
    const installed = new kubernetes.apiextensions.CustomResource(
      `${name}-${workload.name}`,
      { ...gateway, metadata: { ...gateway.metadata, ...(waits && untilProgrammed) } },
      this.after(parametersMap),
    );
    if (args.cluster.simulatedNodes) return;
    this.running("ready", { workload, settings, input: gateway, unset: leftByUnsetFields(settings) }, installed);
  }

  /** Waits for a gateway's pods and for a load balancer's address; the failure names remedies. */
  private running(
    what: "address" | "ready",
    { workload, settings, input, unset }: RunningGateway,
    installed: Resource,
  ): void {
    const { serviceType, loadBalancerTimeout = defaultLoadBalancerTimeout } = settings;
    lifecycleStep(
      `${this.name}-${workload.name}-${what}`,
      {
        step: "gateway-address",
        when: "applied",
        access: this.args.cluster,
        request: {
          namespace: workload.namespace,
          release: workload.service,
          ...(serviceType === "LoadBalancer" && { addressSeconds: milliseconds(loadBalancerTimeout) / 1000 }),
          ...(unset && { unset }),
          values: changesWith(input),
        },
      },
      this.after(installed),
    );
  }
}

interface RunningGateway {
  readonly workload: GatewayWorkload;
  readonly settings: GatewayDeploymentSettings;
  /** What the gateway is created from: the step waits again when it changes. */
  readonly input: object;
  /** Objects that istiod may have created for settings that are no longer set. */
  readonly unset?: readonly GatewayExtra[];
}
