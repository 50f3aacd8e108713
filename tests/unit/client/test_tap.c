/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keystay-tap.so in the libcrypto of this machine: what it remembers, for whom, how much and how long; and which
 * libcrypto it refuses.
 *
 * Run once as it is and once by valgrind.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <dlfcn.h>
#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/provider.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client/tap/tap.h"
#include "lib/base/error.h"
#include "lib/protocol/limits.h"

#define TAP KEYSTAY_MODULES "/keystay-tap.so"

static ks_tap_find *find;

struct rig {
	OSSL_LIB_CTX *libctx;
	OSSL_PROVIDER *standard, *tap;
	EVP_MD *sha256;
};

static void rig_start(struct rig *rig)
{
	rig->libctx = OSSL_LIB_CTX_new();
	assert_non_null(rig->libctx);
	assert_int_equal(OSSL_PROVIDER_set_default_search_path(rig->libctx, KEYSTAY_MODULES), 1);
	rig->standard = OSSL_PROVIDER_load(rig->libctx, "default");
	rig->tap = OSSL_PROVIDER_load(rig->libctx, "keystay-tap");
	assert_non_null(rig->standard);
	assert_non_null(rig->tap);
	rig->sha256 = EVP_MD_fetch(rig->libctx, "SHA256", "?keystay.tap=yes");
	assert_non_null(rig->sha256);
	assert_string_equal(OSSL_PROVIDER_get0_name(EVP_MD_get0_provider(rig->sha256)), "keystay-tap");
}

static void rig_stop(struct rig *rig)
{
	EVP_MD_free(rig->sha256);
	assert_int_equal(OSSL_PROVIDER_unload(rig->tap), 1);
	assert_int_equal(OSSL_PROVIDER_unload(rig->standard), 1);
	OSSL_LIB_CTX_free(rig->libctx);
}

static int setup(void **state)
{
	static struct rig rig;

	rig_start(&rig);
	*state = &rig;
	return 0;
}

static int teardown(void **state)
{
	rig_stop(*state);
	return 0;
}

/* --- words ------------------------------------------------------------------------------------------------------- */

/* A handshake of this size that differs from others by number. */
static uint8_t *make_handshake(size_t size, unsigned number)
{
	uint8_t *handshake = calloc(1, size);

	assert_non_null(handshake);
	assert_true(size >= 10);
	memcpy(handshake, "\x01\x00\x02\x00\x03\x03", 6);
	memcpy(handshake + 6, &number, sizeof(number));
	return handshake;
}

static EVP_MD_CTX *begin(const struct rig *rig, const void *data, size_t size)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	assert_non_null(ctx);
	assert_int_equal(EVP_DigestInit_ex2(ctx, rig->sha256, NULL), 1);
	assert_int_equal(EVP_DigestUpdate(ctx, data, size), 1);
	return ctx;
}

/* Its end; what the tap knows then is this, or nothing. */
static void expect_known(EVP_MD_CTX *ctx, const void *handshake, size_t size)
{
	uint8_t digest[EVP_MAX_MD_SIZE], *buffer = malloc(size ? size : 1);
	unsigned digest_size;

	assert_non_null(buffer);
	assert_int_equal(EVP_DigestFinal_ex(ctx, digest, &digest_size), 1);
	EVP_MD_CTX_free(ctx);
	assert_int_equal(find(digest, digest_size, NULL, 0), size);
	assert_int_equal(find(digest, digest_size, buffer, size), size);
	if (size > 0)
		assert_memory_equal(buffer, handshake, size);
	digest[0] ^= 1;
	assert_int_equal(find(digest, digest_size, buffer, size), 0);
	free(buffer);
}

static void expect_unknown(EVP_MD_CTX *ctx)
{
	expect_known(ctx, NULL, 0);
}

/* --- what is remembered ------------------------------------------------------------------------------------------ */

static void test_tap_remembers_a_handshake(void **state)
{
	uint8_t *handshake = make_handshake(5000, 1);

	expect_known(begin(*state, handshake, 5000), handshake, 5000);
	/* In pieces, the head among them. */
	EVP_MD_CTX *ctx = begin(*state, handshake, 1);
	assert_int_equal(EVP_DigestUpdate(ctx, handshake + 1, 3), 1);
	assert_int_equal(EVP_DigestUpdate(ctx, handshake + 4, 0), 1);
	assert_int_equal(EVP_DigestUpdate(ctx, handshake + 4, 4995), 1);
	assert_int_equal(EVP_DigestUpdate(ctx, handshake + 4999, 1), 1);
	expect_known(ctx, handshake, 5000);
	free(handshake);
}

