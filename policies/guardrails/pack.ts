import { existsSync } from "node:fs";
import path from "node:path";
import * as policy from "@pulumi/policy";
import * as pulumi from "@pulumi/pulumi";
import { stackFileVariable } from "../../components/settings/context";
import { guardrails as guardrailsSection } from "../../components/settings/sections/guardrails";
import { UserError } from "../../components/shared/problem";
import { plainSecrets } from "../../components/settings/stack-file";
import { resourceFindings, severityOf, stackFindings } from "./evaluate";
import { type Facts, type GuardedResource, type Guardrail, today, unknownValue } from "./guardrail";
import { guardrails } from "./registry";
import { titleOf } from "./resources";

// The CLI starts a process for each stack, and gives it the stack's configuration (PULUMI_CONFIG), from which environment
// and exceptions are read. Without one, as when the pack is published, the rules of production hold.

const projectRoot = path.resolve(__dirname, "../..");
const config = new pulumi.Config("talos-mesh");
const facts = stackFacts();

/**
 * Inputs by URN, which the engine gives for each resource before it gives the whole stack. Of the stack it gives the outputs,
 * and these are empty in a preview as long as the cluster, and with it the kubeconfig, is not known.
 */
const inputs = new Map<string, GuardedResource>();

new policy.PolicyPack("talos-mesh-guardrails", { policies: guardrails.map(asPolicy) });

function stackFacts(): Facts {
  const given = config.get("environment");
  const environment = given === "dev" || given === "staging" ? given : "production";
  // What is wrong with the section is for the program to refuse, which runs next to this.
  const { data } = guardrailsSection.safeParse(config.getObject("guardrails") ?? {});
  return { environment, exceptions: data?.exceptions ?? [], today: today(), plainSecrets: secretsInStackFile() };
}

/** The configuration that the pack is given does not say what was encrypted. */
function secretsInStackFile(): string[] | undefined {
  const file = process.env[stackFileVariable] ?? path.join(projectRoot, `Pulumi.${pulumi.getStack()}.yaml`);
  if (!existsSync(file)) return undefined;
  try {
    return [...plainSecrets(projectRoot, file).keys()];
  } catch (error) {
    if (error instanceof UserError) return undefined;
    throw error;
  }
}

function asPolicy(guardrail: Guardrail): policy.ResourceValidationPolicy | policy.StackValidationPolicy {
  const { id: name, title } = guardrail;
  const described = {
    name,
    description: `${title} (docs/guardrails.md)`,
    enforcementLevel: severityOf(guardrail, facts.environment),
  };
  if (guardrail.scope === "stack") {
    return {
      ...described,
      validateStack: ({ resources }, report) => {
        const all = resources.map((one) => inputs.get(one.urn) ?? guarded(one));
        for (const { resource, message } of stackFindings(guardrail, all, facts)) {
          report(resource ? `${titleOf(resource)}: ${message}` : message, resource?.urn);
        }
      },
    };
  }
  return {
    ...described,
    validateResource: (resource, report) => {
      const judged = guarded(resource);
      inputs.set(judged.urn, judged);
      for (const { message } of resourceFindings(guardrail, judged, facts)) report(`${titleOf(judged)}: ${message}`);
    },
  };
}

function guarded({
  urn,
  type,
  name,
  props,
  opts,
}: policy.ResourceValidationArgs | policy.PolicyResource): GuardedResource {
  return { urn, type, name, props: known(props) as GuardedResource["props"], protect: opts.protect };
}

/** A copy in which `unknownValue` replaces the values that throw when they are read. */
function known(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  const keys = Object.keys(value);
  const entries = keys.map((key) => [key, known(read(value as Readonly<Record<string, unknown>>, key))] as const);
  return Array.isArray(value) ? entries.map(([, item]) => item) : Object.fromEntries(entries);
}

function read(value: Readonly<Record<string, unknown>>, key: string): unknown {
  try {
    // eslint-disable-next-line own-keys/index -- one of its own keys
    return value[key];
  } catch {
    return unknownValue;
  }
}
