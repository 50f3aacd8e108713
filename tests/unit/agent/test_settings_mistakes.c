/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules of agent/settings.h: what is wrong in keystay.conf is said with file, line, key, what was expected and what was
 * found. Each row of the table is a test of its own, named by what it holds.
 */
#include "agent/settings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "agent/settings_private.h"

#define KEY "[key \"k\"]\nmatch = pkcs11:object=k\n"

/* text is a user's file called "f". error: all that is said. */
struct mistake {
	const char *name;
	const char *text;
	const char *error;
};

static const struct mistake mistakes[] = {
	/* sections */
	{ "section_unknown", "[agnet]\n",
	  "f:1: expected a section [agent], [module \"NAME\"], [token \"NAME\"], [socket \"NAME\"], [key \"NAME\"], "
	  "[profile \"NAME\"] or [enforce], found \"[agnet]\"; "
	  "did you mean \"agent\"?" },
	{ "section_unknown_without_a_guess", "[certificates]\nfolder = /x\n",
	  "f:1: expected a section [agent], [module \"NAME\"], [token \"NAME\"], [socket \"NAME\"], [key \"NAME\"], "
	  "[profile \"NAME\"] or [enforce], found \"[certificates]\"" },
	{ "section_agent_with_a_name", "[agent \"x\"]\nunlock-for = nonsense\n",
	  "f:1: [agent]: expected no name, found \"x\"" },
	{ "section_module_without_a_name", "[module]\npath = /m.so\n",
	  "f:1: [module \"NAME\"]: expected a name, found none" },
	{ "section_key_without_a_name", "[key]\n", "f:1: [key \"NAME\"]: expected a name, found none" },
	{ "section_name_with_a_slash", "[key \"a/b\"]\n",
	  "f:1: [key \"NAME\"]: expected a name of 1 to 64 bytes without \"/\" and control characters, not beginning "
	  "with \"-\", found \"a/b\"" },
	{ "section_name_like_an_option", "[module \"-x\"]\n",
	  "f:1: [module \"NAME\"]: expected a name of 1 to 64 bytes without \"/\" and control characters, not "
	  "beginning with \"-\", found \"-x\"" },
	{ "section_name_of_65_bytes", "[key \"1234567890123456789012345678901234567890123456789012345678901234X\"]\n",
	  "f:1: [key \"NAME\"]: expected a name of 1 to 64 bytes without \"/\" and control characters, not beginning "
	  "with \"-\", found \"1234567890123456789012345678901234567890123456789012345678901234X\"" },
	{ "section_key_that_means_the_best_of_all", "[module \"m\"]\npath = /m.so\n[key \"auto\"]\nmodule = m\n",
	  "f:3: [key \"auto\"]: expected another name: \"auto\" means the best of all keys" },
	{ "section_twice_in_a_file", "[agent]\nunlock-for = 1h\n\n[agent]\nkeep-pin = yes\n",
	  "f:4: [agent]: expected once in a file, found again (first in line 1)" },
	{ "key_section_twice_in_a_file", KEY "[key \"k\"]\nmodule = m\n",
	  "f:3: [key \"NAME\"]: expected once in a file, found again with the name \"k\" (first in line 1)" },
	{ "enforce_in_a_users_file", "[enforce]\nunlock-for = 1h\n",
	  "f:1: [enforce]: expected in files of the administrator only (/etc/keystay), found in a user's" },

	/* keys */
	{ "key_unknown_in_agent", "[agent]\nunlock_for = 8h\n",
	  "f:2: unlock_for: expected unlock-for, keep-pin, pinentry, prompt-timeout, lock-on, audit, audit-to, audit-max-size or audit-keep in [agent], found "
	  "\"unlock_for\"; did you mean "
	  "\"unlock-for\"?" },
	{ "key_unknown_in_module", "[module \"m\"]\npath = /m.so\npin = 1234\n",
	  "f:3: pin: expected path, p11-kit, profile, init-args, max-sessions, environment, slots, deadline, "
	  "card-login or sandbox in [module \"NAME\"], found \"pin\"" },
	{ "key_unknown_in_key", KEY "server = a.example\n",
	  "f:3: server: expected match, module, spki, issuer, eku, template, servers, server-ca, server-spki, confirm, "
	  "max-rate, hours, users, groups, allow, profile or revocation in [key \"NAME\"], found \"server\"; did you mean "
	  "\"servers\"?" },
	{ "key_of_another_section", "[agent]\npath = /m.so\n",
	  "f:2: path: expected unlock-for, keep-pin, pinentry, prompt-timeout, lock-on, audit, audit-to, audit-max-size or audit-keep in [agent], found \"path\"" },
	{ "key_in_capitals", "[agent]\nKeep-Pin = yes\n",
	  "f:2: Keep-Pin: expected unlock-for, keep-pin, pinentry, prompt-timeout, lock-on, audit, audit-to, audit-max-size or audit-keep in [agent], found "
	  "\"Keep-Pin\"; did you mean \"keep-pin\"?" },
	{ "key_twice_in_a_section", "[agent]\nunlock-for = 1h\nunlock-for = 2h\n",
	  "f:3: unlock-for: expected once in a section, found again (first in line 2)" },

	/* [agent] */
	{ "unlock_for_without_a_unit", "[agent]\nunlock-for = 8\n",
	  "f:2: unlock-for: expected a time such as 8h, 30m or 2d, at most 3650d, or 0 (one signature), found \"8\"" },
	{ "unlock_for_negative", "[agent]\nunlock-for = -1h\n",
	  "f:2: unlock-for: expected a time such as 8h, 30m or 2d, at most 3650d, or 0 (one signature), found "
	  "\"-1h\"" },
	{ "unlock_for_longer_than_ten_years", "[agent]\nunlock-for = 3651d\n",
	  "f:2: unlock-for: expected a time such as 8h, 30m or 2d, at most 3650d, or 0 (one signature), found "
	  "\"3651d\"" },
	{ "unlock_for_past_64_bits", "[agent]\nunlock-for = 99999999999999999999d\n",
	  "f:2: unlock-for: expected a time such as 8h, 30m or 2d, at most 3650d, or 0 (one signature), found "
	  "\"99999999999999999999d\"" },
	{ "unlock_for_empty", "[agent]\nunlock-for =\n",
	  "f:2: unlock-for: expected a time such as 8h, 30m or 2d, at most 3650d, or 0 (one signature), found \"\"" },
	{ "keep_pin_neither_yes_nor_no", "[agent]\nkeep-pin = true\n",
	  "f:2: keep-pin: expected yes or no, found \"true\"" },

	/* [module] */
	{ "module_without_a_file", "[module \"m\"]\nmax-sessions = 2\n",
	  "f:1: [module \"m\"]: expected path = FILE, p11-kit = NAME or profile = NAME, found none of them" },
	{ "module_empty", "[module \"m\"]\n",
	  "f:1: [module \"m\"]: expected path = FILE, p11-kit = NAME or profile = NAME, found none of them" },
	{ "module_with_two_files", "[module \"m\"]\npath = /m.so\np11-kit = m\n",
	  "f:3: p11-kit: expected either path or p11-kit in [module \"m\"], found both (path in line 2)" },
	{ "module_path_relative", "[module \"m\"]\npath = m.so\n",
	  "f:2: path: expected the absolute path of a PKCS#11 module, found \"m.so\"" },
	{ "module_path_from_home", "[module \"m\"]\npath = ~/m.so\n",
	  "f:2: path: expected the absolute path of a PKCS#11 module, found \"~/m.so\" (~ is not expanded, write the "
	  "whole path)" },
	{ "module_path_root", "[module \"m\"]\npath = /\n",
	  "f:2: path: expected the absolute path of a PKCS#11 module, found \"/\"" },
	{ "module_p11_kit_with_a_path", "[module \"m\"]\np11-kit = ../evil\n",
	  "f:2: p11-kit: expected the name of a module that p11-kit knows, found \"../evil\"" },
	{ "module_sessions_zero", "[module \"m\"]\npath = /m.so\nmax-sessions = 0\n",
	  "f:3: max-sessions: expected a number from 1 to 64, found \"0\"" },
	{ "module_sessions_65", "[module \"m\"]\npath = /m.so\nmax-sessions = 65\n",
	  "f:3: max-sessions: expected a number from 1 to 64, found \"65\"" },
	{ "module_sessions_not_a_number", "[module \"m\"]\npath = /m.so\nmax-sessions = many\n",
	  "f:3: max-sessions: expected a number from 1 to 64, found \"many\"" },

	{ "module_sessions_by_their_old_name", "[module \"m\"]\npath = /m.so\nsessions = 2\n",
	  "f:3: sessions: expected path, p11-kit, profile, init-args, max-sessions, environment, slots, deadline, "
	  "card-login or sandbox in [module \"NAME\"], found \"sessions\"" },
	{ "module_of_an_unknown_profile", "[module \"m\"]\nprofile = opensk\n",
	  "f:2: profile: expected opensc, ykcs11, softhsm, tpm2, opencryptoki, nss, p11-kit-client or none, found "
	  "\"opensk\"" },
	{ "module_without_a_profile_or_file", "[module \"opensc\"]\nprofile = none\n",
	  "f:1: [module \"opensc\"]: expected path = FILE, p11-kit = NAME or profile = NAME, found none of them" },
	{ "module_deadline_too_short", "[module \"opensc\"]\ndeadline = 999ms\n",
	  "f:2: deadline: expected a time from 1s to 10m, found \"999ms\"" },
	{ "module_deadline_too_long", "[module \"opensc\"]\ndeadline = 601s\n",
	  "f:2: deadline: expected a time from 1s to 10m, found \"601s\"" },
	{ "module_slots_with_an_empty_item", "[module \"opensc\"]\nslots = 0,,4\n",
	  "f:2: slots: expected slot numbers and patterns over their descriptions, with commas between them, found "
	  "\"0,,4\"" },
	{ "module_card_login_unknown", "[module \"opensc\"]\ncard-login = cold\n",
	  "f:2: card-login: expected warm or per-signature, found \"cold\"" },
	{ "module_init_args_empty_without_showing_them", "[module \"opensc\"]\ninit-args =\n",
	  "f:2: init-args: expected the text that the module wants at its start" },
	{ "environment_that_loads_code", "[module \"m\"]\npath = /m.so\nenvironment = A=1 LD_PRELOAD=/x.so\n",
	  "f:3: environment: expected NAME=VALUE or NAME='VALUE', with spaces between several, found \"A=1 "
	  "LD_PRELOAD=/x.so\" (LD_* changes what code programs load, and is not a module's to set)" },
	{ "environment_of_openssl", "[module \"m\"]\npath = /m.so\nenvironment = OPENSSL_CONF=/x\n",
	  "f:3: environment: expected NAME=VALUE or NAME='VALUE', with spaces between several, found "
	  "\"OPENSSL_CONF=/x\" (OPENSSL_* could load keystay into its own worker; it is never passed on)" },
	{ "environment_of_keystay", "[module \"m\"]\npath = /m.so\nenvironment = KEYSTAY_SOCK=/x\n",
	  "f:3: environment: expected NAME=VALUE or NAME='VALUE', with spaces between several, found "
	  "\"KEYSTAY_SOCK=/x\" (KEYSTAY_* is keystay's own)" },
	{ "environment_of_systemd", "[module \"m\"]\npath = /m.so\nenvironment = CREDENTIALS_DIRECTORY=/x\n",
	  "f:3: environment: expected NAME=VALUE or NAME='VALUE', with spaces between several, found "
	  "\"CREDENTIALS_DIRECTORY=/x\" (CREDENTIALS_DIRECTORY is between systemd and the agent)" },
	{ "environment_without_a_value", "[module \"m\"]\npath = /m.so\nenvironment = PATH\n",
	  "f:3: environment: expected NAME=VALUE or NAME='VALUE', with spaces between several, found \"PATH\" (a "
	  "variable has no \"=\")" },
	{ "environment_without_a_name", "[module \"m\"]\npath = /m.so\nenvironment = =1\n",
	  "f:3: environment: expected NAME=VALUE or NAME='VALUE', with spaces between several, found \"=1\" (a "
	  "variable has no name)" },
	{ "environment_named_by_a_digit", "[module \"m\"]\npath = /m.so\nenvironment = 1A=1\n",
	  "f:3: environment: expected NAME=VALUE or NAME='VALUE', with spaces between several, found \"1A=1\" (a "
	  "variable's name begins with a letter)" },
	{ "environment_with_an_odd_name", "[module \"m\"]\npath = /m.so\nenvironment = A-B=1\n",
	  "f:3: environment: expected NAME=VALUE or NAME='VALUE', with spaces between several, found \"A-B=1\" (a "
	  "variable's name consists of letters, digits and \"_\")" },
	{ "environment_with_spaces_around_the_sign", "[module \"m\"]\npath = /m.so\nenvironment = A = 1\n",
	  "f:3: environment: expected NAME=VALUE or NAME='VALUE', with spaces between several, found \"A = 1\" (a "
	  "variable has no \"=\")" },
	{ "environment_with_an_open_quote", "[module \"m\"]\npath = /m.so\nenvironment = A='1 B=2\n",
	  "f:3: environment: expected NAME=VALUE or NAME='VALUE', with spaces between several, found \"A='1 B=2\" (a "
	  "quotation mark is not closed)" },
	{ "environment_named_twice", "[module \"m\"]\npath = /m.so\nenvironment = A=1 B=2 A=3\n",
	  "f:3: environment: expected NAME=VALUE or NAME='VALUE', with spaces between several, found \"A=1 B=2 A=3\" "
	  "(a variable is named twice)" },
	{ "environment_empty", "[module \"m\"]\npath = /m.so\nenvironment =\n",
	  "f:3: environment: expected NAME=VALUE or NAME='VALUE', with spaces between several, found \"\"" },

	/* [agent]: dialogs and locks */
	{ "pinentry_relative", "[agent]\npinentry = pinentry-gtk\n",
	  "f:2: pinentry: expected the absolute path of a pinentry program, found \"pinentry-gtk\"" },
	{ "prompt_timeout_zero", "[agent]\nprompt-timeout = 0\n",
	  "f:2: prompt-timeout: expected a time from 1s to 1h, found \"0\"" },
	{ "prompt_timeout_of_a_day", "[agent]\nprompt-timeout = 1d\n",
	  "f:2: prompt-timeout: expected a time from 1s to 1h, found \"1d\"" },
	{ "lock_on_unknown", "[agent]\nlock-on = sleep, lid\n",
	  "f:2: lock-on: expected screen-lock, sleep and inactive with commas between them, or none, found \"sleep, "
	  "lid\"" },
	{ "lock_on_none_and_more", "[agent]\nlock-on = none, sleep\n",
	  "f:2: lock-on: expected screen-lock, sleep and inactive with commas between them, or none, found \"none, "
	  "sleep\"" },

	/* [token], [socket]: what may be a PIN is not shown (invariant I7) */
	{ "token_without_a_name", "[token]\n", "f:1: [token \"NAME\"]: expected a name, found none" },
	{ "token_pin_file_relative_without_showing_it", "[token \"t\"]\npin-file = 4711\n",
	  "f:2: pin-file: expected the absolute path of a file that holds the PIN" },
	{ "token_pin_credential_with_a_slash_without_showing_it", "[token \"t\"]\npin-credential = a/b\n",
	  "f:2: pin-credential: expected the name of a systemd credential that holds the PIN" },
	{ "token_pin_credential_of_the_folder_above", "[token \"t\"]\npin-credential = ..\n",
	  "f:2: pin-credential: expected the name of a systemd credential that holds the PIN" },
	{ "token_match_without_scheme", "[token \"t\"]\nmatch = serial=1\npin-file = /p\n",
	  "f:2: match: expected a PKCS#11 URI such as pkcs11:token=corp;serial=1234 (it does not begin with pkcs11:)" },
	{ "token_with_two_pins", "[token \"t\"]\npin-file = /p\npin-credential = p\n",
	  "f:1: [token \"t\"]: expected either pin-file or pin-credential, found both" },
	{ "token_with_a_pin_in_it", "[token \"t\"]\npin = 4711\n",
	  "f:2: pin: expected match, pin-file, pin-credential or touch in [token \"NAME\"], found \"pin\"; did you mean "
	  "\"pin-file\"?" },
	{ "socket_that_is_the_control_socket", "[socket \"control\"]\nprompt = yes\n",
	  "f:1: [socket \"control\"]: expected another name: the control socket is no sign socket and takes no rules" },
	{ "socket_of_the_agent_elsewhere", "[socket \"agent\"]\npath = /a\n",
	  "f:2: path: expected none for [socket \"agent\"], whose place every client knows; say KEYSTAY_SOCK to the "
	  "agent and to its clients, or give another socket a name" },
	{ "socket_of_others_in_a_private_folder", "[socket \"web\"]\nusers = root\n",
	  "f:1: [socket \"web\"]: expected a path outside of the private folder of the sockets, since users or groups are "
	  "admitted, found none" },
	{ "socket_at_the_path_of_another", "[socket \"a\"]\npath = /s\n[socket \"b\"]\nkeys = web\npath = /s\n",
	  "f:5: path: expected another path than that of [socket \"a\"] (f:2), found \"/s\"" },
	{ "socket_for_a_group_that_is_none", "[socket \"web\"]\npath = /s\ngroups = no-such-group\n",
	  "f:3: groups: expected groups of this machine, found \"no-such-group\", which is none" },
	{ "socket_path_that_is_relative", "[socket \"web\"]\npath = s\n",
	  "f:2: path: expected the absolute path of a socket, at most 107 bytes, found \"s\"" },
	{ "socket_with_an_empty_pattern", "[socket \"web\"]\nkeys = a,,b\n",
	  "f:2: keys: expected short names of keys or patterns such as web-*, with commas between them, found \"a,,b\"" },
	{ "socket_prompt_neither_yes_nor_no", "[socket \"agent\"]\nprompt = never\n",
	  "f:2: prompt: expected yes or no, found \"never\"" },
	{ "socket_twice_in_a_file", "[socket \"agent\"]\n[socket \"agent\"]\n",
	  "f:2: [socket \"NAME\"]: expected once in a file, found again with the name \"agent\" (first in line 1)" },

	/* [key]: which */
	{ "key_that_chooses_nothing", "[key \"k\"]\nconfirm = no\n",
	  "f:1: [key \"k\"]: expected match, module, spki, issuer, eku or template, found none of them" },
	{ "key_match_without_scheme", "[key \"k\"]\nmatch = token=corp\n",
	  "f:2: match: expected a PKCS#11 URI such as pkcs11:token=corp;object=alice (it does not begin with "
	  "pkcs11:)" },
	{ "key_match_of_a_slot", "[key \"k\"]\nmatch = pkcs11:slot-id=3\n",
	  "f:2: match: expected a PKCS#11 URI such as pkcs11:token=corp;object=alice (slots, libraries and vendor "
	  "attributes (x-…) cannot be matched, leave them out)" },
	{ "key_module_that_is_not_there", "[key \"k\"]\nmodule = softhsm\n",
	  "f:2: module: expected the name of a [module] section (there is none), found \"softhsm\"" },
	{ "key_module_misspelt",
	  "[module \"softhsm\"]\npath = /s.so\n[module \"opensc\"]\npath = /o.so\n[key \"k\"]\nmodule = softhms\n",
	  "f:6: module: expected the name of a [module] section (\"softhsm\", \"opensc\"), found \"softhms\"; did you "
	  "mean \"softhsm\"?" },
	{ "key_spki_too_short", "[key \"k\"]\nspki = abcdef\n",
	  "f:2: spki: expected 8 to 64 hex digits, an even number: the start of the public key's SHA-256, found "
	  "\"abcdef\"" },
	{ "key_spki_odd", "[key \"k\"]\nspki = abcdef012\n",
	  "f:2: spki: expected 8 to 64 hex digits, an even number: the start of the public key's SHA-256, found "
	  "\"abcdef012\"" },
	{ "key_spki_too_long",
	  "[key \"k\"]\nspki = 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff00\n",
	  "f:2: spki: expected 8 to 64 hex digits, an even number: the start of the public key's SHA-256, found "
	  "\"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff00\"" },
	{ "key_spki_not_hex", "[key \"k\"]\nspki = abcdefgh\n",
	  "f:2: spki: expected 8 to 64 hex digits, an even number: the start of the public key's SHA-256, found "
	  "\"abcdefgh\"" },
	{ "key_issuer_empty", "[key \"k\"]\nissuer =\n",
	  "f:2: issuer: expected an issuer name or a pattern such as *O=Corp*, found \"\"" },
	{ "key_eku_by_another_name", "[key \"k\"]\neku = serverAuth\n",
	  "f:2: eku: expected clientAuth or a dotted number such as 1.3.6.1.4.1.311.20.2.2, found \"serverAuth\"" },
	{ "key_eku_with_a_hole", "[key \"k\"]\neku = 1.3..6\n",
	  "f:2: eku: expected clientAuth or a dotted number such as 1.3.6.1.4.1.311.20.2.2, found \"1.3..6\"" },
	{ "key_eku_ending_in_a_dot", "[key \"k\"]\neku = 1.3.\n",
	  "f:2: eku: expected clientAuth or a dotted number such as 1.3.6.1.4.1.311.20.2.2, found \"1.3.\"" },

	/* [key]: rules */
	{ "key_servers_with_a_port", KEY "servers = a.example:443\n",
	  "f:3: servers: expected host names or patterns such as *.corp.example, with commas between them, found "
	  "\"a.example:443\"" },
	{ "key_servers_with_a_url", KEY "servers = https://a.example\n",
	  "f:3: servers: expected host names or patterns such as *.corp.example, with commas between them, found "
	  "\"https://a.example\"" },
	{ "key_servers_with_an_empty_item", KEY "servers = a.example,,b.example\n",
	  "f:3: servers: expected host names or patterns such as *.corp.example, with commas between them, found "
	  "\"a.example,,b.example\"" },
	{ "key_servers_with_a_dot_at_the_end", KEY "servers = a.example.\n",
	  "f:3: servers: expected host names or patterns such as *.corp.example, with commas between them, found "
	  "\"a.example.\"" },
	{ "key_server_ca_relative", KEY "server-ca = ca.pem\n",
	  "f:3: server-ca: expected the absolute path of a PEM file, found \"ca.pem\"" },
	{ "key_server_spki_short", KEY "server-spki = abcdef01\n",
	  "f:3: server-spki: expected SHA-256 hashes of 64 hex digits, with commas between them, found \"abcdef01\"" },
	{ "key_confirm_yes", KEY "confirm = yes\n", "f:3: confirm: expected no, first-use or always, found \"yes\"" },
	{ "key_max_rate_without_a_unit", KEY "max-rate = 10\n",
	  "f:3: max-rate: expected a number per s, m, h or d, such as 10/m, found \"10\"" },
	{ "key_max_rate_zero", KEY "max-rate = 0/m\n",
	  "f:3: max-rate: expected a number per s, m, h or d, such as 10/m, found \"0/m\"" },
	{ "key_max_rate_per_week", KEY "max-rate = 10/w\n",
	  "f:3: max-rate: expected a number per s, m, h or d, such as 10/m, found \"10/w\"" },
	{ "key_hours_past_midnight", KEY "hours = 08:00-25:00\n",
	  "f:3: hours: expected times such as 08:00-18:00 or Mon-Fri 08:00-18:00, with commas between them, found "
	  "\"08:00-25:00\"" },
	{ "key_hours_of_no_day", KEY "hours = Mon-Foo 08:00-18:00\n",
	  "f:3: hours: expected times such as 08:00-18:00 or Mon-Fri 08:00-18:00, with commas between them, found "
	  "\"Mon-Foo 08:00-18:00\"" },
	{ "key_users_with_a_space", KEY "users = alice bob\n",
	  "f:3: users: expected user names or numbers, with commas between them, found \"alice bob\"" },
	{ "key_groups_empty", KEY "groups =\n",
	  "f:3: groups: expected group names or numbers, with commas between them, found \"\"" },
	{ "key_profile_that_no_section_has",
	  "[profile \"corp\"]\nprotocol = est\nurl = https://ca.example\n" KEY "profile = crop\n",
	  "f:6: profile: expected the name of a [profile] section, found \"crop\"; did you mean \"corp\"?" },
	{ "profile_without_a_protocol", "[profile \"p\"]\nurl = https://ca.example\n",
	  "f:1: [profile \"p\"]: expected protocol = est, scep, cmp, vault, step-ca or exec, found none" },
	{ "profile_protocol_unknown", "[profile \"p\"]\nprotocol = acme\n",
	  "f:2: protocol: expected est, scep, cmp, vault, step-ca or exec, found \"acme\"" },
	{ "profile_without_an_address", "[profile \"p\"]\nprotocol = est\n",
	  "f:1: [profile \"p\"]: expected url = https://…, found none" },
	{ "profile_est_without_tls", "[profile \"p\"]\nprotocol = est\nurl = http://ca.example\n",
	  "f:3: url: expected an address that begins with https://, since est does not protect itself, found another" },
	{ "profile_scep_without_tls_and_fingerprint", "[profile \"p\"]\nprotocol = scep\nurl = http://ca.example\n",
	  "f:3: url: expected ca-fingerprint = SHA-256 of the CA's certificate beside an address without TLS, found none" },
	{ "profile_url_with_a_password", "[profile \"p\"]\nprotocol = est\nurl = https://alice:secret@ca.example\n",
	  "f:3: url: expected an address that begins with https:// or http:// (user names and "
	  "passwords do not stand in it, see user and secret-file)" },
	{ "profile_exec_without_a_command", "[profile \"p\"]\nprotocol = exec\n",
	  "f:1: [profile \"p\"]: expected command = PROGRAM for protocol = exec, found none" },
	{ "profile_fingerprint_that_nothing_looks_at",
	  "[profile \"p\"]\nprotocol = est\nurl = https://ca.example\nca-fingerprint = "
	  "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae\n",
	  "f:4: ca-fingerprint: expected only with protocol = scep, found with est" },
	{ "profile_user_of_scep", "[profile \"p\"]\nprotocol = scep\nurl = https://ca.example\nuser = a\n",
	  "f:4: user: expected only with protocol = est, cmp, found with scep" },
	{ "profile_tls_ca_of_a_command",
	  "[profile \"p\"]\nprotocol = exec\ncommand = /bin/true\ntls-ca = /etc/ca.pem\n",
	  "f:4: tls-ca: expected only with protocol = est, scep, cmp, vault, step-ca, found with exec" },
	{ "profile_two_secrets",
	  "[profile \"p\"]\nprotocol = est\nurl = https://ca.example\nsecret-file = /x\nsecret-credential = x\n",
	  "f:1: [profile \"p\"]: expected either secret-file or secret-credential, found both" },
	{ "key_revocation_unknown", KEY "revocation = yes\n",
	  "f:3: revocation: expected off, warn or require, found \"yes\"" },
	{ "key_allow_unknown", KEY "allow = tls, everything\n",
	  "f:3: allow: expected tls, or tls, digest, found \"tls, everything\"" },
	{ "key_allow_digest_alone", KEY "allow = digest\n",
	  "f:3: allow: expected tls, or tls, digest, found \"digest\" (a key that may sign digests may sign for TLS as "
	  "well)" },
	{ "key_allow_twice", KEY "allow = tls, tls\n", "f:3: allow: expected tls, or tls, digest, found \"tls, tls\"" },
	{ "key_servers_with_digest", KEY "servers = a.example\nallow = tls, digest\n",
	  "f:4: allow: expected tls, since servers (f:3) cannot be proven for a bare digest, found \"tls, digest\"" },
	{ "key_server_ca_with_digest", KEY "allow = tls, digest\nserver-ca = /ca.pem\n",
	  "f:3: allow: expected tls, since server-ca (f:4) cannot be proven for a bare digest, found \"tls, digest\"" },

	{ "audit_of_another_word", "[agent]\naudit = yes\n",
	  "f:2: audit: expected off, best-effort or require, found \"yes\"" },
	{ "audit_to_nowhere", "[agent]\naudit-to = file, printer\n",
	  "f:2: audit-to: expected file, journal and syslog with commas between them, found \"file, printer\"" },
	{ "audit_max_size_too_small", "[agent]\naudit-max-size = 15K\n",
	  "f:2: audit-max-size: expected a size from 16K to 1G, such as 16M, found \"15K\"" },
	{ "audit_max_size_too_large", "[agent]\naudit-max-size = 2G\n",
	  "f:2: audit-max-size: expected a size from 16K to 1G, such as 16M, found \"2G\"" },
	{ "audit_max_size_without_unit", "[agent]\naudit-max-size = 65536\n",
	  "f:2: audit-max-size: expected a size from 16K to 1G, such as 16M, found \"65536\"" },
	{ "audit_keep_nothing", "[agent]\naudit-keep = 0\n",
	  "f:2: audit-keep: expected a number of files from 1 to 1000, found \"0\"" },
	{ "audit_required_of_syslog", "[agent]\naudit = require\naudit-to = syslog\n",
	  "f:3: audit-to: expected file or journal with audit = require (f:2), found \"syslog\"" },

	{ "values_with_a_tab", KEY "servers = a.example,\tb.example\n",
	  "f:3: servers: expected host names or patterns such as *.corp.example, with commas between them, found "
	  "\"a.example,\\x09b.example\"" },
	{ "issuer_with_a_tab", "[key \"k\"]\nissuer = a\tb\n",
	  "f:2: issuer: expected an issuer name or a pattern such as *O=Corp*, found \"a\\x09b\"" },
	{ "path_with_a_tab", "[module \"m\"]\npath = /a\tb\n",
	  "f:2: path: expected the absolute path of a PKCS#11 module, found \"/a\\x09b\"" },

	/* several */
	{ "all_mistakes_and_not_just_the_first",
	  "[agent]\nkeep-pin = maybe\nunlock = 1h\n[module \"m\"]\npath = m.so\n[key \"k\"]\n[kye \"l\"]\n",
	  "f:2: keep-pin: expected yes or no, found \"maybe\"\n"
	  "f:3: unlock: expected unlock-for, keep-pin, pinentry, prompt-timeout, lock-on, audit, audit-to, audit-max-size or audit-keep in [agent], found "
	  "\"unlock\"; did you mean \"unlock-for\"?\n"
	  "f:5: path: expected the absolute path of a PKCS#11 module, found \"m.so\"\n"
	  "f:7: expected a section [agent], [module \"NAME\"], [token \"NAME\"], [socket \"NAME\"], [key \"NAME\"], "
	  "[profile \"NAME\"] or [enforce], found \"[kye]\"; did you "
	  "mean \"key\"?\n"
	  "f:6: [key \"k\"]: expected match, module, spki, issuer, eku or template, found none of them" },
	{ "control_characters_only_escaped", "[agent]\nkeep-pin = \"\xe2\x80\xae\\\\x\"\n",
	  "f:2: keep-pin: expected yes or no, found \"\\xe2\\x80\\xae\\\\x\"" },
};

