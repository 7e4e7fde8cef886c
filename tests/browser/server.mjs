// A server over made-up data, for one file of tests: makes the data, starts `leastwise serve`, and stops it again.
import { spawn, execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export const NAME = "ana";
export const PASSWORD = "correct horse battery staple";

/** Starts a server; `setup` is the address for the first user. */
export async function start() {
  const program = process.env.LEASTWISE;
  if (!program) throw new Error("LEASTWISE must name the program, such as target/debug/leastwise");
  const folder = mkdtempSync(join(tmpdir(), "leastwise-browser-"));
  const data = join(folder, "demo");
  execFileSync(program, ["demo", "--out", data], { stdio: "ignore" });
  const child = spawn(program, ["serve", "--data", data, "--listen", "127.0.0.1:0", "--as-of", "2026-11-01"]);
  let said = "";
  const lines = new Promise((resolve, reject) => {
    const look = (chunk) => {
      said += chunk;
      const setup = said.match(/http:\/\/\S+\/setup\?token=[0-9a-f]+/);
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
