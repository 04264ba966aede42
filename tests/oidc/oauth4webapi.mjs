// A relying party on npm oauth4webapi, the strictest reader of a provider's answers.
import './node18.mjs';
import * as jose from 'jose';
import * as oauth from 'oauth4webapi';
import { Browser } from './browser.mjs';
import { assert, client, issuer, run, test } from './checks.mjs';

const plain = { [oauth.allowInsecureRequests]: true };

async function party(role) {
  const as = await oauth.processDiscoveryResponse(new URL(issuer), await oauth.discoveryRequest(new URL(issuer), plain));
  const c = { client_id: client(role).client_id, id_token_signed_response_alg: client(role).id_token_signed_response_alg };
  const { client_secret: secret, private: key, token_endpoint_auth_method: method } = client(role);
  const auth = method === 'none' ? oauth.None() : method === 'client_secret_basic' ? oauth.ClientSecretBasic(secret)
    : method === 'client_secret_post' ? oauth.ClientSecretPost(secret)
      : oauth.PrivateKeyJwt({ key: await jose.importJWK(key, key.alg), kid: key.kid });
  return { as, c, auth };
}

/// Asks again where the server wants a nonce in the proof (RFC 9449 section 8).
async function withNonce(DPoP, ask, read) {
  try {
    return await read(await ask());
  } catch (error) {
    if (!DPoP || !oauth.isDPoPNonceError(error)) throw error;
    return read(await ask());
  }
}

async function login(role, { DPoP, pushed = false, more = {}, person = new Browser() } = {}) {
  const { as, c, auth } = await party(role);
  const verifier = oauth.generateRandomCodeVerifier();
  const state = oauth.generateRandomState();
  const nonce = oauth.generateRandomNonce();
  const parameters = new URLSearchParams({
    client_id: c.client_id, response_type: 'code', redirect_uri: client(role).redirect_uris[0], scope: 'openid profile offline_access', prompt: 'consent',
    state, nonce, code_challenge: await oauth.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256', ...more,
  });
  const url = new URL(as.authorization_endpoint);
  if (pushed) {
    const answer = await withNonce(DPoP, () => oauth.pushedAuthorizationRequest(as, c, auth, parameters, { ...plain, DPoP }), (response) => oauth.processPushedAuthorizationResponse(as, c, response));
    url.search = new URLSearchParams({ client_id: c.client_id, request_uri: answer.request_uri });
  } else {
    url.search = parameters;
  }
  const back = await person.visit(url);
  assert.ok(back instanceof URL, person.seen.join('\n'));
  const answer = oauth.validateAuthResponse(as, c, back, state);
  const tokens = await withNonce(DPoP, () => oauth.authorizationCodeGrantRequest(as, c, auth, answer, client(role).redirect_uris[0], verifier, { ...plain, DPoP }),
    (response) => oauth.processAuthorizationCodeResponse(as, c, response, { expectedNonce: nonce, requireIdToken: true }));
  return { as, c, auth, tokens, person, claims: oauth.getValidatedIdTokenClaims(tokens) };
}

async function userInfo({ as, c, tokens, claims }, DPoP) {
  return withNonce(DPoP, () => oauth.userInfoRequest(as, c, tokens.access_token, { ...plain, DPoP }), (response) => oauth.processUserInfoResponse(as, c, claims.sub, response));
}

test('oauth4webapi takes discovery by OpenID and by RFC 8414 and both say the same', async () => {
  const answers = [];
  for (const algorithm of ['oidc', 'oauth2']) {
    answers.push(await oauth.processDiscoveryResponse(new URL(issuer), await oauth.discoveryRequest(new URL(issuer), { algorithm, ...plain })));
  }
  for (const member of ['issuer', 'authorization_endpoint', 'token_endpoint', 'jwks_uri', 'pushed_authorization_request_endpoint']) {
    assert.equal(answers[0][member], answers[1][member], member);
  }
});

test('oauth4webapi signs a person in with code and PKCE and reads UserInfo', async () => {
  const signedIn = await login('web');
  assert.equal((await userInfo(signedIn)).sub, signedIn.claims.sub);
});

test('oauth4webapi signs in with client_secret_post', async () => {
  assert.ok((await login('other')).claims.sub);
});

test('oauth4webapi signs a public client in by PKCE alone', async () => {
  assert.ok((await login('spa')).claims.sub);
});

