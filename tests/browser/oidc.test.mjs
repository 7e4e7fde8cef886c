// Signing in with an OpenID Connect provider, which is a small one of our own: the way there and back in a real browser.
import { after, before, test } from "node:test";
import assert from "node:assert/strict";
import { createHash, generateKeyPairSync, sign } from "node:crypto";
import { createServer } from "node:http";
import { chromium } from "playwright-core";
import { start } from "./server.mjs";

let server;
let browser;
let issuer;
let provider;
/** Codes that were given out, with what was asked for; and whom the next one is for. */
const codes = new Map();
let mail = "ana@team.example";
/** How the next ID token is spoiled. */
let spoil = (claims) => claims;
/** The provider's key, another one that nobody knows, and which of them signs the next token. */
const own = generateKeyPairSync("rsa", { modulusLength: 2048 });
const other = generateKeyPairSync("rsa", { modulusLength: 2048 });
let signed = (head, claims) => {
  const text = `${head}.${claims}`;
  return `${text}.${sign("sha256", Buffer.from(text), own.privateKey).toString("base64url")}`;
};
const signedByOwn = signed;

before(async () => {
  provider = createServer((request, response) => {
    const url = new URL(request.url, issuer);
    const json = (value) => response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(value));
    if (url.pathname === "/.well-known/openid-configuration") {
      return json({
        issuer, authorization_endpoint: `${issuer}/authorize`, token_endpoint: `${issuer}/token`, jwks_uri: `${issuer}/keys`,
        response_types_supported: ["code"], subject_types_supported: ["public"], id_token_signing_alg_values_supported: ["RS256"],
        token_endpoint_auth_methods_supported: ["client_secret_post"],
      });
    }
    if (url.pathname === "/keys") {
      return json({ keys: [{ ...own.publicKey.export({ format: "jwk" }), kid: "one", use: "sig", alg: "RS256" }] });
    }
    if (url.pathname === "/authorize") {
      const asked = Object.fromEntries(url.searchParams);
      const code = `code-${codes.size}`;
      codes.set(code, asked);
      const back = new URL(asked.redirect_uri);
      back.searchParams.set("code", code);
      back.searchParams.set("state", asked.state);
      return response.writeHead(302, { location: back.href }).end();
    }
    let body = "";
    request.on("data", (chunk) => { body += chunk; });
    request.on("end", () => {
      const sent = Object.fromEntries(new URLSearchParams(body));
      const asked = codes.get(sent.code);
      codes.delete(sent.code);
      const challenge = createHash("sha256").update(sent.code_verifier ?? "").digest("base64url");
      if (!asked || challenge !== asked.code_challenge || sent.client_secret !== "s3cret" || sent.redirect_uri !== asked.redirect_uri) {
        return response.writeHead(400).end("{}");
      }
      const claims = spoil({
        iss: issuer, aud: "leastwise", sub: "7", iat: Math.floor(Date.now() / 1000), exp: Math.floor(Date.now() / 1000) + 300, nonce: asked.nonce, email: mail, email_verified: true,
      });
      const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
      json({ access_token: "x", token_type: "Bearer", id_token: signed(part({ alg: "RS256", kid: "one" }), part(claims)) });
    });
  });
  await new Promise((resolve) => provider.listen(0, "127.0.0.1", resolve));
  issuer = `http://127.0.0.1:${provider.address().port}`;
  server = await start({ oidc: { issuer, secret: "s3cret" } });
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
  });
});

after(async () => {
  await browser?.close();
  await server?.stop();
  provider?.close();
});

async function attempt(path = "/coverage") {
  const page = await (await browser.newContext()).newPage();
  await page.goto(server.base + path);
  await page.getByRole("link", { name: /Sign in with/ }).click();
  await page.waitForLoadState();
  return page;
}

test("whoever is allowed signs in with the provider, and may do what was said", async () => {
  const page = await attempt();
  assert.equal(new URL(page.url()).pathname, "/coverage");
  assert.match(await page.locator(".foot").innerText(), /oidc:ana@team\.example/);
  assert.equal((await page.request.get(`${server.base}/settings`)).status(), 403);
  await page.context().close();
});

test("others, and answers that are not for this attempt, are refused", async () => {
  const refused = async () => {
    const page = await attempt();
    await page.getByRole("heading", { name: "Not allowed" }).waitFor();
    assert.ok(!(await page.context().cookies()).some((one) => one.name.endsWith("session")));
    await page.context().close();
  };
  mail = "eve@evil.example";
  await refused();
  mail = "ana@team.example";
  for (const own of [{ nonce: "another" }, { aud: "another" }, { iss: "https://elsewhere.example" }, { exp: 1 }, { email_verified: false }]) {
    spoil = (claims) => ({ ...claims, ...own });
    await refused();
  }
  spoil = (claims) => claims;
  // Signed by nobody, and by somebody else.
  const none = Buffer.from(JSON.stringify({ alg: "none" })).toString("base64url");
  for (const wrong of [
    (_, claims) => `${none}.${claims}.`,
    (head, claims) => `${head}.${claims}.`,
    (head, claims) => `${head}.${claims}.${sign("sha256", Buffer.from(`${head}.${claims}`), other.privateKey).toString("base64url")}`,
  ]) {
    signed = wrong;
    await refused();
  }
  signed = signedByOwn;
  const page = await (await browser.newContext()).newPage();
  await page.goto(`${server.base}/sign-in/oidc/back?code=x&state=y`);
  await page.getByRole("heading", { name: "Not allowed" }).waitFor();
  await page.context().close();
});
