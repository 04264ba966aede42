// npm oidc-provider, in memory, for bench/identity_bench.py: ES256 JWT access tokens for client credentials, and logins with
// its development pages (any login; no credential is checked), consent given beforehand.
//
//   node peer.mjs PORT   prints "ready" and ends when its standard input does
import { webcrypto } from 'node:crypto';

globalThis.crypto ??= webcrypto;
globalThis.CryptoKey ??= webcrypto.CryptoKey;
const { default: Provider } = await import('oidc-provider');
const jose = await import('jose');

const issuer = `http://localhost:${process.argv[2]}`;
const { privateKey } = await jose.generateKeyPair('ES256', { extractable: true });
const common = { client_secret: 's'.repeat(43), token_endpoint_auth_method: 'client_secret_basic', id_token_signed_response_alg: 'ES256' };
const provider = new Provider(issuer, {
  clients: [
    { ...common, client_id: 'bench-machine', grant_types: ['client_credentials'], response_types: [], redirect_uris: [], scope: 'persons:read' },
    { ...common, client_id: 'bench-web', grant_types: ['authorization_code'], response_types: ['code'], redirect_uris: ['http://localhost:1/cb'], scope: 'openid' },
  ],
  jwks: { keys: [{ ...(await jose.exportJWK(privateKey)), alg: 'ES256', use: 'sig', kid: 'bench' }] },
  cookies: { keys: ['k'.repeat(43)] },
  scopes: ['openid', 'persons:read'],
  pkce: { required: () => true, methods: ['S256'] },
  enabledJWA: { idTokenSigningAlgValues: ['ES256'] },
  findAccount: async (ctx, id) => ({ accountId: id, claims: async () => ({ sub: id }) }),
  loadExistingGrant: async (ctx) => {
    const grant = new ctx.oidc.provider.Grant({ clientId: ctx.oidc.client.clientId, accountId: ctx.oidc.session.accountId });
    grant.addOIDCScope('openid');
    await grant.save();
    return grant;
  },
  features: {
    devInteractions: { enabled: true },
    clientCredentials: { enabled: true },
    introspection: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: (ctx) => (ctx.oidc.params?.grant_type === 'client_credentials' ? `${issuer}/v1` : undefined),
      getResourceServerInfo: () => ({ scope: 'persons:read', audience: `${issuer}/v1`, accessTokenFormat: 'jwt', accessTokenTTL: 300, jwt: { sign: { alg: 'ES256' } } }),
      useGrantedResource: () => false,
    },
  },
  ttl: { AccessToken: 300, AuthorizationCode: 60, ClientCredentials: 300, Grant: 3600, IdToken: 300, Interaction: 600, Session: 3600 },
});
provider.listen(Number(process.argv[2]), () => console.log('ready'));
process.stdin.resume();
process.stdin.on('end', () => process.exit(0));
