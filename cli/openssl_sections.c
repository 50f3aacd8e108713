/* SPDX-License-Identifier: Apache-2.0 */
/*
 * openssl_sections: see openssl_sections.h. OpenSSL reads the system's file for us, so what we see is what programs
 * will see: nested .include, variables and escapes are done with.
 *
 * Runs in: keystay.
 */
#include "cli/openssl_sections.h"

#include <openssl/conf.h>
#include <openssl/err.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/text.h"

KS_DEFINE_CLEANUP(CONF *, NCONF_free)

/* Sections that we bring ourselves. */
#define INIT_SECTION "keystay_init"
#define PROVIDERS_SECTION "keystay_providers"
#define DEFAULT_SECTION "keystay_default"
#define KEYSTAY_SECTION "keystay_provider"
#define TAP_SECTION "keystay_tap"
#define ALGORITHMS_SECTION "keystay_algorithms"

/* A wish ("?"), so that what only others can do is still done by them. */
#define TAP_QUERY "?keystay.tap=yes"

/* Where programs begin to read: all of them, and Node.js. */
static const char *const entries[] = { "openssl_conf", "nodejs_conf" };
#define N_ENTRIES (sizeof(entries) / sizeof(*entries))

struct writing {
	CONF *system; /* NULL: there is none */
	const char *module;
	const char *tap; /* NULL: without */
	struct ks_buffer *buffer;
	struct ks_openssl_note *warning;
};

/* --- reading the system's sections ------------------------------------------------------------------------------- */

static size_t count(const CONF *conf, const char *section)
{
	STACK_OF(CONF_VALUE) *values = conf ? NCONF_get_section(conf, section) : NULL;

	return values ? (size_t)sk_CONF_VALUE_num(values) : 0;
}

static const CONF_VALUE *at(const CONF *conf, const char *section, size_t index)
{
	return sk_CONF_VALUE_value(NCONF_get_section(conf, section), (int)index);
}

/* Inside a provider's section and the list of them "1.name" is another "name": a section can hold two of a kind. */
static const char *plain_name(const char *name)
{
	const char *dot = strchr(name, '.');

	return dot ? dot + 1 : name;
}

/* What a provider's section says; the last one counts. */
static const char *setting_of(const CONF *conf, const char *section, const char *name)
{
	const char *found = NULL;

	for (size_t i = 0; i < count(conf, section); i++) {
		const CONF_VALUE *value = at(conf, section, i);
		if (strcmp(plain_name(value->name), name) == 0)
			found = value->value;
	}
	return found;
}

/* What any other section says, with "name.1" as another "name". NCONF_get_string() would look in [default] as well. */
static const char *value_of(const CONF *conf, const char *section, const char *name)
{
	size_t size = strlen(name);

	for (size_t i = 0; i < count(conf, section); i++) {
		const CONF_VALUE *value = at(conf, section, i);
		if (strncmp(value->name, name, size) == 0 && (value->name[size] == '\0' || value->name[size] == '.'))
			return value->value;
	}
	return NULL;
}

/* OpenSSL 3.0 takes any value for yes, later ones take these words for no; who writes them means no. */
static bool is_active(const CONF *conf, const char *section)
{
	static const char *const no[] = { "0", "no", "NO", "false", "FALSE", "off", "OFF" };
	const char *value = setting_of(conf, section, "activate");

	for (size_t i = 0; value && i < sizeof(no) / sizeof(*no); i++) {
		if (strcmp(value, no[i]) == 0)
			return false;
	}
	return value != NULL;
}

/* What a provider is called, as OpenSSL sees it. */
static const char *provider_name(const CONF *conf, const CONF_VALUE *provider)
{
	const char *identity = setting_of(conf, provider->value, "identity");

	return identity ? identity : plain_name(provider->name);
}