static void test_tap_remembers_a_handshake_after_a_retry(void **state)
{
	uint8_t handshake[600] = { 0xfe, 0, 0, 32 };

	expect_known(begin(*state, handshake, sizeof(handshake)), handshake, sizeof(handshake));
	handshake[3] = 48;
	expect_known(begin(*state, handshake, sizeof(handshake)), handshake, sizeof(handshake));
	handshake[3] = 20;
	expect_unknown(begin(*state, handshake, sizeof(handshake)));
}

static void test_tap_remembers_nothing_else(void **state)
{
	uint8_t almost[64] = { 1, 0, 2, 0, 3, 1 };

	expect_unknown(begin(*state, "GET / HTTP/1.0", 14));
	expect_unknown(begin(*state, almost, sizeof(almost)));
	expect_unknown(begin(*state, almost, 5));
	almost[1] = 0xff; /* a ClientHello of 16 MB */
	almost[5] = 3;
	expect_unknown(begin(*state, almost, sizeof(almost)));
	expect_unknown(begin(*state, "", 0));
}

static void test_tap_follows_copies(void **state)
{
	uint8_t *handshake = make_handshake(9000, 2);
	EVP_MD_CTX *ctx = begin(*state, handshake, 3);
	EVP_MD_CTX *copy = EVP_MD_CTX_new();

	assert_int_equal(EVP_MD_CTX_copy_ex(copy, ctx), 1);
	assert_int_equal(EVP_DigestUpdate(copy, handshake + 3, 2997), 1);
	assert_int_equal(EVP_DigestUpdate(ctx, handshake + 3, 4997), 1);
	expect_known(copy, handshake, 3000);
	copy = EVP_MD_CTX_new();
	assert_int_equal(EVP_MD_CTX_copy_ex(copy, ctx), 1);
	expect_known(copy, handshake, 5000);
	assert_int_equal(EVP_DigestUpdate(ctx, handshake + 5000, 4000), 1);
	expect_known(ctx, handshake, 9000);
	free(handshake);
}

static void test_tap_begins_anew_with_a_context(void **state)
{
	const struct rig *rig = *state;
	uint8_t *handshake = make_handshake(300, 3);
	EVP_MD_CTX *ctx = begin(rig, "something else", 14);

	assert_int_equal(EVP_DigestInit_ex2(ctx, rig->sha256, NULL), 1);
	assert_int_equal(EVP_DigestUpdate(ctx, handshake, 300), 1);
	expect_known(ctx, handshake, 300);
	free(handshake);
}

/* --- how much ---------------------------------------------------------------------------------------------------- */

static void test_tap_leaves_out_what_the_agent_would_not_take(void **state)
{
	uint8_t *handshake = make_handshake(KS_SIGN_INPUT_MAX + 1, 4);

	expect_known(begin(*state, handshake, KS_SIGN_INPUT_MAX), handshake, KS_SIGN_INPUT_MAX);
	expect_unknown(begin(*state, handshake, KS_SIGN_INPUT_MAX + 1));
	EVP_MD_CTX *ctx = begin(*state, handshake, KS_SIGN_INPUT_MAX);
	assert_int_equal(EVP_DigestUpdate(ctx, handshake, 1), 1);
	assert_int_equal(EVP_DigestUpdate(ctx, handshake, 1), 1);
	expect_unknown(ctx);
	free(handshake);
}

/* A server's idle connections: the oldest are forgotten, never the newest. */
static void test_tap_keeps_a_bounded_amount_in_all(void **state)
{
	enum { SIZE = 30 * 1024, N = 2 * KS_TAP_MEMORY_MAX / SIZE };
	static EVP_MD_CTX *ctx[N];

	for (unsigned i = 0; i < N; i++) {
		uint8_t *handshake = make_handshake(SIZE, i);
		ctx[i] = begin(*state, handshake, SIZE);
		free(handshake);
	}
	uint8_t *first = make_handshake(SIZE, 0), *last = make_handshake(SIZE, N - 1);
	expect_known(ctx[N - 1], last, SIZE);
	expect_unknown(ctx[0]);
	free(first);
	free(last);
	for (unsigned i = 1; i < N - 1; i++)
		EVP_MD_CTX_free(ctx[i]);
}

