import assert from "node:assert/strict";
import { stackFileSchema } from "../../components/settings/json-schema";
import { settingsPage } from "../../scripts/schema/settings-page";
import { projectRoot } from "../support/program";

/** The cells of a row, without backticks. */
function row(page: string, setting: string): string[] | undefined {
  const line = page.split("\n").find((one) => one.startsWith(`| \`${setting}\` |`));
  return line
    ?.split(/(?<!\\) \| /)
    .slice(1)
    .map((cell) => cell.replace(/ \|$/, "").replaceAll("`", "").trim());
}

describe("the page of settings", () => {
  const page = settingsPage(stackFileSchema(), projectRoot);

  it("has values, default, an example of a stack file and the description", () => {
    const [values, standard, example, description] = row(page, "mesh.dataPlane") ?? [];
    assert.deepEqual([values, standard, example], ["sidecar, ambient", "sidecar", "ambient"]);
    assert.match(description ?? "", /^sidecar: a proxy in each pod; ambient: ztunnel/);
    assert.equal(row(page, "verification.deadline")?.[1], "90s");
  });

  it("joins the alternatives of a kind", () => {
    assert.match(row(page, "cluster.kind")?.[0] ?? "", /^embedded, talos, docker, existing$/);
    assert.ok(row(page, "cluster.talosVersion"), "a field of one kind");
  });

  it("lists lists, names of one's own, and fields that several settings have once", () => {
    assert.deepEqual(row(page, "traffic.services[].http[].match[].headers.*")?.[0], "fields");
    assert.match(page, /Fields as those of `traffic\.services\[\]\.http\[\]/);
    assert.equal(page.split("| `gateways.*.serviceType` |").length, 2);
  });

  it("has a section for each key of a stack file", () => {
    const schema = stackFileSchema() as { properties: { config: { properties: Record<string, unknown> } } };
    for (const section of Object.keys(schema.properties.config.properties)) {
      assert.ok(page.includes(`\n## ${section}\n`), section);
    }
  });
});