static const CONF_VALUE *find_provider(const CONF *conf, const char *providers, const char *name)
{
	for (size_t i = 0; i < count(conf, providers); i++) {
		const CONF_VALUE *provider = at(conf, providers, i);
		if (strcmp(provider_name(conf, provider), name) == 0)
			return provider;
	}
	return NULL;
}

/* Goes by names alone ("fips", "fips.so", "wolfprov-fips"): taking an ordinary provider for a FIPS one leaves the
 * system as it is, the other mistake would undo what the administrator wanted. */
static bool activates_fips(const CONF *conf, const char *providers)
{
	for (size_t i = 0; i < count(conf, providers); i++) {
		const CONF_VALUE *provider = at(conf, providers, i);
		const char *module = setting_of(conf, provider->value, "module");
		const char *slash = module ? strrchr(module, '/') : NULL;
		const char *file = slash ? slash + 1 : module;
		if (!is_active(conf, provider->value))
			continue;
		if (strcasestr(provider_name(conf, provider), "fips") || (file && strcasestr(file, "fips")))
			return true;
	}
	return false;
}

/* A query without "?" is a demand that keystay's algorithms do not meet: programs then do not find them. */
static bool has_demand(const char *query)
{
	while (*query) {
		query += strspn(query, " \t,");
		if (*query && *query != '?')
			return true;
		query += strcspn(query, ",");
	}
	return false;
}

/* default_properties would take away what fips_mode says; and two wishes that contradict each other are decided by chance. */
static bool hashes_by_fips(const CONF *conf, const char *init)
{
	const char *providers = value_of(conf, init, "providers");
	const char *section = value_of(conf, init, "alg_section");
	const char *query = section ? value_of(conf, section, "default_properties") : NULL;

	return (providers && activates_fips(conf, providers)) || (query && strcasestr(query, "fips")) ||
	       (section && value_of(conf, section, "fips_mode"));
}

static void look_for_demands(const struct writing *writing, const char *system, const char *init)
{
	const char *section = value_of(writing->system, init, "alg_section");
	const char *query = section ? value_of(writing->system, section, "default_properties") : NULL;

	if (query && has_demand(query))
		(void)ks_text_print(
			writing->warning->text, sizeof(writing->warning->text),
			"%s says default_properties = %s, which may keep programs from using keystay's keys "
			"(they then send no certificate)",
			system, query);
}

/* --- writing ----------------------------------------------------------------------------------------------------- */

#define WORD "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"

/* Inside double quotes nothing is expanded, and a backslash takes every meaning away. */
static void put_value(struct ks_buffer *buffer, const char *value)
{
	if (value[0] && value[strspn(value, WORD "/.-")] == '\0') {
		ks_buffer_put(buffer, ks_bytes_text(value));
		return;
	}
	ks_buffer_put_u8(buffer, '"');
	for (; *value; value++) {
		if (*value == '"' || *value == '\\')
			ks_buffer_put_u8(buffer, '\\');
		ks_buffer_put_u8(buffer, (uint8_t)*value);
	}
	ks_buffer_put_u8(buffer, '"');
}

static void put_section(struct ks_buffer *buffer, const char *name)
{
	ks_buffer_put(buffer, ks_bytes_text("\n["));
	for (; *name; name++) {
		if (!strchr(WORD, *name))
			ks_buffer_put_u8(buffer, '\\');
		ks_buffer_put_u8(buffer, (uint8_t)*name);
	}
	ks_buffer_put(buffer, ks_bytes_text("]\n"));
}

/* name as it stands in a configuration: OpenSSL takes nothing out of it. */
static void put_line(struct ks_buffer *buffer, const char *name, const char *value)
{
	ks_buffer_printf(buffer, "%s = ", name);
	put_value(buffer, value);
	ks_buffer_put_u8(buffer, '\n');
}

/* Is this provider's section another one's as well? Activating it would activate both. */
static bool is_shared(const CONF *conf, const char *providers, const CONF_VALUE *wanted)
{
	for (size_t i = 0; i < count(conf, providers); i++) {
		const CONF_VALUE *provider = at(conf, providers, i);
		if (provider != wanted && strcmp(provider->value, wanted->value) == 0)
			return true;
	}
	return false;
}

