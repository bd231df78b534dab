import assert from "node:assert/strict";
import path from "node:path";
import { parse } from "yaml";
import { importTalconfig } from "../../../cli/talhelper/import-talconfig";
import { root } from "../../cluster/talos/config/plans";

const base = `
clusterName: test
talosVersion: v1.13.9
kubernetesVersion: v1.36.3
endpoint: https://192.0.2.10:6443
allowSchedulingOnControlPlanes: true
nodes:
  - hostname: cp-1
    ipAddress: 192.0.2.11
    controlPlane: true
    installDisk: /dev/sda
`;

interface Given {
  /** Instead of, or in addition to, the lines of a cluster with one node. */
  readonly talconfig?: string;
  readonly files?: Readonly<Record<string, string>>;
  readonly environment?: Readonly<Record<string, string>>;
}

function imported({ talconfig = "", files = {}, environment = {} }: Given) {
  const keys = [...talconfig.matchAll(/^(\w+):/gm)].map(([, key]) => key);
  const kept = base.split(/\n(?=\w)/).filter((part) => !keys.includes(part.split(":")[0]));
  const all = new Map(Object.entries({ ...files, "talconfig.yaml": `${kept.join("\n")}\n${talconfig}` }));
  const folder = path.join(root, "talhelper");
  return importTalconfig({
    file: path.join(folder, "talconfig.yaml"),
    projectRoot: root,
    environment,
    readFile: (file) => {
      const text = all.get(path.relative(folder, file));
      if (text === undefined) throw new Error(`${file} does not exist`);
      return text;
    },
    withSecrets: false,
  });
}

function clusterOf(given: Given): Record<string, unknown> {
  const { stackFile, notes } = imported(given);
  assert.deepEqual(notes.missing, []);
  const { config } = parse(stackFile ?? "") as { config: Record<string, Record<string, unknown>> };
  return config["talos-mesh:cluster"] ?? {};
}

const missing = (given: Given) => imported(given).notes.missing;

const encrypted = "machine: ENC[AES256_GCM,data:eA==]\nsops:\n  mac: ENC[AES256_GCM,data:eA==]\n";

