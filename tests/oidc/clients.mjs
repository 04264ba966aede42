// The relying parties of the tests, as RFC 7591 metadata. Each plays one role; keys are new in every run.
import './node18.mjs';
import * as jose from 'jose';

const both = (port, path) => [`http://localhost:${port}${path}`];

async function pair(alg, kid) {
  const { publicKey, privateKey } = await jose.generateKeyPair(alg, { extractable: true });
  const members = { alg, use: 'sig', kid };
  return { public: { ...(await jose.exportJWK(publicKey)), ...members }, private: { ...(await jose.exportJWK(privateKey)), ...members } };
}

// ports: { hook: back-channel logout receiver, passport: express, apache: Apache }. Nobody listens at `none`: the driver
// takes the answer from the redirect. `node clients.mjs '{"none":1,...}'` prints them.
export async function makeClients(ports) {
  const none = ports.none;
  const web = {
    organisation: 'baku-city-hospital', purpose: 'to show you your appointments', legal_ground: 'test',
    response_types: ['code'], grant_types: ['authorization_code', 'refresh_token'],
    scope: 'openid profile offline_access',
    redirect_uris: both(none, '/cb'), post_logout_redirect_uris: both(none, '/bye'),
    token_endpoint_auth_method: 'client_secret_basic', subject_type: 'pairwise', id_token_signed_response_alg: 'ES256',
  };
  const keys = { web: await pair('ES256', 'web-1'), fapi: await pair('ES256', 'fapi-1') };
  const hook = (role) => ({ backchannel_logout_uri: `http://localhost:${ports.hook}/${role}`, backchannel_logout_session_required: true });
  const clients = {
    web: { ...web, ...hook('web') },
    // Of another organisation and host, and so of another sector: another pairwise subject.
    other: { ...web, ...hook('other'), organisation: 'azercell', redirect_uris: [`http://127.0.0.1:${none}/other`], post_logout_redirect_uris: [`http://127.0.0.1:${none}/bye`], token_endpoint_auth_method: 'client_secret_post' },
    jwt: { ...web, token_endpoint_auth_method: 'private_key_jwt', jwks: { keys: [keys.web.public] }, private: keys.web.private, request_object_signing_alg: 'ES256' },
    eddsa: { ...web, token_endpoint_auth_method: 'private_key_jwt', jwks: { keys: [keys.web.public] }, private: keys.web.private, id_token_signed_response_alg: 'EdDSA' },
    rsa: { ...web, id_token_signed_response_alg: 'RS256' },
    fapi: { ...web, redirect_uris: [`https://localhost:${none}/cb`], token_endpoint_auth_method: 'private_key_jwt', jwks: { keys: [keys.fapi.public] }, private: keys.fapi.private, dpop_bound_access_tokens: true, require_pushed_authorization_requests: true, fapi: true },
    spa: { ...web, token_endpoint_auth_method: 'none', grant_types: ['authorization_code', 'refresh_token'], application_type: 'native' },
    machine: { ...web, grant_types: ['client_credentials'], response_types: [], redirect_uris: [], post_logout_redirect_uris: [], scope: 'persons:read' },
    machine_jwt: { ...web, grant_types: ['client_credentials'], response_types: [], redirect_uris: [], post_logout_redirect_uris: [], scope: 'persons:read', token_endpoint_auth_method: 'private_key_jwt', jwks: { keys: [keys.web.public] }, private: keys.web.private },
    machine_fapi: { ...web, grant_types: ['client_credentials'], response_types: [], redirect_uris: [], post_logout_redirect_uris: [], scope: 'persons:read', token_endpoint_auth_method: 'private_key_jwt', jwks: { keys: [keys.web.public] }, private: keys.web.private, dpop_bound_access_tokens: true, require_pushed_authorization_requests: true, fapi: true },
    tv: { ...web, grant_types: ['urn:ietf:params:oauth:grant-type:device_code', 'refresh_token'], response_types: [], redirect_uris: [], post_logout_redirect_uris: [], token_endpoint_auth_method: 'none', application_type: 'native' },
    bank: { ...web, grant_types: ['urn:openid:params:grant-type:ciba'], response_types: [], redirect_uris: [], post_logout_redirect_uris: [], token_endpoint_auth_method: 'private_key_jwt', jwks: { keys: [keys.web.public] }, private: keys.web.private, backchannel_token_delivery_mode: 'poll' },
    passport: { ...web, token_endpoint_auth_method: 'client_secret_post', redirect_uris: both(ports.passport, '/cb') },
    passport_old: { ...web, token_endpoint_auth_method: 'client_secret_post', redirect_uris: both(ports.passport, '/cb'), without_pkce: true },
    apache: { ...web, backchannel_logout_uri: `http://localhost:${ports.apache}/private/back?logout=backchannel`, backchannel_logout_session_required: true, redirect_uris: both(ports.apache, '/private/back'), post_logout_redirect_uris: both(ports.apache, '/bye') },
  };
  for (const [role, metadata] of Object.entries(clients)) {
    metadata.client_id = `test-${role.replaceAll('_', '-')}`;
    metadata.client_name = `Test ${role}`;
  }
  return clients;
}

if (process.argv[1]?.endsWith('clients.mjs')) process.stdout.write(JSON.stringify(await makeClients(JSON.parse(process.argv[2]))));
