import { readFileSync } from "node:fs";
import path from "node:path";
import { parse } from "yaml";

export interface AlertRule {
  readonly alert: string;
  readonly expr: string;
  readonly for: string;
  /** `gateway` distinguishes alerts with the same name. */
  readonly labels: { readonly severity: "critical" | "warning"; readonly gateway?: string };
  readonly annotations: { readonly summary: string; readonly description: string; readonly runbook: string };
}

export interface AlertGroup {
  readonly name: string;
  readonly rules: readonly AlertRule[];
}

export interface ObservedMesh {
  /** Names of the gateways; their pods have the label `istio: <name>`. */
  readonly gateways: readonly string[];
  readonly ambient: boolean;
  readonly strictMtls: boolean;
}

interface RuleTemplate extends Pick<AlertRule, "alert" | "expr" | "for"> {
  readonly when?: keyof ObservedMesh;
  readonly severity: AlertRule["labels"]["severity"];
  readonly summary: string;
  readonly description: string;
}

/** Alerts on the mesh, each with a section of docs/runbook.md that has the remedy. */
export function meshAlerts(mesh: ObservedMesh): readonly AlertGroup[] {
  const text = readFileSync(path.join(__dirname, "prometheus-alerts.yaml"), "utf8");
  const groups = parse(text) as Readonly<Record<string, readonly RuleTemplate[]>>;
  return Object.entries(groups).map(([name, templates]) => ({
    name,
    rules: templates.flatMap((template) => {
      if (template.when === "gateways") return mesh.gateways.map((gateway) => rule(template, gateway));
      return template.when === undefined || mesh[template.when] ? [rule(template)] : [];
    }),
  }));
}

function rule(template: RuleTemplate, gateway?: string): AlertRule {
  const { alert, expr, for: holds, severity, summary, description } = template;
  const forGateway = (text: string) => text.replaceAll("<gateway>", gateway ?? "");
  return {
    alert,
    expr: forGateway(expr),
    for: holds,
    labels: { severity, ...(gateway !== undefined && { gateway }) },
    annotations: { summary: forGateway(summary), description, runbook: `docs/runbook.md#${alert.toLowerCase()}` },
  };
}
