import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { isTree, type Tree } from "../../components/shared/merge";
import { type Manifest, manifestOf, readCorpus } from "../../scripts/coverage/corpus";
import {
  compileFragment,
  digestOfMeaning,
  digestsFile,
  readFragments,
  titleOf,
} from "../../scripts/coverage/fragments";
import { meaningOf } from "../../scripts/coverage/meaning";

const digests = new Map(Object.entries(JSON.parse(readFileSync(digestsFile, "utf8")) as Record<string, string>));
const fragments = readFragments().filter(({ settings }) => settings !== undefined);

describe("settings for Istio's samples and documentation", () => {
  for (const fragment of fragments) {
    it(`mean the same as when they were compared: ${titleOf(fragment)}`, () => {
      const { refusals, meaning } = compileFragment(fragment);
      const { refused } = fragment;
      if (refused === undefined) assert.deepEqual(refusals, []);
      else
        assert.ok(
          refusals.some((line) => line.includes(refused)),
          `not refused because of "${refused}": ${refusals.join("\n")}`,
        );
      assert.equal(digestOfMeaning(meaning), digests.get(titleOf(fragment)), meaning.join("\n"));
    });
  }

  it("have a digest each", () => {
    assert.deepEqual([...digests.keys()].sort(), fragments.map(titleOf).sort());
  });
});

describe("meaning of manifests", () => {
  /** Names of objects and of their parts, values that a Service with one version does not need, and what Gateway API implies, as a name with dots a host. */
  const withoutEffect = [
    /^(?:DestinationRule \.subsets|VirtualService \.(?:gateways|http\.name|http\.route\.weight))/,
    /^(?:Gateway \.selector|Gateway \.servers\.port\.name|ServiceEntry \.ports\.name)/,
    /^(?:HTTPRoute|TLSRoute|TCPRoute) \.(?:parentRefs\.|rules\.name|rules\.backendRefs\.(?:weight|group|kind)|rules\.filters\.type)/,
    /^K8sGateway \.(?:listeners\.name|listeners\.allowedRoutes\.namespaces\.from|infrastructure)/,
    /\.targetRefs\.group/,
  ];

  it("changes with each value of the objects of all fragments", () => {
    const unnoticed = new Set<string>();
    for (const fragment of fragments) {
      const { manifests, context } = compileFragment(fragment);
      const meaning = meaningOf(manifests, context).join("\n");
      for (const [index, manifest] of manifests.entries()) {
        for (const [at, spec] of changesOf(manifest.spec)) {
          const others = manifests.map((one, position) => (position === index ? { ...manifest, spec } : one));
          const changed = meaningOf(others, context).join("\n");
          if (changed === meaning) unnoticed.add(`${manifest.kind} ${at.replaceAll(/\.\d+/g, "")}`);
        }
      }
    }
    assert.deepEqual([...unnoticed].filter((at) => !withoutEffect.some((form) => form.test(at))).sort(), []);
  });

  it("is that of the labels of a subset, not of its name", () => {
    const route = virtualService({ host: "reviews", subset: "old" });
    const [named, same, other] = [{ version: "v1" }, { version: "v1" }, { version: "v2" }].map((labels, index) => {
      const name = index === 0 ? "old" : "first";
      return meaningOf([
        virtualService({ host: "reviews", subset: name }),
        manifest("DestinationRule", { host: "reviews", subsets: [{ name, labels }] }),
      ]);
    });
    assert.deepEqual(named, same);
    assert.notDeepEqual(named, other);
    assert.notDeepEqual(named, meaningOf([route, manifest("DestinationRule", { host: "ratings" })]));
  });

  it("is that of the cases of access rules, in whatever grouping", () => {
    const policy = (rules: readonly Tree[]) => manifest("AuthorizationPolicy", { rules });
    const from = (...principals: string[]) => ({ source: { principals } });
    const to = { operation: { methods: ["GET"] } };
    const one = meaningOf([policy([{ from: [from("a", "b")], to: [to] }])]);
    assert.deepEqual(meaningOf([policy([{ from: [from("a"), from("b")], to: [to] }])]), one);
    assert.deepEqual(
      meaningOf([policy([{ from: [from("b")], to: [to] }]), policy([{ from: [from("a")], to: [to] }])]),
      one,
    );
    assert.notDeepEqual(meaningOf([policy([{ from: [from("a"), from("b")] }])]), one);
    assert.notDeepEqual(meaningOf([{ ...policy([{ from: [from("a", "b")], to: [to] }]), namespace: "other" }]), one);
  });

  it("ends with the first rule for every request", () => {
    const rules = (...all: readonly Tree[]) =>
      meaningOf([manifest("VirtualService", { hosts: ["reviews"], http: all })]);
    const route = [{ destination: { host: "reviews" } }];
    assert.deepEqual(rules({ route }, { route, timeout: "1s" }), rules({ match: [{ uri: { prefix: "/" } }], route }));
    assert.notDeepEqual(rules({ match: [{ uri: { exact: "/" } }], route }, { route, timeout: "1s" }), rules({ route }));
  });
});

