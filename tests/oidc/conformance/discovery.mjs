// Discovery and keys (the config plan; OpenID Connect Discovery, RFC 8414), and that the provider does what they say.
import '../node18.mjs';
import { assert, issuer, run, test } from '../checks.mjs';
import { call, discovery } from '../plain.mjs';

test('discovery is JSON at its address and names the issuer under which it was found', async () => {
  const answer = await call(`${issuer}/.well-known/openid-configuration`);
  assert.equal(answer.status, 200);
  assert.match(answer.headers['content-type'], /^application\/json/);
  assert.equal(answer.json.issuer, issuer);
});

test('discovery holds all that is required, and each as its standard has it', async () => {
  const found = await discovery();
  for (const member of ['authorization_endpoint', 'token_endpoint', 'jwks_uri', 'userinfo_endpoint', 'introspection_endpoint', 'revocation_endpoint', 'end_session_endpoint', 'pushed_authorization_request_endpoint', 'device_authorization_endpoint', 'backchannel_authentication_endpoint']) {
    assert.equal(new URL(found[member]).origin, new URL(issuer).origin, member);
  }
  for (const member of ['response_types_supported', 'subject_types_supported', 'id_token_signing_alg_values_supported', 'scopes_supported', 'claims_supported', 'grant_types_supported', 'acr_values_supported', 'token_endpoint_auth_methods_supported']) {
    assert.ok(Array.isArray(found[member]) && found[member].length > 0, member);
  }
});

test('discovery offers the code flow alone, with S256 alone', async () => {
  const found = await discovery();
  assert.deepEqual(found.response_types_supported, ['code']);
  assert.deepEqual(found.code_challenge_methods_supported, ['S256']);
  for (const grant of ['implicit', 'password']) assert.ok(!found.grant_types_supported.includes(grant));
  for (const grant of ['authorization_code', 'refresh_token', 'client_credentials', 'urn:ietf:params:oauth:grant-type:device_code', 'urn:openid:params:grant-type:ciba']) assert.ok(found.grant_types_supported.includes(grant), grant);
});

test('discovery offers no alg none, no HMAC, and what FAPI 2.0 wants', async () => {
  const found = await discovery();
  for (const [member, values] of Object.entries(found)) {
    if (!/_alg_values_supported$/.test(member)) continue;
    for (const value of values) assert.ok(value !== 'none' && !/^HS/.test(value), `${member} ${value}`);
  }
  for (const alg of ['ES256', 'EdDSA', 'RS256']) assert.ok(found.id_token_signing_alg_values_supported.includes(alg), alg);
  assert.ok(found.dpop_signing_alg_values_supported.includes('ES256'));
  assert.ok(found.token_endpoint_auth_methods_supported.includes('private_key_jwt'));
  assert.ok(found.token_endpoint_auth_signing_alg_values_supported.includes('ES256'));
  assert.equal(found.authorization_response_iss_parameter_supported, true);
  assert.equal(found.claims_parameter_supported, true);
  assert.equal(found.request_parameter_supported, true);
  assert.notEqual(found.request_uri_parameter_supported, true, 'no fetching of request objects');
  assert.ok(found.subject_types_supported.includes('pairwise'));
  assert.equal(found.backchannel_logout_supported, true);
  assert.equal(found.backchannel_logout_session_supported, true);
  assert.ok(found.backchannel_token_delivery_modes_supported.includes('poll'));
});

test('every endpoint that discovery names is there', async () => {
  const found = await discovery();
  for (const member of Object.keys(found).filter((name) => /_endpoint$|jwks_uri$/.test(name))) {
    const answers = [await call(found[member]), await call(found[member], { form: { x: '1' } })];
    assert.ok(answers.some((answer) => answer.status !== 404 && answer.status < 500), `${member}: ${answers.map((answer) => answer.status)}`);
    for (const answer of answers) assert.ok(answer.status < 500, `${member}: ${answer.status}`);
  }
}, { onPeer: false });

test('the key set is JSON without private members, with a kid, a use and an alg for each key', async () => {
  const answer = await call((await discovery()).jwks_uri);
  assert.equal(answer.status, 200);
  assert.match(answer.headers['content-type'], /^application\/(jwk-set\+)?json/);
  assert.ok(answer.json.keys.length >= 1);
  for (const key of answer.json.keys) {
    for (const member of ['d', 'p', 'q', 'dp', 'dq', 'qi', 'k', 'oth']) assert.equal(member in key, false, member);
    assert.ok(key.kid && key.kty && key.alg);
    assert.equal(key.use, 'sig');
    if (key.kty === 'RSA') assert.ok(Buffer.from(key.n, 'base64url').length >= 256, 'RSA of 2048 bits and more');
    if (key.kty === 'EC') assert.equal(Buffer.from(key.x, 'base64url').length, 32, 'coordinates of full length (RFC 7518 section 6.2.1.2)');
  }
});

test('a page of any origin may read discovery and keys', async () => {
  for (const address of [`${issuer}/.well-known/openid-configuration`, (await discovery()).jwks_uri]) {
    const answer = await call(address, { headers: { origin: 'https://app.example' } });
    assert.ok(['*', 'https://app.example'].includes(answer.headers['access-control-allow-origin']), address);
    assert.equal(answer.headers['access-control-allow-credentials'], undefined);
  }
});

test('a program in a browser may ask the token endpoint and UserInfo across origins, without cookies', async () => {
  const found = await discovery();
  for (const [address, method, header] of [[found.token_endpoint, 'POST', 'content-type,dpop'], [found.userinfo_endpoint, 'GET', 'authorization,dpop']]) {
    const answer = await call(address, { method: 'OPTIONS', headers: { origin: 'http://localhost:1', 'access-control-request-method': method, 'access-control-request-headers': header } });
    assert.ok(answer.status >= 200 && answer.status < 300, `${address} ${answer.status}`);
    assert.ok(['*', 'http://localhost:1'].includes(answer.headers['access-control-allow-origin']), address);
    const allowed = (answer.headers['access-control-allow-headers'] ?? '').toLowerCase();
    for (const wanted of header.split(',')) assert.ok(allowed.includes(wanted), `${address} ${wanted}: ${allowed}`);
    assert.notEqual(answer.headers['access-control-allow-credentials'], 'true');
  }
});

test('no page of another origin may read the authorization endpoint', async () => {
  const answer = await call((await discovery()).authorization_endpoint, { headers: { origin: 'https://app.example' } });
  assert.equal(answer.headers['access-control-allow-origin'], undefined);
});

await run();
