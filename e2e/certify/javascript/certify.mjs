// What the programs that certify Belfry with the AWS SDK for JavaScript share.
// The SDK reads endpoint, region and credentials from the environment.

import assert from "node:assert/strict";
import { crc32 } from "node:zlib";

export const account = "000000000000";
export const region = process.env.AWS_REGION;

// refused wants a promise to fail with the SDK's own exception.
export async function refused(exception, promise) {
  try {
    await promise;
  } catch (error) {
    assert.ok(error instanceof exception, `got ${error.name}: ${error.message}, want ${exception.name}`);
    return error;
  }
  assert.fail(`was not refused, want ${exception.name}`);
}

// all reads a list with the SDK's paginator, in pages of size. The paginator writes
// into the input that it is given.
export async function all(paginate, client, key, size, input = {}) {
  const found = [];
  let pages = 0;
  for await (const page of paginate({ client, pageSize: size }, { ...input })) {
    found.push(...(page[key] ?? []));
    pages++;
  }
  assert.ok(pages >= Math.ceil(found.length / size), `${pages} pages of ${size} for ${found.length} items`);
  return found;
}

export async function eventually(what, ok, seconds = 60) {
  for (const deadline = Date.now() + seconds * 1000; Date.now() < deadline; ) {
    const found = await ok();
    if (found) return found;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.fail(`after ${seconds} s still not: ${what}`);
}

export const handler = `
def handler(event, context):
    if isinstance(event, dict) and event.get("fail"):
        raise ValueError(event["fail"])
    print("seen by", context.aws_request_id)
    return event
`;

// zipped returns a zip with one stored file (APPNOTE.TXT 4.3).
export function zipped(source = handler, path = "handler.py") {
  const name = Buffer.from(path);
  const data = Buffer.from(source);
  const common = Buffer.alloc(26);
  common.writeUInt16LE(20, 0); // version needed
  common.writeUInt32LE(crc32(data), 10);
  common.writeUInt32LE(data.length, 14);
  common.writeUInt32LE(data.length, 18);
  common.writeUInt16LE(name.length, 22);
  const local = Buffer.concat([Buffer.from("PK\x03\x04"), common, name, data]);
  const central = Buffer.concat([Buffer.from("PK\x01\x02\x14\x00"), common, Buffer.alloc(14), name]);
  const end = Buffer.alloc(22);
  end.write("PK\x05\x06");
  end.writeUInt16LE(1, 8);
  end.writeUInt16LE(1, 10);
  end.writeUInt32LE(central.length, 12);
  end.writeUInt32LE(local.length, 16);
  return Buffer.concat([local, central, end]);
}