/* The section in which default has to be activated; NULL when nothing is to be done. *ret_name: also to be listed,
 * under this name. */
static const char *choose_default(const CONF *conf, const char *providers, const char **ret_name)
{
	const CONF_VALUE *known = find_provider(conf, providers, "default");

	*ret_name = NULL;
	if (activates_fips(conf, providers) || (known && is_active(conf, known->value)))
		return NULL;
	if (known && !is_shared(conf, providers, known))
		return known->value;
	*ret_name = known ? known->name : "default";
	return DEFAULT_SECTION;
}

static void write_module(struct writing *writing, const char *section, const char *module)
{
	struct ks_buffer *buffer = writing->buffer;

	put_section(buffer, section);
	if (!setting_of(writing->system, section, "module"))
		put_line(buffer, "module", module);
	/* Without the file (keystay was removed, a program brings its own OpenSSL) programs go on as if we were not. */
	put_line(buffer, "soft_load", "1");
	put_line(buffer, "activate", "1");
}

/* A keystay that is listed already is listed again, so that it comes last, and keeps its own module. */
static void write_providers(struct writing *writing, const char *providers, bool tapped)
{
	struct ks_buffer *buffer = writing->buffer;
	const CONF_VALUE *known = find_provider(writing->system, providers, "keystay");
	const char *section = known ? known->value : KEYSTAY_SECTION;
	const char *default_name;
	const char *default_section = choose_default(writing->system, providers, &default_name);

	put_section(buffer, providers);
	if (default_name)
		put_line(buffer, default_name, default_section);
	if (tapped)
		put_line(buffer, "keystay-tap", TAP_SECTION);
	put_line(buffer, known ? known->name : "keystay", section);
	if (default_section) {
		put_section(buffer, default_section);
		put_line(buffer, "activate", "1");
	}
	if (tapped)
		write_module(writing, TAP_SECTION, writing->tap);
	write_module(writing, section, writing->module);
}

/* Adds the wish for the tap to what the system demands and wishes. */
static void write_wish(struct writing *writing, const char *init)
{
	struct ks_buffer *buffer = writing->buffer;
	const char *section = value_of(writing->system, init, "alg_section");
	const char *query = section ? value_of(writing->system, section, "default_properties") : NULL;

	if (!section || !section[0]) {
		section = ALGORITHMS_SECTION;
		put_section(buffer, init);
		put_line(buffer, "alg_section", section);
	}
	KS_AUTO_FREE char *both = ks_text_format("%s%s%s", query ? query : "", query && query[0] ? "," : "", TAP_QUERY);
	put_section(buffer, section);
	put_line(buffer, "default_properties", both ? both : TAP_QUERY);
}

/* Appends what init needs; returns the section of its providers. */
static const char *write_init(struct writing *writing, const char *init)
{
	const char *providers = value_of(writing->system, init, "providers");

	if (providers && providers[0])
		return providers;
	put_section(writing->buffer, init);
	put_line(writing->buffer, "providers", PROVIDERS_SECTION);
	return PROVIDERS_SECTION;
}

/* Is there a tap, and nothing against it in this init? */
static bool is_tapped(struct writing *writing, const char *system, const char *init)
{
	char *warning = writing->warning->text;

	if (!writing->tap || !hashes_by_fips(writing->system, init))
		return writing->tap != NULL;
	if (!strstr(warning, "the tap"))
		(void)ks_text_print(warning + strlen(warning), sizeof(writing->warning->text) - strlen(warning),
				    "%s%s has a FIPS provider do the hashing; the tap, which is none, is left out, and "
				    "signatures will not be proven to be for a server",
				    warning[0] ? "; " : "", system);
	return false;
}