#define N_MISTAKES (sizeof(mistakes) / sizeof(mistakes[0]))

static int read_text(const char *text, struct ks_settings_error *error)
{
	KS_CLEANUP(ks_settings_freep) struct ks_settings *settings = NULL;
	const struct ks_settings_source source = { .file = "f", .text = text, .size = strlen(text) };

	int r = ks_settings_read_memory(&source, 1, &settings, error);
	assert_true(r == 0 || !settings);
	return r;
}

static void check_mistake(void **state)
{
	const struct mistake *mistake = *state;
	struct ks_settings_error error;

	assert_int_equal(read_text(mistake->text, &error), KS_ERR_CONFIG);
	assert_string_equal(error.text, mistake->error);
}

/* Invariant I7: a PIN that somebody wrote into a URI is in the file, and must not come into a log as well. */
static void test_settings_refuses_a_pin_without_showing_it(void **state)
{
	(void)state;
	static const char *const values[] = {
		"pkcs11:token=corp?pin-value=4711",
		"pkcs11:token=corp;pin-value=4711",
		"pkcs11:token=corp?pin-source=file:/4711",
		"pkcs11:token=4711#?pin-value=4711",
	};
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		struct ks_settings_error error;
		char text[256];
		(void)snprintf(text, sizeof(text), "[key \"k\"]\nmatch = \"%s\"\n", values[i]);
		assert_int_equal(read_text(text, &error), KS_ERR_CONFIG);
		assert_null(strstr(error.text, "4711"));
		assert_non_null(strstr(error.text, "f:2: match: expected a PKCS#11 URI"));
	}
	struct ks_settings_error error;
	assert_int_equal(read_text("[key \"k\"]\nmatch = pkcs11:token=corp?pin-value=4711\n", &error), KS_ERR_CONFIG);
	assert_non_null(strstr(error.text, "pin-value"));
}

