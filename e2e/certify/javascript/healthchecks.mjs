// Manages checks and pings them with healthchecks-io-client, which was written for
// Healthchecks. BELFRY_URL is where the server listens, HC_API_KEY its key, and
// HC_API_VERSION the version of the API.

import assert from "node:assert/strict";
import client from "healthchecks-io-client";

const baseUrl = process.env.BELFRY_URL;
const apiVersion = Number(process.env.HC_API_VERSION);
const api = new client.HealthChecksApiClient({ baseUrl, apiVersion });

// fails wants a request to be answered with a status and that message.
async function fails(statusCode, message, request) {
  await assert.rejects(request, (error) => {
    assert.equal(error.statusCode, statusCode, error.message);
    if (message) assert.match(JSON.stringify(error), new RegExp(message));
    return true;
  });
}

const name = `Nightly back-up, version ${apiVersion}`;
const created = await api.createCheck({ name, tags: "prod db", timeout: 3600, grace: 600, channels: "*" });
assert.equal(created.status, "new");
assert.equal(created.slug, apiVersion < 3 ? `nightly-back-up-version-${apiVersion}` : "");
const uuid = created.ping_url.split("/").pop();

const ping = new client.HealthChecksPingClient({ baseUrl: `${baseUrl}/ping`, uuid, returnResponse: true });
assert.equal(await ping.start(), "OK");
assert.equal((await api.getCheck(uuid)).status, apiVersion === 1 ? "started" : "new");
assert.equal(await ping.success("12 files, 3 GB"), "OK");
assert.equal(await ping.fail(), "OK");
assert.equal(await ping.success(), "OK");

const pings = (await api.listPings(uuid)).pings;
assert.deepEqual(pings.map((p) => [p.n, p.type]), [[4, "success"], [3, "fail"], [2, "success"], [1, "start"]]);
assert.match(pings[0].ua, /^HealthChecks-IO-Client-JS/);
assert.ok(pings[1].body_url === null && pings[2].body_url.endsWith(`/api/v${apiVersion}/checks/${uuid}/pings/2/body`));

const flips = (await api.listFlips(uuid, { seconds: 3600 })).flips;
assert.deepEqual(flips.map((f) => f.up), [1, 0, 1]);
assert.deepEqual((await api.listFlips(uuid, { end: 1 })).flips, []);

const updated = await api.updateCheck(uuid, { schedule: "15 5 * * *", tz: "Europe/Riga" });
assert.deepEqual([updated.schedule, updated.tz, updated.timeout], ["15 5 * * *", "Europe/Riga", undefined]);
assert.equal((await api.createCheck({ name, unique: ["name"], desc: "once" })).desc, "once");
assert.deepEqual((await api.getChecks(["prod", "db"])).checks.filter((c) => c.name === name).map((c) => c.desc), ["once"]);
assert.deepEqual((await api.getChecks(["prod", "other"])).checks, []);
assert.deepEqual((await api.getIntegrations()).channels, []);

assert.equal((await api.pauseCheck(uuid)).status, "paused");
await fails(400, "is not a valid cron or OnCalendar expression", api.updateCheck(uuid, { schedule: "61 * * * *" }));
await fails(400, "invalid channel identifier: nobody", api.updateCheck(uuid, { channels: "nobody" }));
assert.equal((await api.deleteCheck(uuid)).name, name);
await fails(404, "", api.getCheck(uuid));

delete process.env.HC_API_KEY; // it is stronger than the option
const stranger = new client.HealthChecksApiClient({ baseUrl, apiVersion, apiKey: "x".repeat(32) });
await fails(401, "wrong api key", stranger.getChecks());
