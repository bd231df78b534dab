import assert from "node:assert/strict";
import path from "node:path";
import { SettingsError } from "../../components/shared/problem";
import { validate } from "../../components/validation/validate";
import { readStackFile, root } from "../settings/stack-files";

const { sections, secretNames } = readStackFile(path.join(root, "Pulumi.article.yaml"));

function problemsWith(changes: object) {
  try {
    validate({ ...sections, ...changes }, { secretNames });
    return [];
  } catch (error) {
    assert.ok(error instanceof SettingsError, String(error));
    return error.problems;
  }
}

describe("limits of the API", () => {
  const issuers = (count: number) => ({
    security: {
      jwt: Array.from({ length: count }, (_, index) => ({
        workload: "details",
        issuer: `https://issuer-${index}.example.com`,
      })),
    },
  });

  it("accepts as many issuers as a RequestAuthentication has", () => {
    assert.deepEqual(problemsWith(issuers(4096)), []);
  });

  it("refuses one more, at the settings that the object is made of", () => {
    assert.deepEqual(problemsWith(issuers(4097)), [
      {
        path: ["security", "jwt", 0],
        message:
          "becomes RequestAuthentication details.jwt, which the API server refuses: " +
          "spec.jwtRules: found 4097 entries; expected at most 4096",
      },
    ]);
  });

  it("are not checked where a setting is wrong, so that the object cannot be made", () => {
    assert.deepEqual(
      problemsWith({ ...issuers(4097), bookinfo: { replicas: -1 } }).map(({ path: at }) => at.join(".")),
      ["bookinfo.replicas"],
    );
  });
});
