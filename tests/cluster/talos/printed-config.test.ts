import assert from "node:assert/strict";
import { stringify } from "yaml";
import { partMarker } from "../../support/talosctl/fake";
import { on, refuse, run, type Step, steps } from "./steps";
import { addresses, machineConfig, machineSecrets, world } from "./worlds";

/** Secrets of users, in the places where they are written. */
const passwords = {
  proxy: "http://proxyuser:Pr0xy-Passw0rd@proxy.example.com:3128",
  variable: "correct-horse",
  number: "4711471147",
  file: "s3cr3t-in-a-file",
  json: "s3cr3t-in-json",
  registry: "registry-hunter2",
};
const leaks = ["Pr0xy-Passw0rd", ...Object.values(passwords).slice(1)];
const secretFields = {
  needsReboot: true,
  env: { http_proxy: passwords.proxy, TOKEN: passwords.variable, PIN: passwords.number },
  files: [
    { path: "/var/etc/app.conf", content: `user=admin\npassword=${passwords.file}\n{"token": "${passwords.json}"}\n` },
  ],
  registries: { config: { "r.example.com": { auth: { username: "u", password: passwords.registry } } } },
};

function assertNoLeak(text: string): void {
  for (const leak of leaks) assert.ok(!text.includes(leak), `${leak} is in: ${text}`);
}

describe("what is printed of a config", function () {
  this.timeout(60_000);
  const config = machineConfig("worker", "1.29.1", secretFields);
  const withSecrets = (step: Step): Step => ({ ...step, stdin: machineSecrets + partMarker + config });

  it("is the reason of a refusal, without the diff that Talos appends", () =>
    on(world("running"), async (talos) => {
      const output = await refuse(talos, withSecrets(steps.applyReboot), { TALOS_REBOOT: "never" });
      assert.match(output, /talosctl printed: .*this config change can't be applied in immediate mode\n+next: /);
      assertNoLeak(output);
    }));

  it("is no value of it, where Talos quotes it in an error", () =>
    on(
      world("running", (made) => {
        const [proxy, ...others] = [passwords.proxy, ...leaks.slice(1)];
        const error = `InvalidArgument desc = unknown keys found during decoding:\nmachine:\n    env2: ${proxy}\nparse "${proxy}": bad\nvalues ${others.join(" ")}`;
        made.faults = [{ match: "apply-config", error, times: 9 }];
      }),
      async (talos) => {
        const output = await refuse(talos, withSecrets(steps.applyWorker));
        assert.match(output, /unknown keys found during decoding:\nmachine:\n {4}env2: \[secret\]/);
        assertNoLeak(output);
      },
    ));

  it("is no value of a patch, in either form, where talosctl quotes it", () =>
    on(
      world("running", (made) => {
        made.faults = [{ match: "validate", error: `error: ${leaks.join(" and ")}`, times: 9 }];
      }),
      async (talos) => {
        const operations = Object.entries(secretFields).map(([key, value]) => ({
          op: "add",
          path: `/machine/${key}`,
          value,
        }));
        for (const patch of [stringify({ machine: secretFields }), `${JSON.stringify(operations)}\n`]) {
          const stdin = machineSecrets + partMarker + patch;
          assertNoLeak(await refuse(talos, { ...steps.machineConfig, stdin }));
        }
      },
    ));

  it("is the keys of a diff, and the values that cannot be a secret", () =>
    on(
      world("running", ({ nodes }) => {
        // Also what is removed: a password that was changed.
        nodes[addresses.worker1]!.config = machineConfig("worker", "1.29.1", { env: { OLD: "formerly-hunter2" } });
      }),
      async (talos) => {
        const { code, stdout, stderr } = await run(talos, withSecrets(steps.diff));
        assert.equal(code, 0, stderr);
        assertNoLeak(stdout);
        assert.ok(!stdout.includes("formerly"), stdout);
        assert.match(stdout, /^\+ +http_proxy: \[hidden\]$/m);
        assert.match(stdout, /^- +OLD: \[hidden\]$/m);
        assert.match(stdout, /^\+ +needsReboot: true$/m);
        assert.match(stdout, /^\+ +- path: \/var\/etc\/app\.conf$/m);
      },
    ));
});
