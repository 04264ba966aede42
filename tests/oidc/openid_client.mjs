// A relying party on npm openid-client.
import './node18.mjs';
import http from 'node:http';
import * as jose from 'jose';
import * as oidc from 'openid-client';
import { Browser } from './browser.mjs';
import { assert, client, issuer, run, setup, test } from './checks.mjs';
import { confirmOnPhone } from './phone.mjs';

const authentication = {
  client_secret_basic: (c) => oidc.ClientSecretBasic(c.client_secret),
  client_secret_post: (c) => oidc.ClientSecretPost(c.client_secret),
  private_key_jwt: async (c) => oidc.PrivateKeyJwt({ key: await jose.importJWK(c.private, c.private.alg), kid: c.private.kid }),
  none: () => oidc.None(),
};

async function configured(role, metadata = {}) {
  const c = client(role);
  const how = await authentication[c.token_endpoint_auth_method](c);
  return oidc.discovery(new URL(issuer), c.client_id, { id_token_signed_response_alg: c.id_token_signed_response_alg, ...metadata }, how, { execute: [oidc.allowInsecureRequests] });
}

async function login(config, role, { person = new Browser(), more = {}, build = oidc.buildAuthorizationUrl, DPoP, scope = 'openid profile offline_access', maxAge } = {}) {
  const verifier = oidc.randomPKCECodeVerifier();
  const sent = {
    redirect_uri: client(role).redirect_uris[0], scope, state: oidc.randomState(), nonce: oidc.randomNonce(), prompt: 'consent',
    code_challenge: await oidc.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256', ...more,
  };
  const back = await person.visit(await build(config, sent, DPoP ? { DPoP } : undefined));
  assert.ok(back instanceof URL, `no answer for the client: ${person.seen.join('\n')}\n${back.text?.slice(0, 2000)}`);
  const tokens = await oidc.authorizationCodeGrant(config, back, { pkceCodeVerifier: verifier, expectedNonce: sent.nonce, expectedState: sent.state, maxAge, idTokenExpected: true }, undefined, { DPoP });
  return { tokens, person, back };
}

test('openid-client signs a person in with code and PKCE and reads UserInfo', async () => {
  const config = await configured('web');
  const { tokens, back } = await login(config, 'web');
  const claims = tokens.claims();
  assert.equal(claims.iss, issuer);
  assert.equal(claims.aud, client('web').client_id);
  assert.equal(back.searchParams.get('iss'), issuer);
  const info = await oidc.fetchUserInfo(config, tokens.access_token, claims.sub);
  assert.equal(info.sub, claims.sub);
  assert.equal(typeof info.given_name, 'string');
});

for (const [role, alg] of [['eddsa', 'EdDSA'], ['rsa', 'RS256']]) {
  test(`openid-client verifies an ID token signed with ${alg}`, async () => {
    const config = await configured(role);
    const { tokens } = await login(config, role);
    assert.equal(jose.decodeProtectedHeader(tokens.id_token).alg, alg);
  });
}

test('openid-client pushes its request and authenticates with a private key', async () => {
  const config = await configured('jwt');
  const { tokens, back } = await login(config, 'jwt', { build: oidc.buildAuthorizationUrlWithPAR });
  assert.ok(tokens.id_token);
  assert.equal(back.searchParams.get('iss'), issuer);
});

test('openid-client signs its request as a request object', async () => {
  const config = await configured('jwt');
  const c = client('jwt');
  const key = { key: await jose.importJWK(c.private, 'ES256'), kid: c.private.kid };
  const { tokens } = await login(config, 'jwt', { build: (cfg, sent) => oidc.buildAuthorizationUrlWithJAR(cfg, sent, key) });
  assert.ok(tokens.id_token);
});

