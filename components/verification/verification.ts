import * as pulumi from "@pulumi/pulumi";
import type { Cluster } from "../cluster/cluster";
import type { Model } from "../model/model";
import type { VerificationSettings } from "../settings/sections/verification";
import { parseJson } from "../shared/json";
import type { KubernetesObject } from "../shared/kubernetes/object";
import { Layer, type LayerOptions } from "../shared/layer";
import { lifecycleCommand } from "../shared/lifecycle-command";
import { own } from "../shared/own";
import { version as release } from "../../package.json";
import {
  contextVariable,
  requestVariable,
  type VerificationInput,
  verificationRequest,
  type VerificationSummary,
} from "./run/request";
import { runPlan } from "./run/run-plan";

export interface VerificationArgs {
  readonly settings: VerificationSettings;
  readonly model: Model;
  /** What the policies were compiled to. */
  readonly policies: readonly KubernetesObject[];
  readonly cluster: Pick<Cluster, "kubeconfig" | "kubeContext" | "simulatedNodes">;
  readonly stack: string;
  /** By name. */
  readonly secrets: Readonly<Record<string, pulumi.Output<string>>>;
}

/** `exec`, so that a signal to the command reaches the verification. */
const command = (verb: "verify" | "remove") => `exec node components/verification/run/verify.cjs ${verb}`;

/**
 * Proves every policy with traffic, after everything is deployed. Runs on creation and when its request or its plan changes:
 * policies, the mesh, applications, probes. A policy that does not hold fails it, so that the next deployment runs it again.
 */
export class Verification extends Layer {
  /** The summary and the path of the report. */
  readonly result: pulumi.Output<readonly string[]>;

  constructor(name: string, args: VerificationArgs, opts?: LayerOptions) {
    super("talos-mesh:verification:Verification", name, opts);
    const { settings, model, policies, cluster, stack } = args;
    const plan = runPlan(model, settings);
    if (cluster.simulatedNodes) {
      const count = plan.probes.length;
      this.result = pulumi.output([`Policies: ${count} not measurable: simulated nodes carry no traffic`]);
      this.registerOutputs({ result: this.result });
      return;
    }
    const request = verificationRequest(stack, model, { settings, plan, policies, release });
    const keys = pulumi.all(
      Object.fromEntries(
        settings.tokens.map(({ issuer, signingKey }) => [issuer, own(args.secrets, signingKey.secret) ?? ""]),
      ),
    );
    const input = pulumi.all([cluster.kubeconfig, keys]).apply(([kubeconfig, known]) => {
      const given: VerificationInput = { plan, keys: known };
      return JSON.stringify({ kubeconfig, input: given });
    });
    const run = lifecycleCommand(
      `${name}-run`,
      {
        apply: command("verify"),
        delete: command("remove"),
        environment: {
          [requestVariable]: JSON.stringify(request),
          ...(cluster.kubeContext !== undefined && { [contextVariable]: cluster.kubeContext }),
        },
        stdin: pulumi.secret(input),
      },
      this.child,
    );
    this.result = run.stdout.apply((stdout) => {
      // Stdout of a rendering is not a result.
      const { sentences = [], report } = (parseJson(stdout) ?? {}) as Partial<VerificationSummary>;
      return [...sentences, ...(report === undefined ? [] : [`Report: ${report}/verification.html`])];
    });
    this.registerOutputs({ result: this.result });
  }
}
