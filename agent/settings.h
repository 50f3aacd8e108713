/* SPDX-License-Identifier: Apache-2.0 */
/*
 * settings: keystay.conf as typed values, each with the file and line that it came from.
 *
 * Runs in: keystay-agent. Reads files only, starts nothing. A set of settings never changes: a reload makes a new one
 * and keeps the old one when the new one is wrong.
 *
 * Three places are read, in this order, each with its keystay.conf and then keystay.conf.d/ *.conf by name; what comes
 * later overrides what came earlier, key by key, also inside [module "X"] and [key "X"]. Only the first two places may
 * have [enforce]: a bound that no value of any file exceeds.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "agent/rules.h"
#include "agent/settings_origin.h"
#include "lib/base/error.h"
#include "lib/protocol/uri.h"

/* All of it is what holds: where keystay.conf says nothing, the profile's (settings_profile.c) counts. */
struct ks_settings_module {
	char *name;
	char *profile;      /* the profile that was taken (settings_profile.h), or NULL */
	char *path;         /* absolute, or NULL when p11_kit is set; looked at before each start: may it be loaded? */
	char *p11_kit;      /* name of a p11-kit module, or NULL */
	char *init_args;    /* for C_Initialize: NSS's LibraryParameters, p11-kit's pReserved; or NULL */
	char **environment; /* "NAME=VALUE", NULL-terminated, never NULL; added to the worker's environment */
	char *slots;        /* which slots alone are used: "0, 4" (ids) and patterns over slot descriptions; or NULL */
	unsigned sessions;  /* max-sessions: at most this many at once on one token; 0 = KS_WORKER_SESSIONS */
	uint64_t deadline_ms;     /* of one signature; 0 = KS_WORKER_SIGN_DEADLINE_MS */
	char *sandbox;            /* none, calls, files or net: what keystay-token gives up before it loads it */
	bool login_per_signature; /* card-login = per-signature: logged out after each; else warm */
	struct ks_settings_origin origin;
};

/* touch: does a token want a touch? auto: by what it says of itself (notify.c). */
enum ks_settings_touch { KS_SETTINGS_TOUCH_AUTO, KS_SETTINGS_TOUCH_NO, KS_SETTINGS_TOUCH_YES };

/* [token "NAME"]: the first that fits a token counts. */
struct ks_settings_token {
	char *name; /* the token's label, unless match says otherwise */
	bool has_match;
	struct ks_uri match;
	char *pin_file;       /* absolute, or NULL */
	char *pin_credential; /* name below $CREDENTIALS_DIRECTORY, or NULL */
	enum ks_settings_touch touch;
	bool has_touch; /* the section says so itself */
	struct ks_settings_origin origin;
};

/* lock-on: what locks all tokens. Removal and `keystay lock` always do. */
enum ks_settings_lock_on {
	KS_LOCK_ON_SCREEN_LOCK = 1 << 0,
	KS_LOCK_ON_SLEEP = 1 << 1,
	KS_LOCK_ON_INACTIVE = 1 << 2,
};

/* audit: what a record that cannot be written means. The order is that of how much is recorded. */
enum ks_settings_audit {
	KS_AUDIT_OFF,         /* nothing is recorded */
	KS_AUDIT_BEST_EFFORT, /* it is said, and signing goes on */
	KS_AUDIT_REQUIRE,     /* nothing is signed */
};

/* audit-to: where records go. */
enum ks_settings_audit_to {
	KS_AUDIT_TO_FILE = 1 << 0,
	KS_AUDIT_TO_JOURNAL = 1 << 1,
	KS_AUDIT_TO_SYSLOG = 1 << 2,
};

/* revocation: what the revocation of a key's certificate means. The order is that of how much is asked. */
enum ks_settings_revocation {
	KS_SETTINGS_REVOCATION_OFF,     /* it is not looked at */
	KS_SETTINGS_REVOCATION_WARN,    /* a revoked one signs nothing; where nothing is known that is said */
	KS_SETTINGS_REVOCATION_REQUIRE, /* only what is known to be good signs */
};

struct ks_settings_key {
	char *name; /* "" for ks_settings.others */
	bool has_match;
	struct ks_uri match;
	char *module;            /* or NULL */
	uint8_t spki_prefix[32]; /* of the SHA-256 */
	size_t spki_prefix_size; /* 0 = any */
	char *issuer;            /* pattern with '*' over the issuer's RFC 4514 name, or NULL */
	char *eku;               /* "clientAuth" or a dotted OID that the certificate must name, or NULL */
	char *template;          /* or NULL */
	char *profile;           /* the [profile] by which its certificate is enrolled and renewed, or NULL */
	bool allow_digest;
	enum ks_settings_revocation revocation;
	struct ks_settings_origin revocation_origin;
	struct ks_rules rules;
	char *words; /* all rules in plain words, for show and list; "" when there are none */
	struct ks_settings_origin origin;
};

