import { asTree, type Tree, treesIn } from "../../../components/shared/merge";
import { object, outsideDev, type StackGuardrail } from "../guardrail";
import { containersIn, objectsIn } from "../resources";

const configMap = (data: Tree) =>
  object({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "payments", namespace: "shop" }, data });

export const noPlainSecrets: StackGuardrail = {
  id: "no-plain-secrets",
  title: "No secret is kept as plain text",
  why: "What is in a stack file or a ConfigMap is in the repository, in the state and in the hands of everyone who may read them.",
  severity: outsideDev,
  sees: "Values under `talos-mesh:secrets` of the stack file that are not encrypted; private keys and tokens in ConfigMaps; variables of containers that are named like a secret and have a value. Not judged: the stack file where the CLI is given another one (`--config-file`).",
  scope: "stack",
  *check(resources, { plainSecrets = [] }) {
    for (const name of plainSecrets) {
      const remedy = `pulumi config set --secret --path 'talos-mesh:secrets.${name}'`;
      yield { message: `talos-mesh:secrets.${name} is plain text in the stack file; encrypt it: ${remedy}` };
    }
    for (const resource of objectsIn(resources, "ConfigMap", "")) {
      for (const [key, value] of Object.entries(asTree(resource.props.data))) {
        if (typeof value !== "string" || !secretText.test(value)) continue;
        yield { resource, message: `data.${key} holds a private key or a token; keep it in a Secret` };
      }
    }
    for (const resource of resources) {
      for (const { name, props } of containersIn(resource)) {
        for (const variable of treesIn(props.env)) {
          const { name: key, value } = variable;
          if (typeof key !== "string" || typeof value !== "string" || value === "" || !secretName.test(key)) continue;
          yield {
            resource,
            message: `container ${name}: variable ${key} has its value here; take it from a Secret (valueFrom)`,
          };
        }
      }
    }
  },
  passing: { resources: [configMap({ endpoint: "https://payments.example.com" })], facts: { plainSecrets: [] } },
  failing: {
    resources: [configMap({ "tls.key": "-----BEGIN PRIVATE KEY-----\n..." })],
    facts: { plainSecrets: ["registry"] },
  },
};

/** A PEM private key, an AWS access key, tokens of GitHub, GitLab and Slack. */
const secretText =
  /-----BEGIN [A-Z ]*PRIVATE KEY-----|\bAKIA[0-9A-Z]{16}\b|\bgh[pousr]_[A-Za-z0-9]{36}\b|\bglpat-[-\w]{20}|\bxox[abprs]-[-\w]{10}/;

const secretName = /(^|_)(PASSWORD|PASSWD|SECRET|TOKEN|API_?KEY|PRIVATE_?KEY)$/i;
