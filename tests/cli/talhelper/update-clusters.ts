import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { parse } from "yaml";
import { isTree } from "../../../components/shared/merge";
import { clusterFile, clusterNames, importCluster, madeOf, planText, reportText } from "./clusters";

// Writes what tests/fixtures/talhelper/README.md describes. talhelper and talosctl have to be on the PATH.

const work = mkdtempSync(path.join(tmpdir(), "talos-mesh-talhelper-"));
try {
  const secretsFile = path.join(work, "talsecret.yaml");
  const secrets = run("talhelper", ["gensecret"]);
  writeFileSync(secretsFile, secrets, { mode: 0o600 });
  const masks = valuesIn(parse(secrets), "");
  const wanted = process.argv.slice(2);
  for (const name of clusterNames.filter((each) => wanted.length === 0 || wanted.includes(each))) {
    const inputs = path.join(work, name);
    cpSync(clusterFile(name), inputs, { recursive: true });
    const options = ["--secret-file", secretsFile, "--out-dir", "out", "--offline-mode", "--no-gitignore"];
    run("talhelper", ["genconfig", ...options], inputs);
    const cluster = importCluster(name);
    writeFileSync(clusterFile(name, "report.txt"), reportText(cluster));
    if (existsSync(clusterFile(name, "stack.yaml"))) writeFileSync(clusterFile(name, "stack.yaml"), cluster.stackFile);
    for (const plan of cluster.plans) {
      const generated = path.join(inputs, "out", `${cluster.settings.name}-${plan.hostname}.yaml`);
      const patches = plan.patches.flatMap(({ content }, index) => {
        const file = path.join(work, `patch-${index}.yaml`);
        writeFileSync(file, content);
        return [plan.patchFlag, `@${file}`];
      });
      const made = run("talosctl", [...plan.genConfigArgs, "--with-secrets", secretsFile, ...patches]);
      write(name, "plans", plan.hostname, planText(plan));
      write(name, "talhelper", plan.hostname, madeOf.talhelper(name) + masked(readFileSync(generated, "utf8")));
      write(name, "talosctl", plan.hostname, madeOf.talosctl(plan) + masked(made));
    }
  }

  function masked(text: string): string {
    return masks.reduce((result, [at, value]) => result.replaceAll(value, `(${at})`), text);
  }
} finally {
  rmSync(work, { recursive: true });
}

function run(program: string, args: readonly string[], cwd?: string): string {
  return execFileSync(program, args, { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });
}

function write(name: string, kind: string, hostname: string, text: string): void {
  mkdirSync(clusterFile(name, kind), { recursive: true });
  writeFileSync(clusterFile(name, kind, `${hostname}.yaml`), text);
}

/** Every value of the machine secrets, with its path. */
function valuesIn(value: unknown, at: string): [at: string, value: string][] {
  if (typeof value === "string") return [[at, value]];
  return Object.entries(isTree(value) ? value : {}).flatMap(([key, inner]) =>
    valuesIn(inner, at ? `${at}.${key}` : key),
  );
}
