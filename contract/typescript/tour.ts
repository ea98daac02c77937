// What another team's SPA and a partner's portal do, with types made from the description alone.

import createClient from "openapi-fetch";
import type { components, paths } from "../build/v1.d.ts";

declare const process: { env: Record<string, string | undefined> };

type Problem = components["schemas"]["Problem"];
type Credentials = {
  users: Record<string, { username: string; password: string }>;
  clients: Record<string, { client_id: string; client_secret: string }>;
};

const baseUrl = process.env["CRM_URL"] ?? "http://127.0.0.1:8000";
const credentials: Credentials = JSON.parse(process.env["CRM_CREDENTIALS"] ?? "{}");

function expect(condition: unknown, what: string): asserts condition {
  if (!condition) throw new Error(`Not so: ${what}`);
}

function refused(answer: { error?: Problem; response: Response }, status: number): Problem {
  expect(answer.response.status === status, `${answer.response.status} is ${status}`);
  expect(answer.response.headers.get("content-type") === "application/problem+json", "it is a problem document");
  expect(answer.error?.status === status, "the problem says its status");
  return answer.error;
}

async function signedIn(name: string) {
  const person = credentials.users[name];
  const { data, error } = await createClient<paths>({ baseUrl }).POST("/v1/auth/token", {
    body: person
      ? { grant_type: "password", ...person }
      : { grant_type: "client_credentials", ...credentials.clients[name] },
    headers: { "Content-Type": "application/x-www-form-urlencoded" },
  });
  expect(data, `${name} signs in: ${error?.detail}`);
  return createClient<paths>({
    baseUrl,
    headers: { Authorization: `Bearer ${data.access_token}`, "Accept-Language": "en" },
  });
}

async function changeACustomer() {
  const marketing = await signedIn("marketing");
  const made = await marketing.POST("/v1/customers", {
    params: { header: { "idempotency-key": crypto.randomUUID() } },
    body: { name: "杭州青禾茶业有限公司", kind: "company", contacts: [{ name: "王小明", phone: "13800000000" }] },
  });
  expect(made.data, made.error?.detail ?? "");
  expect(made.data.contacts[0]?.phone === "138******00", "contacts are masked");
  const etag = made.response.headers.get("etag");
  expect(etag, "a customer has an entity tag");
  const path = { customer_id: made.data.id };
  const change = (tag: string) =>
    marketing.PATCH("/v1/customers/{customer_id}", {
      params: { path, header: { "if-match": tag } },
      body: { needs: ["冷链"] },
    });
  const changed = await change(etag);
  expect(changed.data?.needs[0] === "冷链", "a change with the tag is taken");
  expect(refused(await change(etag), 412).type === "/problems/stale", "the same tag again is stale");
  return made.data.id;
}

async function pushUntilThePartnerSees() {
  const dispatch = await signedIn("dispatch");
  const partner = await signedIn("partner_a");
  const tracking_no = `SF${Date.now()}`;
  const shipment = await dispatch.POST("/v1/shipments", {
    body: { tracking_no, customer_code: "QINGHE", service: "inter_city", promised_at: "2030-01-01T18:00:00+08:00" },
  });
  expect(shipment.data?.status === "created", shipment.error?.detail ?? "a shipment is created");
  const scan = { source: "native", tracking_no, occurred_at: new Date().toISOString() };
  const event = await dispatch.POST("/v1/tracking-events", { body: { ...scan, code: "picked_up" } });
  expect(event.data?.result === "accepted", "an event is accepted");
  const alarm = await dispatch.POST("/v1/delivery-exceptions", { body: { ...scan, code: "carrier_damage" } });
  expect(alarm.data?.reason === "carrier_damage", "an exception is understood");
  for (let attempt = 0; attempt < 300; attempt += 1) {
    const seen = await partner.GET("/v1/partner/shipments", { params: { query: { tracking_no: [tracking_no] } } });
    expect(seen.data, seen.error?.detail ?? "");
    const exception = seen.data.items[0]?.exception;
    if (exception) return exception.label;
    await new Promise((wake) => setTimeout(wake, 100));
  }
  throw new Error("The partner never saw the exception");
}

async function walkAList() {
  const operations = await signedIn("operations");
  const seen = new Set<string>();
  let cursor: string | null = null;
  do {
    const query: { limit: number; cursor?: string } = cursor === null ? { limit: 7 } : { limit: 7, cursor };
    const page = await operations.GET("/v1/shipments", { params: { query } });
    expect(page.data, page.error?.detail ?? "");
    for (const shipment of page.data.items) seen.add(shipment.tracking_no);
    cursor = page.data.next_cursor;
  } while (cursor !== null);
  const missing = await operations.GET("/v1/shipments/{tracking_no}", { params: { path: { tracking_no: "NOBODY" } } });
  expect(refused(missing, 404).type === "/problems/not-found", "what is not there is a problem");
  const wrong = await operations.GET("/v1/shipments", { params: { query: { limit: 1000 } } });
  expect(refused(wrong, 422).errors?.[0]?.pointer === "/query/limit", "a problem points at the field");
  return seen.size;
}

console.log(`customer ${await changeACustomer()} made, changed, and refused a stale change`);
console.log(`the partner saw: ${await pushUntilThePartnerSees()}`);
console.log(`${await walkAList()} shipments on pages of 7`);
