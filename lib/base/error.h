/* SPDX-License-Identifier: Apache-2.0 */
/*
 * error: the one list of errors of keystay, their stable numbers and their words.
 *
 * A function that can fail returns 0 or a negative KS_ERR_*. The positive number is what an error reply carries on
 * the wire (docs/protocol.md), so a number is never reused or changed; new errors get new numbers.
 * errno, CK_RV and OpenSSL's results are translated at one border each and travel no further.
 */
#pragma once

#define KS_WARN_UNUSED __attribute__((warn_unused_result))
#define KS_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

/* X(NAME, number, "short name on the wire's documentation", "one sentence for a person") */
#define KS_ERROR_LIST(X)                                                                                               \
	/* general */                                                                                                  \
	X(NO_MEMORY, 1, "no-memory", "memory ran out")                                                                 \
	X(SYSTEM, 2, "system", "the operating system refused a call")                                                  \
	X(INVALID, 3, "invalid", "a value is not of the expected form")                                                \
	X(NOT_FOUND, 4, "not-found", "nothing of that name exists")                                                    \
	X(TIMEOUT, 5, "timeout", "the time for this ran out")                                                          \
	X(CANCELLED, 6, "cancelled", "it was cancelled")                                                               \
	X(DENIED, 7, "denied", "permission was denied")                                                                \
	X(BUSY, 8, "busy", "it is in use")                                                                             \
	X(LIMIT, 9, "limit", "a limit was reached")                                                                    \
	X(UNTRUSTED_PATH, 10, "untrusted-path", "a file or folder can be changed by other users")                      \
	X(CONFIG, 11, "config", "the configuration is wrong")                                                          \
	X(UNSUPPORTED, 12, "unsupported", "this is not supported")                                                     \
	X(INTERNAL, 13, "internal", "keystay met an error of its own")                                                 \
	/* the wire */                                                                                                 \
	X(MALFORMED, 20, "malformed", "a message is not well-formed")                                                  \
	X(TOO_LARGE, 21, "too-large", "a message or field is larger than allowed")                                     \
	X(UNKNOWN_MESSAGE, 22, "unknown-message", "a message of this type is not known")                               \
	X(VERSION, 23, "version", "the protocol version is not known")                                                 \
	X(WRONG_SOCKET, 24, "wrong-socket", "this socket does not answer that message")                                \
	X(QUOTA, 25, "quota", "too many connections or requests at once")                                              \
	X(CLOSED, 26, "closed", "the other side closed the connection")                                                \
	X(NO_AGENT, 27, "no-agent", "keystay-agent is not running")                                                    \
	X(UNTRUSTED_AGENT, 28, "untrusted-agent", "the listener is not an agent of this user")                         \
	X(CHANGED, 29, "changed", "the list changed meanwhile, ask again from its start")                              \
	/* which key */                                                                                                \
	X(UNKNOWN_KEY, 40, "unknown-key", "no such key is known")                                                      \
	X(AMBIGUOUS, 41, "ambiguous", "the name fits more than one key or token")                                      \
	X(NO_CERTIFICATE, 42, "no-certificate", "the key has no certificate")                                          \
	X(REFERENCE, 43, "reference", "the KEYSTAY KEY reference is not well-formed")                                  \
	X(EXPIRED, 44, "expired", "the certificate of this key has expired or does not hold yet")                      \
	X(REVOKED, 45, "revoked", "the certificate of this key was revoked")                                           \
	/* tokens and PINs */                                                                                          \
	X(TOKEN_LOCKED, 50, "token-locked", "the token is locked")                                                     \
	X(TOKEN_ABSENT, 51, "token-absent", "the token is not there")                                                  \
	X(TOKEN_FAILED, 52, "token-failed", "the token failed")                                                        \
	X(MODULE_FAILED, 53, "module-failed", "the PKCS#11 module failed")                                             \
	X(PIN_WRONG, 54, "pin-wrong", "the PIN is wrong")                                                              \
	X(PIN_BLOCKED, 55, "pin-blocked", "the token has blocked its PIN")                                             \
	X(PIN_LENGTH, 56, "pin-length", "the PIN is too short or too long for this token")                             \
	X(PIN_EXPIRED, 57, "pin-expired", "the PIN has expired or must be changed first")                              \
	X(PIN_FINAL_TRY, 58, "pin-final-try", "one more wrong PIN would block the token")                              \
	X(MECHANISM, 59, "mechanism", "the token cannot make this kind of signature")                                  \
	X(WRONG_SIGNATURE, 60, "wrong-signature", "the token made a signature that does not verify")                   \
	X(NO_PROMPT, 61, "no-prompt", "no dialog can be shown here to ask for the PIN")                                \
	X(NEEDS_DIALOG, 62, "needs-dialog", "only a dialog of the agent may take the next PIN")                        \
	/* rules */                                                                                                    \
	X(RULE, 70, "rule", "a rule of the configuration refuses this")                                                \
	X(RULE_UNPROVABLE, 71, "rule-unprovable", "a rule of the configuration cannot be proven here")                 \
	X(AUDIT, 72, "audit", "the audit record cannot be written, and the configuration requires it")                 \
	/* what was given to sign (lib/tls/signable.h): always refused before any PIN prompt or token call */          \
	X(INPUT_UNKNOWN, 80, "input-unknown", "the input is not a TLS client CertificateVerify")                       \
	X(INPUT_DIGEST, 81, "input-digest", "the input is a bare digest, which cannot be checked")                     \
	X(INPUT_LENGTH, 82, "input-length", "the TLS 1.3 input is not 130 or 146 bytes long")                          \
	X(INPUT_PADDING, 83, "input-padding", "the TLS 1.3 input does not begin with 64 spaces")                       \
	X(INPUT_CONTEXT, 84, "input-context", "the TLS 1.3 input is for another purpose than client authentication")   \
	X(INPUT_TRUNCATED, 85, "input-truncated", "the TLS 1.2 transcript has a wrong length inside")                  \
	X(INPUT_TRAILING, 86, "input-trailing", "the TLS 1.2 transcript goes on after ClientKeyExchange")              \
	X(INPUT_ORDER, 87, "input-order", "the TLS 1.2 transcript has its messages out of order")                      \
	X(INPUT_MISSING, 88, "input-missing", "the TLS 1.2 transcript lacks a message")                                \
	X(INPUT_MESSAGE, 89, "input-message", "a message of the TLS 1.2 transcript is not well-formed")                \
	X(INPUT_VERSION, 90, "input-version", "the transcript is not of TLS 1.2")                                      \
	X(INPUT_CERTIFICATE, 91, "input-certificate", "the transcript's client certificate is not of this key")        \
	X(INPUT_SCHEME, 92, "input-scheme", "the signature scheme is unknown or too weak")                             \
	X(INPUT_KEY_TYPE, 93, "input-key-type", "the signature scheme does not fit this key")                          \
	X(INPUT_NOT_OFFERED, 94, "input-not-offered", "the server did not ask for this signature scheme")              \
	X(INPUT_REQUEST, 95, "input-request", "the certificate request is not well-formed, or of another key")         \
	X(INPUT_CMP, 96, "input-cmp", "the CMP message is not well-formed, of another key, or none that is signed")

enum ks_error {
#define KS_ERROR_ENUM(name, number, word, text) KS_ERR_##name = -(number),
	KS_ERROR_LIST(KS_ERROR_ENUM)
#undef KS_ERROR_ENUM
};

/* The sentence for error (negative, or its positive wire number). Never NULL; unknown numbers get a sentence too. */
const char *ks_error_text(int error);

/* The stable word ("token-locked") for error. Never NULL. */
const char *ks_error_word(int error);

/* errno -> KS_ERR_*: ENOMEM is NO_MEMORY, EACCES and EPERM are DENIED, ENOENT is NOT_FOUND, else SYSTEM. */
int ks_error_from_errno(int error_number);
