// npm oidc-provider with the clients of the tests, in memory: a certified provider on which each relying party's program is
// tried, so that a failure elsewhere isn't the program's.
//
//   node peer.mjs SETUP_FILE [PORT]
//
// Writes SETUP_FILE once it listens, and ends when its standard input does.
import './node18.mjs';
import crypto from 'node:crypto';
import fs from 'node:fs';
import * as jose from 'jose';
import Provider, { errors } from 'oidc-provider';
import { makeClients } from './clients.mjs';

const free = async () => {
  const { createServer } = await import('node:net');
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => { const { port } = server.address(); server.close(() => resolve(port)); });
  });
};
const ports = { none: await free(), hook: await free(), passport: await free(), apache: await free() };
const port = Number(process.argv[3] ?? await free());
const issuer = `http://localhost:${port}`;
const clients = await makeClients(ports);

async function signingKey(alg, options) {
  const { privateKey } = await jose.generateKeyPair(alg, { extractable: true, ...options });
  return { ...(await jose.exportJWK(privateKey)), alg, use: 'sig', kid: alg };
}

const settings = {
  clients: [],
  jwks: { keys: [await signingKey('ES256'), await signingKey('EdDSA'), await signingKey('RS256')] },
  cookies: { keys: [crypto.randomBytes(32).toString('hex')] },
  scopes: ['openid', 'profile', 'offline_access', 'persons:read'],
  claims: { openid: ['sub'], profile: ['name', 'given_name', 'birthdate'], acr: null, auth_time: null, sid: null, amr: null, iss: null },
  acrValues: ['urn:dayaq:low', 'urn:dayaq:substantial', 'urn:dayaq:high'],
  subjectTypes: ['public', 'pairwise'],
  pairwiseIdentifier: (ctx, account, client) => crypto.createHash('sha256').update(`${client.sectorIdentifier}:${account}`).digest('hex'),
  pkce: { required: (ctx, client) => client.clientId !== 'test-passport-old', methods: ['S256'] },
  responseTypes: ['code'],
  enabledJWA: {
    idTokenSigningAlgValues: ['ES256', 'EdDSA', 'RS256'], clientAuthSigningAlgValues: ['ES256', 'EdDSA'],
    requestObjectSigningAlgValues: ['ES256'], dPoPSigningAlgValues: ['ES256', 'EdDSA'], introspectionSigningAlgValues: ['ES256'],
  },
  rotateRefreshToken: true,
  issueRefreshToken: async (ctx, client, code) => client.grantTypeAllowed('refresh_token') && code.scopes.has('offline_access'),
  conformIdTokenClaims: false,
  extraClientMetadata: { properties: ['fapi'] },
  findAccount: async (ctx, id) => ({ accountId: id, claims: async () => ({ sub: id, name: `Person ${id}`, given_name: id, birthdate: '1990-01-01' }) }),
  features: {
    devInteractions: { enabled: true },
    clientCredentials: { enabled: true },
    introspection: { enabled: true },
    revocation: { enabled: true },
    deviceFlow: { enabled: true },
    dPoP: { enabled: true, nonceSecret: crypto.randomBytes(32), requireNonce: (ctx) => ctx.oidc?.client?.clientId === 'test-fapi' },
    pushedAuthorizationRequests: { enabled: true },
    requestObjects: { request: true, requestUri: false, mode: 'strict' },
    claimsParameter: { enabled: true },
    backchannelLogout: { enabled: true },
    rpInitiatedLogout: { enabled: true },
    fapi: { enabled: true, profile: (ctx, client) => (client?.clientId === 'test-fapi' ? '2.0' : undefined) },
    ciba: {
      enabled: true, deliveryModes: ['poll'],
      processLoginHint: async (ctx, hint) => hint,
      processLoginHintToken: async () => undefined,
      validateBindingMessage: async () => {}, validateRequestContext: async () => {}, verifyUserCode: async () => {},
      triggerAuthenticationDevice: async (ctx, request, account, client) => {
        setTimeout(async () => {  // the person confirms on the phone
          const grant = new provider.Grant({ clientId: client.clientId, accountId: account.accountId });
          grant.addOIDCScope('openid profile');
          await grant.save();
          await provider.backchannelResult(request, grant, { authTime: Math.floor(Date.now() / 1000) }).catch(() => {});
        }, 1500);
      },
    },
    resourceIndicators: {
      enabled: true,
      defaultResource: (ctx) => (ctx.oidc.params?.grant_type === 'client_credentials' ? `${issuer}/v1` : undefined),
      getResourceServerInfo: () => ({ scope: 'persons:read', audience: `${issuer}/v1`, accessTokenFormat: 'jwt', accessTokenTTL: 300, jwt: { sign: { alg: 'ES256' } } }),
      useGrantedResource: () => false,
    },
  },
  ttl: { AccessToken: 300, AuthorizationCode: 60, ClientCredentials: 300, DeviceCode: 600, Grant: 86400, IdToken: 300, Interaction: 3600, RefreshToken: 86400, Session: 86400, BackchannelAuthenticationRequest: 300 },
};
for (const metadata of Object.values(clients)) {
  if (metadata.token_endpoint_auth_method.startsWith('client_secret')) metadata.client_secret = crypto.randomBytes(32).toString('base64url');
  const { private: _, organisation, purpose, legal_ground, fapi, without_pkce, sector, dpop_bound_access_tokens, backchannel_token_delivery_mode, ...known } = metadata;
  if (!metadata.redirect_uris.length) known.subject_type = 'public';  // it wants a jwks_uri for pairwise subjects here
  settings.clients.push({ ...known, ...(dpop_bound_access_tokens && { dpop_bound_access_tokens }), ...(backchannel_token_delivery_mode && { backchannel_token_delivery_mode }) });
}

const provider = new Provider(issuer, settings);
// What it lacks and a relying party may want: RFC 8414's address, and no type for an empty answer.
provider.use(async (ctx, next) => {
  if (ctx.path === '/.well-known/oauth-authorization-server') ctx.path = '/.well-known/openid-configuration';
  await next();
  if (ctx.path === '/token/revocation' && ctx.status === 200) ctx.type = 'application/json';
});
provider.on('server_error', (_, error) => console.error(error));
provider.listen(port, () => {
  fs.writeFileSync(process.argv[2], JSON.stringify({ issuer, ports, clients, login: { kind: 'peer', persons: [{ id: 'aysel' }, { id: 'murad' }] } }));
});
process.stdin.resume();
process.stdin.on('end', () => process.exit(0));
