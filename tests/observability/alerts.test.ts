import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { policiesDashboard } from "../../components/observability/addons/policies-dashboard";
import { meshAlerts } from "../../components/observability/addons/prometheus";
import { metrics, words } from "./promql";

const root = path.resolve(__dirname, "../..");
const observed = { gateways: ["ingress", "egress"], ambient: true, strictMtls: true, certificateSeconds: 86_400 };
const rules = meshAlerts(observed).flatMap((group) => group.rules);

/** Whether every bracket is closed by its own kind, outside of texts. */
function balanced(expr: string): boolean {
  const open: string[] = [];
  const pairs: Readonly<Record<string, string>> = { ")": "(", "]": "[", "}": "{" };
  for (const character of expr.replace(/"[^"]*"/g, "")) {
    if ("([{".includes(character)) open.push(character);
    else if (pairs[character] !== undefined && open.pop() !== pairs[character]) return false;
  }
  return open.length === 0;
}

/** Metrics of an expression: what is no word of PromQL, no label and no text. */
function used(expr: string): string[] {
  const outside = expr
    .replace(/"[^"]*"/g, "")
    .replace(/\{[^}]*\}/g, "")
    .replace(/\[[^\]]*\]/g, "")
    .replace(/\b(by|on|group_left|group_right)\s*\([^)]*\)/g, "")
    .replace(/\boffset \d+[smhd]/g, "");
  return (outside.match(/[a-zA-Z_:][a-zA-Z0-9_:]*/g) ?? []).filter((name) => !words.has(name));
}

describe("alerts", () => {
  it("are the expected ones", () => {
    assert.deepEqual([...new Set(rules.map(({ alert }) => alert))].sort(), [
      "IstioAuthorityExpires",
      "IstioAuthorityExpiresSoon",
      "IstioCniMissing",
      "IstioConfigurationRejected",
      "IstioConfigurationSlow",
      "IstioGatewayDown",
      "IstioInjectionFails",
      "IstioPlainText",
      "IstioServiceErrors",
      "IstioValidationFails",
      "IstioWorkloadCertificateExpires",
      "IstioZtunnelMissing",
      "IstiodDown",
    ]);
  });

  for (const rule of rules) {
    it(`${rule.alert} ${rule.labels.gateway ?? ""}: has a severity, a duration, a description and a section of the runbook`, () => {
      assert.match(rule.labels.severity, /^(critical|warning)$/);
      assert.match(rule.for, /^[1-9]\d*[mh]$/);
      const { summary, description, runbook } = rule.annotations;
      assert.ok(summary.length > 10 && description.length > 20);
      const [file = "", anchor = ""] = runbook.split("#");
      const headings = readFileSync(path.join(root, file), "utf8").matchAll(/^#+ (.+)$/gm);
      assert.ok(
        [...headings].some(([, heading = ""]) => heading.toLowerCase() === anchor),
        `${runbook} is not there`,
      );
    });

    it(`${rule.alert} ${rule.labels.gateway ?? ""}: uses metrics that exist`, () => {
      assert.ok(balanced(rule.expr), rule.expr);
      const named = [...rule.expr.matchAll(/__name__=~"([^"]+)"/g)].map(
        ([, pattern = ""]) => new RegExp(`^(${pattern})$`),
      );
      for (const pattern of named)
        assert.ok(
          [...metrics].some((metric) => pattern.test(metric)),
          String(pattern),
        );
      const unknown = used(rule.expr).filter((name) => !metrics.has(name));
      assert.deepEqual(unknown, []);
      assert.ok(used(rule.expr).length + named.length > 0);
    });
  }

  it("differ in name or labels", () => {
    const identities = rules.map(({ alert, labels }) => `${alert} ${JSON.stringify(labels)}`);
    assert.equal(new Set(identities).size, identities.length);
  });

  it("cover the parts that the mesh has, and no others", () => {
    const names = meshAlerts({ ...observed, gateways: [], ambient: false, strictMtls: false }).flatMap((group) =>
      group.rules.map(({ alert }) => alert),
    );
    for (const absent of ["IstioGatewayDown", "IstioZtunnelMissing", "IstioPlainText"]) {
      assert.ok(!names.includes(absent), absent);
    }
    assert.ok(names.includes("IstiodDown"));
  });

  it("leave a certificate half of its time to be renewed, also where that is less than an hour", () => {
    const limit = (certificateSeconds: number) =>
      meshAlerts({ ...observed, certificateSeconds })
        .flatMap((group) => group.rules)
        .find(({ alert }) => alert === "IstioWorkloadCertificateExpires")
        ?.expr.split(" < ")[1];
    assert.deepEqual([limit(86_400), limit(3600)], ["3600", "900"]);
  });
});

describe("the dashboard of policies and cost", () => {
  interface Panel {
    readonly id: number;
    readonly type: string;
    readonly title: string;
    readonly description?: string;
    readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
    readonly targets?: readonly { readonly refId: string; readonly expr: string; readonly legendFormat: string }[];
  }
  const panels = policiesDashboard().panels as readonly Panel[];

  it("has panels that do not overlap, with an id each", () => {
    assert.equal(new Set(panels.map(({ id }) => id)).size, panels.length);
    const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, cell) => `${x + (cell % w)},${y + Math.floor(cell / w)}`),
    );
    assert.equal(new Set(cells).size, cells.length);
    for (const { gridPos } of panels) assert.ok(gridPos.x + gridPos.w <= 24);
  });

  for (const { title, description, targets = [] } of panels.filter(({ type }) => type !== "row")) {
    it(`${title}: uses metrics that exist, and names its lines`, () => {
      assert.ok((description ?? "").length > 10);
      assert.ok(targets.length > 0);
      for (const { expr, legendFormat } of targets) {
        assert.ok(balanced(expr), expr);
        const names = used(expr.replaceAll("$__rate_interval", "5m"));
        assert.ok(names.length > 0);
        assert.deepEqual(
          names.filter((name) => !metrics.has(name)),
          [],
        );
        // A label that the sum drops would leave a gap in the name.
        for (const [, label = ""] of legendFormat.matchAll(/\{\{(\w+)\}\}/g)) {
          assert.ok(expr.includes(label), `${legendFormat}: ${label}`);
        }
      }
    });
  }
});