test('openid-client meets FAPI 2.0: pushed request, private key, tokens bound by DPoP with nonces', async () => {
  const config = await configured('fapi');
  const DPoP = oidc.getDPoPHandle(config, await oidc.randomDPoPKeyPair('ES256'));
  const { tokens } = await login(config, 'fapi', { build: oidc.buildAuthorizationUrlWithPAR, DPoP });
  assert.equal(tokens.token_type, 'dpop');
  const info = await oidc.fetchUserInfo(config, tokens.access_token, tokens.claims().sub, { DPoP });
  assert.equal(info.sub, tokens.claims().sub);
  await assert.rejects(oidc.fetchUserInfo(config, tokens.access_token, tokens.claims().sub), 'a bound token without a proof');
});

test('openid-client refreshes and keeps the subject', async () => {
  const config = await configured('web');
  const { tokens } = await login(config, 'web');
  assert.ok(tokens.refresh_token, 'offline_access gives a refresh token');
  const next = await oidc.refreshTokenGrant(config, tokens.refresh_token);
  assert.notEqual(next.access_token, tokens.access_token);
  if (next.claims()) assert.equal(next.claims().sub, tokens.claims().sub);
  const info = await oidc.fetchUserInfo(config, next.access_token, tokens.claims().sub);
  assert.equal(info.sub, tokens.claims().sub);
});

test('openid-client refreshes tokens bound by DPoP with the same key alone', async () => {
  const config = await configured('spa');
  const pair = await oidc.randomDPoPKeyPair('ES256');
  const DPoP = oidc.getDPoPHandle(config, pair);
  const { tokens } = await login(config, 'spa', { DPoP });
  assert.equal(tokens.token_type, 'dpop');
  const thief = oidc.getDPoPHandle(config, await oidc.randomDPoPKeyPair('ES256'));
  await assert.rejects(oidc.refreshTokenGrant(config, tokens.refresh_token, undefined, { DPoP: thief }));
  const next = await oidc.refreshTokenGrant(config, tokens.refresh_token, undefined, { DPoP });
  assert.equal(next.token_type, 'dpop');
});

test('openid-client introspects and revokes: a revoked token is inactive and reads nothing', async () => {
  const config = await configured('web');
  const { tokens } = await login(config, 'web');
  const before = await oidc.tokenIntrospection(config, tokens.access_token);
  assert.equal(before.active, true);
  assert.equal(before.client_id, client('web').client_id);
  await oidc.tokenRevocation(config, tokens.access_token);
  assert.equal((await oidc.tokenIntrospection(config, tokens.access_token)).active, false);
  await assert.rejects(oidc.fetchUserInfo(config, tokens.access_token, tokens.claims().sub));
});

test('openid-client revokes a refresh token and with it the grant', async () => {
  const config = await configured('web');
  const { tokens } = await login(config, 'web');
  await oidc.tokenRevocation(config, tokens.refresh_token);
  await assert.rejects(oidc.refreshTokenGrant(config, tokens.refresh_token), (error) => error.error === 'invalid_grant');
});

test('openid-client gets a token for a program by client credentials', async () => {
  for (const role of ['machine', 'machine_jwt']) {
    const config = await configured(role);
    const tokens = await oidc.clientCredentialsGrant(config, { scope: 'persons:read' });
    assert.equal(tokens.token_type, 'bearer');
    assert.ok(tokens.expires_in > 0);
    const { payload, protectedHeader } = await jose.jwtVerify(tokens.access_token, jose.createRemoteJWKSet(new URL(config.serverMetadata().jwks_uri)), { issuer });
    assert.equal(protectedHeader.typ, 'at+jwt');
    assert.equal(payload.client_id, client(role).client_id);
    assert.equal(payload.sub, client(role).client_id);
  }
});

test('openid-client on a TV box gets tokens after the person entered its code', async () => {
  const config = await configured('tv');
  const device = await oidc.initiateDeviceAuthorization(config, { scope: 'openid profile' });
  assert.match(device.user_code, /^[A-Z0-9]{4}-[A-Z0-9]{4}$/);
  const polling = oidc.pollDeviceAuthorizationGrant(config, { ...device, interval: 1 });
  const person = new Browser();
  await person.visit(device.verification_uri_complete ?? device.verification_uri);
  const tokens = await polling;
  const info = await oidc.fetchUserInfo(config, tokens.access_token, tokens.claims().sub);
  assert.equal(info.sub, tokens.claims().sub);
});

