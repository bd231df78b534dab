import { exampleOf, outsideDev, type ResourceGuardrail, type Severities } from "../guardrail";

const commandType = "command:local:Command";

const machineSecrets = (isProtected: boolean) => exampleOf(commandType, "cluster-machine-secrets", {}, isProtected);

/** A cluster of dev is made again. */
const severity: Severities = { ...outsideDev, dev: "disabled" };

export const secretsProtected: ResourceGuardrail = {
  id: "secrets-protected",
  title: "The secrets of the cluster are protected",
  why: "Without the machine secrets a Talos cluster can no longer be administered, nor can a node be added.",
  severity,
  sees: "Pulumi's option `protect` of the resource that keeps the machine secrets; not secrets that a stack takes from elsewhere (`cluster.machineSecrets`).",
  scope: "resource",
  *check({ type, name, protect }) {
    if (type !== commandType || !name.endsWith("-machine-secrets") || protect) return;
    yield "is not protected, so that a destroy deletes it; set its option protect";
  },
  passing: { resources: [machineSecrets(true)] },
  failing: { resources: [machineSecrets(false)] },
};
