import { createCipheriv, createDecipheriv, createHmac, randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { stableJson } from "./stable-json";

/**
 * Keeps secrets out of the record. The record holds a keyed fingerprint of every resource's inputs, from which nothing
 * can be read back, and the few secrets that a later run needs (a command's output and inputs, a kubeconfig) only
 * encrypted. The key is a file of its own, readable by its owner only.
 */
export class Vault {
  private known: Buffer | undefined;

  private constructor(private readonly file: string) {}

  /** With the key in `file`; where there is none, one is made as soon as it is needed. */
  static open(file: string): Vault {
    return new Vault(file);
  }

  private get key(): Buffer {
    if (this.known === undefined && !existsSync(this.file)) {
      mkdirSync(path.dirname(this.file), { recursive: true, mode: 0o700 });
      writeFileSync(this.file, randomBytes(32).toString("base64"), { mode: 0o600 });
    }
    return (this.known ??= Buffer.from(readFileSync(this.file, "utf8"), "base64"));
  }

  /** Equal for equal values, whatever the order of their keys. */
  fingerprint(value: unknown): string {
    return createHmac("sha256", this.key).update(stableJson(value)).digest("hex");
  }

  seal(value: unknown): string {
    const nonce = randomBytes(12);
    const cipher = createCipheriv("aes-256-gcm", this.key, nonce);
    const text = Buffer.concat([cipher.update(JSON.stringify(value), "utf8"), cipher.final()]);
    return Buffer.concat([nonce, cipher.getAuthTag(), text]).toString("base64");
  }

  /** What was sealed; undefined when the key is not the one it was sealed with. */
  unseal(sealed: string): unknown {
    const bytes = Buffer.from(sealed, "base64");
    const decipher = createDecipheriv("aes-256-gcm", this.key, bytes.subarray(0, 12));
    decipher.setAuthTag(bytes.subarray(12, 28));
    try {
      const text = Buffer.concat([decipher.update(bytes.subarray(28)), decipher.final()]);
      return JSON.parse(text.toString("utf8")) as unknown;
    } catch {
      return undefined;
    }
  }
}