test('openid-client asks by CIBA and gets tokens after the person confirmed on their phone', async () => {
  const config = await configured('bank');
  const binding_message = 'W4SCT';
  const person = new Browser();
  const asked = await oidc.initiateBackchannelAuthentication(config, { scope: 'openid profile', login_hint: person.person.id, binding_message });
  const polling = oidc.pollBackchannelAuthenticationGrant(config, { ...asked, interval: 1 });
  await confirmOnPhone(person, binding_message);
  const tokens = await polling;
  assert.equal(tokens.claims().aud, client('bank').client_id);
});

test('openid-client logs out at the provider, which sends the person back and ends the session', async () => {
  const config = await configured('web');
  const { tokens, person } = await login(config, 'web');
  const state = oidc.randomState();
  const url = oidc.buildEndSessionUrl(config, { id_token_hint: tokens.id_token, post_logout_redirect_uri: client('web').post_logout_redirect_uris[0], state });
  const back = await person.visit(url);
  assert.ok(back instanceof URL, person.seen.join('\n'));
  assert.equal(back.origin + back.pathname, client('web').post_logout_redirect_uris[0]);
  assert.equal(back.searchParams.get('state'), state);
  const silent = await login(config, 'web', { person, more: { prompt: 'none' } }).catch((error) => error);
  assert.equal(silent.error, 'login_required');
});

test('a logout reaches two clients at once by back channel, each with a logout token of its own', async () => {
  const received = {};
  const hook = http.createServer((request, response) => {
    let body = '';
    request.on('data', (part) => { body += part; });
    request.on('end', () => { (received[request.url] ??= []).push(new URLSearchParams(body).get('logout_token')); response.writeHead(200).end(); });
  });
  await new Promise((resolve) => hook.listen(setup.ports.hook, resolve));
  try {
    const person = new Browser();
    const sessions = {};
    for (const role of ['web', 'other']) {
      const config = await configured(role);
      sessions[role] = { config, ...(await login(config, role, { person, scope: 'openid' })) };
    }
    const { config, tokens } = sessions.web;
    await person.visit(oidc.buildEndSessionUrl(config, { id_token_hint: tokens.id_token, post_logout_redirect_uri: client('web').post_logout_redirect_uris[0] }));
    // Ends of earlier sessions, which nobody took then, may be told again now.
    const told = (role) => received[`/${role}`]?.find((token) => jose.decodeJwt(token).sid === sessions[role].tokens.claims().sid);
    for (let wait = 0; wait < 600 && !(told('web') && told('other')); wait += 1) await new Promise((resolve) => setTimeout(resolve, 50));
    const keys = jose.createRemoteJWKSet(new URL(config.serverMetadata().jwks_uri));
    for (const role of ['web', 'other']) {
      assert.ok(told(role), `${role} was told`);
      const { payload } = await jose.jwtVerify(told(role), keys, { issuer, audience: client(role).client_id, typ: 'logout+jwt' });
      assert.deepEqual(payload.events, { 'http://schemas.openid.net/event/backchannel-logout': {} });
      assert.equal(payload.nonce, undefined);
      assert.ok(payload.jti && payload.iat && payload.exp);
    }
  } finally {
    hook.closeAllConnections();
    hook.close();
  }
});

test('openid-client of two organisations sees two subjects for one person, and each the same again', async () => {
  const person = new Browser();
  const subjects = {};
  for (const role of ['web', 'other', 'web']) {
    const { tokens } = await login(await configured(role), role, { person, scope: 'openid' });
    const { sub } = tokens.claims();
    assert.equal(subjects[role] ?? sub, sub);
    subjects[role] = sub;
  }
  assert.notEqual(subjects.web, subjects.other);
});

await run();
