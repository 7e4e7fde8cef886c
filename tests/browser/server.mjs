// A server over made-up data, for one file of tests: makes the data, starts `leastwise serve`, and stops it again.
import { spawn, execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

export const NAME = "ana";
export const PASSWORD = "correct horse battery staple";

/** A port that is free at this moment. */
async function freePort() {
  const probe = createServer();
  await new Promise((resolve) => probe.listen(0, "127.0.0.1", resolve));
  const { port } = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  return port;
}

/** Starts a server; `setup` is the address for the first user. With `oidc`, a user is there already and a provider is known. */
export async function start({ oidc } = {}) {
  const program = process.env.LEASTWISE;
  if (!program) throw new Error("LEASTWISE must name the program, such as target/debug/leastwise");
  const folder = mkdtempSync(join(tmpdir(), "leastwise-browser-"));
  const data = join(folder, "demo");
  execFileSync(program, ["demo", "--out", data], { stdio: "ignore" });
  const port = oidc ? await freePort() : 0;
  const extra = [];
  if (oidc) {
    const secret = join(folder, "secret");
    writeFileSync(secret, `${oidc.secret}\n`);
    extra.push("--public-url", `http://127.0.0.1:${port}`, "--oidc-issuer", oidc.issuer, "--oidc-client-id", "leastwise");
    extra.push("--oidc-client-secret-file", secret, "--oidc-allow", "@team.example", "--oidc-scope", "archive");
    execFileSync(program, ["user", "add", NAME, "--scope", "administer", "--data", data], { input: `${PASSWORD}\n`, stdio: ["pipe", "ignore", "inherit"] });
  }
  const child = spawn(program, ["serve", "--data", data, "--listen", `127.0.0.1:${port}`, "--as-of", "2026-11-01", "--webhook-network", "127.0.0.0/8", ...extra]);
  let said = "";
  const lines = new Promise((resolve, reject) => {
    const look = (chunk) => {
      said += chunk;
      const setup = oidc ? said.match(/http:\/\/127\.0\.0\.1:\d+/) : said.match(/http:\/\/\S+\/setup\?token=[0-9a-f]+/);
      if (setup) resolve(setup[0]);
    };
    child.stdout.on("data", look);
    child.stderr.on("data", look);
    child.on("exit", (code) => reject(new Error(`the server ended with ${code}: ${said}`)));
    setTimeout(() => reject(new Error(`the server is not ready: ${said}`)), 60_000).unref();
  });
  const setup = await lines;
  return {
    setup,
    base: new URL(setup).origin,
    said: () => said,
    stop: async () => {
      child.removeAllListeners("exit");
      const ended = new Promise((resolve) => child.on("exit", resolve));
      child.kill("SIGTERM");
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
