// The dashboard in a real browser: its main paths, by mouse, by keys, in the dark, on a phone, and without scripts.
// Screenshots go to the folder that SCREENSHOTS names, to be looked at.
import { after, before, test } from "node:test";
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { NAME, PASSWORD, start } from "./server.mjs";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const pictures = process.env.SCREENSHOTS;
let server;
let browser;
/** The cookies of whoever is signed in. */
let signedIn;
/** What must not happen on any page: loads from elsewhere, errors of scripts, breaches of the content security policy. */
const mischief = [];

before(async () => {
  server = await start();
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
  });
});

after(async () => {
  await browser?.close();
  await server?.stop();
});

async function open(options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, storageState: signedIn, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(20_000);
  page.on("request", (request) => {
    if (!request.url().startsWith(server.base) && !request.url().startsWith("blob:")) mischief.push(`loads ${request.url()}`);
  });
  page.on("console", (message) => {
    const expected = /status of (422|404)/.test(message.text());
    if (message.type() === "error" && !expected) mischief.push(`${page.url()}: ${message.text()}`);
  });
  page.on("pageerror", (error) => mischief.push(`${page.url()}: ${error}`));
  return page;
}

async function picture(page, name, fullPage = true) {
  if (!pictures) return;
  if (!fullPage) {
    await page.screenshot({ path: join(pictures, `${name}.png`) });
    return;
  }
  // In a window as high as the page: what sticks to the top of the window is at the top of the picture then.
  const size = page.viewportSize();
  await page.evaluate(() => window.scrollTo(0, 0));
  await page.setViewportSize({ ...size, height: Math.max(size.height, await page.evaluate(() => document.documentElement.scrollHeight)) });
  await page.screenshot({ path: join(pictures, `${name}.png`), fullPage });
  await page.setViewportSize(size);
}

/** Fails at serious violations of accessibility. axe is run beside the page's scripts, which the policy does not let in. */
async function accessible(page, where) {
  const client = await page.context().newCDPSession(page);
  const { frameTree } = await client.send("Page.getFrameTree");
  const { executionContextId } = await client.send("Page.createIsolatedWorld", { frameId: frameTree.frame.id });
  await client.send("Runtime.evaluate", { expression: axe, contextId: executionContextId });
  const { result } = await client.send("Runtime.evaluate", {
    expression: "axe.run().then((found) => JSON.stringify(found.violations))",
    contextId: executionContextId,
    awaitPromise: true,
    returnByValue: true,
  });
  const violations = JSON.parse(result.value);
  const bad = violations.filter((one) => ["serious", "critical"].includes(one.impact));
  const told = bad.map((one) => `${one.id}: ${one.help}\n  ${one.nodes.slice(0, 3).map((node) => node.html).join("\n  ")}`);
  assert.deepEqual(told, [], where);
}

async function signIn(page, password = PASSWORD) {
  await page.getByLabel("Name").fill(NAME);
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
}

test("the first user is made with the token that the server printed, and nobody else gets in", async () => {
  const page = await open();
  await page.goto(`${server.base}/findings`);
  assert.match(page.url(), /\/setup$/);
  await page.getByLabel("Set-up token").fill("0".repeat(64));
  await page.getByLabel("Name").fill(NAME);
  await page.getByLabel("Password").fill(PASSWORD);
  await page.getByRole("button", { name: /Make the user/ }).click();
  await page.getByRole("alert").getByText("not the token").waitFor();
  await page.goto(server.setup);
  await accessible(page, "set-up");
  await page.getByLabel("Name").fill(NAME);
  await page.getByLabel("Password").fill(PASSWORD);
  await page.getByRole("button", { name: /Make the user/ }).click();
  await page.getByRole("heading", { level: 1 }).waitFor();
  assert.equal(new URL(page.url()).pathname, "/");
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.waitForURL(/sign-in/);
  await page.goto(server.setup);
  await page.waitForURL(/sign-in/);
  await picture(page, "sign-in");
  await accessible(page, "sign-in");
  await signIn(page, "wrong horse battery staple");
  await page.getByRole("alert").getByText("do not fit").waitFor();
  await signIn(page);
  await page.waitForURL(`${server.base}/`);
  const cookie = (await page.context().cookies()).find((one) => one.name.endsWith("session"));
  assert.deepEqual([cookie.httpOnly, cookie.sameSite], [true, "Lax"]);
  signedIn = await page.context().storageState();
  await page.context().close();
});

