// A program in a browser, on npm oidc-client-ts: a public client, headless here.
import './node18.mjs';
import { calculateJwkThumbprint, exportJWK } from 'jose';
import { Browser } from './browser.mjs';
import { assert, client, issuer, run, test } from './checks.mjs';

globalThis.window = { crypto, location: new URL(client('spa').redirect_uris[0]), setInterval, clearInterval, setTimeout, clearTimeout, addEventListener() {}, removeEventListener() {} };
const { DPoPState, InMemoryWebStorage, OidcClient, User, UserManager, WebStorageStateStore } = await import('oidc-client-ts');

function settings(more = {}) {
  return {
    authority: issuer, client_id: client('spa').client_id, redirect_uri: client('spa').redirect_uris[0], post_logout_redirect_uri: client('spa').post_logout_redirect_uris[0],
    scope: 'openid profile offline_access', prompt: 'consent', loadUserInfo: true, stateStore: new WebStorageStateStore({ store: new InMemoryWebStorage() }), ...more,
  };
}

async function login(oidc, person) {
  const request = await oidc.createSigninRequest({ state: { page: '/here' } });
  const back = await person.visit(request.url);
  assert.ok(back instanceof URL, person.seen.join('\n'));
  return oidc.processSigninResponse(back.href);
}

test('oidc-client-ts signs a person in and keeps its own state', async () => {
  const response = await login(new OidcClient(settings()), new Browser());
  assert.equal(response.profile.iss, issuer);
  assert.equal(typeof response.profile.given_name, 'string');
  assert.deepEqual(response.userState, { page: '/here' });
});

test('oidc-client-ts refuses an answer with the state of somebody else', async () => {
  const oidc = new OidcClient(settings());
  const request = await oidc.createSigninRequest({});
  const back = await new Browser().visit(request.url);
  back.searchParams.set('state', 'f'.repeat(32));
  await assert.rejects(oidc.processSigninResponse(back.href));
});

test('oidc-client-ts refreshes and gets the same subject', async () => {
  const oidc = new OidcClient(settings());
  const first = await login(oidc, new Browser());
  const next = await oidc.useRefreshToken({ state: { refresh_token: first.refresh_token, session_state: first.session_state, scope: first.scope, profile: first.profile, id_token: first.id_token } });
  assert.equal(next.profile.sub, first.profile.sub);
  assert.notEqual(next.access_token, first.access_token);
});

test('oidc-client-ts revokes what it holds', async () => {
  const userStore = new WebStorageStateStore({ store: new InMemoryWebStorage() });
  const manager = new UserManager({ ...settings(), userStore, automaticSilentRenew: false, monitorSession: false });
  const oidc = new OidcClient(settings());
  const response = await login(oidc, new Browser());
  await manager.storeUser(new User(response));
  await manager.revokeTokens(['refresh_token', 'access_token']);
  await assert.rejects(oidc.useRefreshToken({ state: { refresh_token: response.refresh_token, scope: response.scope, profile: response.profile, id_token: response.id_token } }), (error) => error.error === 'invalid_grant');
});

test('oidc-client-ts signs the person out and comes back with its state', async () => {
  const oidc = new OidcClient(settings());
  const person = new Browser();
  const response = await login(oidc, person);
  const request = await oidc.createSignoutRequest({ id_token_hint: response.id_token, state: { after: 'logout' } });
  const back = await person.visit(request.url);
  assert.ok(back instanceof URL, person.seen.join('\n'));
  assert.equal(back.origin + back.pathname, client('spa').post_logout_redirect_uris[0]);
  const answer = await oidc.processSignoutResponse(back.href);
  assert.deepEqual(answer.userState, { after: 'logout' });
});

test('oidc-client-ts with DPoP holds tokens bound to its key', async () => {
  const keys = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign', 'verify']);
  const kept = new Map();
  const store = {
    get: async (key) => kept.get(key) ?? null, set: async (key, value) => { kept.set(key, value); }, remove: async (key) => { const value = kept.get(key); kept.delete(key); return value; },
    getAllKeys: async () => [...kept.keys()],
  };
  kept.set(client('spa').client_id, new DPoPState(keys));
  const oidc = new OidcClient({ ...settings({ loadUserInfo: false }), dpop: { bind_authorization_code: true, store } });
  const request = await oidc.createSigninRequest({ dpopJkt: await calculateJwkThumbprint(await exportJWK(keys.publicKey)) });
  assert.ok(new URL(request.url).searchParams.get('dpop_jkt'));
  const back = await new Browser().visit(request.url);
  const response = await oidc.processSigninResponse(back.href);
  assert.match(response.token_type, /^dpop$/i);
});

await run();
