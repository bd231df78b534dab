import assert from "node:assert/strict";
import {
  schematicId,
  type SchematicSettings,
  schematicYaml,
} from "../../../../components/cluster/talos/config/installer";

describe("Image Factory schematics", () => {
  // IDs of the factory itself: from its tests, and from the article.
  const vectors: Record<string, { schematic: SchematicSettings; id: string }> = {
    nothing: { schematic: {}, id: "376567988ad370138ad8b2698212367b8edcb69b5fd68c80be1f2ec7d603b4ba" },
    "empty lists": {
      schematic: { systemExtensions: [], extraKernelArgs: [], meta: [], secureboot: true },
      id: "376567988ad370138ad8b2698212367b8edcb69b5fd68c80be1f2ec7d603b4ba",
    },
    "kernel arguments": {
      schematic: { extraKernelArgs: ["noapic", "nolapic"] },
      id: "9cba8e32753f91a16c1837ab8abf356af021706ef284aef07380780177d9a06c",
    },
    "system extensions": {
      schematic: { systemExtensions: ["siderolabs/drbd", "siderolabs/zfs"] },
      id: "98442b5bb4e8d050f30978ce3e6ec22e7bf534d57cafcd51313235128057e612",
    },
    "the article's extensions": {
      schematic: { systemExtensions: ["siderolabs/qemu-guest-agent", "siderolabs/iscsi-tools"] },
      id: "6ebbfe35c8225645c05d4d19eaad385bd1ec795954932d0ada671388272fec19",
    },
    "the article's extensions in reverse order": {
      schematic: { systemExtensions: ["siderolabs/iscsi-tools", "siderolabs/qemu-guest-agent"] },
      id: "dc7b152cb3ea99b821fcb7340ce7168313ce393d663740b791c36f6e95fc8586",
    },
    "META values": {
      schematic: { meta: [{ key: 10, value: "foo" }] },
      id: "d308a2a5ee2277bed5fbaa104fcbc8d59122abfa737df987a95b4ca763459a7f",
    },
    "an overlay": {
      schematic: { overlay: { image: "siderolabs/sbc-raspberrypi", name: "rpi_generic" } },
      id: "ee21ef4a5ef808a9b7484cc0dda0f25075021691c8c09a276591eedb638ea1f9",
    },
    "well-known certificates": {
      schematic: { includeWellKnownCertificates: true },
      id: "fa8e05f142a851d3ee568eb0a8e5841eaf6b0ebc8df9a63df16ac5ed2c04f3e6",
    },
    "a sector size": {
      schematic: { diskImage: { sectorSize: 4096 } },
      id: "92833e9ddd9bb9e11b2464fa5525429f01866306d52ebd882ee08d7918f6d1ea",
    },
  };
  for (const [name, { schematic, id }] of Object.entries(vectors)) {
    it(`computes the factory's ID of ${name}`, () => {
      assert.equal(schematicId(schematic), id);
    });
  }

  it("writes every field, in the order of the factory's type", () => {
    assert.equal(
      schematicYaml({
        diskImage: { sectorSize: 4096 },
        bootloader: "sd-boot",
        meta: [{ key: 12, value: "machine:\n  type: worker\n" }],
        systemExtensions: ["siderolabs/iscsi-tools"],
        extraKernelArgs: ["console=ttyS0,115200n8"],
        overlay: {
          name: "rpi_generic",
          image: "siderolabs/sbc-raspberrypi",
          options: { b: true, a: { y: 1, x: ["no"] } },
        },
        enrollKeys: "force",
        includeWellKnownCertificates: true,
        embeddedMachineConfiguration: "version: v1alpha1\n",
        owner: "alice",
      }),
      `owner: alice
overlay:
    image: siderolabs/sbc-raspberrypi
    name: rpi_generic
    options:
        a:
            x:
                - 'no'
            'y': 1
        b: true
customization:
    embeddedMachineConfiguration: |
        version: v1alpha1
    extraKernelArgs:
        - console=ttyS0,115200n8
    meta:
        - key: 12
          value: |
            machine:
              type: worker
    systemExtensions:
        officialExtensions:
            - siderolabs/iscsi-tools
    bootloader: sd-boot
    secureboot:
        enrollKeys: force
        includeWellKnownCertificates: true
    diskImage:
        sectorSize: 4096
`,
    );
  });
});
