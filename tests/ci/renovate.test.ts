import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { istioReleases, talosReleases, versions } from "../../components/settings/versions";
import { root } from "./support";

interface Manager {
  readonly customType: string;
  readonly managerFilePatterns: readonly string[];
  readonly matchStrings: readonly string[];
  readonly depNameTemplate?: string;
  readonly datasourceTemplate: string;
}

const read = (file: string) => readFileSync(path.join(root, file), "utf8");
const { customManagers: managers } = JSON.parse(read("renovate.json")) as { customManagers: readonly Manager[] };

/** Files of the project in which versions are pinned, but for those of npm, of workflows and of GitLab. */
const filesIn = (folder: string, pattern: RegExp) =>
  readdirSync(path.join(root, folder))
    .filter((file) => pattern.test(file))
    .map((file) => path.join(folder, file));
const files = [
  "components/settings/versions.ts",
  ...filesIn("components/observability/addons", /\.ts$/),
  "components/mesh/lifecycle/readiness.ts",
  ...filesIn(".", /^Pulumi\..+\.yaml$/),
  ".github/actions/pulumi/action.yml",
  ".gitlab-ci.yml",
  "tests/support/wheels.ts",
].filter((file) => existsSync(path.join(root, file)));

interface Found {
  readonly file: string;
  readonly value: string;
  readonly at: number;
  readonly dependency: string;
}

/** What a manager finds in a file, as Renovate looks: its patterns are expressions between slashes. */
function foundBy({ managerFilePatterns, matchStrings, depNameTemplate }: Manager, file: string): Found[] {
  if (!managerFilePatterns.some((pattern) => new RegExp(pattern.slice(1, -1)).test(file))) return [];
  return matchStrings.flatMap((text) =>
    [...read(file).matchAll(new RegExp(text, "gd"))].map(({ groups = {}, indices }) => ({
      file,
      value: groups["currentValue"] ?? "",
      at: indices?.groups?.["currentValue"]?.[0] ?? -1,
      dependency: depNameTemplate ?? groups["depName"] ?? "",
    })),
  );
}

const found = files.flatMap((file) => managers.flatMap((manager) => foundBy(manager, file)));

/** Positions in a file of what the first group of an expression matches. */
function pins(file: string, pattern: RegExp): { readonly file: string; readonly value: string; readonly at: number }[] {
  return [...read(file).matchAll(new RegExp(pattern, `${pattern.flags}gd`))].map(({ 1: value = "", indices }) => {
    return { file, value, at: indices?.[1]?.[0] ?? -1 };
  });
}

function assertFoundOnce(all: readonly { readonly file: string; readonly value: string; readonly at: number }[]): void {
  assert.ok(all.length > 0);
  for (const { file, value, at } of all) {
    const matches = found.filter((each) => each.file === file && each.at === at && each.value === value);
    assert.equal(matches.length, 1, `${file}: ${value} is found by ${matches.length} managers`);
  }
}

describe("renovate.json", () => {
  const source = "components/settings/versions.ts";

  it("has a manager for each of the pinned versions", () => {
    const all = Object.entries(versions).flatMap(([name, value]) =>
      pins(source, new RegExp(`^  ${name}: "(${value.replaceAll(".", "\\.")})"`, "m")),
    );
    assert.equal(all.length, Object.keys(versions).length);
    assertFoundOnce(all);
  });

  it("has a manager for the newest patch release of each minor version of Istio and Talos", () => {
    const all = pins(source, /\bnewest: "([^"]+)"/);
    const releases = [...istioReleases.values(), ...talosReleases.values()];
    // The newest Istio is the pinned version.
    assert.equal(all.length, releases.filter(({ newest }) => newest !== undefined).length - 1);
    assertFoundOnce(all);
  });

  it("has a manager for each image that is named in full", () => {
    const image = /"[a-z.]+\.(?:io|com)\/[^:"$]+:([^"$]+)"/;
    assertFoundOnce(files.filter((file) => file.startsWith("components/")).flatMap((file) => pins(file, image)));
  });

  it("has a manager for the chart of each addon, with its repository", () => {
    const all = filesIn("components/observability/addons", /\.ts$/).flatMap((file) =>
      pins(file, /^ +version: "([^"]+)"/m),
    );
    assert.ok(all.length >= 6);
    assertFoundOnce(all);
  });

  it("has a manager for the versions of each stack", () => {
    const stacks = filesIn(".", /^Pulumi\..+\.yaml$/);
    for (const pattern of [/\btalosVersion: (v\S+)/, /\bkubernetesVersion: (v\S+)/]) {
      assertFoundOnce(stacks.flatMap((file) => pins(file, pattern)));
    }
    assertFoundOnce(stacks.flatMap((file) => pins(file, /^ {2}talos-mesh:mesh:\n {4}version: (\S+)/m)));
  });

  it("has a manager for the Pulumi CLI and the programs of tests", () => {
    assertFoundOnce(files.flatMap((file) => pins(file, /(?:pulumi-version|PULUMI_VERSION): (\S+)/)));
    assertFoundOnce(pins("tests/support/wheels.ts", /^ {4}version: "([^"]+)"/m));
  });

  it("has no manager that finds nothing", () => {
    for (const manager of managers) {
      assert.equal(manager.customType, "regex");
      assert.ok(
        files.some((file) => foundBy(manager, file).length > 0),
        JSON.stringify(manager),
      );
    }
  });

  it("names the dependency of everything that it finds", () => {
    for (const { file, value, dependency } of found) assert.notEqual(dependency, "", `${file}: ${value}`);
  });
});
