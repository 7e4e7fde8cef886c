// Webhooks and the own API, as other systems meet them: signed, tried again, delivered after a crash; and streams of changes.
import { after, before, test } from "node:test";
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { createServer } from "node:http";
import { NAME, PASSWORD, start } from "./server.mjs";

let server;
let receiver;
let hook;
/** What the receiver got, and the answers that it gives before it says yes. */
const got = [];
const answers = [];

const basic = { authorization: `Basic ${Buffer.from(`${NAME}:${PASSWORD}`).toString("base64")}` };
const api = (path, options = {}) => fetch(server.base + path, { ...options, headers: { ...basic, ...options.headers } });

/** A browser without a window: keeps cookies, and sends a page's token with its forms. */
const jar = new Map();
async function visit(path, fields) {
  const headers = { cookie: [...jar].map((pair) => pair.join("=")).join("; "), "sec-fetch-site": "same-origin" };
  const options = fields ? { method: "POST", headers, body: new URLSearchParams(fields), redirect: "manual" } : { headers, redirect: "manual" };
  const answer = await fetch(server.base + path, options);
  for (const one of answer.headers.getSetCookie()) {
    const [name, value] = one.split(";")[0].split("=");
    jar.set(name, value);
  }
  return { status: answer.status, text: await answer.text() };
}
const csrf = (page) => page.text.match(/name="csrf" value="([0-9a-f]+)"/)[1];

async function until(what, wanted) {
  for (let tries = 0; tries < 300; tries += 1) {
    const found = await wanted();
    if (found) return found;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`${what} never came`);
}

before(async () => {
  server = await start();
  const setup = new URL(server.setup);
  const form = await visit(setup.pathname + setup.search);
  const made = await visit("/setup", { csrf: csrf(form), token: setup.searchParams.get("token"), name: NAME, password: PASSWORD });
  assert.equal(made.status, 303);
  await until("the first analysis", async () => (await (await api("/api/v1/analyzers")).json()).analyzers[0]?.analysedAt);
  receiver = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk) => { body += chunk; });
    request.on("end", () => {
      const status = answers.shift() ?? 204;
      got.push({ status, headers: request.headers, body });
      response.writeHead(status).end();
    });
  });
  await new Promise((resolve) => receiver.listen(0, "127.0.0.1", resolve));
  const settings = await visit("/settings");
  const url = `http://127.0.0.1:${receiver.address().port}/hook`;
  const added = await visit("/settings/webhooks", { csrf: csrf(settings), url, form: "eventbridge" });
  hook = { url, secret: added.text.match(/id="secret">([0-9a-f]{64})</)[1] };
});

after(async () => {
  receiver?.close();
  await server?.stop();
});

async function findings() {
  return JSON.parse((await visit("/findings/export.json?type=UnusedPermission&q=worker")).text);
}

async function archive(id, reason) {
  const page = await visit(`/findings/${id}`);
  const answer = await visit(`/findings/${id}/archive`, { csrf: csrf(page), reason });
  assert.equal(answer.status, 303);
}

test("an archived finding is told, signed, until the receiver says yes, each time with the same id", async () => {
  const [{ id }] = await findings();
  answers.push(500);
  await archive(id, "known");
  await until("a second attempt", () => got.length >= 2);
  assert.deepEqual(got.map((one) => one.status), [500, 204]);
  const [first, second] = got;
  assert.equal(first.headers["webhook-id"], second.headers["webhook-id"]);
  const signed = `${second.headers["webhook-id"]}.${second.headers["webhook-timestamp"]}.${second.body}`;
  assert.equal(second.headers["webhook-signature"], `v1,${createHmac("sha256", hook.secret).update(signed).digest("base64")}`);
  const event = JSON.parse(second.body);
  assert.deepEqual([event.detail.findingId, event.detail.status], [id, "ARCHIVED"]);
  await new Promise((resolve) => setTimeout(resolve, 2500));
  assert.equal(got.length, 2, "what arrived is not sent again");
});