test("the overview says how much is unused and what could not be seen", async () => {
  const page = await open();
  for (let tries = 0; tries < 60; tries += 1) {
    await page.goto(server.base);
    if (/\d+ findings are open/.test(await page.getByRole("heading", { level: 1 }).innerText())) break;
    await page.waitForTimeout(500);
  }
  assert.match(await page.getByRole("heading", { level: 1 }).innerText(), /^\d+ findings are open in 3 accounts\.$/);
  assert.match(await page.locator("main").innerText(), /unobservable/);
  await picture(page, "overview-light");
  await accessible(page, "overview");
  await page.context().close();
});

test("a filter, an order and a search are in the address, and a link brings them back", async () => {
  const page = await open();
  await page.goto(`${server.base}/findings`);
  const all = await page.locator("#table tbody tr").count();
  await page.getByLabel("Risk", { exact: true }).selectOption("escalation");
  await page.waitForURL(/risk=escalation/);
  await page.waitForFunction((before) => document.querySelectorAll("#table tbody tr").length < before, all);
  const fewer = await page.locator("#table tbody tr").count();
  assert.ok(fewer > 0 && fewer < all, `${fewer} of ${all}`);
  assert.equal(await page.locator("#table tbody .chip.escalation").count(), fewer);
  await page.locator("#sort-resource").click();
  await page.waitForURL(/sort=resource/);
  assert.equal(await page.locator("#by-resource").getAttribute("aria-sort"), "ascending");
  await page.getByLabel("Search", { exact: true }).fill("deploy");
  await page.waitForURL(/q=deploy/);
  await page.waitForFunction(() => Array.from(document.querySelectorAll("#table tbody .who")).every((one) => one.textContent.includes("deploy")));
  const names = await page.locator("#table tbody .who").allInnerTexts();
  const again = await open();
  await again.goto(page.url());
  assert.deepEqual(await again.locator("#table tbody .who").allInnerTexts(), names);
  assert.equal(await again.getByLabel("Search", { exact: true }).inputValue(), "deploy");
  await picture(again, "findings-filtered");
  await again.context().close();
  await page.getByRole("link", { name: "Reset" }).click();
  await page.waitForURL(/\/findings$/);
  await picture(page, "findings-light");
  await accessible(page, "findings");
  const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("link", { name: "CSV" }).click()]);
  const exported = await (await page.request.get(`${server.base}/findings/export.json`)).json();
  assert.ok(exported.length > 50, `${exported.length} findings`);
  assert.equal(readFileSync(await download.path(), "utf8").trim().split("\r\n").length, 1 + exported.length);
  await page.context().close();
});

async function openFinding(page, name) {
  await page.goto(`${server.base}/findings?q=${name}&type=UnusedPermission`);
  await page.locator("#table tbody .who").first().click();
  await page.getByRole("heading", { level: 1 }).getByText(name).waitFor();
}

test("a finding shows its evidence, and a recommendation that is proved, downloaded and accepted", async () => {
  const page = await open();
  await openFinding(page, "platform-cron-9");
  await page.getByRole("heading", { name: "Evidence per action" }).waitFor();
  assert.ok((await page.locator("details.group").count()) > 3);
  await page.locator("details.group summary").first().click();
  await page.getByRole("button", { name: "Work out a recommendation" }).click();
  await page.locator(".diff").first().waitFor();
  assert.ok((await page.locator(".diff td.gone").count()) > 0);
  const steps = await page.locator(".steps > li").count();
  assert.equal(await page.locator(".claims li").count(), 4 * steps);
  assert.match(await page.locator("#recommendation .note.good").first().innerText(), /none is newly denied/);
  await picture(page, "finding-light");
  await accessible(page, "finding");
  const [policy] = await Promise.all([page.waitForEvent("download"), page.getByRole("link", { name: "Download the policy" }).first().click()]);
  assert.equal(JSON.parse(readFileSync(await policy.path(), "utf8")).Version, "2012-10-17");
  const [certificate] = await Promise.all([page.waitForEvent("download"), page.getByRole("link", { name: "Download the certificate" }).first().click()]);
  assert.match(readFileSync(await certificate.path(), "utf8"), /leastwise-certificate/);
  await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
  await page.getByRole("button", { name: "Copy the policy" }).first().click();
  await page.getByText("Copied").first().waitFor({ state: "attached" });
  assert.equal(JSON.parse(await page.evaluate(() => navigator.clipboard.readText())).Version, "2012-10-17");
  await page.getByRole("button", { name: "Accept this recommendation" }).click();
  await page.getByText(`${NAME} accepted alternative 1`).waitFor();
  assert.match(await page.locator("ol.log").innerText(), /ana accepted the recommendation/);
  await page.context().close();
});