/* --- for whom ---------------------------------------------------------------------------------------------------- */

struct visit {
	const struct rig *rig;
	uint8_t digest[EVP_MAX_MD_SIZE];
	unsigned size;
	unsigned number;
};

static void *look_for(void *pointer)
{
	struct visit *visit = pointer;

	assert_int_equal(find(visit->digest, visit->size, NULL, 0), 0);
	uint8_t *handshake = make_handshake(400, 6);
	expect_known(begin(visit->rig, handshake, 400), handshake, 400);
	free(handshake);
	return NULL;
}

static void test_tap_keeps_threads_apart(void **state)
{
	struct visit visit = { .rig = *state };
	uint8_t *handshake = make_handshake(400, 5);
	EVP_MD_CTX *ctx = begin(*state, handshake, 400);
	pthread_t thread;

	assert_int_equal(EVP_DigestFinal_ex(ctx, visit.digest, &visit.size), 1);
	assert_int_equal(find(visit.digest, visit.size, NULL, 0), 400);
	assert_int_equal(pthread_create(&thread, NULL, look_for, &visit), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(find(visit.digest, visit.size, NULL, 0), 400);
	EVP_MD_CTX_free(ctx);
	free(handshake);
}

static atomic_bool is_over;

static void *hash_on(void *pointer)
{
	const struct rig *rig = pointer;
	uint8_t *handshake = make_handshake(20000, 7);

	while (!is_over) {
		EVP_MD_CTX *ctx = begin(rig, handshake, 20000);
		EVP_MD_CTX *copy = EVP_MD_CTX_new();
		assert_int_equal(EVP_MD_CTX_copy_ex(copy, ctx), 1);
		expect_known(copy, handshake, 20000);
		EVP_MD_CTX_free(ctx);
	}
	free(handshake);
	return NULL;
}

/* Forked at any moment of other threads: the child finds no lock held. A child that hangs is ended by its alarm. */
static void test_tap_works_in_forked_children(void **state)
{
	const struct rig *rig = *state;
	pthread_t threads[4];

	is_over = false;
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, hash_on, *state), 0);
	for (unsigned i = 0; i < 30; i++) {
		pid_t pid = fork();
		assert_true(pid >= 0);
		if (pid == 0) {
			(void)alarm(20);
			uint8_t *handshake = make_handshake(700, 8);
			expect_known(begin(rig, handshake, 700), handshake, 700);
			/* Not _exit(): valgrind would look for leaks of threads that the child does not have. */
			(void)execlp("true", "true", (char *)NULL);
			_exit(1);
		}
		int status;
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(status, 0);
	}
	is_over = true;
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
}

/* --- when it is asked -------------------------------------------------------------------------------------------- */

static const char *provider_for(const struct rig *rig, const char *name, const char *query)
{
	EVP_MD *md = EVP_MD_fetch(rig->libctx, name, query);
	const char *provider = md ? OSSL_PROVIDER_get0_name(EVP_MD_get0_provider(md)) : "none";

	EVP_MD_free(md);
	ERR_clear_error();
	return provider;
}

static void test_tap_hashes_only_where_it_is_preferred(void **state)
{
	const struct rig *rig = *state;

	assert_string_equal(provider_for(rig, "SHA2-384", "?keystay.tap=yes"), "keystay-tap");
	assert_string_equal(provider_for(rig, "SHA2-384", "keystay.tap=yes"), "keystay-tap");
	assert_string_equal(provider_for(rig, "SHA2-384", "provider=default"), "default");
	assert_string_equal(provider_for(rig, "SHA2-384", "provider=default,?keystay.tap=yes"), "default");
	assert_string_equal(provider_for(rig, "SHA2-384", "fips=yes"), "none");
	assert_string_equal(provider_for(rig, "SHA2-384", "fips=yes,?keystay.tap=yes"), "none");
	assert_string_equal(provider_for(rig, "SHA2-512", "?keystay.tap=yes"), "default");
	assert_string_equal(provider_for(rig, "SHA2-512", "keystay.tap=yes"), "none");
}