/* A sign socket (DESIGN section 5): a way to the agent with keys, users and rules of its own. */
struct ks_settings_socket {
	char *name; /* "agent", "module", or one that the configuration gives */
	char *path; /* NULL: where agent/sockets.c says */
	char *keys; /* patterns over short names with commas between them; NULL = all, "" = none */
	uid_t *users;
	size_t n_users;
	gid_t *groups;
	size_t n_groups; /* neither users nor groups: the agent's own uid alone */
	bool prompt;     /* may its clients cause a dialog? */
	bool has_person; /* "agent" and "module": where a client says that it is, the person is */
	bool allow_digest;
	bool is_control; /* the control socket, over which certificate requests may come and nothing else is signed */
	uint64_t deadline_ms; /* of one signature, all waits together; 0 = the agent's own */
	struct ks_rules rules;
	char *words; /* its rules in plain words, or "" */
	struct ks_settings_origin origin;
};

struct ks_settings {
	bool is_system;         /* of keystay-agent --system: no user's file, and each socket has only what it names */
	uint64_t unlock_for_ms; /* 0 = one signature */
	bool keep_pin;
	char *pinentry;             /* absolute path; built in: /usr/bin/pinentry, which is what gpg-agent starts too */
	uint64_t prompt_timeout_ms; /* how long a dialog waits for its answer */
	unsigned lock_on;           /* enum ks_settings_lock_on, or-ed */
	enum ks_settings_audit audit;
	unsigned audit_to;       /* enum ks_settings_audit_to, or-ed */
	uint64_t audit_max_size; /* bytes of one file of the log */
	unsigned audit_keep;     /* so many files, with the one that is written to */
	struct ks_settings_token *tokens;
	size_t n_tokens;
	struct ks_settings_module *modules;
	size_t n_modules;
	struct ks_settings_socket *sockets; /* "agent" and "module" in front, unless is_system */
	size_t n_sockets;
	struct ks_settings_socket control; /* stands for the control socket: no section, all keys, no rules */
	struct ks_settings_key *keys; /* in the order in which the files first name them: the first that fits counts */
	size_t n_keys;
	struct ks_settings_key *others; /* rules of [enforce] for keys that no [key] section fits; NULL = none */
	char **certificate_folders;     /* certs/ beside each configuration file that may exist */
	size_t n_certificate_folders;
	char *summary; /* the files that were read, one sentence, for status */
	/* the rest is settings.c's own */
	struct ks_settings_private *private;
};

struct ks_settings_error {
	char text[4096]; /* "FILE:LINE: …", every problem found on a line of its own, at most as many as fit */
};

/* file NULL: the standard places (vendor, /etc, user; DESIGN section 7). Else that file alone; it counts as a user's,
 * and NOT_FOUND then is an error. 0 with *ret_settings given, or CONFIG with ret_error filled. Files that others can
 * write to are errors. */
int ks_settings_read(const char *file, struct ks_settings **ret_settings, struct ks_settings_error *ret_error)
	KS_WARN_UNUSED;
/* The same for the system's agent: without a user's place. */
int ks_settings_read_system(const char *file, struct ks_settings **ret_settings, struct ks_settings_error *ret_error)
	KS_WARN_UNUSED;
void ks_settings_free(struct ks_settings *settings);

/* The standard places; any may be NULL. For tests, which have their own. */
struct ks_settings_folders {
	const char *vendor; /* /usr/share/keystay */
	const char *etc;    /* /etc/keystay */
	const char *user;   /* $XDG_CONFIG_HOME/keystay */
	bool is_system;
};

int ks_settings_read_from(const struct ks_settings_folders *folders, struct ks_settings **ret_settings,
			  struct ks_settings_error *ret_error) KS_WARN_UNUSED;

/* Prints each effective value with its origin: what `keystay config` shows. The text can be read again as a
 * configuration file. SYSTEM when out does not take it. */
int ks_settings_print(const struct ks_settings *settings, bool json, FILE *out) KS_WARN_UNUSED;

/* Walks over what [profile] sections say: each value in effect, section by section. index counts up from 0; false at the
 * end. Texts are borrowed from settings. */
struct ks_settings_profile_value {
	const char *profile, *key, *value;
	const struct ks_settings_origin *origin; /* of the section */
};
bool ks_settings_profile_value_at(const struct ks_settings *settings, size_t index,
				  struct ks_settings_profile_value *ret_value);

/* The files that rules name as server-ca, each once, at most max of them (the check refuses more). Borrowed. Returns how
 * many. */
size_t ks_settings_anchor_files(const struct ks_settings *settings, const char **ret_files, size_t max);

/* The first [token] section that fits a token that says this of itself; NULL when none does. */
const struct ks_settings_token *ks_settings_token_for(const struct ks_settings *settings, const char *label,
						      const char *manufacturer, const char *model, const char *serial);

/* NULL when there is none of this name. */
const struct ks_settings_socket *ks_settings_socket_of(const struct ks_settings *settings, const char *name);

/* Is this key one of the socket's? */
bool ks_settings_socket_has(const struct ks_settings_socket *socket, const char *key_name);

/* May somebody with this uid connect there? The agent's own uid may in any case. groups: all that they are in. */
bool ks_settings_socket_admits(const struct ks_settings_socket *socket, uid_t uid, const gid_t *groups,
			       size_t n_groups);

/* The socket of that name, if it admits this peer. */
const struct ks_settings_socket *ks_settings_socket_for(const struct ks_settings *settings, const char *name, uid_t uid,
							const gid_t *groups, size_t n_groups);

/* For --check-config: warnings that are no errors (a value narrowed by [enforce], a module file that must not be
 * loaded), one per line, to out. Returns how many. */
size_t ks_settings_warn(const struct ks_settings *settings, FILE *out);