describe("the import of a talconfig", () => {
  it("refuses values of another type than talhelper takes, all at once", () => {
    const talconfig = [
      "talosVersion: 1.9",
      "kubernetesVersion: [1.32.0]",
      "patches: no list",
      "additionalMachineCertSans: {a: b}",
      "controlPlane: [nodeLabels]",
      "nodes:",
      "  - hostname: [cp-1]",
      "    ipAddress: 192.0.2.11",
      "    controlPlane: Yes",
      "    nodeLabels: [a]",
      "    networkInterfaces: [{ interface: eth0, mtu: big }]",
      "  - a string",
      "",
    ].join("\n");
    assert.deepEqual(missing({ talconfig }), [
      'talosVersion: found "1.9"; expected a version such as v1.13.9',
      "kubernetesVersion: found a list; expected a version such as v1.36.3",
      "additionalMachineCertSans: found a mapping; expected a list",
      "patches: found a string; expected a list",
      "controlPlane: found a list; expected a mapping",
      "nodes[0].hostname: found a list; expected a string",
      'nodes[0].controlPlane: found "Yes"; expected true or false',
      "nodes[0].nodeLabels: found a list; expected a mapping",
      'nodes[0].networkInterfaces[0].mtu: found "big"; expected a number',
      "nodes[1]: found a string; expected a mapping",
    ]);
  });

  it("reports every key that talhelper ignores, at any depth", () => {
    const talconfig = `
clusterDomain: example
controlPlane:
  networkInterfaces: [{ interface: eth0, dhcp: true, adresses: [192.0.2.1/24], vlans: [{ vlanID: 1 }] }]
  schematic: { customization: { extensions: [] } }
`;
    assert.deepEqual(imported({ talconfig }).notes.lost, [
      "clusterDomain: not a key of a talconfig",
      "controlPlane.networkInterfaces[0].adresses: not a key of a talconfig",
      "controlPlane.networkInterfaces[0].vlans[0].vlanID: not a key of a talconfig",
      "controlPlane.schematic.customization.extensions: not a key of a talconfig",
    ]);
  });

  it("takes patches that are YAML instead of a string", () => {
    const { patches } = clusterOf({
      talconfig: "patches: [{ machine: { sysctls: { a: '1' } } }, [{ op: remove, path: /a }]]\n",
    });
    assert.deepEqual(patches, [{ machine: { sysctls: { a: "1" } } }, [{ op: "remove", path: "/a" }]]);
  });

  it("reads the booleans of YAML 1.1 where talhelper does", () => {
    for (const [word, expected] of Object.entries({
      y: true,
      yes: true,
      on: true,
      n: undefined,
      no: undefined,
      off: undefined,
    })) {
      const talconfig = `allowSchedulingOnMasters: ${word}\nallowSchedulingOnControlPlanes: ${word}\n`;
      assert.equal(clusterOf({ talconfig }).allowSchedulingOnControlPlanes, expected, word);
    }
  });

  it("refuses files that SOPS has encrypted, in each of its formats", () => {
    const files = {
      "patch.yaml": encrypted,
      "file.json": JSON.stringify({ data: "ENC[]", sops: { mac: "ENC[]" } }),
      "file.env": "A=ENC[]\nsops_mac=ENC[]\n",
      "file.ini": "[a]\nb = ENC[]\n[sops]\nmac = ENC[]\n",
    };
    const talconfig = `
patches: ["@patch.yaml"]
controlPlane:
  machineFiles:
${["file.json", "file.env", "file.ini"].map((file) => `    - { path: /var/a, op: create, content: "@${file}" }`).join("\n")}
`;
    assert.deepEqual(
      missing({ talconfig, files }).map((line) => line.slice(0, line.indexOf(";"))),
      ["file.json", "file.env", "file.ini", "patch.yaml"].map((file) => `${file}: is encrypted with SOPS`),
    );
  });

  it("refuses a Go template over what only talhelper has", () => {
    const files = { "patch.yaml": "machine: { env: { a: '{{ .MachineConfig.MachineToken }}' } }\n" };
    const talconfig = 'patches: ["@patch.yaml", "a: {{ range .x }}{{ end }}", "{{ unclosed"]\n';
    assert.deepEqual(
      missing({ talconfig, files }).map((line) => line.slice(0, line.indexOf(","))),
      [
        "patches[0]: patch.yaml has a Go template over the generated machine config",
        "patches[1]: a Go template over the generated machine config",
        "patches[2]: a Go template over the generated machine config",
      ],
    );
  });

  it("refuses a patch file that does not exist, unless no node uses it", () => {
    assert.deepEqual(missing({ talconfig: 'patches: ["@none.yaml"]\n' }), [
      "@none.yaml: cannot be read; its path is relative to the talconfig",
    ]);
    assert.deepEqual(missing({ talconfig: 'worker: { patches: ["@none.yaml"] }\n' }), []);
  });

  describe("substitutes variables as talhelper does:", () => {
    const environment = { A: "a", EMPTY: "" };
    const cases: Readonly<Record<string, string | RegExp>> = {
      $A: "a",
      "${A}": "a",
      "${A:-b}": "a",
      "${B:-b}": "b",
      "${B-b}": "b",
      "${B:=b}": "b",
      "${B:-$A}": "a",
      "${A:+c}": "c",
      "${B:+c}x": "x",
      "${EMPTY:-b}": "b",
      $$A: "$A",
      $$$$: "$$",
      $: "$",
      "$.x": "$.x",
      "${}": "${}",
      "${EMPTY:+c}x": "cx",
      "${A#b}": "a",
      "${B:-x$A}": "x$A",
      $_: "$_",
      "${_}": "${_}",
      "${ A }": /^\$\{: does not begin with a variable's name; /,
      "${{ A }}": /^\$\{: does not begin with a variable's name; /,
      $B: /^\$\{B\}: not set; /,
      "${B:-}": /^\$\{B\}: not set; /,
      "${EMPTY}": /^\$\{EMPTY\}: empty; /,
      "${EMPTY-b}": /^\$\{EMPTY\}: empty; /,
      $1: /^\$\{1\}: not set; .*write \$\$ for a dollar sign/,
      "${A": /^\$\{A: has no closing brace/,
    };
    for (const [text, expected] of Object.entries(cases)) {
      it(text, () => {
        const talconfig = `domain: '${text}'\n`;
        if (expected instanceof RegExp) assert.match(missing({ talconfig, environment }).join(), expected);
        else assert.equal(clusterOf({ talconfig, environment }).domain, expected);
      });
    }
  });

  it("takes variables from talenv.yaml, which win over the environment", () => {
    const files = { "talenv.yaml": "---\nDOMAIN: of.file\nNUMBER: 1.10\n" };
    const given = { talconfig: "domain: $DOMAIN.$NUMBER\n", files, environment: { DOMAIN: "of.environment" } };
    assert.equal(clusterOf(given).domain, "of.file.1.10");
  });

  it("refuses a talenv.yaml that is no mapping of values", () => {
    for (const text of ["A=b\n", "A: [b]\n", "- A\n", "A: {}\n"]) {
      assert.match(
        missing({ files: { "talenv.yaml": text } }).join(),
        /^talenv\.yaml: expected a mapping of variables/,
        text,
      );
    }
    assert.deepEqual(missing({ files: { "talenv.yaml": "# none\n" } }), []);
  });

  it("does not read an encrypted talenv.yaml, and prints how to", () => {
    const { missing: lines, remarks } = imported({
      talconfig: "domain: $DOMAIN\n",
      files: { "talenv.sops.yaml": encrypted },
    }).notes;
    assert.match(lines.join(), /^\$\{DOMAIN\}: not set/);
    assert.match(remarks.join(), /talenv\.sops\.yaml: is encrypted with SOPS.*sops exec-env talenv\.sops\.yaml/);
  });

  it("keeps the lines of a file that talhelper would join", () => {
    const script = "#!/bin/sh\n# a comment\necho one\necho two\n";
    const talconfig = 'controlPlane: { machineFiles: [{ path: /var/a, op: create, content: "@run.sh" }] }\n';
    const given = { talconfig, files: { "run.sh": script } };
    const { controlPlane } = clusterOf(given) as { controlPlane: { machineFiles: { content: string }[] } };
    assert.equal(controlPlane.machineFiles[0]?.content, script);
    assert.match(
      imported(given).notes.remarks.join("\n"),
      /^controlPlane\.machineFiles\[0\]\.content: as the file has it/m,
    );
  });
});
