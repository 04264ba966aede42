// Permits and the list as an independent library (@ldclabs/cose-ts) and as the page's own script see them:
// node judge.mjs < {"permits": [{token, qr, sms, claims}], "list", "key", "revoked": [ids], "now"}; bytes in hexadecimal.
import fs from 'node:fs';
import path from 'node:path';
import vm from 'node:vm';
import { webcrypto } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { register } from 'node:module';

// The library is written for bundlers: its files name one another without ".js".
register(`data:text/javascript,${encodeURIComponent(
  'export const resolve = (name, context, next) => next(name, context).catch(() => next(`${name}.js`, context));')}`);
const { Claims, Validator } = await import('@ldclabs/cose-ts/cwt');
const { Ed25519Key } = await import('@ldclabs/cose-ts/ed25519');
const { Sign1Message } = await import('@ldclabs/cose-ts/sign1');

const here = path.dirname(fileURLToPath(import.meta.url));
const given = JSON.parse(fs.readFileSync(0, 'utf8'));
const hex = (text) => Uint8Array.from(Buffer.from(text, 'hex'));
let passed = 0;
let failed = 0;
function check(good, what) {
  if (good) passed += 1;
  else {
    failed += 1;
    console.log(`FAILED ${what}`);
  }
}
const throws = (run) => {
  try {
    run();
    return false;
  } catch {
    return true;
  }
};

// -- the library
const key = Ed25519Key.fromBytes(hex(given.key));
const untagged = (bytes) => (bytes[0] === 0xd2 ? bytes.subarray(1) : bytes);
for (const permit of given.permits) {
  const token = hex(permit.token);
  const message = Sign1Message.fromBytes(key, token);
  const claims = Claims.fromBytes(message.payload);
  check(claims.sub === permit.claims.subject, 'sub');
  check(claims.exp === permit.claims.until && claims.nbf === permit.claims.from, 'exp, nbf');
  check(Buffer.from(claims.cti).toString('hex') === permit.claims.id, 'cti');
  const kind = claims.toRaw().get(-70001);
  check(kind[0] === permit.claims.kind && kind[1] === permit.claims.detail, 'kind');
  const valid = permit.claims.from <= given.now && given.now < permit.claims.until;
  const validator = new Validator({ fixedNow: new Date(given.now * 1000), clockSkew: 0 });
  check(throws(() => validator.validate(claims)) === !valid, 'its validator judges the times alike');
  for (const at of [8, 20, 40, token.length - 1]) {
    const forged = Uint8Array.from(token);
    forged[at] ^= 1;
    check(throws(() => Sign1Message.fromBytes(key, forged)), `a changed byte ${at} is refused`);
  }
  check(!throws(() => Sign1Message.fromBytes(key, untagged(token))), 'without its tag');
}
const purpose = new TextEncoder().encode('dayaq permit list 1');
check(Sign1Message.fromBytes(key, hex(given.list), purpose).payload.length > 0, 'the list');
check(throws(() => Sign1Message.fromBytes(key, hex(given.list))), 'the list without its purpose is refused');

// -- the page's own script, outside a page
globalThis.crypto ??= webcrypto; // Node 18
const script = fs.readFileSync(path.join(here, '../../web/static/inspect.js'), 'utf8');
const permits = vm.runInThisContext(`(() => {${script}\nreturn DayaqPermits;})()`);
const list = await permits.parseList(hex(given.list));
check(await permits.canVerify(), 'this Node verifies Ed25519');
check([...list.revoked].map((id) => id.toString(16).padStart(16, '0')).join() === given.revoked.join(), 'the revoked ids');
for (const permit of given.permits) {
  for (const text of [permit.qr, permit.sms]) {
    const found = await permits.inspect(text, list, given.now, 'Asia/Baku');
    check(found.finding === permit.finding, `${permit.finding}, and it says ${found.finding}`);
    check(found.claims.subject === permit.claims.subject && found.claims.detail === permit.claims.detail, 'claims');
    check(found.claims.id.toString(16).padStart(16, '0') === permit.claims.id, 'id');
  }
  check(Buffer.from(permits.parseText(permit.sms)).toString('hex') === permit.token, 'the SMS form is put together again');
}

// -- keys: permits of one that was withdrawn count for nothing, also to the page
for (const permit of given.withdrawn ?? []) {
  for (const text of [permit.qr, permit.sms]) {
    const found = await permits.inspect(text, list, given.now, 'Asia/Baku');
    check(found.finding === 'withdrawn' && found.claims === undefined, `withdrawn, and it says ${found.finding}`);
  }
}

// -- fuzzed: whatever comes, an answer comes, and it is never "valid"
let seed = 1;
const random = (below) => {
  seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
  return Math.floor(seed / 2 ** 32 * below);
};
const sources = given.permits.map((permit) => permit.sms).concat(given.permits.map((permit) => permit.qr));
let wrong = 0;
for (let round = 0; round < 3000; round += 1) {
  const source = sources[random(sources.length)];
  const at = 4 + random(source.length - 5);
  const letter = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_ :*'[random(41)];
  const changed = [source.slice(0, at), source.slice(at), source.slice(0, at) + letter + source.slice(at + 1),
    source.slice(0, at) + letter + source.slice(at)][random(4)];
  // A blank is passed over in the SMS form; a letter may be the same one.
  const bytes = (text) => {
    try {
      return Buffer.from(permits.parseText(text)).toString('hex');
    } catch {
      return '';
    }
  };
  if (given.permits.some((permit) => permit.token === bytes(changed))) continue;
  const { finding } = await permits.inspect(changed, list, given.now, 'Asia/Baku');
  if (!['no_permit', 'unknown_key', 'withdrawn', 'forged'].includes(finding)) wrong += 1;
}
check(wrong === 0, `${wrong} of 3000 changed texts passed`);
const bytes = hex(given.list);
let taken = 0;
for (let round = 0; round < 2000; round += 1) {
  const changed = round % 3 === 0 ? bytes.slice(0, random(bytes.length)) : Uint8Array.from(bytes);
  if (round % 3 !== 0) changed[random(bytes.length)] ^= 1 << random(8);
  try {
    await permits.parseList(changed);
    taken += 1;
  } catch (error) {
    if (error.finding === undefined && error.name !== 'DataError') console.log(`FAILED ${(failed += 1, error)}`);
  }
}
check(taken === 0, `${taken} of 2000 changed lists were taken`);
for (let round = 0; round < 3000; round += 1) {
  const bits = Uint8Array.from({ length: random(24) }, () => random(256));
  try {
    const ids = permits.riceDecode(random(20), random(66), bits);
    for (let i = 1; i < ids.length; i += 1) if (ids[i] <= ids[i - 1]) check(false, 'ids out of order');
  } catch (error) {
    if (error.finding === undefined) check(false, `${error}`);
  }
}
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