static void write_sections(struct writing *writing, const char *system)
{
	const char *inits[N_ENTRIES];
	const char *written[N_ENTRIES] = { NULL };

	put_section(writing->buffer, "default");
	for (size_t i = 0; i < N_ENTRIES; i++) {
		inits[i] = value_of(writing->system, "default", entries[i]);
		if (inits[i] && inits[i][0])
			continue;
		inits[i] = i == 0 ? INIT_SECTION : inits[0];
		put_line(writing->buffer, entries[i], inits[i]);
	}
	look_for_demands(writing, system, inits[0]);
	for (size_t i = 0; i < N_ENTRIES; i++) {
		if (i > 0 && strcmp(inits[i], inits[0]) == 0)
			continue;
		bool tapped = is_tapped(writing, system, inits[i]);
		written[i] = write_init(writing, inits[i]);
		if (tapped)
			write_wish(writing, inits[i]);
		if (i > 0 && strcmp(written[i], written[0]) == 0)
			continue;
		write_providers(writing, written[i], tapped);
	}
}

/* --- the system's file ------------------------------------------------------------------------------------------- */

static int fail_read(const char *system, long line, struct ks_openssl_note *ret_error)
{
	unsigned long error = ERR_peek_last_error();
	const char *reason = ERR_reason_error_string(error);

	if (line > 0)
		(void)ks_text_print(
			ret_error->text, sizeof(ret_error->text),
			"OpenSSL's configuration %s cannot be read: line %ld: %s; correct it, or name another one "
			"in OPENSSL_CONF",
			system, line, reason ? reason : "unknown error");
	else
		(void)ks_text_print(ret_error->text, sizeof(ret_error->text),
				    "OpenSSL's configuration %s cannot be read: %s; correct it, or name another one in "
				    "OPENSSL_CONF",
				    system, reason ? reason : "unknown error");
	ERR_clear_error();
	return KS_ERR_CONFIG;
}

static int read_system(const char *system, CONF **ret_conf, struct ks_openssl_note *ret_error)
{
	KS_CLEANUP(NCONF_freep) CONF *conf = NULL;
	long line = 0;

	/* This program must not be configured by the file that it looks at. */
	if (OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL) != 1)
		return KS_ERR_INTERNAL;
	conf = NCONF_new(NULL);
	if (!conf)
		return KS_ERR_NO_MEMORY;
	if (NCONF_load(conf, system, &line) <= 0)
		return fail_read(system, line, ret_error);
	ERR_clear_error(); /* a missing .include leaves a word there */
	*ret_conf = KS_STEAL(conf);
	return 0;
}

int ks_openssl_sections_write(const char *system, const char *module, const char *tap, struct ks_buffer *buffer,
			      struct ks_openssl_note *ret_warning, struct ks_openssl_note *ret_error)
{
	KS_CLEANUP(NCONF_freep) CONF *conf = NULL;
	struct ks_openssl_note warning = { "" };
	struct writing writing = { .module = module, .tap = tap, .buffer = buffer, .warning = &warning };

	if (strchr(module, '\n') || (tap && strchr(tap, '\n')) || (system && strchr(system, '\n'))) {
		(void)ks_text_print(ret_error->text, sizeof(ret_error->text),
				    "a path with a line end in it cannot stand in OpenSSL's configuration");
		return KS_ERR_INVALID;
	}
	if (system) {
		int r = read_system(system, &conf, ret_error);
		if (r < 0)
			return r;
	}
	writing.system = conf;
	ks_buffer_printf(buffer, "%s\n%s%s\n", KS_OPENSSL_MARK, KS_OPENSSL_SYSTEM, system ? system : "");
	if (system) {
		ks_buffer_put(buffer, ks_bytes_text(".include = "));
		put_value(buffer, system);
		ks_buffer_put_u8(buffer, '\n');
	}
	write_sections(&writing, system);
	*ret_warning = warning;
	return ks_buffer_error(buffer);
}
