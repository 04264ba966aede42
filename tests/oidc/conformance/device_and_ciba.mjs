// The device flow (RFC 8628) and CIBA (OpenID Connect Client-Initiated Backchannel Authentication Core 1.0), bad days included.
import '../node18.mjs';
import { Browser, forms } from '../browser.mjs';
import { assert, client, run, setup, test } from '../checks.mjs';
import { confirmOnPhone } from '../phone.mjs';
import { asClient, discovery, random, token } from '../plain.mjs';

const DEVICE = 'urn:ietf:params:oauth:grant-type:device_code';
const CIBA = 'urn:openid:params:grant-type:ciba';
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

const start = async () => (await asClient('tv', 'device_authorization_endpoint', { scope: 'openid profile' })).json;
const poll = (device_code, role = 'tv') => token(role, { grant_type: DEVICE, device_code });

test('a device gets a code that people can type, and an address for it', async () => {
  const answer = await asClient('tv', 'device_authorization_endpoint', { scope: 'openid' });
  assert.equal(answer.status, 200, answer.text);
  assert.match(answer.json.user_code, /^[A-Z0-9]{4}-?[A-Z0-9]{4}$/);
  assert.ok(answer.json.device_code.length >= 22);
  assert.ok(answer.json.expires_in > 60);
  assert.equal(new URL(answer.json.verification_uri).origin, new URL((await discovery()).issuer).origin);
  assert.match(answer.headers['cache-control'] ?? '', /no-store/);
});

test('a device that asks too often is told to slow down', async () => {
  const device = await start();
  const answers = [];
  for (let round = 0; round < 4; round += 1) answers.push((await poll(device.device_code)).json.error);
  assert.equal(answers[0], 'authorization_pending');
  assert.ok(answers.includes('slow_down'), answers.join());
}, { onPeer: false });

test('a device whose person refuses is told access_denied', async () => {
  const device = await start();
  await new Browser({ consent: false }).visit(device.verification_uri_complete);
  assert.equal((await poll(device.device_code)).json.error, 'access_denied');
}, { onPeer: false });

test('a device code of another client, and one that nobody made, are refused', async () => {
  const device = await start();
  await new Browser().visit(device.verification_uri_complete);
  const stolen = await poll(device.device_code, 'web');
  assert.ok(['invalid_grant', 'unauthorized_client', 'invalid_request'].includes(stolen.json.error), stolen.text);
  assert.equal((await poll(random())).json.error, 'invalid_grant');
});

test('a device code works once', async () => {
  const device = await start();
  await new Browser().visit(device.verification_uri_complete);
  const first = await poll(device.device_code);
  assert.equal(first.status, 200, first.text);
  await pause((device.interval ?? 5) * 1000 + 100);
  assert.notEqual((await poll(device.device_code)).status, 200);
});

test('a user code is taken in small letters and without its dash', async () => {
  const device = await start();
  const person = new Browser();
  const page = await person.visit(device.verification_uri);
  const form = forms(page.text).find((each) => each.typed.has('user_code'));
  assert.ok(form, 'a form for the code');
  await person.walk(await person.submit(page, form, { user_code: device.user_code.toLowerCase().replace('-', '') }));
  assert.equal((await poll(device.device_code)).status, 200, person.seen.join('\n'));
}, { onPeer: false });

test('a user code that nobody made is refused without saying more', async () => {
  const person = new Browser();
  const page = await person.visit((await discovery()).issuer + new URL((await start()).verification_uri).pathname);
  const form = forms(page.text).find((each) => each.typed.has('user_code'));
  const after = await person.submit(page, form, { user_code: 'BBBB-BBBB' });
  assert.ok(after.status >= 400 || forms(after.text).some((each) => each.typed.has('user_code')), `${after.status}`);
}, { onPeer: false });

// -- CIBA

const ask = (fields) => asClient('bank', 'backchannel_authentication_endpoint', { scope: 'openid', login_hint: setup.login.persons[0].id, ...fields });
const pollCiba = (auth_req_id, role = 'bank') => token(role, { grant_type: CIBA, auth_req_id });

test('a CIBA request waits until the person confirms', async () => {
  const { json } = await ask({ binding_message: 'AB12' });
  assert.ok(json.auth_req_id && json.expires_in > 0);
  assert.equal((await pollCiba(json.auth_req_id)).json.error, 'authorization_pending');
  await confirmOnPhone(new Browser(), 'AB12');
  let last;
  for (let round = 0; round < 4; round += 1) {
    await pause((json.interval ?? 5) * 1000 + 200);
    last = await pollCiba(json.auth_req_id);
    if (last.status === 200) break;
  }
  assert.equal(last.status, 200, last.text);
  assert.ok(last.json.id_token);
  assert.notEqual((await pollCiba(json.auth_req_id)).status, 200, 'works once');
});

test('a CIBA request that the person refuses is answered with access_denied', async () => {
  const { json } = await ask({ binding_message: 'NO11' });
  await confirmOnPhone(new Browser({ consent: false }), 'NO11');
  assert.equal((await pollCiba(json.auth_req_id)).json.error, 'access_denied');
}, { onPeer: false });

test('a CIBA request without openid, without a hint, or with two, is refused', async () => {
  for (const fields of [{ scope: 'profile' }, { login_hint: '' }, { login_hint_token: 'x' }]) {
    const answer = await ask(fields);
    assert.equal(answer.status, 400, `${JSON.stringify(fields)} ${answer.text}`);
  }
}, { onPeer: false });

test('a CIBA binding message that is too long or unreadable is refused', async () => {
  for (const binding_message of ['x'.repeat(500), 'line\nline', '\u0001']) {
    const answer = await ask({ binding_message });
    assert.equal(answer.status, 400, JSON.stringify(binding_message.slice(0, 20)));
    assert.ok(['invalid_binding_message', 'invalid_request'].includes(answer.json.error));
  }
}, { onPeer: false });

test('a CIBA request is of its client alone', async () => {
  const { json } = await ask({ binding_message: 'CC33' });
  const stolen = await pollCiba(json.auth_req_id, 'web');
  assert.ok(['invalid_grant', 'unauthorized_client', 'invalid_request'].includes(stolen.json.error), stolen.text);
  assert.equal((await pollCiba(random())).json.error, 'invalid_grant');
});

test('a client that isn\'t registered for CIBA, or doesn\'t authenticate, asks nobody', async () => {
  const other = await asClient('web', 'backchannel_authentication_endpoint', { scope: 'openid', login_hint: setup.login.persons[0].id });
  assert.ok(['unauthorized_client', 'invalid_request'].includes(other.json?.error), other.text);
  const { call } = await import('../plain.mjs');
  const nobody = await call((await discovery()).backchannel_authentication_endpoint, { form: { scope: 'openid', login_hint: 'x', client_id: client('bank').client_id } });
  assert.ok([400, 401].includes(nobody.status), nobody.text);
});

await run();
