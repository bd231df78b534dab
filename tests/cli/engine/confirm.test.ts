import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { PassThrough } from "node:stream";
import { confirmed } from "../../../cli/engine/confirm";
import type { Engine } from "../../../cli/engine/engine";
import { CollectedChanges } from "../../../cli/report/changes";
import { Terminal } from "../../../cli/report/terminal";
import { quietObserver } from "../../embedded/engine/support/observer";

describe("a change of an environment other than dev", () => {
  let projectRoot: string;
  beforeEach(() => {
    projectRoot = mkdtempSync(path.join(tmpdir(), "talos-mesh-confirm-"));
    writeFileSync(path.join(projectRoot, "Pulumi.yaml"), "name: talos-mesh\nruntime: nodejs\n");
  });
  afterEach(() => rmSync(projectRoot, { recursive: true }));

  const engine = { name: "pulumi", preview: () => Promise.resolve() } as unknown as Engine;
  const asked = (environment: string, options: { yes?: boolean; file?: string; preview?: boolean } = {}) => {
    const configFile = path.join(projectRoot, options.file ?? "Pulumi.main.yaml");
    writeFileSync(configFile, `config:\n  talos-mesh:environment: ${environment}\n`);
    const run = { projectRoot, stack: "main", configFile, observer: quietObserver() };
    return confirmed({
      ...{ run, verb: "deploy", command: "npm start", interactive: false },
      engine: options.preview === false ? { ...engine, preview: undefined } : engine,
      yes: options.yes ?? false,
      terminal: new Terminal(new PassThrough(), new PassThrough()),
    });
  };

  it("is refused without a terminal to confirm on, with the command that goes on", async () => {
    await assert.rejects(
      asked("production"),
      /"main" is a production environment, and there is no terminal to confirm on; pass --yes to deploy it\.\nNothing was changed\. The command: npm start -- --stack main --yes$/,
    );
    await assert.rejects(asked("staging", { file: "other.yaml" }), /--stack main --config \/.*other\.yaml --yes$/);
  });

  it("needs no confirmation with --yes, and for dev", async () => {
    assert.equal(await asked("production", { yes: true }), true);
    assert.equal(await asked("dev"), true);
  });

  it("is left to an engine that refuses it by itself", async () => {
    assert.equal(await asked("production", { preview: false }), true);
  });
});

describe("what a preview found", () => {
  it("is a line for each change, and how many there are of each", () => {
    const changes = new CollectedChanges(quietObserver());
    const out = new PassThrough();
    changes.finished({ layer: "apps", label: "Service shop/a" }, "unchanged");
    assert.ok(changes.none);
    changes.finished({ layer: "apps", label: "Service shop/b" }, "created");
    changes.finished({ layer: "mesh", label: "Release istio-system/istiod" }, "replaced");
    assert.ok(!changes.none);
    changes.report(new Terminal(out, new PassThrough()));
    const text = String(out.read());
    assert.match(text, /^ {2}\+ apps +Service shop\/b$/m);
    assert.match(text, /^ {2}± mesh +Release istio-system\/istiod$/m);
    assert.match(text, /^1 to create, 1 to replace, 1 object unchanged$/m);
    assert.doesNotMatch(text, /shop\/a/);
  });
});
