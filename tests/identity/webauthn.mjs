// Passkeys made by Chromium's virtual authenticators, judged on the same bytes by this project and by others:
// @simplewebauthn/server and libfido2 (fido2-cred, fido2-assert).
//
//   node tests/identity/webauthn.mjs build/release/bin/identity_tool
//
// The last line says how many checks passed.
import { verifyAuthenticationResponse, verifyRegistrationResponse } from '@simplewebauthn/server';
import { decodeAttestationObject } from '@simplewebauthn/server/helpers';
import { spawn, spawnSync } from 'node:child_process';
import crypto from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import readline from 'node:readline';
import { chromium } from 'playwright-core';

let passed = 0;
let failed = 0;
function check(good, what, more = '') {
  if (good) passed += 1;
  else {
    failed += 1;
    console.log(`FAILED ${what} ${more}`);
  }
}

const tool = spawn(process.argv[2], { stdio: ['pipe', 'pipe', 'inherit'] });
const lines = readline.createInterface({ input: tool.stdout })[Symbol.asyncIterator]();
async function ask(op, request = {}) {
  tool.stdin.write(`${JSON.stringify({ op, ...request })}\n`);
  return JSON.parse((await lines.next()).value);
}

const server = http.createServer((_, answer) => answer.setHeader('content-type', 'text/html').end('<!doctype html><title>t</title>'));
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
const origin = `http://localhost:${server.address().port}`;
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'dayaq-webauthn-'));
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});
const page = await (await browser.newContext()).newPage();
await page.goto(origin);
const devtools = await page.context().newCDPSession(page);
await devtools.send('WebAuthn.enable');
await ask('party', { id: 'localhost', origin });

const from = (text) => Buffer.from(text, 'base64url');
const to = (bytes) => Buffer.from(bytes).toString('base64url');

async function create(options) {
  return page.evaluate(async (o) => (await navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(o) })).toJSON(), options);
}
async function get(options) {
  return page.evaluate(async (o) => (await navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(o) })).toJSON(), options);
}

// What simplewebauthn says of the same bytes: its answer, or null.
async function theirRegistration(response, challenge, uv) {
  const answer = await verifyRegistrationResponse({
    response, expectedChallenge: challenge, expectedOrigin: origin, expectedRPID: 'localhost', requireUserVerification: uv === 'required',
  }).catch(() => null);
  return answer?.verified ? answer.registrationInfo : null;
}
let theirError;
async function theirLogin(response, challenge, ours, counter, uv) {
  const answer = await verifyAuthenticationResponse({
    response, expectedChallenge: challenge, expectedOrigin: origin, expectedRPID: 'localhost', requireUserVerification: uv === 'required',
    authenticator: { credentialID: from(ours.id), credentialPublicKey: from(ours.publicKey), counter },
  }).catch((error) => { theirError = error; return null; });
  return answer?.verified ? answer.authenticationInfo : null;
}

// CBOR byte string, as fido2-cred wants authenticator data.
function byteString(bytes) {
  const head = bytes.length < 24 ? [0x40 + bytes.length] : bytes.length < 256 ? [0x58, bytes.length] : [0x59, bytes.length >> 8, bytes.length & 255];
  return Buffer.concat([Buffer.from(head), bytes]);
}
const sha256 = (bytes) => crypto.createHash('sha256').update(bytes).digest();
function publicPem(ours) {
  const key = from(ours.publicKey);  // the exact form: x and y stand at fixed places
  const x = key.subarray(10, 42), y = key.subarray(45, 77);
  return crypto.createPublicKey({ key: { kty: 'EC', crv: 'P-256', x: to(x), y: to(y) }, format: 'jwk' }).export({ type: 'spki', format: 'pem' });
}
function fido2Assert(response, ours, uv) {
  const pem = path.join(folder, 'key.pem'), input = path.join(folder, 'assert');
  fs.writeFileSync(pem, publicPem(ours));
  fs.writeFileSync(input, [sha256(from(response.response.clientDataJSON)), null, byteString(from(response.response.authenticatorData)), from(response.response.signature)]
    .map((part) => (part === null ? 'localhost' : part.toString('base64'))).join('\n') + '\n');
  return spawnSync('fido2-assert', ['-V', '-p', ...(uv === 'required' ? ['-v'] : []), '-i', input, pem, 'es256']).status === 0;
}

// @simplewebauthn/server 9 (the last for Node 18) doesn't pad an r or s that is shorter than 32 bytes, and so refuses one
// good signature in 128. Such a one is asked for again, so that the comparison is fair.
const isShort = (der) => {
  const s = 4 + der[3];  // where s begins: 02, its length, its bytes
  const size = (at) => der[at + 1] - (der[at + 2] === 0 ? 1 : 0);
  return size(2) < 32 || size(s) < 32;
};