test("the secret is shown once and the settings page does not have it", async () => {
  assert.ok(!(await visit("/settings")).text.includes(hook.secret));
});

test("the own API wants a user and says so, and its document needs none", async () => {
  const refused = await fetch(`${server.base}/api/v1/analyzers`);
  assert.equal(refused.status, 401);
  assert.match(refused.headers.get("www-authenticate"), /^Basic/);
  assert.equal((await refused.json()).status, 401);
  assert.equal((await (await fetch(`${server.base}/api/v1/openapi.json`)).json()).openapi, "3.1.0");
  assert.equal((await fetch(`${server.base}/metrics`)).status, 401);
  assert.match(await (await api("/metrics")).text(), /leastwise_findings\{analyzer="leastwise",type="UnusedPermission",status="ACTIVE"\} \d+/);
});

test("a plan is worked out, taken apart and accepted", async () => {
  const [{ id }] = await findings();
  const begun = await api(`/api/v1/findings/${id}/plan`, { method: "POST" });
  assert.equal(begun.status, 202);
  const plan = await until("the plan", async () => {
    const plan = await (await api(`/api/v1/findings/${id}/plan`)).json();
    return plan.status === "IN_PROGRESS" ? null : plan;
  });
  assert.deepEqual([plan.status, plan.report.schema], ["SUCCEEDED", "leastwise.recommend/2"]);
  const step = `/api/v1/findings/${id}/plan/1/steps/1`;
  const { claims, certificate } = await (await api(`${step}/claims`)).json();
  assert.deepEqual([...new Set(Object.values(claims))], ["holds"]);
  assert.ok(certificate);
  const diff = await (await api(`${step}/diff`)).json();
  assert.equal(diff.lines.filter((line) => line.kind !== "added").map((line) => line.text).join("\n").trim(), diff.before.replaceAll("\r", "").trim());
  assert.equal((await (await api(`/api/v1/findings/${id}/plan/1/backtest`)).json()).replay.newlyDenied, 0);
  assert.equal((await api(`/api/v1/findings/${id}/plan/99/backtest`)).status, 404);
  const accepted = await api(`/api/v1/findings/${id}/acceptance`, { method: "PUT", body: JSON.stringify({ alternative: 1 }) });
  assert.deepEqual([(await accepted.json()).by, accepted.status], [`user:${NAME}`, 200]);
});

test("the stream tells what happens after it was opened, and from where a reader left off", async () => {
  const stream = await api("/api/v1/events");
  const reader = stream.body.pipeThrough(new TextDecoderStream()).getReader();
  const [, { id }] = await findings();
  await archive(id, "seen on the stream");
  let said = "";
  while (!said.includes("ArchiveFinding")) said += (await reader.read()).value;
  const number = Number(said.match(/id: ?(\d+)/)[1]);
  const change = JSON.parse(said.match(/data: ?(\{.*"ArchiveFinding".*\})/)[1]);
  assert.deepEqual([change.subject, change.note], [id, "seen on the stream"]);
  await reader.cancel();
  const again = await api("/api/v1/events", { headers: { "last-event-id": String(number - 1) } });
  const second = again.body.pipeThrough(new TextDecoderStream()).getReader();
  assert.match((await second.read()).value, new RegExp(`id: ?${number}\\b`));
  await second.cancel();
});

test("passwords cannot be guessed quickly", async () => {
  const guess = () => fetch(`${server.base}/api/v1/analyzers`, { headers: { authorization: `Basic ${Buffer.from("nobody:guess").toString("base64")}` } });
  const statuses = [];
  for (let tries = 0; tries < 7; tries += 1) statuses.push((await guess()).status);
  assert.deepEqual(statuses.slice(0, 5), [401, 401, 401, 401, 401]);
  assert.equal(statuses[6], 429);
});

test("the server stops in a moment although somebody reads the stream", async () => {
  const stream = await api("/api/v1/events");
  assert.equal(stream.status, 200);
  const before = Date.now();
  await server.stop();
  server = undefined;
  assert.ok(Date.now() - before < 5000, `${Date.now() - before} ms`);
});