static void test_settings_does_not_show_a_pin_in_a_line_that_is_no_setting(void **state)
{
	(void)state;
	struct ks_settings_error error;
	assert_int_equal(read_text("[key \"k\"]\nmatch = \"pkcs11:token=corp?pin-value=4711\n", &error), KS_ERR_CONFIG);
	assert_memory_equal(error.text, "f:2: expected ", 14);
	assert_null(strstr(error.text, "4711"));
}

/* What the syntax reader says is its own; that it is among the rest, once, with file and line, is ours. */
static void test_settings_says_mistakes_of_syntax_beside_others(void **state)
{
	(void)state;
	KS_CLEANUP(ks_settings_freep) struct ks_settings *settings = NULL;
	struct ks_settings_error error;
	static const char broken[] = "[agent]\n\n[agent\n";
	static const char wrong[] = "[agent]\nkeep-pin = maybe\n[key \"k\"]\nmodule = of-the-broken-file\n";
	const struct ks_settings_source sources[] = {
		{ .file = "broken", .text = broken, .size = strlen(broken) },
		{ .file = "wrong", .text = wrong, .size = strlen(wrong) },
	};

	assert_int_equal(ks_settings_read_memory(sources, 2, &settings, &error), KS_ERR_CONFIG);
	assert_null(settings);
	assert_memory_equal(error.text, "broken:3: ", 10);
	assert_non_null(strstr(error.text, "\nwrong:2: keep-pin: expected yes or no"));
	/* The module may stand in what could not be read: nothing is said of it. */
	assert_null(strstr(error.text, "wrong:4"));
}

