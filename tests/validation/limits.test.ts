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
  const rules = (count: number) => ({
    security: {
      authorization: { allow: Array.from({ length: count }, (_, index) => ({ to: "details", paths: [`/${index}`] })) },
    },
  });

  it("accepts as many rules as an AuthorizationPolicy has", () => {
    assert.deepEqual(problemsWith(rules(512)), []);
  });

  it("refuses one more, at the settings that the policy is made of", () => {
    assert.deepEqual(problemsWith(rules(513)), [
      {
        path: ["security", "authorization", "allow", 0],
        message:
          "becomes AuthorizationPolicy details.allow, which the API server refuses: " +
          "spec.rules: found 513 entries; expected at most 512",
      },
    ]);
  });

  it("are not checked where a setting is wrong, so that the object cannot be made", () => {
    assert.deepEqual(
      problemsWith({ ...rules(513), bookinfo: { replicas: -1 } }).map(({ path: at }) => at.join(".")),
      ["bookinfo.replicas"],
    );
  });
});