static void test_tap_hashes_as_the_default_provider(void **state)
{
	static const char *const names[] = { "SHA2-256", "SHA2-384" };
	const struct rig *rig = *state;
	uint8_t data[1000];

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i % 251);
	for (size_t i = 0; i < 2; i++) {
		uint8_t ours[EVP_MAX_MD_SIZE], theirs[EVP_MAX_MD_SIZE];
		size_t our_size, their_size;
		assert_int_equal(
			EVP_Q_digest(rig->libctx, names[i], "keystay.tap=yes", data, sizeof(data), ours, &our_size), 1);
		assert_int_equal(EVP_Q_digest(rig->libctx, names[i], "provider=default", data, sizeof(data), theirs,
					      &their_size),
				 1);
		assert_int_equal(our_size, their_size);
		assert_memory_equal(ours, theirs, our_size);
		EVP_MD *our = EVP_MD_fetch(rig->libctx, names[i], "keystay.tap=yes");
		EVP_MD *their = EVP_MD_fetch(rig->libctx, names[i], "provider=default");
		assert_int_equal(EVP_MD_get_block_size(our), EVP_MD_get_block_size(their));
		assert_int_equal(EVP_MD_get_flags(our), EVP_MD_get_flags(their));
		assert_int_equal(EVP_MD_get_type(our), EVP_MD_get_type(their));
		EVP_MD_free(our);
		EVP_MD_free(their);
	}
}

/* --- loaded, unloaded -------------------------------------------------------------------------------------------- */

static void *hash_once(void *pointer)
{
	uint8_t *handshake = make_handshake(800, 9);

	expect_known(begin(pointer, handshake, 800), handshake, 800);
	free(handshake);
	return NULL;
}

static void test_tap_is_unloaded_a_hundred_times(void **state)
{
	uint8_t *handshake = make_handshake(800, 10);

	(void)state;
	for (unsigned i = 0; i < 100; i++) {
		struct rig rig;
		pthread_t thread;
		rig_start(&rig);
		assert_int_equal(pthread_create(&thread, NULL, hash_once, &rig), 0);
		EVP_MD_CTX *late = begin(&rig, handshake, 800);
		expect_known(begin(&rig, handshake, 800), handshake, 800);
		assert_int_equal(pthread_join(thread, NULL), 0);
		/* A context may outlive the program's own hold on the provider. */
		EVP_MD_free(rig.sha256);
		assert_int_equal(OSSL_PROVIDER_unload(rig.tap), 1);
		expect_known(late, handshake, 800);
		assert_int_equal(OSSL_PROVIDER_unload(rig.standard), 1);
		OSSL_LIB_CTX_free(rig.libctx);
	}
	free(handshake);
}

static pthread_barrier_t barrier;

static void *end_late(void *pointer)
{
	(void)hash_once(pointer);
	(void)pthread_barrier_wait(&barrier); /* it has hashed */
	(void)pthread_barrier_wait(&barrier); /* the provider is unloaded */
	return NULL;
}

static void test_tap_is_unloaded_before_its_threads_end(void **state)
{
	struct rig rig;
	pthread_t thread;

	(void)state;
	rig_start(&rig);
	assert_int_equal(pthread_barrier_init(&barrier, NULL, 2), 0);
	assert_int_equal(pthread_create(&thread, NULL, end_late, &rig), 0);
	(void)pthread_barrier_wait(&barrier);
	rig_stop(&rig);
	(void)pthread_barrier_wait(&barrier);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(pthread_barrier_destroy(&barrier), 0);
}

/* --- another libcrypto ------------------------------------------------------------------------------------------- */

static const char *core_version;
static char core_error[512];

static int core_get_params(const OSSL_CORE_HANDLE *handle, OSSL_PARAM params[])
{
	(void)handle;
	return core_version && strcmp(params->key, OSSL_PROV_PARAM_CORE_VERSION) == 0 &&
	       OSSL_PARAM_set_utf8_ptr(params, core_version);
}

static void core_new_error(const OSSL_CORE_HANDLE *handle)
{
	(void)handle;
	core_error[0] = '\0';
}

static void core_set_debug(const OSSL_CORE_HANDLE *handle, const char *file, int line, const char *function)
{
	(void)handle;
	(void)file;
	(void)line;
	(void)function;
}