static void test_settings_counts_mistakes_that_do_not_fit(void **state)
{
	(void)state;
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer text = { 0 };
	struct ks_settings_error error;

	for (unsigned i = 0; i < 200; i++)
		ks_buffer_printf(&text, "[unknown-section-%u]\n", i);
	ks_buffer_put_u8(&text, '\0');
	assert_int_equal(read_text((const char *)text.data, &error), KS_ERR_CONFIG);
	size_t n_lines = 1;
	for (const char *at = error.text; *at; at++)
		n_lines += *at == '\n' ? 1 : 0;
	unsigned n_more = 0;
	const char *last = strrchr(error.text, '\n');
	assert_non_null(last);
	assert_int_equal(sscanf(last, "\nand %u more problems", &n_more), 1);
	assert_int_equal(n_lines - 1 + n_more, 200);
	assert_true(strlen(error.text) > sizeof(error.text) / 2);
}

static void test_settings_limits_the_number_of_sections(void **state)
{
	(void)state;
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer text = { 0 };
	struct ks_settings_error error;

	for (unsigned i = 0; i < 33; i++)
		ks_buffer_printf(&text, "[module \"%u\"]\npath = /m.so\n", i);
	ks_buffer_put_u8(&text, '\0');
	assert_int_equal(read_text((const char *)text.data, &error), KS_ERR_CONFIG);
	assert_string_equal(error.text,
			    "f:65: [module \"NAME\"]: expected at most 32 such sections in all files, found one more");
}

int main(void)
{
	static const struct CMUnitTest others[] = {
		cmocka_unit_test(test_settings_refuses_a_pin_without_showing_it),
		cmocka_unit_test(test_settings_does_not_show_a_pin_in_a_line_that_is_no_setting),
		cmocka_unit_test(test_settings_says_mistakes_of_syntax_beside_others),
		cmocka_unit_test(test_settings_counts_mistakes_that_do_not_fit),
		cmocka_unit_test(test_settings_limits_the_number_of_sections),
	};
	static struct CMUnitTest tests[N_MISTAKES + sizeof(others) / sizeof(others[0])];
	static char names[N_MISTAKES][96];

	memcpy(tests, others, sizeof(others));
	for (size_t i = 0; i < N_MISTAKES; i++) {
		(void)snprintf(names[i], sizeof(names[i]), "test_settings_refuses_%s", mistakes[i].name);
		tests[sizeof(others) / sizeof(others[0]) + i] = (struct CMUnitTest){
			.name = names[i],
			.test_func = check_mistake,
			.initial_state = (void *)(uintptr_t)&mistakes[i],
		};
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
