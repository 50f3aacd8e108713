/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plugin_client: a TLS client that does with keystay's plug-ins what programs do to plug-ins.
 *
 * usage: plugin_client FRONT WHAT PORT CA PEM [N]      FRONT as in plugin_front.h
 *
 *	on-demand   loads once, says "loaded"; then for each line of its input a page: "page", or "error WORDS"
 *	threads     N threads with one context, four pages each
 *	forks       N children that were forked after loading, each with a page in two threads, and the parent afterwards
 *	reload      N times: loads, gets a page, unloads
 *	dlclose     N times: loads the file and closes it, without a word between
 *	sentences   the engine is asked for N keys that nobody has: each error is about its own key
 *	pending     loads, says "loaded"; at the first line of its input a page in a thread, at the second one the program's
 *	            end
 *
 * Exit code 0 when all went well.
 */
#include <dlfcn.h>
#include <errno.h>
#include <openssl/err.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/integration/plugin_front.h"

#define THREADS_MAX 256

struct program {
	const char *front, *port, *ca, *pem;
	unsigned n;
};

struct visitor {
	SSL_CTX *context;
	const char *port;
	unsigned pages;
	bool good;
};

/* --- one page ---------------------------------------------------------------------------------------------------- */

static bool read_page(BIO *bio, char *page, size_t size)
{
	size_t used = 0;
	int n;

	if (BIO_puts(bio, "GET / HTTP/1.0\r\nHost: localhost\r\n\r\n") <= 0)
		return false;
	while (used < size - 1 && (n = BIO_read(bio, page + used, (int)(size - 1 - used))) > 0)
		used += (size_t)n;
	page[used] = '\0';
	return used > 0;
}

/* In the words of OpenSSL's error queue. */
static void say_errors(char *words, size_t size)
{
	BIO *memory = BIO_new(BIO_s_mem());

	ERR_print_errors(memory);
	int n = BIO_read(memory, words, (int)size - 1);
	words[n > 0 ? n : 0] = '\0';
	for (char *at = words; *at; at++)
		*at = *at == '\n' ? '|' : *at;
	BIO_free(memory);
}

static bool get_page(SSL_CTX *context, const char *port, char *words, size_t size)
{
	SSL *ssl = NULL;
	char page[4096] = "";
	bool good = false;

	ERR_clear_error();
	BIO *bio = BIO_new_ssl_connect(context);
	if (bio && BIO_get_ssl(bio, &ssl) == 1 && SSL_set_tlsext_host_name(ssl, "localhost") == 1 &&
	    BIO_set_conn_hostname(bio, "127.0.0.1") == 1 && BIO_set_conn_port(bio, port) == 1 &&
	    BIO_do_connect(bio) == 1)
		good = read_page(bio, page, sizeof(page)) && strstr(page, "verified=SUCCESS client=CN=alice");
	if (!good)
		say_errors(words, size);
	BIO_free_all(bio);
	return good;
}

static void *visit(void *pointer)
{
	struct visitor *visitor = pointer;
	char words[2048] = "";

	visitor->good = true;
	for (unsigned i = 0; i < visitor->pages && visitor->good; i++)
		visitor->good = get_page(visitor->context, visitor->port, words, sizeof(words));
	if (!visitor->good)
		(void)fprintf(stderr, "no page: %s\n", words);
	OPENSSL_thread_stop();
	return NULL;
}

static bool in_threads(SSL_CTX *context, const char *port, unsigned n, unsigned pages)
{
	pthread_t threads[THREADS_MAX];
	struct visitor visitors[THREADS_MAX];
	bool good = n <= THREADS_MAX;

	for (unsigned i = 0; good && i < n; i++) {
		visitors[i] = (struct visitor){ .context = context, .port = port, .pages = pages };
		if (pthread_create(&threads[i], NULL, visit, &visitors[i]) != 0)
			abort();
	}
	for (unsigned i = 0; n <= THREADS_MAX && i < n; i++)
		good = pthread_join(threads[i], NULL) == 0 && visitors[i].good && good;
	return good;
}

/* --- what is done with it ---------------------------------------------------------------------------------------- */

static bool on_demand(const struct program *program, SSL_CTX *context)
{
	char line[64], words[2048];

	(void)printf("loaded\n");
	(void)fflush(stdout);
	while (fgets(line, sizeof(line), stdin)) {
		if (get_page(context, program->port, words, sizeof(words)))
			(void)printf("page\n");
		else
			(void)printf("error %s\n", words);
		(void)fflush(stdout);
	}
	return true;
}

static bool do_threads(const struct program *program, SSL_CTX *context)
{
	return in_threads(context, program->port, program->n, 4);
}

