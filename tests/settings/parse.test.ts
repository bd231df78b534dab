import assert from "node:assert/strict";
import path from "node:path";
import fc from "fast-check";
import { formatPath, SettingsError } from "../../components/shared/problem";
import { validate } from "../../components/validation/validate";
import { settingsSchema } from "../../components/settings/schema";
import { readStackFile, root, stacks } from "./stack-files";

const seed = 20_241;

function problemsOf(sections: Record<string, unknown>): readonly string[] {
  try {
    validate(sections, { secretNames: [] });
    return [];
  } catch (error) {
    if (error instanceof SettingsError) return error.message.split("\n");
    throw error;
  }
}

/** A stack with that many services of applications, five rules each, and a mistake in the last. */
function large(services: number): Record<string, unknown> {
  const names = Array.from({ length: services }, (_, index) => `service-${index}`);
  const rules = [1, 2, 3, 4].map((rule) => ({ match: [{ uri: { prefix: `/${rule}` } }], route: { v1: 50, v2: 50 } }));
  return {
    environment: "dev",
    cluster: { kind: "embedded", name: "large" },
    mesh: { version: "1.31.1" },
    applications: [
      {
        namespace: "shop",
        workloads: names.map((name) => ({ name, serviceAccount: name, port: 80, versions: ["v1", "v2"] })),
      },
    ],
    traffic: {
      services: names.map((host) => ({
        host,
        namespace: "shop",
        subsets: ["v1", "v2"],
        http: [...rules, { route: { v1: 100 } }],
      })),
    },
    security: {
      authorization: {
        default: "deny",
        allow: names.flatMap((to) =>
          names.slice(0, 5).map((from) => ({ to, namespace: "shop", from: [from], methods: ["GET"] })),
        ),
      },
    },
  };
}

/** Shortest of several runs, in milliseconds of processor time: a busy machine must not fail a test. */
function fastest(runs: number, run: () => void): number {
  const times = Array.from({ length: runs }, () => {
    const start = process.cpuUsage();
    run();
    const { user, system } = process.cpuUsage(start);
    return (user + system) / 1000;
  });
  return Math.min(...times);
}

describe("parsing settings", () => {
  for (const stack of stacks) {
    it(`accepts Pulumi.${stack}.yaml`, () => {
      const { sections, secretNames } = readStackFile(path.join(root, `Pulumi.${stack}.yaml`));
      validate(sections, { secretNames });
    });

    it(`changes nothing when what came of Pulumi.${stack}.yaml is parsed again`, () => {
      const { sections, secretNames } = readStackFile(path.join(root, `Pulumi.${stack}.yaml`));
      const { settings } = validate(sections, { secretNames });
      assert.deepEqual(validate({ ...settings }, { secretNames }).settings, settings);
    });
  }

  it("says the same, whatever the order of the file", () => {
    const { sections } = readStackFile(path.join(root, "tests/fixtures/bad/several-sections.yaml"));
    const reversed = Object.fromEntries(Object.entries(sections).reverse());
    assert.deepEqual(problemsOf(reversed), problemsOf(sections));
    assert.ok(problemsOf(sections).length > 5);
  });

  it("refuses any plain data with a SettingsError or accepts it, and never fails otherwise", () => {
    const sectionNames = fc.constantFrom(...Object.keys(settingsSchema.shape), "secrets", "__proto__", "constructor");
    fc.assert(
      fc.property(fc.dictionary(sectionNames, fc.jsonValue({ maxDepth: 4 })), (sections) => {
        assert.ok(problemsOf(sections).length > 0);
      }),
      { seed, numRuns: 200 },
    );
  });

  it("reports one damaged value of a good file at its own path or above it", () => {
    const { sections } = readStackFile(path.join(root, "Pulumi.production.yaml"));
    // Values of a chart may be anything.
    const leaves = [...leavesOf(sections, [])].filter((leaf) => !formatPath(leaf).includes("mesh.values."));
    fc.assert(
      fc.property(fc.constantFrom(...leaves), (leaf) => {
        const damaged = structuredClone(sections);
        const parent = leaf
          .slice(0, -1)
          .reduce<unknown>((value, key) => (value as Record<string, unknown>)[key], damaged);
        (parent as Record<string | number, unknown>)[leaf.at(-1) ?? ""] = { unknown: ["key", "here"] };
        const lines = problemsOf(damaged).slice(1);
        assert.ok(lines.length > 0, `${formatPath(leaf)} was accepted`);
      }),
      { seed, numRuns: 200 },
    );
  });

  it("takes under 30 ms for the stack dev", () => {
    const { sections } = readStackFile(path.join(root, "Pulumi.dev.yaml"));
    // Neighbors on the machine slow down what runs next to them, in processor time too.
    assert.ok(fastest(50, () => validate(sections, { secretNames: [] })) < 30);
  });

  it("takes ten times as long for ten times as many services, with slack for the machine", () => {
    const [hundred, thousand] = [large(100), large(1000)];
    const small = fastest(5, () => validate(hundred, { secretNames: [] }));
    const big = fastest(3, () => validate(thousand, { secretNames: [] }));
    assert.ok(big / small < 30, `100 services: ${small.toFixed(1)} ms, 1,000 services: ${big.toFixed(1)} ms`);
  });

  it("stays linear when every service has a mistake", () => {
    const mistaken = (services: number) => {
      const settings = large(services) as { traffic: { services: { host: string }[] } };
      for (const service of settings.traffic.services) service.host = service.host.replace("service", "servce");
      return settings as unknown as Record<string, unknown>;
    };
    const [hundred, thousand] = [mistaken(100), mistaken(1000)];
    assert.equal(problemsOf(thousand).length, 1001);
    const small = fastest(3, () => problemsOf(hundred));
    const big = fastest(3, () => problemsOf(thousand));
    assert.ok(big / small < 30, `100 services: ${small.toFixed(1)} ms, 1,000 services: ${big.toFixed(1)} ms`);
  });
});

function* leavesOf(value: unknown, at: (string | number)[]): Iterable<(string | number)[]> {
  if (typeof value !== "object" || value === null) {
    // Inside free-form values everything is allowed.
    if (at.length > 0 && !at.includes("networkInterfaces")) yield at;
    return;
  }
  for (const [key, item] of Object.entries(value))
    yield* leavesOf(item, [...at, Array.isArray(value) ? Number(key) : key]);
}
