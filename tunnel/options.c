/* SPDX-License-Identifier: Apache-2.0 */
/* options: see options.h. Runs in: keystay-tunnel. */
#include "tunnel/options.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/text.h"

static const char usage_text[] = "Usage: keystay-tunnel [OPTION]... --listen WHERE --target HOST:PORT [NAME]\n"
				 "Does TLS with the key NAME for programs that speak plainly to a local socket.\n"
				 "For people: keystay tunnel\n"
				 "\n"
				 "  --listen WHERE      unix:PATH, 127.0.0.1:PORT or [::1]:PORT, for this user alone\n"
				 "  --target HOST:PORT  the server, which its certificate must name\n"
				 "  --ca FILE           the CA certificates to verify it with (default: the system's)\n"
				 "  --server-name NAME  what its certificate must name instead of HOST\n"
				 "  --alpn LIST         protocols to offer to the server, such as h2 (default: none)\n"
				 "  --starttls KIND     begin as the protocol wants it before TLS; KIND is postgres\n"
				 "  --idle TIME         end connections that are silent for so long (default 1h)\n"
				 "  --ready-fd N        write the address to descriptor N when it listens\n"
				 "  --version           print the version\n"
				 "  --help              print this\n";

/* --- values ------------------------------------------------------------------------------------------------------ */

int ks_options_target(const char *text, struct ks_target *ret_target)
{
	const char *colon = strrchr(text, ':');
	struct ks_target target = { 0 };
	uint64_t port;

	if (!colon || ks_text_number(colon + 1, 65535, &port) < 0 || port == 0)
		return KS_ERR_INVALID;
	size_t size = (size_t)(colon - text);
	if (text[0] == '[') {
		if (size < 3 || colon[-1] != ']')
			return KS_ERR_INVALID;
		text++;
		size -= 2;
	} else if (memchr(text, ':', size)) {
		return KS_ERR_INVALID; /* an IPv6 address: which of its colons begins the port? */
	}
	if (size == 0 || size >= sizeof(target.host))
		return KS_ERR_INVALID;
	memcpy(target.host, text, size);
	if (!ks_text_valid(ks_bytes_text(target.host)))
		return KS_ERR_INVALID;
	(void)ks_text_print(target.port, sizeof(target.port), "%u", (unsigned)port);
	*ret_target = target;
	return 0;
}

int ks_options_alpn(const char *text, struct ks_alpn *ret_alpn)
{
	struct ks_alpn alpn = { 0 };

	for (;;) {
		size_t size = strcspn(text, ",");
		if (size == 0 || size > 255 || alpn.size + 1 + size > sizeof(alpn.list))
			return KS_ERR_INVALID;
		alpn.list[alpn.size++] = (unsigned char)size;
		memcpy(alpn.list + alpn.size, text, size);
		alpn.size += size;
		if (text[size] == '\0')
			break;
		text += size + 1;
	}
	*ret_alpn = alpn;
	return 0;
}

/* A name in DNS may end with a dot, in a certificate and in SNI (RFC 6066 section 3) it does not. */
static bool put_server_name(const char *name, struct ks_options *options)
{
	size_t size = strlen(name);

	if (size > 1 && name[size - 1] == '.')
		size--;
	if (size == 0 || size >= sizeof(options->server_name) || !ks_text_valid(ks_bytes_text(name)))
		return false;
	memcpy(options->server_name, name, size);
	options->server_name[size] = '\0';
	return true;
}

/* --- the command line -------------------------------------------------------------------------------------------- */

static bool wrong(const char *option, const char *expected, const char *value)
{
	char shown[128];

	ks_text_escape(ks_bytes_text(value), shown, sizeof(shown));
	(void)fprintf(stderr, "keystay-tunnel: --%s takes %s, not \"%s\"\n", option, expected, shown);
	return false;
}

static bool take_text(int option, const char *value, struct ks_options *options)
{
	switch (option) {
	case 'l':
		options->listen = value;
		return true;
	case 't':
		return ks_options_target(value, &options->target) == 0 ||
		       wrong("target", "HOST:PORT or [IPV6-ADDRESS]:PORT", value);
	case 'c':
		options->ca_file = value;
		return true;
	case 'n':
		return put_server_name(value, options) || wrong("server-name", "a host name or address", value);
	case 'a':
		return ks_options_alpn(value, &options->alpn) == 0 ||
		       wrong("alpn", "names with commas between them, such as h2 or h2,http/1.1", value);
	case 's':
		options->postgres = strcmp(value, "postgres") == 0;
		return options->postgres || wrong("starttls", "postgres", value);
	default:
		return false; /* getopt_long() has said it */
	}
}

static bool take_option(int option, const char *value, struct ks_options *options)
{
	uint64_t number;

	if (option == 'i') {
		if (ks_text_duration_ms(value, &number) < 0 || number == 0 || number > KS_TUNNEL_IDLE_MAX_MS)
			return wrong("idle", "a time such as 10m, at most 7d", value);
		options->idle_ms = (uint32_t)number;
		return true;
	}
	if (option == 'r') {
		if (ks_text_number(value, 65535, &number) < 0)
			return wrong("ready-fd", "the number of a descriptor", value);
		options->ready_fd = (int)number;
		return true;
	}
	return take_text(option, value, options);
}

static bool is_complete(int argc, char **argv, struct ks_options *options)
{
	if (!options->listen || !options->target.host[0]) {
		(void)fputs("keystay-tunnel: --listen and --target are needed\n", stderr);
		return false;
	}
	if (argc - optind > 1) {
		(void)fputs("keystay-tunnel: there is more than one NAME\n", stderr);
		return false;
	}
	if (optind < argc)
		options->name = argv[optind];
	if (!options->server_name[0] && !put_server_name(options->target.host, options))
		return wrong("target", "a host name or address", options->target.host);
	return true;
}

bool ks_options_read(int argc, char **argv, struct ks_options *ret_options, enum ks_tunnel_exit *ret_exit)
{
	static const struct option list[] = {
		{ "listen", required_argument, NULL, 'l' },
		{ "target", required_argument, NULL, 't' },
		{ "ca", required_argument, NULL, 'c' },
		{ "server-name", required_argument, NULL, 'n' },
		{ "alpn", required_argument, NULL, 'a' },
		{ "starttls", required_argument, NULL, 's' },
		{ "idle", required_argument, NULL, 'i' },
		{ "ready-fd", required_argument, NULL, 'r' },
		{ "version", no_argument, NULL, 'v' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct ks_options options = { .name = "", .idle_ms = KS_TUNNEL_IDLE_MS, .ready_fd = -1 };
	int option;
	bool good = true;

	optind = 1;
	while (good && (option = getopt_long(argc, argv, "h", list, NULL)) != -1) {
		if (option == 'h' || option == 'v') {
			(void)fputs(option == 'h' ? usage_text : "keystay-tunnel " KEYSTAY_VERSION "\n", stdout);
			*ret_exit = fflush(stdout) == 0 ? KS_TUNNEL_GOOD : KS_TUNNEL_FAILED;
			return false;
		}
		good = take_option(option, optarg, &options);
	}
	if (!good || !is_complete(argc, argv, &options)) {
		(void)fputs("See: keystay-tunnel --help\n", stderr);
		*ret_exit = KS_TUNNEL_USAGE;
		return false;
	}
	*ret_options = options;
	return true;
}
