import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import fc from "fast-check";
import { StackRecord, type Entry } from "../../../embedded/engine/record";
import { teardownOrder } from "../../../embedded/engine/teardown-order";
import { Vault } from "../../../embedded/engine/vault";

const entry = (name: string, more: Partial<Entry> = {}): Entry => ({
  ...{ urn: `urn:pulumi:dev::p::kubernetes:core/v1:ConfigMap::${name}`, type: "kubernetes:core/v1:ConfigMap", name },
  ...{ layer: "apps", status: "done", sequence: 0, dependencies: [] },
  target: { kind: "object", apiVersion: "v1", objectKind: "ConfigMap", namespace: "shop", name },
  ...more,
});

describe("the runner's record", () => {
  let folder: string;
  let file: string;
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), "talos-mesh-record-"));
    file = path.join(folder, "stack", "state.json");
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it("is read back as it was written, in the order of completion, by its owner only", () => {
    const record = StackRecord.open(file);
    record.put(entry("a"));
    record.put(entry("b"));
    record.put(entry("a", { status: "intended" }));
    record.outputs = { url: "http://shop" };
    const read = StackRecord.open(file);
    assert.deepEqual(
      read.all().map(({ name, status }) => [name, status]),
      [
        ["b", "done"],
        ["a", "intended"],
      ],
    );
    assert.deepEqual(read.outputs, { url: "http://shop" });
    assert.equal(statSync(file).mode & 0o777, 0o600);
  });

  it("survives a write that was cut short", () => {
    StackRecord.open(file).put(entry("a"));
    writeFileSync(`${file}.part`, '{"version": 1, "resou');
    const record = StackRecord.open(file);
    record.put(entry("b"));
    assert.deepEqual(
      StackRecord.open(file)
        .all()
        .map(({ name }) => name),
      ["a", "b"],
    );
    assert.ok(!existsSync(`${file}.part`));
  });

  it("keeps what was set aside until it is removed", () => {
    const record = StackRecord.open(file);
    record.put(entry("a"));
    const [old] = record.all();
    assert.ok(old);
    record.setAside(old);
    record.put(entry("a"));
    assert.equal(record.all().length, 2);
    record.remove(`${old.urn}#${old.sequence}`);
    assert.deepEqual(
      record.all().map(({ urn }) => urn),
      [old.urn],
    );
  });

  it("refuses the record of another version, and one that is damaged, by name", () => {
    StackRecord.open(file).put(entry("a"));
    const text = readFileSync(file, "utf8");
    writeFileSync(file, text.replace('"version": 1', '"version": 2'));
    assert.throws(() => StackRecord.open(file), /state\.json was written by another version .*format 2/);
    writeFileSync(file, text.slice(0, 40));
    assert.throws(() => StackRecord.open(file), /state\.json cannot be read/);
  });

  it("makes no key before one is needed", () => {
    const file = path.join(folder, "unused", "key");
    assert.equal(Vault.open(file).fingerprint(1).length, 64);
    const untouched = path.join(folder, "untouched");
    Vault.open(path.join(untouched, "key"));
    assert.deepEqual([existsSync(file), existsSync(untouched)], [true, false]);
  });

  it("keeps fingerprints and secrets that nobody reads without the key", () => {
    const vault = Vault.open(path.join(folder, "key"));
    const again = Vault.open(path.join(folder, "key"));
    assert.equal(vault.fingerprint({ a: 1, b: { c: 2, d: 3 } }), again.fingerprint({ b: { d: 3, c: 2 }, a: 1 }));
    assert.notEqual(vault.fingerprint({ a: 1 }), vault.fingerprint({ a: "1" }));
    const sealed = vault.seal({ password: "correct-horse" });
    assert.ok(!Buffer.from(sealed, "base64").toString("latin1").includes("correct-horse"));
    assert.deepEqual(again.unseal(sealed), { password: "correct-horse" });
    const other = Vault.open(path.join(folder, "other-key"));
    assert.equal(other.unseal(sealed), undefined);
    assert.notEqual(other.fingerprint({ a: 1 }), vault.fingerprint({ a: 1 }));
    assert.equal(statSync(path.join(folder, "key")).mode & 0o777, 0o600);
  });
});

describe("the order of a teardown", () => {
  const order = (entries: readonly Entry[]) => teardownOrder(entries).map(({ entry: { name } }) => name);
  const named = (kind: string, apiVersion: string, name: string, namespace?: string) =>
    ({ target: { kind: "object", apiVersion, objectKind: kind, name, namespace } }) as const;

  it("takes objects before their namespace, their kind and the cluster they live in, whatever was declared", () => {
    const cluster = entry("cluster", { sequence: 9, target: { kind: "command", sealed: "" } });
    const entries = [
      entry("object", { sequence: 1, ...named("Crate", "example.com/v1", "one", "shop"), deletedWith: cluster.urn }),
      entry("kind", {
        sequence: 5,
        ...named("CustomResourceDefinition", "apiextensions.k8s.io/v1", "crates.example.com"),
      }),
      entry("namespace", { sequence: 7, ...named("Namespace", "v1", "shop") }),
      entry("release", { sequence: 2, target: { kind: "release", name: "web", namespace: "shop", timeout: 1 } }),
      cluster,
    ];
    const found = order(entries);
    for (const [before, after] of [
      ["object", "cluster"],
      ["object", "kind"],
      ["object", "namespace"],
      ["release", "namespace"],
    ] as const) {
      assert.ok(found.indexOf(before) < found.indexOf(after), `${before} before ${after}: ${found.join(", ")}`);
    }
  });

  it("takes the latest first where nothing else decides", () => {
    assert.deepEqual(order([1, 3, 2].map((sequence) => entry(`e${sequence}`, { sequence }))), ["e3", "e2", "e1"]);
  });

  it("holds every entry once and names only earlier steps, also where dependencies go in circles", () => {
    const graphs = fc.array(fc.array(fc.nat(7), { maxLength: 4 }), { maxLength: 8 });
    fc.assert(
      fc.property(graphs, (graph) => {
        const urn = (index: number) => entry(`e${index}`).urn;
        const steps = teardownOrder(
          graph.map((needs, index) => entry(`e${index}`, { sequence: index, dependencies: needs.map(urn) })),
        );
        assert.equal(new Set(steps.map((step) => step.entry.urn)).size, graph.length);
        steps.forEach(({ after }, index) => {
          const earlier = steps.slice(0, index).map((step) => step.entry.urn);
          assert.ok(after.every((each) => earlier.includes(each)));
        });
      }),
      { seed: 7 },
    );
  });
});