// Changes of an answer that nobody may take. Each gives a fresh copy.
const spoil = (response, member, at) => {
  const copy = structuredClone(response);
  const bytes = from(copy.response[member]);
  bytes[at < 0 ? bytes.length + at : at] ^= 1;
  copy.response[member] = to(bytes);
  return copy;
};
const withClientData = (response, change) => {
  const copy = structuredClone(response);
  const data = JSON.parse(from(copy.response.clientDataJSON).toString());
  change(data);
  copy.response.clientDataJSON = to(Buffer.from(JSON.stringify(data)));
  return copy;
};
const clientDataChanges = {
  'another type': (data) => { data.type = 'webauthn.other'; },
  'another challenge': (data) => { data.challenge = to(crypto.randomBytes(32)); },
  'another origin': (data) => { data.origin = 'https://localhost.example.az'; },
};

async function authenticator(name, options, { uv = 'required', direct = false } = {}) {
  const { authenticatorId } = await devtools.send('WebAuthn.addVirtualAuthenticator', {
    options: { transport: 'usb', automaticPresenceSimulation: true, isUserVerified: true, ...options },
  });
  const user = to(crypto.randomBytes(16));
  const { options: creation } = await ask('creation_options', { user, uv, attestation: direct ? 'direct' : 'none' });
  if (!options.hasResidentKey) creation.authenticatorSelection = { userVerification: uv };
  const made = await create(creation);
  const challenge = creation.challenge;
  if (direct && isShort(decodeAttestationObject(from(made.response.attestationObject)).get('attStmt').get('sig'))) {
    await devtools.send('WebAuthn.removeVirtualAuthenticator', { authenticatorId });
    return authenticator(name, options, { uv, direct });
  }

  // The same answer is judged alike.
  const their = await theirRegistration(made, challenge, uv);
  for (const [what, change] of Object.entries(clientDataChanges)) {
    const changed = withClientData(made, change);
    check((await ask('register', { response: changed, challenge, user, uv })).error, `${name}: ${what} is refused`);
    check(!(await theirRegistration(changed, challenge, uv)), `${name}: they refuse ${what}`);
  }
  const ours = await ask('register', { response: made, challenge, user, uv });
  check(!ours.error, `${name}: registered`, JSON.stringify(ours));
  check(their !== null, `${name}: they register it`);
  check(their && to(their.credentialID) === ours.id && their.counter === ours.counter, `${name}: the same id and counter`);
  check(their && their.aaguid.replaceAll('-', '') === ours.aaguid && their.userVerified === ours.userVerified, `${name}: the same model and flags`);
  check(their && to(their.credentialPublicKey) === ours.publicKey, `${name}: the same key`);
  const expected = direct ? 'untrusted' : 'none';
  check(ours.attestation === expected, `${name}: attestation ${expected}`, ours.attestation);
  check(their && (direct ? their.fmt !== 'none' : true), `${name}: they see ${their?.fmt}`);
  check((await ask('register', { response: made, challenge, user, uv, policy: 'required' })).error === 'webauthn.untrusted', `${name}: an unknown maker is refused where attestation is required`);
  if (direct) {
    const changed = spoil(made, 'attestationObject', -1);  // the credential's key is last in authData
    check((await ask('register', { response: changed, challenge, user, uv })).error, `${name}: a changed key is refused`);
    check(!(await theirRegistration(changed, challenge, uv)), `${name}: they refuse a changed key`);
  }
  if (direct) {
    const object = decodeAttestationObject(from(made.response.attestationObject));
    const statement = object.get('attStmt');
    const authData = Buffer.from(object.get('authData'));
    const certificate = Buffer.from(statement.get('x5c')[0]);
    // With the maker's certificate as an anchor the same answer is of a known maker; with another's it is not.
    const question = { response: made, challenge, user, uv, policy: 'required' };
    check((await ask('register', { ...question, anchor: to(certificate) })).attestation === 'basic', `${name}: a known maker passes`);
    const cut = path.join(folder, 'other.der');
    spawnSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', '/dev/null', '-subj', '/CN=other', '-outform', 'DER', '-out', cut]);
    check((await ask('register', { ...question, anchor: to(fs.readFileSync(cut)) })).error === 'webauthn.untrusted', `${name}: another maker's anchor doesn't help`);
    // libfido2 judges the attestation too.
    const fido2Cred = (signature) => {
      const input = path.join(folder, 'cred');
      const hash = sha256(from(made.response.clientDataJSON));
      const idLength = authData.readUInt16BE(53);
      const lines = [hash.toString('base64'), 'localhost', object.get('fmt'), byteString(authData).toString('base64'),
        authData.subarray(55, 55 + idLength).toString('base64'), signature.toString('base64'), certificate.toString('base64')];
      fs.writeFileSync(input, `${lines.join('\n')}\n`);
      return spawnSync('fido2-cred', ['-V', ...(uv === 'required' ? ['-v'] : []), '-i', input, 'es256']).status === 0;
    };
    const signature = Buffer.from(statement.get('sig'));
    check(fido2Cred(signature), `${name}: libfido2 takes the attestation (${object.get('fmt')})`);
    signature[signature.length - 1] ^= 1;
    check(!fido2Cred(signature), `${name}: libfido2 refuses it changed`);
    const at = Buffer.from(from(made.response.attestationObject));
    at[at.indexOf(Buffer.from(statement.get('sig'))) + 20] ^= 1;
    const changed = structuredClone(made);
    changed.response.attestationObject = to(at);
    check((await ask('register', { response: changed, challenge, user, uv })).error === 'webauthn.attestation', `${name}: a changed attestation is refused`);
    check(!(await theirRegistration(changed, challenge, uv)), `${name}: they refuse it too`);
  }
  await ask('register', { response: made, challenge, user, uv });

  // Logins: with the credential named, and by what the authenticator discovers.
  let counter = ours.counter;
  for (const allow of options.hasResidentKey ? [ours.id, ''] : [ours.id]) {
    const { options: request } = await ask('request_options', { allow, uv });
    let login = await get(request);
    while (isShort(from(login.response.signature))) login = await get(request);
    const question = { challenge: request.challenge, allow, uv };
    const changes = Object.entries(clientDataChanges).map(([what, change]) => [what, withClientData(login, change)]);
    for (const [member, at] of [['signature', -1], ['authenticatorData', 0], ['authenticatorData', 36], ['authenticatorData', 32]]) changes.push([`${member} ${at}`, spoil(login, member, at)]);
    for (const [what, changed] of changes) {
      check((await ask('login', { response: changed, ...question })).error, `${name}: login with ${what} is refused`);
      check(!(await theirLogin(changed, request.challenge, ours, counter, uv)), `${name}: they refuse a login with ${what}`);
    }
    check(fido2Assert(login, ours, uv), `${name}: libfido2 takes the login`);
    check(!fido2Assert(spoil(login, 'signature', -1), ours, uv), `${name}: libfido2 refuses it changed`);
    const theirs = await theirLogin(login, request.challenge, ours, counter, uv);
    const answer = await ask('login', { response: login, ...question });
    check(!answer.error && !answer.repeated, `${name}: logged in`, JSON.stringify(answer));
    check(theirs !== null && theirs.newCounter === answer.counter, `${name}: they log in with the same counter`, `${theirError} ${login.response.signature} ${JSON.stringify(theirs)} ${counter}`);
    counter = answer.counter;
    // The same answer once more: right in itself, but its counter stands still (the challenge is the caller's to spend).
    const again = await ask('login', { response: login, ...question });
    check(again.repeated === true, `${name}: a counter that stands still is seen`, JSON.stringify(again));
    check(!(await theirLogin(login, request.challenge, ours, counter, uv)), `${name}: they refuse the counter`);
    const other = structuredClone(login);
    other.response.userHandle = to(crypto.randomBytes(16));
    check((await ask('login', { response: other, ...question })).error === 'webauthn.user_handle', `${name}: another person's handle is refused`);
  }
  await devtools.send('WebAuthn.removeVirtualAuthenticator', { authenticatorId });
  return undefined;
}

try {
  const ctap2 = { protocol: 'ctap2', hasResidentKey: true, hasUserVerification: true };
  await authenticator('passkey on a phone', { ...ctap2, transport: 'internal' });
  await authenticator('synced passkey', { ...ctap2, transport: 'internal', defaultBackupEligibility: true, defaultBackupState: true });
  await authenticator('key with attestation', { ...ctap2 }, { direct: true });
  await authenticator('key by NFC, no resident key', { ...ctap2, transport: 'nfc', hasResidentKey: false });
  await authenticator('key that verifies nobody', { protocol: 'ctap2', hasResidentKey: false, hasUserVerification: false }, { uv: 'discouraged' });
  await authenticator('U2F key', { protocol: 'u2f' }, { uv: 'discouraged' });
  await authenticator('U2F key with attestation', { protocol: 'u2f' }, { uv: 'discouraged', direct: true });
} finally {
  await browser.close();
  server.close();
  tool.stdin.end();
  fs.rmSync(folder, { recursive: true });
}
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 && passed > 0 ? 0 : 1);