describe("manifests of a clone", () => {
  it("are those of YAML files, code blocks and here-documents, with the namespace of the command", () => {
    const folder = mkdtempSync(path.join(tmpdir(), "talos-mesh-corpus-"));
    const yaml = (name: string, indent = "") =>
      [
        "apiVersion: security.istio.io/v1",
        "kind: AuthorizationPolicy",
        `metadata: { name: ${name} }`,
        "spec:",
        "  action: $ACTION",
      ]
        .map((line) => indent + line)
        .join("\n");
    try {
      writeFileSync(path.join(folder, "a.yaml"), `kind: Service\n---\n${yaml("file")}\n`);
      writeFileSync(
        path.join(folder, "b.md"),
        `1. Text\n\n    {{< text bash >}}\n    $ kubectl apply -n foo -f - <<EOF\n${yaml("heredoc", "    ")}\n    EOF\n` +
          `    {{< /text >}}\n\n\`\`\`yaml\n${yaml("fence")}\n\`\`\`\n\n${yaml("prose")}\n`,
      );
      const found = readCorpus(folder, ["."]).flatMap(({ source, manifests }) =>
        manifests.map(({ name, namespace, spec, lines }) => [source, name, namespace, spec.action, lines]),
      );
      assert.deepEqual(found, [
        ["a.yaml", "file", undefined, "action", 5],
        ["b.md#1", "heredoc", "foo", "action", 5],
        ["b.md#2", "fence", undefined, "action", 5],
      ]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

function manifest(kind: string, spec: Tree): Manifest {
  return manifestOf({ apiVersion: "istio.io/v1", kind, metadata: { name: kind }, spec });
}

function virtualService(destination: Tree): Manifest {
  return manifest("VirtualService", { hosts: ["reviews"], http: [{ route: [{ destination }] }] });
}

/** Copies of a value, each with one string, number or boolean changed. */
function* changesOf(value: unknown, at = ""): Iterable<[at: string, changed: Tree]> {
  const entries = Array.isArray(value) ? [...value.entries()] : isTree(value) ? Object.entries(value) : [];
  for (const [key, part] of entries as [string | number, unknown][]) {
    const put = (changed: unknown) => {
      const copy = Array.isArray(value) ? [...(value as unknown[])] : { ...(value as Tree) };
      return Object.assign(copy, { [key]: changed }) as Tree;
    };
    const other = typeof part === "number" ? part + 1 : typeof part === "boolean" ? !part : `${String(part)}x`;
    if (typeof part !== "object") yield [`${at}.${key}`, put(other)];
    else for (const [where, changed] of changesOf(part, `${at}.${key}`)) yield [where, put(changed)];
  }
}
