import { type CryptoKey, errors, jwtVerify, SignJWT } from 'jose';
import { z } from 'zod';
import type { Config } from '../../config.js';
import type { Clock } from '../../kernel/clock.js';
import { expiredCredential, invalidCredential } from '../../kernel/fault.js';
import type { Ids } from '../../kernel/ids.js';

/** What a token says, checked. */
export interface TokenClaims {
  userId: string;
  sessionId: string;
  /** The user's session version when it was signed; a raised one ends it. */
  version: number;
  /** The token's own id; for a refresh token the row that tells whether it was used. */
  tokenId: string;
  expiresAtMs: number;
}

/** What a pair of tokens is made for. */
export interface TokenGrant {
  userId: string;
  sessionId: string;
  version: number;
  /** The id of the refresh token's row. */
  refreshTokenId: string;
  /** The end of the log-in: no token outlives it. */
  sessionEndsAtMs: number;
}

/** What a log-in gets; times are ISO 8601 UTC. */
export interface TokenPair {
  accessToken: string;
  refreshToken: string;
  accessTokenExpiresAt: string;
  refreshTokenExpiresAt: string;
}

/** What tokens are made with. */
export interface TokensDeps {
  key: CryptoKey;
  clock: Clock;
  ids: Ids;
  config: Pick<Config['auth'], 'accessTokenMs' | 'refreshTokenMs'>;
}

type TokenType = 'at+jwt' | 'rt+jwt';

const issuer = 'promptwell';
const audience = 'promptwell';

/** How far the clocks of two processes may differ. It never lengthens a life: expiry is compared exactly. */
const clockToleranceS = 5;

/** Our tokens have about 450 characters; longer ones are refused before any cryptography. */
const maxTokenLength = 2_048;
const compactForm = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/;

const Claims = z.object({
  sub: z.uuid(),
  sid: z.uuid(),
  ver: z.int().positive(),
  jti: z.uuid(),
  iat: z.int(),
  exp: z.int(),
});

/**
 * Signs and verifies the two kinds of tokens: access (`at+jwt`) and refresh (`rt+jwt`).
 *
 * Shape: HS256, `iss` and `aud` `promptwell`, `sub` the user, `sid` the log-in, `ver` its version, `jti`, `iat`, `exp`.
 * Source: explicit typing, RFC 8725 section 3.11; access tokens, RFC 9068 (`at+jwt`).
 */
export class Tokens {
  readonly #deps: TokensDeps;

  constructor(deps: TokensDeps) {
    this.#deps = deps;
  }

  /** When a refresh token signed now ends, in Unix milliseconds, whole seconds. */
  refreshEndsAtMs(sessionEndsAtMs: number): number {
    return this.#endsAtMs(this.#deps.config.refreshTokenMs, sessionEndsAtMs);
  }

  /** A fresh access and refresh token. */
  async issue(grant: TokenGrant): Promise<TokenPair> {
    const { config, ids } = this.#deps;
    const accessEndsAtMs = this.#endsAtMs(config.accessTokenMs, grant.sessionEndsAtMs);
    const refreshEndsAtMs = this.refreshEndsAtMs(grant.sessionEndsAtMs);
    const claims = (tokenId: string, expiresAtMs: number): TokenClaims => ({ ...grant, tokenId, expiresAtMs });
    return {
      accessToken: await this.#sign('at+jwt', claims(ids.uuid(), accessEndsAtMs)),
      refreshToken: await this.#sign('rt+jwt', claims(grant.refreshTokenId, refreshEndsAtMs)),
      accessTokenExpiresAt: new Date(accessEndsAtMs).toISOString(),
      refreshTokenExpiresAt: new Date(refreshEndsAtMs).toISOString(),
    };
  }

  /** What an access token says. Faults: `unauthenticated` with reason `expired` or `invalid`. */
  verifyAccess(token: string): Promise<TokenClaims> {
    return this.#verify('at+jwt', token, this.#deps.config.accessTokenMs);
  }

  /** What a refresh token says. Faults: `unauthenticated` with reason `expired` or `invalid`. */
  verifyRefresh(token: string): Promise<TokenClaims> {
    return this.#verify('rt+jwt', token, this.#deps.config.refreshTokenMs);
  }

  #endsAtMs(lifeMs: number, sessionEndsAtMs: number): number {
    return Math.floor(Math.min(this.#deps.clock.nowMs() + lifeMs, sessionEndsAtMs) / 1_000) * 1_000;
  }

  #sign(typ: TokenType, claims: TokenClaims): Promise<string> {
    return new SignJWT({ sid: claims.sessionId, ver: claims.version })
      .setProtectedHeader({ alg: 'HS256', typ })
      .setIssuer(issuer)
      .setAudience(audience)
      .setSubject(claims.userId)
      .setJti(claims.tokenId)
      .setIssuedAt(Math.floor(this.#deps.clock.nowMs() / 1_000))
      .setExpirationTime(claims.expiresAtMs / 1_000)
      .sign(this.#deps.key);
  }

  async #verify(typ: TokenType, token: string, maxAgeMs: number): Promise<TokenClaims> {
    if (token.length > maxTokenLength || !compactForm.test(token)) throw invalidCredential();
    const nowMs = this.#deps.clock.nowMs();
    const { payload, protectedHeader } = await jwtVerify(token, this.#deps.key, {
      algorithms: ['HS256'],
      issuer,
      audience,
      typ,
      requiredClaims: ['sub', 'sid', 'ver', 'jti', 'iat', 'exp'],
      maxTokenAge: maxAgeMs / 1_000,
      clockTolerance: clockToleranceS,
      currentDate: new Date(nowMs),
    }).catch((cause: unknown) => {
      throw cause instanceof errors.JWTExpired ? expiredCredential() : invalidCredential();
    });
    const claims = Claims.safeParse(payload);
    // Our headers hold nothing else: a `kid`, `jku` or `jwk` is never looked at, only refused.
    const isPlainHeader = Object.keys(protectedHeader).every((name) => name === 'alg' || name === 'typ');
    if (!claims.success || !isPlainHeader) throw invalidCredential();
    const { sub, sid, ver, jti, exp } = claims.data;
    if (exp * 1_000 <= nowMs) throw expiredCredential();
    return { userId: sub, sessionId: sid, version: ver, tokenId: jti, expiresAtMs: exp * 1_000 };
  }
}
