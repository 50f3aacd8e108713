/* SPDX-License-Identifier: Apache-2.0 */
/* options: see options.h. Runs in: keystay-explain. */
#include "explain/options.h"

#include <getopt.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "lib/base/text.h"

static const char usage_text[] =
	"Usage: keystay-explain [OPTION]... URL\n"
	"Says what a TLS server asks of its clients, which keys it would take, and why not\n"
	"the others. For people: keystay explain\n"
	"\n"
	"  --try               do the handshake with the key, and say what the server answers\n"
	"  --key NAME          with this key, not the best one\n"
	"  --tls VERSION       1.2 or 1.3 (default: what the server prefers)\n"
	"  --ca FILE           the CA certificates to verify it with (default: the system's)\n"
	"  --server-name NAME  what its certificate must name instead of the host\n"
	"  --starttls KIND     begin as the protocol wants it before TLS; KIND is postgres\n"
	"  --insecure          go on with --try although the server is not verified\n"
	"  --json              print JSON, for programs\n"
	"  --version           print the version\n"
	"  --help              print this\n";

/* --- the URL ----------------------------------------------------------------------------------------------------- */

/* RFC 3986 section 3.3 and 3.4: no spaces, nothing that is not ASCII; what follows '#' is not sent. */
static int take_path(const char *text, struct ks_explain_options *options)
{
	size_t size = strcspn(text, "#");

	if (size >= sizeof(options->path) - 1)
		return KS_ERR_INVALID;
	for (size_t i = 0; i < size; i++) {
		if (text[i] <= ' ' || text[i] > '~')
			return KS_ERR_INVALID;
	}
	(void)ks_text_print(options->path, sizeof(options->path), "%s%.*s", text[0] == '?' ? "/" : "", (int)size, text);
	return 0;
}

int ks_explain_url(const char *url, const char *default_port, struct ks_explain_options *options, const char **ret_why)
{
	static const char https[] = "https://";
	char host[300];

	if (strncasecmp(url, https, sizeof(https) - 1) == 0)
		url += sizeof(https) - 1;
	*ret_why = "it is not https://";
	if (strstr(url, "://"))
		return KS_ERR_INVALID;
	size_t size = strcspn(url, "/?#");
	*ret_why = "it has a user name, which TLS does not know";
	if (memchr(url, '@', size))
		return KS_ERR_INVALID;
	*ret_why = "HOST, HOST:PORT, [IPV6-ADDRESS]:PORT or https://HOST/PATH is expected";
	if (size == 0 || size > 255)
		return KS_ERR_INVALID;
	bool has_port = url[0] == '[' ? url[size - 1] != ']' : memchr(url, ':', size) != NULL;
	(void)ks_text_print(host, sizeof(host), "%.*s%s%s", (int)size, url, has_port ? "" : ":",
			    has_port ? "" : default_port);
	int r = ks_options_target(host, &options->target);
	return r == 0 ? take_path(url + size, options) : r;
}

/* --- the command line -------------------------------------------------------------------------------------------- */

static bool wrong(const char *option, const char *expected, const char *value)
{
	char shown[128];

	ks_text_escape(ks_bytes_text(value), shown, sizeof(shown));
	(void)fprintf(stderr, "keystay-explain: --%s takes %s, not \"%s\"\n", option, expected, shown);
	return false;
}

static bool take_version(const char *value, struct ks_explain_options *options)
{
	if (strcmp(value, "1.2") == 0)
		options->tls_version = TLS1_2_VERSION;
	else if (strcmp(value, "1.3") == 0)
		options->tls_version = TLS1_3_VERSION;
	else
		return wrong("tls", "1.2 or 1.3", value);
	return true;
}

static bool take_name(const char *value, struct ks_explain_options *options)
{
	if (value[0] == '\0' || strlen(value) >= sizeof(options->server_name) || !ks_text_valid(ks_bytes_text(value)))
		return wrong("server-name", "a host name or address", value);
	(void)ks_text_print(options->server_name, sizeof(options->server_name), "%s", value);
	return true;
}

static bool take_option(int option, const char *value, struct ks_explain_options *options)
{
	switch (option) {
	case 't':
		options->attempt = true;
		return true;
	case 'k':
		options->key = value;
		return true;
	case 'T':
		return take_version(value, options);
	case 'c':
		options->ca_file = value;
		return true;
	case 'n':
		return take_name(value, options);
	case 's':
		options->postgres = strcmp(value, "postgres") == 0;
		return options->postgres || wrong("starttls", "postgres", value);
	case 'i':
		options->insecure = true;
		return true;
	case 'j':
		options->json = true;
		return true;
	default:
		return false; /* getopt_long() has said it */
	}
}

static bool take_url(int argc, char **argv, struct ks_explain_options *options)
{
	const char *why;
	char shown[256];

	if (argc - optind != 1) {
		(void)fprintf(stderr, "keystay-explain: %s\n",
			      argc == optind ? "URL is needed" : "there is more than one URL");
		return false;
	}
	if (ks_explain_url(argv[optind], options->postgres ? "5432" : "443", options, &why) < 0) {
		ks_text_escape(ks_bytes_text(argv[optind]), shown, sizeof(shown));
		(void)fprintf(stderr, "keystay-explain: the URL \"%s\" is not understood: %s\n", shown, why);
		return false;
	}
	/* A name in DNS may end with a dot, in a certificate and in SNI (RFC 6066 section 3) it does not. */
	size_t size = strlen(options->target.host);
	if (!options->server_name[0])
		(void)ks_text_print(options->server_name, sizeof(options->server_name), "%.*s",
				    (int)(size > 1 && options->target.host[size - 1] == '.' ? size - 1 : size),
				    options->target.host);
	return true;
}

bool ks_explain_options_read(int argc, char **argv, struct ks_explain_options *ret_options,
			     enum ks_explain_exit *ret_exit)
{
	static const struct option list[] = {
		{ "try", no_argument, NULL, 't' },
		{ "key", required_argument, NULL, 'k' },
		{ "tls", required_argument, NULL, 'T' },
		{ "ca", required_argument, NULL, 'c' },
		{ "server-name", required_argument, NULL, 'n' },
		{ "starttls", required_argument, NULL, 's' },
		{ "insecure", no_argument, NULL, 'i' },
		{ "json", no_argument, NULL, 'j' },
		{ "version", no_argument, NULL, 'v' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct ks_explain_options options = { .path = "" };
	int option;
	bool good = true;

	optind = 1;
	while (good && (option = getopt_long(argc, argv, "h", list, NULL)) != -1) {
		if (option == 'h' || option == 'v') {
			(void)fputs(option == 'h' ? usage_text : "keystay-explain " KEYSTAY_VERSION "\n", stdout);
			*ret_exit = fflush(stdout) == 0 ? KS_EXPLAIN_GOOD : KS_EXPLAIN_FAILED;
			return false;
		}
		good = take_option(option, optarg, &options);
	}
	if (!good || !take_url(argc, argv, &options)) {
		(void)fputs("See: keystay help explain\n", stderr);
		*ret_exit = KS_EXPLAIN_USAGE;
		return false;
	}
	*ret_options = options;
	return true;
}