test("a finding is archived with a reason until a day, and made active again", async () => {
  const page = await open();
  // The last day of a trend: open and archived ones, as they are at the moment.
  const last = async (path) => {
    await page.goto(server.base + path);
    const cells = page.locator("details", { hasText: "As a table" }).locator("tbody tr").first().locator("td");
    return (await cells.allTextContents()).slice(0, 2).map(Number);
  };
  await openFinding(page, "billing-deploy-14");
  const one = new URL(page.url()).pathname;
  const account = await page.locator('nav.crumbs a[href^="/accounts/"]').getAttribute("href");
  const before = { "/": await last("/"), [account]: await last(account) };
  await page.goto(server.base + one);
  const tomorrow = new Date(Date.now() + 40 * 86_400_000).toISOString().slice(0, 10);
  await page.getByLabel("Reason").fill("needed for the yearly audit");
  await page.getByLabel("Until").fill(tomorrow);
  await page.getByRole("button", { name: "Archive" }).click();
  await page.getByText("By ana: needed for the yearly audit").waitFor();
  assert.match(await page.locator("ol.log").innerText(), /ana archived it: needed for the yearly audit/);
  await picture(page, "finding-archived", false);
  for (const [path, [open, archived]] of Object.entries(before)) {
    assert.ok(open > 0, path);
    assert.deepEqual(await last(path), [open - 1, archived + 1], `the trend of ${path} ends with the present`);
  }
  await page.goto(`${server.base}/findings?status=archived`);
  assert.equal(await page.locator("#table tbody tr").count(), 1);
  await page.locator("#table tbody .who").click();
  await page.getByRole("button", { name: "Make active again" }).click();
  await page.getByText("Active again.").waitFor();
  // What people write is text, wherever it is shown.
  const hurt = `<img class="hurt" src="x"> & "quoted" '}{`;
  await page.getByLabel("Reason").fill(hurt);
  await page.getByRole("button", { name: "Archive" }).click();
  await page.getByText(`By ana: ${hurt}`).waitFor();
  const finding = page.url();
  for (const where of [finding, `${server.base}/audit`, `${server.base}/findings?q=${encodeURIComponent(hurt)}`, `${server.base}/findings?sort=${encodeURIComponent(hurt)}`]) {
    await page.goto(where);
    assert.equal(await page.locator(".hurt").count(), 0, where);
  }
  await page.goto(finding);
  await page.getByRole("button", { name: "Make active again" }).click();
  await page.getByText("Active again.").waitFor();
  await page.context().close();
});

test("many findings are archived at once", async () => {
  const page = await open();
  await page.goto(`${server.base}/findings?type=UnusedIAMUserPassword`);
  const rows = await page.locator("#table tbody tr").count();
  assert.ok(rows > 1);
  assert.ok(await page.getByRole("button", { name: "Archive" }).isDisabled());
  await page.getByRole("checkbox", { name: /Select all/ }).check();
  await page.getByText(`${rows} selected`).waitFor();
  await page.getByLabel("Reason").fill("console is closed");
  await page.getByRole("button", { name: "Archive" }).click();
  await page.getByText("No finding is here").or(page.getByText("Nothing fits the filter")).waitFor();
  await page.goto(`${server.base}/findings?status=archived&type=UnusedIAMUserPassword`);
  assert.equal(await page.locator("#table tbody tr").count(), rows);
  await page.context().close();
});

test("dark is chosen with a button and stays", async () => {
  const page = await open();
  await page.goto(server.base);
  await page.getByRole("button", { name: "Dark" }).click();
  await page.locator("html[data-theme=dark]").waitFor();
  await picture(page, "overview-dark");
  await accessible(page, "overview, dark");
  await openFinding(page, "platform-cron-9");
  await page.locator("details.group").first().waitFor();
  assert.equal(await page.locator("html").getAttribute("data-theme"), "dark");
  await picture(page, "finding-dark");
  await accessible(page, "finding, dark");
  await page.getByRole("button", { name: "As the system" }).click();
  await page.locator("html:not([data-theme])").waitFor();
  await page.context().close();
});

