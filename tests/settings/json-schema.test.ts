import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import Ajv from "ajv";
import { parse, stringify } from "yaml";
import { Random } from "../../components/shared/random";
import { stackFileSchema } from "../../components/settings/json-schema";
import { runCommand } from "../../cli/command";
import { parseSections } from "../../components/settings/parse";
import { changedConfig, readOriginals } from "../../scripts/fuzz";
import { command } from "../../scripts/schema";
import { root, stacks } from "./stack-files";

const good = path.join(root, "tests/fixtures/good");

/** Formats are for editors here; the patterns next to them decide. */
const validate = new Ajv({
  strict: true,
  strictRequired: false,
  // A limit next to a reference has no type of its own.
  strictTypes: false,
  allErrors: true,
  validateFormats: false,
}).compile(stackFileSchema());

function stackFile(stack: string): { config: Record<string, unknown> } & Record<string, unknown> {
  return parse(readFileSync(path.join(root, `Pulumi.${stack}.yaml`), "utf8")) as ReturnType<typeof stackFile>;
}

describe("the JSON Schema of stack files", () => {
  it("accepts the configurations that the parser accepts, and no other", function () {
    this.timeout(60_000);
    const random = new Random(Number(process.env.SEED ?? 11));
    const originals = readOriginals();
    const results = { accepted: 0, refused: 0 };
    for (let run = 0; run < Number(process.env.RUNS ?? 300); run++) {
      const original = originals[random.below(originals.length)];
      assert.ok(original);
      const entries = Object.entries(changedConfig(original, originals, random)).flatMap(([key, value]) =>
        key.startsWith("talos-mesh:") && key !== "talos-mesh:secrets" ? [[key, value] as const] : [],
      );
      // A JSON Schema cannot refuse one key at any depth of free-form values.
      if (JSON.stringify(entries).includes('"__proto__":')) continue;
      const sections = entries.map(([key, value]) => [key.slice("talos-mesh:".length), value] as const);
      const { problems } = parseSections(Object.fromEntries(sections), new Set());
      const accepted = validate({ config: Object.fromEntries(entries) });
      const found = JSON.stringify({ problems, errors: validate.errors }, undefined, 1);
      assert.equal(accepted, problems.length === 0, `${stringify(Object.fromEntries(entries))}\n${found}`);
      results[accepted ? "accepted" : "refused"] += 1;
    }
    assert.ok(results.accepted > 20 && results.refused > 20, JSON.stringify(results));
  });

  for (const stack of stacks) {
    it(`accepts Pulumi.${stack}.yaml`, () => {
      assert.ok(validate(stackFile(stack)), JSON.stringify(validate.errors, undefined, 1));
    });

    it(`is named in the first line of Pulumi.${stack}.yaml, for editors`, () => {
      const first = readFileSync(path.join(root, `Pulumi.${stack}.yaml`), "utf8").split("\n")[0];
      assert.equal(first, "# yaml-language-server: $schema=./talos-mesh.schema.json");
    });
  }

  for (const name of readdirSync(good)) {
    it(`accepts the good stack file ${name}`, () => {
      assert.ok(validate(parse(readFileSync(path.join(good, name), "utf8"))), JSON.stringify(validate.errors));
    });
  }

  it("is the one that is checked in", async () => {
    assert.equal(await runCommand(command, ["--check"]), 0);
  });

  it("refuses an argument it does not know", async () => {
    assert.equal(await runCommand(command, ["--chekc"]), 2);
  });

  it("accepts what the CLI and other providers add to a stack file", () => {
    const file = stackFile("dev");
    file.encryptionsalt = "v1:abc";
    file.secretsprovider = "passphrase";
    file.environment = ["shared"];
    file.config["kubernetes:kubeconfig"] = "x";
    file.config["talos-mesh:secrets"] = { kubeconfig: { secure: "v1:abc" }, plain: "text" };
    assert.ok(validate(file), JSON.stringify(validate.errors));
  });

  const mistakes: [string, (config: Record<string, unknown>) => void][] = [
    ["an unknown section", (config) => (config["talos-mesh:trafic"] = {})],
    ["an unknown key", (config) => (config["talos-mesh:mesh"] = { version: "1.31.1", profil: "demo" })],
    ["a wrong type", (config) => (config["talos-mesh:mesh"] = { version: 1.31 })],
    ["an unknown kind of cluster", (config) => (config["talos-mesh:cluster"] = { kind: "minikube", name: "x" })],
    [
      "a key of another kind of cluster",
      (config) => (config["talos-mesh:cluster"] = { kind: "embedded", name: "x", nodes: [] }),
    ],
    ["a missing section", (config) => delete config["talos-mesh:cluster"]],
    [
      "a weight above 100",
      (config) => (config["talos-mesh:traffic"] = { services: [{ host: "reviews", http: [{ route: { v1: 101 } }] }] }),
    ],
    ["a secret that is no text", (config) => (config["talos-mesh:secrets"] = { name: 5 })],
  ];
  for (const [what, change] of mistakes) {
    it(`refuses ${what}`, () => {
      const file = stackFile("dev");
      change(file.config);
      assert.equal(validate(file), false);
    });
  }
});