static void KS_PRINTF(3, 0) core_vset_error(const OSSL_CORE_HANDLE *handle, uint32_t reason, const char *format,
					    va_list arguments)
{
	(void)handle;
	(void)reason;
	(void)vsnprintf(core_error, sizeof(core_error), format, arguments);
}

/* What the tap says to a libcrypto of this version. */
static int init_for(const char *version)
{
	static const OSSL_DISPATCH upcalls[] = {
		{ OSSL_FUNC_CORE_GET_PARAMS, (void (*)(void))core_get_params },
		{ OSSL_FUNC_CORE_NEW_ERROR, (void (*)(void))core_new_error },
		{ OSSL_FUNC_CORE_SET_ERROR_DEBUG, (void (*)(void))core_set_debug },
		{ OSSL_FUNC_CORE_VSET_ERROR, (void (*)(void))core_vset_error },
		{ 0, NULL },
	};
	const OSSL_DISPATCH *functions = NULL;
	OSSL_provider_init_fn *init;
	void *provctx = NULL;
	void *tap = dlopen(TAP, RTLD_NOW | RTLD_LOCAL);

	assert_non_null(tap);
	void *symbol = dlsym(tap, "OSSL_provider_init");
	assert_non_null(symbol);
	memcpy(&init, &symbol, sizeof(init));
	core_version = version;
	core_error[0] = '\0';
	int done = init(NULL, upcalls, &functions, &provctx);
	for (; done && functions->function_id != 0; functions++) {
		if (functions->function_id == OSSL_FUNC_PROVIDER_TEARDOWN)
			OSSL_FUNC_provider_teardown(functions)(provctx);
	}
	assert_int_equal(dlclose(tap), 0);
	return done;
}

static void test_tap_refuses_another_major_version(void **state)
{
	(void)state;
	assert_int_equal(init_for("4.0.0"), 0);
	assert_non_null(strstr(core_error, "keystay-tap.so is made for OpenSSL 3, this program has OpenSSL 4.0.0"));
	assert_int_equal(init_for("1.1.1w"), 0);
	assert_int_equal(init_for("30.0.0"), 0);
	assert_int_equal(init_for(NULL), 0);
	assert_non_null(strstr(core_error, "does not say its version"));
}

/* Node.js, or any program with a libcrypto inside that does not show its functions. */
static void test_tap_refuses_a_libcrypto_that_it_cannot_reach(void **state)
{
	(void)state;
	assert_int_equal(init_for("3.99.0"), 0);
	assert_non_null(strstr(core_error, "this program has an OpenSSL 3.99.0 inside"));
	assert_int_equal(init_for(OpenSSL_version(OPENSSL_VERSION_STRING)), 1);
	assert_string_equal(core_error, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tap_remembers_a_handshake),
		cmocka_unit_test(test_tap_remembers_a_handshake_after_a_retry),
		cmocka_unit_test(test_tap_remembers_nothing_else),
		cmocka_unit_test(test_tap_follows_copies),
		cmocka_unit_test(test_tap_begins_anew_with_a_context),
		cmocka_unit_test(test_tap_leaves_out_what_the_agent_would_not_take),
		cmocka_unit_test(test_tap_keeps_a_bounded_amount_in_all),
		cmocka_unit_test(test_tap_keeps_threads_apart),
		cmocka_unit_test(test_tap_works_in_forked_children),
		cmocka_unit_test(test_tap_hashes_only_where_it_is_preferred),
		cmocka_unit_test(test_tap_hashes_as_the_default_provider),
		cmocka_unit_test(test_tap_is_unloaded_a_hundred_times),
		cmocka_unit_test(test_tap_is_unloaded_before_its_threads_end),
		cmocka_unit_test(test_tap_refuses_another_major_version),
		cmocka_unit_test(test_tap_refuses_a_libcrypto_that_it_cannot_reach),
	};
	void *tap = dlopen(TAP, RTLD_NOW | RTLD_LOCAL);
	void *symbol = tap ? dlsym(tap, KS_TAP_FIND) : NULL;

	if (!symbol) {
		(void)fprintf(stderr, "%s\n", dlerror());
		return 1;
	}
	memcpy(&find, &symbol, sizeof(find));
	int n_failed = cmocka_run_group_tests(tests, setup, teardown);
	(void)dlclose(tap);
	return n_failed;
}