test('oauth4webapi checks the ID token against the keys of the provider', async () => {
  const { as, c, auth } = await party('web');
  const verifier = oauth.generateRandomCodeVerifier();
  const url = new URL(as.authorization_endpoint);
  url.search = new URLSearchParams({ client_id: c.client_id, response_type: 'code', redirect_uri: client('web').redirect_uris[0], scope: 'openid', code_challenge: await oauth.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256' });
  const answer = oauth.validateAuthResponse(as, c, await new Browser().visit(url), oauth.expectNoState);
  const response = await oauth.authorizationCodeGrantRequest(as, c, auth, answer, client('web').redirect_uris[0], verifier, plain);
  await oauth.processAuthorizationCodeResponse(as, c, response, { requireIdToken: true });
  await oauth.validateApplicationLevelSignature(as, response, plain);
});

test('oauth4webapi does a FAPI 2.0 flow: PAR, private_key_jwt, DPoP with nonces, iss in the response', async () => {
  const { as, c } = await party('fapi');
  const DPoP = oauth.DPoP(c, await oauth.generateKeyPair('ES256'));
  assert.equal(as.authorization_response_iss_parameter_supported, true);
  const signedIn = await login('fapi', { DPoP, pushed: true });
  assert.equal(signedIn.tokens.token_type, 'dpop');
  assert.equal((await userInfo(signedIn, DPoP)).sub, signedIn.claims.sub);
});

test('oauth4webapi refreshes', async () => {
  const { as, c, auth, tokens, claims } = await login('web');
  const next = await oauth.processRefreshTokenResponse(as, c, await oauth.refreshTokenGrantRequest(as, c, auth, tokens.refresh_token, plain));
  assert.notEqual(next.access_token, tokens.access_token);
  assert.equal((await userInfo({ as, c, tokens: next, claims })).sub, claims.sub);
});

test('oauth4webapi introspects, revokes, and introspects again', async () => {
  const { as, c, auth, tokens, claims } = await login('web');
  const introspect = async () => oauth.processIntrospectionResponse(as, c, await oauth.introspectionRequest(as, c, auth, tokens.access_token, plain));
  const before = await introspect();
  assert.equal(before.active, true);
  assert.equal(before.sub, claims.sub);
  await oauth.processRevocationResponse(await oauth.revocationRequest(as, c, auth, tokens.access_token, plain));
  assert.deepEqual(await introspect(), { active: false });
});

test('oauth4webapi gets a JWT by client credentials that RFC 9068 allows', async () => {
  const { as, c, auth } = await party('machine');
  const tokens = await oauth.processClientCredentialsResponse(as, c, await oauth.clientCredentialsGrantRequest(as, c, auth, { scope: 'persons:read' }, plain));
  const audience = [jose.decodeJwt(tokens.access_token).aud].flat()[0];
  const request = new Request('http://localhost/', { headers: { authorization: `Bearer ${tokens.access_token}` } });
  const claims = await oauth.validateJwtAccessToken(as, request, audience, plain);
  assert.equal(claims.client_id, c.client_id);
  assert.equal(claims.scope, 'persons:read');
});

test('oauth4webapi does the device flow and sees authorization_pending meanwhile', async () => {
  const { as, c, auth } = await party('tv');
  const device = await oauth.processDeviceAuthorizationResponse(as, c, await oauth.deviceAuthorizationRequest(as, c, auth, { scope: 'openid' }, plain));
  const poll = async () => oauth.processDeviceCodeResponse(as, c, await oauth.deviceCodeGrantRequest(as, c, auth, device.device_code, plain), { requireIdToken: true });
  await assert.rejects(poll(), (error) => error.error === 'authorization_pending');
  await new Browser().visit(device.verification_uri_complete);
  await new Promise((resolve) => setTimeout(resolve, (device.interval ?? 5) * 1000 + 100));
  assert.ok((await poll()).id_token);
  await assert.rejects(poll(), (error) => error.error === 'invalid_grant' || error.error === 'slow_down', 'a device code is good once');
});

test('oauth4webapi is told login_required when it asks silently and nobody is signed in', async () => {
  const { as, c } = await party('web');
  const url = new URL(as.authorization_endpoint);
  url.search = new URLSearchParams({ client_id: c.client_id, response_type: 'code', redirect_uri: client('web').redirect_uris[0], scope: 'openid', prompt: 'none', state: 's', code_challenge: await oauth.calculatePKCECodeChallenge('v'.repeat(43)), code_challenge_method: 'S256' });
  const back = await new Browser().visit(url);
  assert.throws(() => oauth.validateAuthResponse(as, c, back, 's'), (error) => error.error === 'login_required');
});

await run();
