// OAuth by hand: requests with exactly what a check wants in them, and answers as they came.
import './node18.mjs';
import crypto from 'node:crypto';
import * as jose from 'jose';
import { Browser, exchange } from './browser.mjs';
import { assert, client, issuer } from './checks.mjs';

export const CLIENT_ASSERTION = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
export const random = () => crypto.randomBytes(24).toString('base64url');
export const challengeOf = (verifier) => crypto.createHash('sha256').update(verifier).digest('base64url');
const now = () => Math.floor(Date.now() / 1000);

let found;
export async function discovery() {
  found ??= await (await fetch(`${issuer}/.well-known/openid-configuration`)).json();
  return found;
}

/// One request; { status, headers, text, json }. `form`: a record, or an array of pairs where a name comes twice.
export async function call(address, { method, form, body, headers = {} } = {}) {
  const sent = { accept: 'application/json', ...headers };
  let content = body;
  if (form) {
    content = new URLSearchParams(form).toString();
    sent['content-type'] ??= 'application/x-www-form-urlencoded';
  }
  const answer = await exchange(address, method ?? (content === undefined ? 'GET' : 'POST'), sent, content);
  try {
    answer.json = JSON.parse(answer.text);
  } catch {
    answer.json = undefined;
  }
  return answer;
}

/// A client assertion (RFC 7523); `claims` and `header` override, undefined leaves out.
export async function assertion(role, { claims = {}, header = {}, key } = {}) {
  const c = client(role);
  const payload = { iss: c.client_id, sub: c.client_id, aud: issuer, jti: random(), iat: now(), exp: now() + 60, ...claims };
  for (const name of Object.keys(payload)) if (payload[name] === undefined) delete payload[name];
  return new jose.SignJWT(payload).setProtectedHeader({ alg: 'ES256', kid: c.private.kid, ...header }).sign(key ?? await jose.importJWK(c.private, 'ES256'));
}

/// How a client says who it is: fields for the form and headers.
export async function credentials(role) {
  const c = client(role);
  switch (c.token_endpoint_auth_method) {
    case 'client_secret_basic':
      return { fields: {}, headers: { authorization: `Basic ${Buffer.from(`${encodeURIComponent(c.client_id)}:${encodeURIComponent(c.client_secret)}`).toString('base64')}` } };
    case 'client_secret_post': return { fields: { client_id: c.client_id, client_secret: c.client_secret }, headers: {} };
    case 'private_key_jwt': return { fields: { client_id: c.client_id, client_assertion_type: CLIENT_ASSERTION, client_assertion: await assertion(role) }, headers: {} };
    default: return { fields: { client_id: c.client_id }, headers: {} };
  }
}

/// Calls an endpoint as a client. `dpop`: a DpopKey, whose nonce is learnt and the call made again.
export async function asClient(role, endpoint, fields, { headers = {}, dpop, proof = {} } = {}) {
  const address = (await discovery())[endpoint];
  const once = async () => {
    const who = await credentials(role);
    const bound = dpop ? { dpop: await dpop.proof('POST', address, proof) } : {};
    const answer = await call(address, { form: { ...who.fields, ...fields }, headers: { ...who.headers, ...bound, ...headers } });
    if (answer.headers['dpop-nonce'] && dpop) dpop.nonce = answer.headers['dpop-nonce'];
    return answer;
  };
  const answer = await once();
  return dpop && answer.json?.error === 'use_dpop_nonce' ? once() : answer;
}

export const token = (role, fields, options) => asClient(role, 'token_endpoint', fields, options);

/// A key for proofs of possession (RFC 9449).
export class DpopKey {
  static async make(alg = 'ES256') {
    const key = new DpopKey();
    const { publicKey, privateKey } = await jose.generateKeyPair(alg, { extractable: true });
    key.alg = alg;
    key.private = privateKey;
    key.jwk = await jose.exportJWK(publicKey);
    key.jkt = await jose.calculateJwkThumbprint(key.jwk);
    return key;
  }

  async proof(method, address, { claims = {}, header = {}, accessToken, key } = {}) {
    const at = new URL(address);
    const payload = { jti: random(), htm: method, htu: at.origin + at.pathname, iat: now(), ...(this.nonce && { nonce: this.nonce }) };
    if (accessToken) payload.ath = challengeOf(accessToken);
    Object.assign(payload, claims);
    for (const name of Object.keys(payload)) if (payload[name] === undefined) delete payload[name];
    return new jose.SignJWT(payload).setProtectedHeader({ alg: this.alg, typ: 'dpop+jwt', jwk: this.jwk, ...header }).sign(key ?? this.private);
  }
}

/// Parameters of a good authorization request; `more` overrides, undefined leaves out.
export function request(role, more = {}) {
  const verifier = more.verifier ?? random() + random();
  const sent = {
    client_id: client(role).client_id, response_type: 'code', redirect_uri: client(role).redirect_uris[0], scope: 'openid profile offline_access',
    state: random(), nonce: random(), prompt: 'consent', code_challenge: challengeOf(verifier), code_challenge_method: 'S256', ...more,
  };
  delete sent.verifier;
  for (const name of Object.keys(sent)) if (sent[name] === undefined) delete sent[name];
  return { sent, verifier };
}

/// Asks for authorization as a person's browser does; { back (URL), page, verifier, sent, person }.
export async function authorize(role, { person = new Browser(), more = {}, query } = {}) {
  const { sent, verifier } = request(role, more);
  const url = new URL((await discovery()).authorization_endpoint);
  url.search = new URLSearchParams(query ?? sent);
  const end = await person.visit(url);
  return end instanceof URL ? { back: end, answer: Object.fromEntries(end.searchParams), sent, verifier, person } : { page: end, sent, verifier, person };
}

export async function pushed(role, more = {}, options) {
  const { sent, verifier } = request(role, more);
  const answer = await asClient(role, 'pushed_authorization_request_endpoint', sent, options);
  return { answer, sent, verifier };
}

/// Changes a code into tokens.
export async function redeem(role, { answer, sent, verifier }, more = {}, options = undefined) {
  const fields = { grant_type: 'authorization_code', code: answer.code, redirect_uri: sent.redirect_uri, code_verifier: verifier, ...more };
  for (const name of Object.keys(fields)) if (fields[name] === undefined) delete fields[name];
  return token(role, fields, options);
}

export async function login(role, person = new Browser(), more = {}, options = undefined) {
  const authorized = await authorize(role, { person, more });
  assert.ok(authorized.answer?.code, `no code: ${authorized.back ?? authorized.page?.text?.slice(0, 2000)}\n${person.seen.join('\n')}`);
  const answer = await redeem(role, authorized, {}, options);
  assert.equal(answer.status, 200, answer.text);
  return { ...authorized, tokens: answer.json, claims: answer.json.id_token && jose.decodeJwt(answer.json.id_token) };
}

export async function userInfo(accessToken, headers = {}) {
  return call((await discovery()).userinfo_endpoint, { headers: { ...(accessToken && { authorization: `Bearer ${accessToken}` }), ...headers } });
}

/// True if the provider says the token is of use.
export async function isActive(role, accessToken) {
  const answer = await asClient(role, 'introspection_endpoint', { token: accessToken });
  assert.equal(answer.status, 200, answer.text);
  return answer.json.active;
}
