import { type Clock, networkBlock, newId, PublicError, RateLimit, type Sql } from '../../platform/index.js';
import { hashSecret } from '../credentials/secret.js';
import { readAccountName } from '../identity/account-name.js';
import { type Account, AccountTable } from '../identity/account-table.js';
import { checkNewPassword, type Passwords } from '../identity/passwords.js';
import { isAdmin, type Principal, type Role } from '../identity/principal.js';
import type { Invitations } from './invitations.js';

/** Permission to register: everyone, holders of an invitation, or only admins and the operator. */
export type RegistrationPolicy = 'open' | 'invitation' | 'closed';

/** Attempts per network: 10, then one every 6 minutes. */
const ATTEMPT_LIMIT = { capacity: 10, refillMs: 360_000 };

export type RegistrationRequest = {
  name: string;
  password: string;
  invitation?: string | undefined;
  /** Accepted from admins and the operator only. */
  role?: Role | undefined;
};

export type RegistrationOptions = {
  sql: Sql;
  clock: Clock;
  passwords: Passwords;
  invitations: Invitations;
  policy: RegistrationPolicy;
  /** Role of accounts registered without an invitation. */
  defaultRole: 'viewer' | 'broadcaster';
};

/** Registers accounts. */
export class Registration {
  readonly #options: RegistrationOptions;
  readonly #accounts: AccountTable;
  readonly #attempts: RateLimit;

  constructor(options: RegistrationOptions) {
    this.#options = options;
    this.#accounts = new AccountTable(options.sql);
    this.#attempts = new RateLimit(options.clock, ATTEMPT_LIMIT);
  }

  /**
   * Registers an account. Admins and the operator may choose any role and need no invitation.
   *
   * @throws PublicError 400 `name_invalid`, `password_weak`; 403 `registration_closed`, `invitation_needed`,
   * `invitation_invalid`, `not_allowed`; 409 `name_taken`; 429 `rate_limited`; 503 `temporarily_unavailable`
   */
  async register(request: RegistrationRequest, by: Principal, address: string): Promise<Account> {
    const { name, key } = readAccountName(request.name);
    checkNewPassword(request.password, name);
    const trusted = isAdmin(by);
    if (!trusted) await this.#admit(request, address);
    const account = {
      id: newId(),
      name,
      nameKey: key,
      passwordHash: await this.#options.passwords.hash(request.password, { account: key, address }),
      createdAt: new Date(this.#options.clock.now()),
    };
    const { invitation, role = this.#options.defaultRole } = request;
    if (invitation === undefined || trusted) {
      const created = (await this.#accounts.insert({ ...account, role })) ?? nameTaken();
      if (created.role === 'admin') await this.#options.invitations.endSetup();
      return created;
    }
    const created = await this.#accounts.insertInvited(account, hashSecret(invitation));
    if (created) return created;
    // Either the name is taken, or the invitation was used concurrently.
    if (await this.#options.invitations.isOpen(invitation)) nameTaken();
    throw invitationInvalid();
  }

  /** Checks policy, rate and invitation before the password is hashed. */
  async #admit({ invitation, role }: RegistrationRequest, address: string): Promise<void> {
    const { policy, invitations } = this.#options;
    if (role !== undefined)
      throw new PublicError(403, 'not_allowed', 'Only administrators may choose a role: leave out role.');
    if (policy === 'closed' && invitation === undefined) throw registrationClosed();
    const waitMs = this.#attempts.take(networkBlock(address));
    if (waitMs > 0)
      throw new PublicError(
        429,
        'rate_limited',
        'Too many registrations from your address: wait and try again.',
        {
          retryAfter: Math.ceil(waitMs / 1_000),
        },
      );
    if (invitation === undefined) {
      if (policy === 'open') return;
      throw new PublicError(
        403,
        'invitation_needed',
        'Registration requires an invitation: ask an administrator for one.',
      );
    }
    // The first administrator registers with an invitation always.
    if (policy === 'closed' && !(await invitations.isOpenSetup(invitation))) throw registrationClosed();
    if (!(await invitations.isOpen(invitation))) throw invitationInvalid();
  }
}

function registrationClosed(): PublicError {
  return new PublicError(
    403,
    'registration_closed',
    'Registration is closed: ask an administrator for an account.',
  );
}

function nameTaken(): never {
  throw new PublicError(409, 'name_taken', 'This name is taken: choose another one.');
}

function invitationInvalid(): PublicError {
  return new PublicError(
    403,
    'invitation_invalid',
    'This invitation is unknown, used or expired: ask for a new one.',
  );
}
