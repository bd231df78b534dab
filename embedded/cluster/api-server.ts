import https from "node:https";
import type { Credentials } from "./kubeconfig";

/** An answer other than 2xx. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

/** The few calls `up` makes. Every other part of the program uses a real client with the kubeconfig. */
export class ApiServer {
  readonly #agent: https.Agent;

  constructor(
    readonly port: number,
    credentials: Credentials,
  ) {
    this.#agent = new https.Agent({ ...credentials, keepAlive: true, maxSockets: 10 });
  }

  /**
   * @returns the answer's text.
   * @throws ApiError, or Error when there was no answer within 10 s.
   */
  request(method: "GET" | "POST" | "DELETE", path: string, body?: unknown): Promise<string> {
    return new Promise((resolve, reject) => {
      const request = https.request(
        {
          host: "127.0.0.1",
          port: this.port,
          method,
          path,
          agent: this.#agent,
          headers: { "content-type": "application/json" },
          signal: AbortSignal.timeout(10_000),
        },
        (response) => {
          let text = "";
          response.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
          response.once("error", reject);
          response.once("end", () => {
            const status = response.statusCode ?? 0;
            if (status >= 200 && status < 300) resolve(text);
            else reject(new ApiError(status, `${method} ${path}: HTTP status ${status}: ${text.slice(0, 500)}`));
          });
        },
      );
      request.once("error", reject);
      request.end(body === undefined ? undefined : JSON.stringify(body));
    });
  }

  /** Whether it has started completely: everything behind /readyz. */
  async ready(): Promise<boolean> {
    try {
      return (await this.request("GET", "/readyz")) === "ok";
    } catch {
      return false;
    }
  }

  close(): void {
    this.#agent.destroy();
  }
}