test("everything is reached by keys alone", async () => {
  const page = await open();
  await page.goto(`${server.base}/findings?type=UnusedIAMRole`);
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "Skip to the content");
  await page.keyboard.press("Enter");
  assert.equal(await page.evaluate(() => document.activeElement.id), "main");
  await page.keyboard.press("/");
  assert.equal(await page.evaluate(() => document.activeElement.id), "q");
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.id), "f-status");
  await page.keyboard.press("j");
  await page.locator("#sort-risk").focus();
  await page.keyboard.press("j");
  await page.keyboard.press("j");
  const name = await page.evaluate(() => document.activeElement.textContent);
  const outline = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
  assert.equal(outline, "solid", "focus can be seen");
  await picture(page, "keyboard", false);
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { level: 1 }).getByText(name).waitFor();
  for (let tries = 0; tries < 60; tries += 1) {
    await page.keyboard.press("Tab");
    if ((await page.evaluate(() => document.activeElement.id)) === "reason") break;
  }
  await page.keyboard.type("its owner is away");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Tab");
  await page.locator("button:focus").waitFor({ timeout: 1000 }).catch(async () => page.keyboard.press("Tab"));
  await page.keyboard.press("Enter");
  await page.getByText("By ana: its owner is away").waitFor();
  await page.context().close();
});

const PAGES = ["/", "/findings", "/accounts", "/coverage", "/rules", "/analyzers", "/audit", "/settings"];

test("on a phone nothing sticks out and everything is there", async () => {
  const page = await open({ viewport: { width: 375, height: 740 }, isMobile: true, hasTouch: true, deviceScaleFactor: 2 });
  const finding = await page.request.get(`${server.base}/findings/export.json?q=platform-cron-9&type=UnusedPermission`);
  const [{ id, resourceOwnerAccount, resource }] = await finding.json();
  for (const path of [...PAGES, `/findings/${id}`, `/accounts/${resourceOwnerAccount}`, `/principals/${encodeURIComponent(resource)}`]) {
    await page.goto(server.base + path);
    if (path.startsWith("/findings/")) await page.locator("details.group").first().waitFor();
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
    assert.ok(wide <= 0, `${path} is ${wide} pixels too wide`);
    await picture(page, `phone${path.split("/").slice(0, 2).join("-")}${path.split("/").length > 2 ? "-one" : ""}`);
    await accessible(page, `${path}, on a phone`);
  }
  await page.context().close();
});

test("every page is accessible on a wide screen, light and dark", async () => {
  for (const colorScheme of ["light", "dark"]) {
    const page = await open({ colorScheme });
    // The appearance that the system has not chosen is the one on offer.
    await page.goto(server.base);
    await page.getByRole("button", { name: colorScheme === "dark" ? "Light" : "Dark" }).waitFor();
    assert.equal(await page.getByRole("button", { name: colorScheme === "dark" ? "Dark" : "Light" }).count(), 0);
    const finding = await page.request.get(`${server.base}/findings/export.json?q=platform-cron-9&type=UnusedPermission`);
    const [{ id, resourceOwnerAccount, resource }] = await finding.json();
    const more = [`/findings/${id}/evidence`, `/accounts/${resourceOwnerAccount}`, `/principals/${encodeURIComponent(resource)}`, "/findings/nothing-of-that-name", "/findings?q=nowhere-at-all"];
    for (const path of [...PAGES, ...more]) {
      const answer = await page.goto(server.base + path);
      assert.equal(answer.status(), path.includes("nothing-of") ? 404 : 200, path);
      await picture(page, `wide-${colorScheme}${path.replace(id, "id").replace(encodeURIComponent(resource), "arn").replaceAll(/[/?=]/g, "-")}`);
      await accessible(page, `${path}, ${colorScheme}`);
    }
    await page.context().close();
  }
});

