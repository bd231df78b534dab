import { stringify } from "yaml";
import type { Environment } from "../../components/cluster/kinds/cluster-kind";
import { markdownTable } from "../../components/shared/markdown";
import { violations } from "./evaluate";
import { type Example, type Facts, type GuardedResource, type Guardrail, inProduction } from "./guardrail";
import { guardrails } from "./registry";
import { releaseIn } from "./resources";

/** What an example is judged by, where it does not say otherwise. */
export function exampleFacts({ facts }: Example): Facts {
  return { environment: "production", exceptions: [], today: "2027-03-31", plainSecrets: [], ...facts };
}

/** The messages of one guardrail for an example. */
export function exampleMessages({ id }: Guardrail, example: Example): string[] {
  return violations(example.resources ?? [], exampleFacts(example))
    .filter(({ guardrail }) => guardrail.id === id)
    .map(({ resource, message }) => `${resource}: ${message}`);
}

export function guardrailPage(): string {
  const environments = Object.keys(inProduction) as Environment[];
  const rows = guardrails.map(({ id, title, severity, scope }) => {
    return [`[\`${id}\`](#${id})`, title, ...environments.map((one) => severity[one]), scope];
  });
  return `# Guardrails

Generated from \`policies/guardrails/\` by \`npm run policies -- guardrails\`.

Guardrails judge what a stack would deploy, whatever wrote it: settings, Helm values, raw objects, or a change of the
program. Two ways to run them, with the same rules:

\`\`\`sh
npm run render -- --stack production --guardrails                  # needs no cluster and no Pulumi CLI
pulumi preview --stack production --policy-pack policies/guardrails # also with pulumi up
\`\`\`

- _mandatory_: the command fails, with exit code 1 from \`render\`. _advisory_: it is reported. _disabled_: it is not judged.
- The environment is \`talos-mesh:environment\`. The policy pack reads it, and the exceptions, from the configuration that the
  CLI gives it.
- Both judge the inputs of every resource, as the program gives them. A Helm release is one resource: its values are judged, and
  the objects that its chart makes of them are not seen. Where a guardrail depends on them, its section says so.
- A value that only a deployment can know is not judged: neither by \`render\`, nor in a preview. \`pulumi up\` judges it before
  the resource is changed, or at the end where the guardrail judges the stack.
- \`pulumi up\` judges first in its preview, and stops there. With \`--skip-preview\`, a guardrail that judges the stack comes
  after the changes.
- \`npm install\` installs what the policy pack needs (\`@pulumi/policy\`). It costs about a second of
  processor time; a command without it is as fast as before.

Tried with the Pulumi CLI 3.260: previews of dev, staging and production, with violations at each level, and with exceptions
before and after their last day. Tests start the policy pack as the CLI does, and speak its protocol. Not tried: \`pulumi up\`
with the policy pack on a cluster.

${markdownTable(["Guardrail", "What holds", ...environments, "Judges"], rows).join("\n")}

## Exceptions

\`\`\`yaml
talos-mesh:guardrails:
  exceptions:
    - id: mtls-strict
      resource: PeerAuthentication/shop/legacy # as a violation names it; without it, every resource
      reason: the scanner of the warehouse has no proxy yet
      until: "2027-03-31"
\`\`\`

An exception holds through its last day (UTC). From the next day on, what it excepted is reported again, and
\`exceptions-current\` names it. An exception never changes what the program itself refuses, such as faults of
\`talos-mesh:traffic\` in production.

${guardrails.map(section).join("\n")}`;
}

function section(guardrail: Guardrail): string {
  const { id, title, why, sees, passing, failing } = guardrail;
  return `## ${id}

${title}. ${why}

Sees: ${sees}

Passes:

${exampleText(passing)}

Fails:

${exampleText(failing)}

\`\`\`text
${exampleMessages(guardrail, failing).join("\n")}
\`\`\`
`;
}

function exampleText({ resources = [], facts = {} }: Example): string {
  const { exceptions, today, plainSecrets = [] } = facts;
  const secrets = Object.fromEntries(plainSecrets.map((name) => [name, "as it is"]));
  const texts = [
    ...resources.map(resourceText),
    ...(exceptions ? [`# on ${today}\n${stringify({ "talos-mesh:guardrails": { exceptions } })}`] : []),
    ...(plainSecrets.length > 0 ? [stringify({ "talos-mesh:secrets": secrets })] : []),
  ];
  return texts.map((text) => `\`\`\`yaml\n${text}\`\`\``).join("\n\n");
}

function resourceText(resource: GuardedResource): string {
  const release = releaseIn(resource);
  const options = { lineWidth: 0, aliasDuplicateObjects: false };
  if (release) return `# values of chart ${release.chart}\n${stringify(release.values, options)}`;
  if (resource.props.kind !== undefined) return stringify(resource.props, options);
  return `# resource ${resource.name}\nprotect: ${resource.protect}\n`;
}