/* In children the standard streams are left alone: they belong to the parent's buffers. */
static bool do_forks(const struct program *program, SSL_CTX *context)
{
	bool good = in_threads(context, program->port, 1, 1);

	for (unsigned i = 0; i < program->n; i++) {
		pid_t pid = fork();
		if (pid == 0) {
			if (in_threads(context, program->port, 2, 1))
				(void)execlp("true", "true", (char *)NULL);
			_exit(1);
		}
		if (pid < 0)
			good = false;
	}
	for (unsigned i = 0; i < program->n; i++) {
		int status;
		good = wait(&status) > 0 && status == 0 && good;
	}
	return in_threads(context, program->port, 1, 1) && good;
}

static bool do_pending(const struct program *program, SSL_CTX *context)
{
	static struct visitor visitor;
	pthread_t thread;
	char line[64];

	visitor = (struct visitor){ .context = context, .port = program->port, .pages = 1 };
	(void)printf("loaded\n");
	(void)fflush(stdout);
	if (!fgets(line, sizeof(line), stdin) || pthread_create(&thread, NULL, visit, &visitor) != 0)
		return false;
	if (!fgets(line, sizeof(line), stdin))
		return false;
	exit(0); /* with the thread in the middle of it, and nothing freed */
}

static bool do_sentences(const struct program *program)
{
	struct plugin_front *front = plugin_front_load(program->front, false);
	bool good = front != NULL;

	for (unsigned i = 0; good && i < program->n; i++) {
		char name[32], words[2048];
		(void)snprintf(name, sizeof(name), "nobody%u.", i);
		ERR_clear_error();
		good = !plugin_front_key(front, name);
		say_errors(words, sizeof(words));
		good = good && strstr(words, name);
		if (!good)
			(void)fprintf(stderr, "asked for %s: %s\n", name, words);
	}
	return front && plugin_front_unload(front) && good;
}

/* Every other time in the program's own library context. */
static bool do_reload(const struct program *program)
{
	for (unsigned i = 0; i < program->n; i++) {
		struct plugin_front *front = plugin_front_load(program->front, i % 2 == 0);
		SSL_CTX *context = front ? plugin_front_context(front, program->ca, program->pem) : NULL;
		bool good = context && in_threads(context, program->port, 1, 1);
		SSL_CTX_free(context);
		if (front && !plugin_front_unload(front))
			good = false;
		if (!good)
			return false;
	}
	return true;
}

static bool do_dlclose(const struct program *program)
{
	char path[4096];
	bool is_engine = strcmp(program->front, "engine") == 0;
	const char *folder = getenv(is_engine ? "OPENSSL_ENGINES" : "OPENSSL_MODULES");

	(void)snprintf(path, sizeof(path), "%s/%s.so", folder ? folder : ".",
		       strcmp(program->front, "tap") == 0 ? "keystay-tap" : "keystay");
	for (unsigned i = 0; i < program->n; i++) {
		void *file = dlopen(path, RTLD_NOW | RTLD_LOCAL);
		if (!file || dlclose(file) != 0) {
			(void)fprintf(stderr, "%s\n", dlerror());
			return false;
		}
	}
	return true;
}

/* --- main -------------------------------------------------------------------------------------------------------- */

static bool with_front(const struct program *program, bool (*action)(const struct program *, SSL_CTX *))
{
	struct plugin_front *front = plugin_front_load(program->front, false);
	SSL_CTX *context = front ? plugin_front_context(front, program->ca, program->pem) : NULL;
	bool good = context && action(program, context);

	SSL_CTX_free(context);
	return front && plugin_front_unload(front) && good;
}

int main(int argc, char **argv)
{
	if (argc < 6) {
		(void)fprintf(stderr, "usage: plugin_client FRONT WHAT PORT CA PEM [N]\n");
		return 2;
	}
	const char *what = argv[2];
	struct program program = { .front = argv[1], .port = argv[3], .ca = argv[4], .pem = argv[5] };
	program.n = argc > 6 ? (unsigned)strtoul(argv[6], NULL, 10) : 1;
	(void)signal(SIGPIPE, SIG_IGN);
	bool good = false;
	if (strcmp(what, "on-demand") == 0)
		good = with_front(&program, on_demand);
	else if (strcmp(what, "threads") == 0)
		good = with_front(&program, do_threads);
	else if (strcmp(what, "forks") == 0)
		good = with_front(&program, do_forks);
	else if (strcmp(what, "pending") == 0)
		good = with_front(&program, do_pending);
	else if (strcmp(what, "reload") == 0)
		good = do_reload(&program);
	else if (strcmp(what, "sentences") == 0)
		good = do_sentences(&program);
	else if (strcmp(what, "dlclose") == 0)
		good = do_dlclose(&program);
	return good ? 0 : 1;
}