test("a rule is made, applied and deleted", async () => {
  const page = await open();
  await page.goto(`${server.base}/rules`);
  await page.getByLabel("Name").fill("worker-roles");
  await page.getByLabel("ARN contains").fill("worker");
  await page.getByRole("checkbox", { name: "Unused role" }).check();
  await page.getByRole("button", { name: "Make the rule" }).click();
  await page.getByText("type is Unused role").waitFor();
  await page.getByRole("button", { name: "Apply worker-roles" }).click();
  await page.getByText("The rule was applied").waitFor();
  await page.goto(`${server.base}/findings?status=archived&q=worker`);
  assert.ok((await page.locator("#table tbody tr").count()) > 0);
  await page.goto(`${server.base}/rules`);
  await page.getByRole("button", { name: "Delete worker-roles" }).click();
  await page.getByText("No rule yet").waitFor();
  await page.context().close();
});

test("without scripts a filter, evidence, an archive and a sign-out work too", async () => {
  const page = await open({ javaScriptEnabled: false });
  await page.goto(`${server.base}/findings`);
  await page.getByLabel("Type", { exact: true }).selectOption("UnusedIAMUserAccessKey");
  await page.getByRole("button", { name: "Filter" }).click();
  await page.waitForURL(/type=UnusedIAMUserAccessKey/);
  await page.locator("#table tbody .who").first().click();
  await page.getByRole("link", { name: /Evidence per action/ }).click();
  await page.getByRole("heading", { name: "Evidence per action" }).waitFor();
  await page.goBack();
  await page.getByLabel("Reason").fill("robot of the old build");
  await page.getByRole("button", { name: "Archive" }).click();
  await page.getByText("By ana: robot of the old build").waitFor();
  await page.context().close();
});

test("a form of another site, an old form and a user without the right change nothing", async () => {
  const page = await open();
  const forged = await page.request.post(`${server.base}/theme`, { form: { theme: "dark", csrf: "x" } });
  assert.equal(forged.status(), 403);
  const elsewhere = await page.request.post(`${server.base}/findings/bulk`, { form: { csrf: "x" }, headers: { "sec-fetch-site": "cross-site" } });
  assert.equal(elsewhere.status(), 403);
  const answer = await page.request.get(server.base);
  const policy = answer.headers()["content-security-policy"];
  assert.ok(policy.includes("script-src 'self'") && policy.includes("frame-ancestors 'none'") && !policy.includes("unsafe"), policy);
  assert.equal(answer.headers()["x-content-type-options"], "nosniff");
  assert.equal(answer.headers()["cache-control"], "no-store");
  await page.context().close();
});

test("who may only look changes nothing, with a form of their own either", async () => {
  const page = await open();
  await page.goto(`${server.base}/settings`);
  const add = page.locator("form[action='/settings/users']");
  await add.getByLabel("Name").fill("rio");
  await add.getByLabel("Password").fill(PASSWORD);
  await add.getByLabel("May").selectOption({ index: 0 });
  await add.getByRole("button", { name: "Add" }).click();
  await page.getByRole("rowheader", { name: "rio" }).waitFor();
  await page.context().close();
  const own = await open({ storageState: undefined });
  await own.goto(`${server.base}/sign-in`);
  await own.getByLabel("Name").fill("rio");
  await own.getByLabel("Password").fill(PASSWORD);
  await own.getByRole("button", { name: "Sign in", exact: true }).click();
  await own.waitForURL(`${server.base}/`);
  await openFinding(own, "billing-deploy-14");
  assert.equal(await own.getByRole("button", { name: "Archive" }).count(), 0);
  const id = new URL(own.url()).pathname.split("/")[2];
  const csrf = await own.locator("input[name=csrf]").first().inputValue();
  const headers = { "sec-fetch-site": "same-origin" };
  for (const [path, form] of [
    [`/findings/${id}/archive`, { csrf, reason: "because" }],
    ["/findings/bulk", { csrf, id, do: "archive" }],
    ["/rules", { csrf, name: "all", q: "a" }],
    ["/settings/users", { csrf, name: "max", password: PASSWORD, level: "administer" }],
  ]) {
    const answer = await own.request.post(server.base + path, { form, headers, maxRedirects: 0 });
    assert.equal(answer.status(), 403, path);
  }
  await own.reload();
  await own.locator(".tag.active, .chip, .status").first().waitFor();
  assert.match(await own.locator("main").innerText(), /active/);
  await own.context().close();
});

test("no page loads from elsewhere, breaks its own policy, or has a script fail", () => {
  assert.deepEqual(mischief, []);
});
